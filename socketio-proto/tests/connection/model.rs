//! The model: a driver, a client, and the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use engineio_proto::server::{Session, Transmit};
use engineio_proto::{Config as EngineConfig, Data, Instant, Packet, RequestId, Sid, WebSocketId, payload};
use http::request::Parts;
use socketio_proto::server::{Config, Connection, Event};
use socketio_proto::{Body, Decoder, EmitError, Json, Limits, SocketKey, encode};

use crate::steps::{NAMES, Say, Step, packet_text};

const NAMESPACES: usize = 3;
const ACKS: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Phase {
    Pending,
    Connected,
    Gone,
}

pub(crate) struct Model {
    pub(crate) connection: Connection,
    pub(crate) now: Instant,
    requests: u64,
    /// The unanswered GETs.
    pub(crate) polls: BTreeSet<RequestId>,
    sockets: BTreeMap<SocketKey, Phase>,
    /// Pending acks with their number: an `Acked` may still be queued when its id is reused.
    acks: BTreeMap<(SocketKey, u64), usize>,
    /// The client's decoder and the namespaces that it has joined.
    decoder: Decoder,
    joined: Vec<String>,
    /// The namespaces accepted by a CONNECT, until the server's DISCONNECT: packets of the server are allowed there.
    accepted: BTreeSet<String>,
    /// The namespaces with an unanswered CONNECT, and whether the client has to send an attachment next.
    asked: Vec<String>,
    awaiting: bool,
    pub(crate) closed: bool,
    pub(crate) log: Vec<String>,
}

impl Model {
    pub(crate) fn new(by_websocket: bool, start: Instant) -> Self {
        let ms = Duration::from_millis;
        let engine = EngineConfig::builder()
            .ping_interval(ms(300))
            .ping_timeout(ms(200))
            .upgrade_timeout(ms(1000))
            .close_timeout(ms(800))
            .outbox_limit(2000)
            .build()
            .unwrap();
        let session = if by_websocket {
            Session::open_websocket(engine.into(), Sid::new("S"), WebSocketId(0), &parts("GET"), start)
        } else {
            Session::open_polling(engine.into(), Sid::new("S"), RequestId(0), &parts("GET"), start)
        };
        let config = Config::default()
            .connect_timeout(ms(1500))
            .max_namespaces(NAMESPACES)
            .max_namespace_bytes(4)
            .max_pending_acks(ACKS)
            .decoder(Limits::default().reassembly_timeout(ms(350)));
        let mut model = Self {
            connection: Connection::new(session, Arc::new(config), start),
            now: start,
            requests: 0,
            polls: BTreeSet::new(),
            sockets: BTreeMap::new(),
            acks: BTreeMap::new(),
            decoder: Decoder::new(Limits::default()),
            joined: Vec::new(),
            accepted: BTreeSet::new(),
            asked: Vec::new(),
            awaiting: false,
            closed: false,
            log: Vec::new(),
        };
        model.drain();
        model
    }

    pub(crate) fn step(&mut self, step: &Step) {
        let now = self.now;
        match step {
            Step::Get => {
                let id = self.next_request();
                self.polls.insert(id);
                self.connection.handle_request(id, &parts("GET"), now);
            }
            Step::Post(says) => {
                let id = self.next_request();
                self.connection.handle_request(id, &parts("POST"), now);
                let body = says.iter().map(|say| packet_text(say, true)).collect::<Vec<_>>().join("\u{1e}");
                self.connection.handle_body(id, body.into(), now);
            }
            Step::AbortGet => {
                let Some(id) = self.polls.pop_first() else { return };
                self.connection.handle_aborted(id, now);
            }
            Step::Upgrade => {
                let id = WebSocketId(0);
                self.connection.handle_websocket(id, &parts("GET"), now);
                self.connection.handle_message(id, "2probe".into(), now);
                self.drain();
                self.connection.handle_flushed(id, now);
                self.connection.handle_message(id, "5".into(), now);
            }
            Step::Message(Say::Attachment) => self.connection.handle_message(WebSocketId(0), vec![1, 2].into(), now),
            Step::Message(say) => self.connection.handle_message(WebSocketId(0), packet_text(say, false).into(), now),
            Step::Flushed => self.connection.handle_flushed(WebSocketId(0), now),
            Step::HungUp(error) => self.connection.handle_websocket_closed(WebSocketId(0), *error, now),
            Step::Wait(ms) => {
                self.now += Duration::from_millis(*ms);
                self.connection.handle_timeout(self.now);
                self.drain();
                let next = self.connection.poll_timeout();
                assert!(next.is_none_or(|next| next > self.now), "a passed deadline is left");
            }
            Step::Early => self.connection.handle_timeout(now - Duration::from_millis(1)),
            Step::Accept(choice) => {
                let Some(key) = self.socket(*choice) else { return };
                let accepted = self.connection.accept(key, [key.0 as u8; 15]).is_ok();
                assert!(!accepted || self.sockets[&key] == Phase::Pending);
                if accepted {
                    self.sockets.insert(key, Phase::Connected);
                }
            }
            Step::Refuse(choice) => {
                let Some(key) = self.socket(*choice) else { return };
                if self.connection.refuse(key, &Json::object([("message", "no")])).is_ok() {
                    assert_eq!(self.sockets.insert(key, Phase::Gone), Some(Phase::Pending));
                }
            }
            Step::Emit(choice, len) => {
                let Some((key, packet)) = self.packet(*choice, None, *len) else { return };
                let sent = self.connection.emit(key, &packet);
                assert!(sent.is_err() || self.sockets[&key] == Phase::Connected);
            }
            Step::Volatile(choice) => {
                let Some((key, packet)) = self.packet(*choice, None, 0) else { return };
                let writable = self.connection.engine().writable();
                let sent = self.connection.emit_volatile(key, &packet);
                assert!(!sent || (writable && self.sockets[&key] == Phase::Connected));
            }
            Step::Ask(choice, id, ms) => {
                let Some((key, packet)) = self.packet(*choice, Some(*id), 0) else { return };
                let deadline = ms.map(|ms| now + Duration::from_millis(ms));
                match self.connection.emit_with_ack(key, &packet, *id, deadline) {
                    Ok(_) => {
                        assert_eq!(self.sockets[&key], Phase::Connected);
                        *self.acks.entry((key, *id)).or_default() += 1;
                    }
                    Err(EmitError::AckIdInUse) => assert!(self.acks.contains_key(&(key, *id))),
                    Err(EmitError::TooManyAcks) => assert_eq!(self.connection.pending_acks(), ACKS),
                    Err(_) => {}
                }
            }
            Step::Forget(choice, id) => {
                let Some(key) = self.socket(*choice) else { return };
                self.connection.forget_ack(key, *id);
                self.acks.remove(&(key, *id));
            }
            Step::Disconnect(choice) => {
                let Some(key) = self.socket(*choice) else { return };
                self.connection.disconnect(key);
            }
            Step::DisconnectAll => self.connection.disconnect_all(now),
            Step::ShutDown => self.connection.shut_down(now),
            Step::Close => self.connection.close(now),
            Step::Discard => self.connection.discard(now),
            Step::Pause => self.connection.pause_reading(now),
            Step::Resume => self.connection.resume_reading(now),
        }
        self.drain();
    }

    /// Whether a client without violations may send this now. If so, records that it does.
    pub(crate) fn may_send(&mut self, say: &Say) -> bool {
        if self.awaiting != matches!(say, Say::Attachment) && !matches!(say, Say::Pong) {
            return false;
        }
        let namespace = |name: &usize| NAMES[*name].to_owned();
        match say {
            Say::Connect(name) => {
                let asked = !self.asked.contains(&namespace(name)) && !self.joined.contains(&namespace(name));
                if asked {
                    self.asked.push(namespace(name));
                }
                asked
            }
            Say::Event(name) | Say::Ack(name, _) => self.joined.contains(&namespace(name)),
            Say::Binary(name) => {
                self.awaiting = self.joined.contains(&namespace(name));
                self.awaiting
            }
            Say::Leave(name) => {
                let joined = self.joined.contains(&namespace(name));
                self.joined.retain(|joined| *joined != namespace(name));
                joined
            }
            Say::Attachment => std::mem::take(&mut self.awaiting),
            Say::Pong => true,
            Say::Rubbish(_) => false,
        }
    }

    fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }

    /// One of the sockets, mostly one that has not left.
    fn socket(&self, choice: usize) -> Option<SocketKey> {
        let all: Vec<SocketKey> = self.sockets.keys().copied().collect();
        let live: Vec<SocketKey> = all.iter().copied().filter(|key| self.sockets[key] != Phase::Gone).collect();
        let among = if choice < 8 && !live.is_empty() { live } else { all };
        among.get(choice % among.len().max(1)).copied()
    }

    fn packet(&self, choice: usize, id: Option<u64>, len: usize) -> Option<(SocketKey, socketio_proto::Encoded)> {
        let key = self.socket(choice)?;
        let namespace = self.connection.namespace(key).map_or("/", |name| name);
        Some((key, encode::event(namespace, id, "event", &"x".repeat(len)).unwrap()))
    }

    pub(crate) fn drain(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(transmit) = self.connection.poll_transmit() {
                quiet = false;
                self.log.push(format!("{transmit:?}"));
                self.handle_transmit(transmit);
            }
            while let Some(event) = self.connection.poll_event() {
                quiet = false;
                self.log.push(format!("{event:?}"));
                self.handle_event(event);
            }
            if quiet {
                break;
            }
        }
        assert_eq!(self.connection.pending_acks(), self.acks.len());
        assert!(self.acks.len() <= ACKS);
        assert!(self.sockets.values().filter(|phase| **phase != Phase::Gone).count() <= NAMESPACES);
        assert_eq!(self.connection.is_closed(), self.closed);
        for (key, phase) in &self.sockets {
            assert_eq!(self.connection.namespace(*key).is_some(), *phase != Phase::Gone, "{key:?}");
        }
        if self.closed {
            assert_eq!(self.connection.poll_timeout(), None);
            assert_eq!(self.connection.engine().buffered(), 0);
        }
    }

    fn handle_event(&mut self, event: Event) {
        assert!(!self.closed, "{event:?} after Closed");
        match event {
            Event::Connecting { socket, .. } => {
                assert!(self.sockets.keys().next_back().is_none_or(|last| *last < socket));
                self.sockets.insert(socket, Phase::Pending);
            }
            Event::Received { socket, .. } => assert_eq!(self.sockets[&socket], Phase::Connected),
            Event::Acked { socket, id, result } => {
                assert_eq!(self.sockets[&socket], Phase::Connected, "{result:?}");
                let count = self.acks.get_mut(&(socket, id)).expect("an ack that is not pending");
                *count -= 1;
                self.acks.retain(|_, count| *count > 0);
            }
            Event::Disconnected { socket, .. } => {
                assert_ne!(self.sockets.insert(socket, Phase::Gone), Some(Phase::Gone));
                assert!(self.acks.keys().all(|(key, _)| *key != socket));
            }
            Event::Closed { .. } => {
                assert!(self.sockets.values().all(|phase| *phase == Phase::Gone));
                assert!(self.acks.is_empty());
                self.closed = true;
            }
            Event::Undecodable(_) | Event::Upgraded | Event::Ready => {}
            other => panic!("{other:?}"),
        }
    }

    fn handle_transmit(&mut self, transmit: Transmit) {
        if let Transmit::Respond { id, .. } = &transmit {
            self.polls.remove(id);
        }
        match transmit {
            Transmit::Frame { frame, .. } if frame.binary => self.message(Data::Binary(frame.body)),
            Transmit::Frame { frame, .. } if frame.prefix == Some(b'4') => {
                self.message(Data::Text(frame.body.try_into().unwrap()));
            }
            Transmit::Respond { response, .. } if response.status() == 200 && response.body() != "ok" => {
                for packet in payload::decode(response.body().clone().try_into().unwrap()) {
                    if let Packet::Message(data) = packet.unwrap() {
                        self.message(data);
                    }
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, data: Data) {
        let Some(packet) = self.decoder.decode(data, self.now).unwrap() else { return };
        let name = packet.namespace.to_string();
        self.asked.retain(|asked| *asked != name);
        match packet.body {
            Body::Connect(_) => {
                self.accepted.insert(name.clone());
                self.joined.push(name);
            }
            // Packets that cross the client's own DISCONNECT are allowed.
            Body::Event { .. } | Body::Ack { .. } => assert!(self.accepted.contains(&name), "{name}"),
            Body::Disconnect => {
                self.accepted.remove(&name);
                self.joined.retain(|joined| *joined != name);
            }
            Body::ConnectError(_) => {}
        }
    }
}

pub(crate) fn parts(method: &str) -> Parts {
    let request = http::Request::builder().method(method).uri("/socket.io/?EIO=4&transport=polling&sid=S");
    request.body(()).unwrap().into_parts().0
}
