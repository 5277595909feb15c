//! The model: a driver, an application, a server, and the checks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::client::{Config as EngineConfig, Transmit};
use engineio_proto::{Data, Instant, Pressure, TransportKind, WebSocketId};
use socketio_proto::client::{Backoff, Config, Emitted, Event, Manager, RetryId, SocketConfig};
use socketio_proto::{Args, EmitError, Encoded, Limits, SocketKey, encode};

use crate::peer::{NAMES, Peer, Space};
use crate::steps::{Answer, Step};

const ACKS: usize = 6;
const BUFFER: usize = 1500;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Idle,
    Asked,
    /// Disconnected by the application since: another `Authenticate` may follow.
    Left,
    Connected,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Link {
    Closed,
    /// The driver has not answered the attempt.
    Asked(u32),
    Trying(u32),
    Open,
}

struct Socket {
    key: SocketKey,
    phase: Phase,
    numbers: u64,
    retries: u64,
    reliables: VecDeque<(RetryId, u64)>,
    /// The number of the last event received.
    received: u64,
}

pub(crate) struct Model {
    manager: Manager,
    engine: Arc<EngineConfig>,
    now: Instant,
    link: Link,
    sockets: [Socket; NAMES.len()],
    /// Pending acks with the numbers of their events.
    asks: BTreeMap<(SocketKey, u64), u64>,
    peers: Vec<Peer>,
    said: u64,
    /// WebSockets with an unflushed batch.
    batches: Vec<WebSocketId>,
    /// The pressure was high or an emit was refused, so a `Ready` must follow.
    waiting: bool,
    pub(crate) log: Vec<String>,
}

impl Model {
    pub(crate) fn new(start: Instant) -> Self {
        let ms = Duration::from_millis;
        let engine = EngineConfig::builder()
            .transports([TransportKind::WebSocket])
            .timestamp_requests(Some(false))
            .close_timeout(ms(300))
            .outbox_limit(800)
            .build()
            .unwrap();
        let config = Config::default()
            .backoff(Backoff { delay: ms(30), delay_max: ms(100), ..Backoff::default() })
            .reconnection_attempts(Some(3))
            .connect_timeout(Some(ms(250)))
            .send_buffer_limit(BUFFER)
            .receive_buffer_limit(300)
            .max_pending_acks(ACKS)
            .decoder(Limits::default().reassembly_timeout(ms(150)));
        let mut manager = Manager::new(Arc::new(config), 3, start);
        let retries = SocketConfig::default().retries(Some(2)).ack_timeout(Some(ms(100)));
        let sockets = NAMES.map(|name| {
            let config = if name == "/retry" { retries } else { SocketConfig::default() };
            let key = manager.socket(name, config);
            Socket { key, phase: Phase::Idle, numbers: 0, retries: 0, reliables: VecDeque::new(), received: 0 }
        });
        Self {
            manager,
            engine: engine.into(),
            now: start,
            link: Link::Closed,
            sockets,
            asks: BTreeMap::new(),
            peers: Vec::new(),
            said: 0,
            batches: Vec::new(),
            waiting: false,
            log: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, step: &Step) {
        let now = self.now;
        match *step {
            Step::Connect(socket) => self.manager.connect(self.sockets[socket].key, now),
            Step::Disconnect(socket) => {
                self.manager.disconnect(self.sockets[socket].key, now);
                if self.sockets[socket].phase == Phase::Asked {
                    self.sockets[socket].phase = Phase::Left;
                }
            }
            Step::CloseEngine => self.manager.close_engine(now),
            Step::Emit(socket, len) => {
                let packet = self.packet(socket, "plain", None, len);
                let emitted = self.manager.emit(self.sockets[socket].key, packet, now);
                self.emitted(socket, emitted);
            }
            Step::Volatile(socket) => {
                let packet = self.packet(socket, "plain", None, 0);
                let sent = self.manager.emit_volatile(self.sockets[socket].key, packet, now);
                assert!(!sent || self.sockets[socket].phase == Phase::Connected);
                self.sockets[socket].numbers += u64::from(sent);
            }
            Step::Ask(socket, len, ms) => {
                let key = self.sockets[socket].key;
                let id = self.manager.next_ack_id(key);
                let packet = self.packet(socket, "plain", Some(id), len);
                let deadline = ms.map(|ms| now + Duration::from_millis(ms));
                let number = self.sockets[socket].numbers;
                let emitted = self.manager.emit_with_ack(key, packet, id, deadline, now);
                if emitted.is_ok() {
                    assert_eq!(self.asks.insert((key, id), number), None);
                }
                match emitted {
                    Err(EmitError::Disconnected) => assert!(deadline.is_none() && self.manager.is_over(key)),
                    emitted => self.emitted(socket, emitted),
                }
            }
            Step::Forget(socket) => {
                let key = self.sockets[socket].key;
                let ask = self.asks.keys().find(|(asked, _)| *asked == key).copied();
                // Otherwise an id that is not pending.
                let (_, id) = ask.unwrap_or((key, 3));
                self.manager.forget_ack(key, id);
                self.asks.remove(&(key, id));
            }
            Step::Reliable(socket) => {
                let packet = self.packet(socket, "reliable", None, 0);
                match self.manager.emit_reliable(self.sockets[socket].key, packet, now) {
                    Ok(retry) => {
                        let socket = &mut self.sockets[socket];
                        socket.reliables.push_back((retry, socket.retries));
                        socket.retries += 1;
                    }
                    Err(error) => {
                        assert_eq!(error, EmitError::Full);
                        self.waiting = true;
                    }
                }
            }
            Step::Open(opens) => self.open(opens),
            Step::Authenticate(socket, true) => self.manager.authenticate(self.sockets[socket].key, None, now),
            Step::Authenticate(socket, false) => {
                self.manager.refuse_authentication(self.sockets[socket].key, now);
            }
            Step::Flush => self.flush(),
            Step::Wait(ms) => self.wait(ms),
            Step::Early => self.manager.handle_timeout(now - Duration::from_millis(1)),
            Step::Pause => self.manager.pause_reading(now),
            Step::Resume => self.manager.resume_reading(now),
            _ => self.serve(step),
        }
        self.drain();
    }

    fn serve(&mut self, step: &Step) {
        let (now, said) = (self.now, self.said);
        let peer = |back: usize, model: &Self| model.peers.len().checked_sub(back + 1);
        match *step {
            Step::Accept(back) => {
                let Some(peer) = peer(back, self) else { return };
                self.accept(peer);
            }
            Step::RefuseWebSocket(back) => {
                let Some(peer) = peer(back, self).filter(|peer| !self.peers[*peer].open) else { return };
                self.manager.handle_websocket_failed(self.peers[peer].ws, Some(503), now);
            }
            Step::HangUp(back, error) => {
                let Some(peer) = peer(back, self) else { return };
                self.manager.handle_websocket_closed(self.peers[peer].ws, error, now);
            }
            Step::Ping(back) => self.say(peer(back, self), "2".into()),
            Step::Read(back, count) => {
                let Some(peer) = peer(back, self) else { return };
                self.read(peer, count);
            }
            Step::Answer(back, space, answer) => {
                let Some(peer) = peer(back, self) else { return };
                self.answer(peer, space, answer);
            }
            Step::Acks(back) => {
                let Some(peer) = peer(back, self) else { return };
                for ack in self.peers[peer].acks() {
                    self.say(Some(peer), ack);
                }
            }
            Step::Say(back, space) | Step::Half(back, space) => {
                let Some(peer) = peer(back, self) else { return };
                if !matches!(self.peers[peer].spaces[space], Space::Joined | Space::Asking) {
                    return;
                }
                self.said += 1;
                let half = matches!(step, Step::Half(..));
                let bytes = Bytes::from_static(b"\x01");
                let packet = match half || said % 3 == 0 {
                    true => encode::event(NAMES[space], None, "say", &(self.said, &bytes)).unwrap(),
                    false => encode::event(NAMES[space], None, "say", &(self.said, "")).unwrap(),
                };
                self.say(Some(peer), format!("4{}", packet.text()));
                if packet.is_binary() && !half {
                    self.manager.handle_message(self.peers[peer].ws, Data::Binary(bytes), now);
                }
            }
            Step::ServerDisconnect(back, space) => {
                let Some(peer) = peer(back, self) else { return };
                if self.peers[peer].spaces[space] == Space::Joined {
                    self.peers[peer].spaces[space] = Space::Gone;
                    self.say(Some(peer), format!("4{}", encode::disconnect(NAMES[space]).text()));
                }
            }
            Step::Rubbish(back, text) => self.say(peer(back, self), text.into()),
            _ => unreachable!("{step:?}"),
        }
    }

    fn packet(&self, socket: usize, name: &str, id: Option<u64>, len: usize) -> Encoded {
        let number = if name == "plain" { self.sockets[socket].numbers } else { self.sockets[socket].retries };
        let packet = match number % 4 {
            0 => encode::event(NAMES[socket], id, name, &(number, Bytes::from(vec![7; len]))),
            _ => encode::event(NAMES[socket], id, name, &(number, "x".repeat(len))),
        };
        packet.unwrap()
    }

    fn emitted(&mut self, socket: usize, emitted: Result<Emitted, EmitError>) {
        match emitted {
            Ok(Emitted::Sent(pressure) | Emitted::Buffered(pressure)) => {
                self.waiting |= pressure == Pressure::High;
                self.sockets[socket].numbers += 1;
            }
            Err(EmitError::Full) => self.waiting = true,
            Err(EmitError::TooManyAcks) => assert!(self.manager.pending_acks() >= ACKS),
            Err(error) => panic!("{error}"),
        }
    }

    fn open(&mut self, opens: bool) {
        match opens {
            true => self.manager.open(self.engine.clone(), self.now),
            false => self.manager.fail_attempt(self.now),
        }
        if let Link::Asked(attempt) = self.link {
            self.link = Link::Trying(attempt);
        }
    }

    fn accept(&mut self, peer: usize) {
        let ws = self.peers[peer].ws;
        if !std::mem::replace(&mut self.peers[peer].open, true) {
            let (parts, ()) = http::Response::builder().status(101).body(()).unwrap().into_parts();
            self.manager.handle_websocket(ws, &parts, self.now);
            self.say(Some(peer), r#"0{"sid":"E","upgrades":[],"pingInterval":300,"pingTimeout":200}"#.into());
        }
    }

    fn answer(&mut self, peer: usize, space: usize, answer: Answer) {
        if self.peers[peer].spaces[space] != Space::Asking {
            return;
        }
        let name = if space == 0 { String::new() } else { format!("{},", NAMES[space]) };
        let (next, text) = match answer {
            Answer::Accept => (Space::Joined, format!(r#"40{name}{{"sid":"{peer}"}}"#)),
            Answer::Refuse => (Space::Away, format!(r#"44{name}{{"message":"no"}}"#)),
            Answer::Disconnect => (Space::Gone, format!("41{name}")),
            Answer::NoSid => (Space::Joined, format!("40{name}")),
        };
        self.peers[peer].crossed[space] |= matches!(answer, Answer::NoSid);
        self.peers[peer].spaces[space] = next;
        self.say(Some(peer), text);
    }

    fn say(&mut self, peer: Option<usize>, text: String) {
        if let Some(peer) = peer.map(|peer| &self.peers[peer]).filter(|peer| peer.open) {
            self.manager.handle_message(peer.ws, Data::from(text), self.now);
        }
    }

    fn read(&mut self, peer: usize, count: usize) {
        if !self.peers[peer].read(count, self.now) {
            self.manager.handle_websocket_closed(self.peers[peer].ws, false, self.now);
        }
    }

    fn flush(&mut self) {
        for ws in std::mem::take(&mut self.batches) {
            self.manager.handle_flushed(ws, self.now);
        }
    }

    fn wait(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.manager.handle_timeout(self.now);
        self.drain();
        let next = self.manager.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "a passed deadline is left");
    }

    fn drain(&mut self) {
        loop {
            let before = self.log.len();
            while let Some(transmit) = self.manager.poll_transmit() {
                self.log.push(format!("{transmit:?}"));
                match transmit {
                    Transmit::Connect { id, .. } => self.peers.push(Peer::new(id)),
                    Transmit::Frame { id, frame } => {
                        if self.batches.last() != Some(&id) {
                            assert!(!self.batches.contains(&id), "a batch before the previous one is flushed");
                            self.batches.push(id);
                        }
                        self.peers.iter_mut().find(|peer| peer.ws == id).unwrap().sent(frame);
                    }
                    Transmit::Barrier { .. } | Transmit::Close { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
            while let Some(event) = self.manager.poll_event() {
                self.log.push(format!("{event:?}"));
                self.handle_event(event);
            }
            if self.log.len() == before {
                break;
            }
        }
        for socket in &self.sockets {
            assert_eq!(self.manager.is_connected(socket.key), socket.phase == Phase::Connected);
            assert_eq!(self.manager.id(socket.key).is_some(), socket.phase == Phase::Connected);
        }
        assert!(self.manager.buffered() <= BUFFER && self.manager.pending_acks() <= ACKS + NAMES.len());
    }

    fn handle_event(&mut self, event: Event) {
        use Phase::{Asked, Connected, Idle, Left};
        match event {
            Event::Attempt { attempt } => {
                assert!(matches!(self.link, Link::Closed | Link::Asked(_) | Link::Trying(_)));
                self.link = Link::Asked(attempt);
            }
            Event::AttemptFailed { attempt, .. } => {
                assert_eq!(std::mem::replace(&mut self.link, Link::Closed), Link::Trying(attempt));
            }
            Event::Opened { attempt, .. } => {
                assert_eq!(std::mem::replace(&mut self.link, Link::Open), Link::Trying(attempt));
            }
            Event::Closed { .. } => assert_eq!(std::mem::replace(&mut self.link, Link::Closed), Link::Open),
            Event::Waiting { attempt, .. } => assert!(self.link == Link::Closed && (1..=3).contains(&attempt)),
            Event::ReconnectFailed { attempts } => assert!(self.link == Link::Closed && attempts == 3),
            Event::Authenticate { socket } => self.moves(socket, &[Idle, Left], Asked),
            Event::Connected { socket, .. } => self.moves(socket, &[Asked, Left], Connected),
            Event::Refused { socket, .. } | Event::NotJoined { socket, .. } => self.moves(socket, &[Asked, Left], Idle),
            Event::Disconnected { socket, .. } => self.moves(socket, &[Connected], Idle),
            Event::Received { socket, event, .. } => {
                self.moves(socket, &[Connected], Connected);
                let number = number(&event.args);
                let socket = self.sockets.iter_mut().find(|known| known.key == socket).unwrap();
                assert!(number > socket.received);
                socket.received = number;
            }
            Event::Acked { socket, id, result } => {
                let asked = self.asks.remove(&(socket, id)).expect("settled once");
                if let Ok(args) = result {
                    self.moves(socket, &[Connected], Connected);
                    assert_eq!(args.get::<u64>().unwrap(), asked);
                }
            }
            Event::Delivered { socket, retry, result } => {
                let socket = self.sockets.iter_mut().find(|known| known.key == socket).unwrap();
                let (first, number) = socket.reliables.pop_front().expect("delivered once");
                assert_eq!(first, retry);
                assert!(result.is_err() || result.unwrap().get::<u64>().unwrap() == number);
            }
            Event::Ready => self.waiting = false,
            Event::Undecodable(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn moves(&mut self, key: SocketKey, from: &[Phase], to: Phase) {
        let socket = self.sockets.iter_mut().find(|socket| socket.key == key).unwrap();
        assert!(from.contains(&socket.phase), "{:?} to {to:?}", socket.phase);
        socket.phase = to;
    }

    /// Connects all sockets, with a server that answers everything, until everything is settled.
    pub(crate) fn settle(&mut self) {
        self.manager.resume_reading(self.now);
        for _ in 0..100 {
            for socket in 0..NAMES.len() {
                self.step(&Step::Connect(socket));
                self.step(&Step::Authenticate(socket, true));
            }
            self.open(true);
            self.drain();
            for peer in 0..self.peers.len() {
                self.accept(peer);
                self.drain();
                self.read(peer, usize::MAX);
                for space in 0..NAMES.len() {
                    self.answer(peer, space, Answer::Accept);
                }
                for ack in self.peers[peer].acks() {
                    self.say(Some(peer), ack);
                }
                self.drain();
            }
            self.step(&Step::Flush);
            let busy = self.peers.iter().any(Peer::has_unread) || !self.batches.is_empty();
            let connected = self.sockets.iter().all(|socket| socket.phase == Phase::Connected);
            if connected && !busy && self.asks.is_empty() && self.manager.buffered() == 0 {
                break;
            }
            if !matches!(self.link, Link::Open) {
                self.wait(20);
            }
        }
        assert!(self.sockets.iter().all(|socket| socket.phase == Phase::Connected));
        assert!(self.sockets.iter().all(|socket| socket.reliables.is_empty()) && self.asks.is_empty());
        assert_eq!((self.manager.buffered(), self.manager.pending_acks()), (0, 0));
        assert!(!self.waiting && self.manager.pressure() == Pressure::Low);
        for index in 0..NAMES.len() {
            let plain: Vec<u64> = self.peers.iter().flat_map(|peer| peer.plain[index].clone()).collect();
            assert!(plain.is_sorted_by(|a, b| a < b), "{plain:?}");
            let reliable: Vec<u64> = self.peers.iter().flat_map(|peer| peer.reliable[index].clone()).collect();
            assert!(reliable.is_sorted(), "{reliable:?}");
        }
    }

    pub(crate) fn close(&mut self) {
        self.manager.close(self.now);
        self.drain();
        self.step(&Step::Flush);
        self.wait(300);
        assert!(self.manager.is_idle() && self.manager.poll_timeout().is_none());
        assert!(self.sockets.iter().all(|socket| socket.phase == Phase::Idle) && self.link == Link::Closed);
    }
}

fn number(args: &Args) -> u64 {
    args.parse::<(u64, socketio_proto::Value<'_>)>().unwrap().0
}
