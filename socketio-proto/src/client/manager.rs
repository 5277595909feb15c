//! One connection and all its sockets.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use engineio_proto::client::{Session, Transmit};
use engineio_proto::{Data, Instant, Pressure, RequestId, WebSocketId};
use http::Response;
use http::response::Parts;

use super::backoff::Random;
use super::link::{Engine, Link};
use super::member::{Member, Phase};
use super::sending::Control;
use super::{Config, Event};
use crate::acks::AckTable;
use crate::{AckError, Decoder, SocketKey};

/// One connection to a server, its sockets, and the reconnection.
///
/// Feed it what becomes of its requests and WebSockets (`handle_*`) and the application's wishes (the bare verbs); after each of
/// them, or several that belong together, drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event) until neither
/// has any more, then look at [`poll_timeout`](Self::poll_timeout). Two of its events are questions, which it waits to have answered:
/// [`Attempt`](Event::Attempt) and [`Authenticate`](Event::Authenticate).
///
/// The names of requests and WebSockets are never used twice, so that those of a connection that is over and still says goodbye
/// can't be taken for those of the next.
///
/// Beside what its engine session holds (the reference's `writeBuffer`), it holds packets within
/// [`Config::send_buffer_limit`], early events within [`Config::receive_buffer_limit`], [`Config::max_pending_acks`] acks, one
/// packet that waits for its attachments, within [`Config::decoder`], and a few dozen events until they are taken.
///
/// ```
/// use std::sync::Arc;
/// use engineio_proto::{Data, Instant, Packet, TransportKind};
/// use engineio_proto::client::{Config as EngineConfig, Transmit};
/// use socketio_proto::client::{Config, Event, Manager, SocketConfig};
/// use socketio_proto::encode;
///
/// # let now = Instant::now();
/// let mut manager = Manager::new(Arc::new(Config::default()), 42, now);
/// let socket = manager.socket("/", SocketConfig::default());
/// manager.emit(socket, encode::event("/", None, "hello", &"world")?, now)?; // kept until there is a connection
/// manager.connect(socket, now);
///
/// // It asks where to connect to, and for a WebSocket there ...
/// let Some(Event::Attempt { attempt: 0 }) = manager.poll_event() else { panic!() };
/// let engine = EngineConfig::builder().path("/socket.io").transports([TransportKind::WebSocket]).build()?;
/// manager.open(Arc::new(engine), now);
/// let Some(Transmit::Connect { id, request }) = manager.poll_transmit() else { panic!() };
/// assert_eq!(request.uri(), "/socket.io/?EIO=4&transport=websocket");
/// let (parts, ()) = http::Response::builder().status(101).body(())?.into_parts();
/// manager.handle_websocket(id, &parts, now);
/// let open = r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
/// manager.handle_message(id, Data::from(open), now);
///
/// // ... then as whom to join ...
/// assert!(matches!(manager.poll_event(), Some(Event::Opened { .. })));
/// let Some(Event::Authenticate { socket }) = manager.poll_event() else { panic!() };
/// manager.authenticate(socket, None, now);
/// let Some(Transmit::Frame { frame, .. }) = manager.poll_transmit() else { panic!() };
/// assert_eq!(frame, Packet::Message(Data::from("0")).into_frame());
/// assert!(manager.poll_transmit().is_none());
/// manager.handle_flushed(id, now);
///
/// // ... and what was kept leaves.
/// manager.handle_message(id, Data::from(r#"40{"sid":"socket"}"#), now);
/// assert!(matches!(manager.poll_event(), Some(Event::Connected { id, .. }) if id == "socket"));
/// let Some(Transmit::Frame { frame, .. }) = manager.poll_transmit() else { panic!() };
/// assert_eq!(frame, Packet::Message(Data::from(r#"2["hello","world"]"#)).into_frame());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Manager {
    pub(super) config: Arc<Config>,
    /// The latest time that an input brought.
    pub(super) now: Instant,
    pub(super) random: Random,
    pub(super) link: Link,
    /// The attempt under way: 0 if the connection is not being made again.
    pub(super) attempt: u32,
    /// Engine sessions that are over for us, until they have said goodbye.
    pub(super) former: Vec<Engine>,
    /// How many engine sessions there were.
    pub(super) epochs: u64,
    pub(super) prior_websocket: bool,
    pub(super) decoder: Decoder,
    /// The engine session was overdue when something was emitted, and has not been judged since: what is emitted waits.
    pub(super) doubtful: bool,
    /// In the order in which they were made.
    pub(super) members: Vec<Member>,
    pub(super) acks: AckTable,
    /// CONNECT and DISCONNECT for which the engine session has no room; two of a socket at most.
    pub(super) controls: VecDeque<Control>,
    /// What the send buffers and retry queues hold, as their limit counts.
    pub(super) buffered: usize,
    /// What events that came early hold, as their limit counts.
    pub(super) early: usize,
    pub(super) room: Room,
    /// What the outbox of the last connection could hold.
    pub(super) outbox_limit: usize,
    pub(super) events: VecDeque<Event>,
    pub(super) next_key: u64,
    pub(super) next_retry: u64,
}

/// Who waits for room, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Nobody.
    Ample,
    /// The pressure has been high, and nobody was told yet that it no longer is.
    Scarce,
    /// A packet was refused although the pressure was low. It will be no other until something has left.
    Refused,
}

/// The queue of events is given back beyond this many places: the loss of a connection can settle many acks at once.
const KEPT: usize = 64;

impl Manager {
    /// A manager without sockets. The seed decides pauses and timestamps in URLs: take a random number, so that not all clients do
    /// the same. It need not be secret.
    pub fn new(config: Arc<Config>, seed: u64, now: Instant) -> Self {
        let decoder = Decoder::new(config.decoder);
        Self {
            config,
            now,
            random: Random::new(seed),
            link: Link::Idle,
            attempt: 0,
            former: Vec::new(),
            epochs: 0,
            prior_websocket: false,
            decoder,
            doubtful: false,
            members: Vec::new(),
            acks: AckTable::new(),
            controls: VecDeque::new(),
            buffered: 0,
            early: 0,
            room: Room::Ample,
            outbox_limit: usize::MAX,
            events: VecDeque::new(),
            next_key: 0,
            next_retry: 0,
        }
    }

    /// The engine session in use, or tried at present, to look at.
    pub fn engine(&self) -> Option<&Session> {
        self.link.engine().map(|engine| &engine.session)
    }

    /// Whether the socket has joined its namespace.
    pub fn is_connected(&self, socket: SocketKey) -> bool {
        self.member(socket).is_some_and(Member::is_connected)
    }

    /// Whether the socket is connected, or will be without being told to: it was told to connect, was not refused or disconnected since,
    /// and the attempts have not been given up.
    pub fn is_active(&self, socket: SocketKey) -> bool {
        !matches!(self.link, Link::Idle) && self.is_wanted(socket)
    }

    /// Whether the socket was told to connect, and not refused or disconnected since. It joins its namespace with the next connection,
    /// which another socket may ask for even after the attempts have been given up.
    pub fn is_wanted(&self, socket: SocketKey) -> bool {
        self.member(socket).is_some_and(Member::is_active)
    }

    /// Whether the socket has ended until it is told to connect: it was disconnected or refused, or the attempts have been given up.
    /// Not so before it is told to connect for the first time.
    pub fn is_over(&self, socket: SocketKey) -> bool {
        !self.is_active(socket) && self.member(socket).is_some_and(|member| member.phase != Phase::Idle)
    }

    /// The id that the server gave the socket, while it is connected.
    pub fn id(&self, socket: SocketKey) -> Option<&str> {
        match &self.member(socket)?.phase {
            Phase::Connected(id) => Some(id),
            _ => None,
        }
    }

    /// Whether there is nothing to do: no connection, none to be made, and no goodbye to be said. Also after all attempts failed.
    pub fn is_idle(&self) -> bool {
        matches!(self.link, Link::Idle) && self.former.is_empty()
    }

    /// How many acks the server owes, and will owe once it has what waits for a connection.
    pub fn pending_acks(&self) -> usize {
        self.acks.len()
    }

    /// How many bytes wait for a connection or for an acknowledgement, as [`Config::send_buffer_limit`] counts.
    pub fn buffered(&self) -> usize {
        self.buffered
    }

    /// How full the buffers are: that of the engine session, and those of the sockets.
    pub fn pressure(&self) -> Pressure {
        let engine = self.engine().is_some_and(|engine| engine.pressure() == Pressure::High);
        match engine || self.buffered > self.config.send_buffer_limit / 2 {
            true => Pressure::High,
            false => Pressure::Low,
        }
    }

    pub(super) fn member(&self, socket: SocketKey) -> Option<&Member> {
        self.members.iter().find(|member| member.key == socket)
    }

    pub(super) fn member_mut(&mut self, socket: SocketKey) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.key == socket)
    }
}

/// Inputs: something happened. Drain the outputs after each. Of names that are not under way nothing is taken.
impl Manager {
    /// The whole response to a request.
    pub fn handle_response(&mut self, id: RequestId, response: Response<Bytes>, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_response(id, response, now));
    }

    /// There is no whole response to a request.
    pub fn handle_request_failed(&mut self, id: RequestId, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_request_failed(id, now));
    }

    /// A WebSocket is open: the head of its `101`.
    pub fn handle_websocket(&mut self, id: WebSocketId, parts: &Parts, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_websocket(id, parts, now));
    }

    /// A WebSocket could not be opened; the status, if the server refused it with one.
    pub fn handle_websocket_failed(&mut self, id: WebSocketId, status: Option<u16>, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_websocket_failed(id, status, now));
    }

    /// A message came by a WebSocket.
    pub fn handle_message(&mut self, id: WebSocketId, data: Data, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_message(id, data, now));
    }

    /// The batch that was transmitted to a WebSocket has been written.
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_flushed(id, now));
    }

    /// A WebSocket that was open ended, or broke (`error`).
    pub fn handle_websocket_closed(&mut self, id: WebSocketId, error: bool, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_websocket_closed(id, error, now));
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Early, late and spurious calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock(now);
        for engine in &mut self.former {
            engine.session.handle_timeout(now);
        }
        if let Some(engine) = self.link.engine_mut() {
            engine.session.handle_timeout(now);
        }
        self.process();
        while let Some((socket, id)) = self.acks.pop_expired(now) {
            self.settle(socket, id, Err(AckError::Timeout));
        }
        if let Err(error) = self.decoder.handle_timeout(now) {
            self.undecodable(error);
        }
        if self.link.deadline(self.decoder.is_paused()).is_some_and(|deadline| deadline <= now) {
            self.link_is_due();
        }
        self.process();
        self.trust(false);
    }

    /// The driver stops reading from the server. What the server owes the client's reading stands still: the ping, the
    /// attachments of a packet that has begun, and the opening of a session. See [`Session::pause_reading`].
    pub fn pause_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        self.decoder.pause_reading();
        if let Some(engine) = self.link.engine_mut() {
            engine.session.pause_reading(now);
        }
        self.process();
    }

    /// The driver reads again: all of that gets its whole time anew.
    pub fn resume_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        if self.decoder.is_paused() {
            self.decoder.resume_reading(now);
            self.extend_attempt();
        }
        if let Some(engine) = self.link.engine_mut() {
            engine.session.resume_reading(now);
        }
        self.process();
    }

    fn input(&mut self, id: u64, now: Instant, give: impl FnOnce(&mut Session, Instant)) {
        let now = self.clock(now);
        let engines = self.link.engine_mut().into_iter().chain(&mut self.former);
        if let Some(engine) = engines.into_iter().find(|engine| engine.named(id)) {
            give(&mut engine.session, now);
        }
        self.process();
        self.trust(false);
    }

    /// Time does not go backwards.
    pub(super) fn clock(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

/// Outputs: drain [`poll_transmit`](Manager::poll_transmit) and [`poll_event`](Manager::poll_event) until neither has any more, then
/// look at [`poll_timeout`](Manager::poll_timeout).
impl Manager {
    /// The next thing to do for the connection, or for one before it.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let mut index = 0;
        while let Some(engine) = self.former.get_mut(index) {
            if let Some(transmit) = engine.farewell() {
                return Some(transmit);
            }
            match engine.session.is_closed() {
                true => drop(self.former.remove(index)),
                false => index += 1,
            }
        }
        let transmit = self.link.engine_mut().and_then(|engine| engine.session.poll_transmit());
        if transmit.is_none() {
            // The last of what was to leave may be what a close has waited for.
            self.process();
        }
        transmit
    }

    /// The next thing that happened.
    ///
    /// A long body is read bit by bit as this is called, so there may be something to transmit afterwards.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() {
            self.process();
        }
        let event = self.events.pop_front();
        if self.events.is_empty() && self.events.capacity() > KEPT {
            self.events.shrink_to(KEPT / 4);
        }
        event
    }

    /// Whether [`poll_event`](Self::poll_event) may have something to say.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty() || self.engine().is_some_and(Session::has_events)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing happens before: the next attempt, the end of the time it
    /// has, a ping, acks and attachments that are due. None if nothing is waited for.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own =
            [self.link.deadline(self.decoder.is_paused()), self.acks.next_deadline(), self.decoder.poll_timeout()];
        let engines = self.link.engine().into_iter().chain(&self.former);
        own.into_iter().chain(engines.map(|engine| engine.session.poll_timeout())).flatten().min()
    }
}
