//! The drivers of both sides, and HTTP between them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bytes::Bytes;
use engineio_proto::client;
use engineio_proto::http::{Verdict, verify};
use engineio_proto::{Instant, RequestId, Sid, WebSocketId, server};
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::request::Parts;
use socketio_proto::client::Manager;
use socketio_proto::server::Connection;

use super::pipe::{Load, Pipe, Wire, data};
use super::{Conn, Exchange, Item, World};

impl World {
    pub(super) fn schedule(&mut self, at: Instant, item: Item) {
        self.serial += 1;
        self.queue.push(Reverse((at, self.serial)));
        self.items.insert(self.serial, item);
    }

    pub(super) fn later(&mut self, item: Item) {
        let delay = self.settings.network.delay(&mut self.random);
        self.schedule(self.now + delay, item);
    }

    /// Gives an input to a client and does what it wants.
    pub(super) fn client(&mut self, client: usize, input: impl FnOnce(&mut Manager)) {
        let peer = &mut self.clients[client];
        if peer.gone {
            return;
        }
        self.outcome.inputs += 1;
        input(&mut peer.machine);
        self.drain_client(client);
    }

    pub(super) fn drain_client(&mut self, client: usize) {
        loop {
            let mut batches = BTreeMap::new();
            let mut idle = true;
            while let Some(transmit) = self.clients[client].machine.poll_transmit() {
                self.transmit_client(client, transmit, &mut batches);
                idle = false;
            }
            for (wire, left) in batches {
                self.schedule(left, Item::Flushed { wire, up: true });
            }
            match self.clients[client].machine.poll_event() {
                Some(event) => self.on_client(client, event),
                None if idle => break,
                None => {}
            }
        }
        self.compare(client);
        let machine = &self.clients[client].machine;
        let timeout = machine.poll_timeout();
        let most = self.settings.client.outbox_limit() + 1000;
        if machine.engine().is_some_and(|engine| engine.buffered() > most) {
            self.fail(format!("c{client} holds more than its outbox may"));
        }
        self.arm(timeout, Item::ClientTimer(client));
    }

    fn transmit_client(&mut self, client: usize, transmit: client::Transmit, batches: &mut BTreeMap<u64, Instant>) {
        match transmit {
            client::Transmit::Request { id, request } => {
                let (parts, body) = request.into_parts();
                let exchange = Exchange { client, id, copy: false, parts, body, conn: None };
                self.request(exchange);
            }
            client::Transmit::Cancel { id } => {
                let of = |exchange: &Exchange| exchange.client == client && exchange.id == id;
                if let Some((number, _)) = self.exchanges.iter().find(|(_, exchange)| of(exchange)) {
                    let number = *number;
                    self.later(Item::Aborted(number));
                }
            }
            client::Transmit::Connect { id, request } => {
                let mut parts = request.into_parts().0;
                parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                parts.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                self.serial += 1;
                let number = self.serial;
                let (up, down) = (Pipe::new(self.now), Pipe::new(self.now));
                let wire =
                    Wire { client, id, conn: None, up, down, client_done: false, server_done: false, mute: false };
                self.wires.insert(number, wire);
                self.clients[client].wires.insert(id.0, number);
                self.send(number, true, Load::Connect(Box::new(parts)));
            }
            client::Transmit::Frame { id, frame } => {
                if let Some(number) = self.clients[client].wires.get(&id.0).copied() {
                    let Some(data) = data(frame) else { return self.fail("a text frame that is not UTF-8".into()) };
                    let left = self.send(number, true, Load::Data(data));
                    batches.insert(number, left);
                }
            }
            client::Transmit::Barrier { .. } => {}
            client::Transmit::Close { id } => {
                if let Some(number) = self.clients[client].wires.get(&id.0).copied() {
                    self.send(number, true, Load::Closed { error: false });
                    if let Some(wire) = self.wires.get_mut(&number) {
                        wire.client_done = true;
                    }
                }
            }
        }
    }

    fn request(&mut self, exchange: Exchange) {
        let network = self.settings.network;
        self.serial += 1;
        let number = self.serial;
        let lost = self.random.chance(network.lost);
        if !lost && self.random.chance(network.duplicated) {
            let Exchange { client, id, parts, body, .. } = &exchange;
            let (parts, body) = (parts.clone(), body.clone());
            let copy = Exchange { client: *client, id: *id, copy: true, parts, body, conn: None };
            self.exchanges.insert(number, copy);
            self.later(Item::Request(number));
            self.serial += 1;
        }
        let number = self.serial;
        self.exchanges.insert(number, exchange);
        if !lost || self.random.chance(500) {
            self.later(Item::Request(number));
        }
        if lost {
            // Nobody is told before both ends see their connection break.
            self.later(Item::Failed(number));
        }
    }

    pub(super) fn on_request(&mut self, number: u64) {
        let Some(exchange) = self.exchanges.get(&number) else { return };
        let (parts, client, id) = (exchange.parts.clone(), exchange.client, RequestId(number));
        let now = self.now;
        if self.down > now {
            // Nobody listens.
            return self.later(Item::Failed(number));
        }
        match self.verify(&parts) {
            Verdict::Handshake(_) if !self.shut_down => {
                let sid = Sid::from_entropy(self.entropy.bytes());
                let engine = server::Session::open_polling(self.engine.clone(), sid, id, &parts, now);
                let conn = self.open_conn(client, engine);
                self.attach(number, conn);
                self.drain_server(conn);
            }
            Verdict::Session { sid, upgrade: false } => {
                let conn = self.by_sid[&sid];
                self.attach(number, conn);
                self.server(conn, |machine| machine.handle_request(id, &parts, now));
            }
            Verdict::Respond { response, .. } => self.later(Item::Response(number, response)),
            Verdict::Handshake(_) | Verdict::Session { .. } => {
                let mut response = http::Response::new(Bytes::new());
                *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                self.later(Item::Response(number, Box::new(response)));
            }
        }
    }

    pub(super) fn on_connect(&mut self, number: u64, parts: &Parts) {
        let (now, id) = (self.now, WebSocketId(number));
        let refused = self.random.chance(self.settings.network.refused) || self.shut_down || self.down > now;
        let verdict = self.verify(parts);
        let Some(wire) = self.wires.get_mut(&number) else { return };
        let client = wire.client;
        let (conn, fresh) = match verdict {
            Verdict::Handshake(_) if !refused => {
                let sid = Sid::from_entropy(self.entropy.bytes());
                let engine = server::Session::open_websocket(self.engine.clone(), sid, id, parts, now);
                (self.open_conn(client, engine), true)
            }
            Verdict::Session { sid, upgrade: true } if !refused => (self.by_sid[&sid], false),
            _ => {
                self.send(number, false, Load::Refused);
                return;
            }
        };
        if let Some(wire) = self.wires.get_mut(&number) {
            wire.conn = Some(conn);
        }
        self.send(number, false, Load::Accepted);
        if fresh {
            self.drain_server(conn);
        } else {
            self.server(conn, |machine| machine.handle_websocket(id, parts, now));
        }
    }

    fn verify(&self, parts: &Parts) -> Verdict {
        verify(parts, &self.engine, |sid| {
            let conn = &self.conns[*self.by_sid.get(sid)?];
            (!conn.closed).then(|| conn.machine.engine().view())
        })
    }

    fn attach(&mut self, number: u64, conn: usize) {
        if let Some(exchange) = self.exchanges.get_mut(&number) {
            exchange.conn = Some(conn);
            self.conns[conn].repeated |= exchange.copy;
        }
    }

    fn open_conn(&mut self, client: usize, engine: server::Session) -> usize {
        self.outcome.sessions += 1;
        self.by_sid.insert(engine.sid().clone(), self.conns.len());
        self.conns.push(Conn {
            client,
            machine: Connection::new(engine, self.connection.clone(), self.now),
            armed: None,
            sockets: BTreeMap::new(),
            asks: BTreeMap::new(),
            paused: None,
            full: false,
            repeated: false,
            lost: false,
            closed: false,
        });
        self.conns.len() - 1
    }

    /// Gives an input to a connection of the server and does what it wants.
    pub(super) fn server(&mut self, conn: usize, input: impl FnOnce(&mut Connection)) {
        if self.conns[conn].lost {
            return;
        }
        self.outcome.inputs += 1;
        input(&mut self.conns[conn].machine);
        self.drain_server(conn);
    }

    pub(super) fn drain_server(&mut self, conn: usize) {
        if self.conns[conn].lost {
            return;
        }
        loop {
            let mut batch = None;
            while let Some(transmit) = self.conns[conn].machine.poll_transmit() {
                self.transmit_server(conn, transmit, &mut batch);
            }
            if let Some((wire, left)) = batch {
                self.schedule(left, Item::Flushed { wire, up: false });
            }
            let Some(event) = self.conns[conn].machine.poll_event() else { break };
            self.on_server(conn, event);
        }
        let machine = &self.conns[conn].machine;
        // The protocol's own few packets come on top.
        let over = machine.engine().buffered() > self.engine.outbox_limit() + 1000;
        let timeout = machine.poll_timeout();
        if over {
            self.fail(format!("connection {conn} holds more than its outbox may"));
        }
        if self.conns[conn].machine.is_closed() && timeout.is_some() {
            self.fail(format!("connection {conn} is closed and has a timer"));
        }
        self.arm(timeout, Item::ServerTimer(conn));
    }

    fn transmit_server(&mut self, conn: usize, transmit: server::Transmit, batch: &mut Option<(u64, Instant)>) {
        match transmit {
            server::Transmit::Respond { id, response } => self.later(Item::Response(id.0, response)),
            server::Transmit::Receive { id, .. } => {
                let size = self.exchanges.get(&id.0).map_or(0, |exchange| exchange.body.len());
                let at = self.now + self.settings.network.transfer(size);
                self.schedule(at, Item::Body(id.0));
            }
            server::Transmit::Abort { id } => self.later(Item::Failed(id.0)),
            server::Transmit::Frame { id, frame } => {
                let Some(data) = data(frame) else { return self.fail("a text frame that is not UTF-8".into()) };
                let left = self.send(id.0, false, Load::Data(data));
                let gone = self.clients[self.conns[conn].client].gone;
                *batch = Some((id.0, left)).filter(|_| !gone);
            }
            server::Transmit::Close { id } => {
                self.send(id.0, false, Load::Closed { error: false });
                if let Some(wire) = self.wires.get_mut(&id.0) {
                    wire.server_done = true;
                }
            }
        }
    }

    /// Sets a timer, if it is earlier than the one that is set.
    fn arm(&mut self, timeout: Option<Instant>, item: Item) {
        let armed = match &item {
            Item::ClientTimer(client) => &mut self.clients[*client].armed,
            Item::ServerTimer(conn) => &mut self.conns[*conn].armed,
            _ => return,
        };
        let Some(timeout) = timeout else { return };
        if armed.is_none_or(|armed| timeout < armed) {
            *armed = Some(timeout);
            let past = timeout < self.now;
            if past {
                self.fail(format!("{item:?}: a timeout that lies in the past"));
            }
            self.schedule(timeout, item);
        }
    }
}
