//! Random sequences of inputs to a server's session, checked against a model of its guarantees to the driver and the client.

use bytes::Bytes;
use engineio_proto::{
    Config, Data, Instant, Packet, RequestId, Sid, Text, TransportKind, WebSocketId,
    http::Response,
    payload,
    server::{Event, SendError, Session, Transmit},
};
use http::request::Parts;
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

const MAX_PAYLOAD: usize = 512;
const OUTBOX: usize = 1000;
/// The bytes that the protocol may queue beyond the limit: the handshake, one ping.
const PROTOCOL: usize = 300;

#[derive(Debug, Clone)]
enum Step {
    Get,
    Post,
    Request(&'static str),
    /// The body of the newest POST; `#` is replaced by the number of the next message.
    Body(&'static str),
    BodyTooLarge,
    /// The newest GET without a response is aborted.
    AbortGet,
    /// The newest POST without a response is aborted.
    AbortPost,
    Attach,
    /// A message of the newest WebSocket, or of another one.
    Message(&'static str, u64),
    Flushed(u64),
    WebSocketClosed(u64, bool),
    Wait(u64),
    Send(usize),
    SendBatch(usize),
    Close,
    Discard,
    Pause,
    Resume,
}

/// More packets than a session reads ahead.
const LONG: &str = concat!(
    "4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}",
    "4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}",
    "4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}",
    "4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#\u{1e}4#",
);

fn step() -> impl Strategy<Value = Step> {
    let age = || prop_oneof![9 => Just(0u64), 1 => 1..3u64];
    let text = prop_oneof![
        6 => Just("4#"), 4 => Just("2probe"), 4 => Just("5"), 4 => Just("3"), 1 => Just("6"),
        1 => Just("0"), 1 => prop_oneof![Just("1"), Just("2"), Just(""), Just("x"), Just("€")],
    ];
    let body = prop_oneof![
        6 => Just("4#"), 3 => Just("4#\u{1e}4#"), 3 => Just(LONG), 3 => Just("3"), 1 => Just("6\u{1e}5\u{1e}0"),
        1 => prop_oneof![Just("1"), Just("4#\u{1e}"), Just("4#\u{1e}x\u{1e}4"), Just("2"), Just("")],
    ];
    prop_oneof![
        10 => Just(Step::Get),
        8 => Just(Step::Post),
        8 => body.prop_map(Step::Body),
        1 => Just(Step::Request("PUT")),
        1 => Just(Step::BodyTooLarge),
        1 => Just(Step::AbortGet),
        1 => Just(Step::AbortPost),
        4 => Just(Step::Attach),
        16 => (text, age()).prop_map(|(text, age)| Step::Message(text, age)),
        12 => age().prop_map(Step::Flushed),
        1 => (age(), any::<bool>()).prop_map(|(age, error)| Step::WebSocketClosed(age, error)),
        6 => (0..400u64).prop_map(Step::Wait),
        12 => (0..40usize).prop_map(Step::Send),
        3 => (0..5usize).prop_map(Step::SendBatch),
        1 => Just(Step::Close),
        1 => Just(Step::Discard),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
    ]
}

/// The state of a WebSocket.
#[derive(Debug, Default)]
struct WebSocket {
    closed: bool,
    in_flight: bool,
}

impl Step {
    /// Whether the step keeps the session alive: a client that keeps the rules, and an application that does not close.
    fn is_polite(&self, model: &Model) -> bool {
        let upgraded = model.session.transport() == TransportKind::WebSocket;
        match self {
            Self::Get => model.newest("GET").is_none() && !upgraded,
            Self::Post => model.newest("POST").is_none() && !upgraded,
            Self::Body(body) => ["4#", "4#\u{1e}4#", LONG, "3"].contains(body),
            Self::Message("2probe" | "5", _) => !upgraded,
            Self::Message(text, _) => ["4#", "3"].contains(text) && upgraded,
            Self::AbortGet | Self::AbortPost | Self::WebSocketClosed(..) | Self::Close | Self::Discard => false,
            Self::Attach => !upgraded,
            Self::Wait(ms) => *ms < 100,
            _ => true,
        }
    }
}

struct Model {
    session: Session,
    now: Instant,
    requests: u64,
    /// The requests without a response.
    open: BTreeMap<u64, &'static str>,
    sockets: BTreeMap<u64, WebSocket>,
    /// The number of messages accepted by `send`.
    accepted: u64,
    /// The number of messages transmitted to the client.
    transmitted: u64,
    /// The number of messages sent by the client.
    client_sent: u64,
    /// The number of messages delivered to the application.
    delivered: u64,
    /// The number of the last message delivered.
    last: Option<u64>,
    /// Reading is paused.
    paused: bool,
    /// A body that arrived during the pause: the id of its POST, and the number of its messages.
    unread: Option<(u64, u64)>,
    closing: bool,
    closed: bool,
}

impl Model {
    fn new(by_websocket: bool) -> Self {
        let ms = Duration::from_millis;
        let config = Config::builder()
            .ping_interval(ms(300))
            .ping_timeout(ms(200))
            .upgrade_timeout(ms(1000))
            .close_timeout(ms(800))
            .max_payload(MAX_PAYLOAD)
            .outbox_limit(OUTBOX)
            .build()
            .unwrap();
        #[allow(clippy::disallowed_methods, reason = "any point in time will do")]
        let now = Instant::now();
        let (config, sid, mut sockets) = (config.into(), Sid::new("S"), BTreeMap::new());
        let session = if by_websocket {
            sockets.insert(1, WebSocket::default());
            Session::open_websocket(config, sid, WebSocketId(1), &parts("GET"), now)
        } else {
            Session::open_polling(config, sid, RequestId(1), &parts("GET"), now)
        };
        let open = (!by_websocket).then_some((1, "GET")).into_iter().collect();
        let mut model = Self {
            session,
            now,
            requests: 1,
            open,
            sockets,
            accepted: 0,
            transmitted: 0,
            client_sent: 0,
            delivered: 0,
            last: None,
            paused: false,
            unread: None,
            closing: false,
            closed: false,
        };
        model.drain();
        assert!(model.open.is_empty());
        model
    }

    fn step(&mut self, step: &Step) {
        let now = self.now;
        let newest = self.sockets.keys().next_back().copied().unwrap_or_default();
        match *step {
            Step::Get => self.request("GET"),
            Step::Post => self.request("POST"),
            Step::Request(method) => self.request(method),
            Step::Body(template) => {
                let Some(id) = self.newest("POST") else { return };
                if self.unread.is_some() {
                    return self.session.handle_body(RequestId(id), "4again".into(), now);
                }
                let body = self.fill(template);
                let valid = body.split('\u{1e}').take_while(|packet| packet.starts_with('4')).count() as u64;
                if self.paused {
                    self.unread = Some((id, valid));
                    self.session.handle_body(RequestId(id), body.into(), now);
                } else {
                    self.expect(valid, |session| session.handle_body(RequestId(id), body.into(), now));
                }
            }
            Step::BodyTooLarge => {
                let Some(id) = self.newest("POST") else { return };
                self.session.handle_body_too_large(RequestId(id), now);
            }
            Step::AbortGet => {
                let Some(id) = self.newest("GET") else { return };
                self.open.remove(&id);
                self.session.handle_aborted(RequestId(id), now);
            }
            Step::AbortPost => {
                let Some(id) = self.newest("POST") else { return };
                self.open.remove(&id);
                self.session.handle_aborted(RequestId(id), now);
            }
            Step::Attach => {
                let id = newest + 1;
                self.sockets.insert(id, WebSocket::default());
                self.session.handle_websocket(WebSocketId(id), &parts("GET"), now);
            }
            Step::Message(..) if self.paused => {}
            Step::Message(template, age) => {
                let text = self.fill(template);
                let data = Data::from(text);
                self.session.handle_message(WebSocketId(newest.saturating_sub(age)), data, now);
            }
            Step::Flushed(age) => {
                let id = newest.saturating_sub(age);
                if let Some(socket) = self.sockets.get_mut(&id) {
                    socket.in_flight = false;
                    self.session.handle_flushed(WebSocketId(id), now);
                }
            }
            Step::WebSocketClosed(age, error) => {
                let id = newest.saturating_sub(age);
                if let Some(socket) = self.sockets.get_mut(&id) {
                    socket.closed = true;
                    self.session.handle_websocket_closed(WebSocketId(id), error, now);
                }
            }
            Step::Wait(ms) => {
                self.now += Duration::from_millis(ms);
                self.session.handle_timeout(self.now);
                let deadline = self.session.poll_timeout();
                assert!(deadline.is_none_or(|deadline| deadline > self.now));
            }
            Step::Send(size) => {
                let writable = self.session.writable();
                let text = format!("{:>size$}", self.accepted);
                match self.session.send(Data::from(text)) {
                    Ok(_) => {
                        self.accepted += 1;
                        let transmitted = self.transmitted;
                        self.drain();
                        assert!(!writable || self.transmitted > transmitted, "a writable session transmits at once");
                    }
                    Err(SendError::Full) => assert!(self.session.buffered() > 0),
                    Err(SendError::TooLarge) => assert!(size > OUTBOX / 2),
                    Err(SendError::Closed) => assert!(self.closing || self.closed),
                }
            }
            Step::SendBatch(count) => {
                let from = self.accepted;
                let batch = (0..count as u64).map(|n| Data::from(format!("{}", from + n)));
                if self.session.send_batch(batch).is_ok() {
                    self.accepted += count as u64;
                }
            }
            Step::Close => {
                self.session.close(now);
                self.closing = true;
            }
            Step::Discard => {
                self.session.discard(now);
                self.closing = true;
            }
            Step::Pause => {
                self.session.pause_reading(now);
                self.paused = true;
            }
            Step::Resume => {
                self.paused = false;
                let unread = self.unread.take().filter(|(id, _)| self.open.contains_key(id));
                self.expect(unread.map_or(0, |unread| unread.1), |session| session.resume_reading(now));
            }
        }
        self.drain();
        self.unread = self.unread.filter(|(id, _)| self.open.contains_key(id));
        self.check();
    }

    /// Applies an input that delivers that many messages, or none if the session is closing or closed.
    fn expect(&mut self, messages: u64, input: impl FnOnce(&mut Session)) {
        let expected = if self.closing || self.closed { 0 } else { messages };
        let delivered = self.delivered;
        input(&mut self.session);
        self.drain();
        assert_eq!(self.delivered - delivered, expected);
    }

    fn request(&mut self, method: &'static str) {
        self.requests += 1;
        self.open.insert(self.requests, method);
        self.session.handle_request(RequestId(self.requests), &parts(method), self.now);
    }

    fn newest(&self, method: &str) -> Option<u64> {
        self.open.iter().rev().find(|open| *open.1 == method).map(|open| *open.0)
    }

    /// Replaces `#` by numbered messages.
    fn fill(&mut self, template: &str) -> String {
        let mut text = String::new();
        for character in template.chars() {
            if character == '#' {
                text.push_str(&self.client_sent.to_string());
                self.client_sent += 1;
            } else {
                text.push(character);
            }
        }
        text
    }

    fn closed_socket(&mut self, id: u64) {
        let socket = self.sockets.get_mut(&id).unwrap();
        assert!(!std::mem::replace(&mut socket.closed, true), "closed twice, or after it was gone");
    }

    fn drain(&mut self) {
        self.transmits();
        self.events();
        // The response to a POST whose body ended during `events`.
        self.transmits();
    }

    fn transmits(&mut self) {
        let mut batch = None;
        while let Some(transmit) = self.session.poll_transmit() {
            match transmit {
                Transmit::Respond { id, response } => {
                    assert!(self.open.remove(&id.0).is_some(), "a response to an unknown request");
                    self.read(&response);
                }
                Transmit::Receive { id, limit } => {
                    assert_eq!((self.open.get(&id.0), limit), (Some(&"POST"), MAX_PAYLOAD));
                }
                Transmit::Abort { id } => assert_eq!(self.open.remove(&id.0), Some("POST")),
                Transmit::Frame { id, frame } => {
                    let socket = self.sockets.get(&id.0).unwrap();
                    assert!(!socket.closed && !socket.in_flight, "no credit");
                    batch = Some(id.0);
                    assert!(!frame.binary);
                    let wire: Vec<u8> = frame.prefix.into_iter().chain(frame.body).collect();
                    self.transmitted(&Packet::decode_text(Text::try_from(wire).unwrap()).unwrap());
                }
                Transmit::Close { id } => self.closed_socket(id.0),
            }
        }
        if let Some(id) = batch {
            self.sockets.get_mut(&id).unwrap().in_flight = true;
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.session.poll_event() {
            assert!(!self.closed, "{event:?} after the end");
            match event {
                Event::Message(data) => {
                    let Data::Text(text) = data else { panic!() };
                    let number: u64 = text.trim().parse().unwrap();
                    assert!(self.last.is_none_or(|last| last < number), "in order");
                    self.last = Some(number);
                    self.delivered += 1;
                }
                Event::Closed { .. } => self.closed = true,
                Event::Upgraded => assert_eq!(self.session.transport(), TransportKind::WebSocket),
                Event::Ready => {}
            }
        }
    }

    fn read(&mut self, response: &Response) {
        if response.status() == 200 && response.headers()["content-type"] != "text/html" {
            let body = Text::try_from(Bytes::clone(response.body())).unwrap();
            for packet in payload::decode(body) {
                self.transmitted(&packet.unwrap());
            }
        }
    }

    /// A packet was transmitted. Messages are in order, without gaps and duplicates.
    fn transmitted(&mut self, packet: &Packet) {
        if let Packet::Message(Data::Text(text)) = packet {
            assert_eq!(text.trim().parse(), Ok(self.transmitted));
            self.transmitted += 1;
        }
    }

    fn check(&self) {
        assert!(self.session.buffered() <= OUTBOX + PROTOCOL);
        assert_eq!(self.session.is_closed(), self.closed);
        if self.closed {
            assert!(self.open.is_empty(), "a request has no response");
            assert!(self.sockets.values().all(|socket| socket.closed), "a WebSocket was left open");
            assert_eq!((self.session.poll_timeout(), self.session.buffered()), (None, 0));
        }
        for method in ["GET", "POST"] {
            assert!(self.open.values().filter(|open| **open == method).count() <= 1, "one of each kind");
        }
        assert!(self.transmitted <= self.accepted);
    }
}

fn parts(method: &str) -> Parts {
    http::Request::builder().method(method).uri("/engine.io/").body(()).unwrap().into_parts().0
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_keeps_its_invariants(by_websocket: bool, steps in prop::collection::vec((step(), prop::bool::weighted(0.03)), 0..120)) {
        let mut model = Model::new(by_websocket);
        for (step, rude) in &steps {
            if *rude || step.is_polite(&model) {
                model.step(step);
            }
        }
        // Without further inputs the session ends.
        model.step(&Step::Resume);
        for _ in 0..10 {
            model.step(&Step::Wait(1000));
        }
        prop_assert!(model.closed);
    }
}
