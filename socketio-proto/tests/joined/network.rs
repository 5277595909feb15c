//! The network between a client and its server. Requests, responses and reports may overtake each other; the messages
//! of a WebSocket keep their order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::client::{ConfigBuilder, Transmit as ClientTransmit};
use engineio_proto::http::{Verdict, verify};
use engineio_proto::server::{Session, Transmit as ServerTransmit};
use engineio_proto::{Config, Data, Frame, Instant, RequestId, Sid, WebSocketId};
use http::request::Parts;

use crate::NAMES;
use crate::client::Client;
use crate::server::Server;

enum Item {
    Request(RequestId, Parts, Bytes),
    Response(RequestId, http::Response<Bytes>),
    Failed(RequestId),
    Aborted(RequestId),
    Dial(WebSocketId, Parts),
    /// `true`: by the client; `false`: by the server.
    Flushed(WebSocketId, bool),
    /// The server is notified that a WebSocket was cut.
    Lost(WebSocketId),
}

enum Line {
    Accepted,
    Message(Data),
    Closed,
}

/// A WebSocket from the client to one of the server's connections.
struct Wire {
    server: usize,
    up: VecDeque<Line>,
    down: VecDeque<Line>,
}

pub(crate) struct Network {
    pub(crate) now: Instant,
    pub(crate) client: Client,
    config: Arc<Config>,
    /// All connections of the server, including closed ones.
    servers: Vec<Server>,
    loose: Vec<Item>,
    wires: BTreeMap<WebSocketId, Wire>,
    /// Requests at the server, and their bodies.
    requests: BTreeMap<RequestId, (usize, Bytes)>,
}

impl Network {
    #[allow(clippy::disallowed_methods, reason = "a test needs a point in time")]
    pub(crate) fn new(engine: ConfigBuilder) -> Self {
        let (now, ms) = (Instant::now(), Duration::from_millis);
        let config = Config::builder().ping_interval(ms(300)).ping_timeout(ms(200)).upgrade_timeout(ms(300));
        let mut network = Self {
            now,
            client: Client::new(engine.close_timeout(ms(300)).build().unwrap(), now),
            config: config.close_timeout(ms(300)).build().unwrap().into(),
            servers: Vec::new(),
            loose: Vec::new(),
            wires: BTreeMap::new(),
            requests: BTreeMap::new(),
        };
        // There is always at least one connection.
        network.serve(|config, now| Session::open_polling(config, Sid::new("0"), RequestId(0), &parts(), now));
        network.restart();
        network.drain();
        network
    }

    /// The server's end of the client's connection, or of any if there is none.
    pub(crate) fn server(&mut self) -> &mut Server {
        let sid = self.client.manager.engine().and_then(|engine| engine.sid());
        let server = sid.map_or(0, |sid| sid.parse().unwrap());
        &mut self.servers[server]
    }

    fn serve(&mut self, open: impl FnOnce(Arc<Config>, Instant) -> Session) {
        let number = self.servers.len() as u8;
        self.servers.push(Server::new(open(self.config.clone(), self.now), number, self.now));
    }

    pub(crate) fn drain(&mut self) {
        while (0..self.servers.len()).fold(self.drain_client(), |busy, server| self.drain_server(server) | busy) {}
    }

    fn drain_client(&mut self) -> bool {
        let (mut busy, mut batch) = (false, None);
        while let Some(transmit) = self.client.manager.poll_transmit() {
            busy = true;
            match transmit {
                ClientTransmit::Request { id, request } => {
                    let (parts, body) = request.into_parts();
                    self.loose.push(Item::Request(id, parts, body));
                }
                ClientTransmit::Cancel { id } => self.loose.push(Item::Aborted(id)),
                ClientTransmit::Connect { id, request } => {
                    let mut parts = request.into_parts().0;
                    parts.headers.insert("connection", "upgrade".parse().unwrap());
                    parts.headers.insert("upgrade", "websocket".parse().unwrap());
                    self.loose.push(Item::Dial(id, parts));
                }
                ClientTransmit::Frame { id, frame } => {
                    batch = Some(id);
                    self.wires.get_mut(&id).into_iter().for_each(|wire| wire.up.push_back(line(&frame)));
                }
                ClientTransmit::Barrier { .. } => {}
                ClientTransmit::Close { id } => {
                    self.wires.get_mut(&id).into_iter().for_each(|wire| wire.up.push_back(Line::Closed));
                }
            }
        }
        self.loose.extend(batch.map(|id| Item::Flushed(id, true)));
        while let Some(event) = self.client.manager.poll_event() {
            busy = true;
            self.client.handle_event(event, self.now);
        }
        busy
    }

    fn drain_server(&mut self, index: usize) -> bool {
        let server = &mut self.servers[index];
        let (mut busy, mut batch) = (false, None);
        while let Some(transmit) = server.connection.poll_transmit() {
            busy = true;
            match transmit {
                ServerTransmit::Respond { id, response } => {
                    // A request that was cut gets no response.
                    let asked = self.requests.remove(&id);
                    self.loose.extend(asked.map(|_| Item::Response(id, *response)));
                }
                ServerTransmit::Receive { id, .. } => {
                    let body = self.requests.get(&id).map(|(_, body)| body.clone()).unwrap_or_default();
                    server.connection.handle_body(id, body, self.now);
                }
                ServerTransmit::Abort { id } => {
                    self.loose.extend(self.requests.remove(&id).map(|_| Item::Failed(id)));
                }
                ServerTransmit::Frame { id, frame } => {
                    batch = Some(id);
                    self.wires.get_mut(&id).into_iter().for_each(|wire| wire.down.push_back(line(&frame)));
                }
                ServerTransmit::Close { id } => {
                    self.wires.get_mut(&id).into_iter().for_each(|wire| wire.down.push_back(Line::Closed));
                }
            }
        }
        self.loose.extend(batch.map(|id| Item::Flushed(id, false)));
        while let Some(event) = server.connection.poll_event() {
            busy = true;
            server.handle_event(event);
        }
        busy
    }

    /// Delivers one of the next items. Returns whether there was one.
    pub(crate) fn deliver(&mut self, choice: usize) -> bool {
        let lines = self.wires.iter().flat_map(|(id, wire)| {
            let (up, down) = (!wire.up.is_empty(), !wire.down.is_empty());
            [(*id, true)].into_iter().filter(move |_| up).chain([(*id, false)].into_iter().filter(move |_| down))
        });
        let lines: Vec<(WebSocketId, bool)> = lines.collect();
        let Some(choice) = choice.checked_rem(lines.len() + self.loose.len()) else { return false };
        match lines.get(choice) {
            Some((id, up)) => self.line(*id, *up),
            None => {
                let item = self.loose.swap_remove(choice - lines.len());
                self.item(item);
            }
        }
        self.drain();
        true
    }

    fn line(&mut self, id: WebSocketId, up: bool) {
        let (now, Some(wire)) = (self.now, self.wires.get_mut(&id)) else { return };
        let (server, manager) = (&mut self.servers[wire.server].connection, &mut self.client.manager);
        match if up { wire.up.pop_front() } else { wire.down.pop_front() } {
            Some(Line::Accepted) => manager.handle_websocket(id, &accepted(), now),
            Some(Line::Message(data)) if up => server.handle_message(id, data, now),
            Some(Line::Message(data)) => manager.handle_message(id, data, now),
            Some(Line::Closed) => {
                // A close by either side loses the other side's messages in flight.
                server.handle_websocket_closed(id, false, now);
                manager.handle_websocket_closed(id, false, now);
                self.wires.remove(&id);
            }
            None => {}
        }
    }

    fn item(&mut self, item: Item) {
        let (now, manager) = (self.now, &mut self.client.manager);
        match item {
            Item::Request(id, parts, body) => self.request(id, &parts, body),
            Item::Dial(id, parts) => self.dial(id, &parts),
            Item::Response(id, response) => manager.handle_response(id, response, now),
            Item::Failed(id) => manager.handle_request_failed(id, now),
            Item::Aborted(id) => {
                self.loose.retain(|item| !matches!(item, Item::Request(known, ..) if *known == id));
                if let Some((server, _)) = self.requests.remove(&id) {
                    self.servers[server].connection.handle_aborted(id, now);
                }
            }
            Item::Flushed(id, true) => manager.handle_flushed(id, now),
            Item::Flushed(id, false) => {
                self.servers.iter_mut().for_each(|server| server.connection.handle_flushed(id, now));
            }
            Item::Lost(id) => {
                self.servers.iter_mut().for_each(|server| server.connection.handle_websocket_closed(id, true, now));
            }
        }
    }

    fn verify_request(&self, parts: &Parts) -> (Verdict, usize) {
        let sid = |sid: &str| sid.parse::<usize>().unwrap();
        let verdict = verify(parts, &self.config, |name| {
            let connection = &self.servers[sid(name)].connection;
            (!connection.is_closed()).then(|| connection.engine().view())
        });
        let server = match &verdict {
            Verdict::Session { sid: name, .. } => sid(name),
            _ => self.servers.len(),
        };
        (verdict, server)
    }

    fn request(&mut self, id: RequestId, parts: &Parts, body: Bytes) {
        let (verdict, server) = self.verify_request(parts);
        if let Verdict::Respond { response, .. } = verdict {
            return self.loose.push(Item::Response(id, *response));
        }
        self.requests.insert(id, (server, body));
        match verdict {
            Verdict::Session { .. } => self.servers[server].connection.handle_request(id, parts, self.now),
            _ => self.serve(|config, now| Session::open_polling(config, sid(server), id, parts, now)),
        }
    }

    fn dial(&mut self, id: WebSocketId, parts: &Parts) {
        let (verdict, server) = self.verify_request(parts);
        if let Verdict::Respond { .. } = verdict {
            return self.client.manager.handle_websocket_failed(id, Some(400), self.now);
        }
        self.wires.insert(id, Wire { server, up: VecDeque::new(), down: [Line::Accepted].into() });
        match verdict {
            Verdict::Session { .. } => self.servers[server].connection.handle_websocket(id, parts, self.now),
            _ => self.serve(|config, now| Session::open_websocket(config, sid(server), id, parts, now)),
        }
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.client.manager.handle_timeout(self.now);
        self.servers.iter_mut().for_each(|server| server.connection.handle_timeout(self.now));
        self.drain();
        let deadlines = self.servers.iter().map(|server| server.connection.poll_timeout());
        let next = deadlines.chain([self.client.manager.poll_timeout()]).flatten().min();
        assert!(next.is_none_or(|next| next > self.now), "a passed deadline is left");
    }

    /// Drops everything in flight. The client is notified; the server only if `notify`, else by its heartbeat.
    pub(crate) fn cut(&mut self, notify: bool) {
        let (now, manager) = (self.now, &mut self.client.manager);
        for item in std::mem::take(&mut self.loose) {
            match item {
                Item::Request(id, ..) | Item::Response(id, _) | Item::Failed(id) => {
                    manager.handle_request_failed(id, now)
                }
                Item::Dial(id, _) => manager.handle_websocket_failed(id, None, now),
                Item::Flushed(..) | Item::Lost(_) | Item::Aborted(_) => self.loose.push(item),
            }
        }
        for (id, (server, body)) in std::mem::take(&mut self.requests) {
            manager.handle_request_failed(id, now);
            if notify {
                self.requests.insert(id, (server, body));
                self.loose.push(Item::Aborted(id));
            }
        }
        for id in std::mem::take(&mut self.wires).into_keys() {
            manager.handle_websocket_closed(id, true, now);
            self.loose.extend(notify.then_some(Item::Lost(id)));
        }
    }

    /// Restarts the server, which loses all connections.
    pub(crate) fn restart(&mut self) {
        self.servers.iter_mut().for_each(|server| server.connection.discard(self.now));
        self.cut(false);
    }

    /// Whether both sides agree on all sockets, and no ack is pending.
    pub(crate) fn is_settled(&mut self) -> bool {
        let sids = [0, 1, 2].map(|index| self.server().sid(index).map(str::to_owned));
        let mut joined = sids
            .iter()
            .enumerate()
            .map(|(index, sid)| sid.is_some() && self.client.is_joined_as(index, sid.as_deref()));
        joined.all(|joined| joined) && self.client.is_settled() && self.server().connection.pending_acks() == 0
    }

    /// The number of events received by the server, then by the client, for each socket.
    pub(crate) fn received(&self) -> Vec<usize> {
        let sockets = self.servers.iter().flat_map(|server| server.sockets.values());
        let mut received: Vec<usize> = NAMES.map(|_| 0).into();
        sockets.for_each(|socket| received[socket.index] += socket.plain.len() + socket.reliable.len());
        received.extend(self.client.sockets.iter().map(|socket| socket.received));
        received
    }

    /// Checks that the server received all events that it should, in order.
    pub(crate) fn check(&self) {
        for (index, client) in self.client.sockets.iter().enumerate() {
            let sockets = self.servers.iter().flat_map(|server| server.sockets.values());
            let (mut plain, mut reliable) = (Vec::<u64>::new(), Vec::<u64>::new());
            for socket in sockets.filter(|socket| socket.index == index) {
                let missing = socket.plain.windows(2).flat_map(|pair| pair[0] + 1..pair[1]);
                missing.for_each(|number| assert!(client.withdrawn.contains(&number), "{number} is missing"));
                plain.extend(&socket.plain);
                reliable.extend(&socket.reliable);
            }
            assert!(plain.is_sorted_by(|a, b| a < b), "{plain:?}");
            assert!(reliable.is_sorted(), "{reliable:?}");
            assert!(client.delivered.iter().all(|number| reliable.contains(number)));
        }
    }

    /// Checks that both sides become idle, once the server's heartbeats have timed out.
    pub(crate) fn end(&mut self) {
        for _ in 0..5 {
            while self.deliver(0) {}
            self.wait(800);
        }
        assert!(self.client.manager.is_idle() && self.client.manager.poll_timeout().is_none());
        assert!(self.servers.iter().all(|server| server.connection.is_closed()));
    }
}

fn sid(server: usize) -> Sid {
    Sid::new(&server.to_string())
}

fn parts() -> Parts {
    http::Request::get("/engine.io/?EIO=4&transport=polling").body(()).unwrap().into_parts().0
}

fn accepted() -> http::response::Parts {
    http::Response::builder().status(101).body(()).unwrap().into_parts().0
}

fn line(frame: &Frame) -> Line {
    let bytes: Vec<u8> = frame.prefix.into_iter().chain(frame.body.clone()).collect();
    Line::Message(if frame.binary { Data::from(bytes) } else { Data::from(String::from_utf8(bytes).unwrap()) })
}
