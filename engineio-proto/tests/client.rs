//! Random sequences of inputs to a client's session, checked against a model of its guarantees to the driver and the server.

use bytes::Bytes;
use engineio_proto::{
    Data, Instant, Packet, RequestId, Text, TransportKind, WebSocketId,
    client::{Config, Event, SendError, Session, Start, Transmit},
    payload,
};
use http::{Method, Response};
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

const MAX_PAYLOAD: usize = 60;
const OUTBOX: usize = 1000;
/// The bytes that the protocol may queue beyond the limit: a pong, `5`.
const PROTOCOL: usize = 200;
const OPEN: &str = r#"0{"sid":"S","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":60}"#;

#[derive(Debug, Clone)]
enum Step {
    /// The response to the GET in flight, or to an unknown request.
    GetResponse(&'static str, u16),
    /// The response to the POST in flight, or to an unknown request.
    PostResponse(u16),
    RequestFailed(u64),
    Connected(u64),
    Refused(u64),
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

fn step() -> impl Strategy<Value = Step> {
    let age = || prop_oneof![9 => Just(0u64), 1 => 1..4u64];
    let status = || prop_oneof![19 => Just(200u16), 1 => prop_oneof![Just(400u16), Just(413), Just(502)]];
    let text = prop_oneof![
        4 => Just(OPEN), 6 => Just("4#"), 6 => Just("3probe"), 4 => Just("2"), 1 => Just("6"),
        1 => prop_oneof![Just("1"), Just("0"), Just("3"), Just("5"), Just(""), Just("x"), Just("bAQ")],
    ];
    let body = prop_oneof![
        4 => Just(OPEN), 6 => Just("4#"), 4 => Just("4#\u{1e}2\u{1e}4#"), 4 => Just("6"), 2 => Just("LONG"),
        1 => prop_oneof![Just("1"), Just("0{}"), Just("3"), Just("5"), Just(""), Just("4#\u{1e}"), Just("4#\u{1e}x\u{1e}4")],
    ];
    prop_oneof![
        20 => (body, status()).prop_map(|(body, status)| Step::GetResponse(body, status)),
        14 => status().prop_map(Step::PostResponse),
        1 => (0..3u64).prop_map(Step::RequestFailed),
        6 => age().prop_map(Step::Connected),
        1 => age().prop_map(Step::Refused),
        14 => (text, age()).prop_map(|(text, age)| Step::Message(text, age)),
        12 => age().prop_map(Step::Flushed),
        1 => (age(), any::<bool>()).prop_map(|(age, error)| Step::WebSocketClosed(age, error)),
        6 => (0..300u64).prop_map(Step::Wait),
        12 => (0..40usize).prop_map(Step::Send),
        3 => (0..5usize).prop_map(Step::SendBatch),
        1 => Just(Step::Close),
        1 => Just(Step::Discard),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
    ]
}

#[derive(Debug, Default)]
struct WebSocket {
    open: bool,
    closed: bool,
    in_flight: bool,
}

struct Model {
    session: Session,
    now: Instant,
    next_id: u64,
    /// Requests in flight.
    requests: BTreeMap<u64, Method>,
    sockets: BTreeMap<u64, WebSocket>,
    /// The number of messages accepted by `send`.
    accepted: u64,
    /// The number of messages transmitted to the server.
    transmitted: u64,
    /// The number of messages sent by the server.
    server_sent: u64,
    /// The number of the last message delivered.
    last: Option<u64>,
    opened: bool,
    closing: bool,
    closed: bool,
}

impl Model {
    fn new(transports: &[TransportKind], all: bool) -> Self {
        let ms = Duration::from_millis;
        let config = Config::builder()
            .transports(transports.iter().copied())
            .try_all_transports(all)
            .close_timeout(ms(800))
            .request_timeout(Some(ms(1000)))
            .max_body(4096)
            .outbox_limit(OUTBOX)
            .build()
            .unwrap();
        #[allow(clippy::disallowed_methods, reason = "any point in time will do")]
        let now = Instant::now();
        let mut model = Self {
            session: Session::open(config.into(), Start { first_id: 10, ..Start::default() }, now),
            now,
            next_id: 10,
            requests: BTreeMap::new(),
            sockets: BTreeMap::new(),
            accepted: 0,
            transmitted: 0,
            server_sent: 0,
            last: None,
            opened: false,
            closing: false,
            closed: false,
        };
        model.drain();
        model
    }

    /// Whether the step keeps the session alive: a server that keeps the rules, and an application that does not close.
    fn is_polite(&self, step: &Step) -> bool {
        let websocket = self.session.transport() == TransportKind::WebSocket;
        match step {
            Step::GetResponse(body, status) => {
                *status == 200
                    && (*body == OPEN) != self.opened
                    && !["1", "0{}", "3", "5", ""].contains(body)
                    && !body.ends_with(['\u{1e}', '4'])
            }
            Step::PostResponse(status) => *status == 200,
            Step::Message(text, _) => match *text {
                OPEN => !self.opened && websocket,
                "3probe" => !websocket,
                "4#" | "2" | "6" => websocket && self.opened,
                _ => false,
            },
            Step::RequestFailed(_) | Step::Refused(_) | Step::WebSocketClosed(..) | Step::Close | Step::Discard => {
                false
            }
            Step::Wait(ms) => *ms < 100,
            _ => true,
        }
    }

    fn in_flight(&self, method: &Method) -> Option<u64> {
        self.requests.iter().find(|request| request.1 == method).map(|request| *request.0)
    }

    fn respond(&mut self, method: &Method, status: u16, body: String) {
        let id = self.in_flight(method).unwrap_or(5);
        self.requests.remove(&id);
        let response = Response::builder().status(status).body(Bytes::from(body)).unwrap();
        self.session.handle_response(RequestId(id), response, self.now);
    }

    fn step(&mut self, step: &Step) {
        let now = self.now;
        let newest = self.sockets.keys().next_back().copied().unwrap_or_default();
        match *step {
            Step::GetResponse(template, status) => {
                let long = ["4#"; 50].join("\u{1e}");
                let body = self.fill(if template == "LONG" { &long } else { template });
                self.respond(&Method::GET, status, body);
            }
            Step::PostResponse(status) => self.respond(&Method::POST, status, "ok".into()),
            Step::RequestFailed(which) => {
                let id = self.requests.keys().nth(which as usize).copied().unwrap_or(5);
                self.requests.remove(&id);
                self.session.handle_request_failed(RequestId(id), now);
            }
            Step::Connected(age) => {
                let id = newest.saturating_sub(age);
                let Some(socket) = self.sockets.get_mut(&id).filter(|socket| !socket.open && !socket.closed) else {
                    return;
                };
                socket.open = true;
                let (parts, ()) = Response::builder().status(101).body(()).unwrap().into_parts();
                self.session.handle_websocket(WebSocketId(id), &parts, now);
            }
            Step::Refused(age) => {
                let id = newest.saturating_sub(age);
                if let Some(socket) = self.sockets.get_mut(&id).filter(|socket| !socket.open) {
                    socket.closed = true;
                    self.session.handle_websocket_failed(WebSocketId(id), Some(400), now);
                }
            }
            Step::Message(template, age) => {
                let id = newest.saturating_sub(age);
                if self.sockets.get(&id).is_none_or(|socket| socket.open) {
                    let text = self.fill(template);
                    self.session.handle_message(WebSocketId(id), Data::from(text), now);
                }
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
                if let Some(socket) = self.sockets.get_mut(&id).filter(|socket| socket.open) {
                    socket.closed = true;
                    self.session.handle_websocket_closed(WebSocketId(id), error, now);
                }
            }
            Step::Wait(ms) => {
                self.now += Duration::from_millis(ms);
                self.session.handle_timeout(self.now);
                self.drain();
                let deadline = self.session.poll_timeout();
                assert!(deadline.is_none_or(|deadline| deadline > self.now), "the deadline has passed already");
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
            Step::Pause => self.session.pause_reading(now),
            Step::Resume => self.session.resume_reading(now),
        }
        self.drain();
        self.check();
    }

    /// Replaces `#` by numbered messages.
    fn fill(&mut self, template: &str) -> String {
        let mut text = String::new();
        for character in template.chars() {
            if character == '#' {
                text.push_str(&self.server_sent.to_string());
                self.server_sent += 1;
            } else {
                text.push(character);
            }
        }
        text
    }

    fn drain(&mut self) {
        for _ in 0..1000 {
            if !self.transmits() & !self.events() {
                return;
            }
        }
        panic!("there is always more to do");
    }

    fn transmits(&mut self) -> bool {
        let (mut any, mut batch) = (false, None);
        while let Some(transmit) = self.session.poll_transmit() {
            any = true;
            match transmit {
                Transmit::Request { id, request } => {
                    self.check_id(id.0);
                    let method = request.method().clone();
                    assert!(self.in_flight(&method).is_none(), "one of each kind");
                    assert!(self.session.handshake().is_some() || method == Method::GET);
                    if method == Method::POST {
                        self.read(request.body());
                    }
                    self.requests.insert(id.0, method);
                }
                Transmit::Cancel { id } => assert!(self.requests.remove(&id.0).is_some(), "not in flight"),
                Transmit::Connect { id, .. } => {
                    self.check_id(id.0);
                    self.sockets.insert(id.0, WebSocket::default());
                }
                Transmit::Frame { id, frame } => {
                    let socket = self.sockets.get(&id.0).unwrap();
                    assert!(socket.open && !socket.closed && !socket.in_flight, "no credit");
                    batch = Some(id.0);
                    let wire: Vec<u8> = frame.prefix.into_iter().chain(frame.body).collect();
                    self.transmitted(&Packet::decode_text(Text::try_from(wire).unwrap()).unwrap());
                }
                Transmit::Barrier { .. } => {}
                Transmit::Close { id } => {
                    let socket = self.sockets.get_mut(&id.0).unwrap();
                    assert!(!std::mem::replace(&mut socket.closed, true), "closed twice, or after it was gone");
                }
            }
        }
        if let Some(socket) = batch.and_then(|id| self.sockets.get_mut(&id)) {
            socket.in_flight = true;
        }
        any
    }

    /// Ids count up, those of requests and WebSockets together.
    fn check_id(&mut self, id: u64) {
        assert_eq!(id, self.next_id);
        self.next_id += 1;
    }

    fn read(&mut self, body: &Bytes) {
        let packets: Vec<_> = payload::decode(Text::try_from(body.clone()).unwrap()).map(Result::unwrap).collect();
        assert!(body.len() <= MAX_PAYLOAD || packets.len() == 1, "the server would refuse this body");
        packets.iter().for_each(|packet| self.transmitted(packet));
    }

    /// A packet was transmitted. Messages are in order, without gaps and duplicates.
    fn transmitted(&mut self, packet: &Packet) {
        if let Packet::Message(Data::Text(text)) = packet {
            assert!(self.session.handshake().is_some());
            assert_eq!(text.trim().parse(), Ok(self.transmitted));
            self.transmitted += 1;
        }
    }

    fn events(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.session.poll_event() {
            any = true;
            assert!(!self.closed, "{event:?} after the end");
            match event {
                Event::Opened(_) => assert!(!std::mem::replace(&mut self.opened, true)),
                Event::Message(Data::Text(text)) => {
                    let number: u64 = text.trim().parse().unwrap();
                    assert!(self.opened && self.last.is_none_or(|last| last < number), "in order");
                    self.last = Some(number);
                }
                Event::Message(Data::Binary(_)) => {}
                Event::Upgrading | Event::Upgraded | Event::UpgradeFailed(_) => assert!(self.opened),
                Event::Ready => {}
                Event::Closed { .. } => self.closed = true,
            }
        }
        any
    }

    fn check(&self) {
        assert!(self.session.buffered() <= OUTBOX + PROTOCOL);
        assert_eq!(self.session.is_closed(), self.closed);
        assert_eq!(self.session.next_id(), self.next_id);
        assert_eq!(self.session.is_open(), self.opened && !self.closed);
        if self.closed {
            assert!(self.sockets.values().all(|socket| socket.closed), "a WebSocket was left open");
            assert_eq!((self.session.poll_timeout(), self.session.buffered()), (None, 0));
        }
        assert!(self.transmitted <= self.accepted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_keeps_its_invariants(
        order in 0..4_u8,
        all: bool,
        steps in prop::collection::vec((step(), prop::bool::weighted(0.03)), 0..120),
    ) {
        use TransportKind::{Polling, WebSocket};
        let transports = [&[Polling, WebSocket][..], &[WebSocket, Polling], &[Polling], &[WebSocket]][usize::from(order)];
        let mut model = Model::new(transports, all);
        for (step, rude) in &steps {
            if *rude || model.is_polite(step) {
                model.step(step);
            }
        }
        // Without further inputs the session ends, unless it waits for a WebSocket to open.
        model.step(&Step::Resume);
        for _ in 0..10 {
            model.step(&Step::Wait(1000));
        }
        prop_assert!(model.closed || !model.opened && model.session.transport() == WebSocket);
    }
}
