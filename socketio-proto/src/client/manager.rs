//! The manager: one connection and its sockets.

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

/// One connection to a server with its sockets and its reconnection.
///
/// Pass it what happens to its requests and WebSockets (`handle_*`) and the application's commands (bare verbs). After
/// each of them, or after several, drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event)
/// until both return `None`, then read [`poll_timeout`](Self::poll_timeout). Two events need an answer:
/// [`Attempt`](Event::Attempt) and [`Authenticate`](Event::Authenticate).
///
/// The ids of requests and WebSockets are never reused, so those of a connection that is still closing can't be
/// confused with those of the next one.
///
/// Memory: besides its engine session (the reference's `writeBuffer`), it holds packets within
/// [`Config::send_buffer_limit`], early events within [`Config::receive_buffer_limit`], [`Config::max_pending_acks`]
/// acks, one packet that waits for its attachments, within [`Config::decoder`], and a few dozen events until they are
/// taken.
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
/// manager.emit(socket, encode::event("/", None, "hello", &"world")?, now)?; // buffered until there is a connection
/// manager.connect(socket, now);
///
/// // The manager asks where to connect to, and opens a WebSocket there ...
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
/// // ... then asks for the credentials ...
/// assert!(matches!(manager.poll_event(), Some(Event::Opened { .. })));
/// let Some(Event::Authenticate { socket }) = manager.poll_event() else { panic!() };
/// manager.authenticate(socket, None, now);
/// let Some(Transmit::Frame { frame, .. }) = manager.poll_transmit() else { panic!() };
/// assert_eq!(frame, Packet::Message(Data::from("0")).into_frame());
/// assert!(manager.poll_transmit().is_none());
/// manager.handle_flushed(id, now);
///
/// // ... and sends the buffered packet.
/// manager.handle_message(id, Data::from(r#"40{"sid":"socket"}"#), now);
/// assert!(matches!(manager.poll_event(), Some(Event::Connected { id, .. }) if id == "socket"));
/// let Some(Transmit::Frame { frame, .. }) = manager.poll_transmit() else { panic!() };
/// assert_eq!(frame, Packet::Message(Data::from(r#"2["hello","world"]"#)).into_frame());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Manager {
    pub(super) config: Arc<Config>,
    /// The latest time passed by an input.
    pub(super) now: Instant,
    pub(super) random: Random,
    pub(super) link: Link,
    /// The number of the current attempt; 0 if it is not a reconnection.
    pub(super) attempt: u32,
    /// Detached engine sessions, until they are closed.
    pub(super) closing: Vec<Engine>,
    /// Number of engine sessions so far.
    pub(super) epochs: u64,
    pub(super) prior_websocket: bool,
    pub(super) decoder: Decoder,
    /// Emitted packets are held: a deadline of the engine session had expired at an emit, and has not been handled
    /// since.
    pub(super) holding: bool,
    /// In the order of their creation.
    pub(super) members: Vec<Member>,
    pub(super) acks: AckTable,
    /// CONNECTs and DISCONNECTs that don't fit into the engine session; at most two per socket.
    pub(super) controls: VecDeque<Control>,
    /// Bytes in the send buffers and retry queues, as counted by their limit.
    pub(super) buffered: usize,
    /// Bytes of early events, as counted by their limit.
    pub(super) early: usize,
    pub(super) ready: ReadyEvent,
    /// The outbox limit of the last connection.
    pub(super) outbox_limit: usize,
    pub(super) events: VecDeque<Event>,
    pub(super) next_key: u64,
    pub(super) next_retry: u64,
}

/// Whether an [`Event::Ready`] is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadyEvent {
    /// None is due.
    NotDue,
    /// Due once the pressure is low: it has been high.
    AtLowPressure,
    /// Due once the buffers have shrunk: a packet was refused although the pressure was low.
    AfterRelease,
}

/// The largest capacity that an empty event queue keeps: the loss of a connection can settle many acks at once.
const KEPT: usize = 64;

impl Manager {
    /// Creates a manager without sockets. Pauses and timestamps in URLs are derived from the seed. Use a random number,
    /// so that clients don't act in step; it need not be secret.
    pub fn new(config: Arc<Config>, seed: u64, now: Instant) -> Self {
        let decoder = Decoder::new(config.decoder);
        Self {
            config,
            now,
            random: Random::new(seed),
            link: Link::Idle,
            attempt: 0,
            closing: Vec::new(),
            epochs: 0,
            prior_websocket: false,
            decoder,
            holding: false,
            members: Vec::new(),
            acks: AckTable::new(),
            controls: VecDeque::new(),
            buffered: 0,
            early: 0,
            ready: ReadyEvent::NotDue,
            outbox_limit: usize::MAX,
            events: VecDeque::new(),
            next_key: 0,
            next_retry: 0,
        }
    }

    /// The engine session that is open or being opened.
    pub fn engine(&self) -> Option<&Session> {
        self.link.engine().map(|engine| &engine.session)
    }

    /// Whether the socket has joined its namespace.
    pub fn is_connected(&self, socket: SocketKey) -> bool {
        self.member(socket).is_some_and(Member::is_connected)
    }

    /// Whether the socket is connected or going to connect: [`connect`](Self::connect) was called, the socket has not
    /// been refused or disconnected since, and the attempts have not ended.
    pub fn is_active(&self, socket: SocketKey) -> bool {
        !matches!(self.link, Link::Idle) && self.is_wanted(socket)
    }

    /// Whether [`connect`](Self::connect) was called and the socket has not been refused or disconnected since. Such a
    /// socket joins its namespace with the next connection, which another socket may start even after the attempts have
    /// ended.
    pub fn is_wanted(&self, socket: SocketKey) -> bool {
        self.member(socket).is_some_and(Member::is_active)
    }

    /// Whether the socket stays disconnected until the next [`connect`](Self::connect): it was disconnected or refused,
    /// or the attempts have ended. `false` before the first `connect`.
    pub fn is_over(&self, socket: SocketKey) -> bool {
        !self.is_active(socket) && self.member(socket).is_some_and(|member| member.phase != Phase::Idle)
    }

    /// The id that the server assigned to the socket, while it is connected.
    pub fn id(&self, socket: SocketKey) -> Option<&str> {
        match &self.member(socket)?.phase {
            Phase::Connected(id) => Some(id),
            _ => None,
        }
    }

    /// Whether there is nothing to do: no connection, no attempt, and no session that is still closing. Also true after
    /// all attempts failed.
    pub fn is_idle(&self) -> bool {
        matches!(self.link, Link::Idle) && self.closing.is_empty()
    }

    /// Number of pending acks, including those of buffered packets.
    pub fn pending_acks(&self) -> usize {
        self.acks.len()
    }

    /// Number of bytes in the send buffers and retry queues, as counted by [`Config::send_buffer_limit`].
    pub fn buffered(&self) -> usize {
        self.buffered
    }

    /// How full the buffers of the engine session and of the sockets are.
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

/// Inputs: something happened. Drain the outputs after each. Inputs for unknown ids are ignored.
impl Manager {
    /// The complete response to a request.
    pub fn handle_response(&mut self, id: RequestId, response: Response<Bytes>, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_response(id, response, now));
    }

    /// A request failed before its response was complete.
    pub fn handle_request_failed(&mut self, id: RequestId, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_request_failed(id, now));
    }

    /// A WebSocket was opened; `parts` is the head of its `101` response.
    pub fn handle_websocket(&mut self, id: WebSocketId, parts: &Parts, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_websocket(id, parts, now));
    }

    /// A WebSocket could not be opened; `status` is that of the server's refusal, if any.
    pub fn handle_websocket_failed(&mut self, id: WebSocketId, status: Option<u16>, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_websocket_failed(id, status, now));
    }

    /// A message arrived on a WebSocket.
    pub fn handle_message(&mut self, id: WebSocketId, data: Data, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_message(id, data, now));
    }

    /// Bytes of an incomplete message were received from a WebSocket. See [`Session::handle_progress`].
    pub fn handle_progress(&mut self, id: WebSocketId, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_progress(id, now));
    }

    /// Bytes of an incomplete response to a request were received. See [`Session::handle_response_progress`].
    pub fn handle_response_progress(&mut self, id: RequestId, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_response_progress(id, now));
    }

    /// The last batch taken for a WebSocket has been written.
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_flushed(id, now));
    }

    /// An open WebSocket was closed, or failed (`error`).
    pub fn handle_websocket_closed(&mut self, id: WebSocketId, error: bool, now: Instant) {
        self.input(id.0, now, |engine, now| engine.handle_websocket_closed(id, error, now));
    }

    /// The deadline of [`poll_timeout`](Self::poll_timeout) has passed. Early, late and spurious calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock(now);
        for engine in &mut self.closing {
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
            self.handle_link_timeout();
        }
        self.process();
        self.end_hold(false);
    }

    /// The driver stops reading from the server. Suspends the deadlines for what the server sends: the ping, the
    /// attachments of a pending packet, and the opening of a session. See [`Session::pause_reading`].
    pub fn pause_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        self.decoder.pause_reading();
        if let Some(engine) = self.link.engine_mut() {
            engine.session.pause_reading(now);
        }
        self.process();
    }

    /// The driver resumes reading. The suspended deadlines start again with their full timeouts.
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

    fn input(&mut self, id: u64, now: Instant, handle: impl FnOnce(&mut Session, Instant)) {
        let now = self.clock(now);
        let engines = self.link.engine_mut().into_iter().chain(&mut self.closing);
        if let Some(engine) = engines.into_iter().find(|engine| engine.issued(id)) {
            handle(&mut engine.session, now);
        }
        self.process();
        self.end_hold(false);
    }

    /// Clamps a time that goes backwards.
    pub(super) fn clock(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

/// Outputs: drain [`poll_transmit`](Manager::poll_transmit) and [`poll_event`](Manager::poll_event) until both return
/// `None`, then read [`poll_timeout`](Manager::poll_timeout).
impl Manager {
    /// The next action on the requests and WebSockets of the connection, or of one that is still closing.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let mut index = 0;
        while let Some(engine) = self.closing.get_mut(index) {
            if let Some(transmit) = engine.poll_closing() {
                return Some(transmit);
            }
            match engine.session.is_closed() {
                true => drop(self.closing.remove(index)),
                false => index += 1,
            }
        }
        let transmit = self.link.engine_mut().and_then(|engine| engine.session.poll_transmit());
        if transmit.is_none() {
            // A close may have waited for the last transmit.
            self.process();
        }
        transmit
    }

    /// The next event.
    ///
    /// A long response body is decoded in parts by these calls, so there may be something to transmit afterwards.
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

    /// Whether [`poll_event`](Self::poll_event) may return an event.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty() || self.engine().is_some_and(Session::has_events)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless another call changes it before: the earliest
    /// deadline of the next attempt, its timeout, the heartbeat, acks and attachments. `None` if there is none.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own =
            [self.link.deadline(self.decoder.is_paused()), self.acks.next_deadline(), self.decoder.poll_timeout()];
        let engines = self.link.engine().into_iter().chain(&self.closing);
        own.into_iter().chain(engines.map(|engine| engine.session.poll_timeout())).flatten().min()
    }
}
