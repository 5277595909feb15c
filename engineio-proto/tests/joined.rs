//! A client and a server session, joined in memory by a network that delivers in any order that a real network allows.

use bytes::Bytes;
use engineio_proto::{
    CloseReason, Data, Frame, Instant, RequestId, Sid, TransportKind, WebSocketId, client,
    http::{Verdict, verify},
    server,
};
use http::{request::Parts, response};
use proptest::{collection::vec, prelude::*};
use std::{collections::VecDeque, time::Duration};

/// An item in transit.
enum Item {
    Request(RequestId, Parts, Bytes),
    Response(RequestId, http::Response<Bytes>),
    Connect(WebSocketId, Parts),
    Flushed {
        client: bool,
        id: WebSocketId,
    },
    /// This and the following travel on a WebSocket, in order.
    Accepted(WebSocketId, response::Parts),
    Message(WebSocketId, Data),
    Closed(WebSocketId),
}

/// A client, a server, and the items in transit.
struct Joined {
    now: Instant,
    client: client::Session,
    server_config: std::sync::Arc<engineio_proto::Config>,
    server: Option<server::Session>,
    /// Requests, responses and flush reports, which may overtake each other.
    unordered: Vec<Item>,
    up: VecDeque<Item>,
    down: VecDeque<Item>,
    bodies: Vec<(RequestId, Bytes)>,
    cancelled: Vec<RequestId>,
    client_got: Vec<Data>,
    server_got: Vec<Data>,
    client_closed: Option<CloseReason>,
    server_closed: Option<CloseReason>,
    upgraded: (bool, bool),
}

impl Joined {
    #[allow(clippy::disallowed_methods, reason = "any point in time will do")]
    fn new(client: client::ConfigBuilder, max_payload: usize) -> Self {
        let now = Instant::now();
        let server = engineio_proto::Config::builder().max_payload(max_payload).outbox_limit(1_000_000);
        let mut joined = Self {
            now,
            client: client::Session::open(client.build().unwrap().into(), client::Start::default(), now),
            server_config: server.build().unwrap().into(),
            server: None,
            unordered: Vec::new(),
            up: VecDeque::new(),
            down: VecDeque::new(),
            bodies: Vec::new(),
            cancelled: Vec::new(),
            client_got: Vec::new(),
            server_got: Vec::new(),
            client_closed: None,
            server_closed: None,
            upgraded: (false, false),
        };
        joined.drain();
        joined
    }

    fn drain(&mut self) {
        self.drain_client();
        self.drain_server();
    }

    fn drain_client(&mut self) {
        loop {
            let (mut idle, mut batch) = (true, None);
            while let Some(transmit) = self.client.poll_transmit() {
                idle = false;
                match transmit {
                    client::Transmit::Request { id, request } => {
                        let (parts, body) = request.into_parts();
                        self.unordered.push(Item::Request(id, parts, body));
                    }
                    client::Transmit::Cancel { id } => self.cancelled.push(id),
                    client::Transmit::Connect { id, request } => {
                        let mut parts = request.into_parts().0;
                        parts.headers.insert("connection", "upgrade".parse().unwrap());
                        parts.headers.insert("upgrade", "websocket".parse().unwrap());
                        self.unordered.push(Item::Connect(id, parts));
                    }
                    client::Transmit::Frame { id, frame } => {
                        batch = Some(id);
                        self.up.push_back(Item::Message(id, data(frame)));
                    }
                    client::Transmit::Barrier { .. } => {}
                    client::Transmit::Close { id } => self.up.push_back(Item::Closed(id)),
                }
            }
            self.unordered.extend(batch.map(|id| Item::Flushed { client: true, id }));
            while let Some(event) = self.client.poll_event() {
                idle = false;
                assert!(self.client_closed.is_none(), "{event:?} after the end");
                match event {
                    client::Event::Message(data) => self.client_got.push(data),
                    client::Event::Closed { reason, .. } => self.client_closed = Some(reason),
                    client::Event::Upgraded => self.upgraded.0 = true,
                    client::Event::UpgradeFailed(fault) => assert!(self.server_closed.is_some(), "{fault}"),
                    client::Event::Opened(_) | client::Event::Upgrading | client::Event::Ready => {}
                }
            }
            if idle {
                return;
            }
        }
    }

    fn drain_server(&mut self) {
        let Some(server) = &mut self.server else { return };
        loop {
            let (mut idle, mut batch) = (true, None);
            while let Some(transmit) = server.poll_transmit() {
                idle = false;
                match transmit {
                    server::Transmit::Respond { id, response } => self.unordered.push(Item::Response(id, *response)),
                    server::Transmit::Receive { id, limit } => {
                        let at = self.bodies.iter().position(|(known, _)| *known == id).unwrap();
                        let (_, body) = self.bodies.remove(at);
                        assert!(body.len() <= limit, "a body of {} bytes", body.len());
                        server.handle_body(id, body, self.now);
                    }
                    server::Transmit::Abort { id } => panic!("{id:?} aborted"),
                    server::Transmit::Frame { id, frame } => {
                        batch = Some(id);
                        self.down.push_back(Item::Message(id, data(frame)));
                    }
                    server::Transmit::Close { id } => self.down.push_back(Item::Closed(id)),
                }
            }
            self.unordered.extend(batch.map(|id| Item::Flushed { client: false, id }));
            while let Some(event) = server.poll_event() {
                idle = false;
                match event {
                    server::Event::Message(data) => self.server_got.push(data),
                    server::Event::Closed { reason } => self.server_closed = Some(reason),
                    server::Event::Upgraded => self.upgraded.1 = true,
                    server::Event::Ready => {}
                }
            }
            if idle {
                return;
            }
        }
    }

    /// Delivers one of the items that may arrive next. Returns whether there was one.
    fn step(&mut self, choice: usize) -> bool {
        let choices = self.unordered.len() + usize::from(!self.up.is_empty()) + usize::from(!self.down.is_empty());
        if choices == 0 {
            return false;
        }
        let choice = choice % choices;
        if choice < self.unordered.len() {
            let item = self.unordered.swap_remove(choice);
            self.deliver(item, true);
        } else if choice == self.unordered.len() && !self.up.is_empty() {
            let item = self.up.pop_front().unwrap();
            self.deliver(item, true);
        } else {
            let item = self.down.pop_front().unwrap();
            self.deliver(item, false);
        }
        self.drain();
        true
    }

    fn deliver(&mut self, item: Item, up: bool) {
        let now = self.now;
        match item {
            Item::Request(id, parts, body) => self.request(id, parts, body),
            Item::Response(id, response) => self.client.handle_response(id, response, now),
            Item::Connect(id, parts) => {
                let (accepted, ()) = response::Response::builder().status(101).body(()).unwrap().into_parts();
                match &mut self.server {
                    Some(server) => server.handle_websocket(id, &parts, now),
                    None => {
                        let config = self.server_config.clone();
                        self.server = Some(server::Session::open_websocket(config, Sid::new("S"), id, &parts, now));
                    }
                }
                self.down.push_back(Item::Accepted(id, accepted));
            }
            Item::Flushed { client: true, id } => self.client.handle_flushed(id, now),
            Item::Flushed { client: false, id } => self.server.as_mut().unwrap().handle_flushed(id, now),
            Item::Accepted(id, parts) => self.client.handle_websocket(id, &parts, now),
            Item::Message(id, data) if up => self.server.as_mut().unwrap().handle_message(id, data, now),
            Item::Message(id, data) => self.client.handle_message(id, data, now),
            Item::Closed(id) if up => {
                if let Some(server) = &mut self.server {
                    server.handle_websocket_closed(id, false, now);
                }
            }
            Item::Closed(id) => self.client.handle_websocket_closed(id, false, now),
        }
    }

    fn request(&mut self, id: RequestId, parts: Parts, body: Bytes) {
        let verdict = verify(&parts, &self.server_config, |sid| {
            assert_eq!(sid, "S");
            self.server.as_ref().map(server::Session::view)
        });
        match (verdict, &mut self.server) {
            (Verdict::Handshake(_), server @ None) => {
                let config = self.server_config.clone();
                *server = Some(server::Session::open_polling(config, Sid::new("S"), id, &parts, self.now));
            }
            (Verdict::Session { upgrade: false, .. }, Some(server)) => {
                self.bodies.push((id, body));
                server.handle_request(id, &parts, self.now);
            }
            (Verdict::Respond { response, .. }, _) => self.unordered.push(Item::Response(id, *response)),
            (verdict, _) => panic!("{verdict:?}"),
        }
    }

    /// Delivers until nothing is in transit, even after a held poll has been released.
    fn settle(&mut self) {
        let mut waited = false;
        for choice in 0..100_000 {
            if self.step(choice) {
                waited = false;
            } else if std::mem::replace(&mut waited, true) {
                return;
            } else {
                self.now += Duration::from_millis(100);
                self.server.iter_mut().for_each(|server| server.handle_timeout(self.now));
                self.drain();
            }
        }
        panic!("there is always another item");
    }
}

fn data(frame: Frame) -> Data {
    let bytes: Vec<u8> = frame.prefix.into_iter().chain(frame.body).collect();
    if frame.binary { Data::from(bytes) } else { Data::from(String::from_utf8(bytes).unwrap()) }
}

/// The message of that number: text or binary, of up to a hundred bytes.
fn message(number: usize) -> Data {
    let text = format!("{number}:{}", "x".repeat(number * 7 % 90));
    if number % 3 == 0 { Data::from(text.into_bytes()) } else { Data::from(text) }
}

fn messages(count: usize) -> Vec<Data> {
    (0..count).map(message).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    /// In any order of delivery, each message arrives once and in order, and the session ends on the expected transport.
    #[test]
    fn messages_arrive_in_order_whatever_the_transport(
        steps in vec((0..8_u8, any::<usize>()), 0..200),
        kind in 0..4_u8,
        client_closes in any::<bool>(),
        at_once in any::<bool>(),
    ) {
        use TransportKind::{Polling, WebSocket};
        let config = client::Config::builder();
        let config = match kind {
            0 => config.transports([Polling]),
            1 => config.transports([WebSocket]),
            2 => config.force_base64(true),
            _ => config,
        };
        let mut joined = Joined::new(config, 200);
        let (mut client_sent, mut server_sent) = (0, 0);
        for (action, choice) in steps {
            match action {
                0 => {
                    joined.client.send(message(client_sent)).unwrap();
                    client_sent += 1;
                    joined.drain();
                }
                1 => if let Some(server) = &mut joined.server {
                    server.send(message(server_sent)).unwrap();
                    server_sent += 1;
                    joined.drain();
                },
                _ => drop(joined.step(choice)),
            }
        }
        if !at_once {
            joined.settle();
            prop_assert_eq!(joined.upgraded, (kind > 1, kind > 1));
            let transport = if kind == 0 { Polling } else { WebSocket };
            prop_assert_eq!(joined.client.transport(), transport);
            prop_assert!(joined.client.writable() && joined.client.buffered() == 0);
        }
        let client_closes = client_closes || joined.server.is_none();
        if client_closes {
            joined.client.close(joined.now);
        } else if let Some(server) = &mut joined.server {
            server.close(joined.now);
        }
        joined.drain();
        joined.settle();
        // A side that closes delivers its own messages, but drops those that it receives.
        let is_prefix = |got: &[Data], all: usize| got == messages(got.len()) && got.len() <= all;
        prop_assert!(is_prefix(&joined.server_got, client_sent), "{:?}", joined.server_got);
        prop_assert!(is_prefix(&joined.client_got, server_sent), "{:?}", joined.client_got);
        prop_assert!(joined.client_closed.is_some());
        // A client that closes before its handshake sends nothing; the server's driver would see the connection end.
        if joined.server_closed.is_none() {
            prop_assert!(!joined.client.is_open() && !joined.cancelled.is_empty() || joined.server.is_none());
        } else if client_closes {
            prop_assert_eq!(joined.client_closed, Some(CloseReason::ForcedClose));
            if !at_once {
                prop_assert_eq!(joined.server_closed, Some(CloseReason::TransportClose));
            }
            prop_assert_eq!(joined.server_got.len(), client_sent);
        } else if joined.client_closed == Some(CloseReason::TransportError) {
            // A POST in flight is refused, and its response may arrive first.
            prop_assert!(at_once);
        } else {
            prop_assert_eq!(joined.client_closed, Some(CloseReason::TransportClose));
            prop_assert_eq!(joined.client_got.len(), server_sent);
        }
    }
}
