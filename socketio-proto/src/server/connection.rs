//! A connection: one client's engine session and its sockets.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use engineio_proto::server::{Session, Transmit};
use engineio_proto::{Data, Instant, RequestId, Text, WebSocketId};
use http::request::Parts;

use super::{Config, Event};
use crate::acks::AckTable;
use crate::{AckError, Decoder, SocketKey};

/// One client of a server: its engine session, its sockets in their namespaces, and its pending acks.
///
/// Pass it what happens to the client's HTTP requests and WebSockets (`handle_*`) and the server's commands (bare
/// verbs). After each of them, or after several, drain [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event) until both return `None`, then read [`poll_timeout`](Self::poll_timeout).
///
/// Memory: besides its engine session, it holds a few dozen events until they are taken, at most
/// [`Config::max_namespaces`] names and [`Config::max_pending_acks`] acks, and one packet that waits for its
/// attachments, within [`Config::decoder`].
///
/// ```
/// use std::sync::Arc;
/// use engineio_proto::{Config as EngineConfig, Data, Instant, Sid, WebSocketId};
/// use engineio_proto::server::{Session, Transmit};
/// use socketio_proto::server::{Config, Connection, Event};
///
/// # let now = Instant::now();
/// let ws = WebSocketId(1);
/// let request = http::Request::get("/socket.io/?EIO=4&transport=websocket").body(()).unwrap().into_parts().0;
/// let config = Arc::new(EngineConfig::default());
/// let session = Session::open_websocket(config, Sid::from_entropy([7; 15]), ws, &request, now);
/// let mut connection = Connection::new(session, Arc::new(Config::default()), now);
/// while connection.poll_transmit().is_some() {} // the handshake is sent
/// connection.handle_flushed(ws, now);
///
/// connection.handle_message(ws, Data::from("40"), now);
/// let Some(Event::Connecting { socket, namespace, .. }) = connection.poll_event() else { unreachable!() };
/// assert_eq!(namespace, "/");
/// connection.accept(socket, [9; 15]).unwrap();
/// let Some(Transmit::Frame { frame, .. }) = connection.poll_transmit() else { unreachable!() };
/// assert!(frame.prefix == Some(b'4') && frame.body.starts_with(b"0{\"sid\":"));
/// ```
#[derive(Debug)]
pub struct Connection {
    pub(super) engine: Session,
    pub(super) config: Arc<Config>,
    /// The latest time passed by an input.
    pub(super) now: Instant,
    pub(super) decoder: Decoder,
    /// In the order of their CONNECTs; at most [`Config::max_namespaces`], including those that left.
    pub(super) members: Vec<Member>,
    pub(super) acks: AckTable,
    /// The deadline for joining a namespace; `None` once a socket has joined.
    pub(super) connect_deadline: Option<Instant>,
    pub(super) events: VecDeque<Event>,
    pub(super) next_key: u64,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: SocketKey,
    /// Copied, so that it does not pin the received buffer.
    pub(super) namespace: Text,
    pub(super) phase: Phase,
}

/// ```text
///  Pending --accept()--> Connected --DISCONNECT--> (gone)
///     |---refuse()-> (gone)  |
///     '----- disconnect() ---'--> Left --CONNECT--> (gone, and another is Pending)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The driver has not accepted or refused the CONNECT.
    Pending,
    Connected,
    /// The server disconnected the socket. The client's packets are ignored, because it may not have received the
    /// DISCONNECT.
    Left,
}

/// The largest capacity that an empty event queue keeps: the end of a socket can settle many acks at once.
const KEPT: usize = 64;

/// ```text
///  Open --violation, undecodable packet, close()--> Closing --engine closed--> Closed
///    '----------------------- engine closed ------------------------------------^
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// The engine session is draining; the client's packets are ignored.
    Closing,
    Closed,
}

impl Connection {
    /// Creates a connection from a newly opened engine session. The connect timer starts at `now`.
    pub fn new(mut engine: Session, config: Arc<Config>, now: Instant) -> Self {
        // The client's CONNECT.
        engine.expect_message();
        let connect_deadline = now.checked_add(config.connect_timeout);
        let decoder = Decoder::new(config.decoder);
        Self {
            engine,
            config,
            now,
            decoder,
            members: Vec::new(),
            acks: AckTable::new(),
            connect_deadline,
            events: VecDeque::new(),
            next_key: 0,
            state: State::Open,
        }
    }

    /// The underlying engine session.
    pub fn engine(&self) -> &Session {
        &self.engine
    }

    /// The namespace of a pending or connected socket.
    pub fn namespace(&self, socket: SocketKey) -> Option<&Text> {
        let member = self.members.iter().find(|member| member.key == socket && member.phase != Phase::Left);
        member.map(|member| &member.namespace)
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Number of pending acks.
    pub fn pending_acks(&self) -> usize {
        self.acks.len()
    }
}

/// Inputs: something happened. Drain the outputs after each.
impl Connection {
    /// An HTTP request that [`verify`](engineio_proto::http::verify) assigned to this session.
    pub fn handle_request(&mut self, id: RequestId, parts: &Parts, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_request(id, parts, now);
        self.process();
    }

    /// The complete body of a request that the connection asked to receive.
    pub fn handle_body(&mut self, id: RequestId, body: Bytes, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_body(id, body, now);
        self.process();
    }

    /// The body of a request exceeded its limit, and the driver stopped reading it.
    pub fn handle_body_too_large(&mut self, id: RequestId, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_body_too_large(id, now);
        self.process();
    }

    /// Bytes of an incomplete request body were received. See [`Session::handle_body_progress`].
    pub fn handle_body_progress(&mut self, id: RequestId, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_body_progress(id, now);
    }

    /// The client aborted a request before it was answered.
    pub fn handle_aborted(&mut self, id: RequestId, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_aborted(id, now);
        self.process();
    }

    /// A WebSocket was accepted for this session; `parts` is its HTTP request.
    pub fn handle_websocket(&mut self, id: WebSocketId, parts: &Parts, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_websocket(id, parts, now);
        self.process();
    }

    /// A message arrived on a WebSocket.
    pub fn handle_message(&mut self, id: WebSocketId, data: Data, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_message(id, data, now);
        self.process();
    }

    /// Bytes of an incomplete message were received from a WebSocket, or a part of the batch last taken for it has been written. See [`Session::handle_progress`].
    pub fn handle_progress(&mut self, id: WebSocketId, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_progress(id, now);
    }

    /// The last batch taken for a WebSocket has been written.
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_flushed(id, now);
        self.process();
    }

    /// A WebSocket was closed, or failed (`error`).
    pub fn handle_websocket_closed(&mut self, id: WebSocketId, error: bool, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_websocket_closed(id, error, now);
        self.process();
    }

    /// All events taken from [`poll_event`](Self::poll_event) have been handled, so no answers to them are pending. See
    /// [`Session::handle_idle`].
    #[inline]
    pub fn handle_idle(&mut self, now: Instant) {
        let joined = self.connect_deadline.is_none();
        if self.engine.is_handling() && joined && self.events.is_empty() {
            let now = self.clock(now);
            self.engine.handle_idle(now);
        }
    }

    /// The deadline of [`poll_timeout`](Self::poll_timeout) has passed. Early, late and spurious calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_timeout(now);
        self.process();
        while let Some((socket, id)) = self.acks.pop_expired(now) {
            self.events.push_back(Event::Acked { socket, id, result: Err(AckError::Timeout) });
        }
        if let Err(error) = self.decoder.handle_timeout(now) {
            self.undecodable(error);
        }
        if self.connect_deadline.is_some_and(|deadline| deadline <= now) {
            self.close_engine();
        }
    }

    /// Time has passed: sends a due ping and answers a held poll, but does not check the client's deadlines. See
    /// [`Session::handle_tick`].
    pub fn handle_tick(&mut self, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_tick(now);
        self.process();
    }

    /// The driver stops reading from this client. Suspends the deadlines for what the client sends: the pong, and the
    /// attachments of a pending packet. See [`Session::pause_reading`].
    pub fn pause_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        self.engine.pause_reading(now);
        self.decoder.pause_reading();
        self.process();
    }

    /// The driver resumes reading. The deadlines for pong and attachments start again with their full timeouts.
    pub fn resume_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        self.engine.resume_reading(now);
        self.decoder.resume_reading(now);
        self.process();
    }

    /// Clamps a time that goes backwards.
    pub(super) fn clock(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

/// Outputs: drain [`poll_transmit`](Connection::poll_transmit) and [`poll_event`](Connection::poll_event) until both
/// return `None`, then read [`poll_timeout`](Connection::poll_timeout).
impl Connection {
    /// The next action on the client's requests and WebSockets.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.engine.poll_transmit();
        if transmit.is_none() {
            // A close may have waited for the last transmit.
            self.process();
        }
        transmit
    }

    /// The next event.
    ///
    /// A long request body is decoded in parts by these calls and answered at its end, so there may be something to
    /// transmit afterwards.
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
        !self.events.is_empty() || self.engine.has_events()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), unless another call changes it before. `None` once the
    /// connection has ended.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state == State::Closed {
            return None;
        }
        let own = [self.connect_deadline, self.acks.next_deadline(), self.decoder.poll_timeout()];
        own.into_iter().chain([self.engine.poll_timeout()]).flatten().min()
    }
}
