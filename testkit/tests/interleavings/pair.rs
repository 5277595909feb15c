//! A client's session and a server's, and everything that is on its way between them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use engineio_proto::http::{Verdict, verify};
use engineio_proto::{Config, Data, Frame, Instant, RequestId, Sid, WebSocketId, client, server};
use http::request::Parts;
use http::{HeaderValue, Response};

/// Each side sends so many messages while the choices last.
const MESSAGES: usize = 2;

type Bytes = bytes::Bytes;

/// Something on its way.
#[derive(Debug)]
enum Item {
    Request(RequestId, Parts, Bytes),
    Response(RequestId, Response<Bytes>),
    Connect(WebSocketId, Parts),
    ClientFlushed(WebSocketId),
    ServerFlushed(WebSocketId),
}

#[derive(Debug)]
enum Load {
    Accepted(WebSocketId),
    Data(WebSocketId, Data),
    Closed(WebSocketId),
}

pub(crate) struct Pair {
    now: Instant,
    config: Arc<Config>,
    pub(crate) client: client::Session,
    server: Option<server::Session>,
    bodies: Vec<(RequestId, Bytes)>,
    /// These overtake each other.
    loose: Vec<Item>,
    up: VecDeque<Load>,
    down: VecDeque<Load>,
    pub(crate) up_sent: Vec<Data>,
    pub(crate) down_sent: Vec<Data>,
    pub(crate) up_got: Vec<Data>,
    pub(crate) down_got: Vec<Data>,
    pinged: bool,
    pub(crate) closed: Option<String>,
}

impl Pair {
    /// Opened by polling; the probe is about to begin.
    pub(crate) fn open() -> Self {
        let now = Instant::now();
        let client = client::Session::open(Arc::default(), client::Start::default(), now);
        let config = Config::builder()
            .ping_interval(Duration::from_secs(1))
            .ping_timeout(Duration::from_secs(1))
            .build()
            .expect("sound");
        let mut pair = Self {
            now,
            config: Arc::new(config),
            client,
            server: None,
            bodies: Vec::new(),
            loose: Vec::new(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            up_sent: Vec::new(),
            down_sent: Vec::new(),
            up_got: Vec::new(),
            down_got: Vec::new(),
            pinged: false,
            closed: None,
        };
        pair.drain();
        while !pair.client.is_open() {
            pair.step(0);
        }
        pair
    }

    pub(crate) fn server(&self) -> &server::Session {
        self.server.as_ref().expect("it is open")
    }

    /// How many things could happen next: what is on its way, and what the applications and the clock may do.
    pub(crate) fn ways(&self) -> usize {
        self.on_the_way() + self.applications().len()
    }

    fn on_the_way(&self) -> usize {
        self.loose.len() + usize::from(!self.up.is_empty()) + usize::from(!self.down.is_empty())
    }

    fn applications(&self) -> Vec<fn(&mut Self)> {
        let mut ways: Vec<fn(&mut Self)> = Vec::new();
        if self.server.is_some() {
            if self.up_sent.len() < MESSAGES {
                ways.push(Self::send_up);
            }
            if self.down_sent.len() < MESSAGES {
                ways.push(Self::send_down);
            }
            if !self.pinged {
                ways.push(Self::ping);
            }
        }
        ways
    }

    pub(crate) fn step(&mut self, choice: usize) {
        let mut choice = choice;
        if choice < self.loose.len() {
            let item = self.loose.remove(choice);
            self.deliver(item);
            return self.drain();
        }
        choice -= self.loose.len();
        for up in [true, false] {
            let pipe = if up { &mut self.up } else { &mut self.down };
            if pipe.is_empty() {
                continue;
            }
            if choice == 0 {
                let load = pipe.pop_front();
                load.into_iter().for_each(|load| self.arrive(up, load));
                return self.drain();
            }
            choice -= 1;
        }
        self.applications()[choice](self);
        self.drain();
    }

    /// All that the applications have not done yet.
    pub(crate) fn act_all(&mut self) {
        while let Some(act) = self.applications().first() {
            act(self);
            self.drain();
        }
    }

    /// Until nothing is on its way, nor after a poll that was held has been let go.
    pub(crate) fn settle(&mut self) {
        let mut waited = false;
        for turn in 0..1000 {
            // In turns, or polls that are let go at once would hold up the probe for ever.
            match self.on_the_way() {
                0 if std::mem::replace(&mut waited, true) => return,
                0 => self.pass(Duration::from_millis(100)),
                ways => {
                    waited = false;
                    self.step(turn % ways);
                }
            }
        }
        panic!("it goes on for ever");
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        self.client.handle_timeout(now);
        self.server.iter_mut().for_each(|server| server.handle_timeout(now));
        self.drain();
    }

    /// On to the next ping.
    pub(crate) fn beat(&mut self) {
        let deadlines = [self.client.poll_timeout(), self.server().poll_timeout()];
        self.now = deadlines.into_iter().flatten().min().expect("a timer is armed");
        let now = self.now;
        self.client.handle_timeout(now);
        self.server.iter_mut().for_each(|server| server.handle_timeout(now));
        self.drain();
    }

    fn send_up(&mut self) {
        let data = Data::from(format!("up {}", self.up_sent.len()));
        self.client.send(data.clone()).expect("room");
        self.up_sent.push(data);
    }

    fn send_down(&mut self) {
        let data = Data::from(format!("down {}", self.down_sent.len()));
        self.server.as_mut().expect("it is open").send(data.clone()).expect("room");
        self.down_sent.push(data);
    }

    /// The clock goes on to the server's ping: far before an upgrade would have taken too long.
    fn ping(&mut self) {
        self.pinged = true;
        self.now += self.config.ping_interval();
        let now = self.now;
        self.server.iter_mut().for_each(|server| server.handle_timeout(now));
        self.client.handle_timeout(now);
    }

    fn drain(&mut self) {
        loop {
            let mut batch = None;
            while let Some(transmit) = self.client.poll_transmit() {
                match transmit {
                    client::Transmit::Request { id, request } => {
                        let (parts, body) = request.into_parts();
                        self.loose.push(Item::Request(id, parts, body));
                    }
                    client::Transmit::Connect { id, request } => {
                        let mut parts = request.into_parts().0;
                        parts.headers.insert("connection", HeaderValue::from_static("upgrade"));
                        parts.headers.insert("upgrade", HeaderValue::from_static("websocket"));
                        self.loose.push(Item::Connect(id, parts));
                    }
                    client::Transmit::Frame { id, frame } => {
                        batch = Some(Item::ClientFlushed(id));
                        self.up.push_back(Load::Data(id, data(frame)));
                    }
                    client::Transmit::Barrier { .. } => {}
                    client::Transmit::Close { id } => self.up.push_back(Load::Closed(id)),
                    client::Transmit::Cancel { id } => self.closed = Some(format!("the client gives up {id:?}")),
                }
            }
            self.loose.extend(batch);
            let Some(event) = self.client.poll_event() else { break };
            match event {
                client::Event::Message(data) => self.down_got.push(data),
                client::Event::Closed { .. } | client::Event::UpgradeFailed(_) => {
                    self.closed = Some(format!("{event:?}"))
                }
                _ => {}
            }
        }
        self.drain_server();
    }

    fn drain_server(&mut self) {
        let Some(server) = &mut self.server else { return };
        loop {
            let mut batch = None;
            while let Some(transmit) = server.poll_transmit() {
                match transmit {
                    server::Transmit::Respond { id, response } => self.loose.push(Item::Response(id, *response)),
                    server::Transmit::Receive { id, .. } => {
                        let at = self.bodies.iter().position(|(known, _)| *known == id).expect("it came");
                        let (_, body) = self.bodies.remove(at);
                        server.handle_body(id, body, self.now);
                    }
                    server::Transmit::Frame { id, frame } => {
                        batch = Some(Item::ServerFlushed(id));
                        self.down.push_back(Load::Data(id, data(frame)));
                    }
                    server::Transmit::Close { id } => self.down.push_back(Load::Closed(id)),
                    server::Transmit::Abort { id } => self.closed = Some(format!("the server aborts {id:?}")),
                }
            }
            self.loose.extend(batch);
            let Some(event) = server.poll_event() else { return };
            match event {
                server::Event::Message(data) => self.up_got.push(data),
                server::Event::Closed { .. } => self.closed = Some(format!("the server: {event:?}")),
                _ => {}
            }
        }
    }

    fn deliver(&mut self, item: Item) {
        let now = self.now;
        match (item, &mut self.server) {
            (Item::Request(id, parts, body), server) => {
                let view = server.as_ref().map(server::Session::view);
                match (verify(&parts, &self.config, |_| view), server) {
                    (Verdict::Handshake(_), server @ None) => {
                        let sid = Sid::new("S");
                        *server = Some(server::Session::open_polling(self.config.clone(), sid, id, &parts, now));
                    }
                    (Verdict::Session { upgrade: false, .. }, Some(server)) => {
                        self.bodies.push((id, body));
                        server.handle_request(id, &parts, now);
                    }
                    (verdict, _) => self.closed = Some(format!("{verdict:?}")),
                }
            }
            (Item::Response(id, response), _) => self.client.handle_response(id, response, now),
            (Item::Connect(id, parts), Some(server)) => {
                server.handle_websocket(id, &parts, now);
                self.down.push_back(Load::Accepted(id));
            }
            (Item::ServerFlushed(id), Some(server)) => server.handle_flushed(id, now),
            (Item::ClientFlushed(id), _) => self.client.handle_flushed(id, now),
            (item, None) => panic!("{item:?} before the handshake"),
        }
    }

    fn arrive(&mut self, up: bool, load: Load) {
        let now = self.now;
        let server = self.server.as_mut().expect("it is open");
        match load {
            Load::Accepted(id) => {
                let (parts, ()) = Response::builder().status(101).body(()).expect("a response").into_parts();
                self.client.handle_websocket(id, &parts, now);
            }
            Load::Data(id, data) if up => server.handle_message(id, data, now),
            Load::Data(id, data) => self.client.handle_message(id, data, now),
            Load::Closed(id) if up => server.handle_websocket_closed(id, false, now),
            Load::Closed(id) => self.client.handle_websocket_closed(id, false, now),
        }
    }
}

fn data(frame: Frame) -> Data {
    let bytes: Vec<u8> = frame.prefix.into_iter().chain(frame.body).collect();
    if frame.binary { Data::from(bytes) } else { Data::from(String::from_utf8(bytes).expect("text")) }
}
