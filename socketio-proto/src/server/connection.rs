//! One client: its engine session and all its sockets.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use engineio_proto::server::{Session, Transmit};
use engineio_proto::{Data, Instant, RequestId, Text, WebSocketId};
use http::request::Parts;

use super::{Config, Event};
use crate::acks::AckTable;
use crate::{AckError, Decoder, SocketKey};

/// One client of a server: its engine session, its sockets in their namespaces, the acks it owes.
///
/// Feed it what happens to the client's HTTP requests and WebSockets (`handle_*`) and the server's wishes (the bare verbs);
/// after each of them, or several that belong together, drain [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event) until neither has any more, then look at [`poll_timeout`](Self::poll_timeout).
///
/// Beside what its engine session holds, it holds a few dozen events until they are taken, at most
/// [`Config::max_namespaces`] names, [`Config::max_pending_acks`] acks, and one packet that waits for its attachments, within
/// [`Config::decoder`].
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
/// while connection.poll_transmit().is_some() {} // the handshake leaves
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
    /// The latest time that an input brought.
    pub(super) now: Instant,
    pub(super) decoder: Decoder,
    /// In the order of their CONNECTs; at most [`Config::max_namespaces`], those that left included.
    pub(super) members: Vec<Member>,
    pub(super) acks: AckTable,
    /// When the connection ends unless a socket has joined; none once one has.
    pub(super) connect_deadline: Option<Instant>,
    pub(super) events: VecDeque<Event>,
    pub(super) next_key: u64,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: SocketKey,
    /// In memory of its own: a part of what the client sent would keep all of that.
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
    /// The driver has not answered the CONNECT.
    Pending,
    Connected,
    /// The server disconnected it, and the client may not have heard of it: what it still says is ignored.
    Left,
}

/// The queue of events is given back beyond this many places: the end of a socket can settle many acks at once.
const KEPT: usize = 64;

/// ```text
///  Open --violation, undecodable packet, close()--> Deaf --engine closed--> Closed
///    '----------------------- engine closed ---------------------------------^
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Open,
    /// The engine session is draining; what the client still says is ignored.
    Deaf,
    Closed,
}

impl Connection {
    /// Takes over a freshly opened engine session. The connect timer starts at `now`.
    pub fn new(mut engine: Session, config: Arc<Config>, now: Instant) -> Self {
        // Its CONNECT.
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

    /// The engine session below, to look at.
    pub fn engine(&self) -> &Session {
        &self.engine
    }

    /// The namespace of a socket that is pending or connected.
    pub fn namespace(&self, socket: SocketKey) -> Option<&Text> {
        let member = self.members.iter().find(|member| member.key == socket && member.phase != Phase::Left);
        member.map(|member| &member.namespace)
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// How many acks the client owes.
    pub fn pending_acks(&self) -> usize {
        self.acks.len()
    }
}

/// Inputs: something happened. Drain the outputs after each.
impl Connection {
    /// An HTTP request that [`verify`](engineio_proto::http::verify) gave to this session.
    pub fn handle_request(&mut self, id: RequestId, parts: &Parts, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_request(id, parts, now);
        self.process();
    }

    /// The whole body of a request that was to be received.
    pub fn handle_body(&mut self, id: RequestId, body: Bytes, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_body(id, body, now);
        self.process();
    }

    /// The body of a request went over its limit; reading stopped.
    pub fn handle_body_too_large(&mut self, id: RequestId, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_body_too_large(id, now);
        self.process();
    }

    /// The client gave up a request before it was answered.
    pub fn handle_aborted(&mut self, id: RequestId, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_aborted(id, now);
        self.process();
    }

    /// A WebSocket was accepted for this session, from this request.
    pub fn handle_websocket(&mut self, id: WebSocketId, parts: &Parts, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_websocket(id, parts, now);
        self.process();
    }

    /// One message of a WebSocket.
    pub fn handle_message(&mut self, id: WebSocketId, data: Data, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_message(id, data, now);
        self.process();
    }

    /// The batch last taken for a WebSocket has left.
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_flushed(id, now);
        self.process();
    }

    /// A WebSocket is gone: closed, or broken (`error`).
    pub fn handle_websocket_closed(&mut self, id: WebSocketId, error: bool, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_websocket_closed(id, error, now);
        self.process();
    }

    /// All events that were taken from [`poll_event`](Self::poll_event) are handled: no answer to them is to be expected. See
    /// [`Session::handle_idle`].
    pub fn handle_idle(&mut self, now: Instant) {
        let now = self.clock(now);
        let joined = self.connect_deadline.is_none();
        if joined && self.events.is_empty() {
            self.engine.handle_idle(now);
        }
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Early, late and spurious calls are harmless.
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

    /// Time has passed: a ping leaves, a poll that is held is let go. Whether the client is late is not asked. See
    /// [`Session::handle_tick`].
    pub fn handle_tick(&mut self, now: Instant) {
        let now = self.clock(now);
        self.engine.handle_tick(now);
        self.process();
    }

    /// The driver stops reading from this client. What the client owes the server's reading stands still: the pong, and the
    /// attachments of a packet that has begun. See [`Session::pause_reading`].
    pub fn pause_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        self.engine.pause_reading(now);
        self.decoder.pause_reading();
        self.process();
    }

    /// The driver reads again: pong and attachments get their whole time anew.
    pub fn resume_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        self.engine.resume_reading(now);
        self.decoder.resume_reading(now);
        self.process();
    }

    /// Time does not go backwards.
    pub(super) fn clock(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

/// Outputs: drain [`poll_transmit`](Connection::poll_transmit) and [`poll_event`](Connection::poll_event) until neither has any
/// more, then look at [`poll_timeout`](Connection::poll_timeout).
impl Connection {
    /// The next thing to do for the client's requests and WebSockets.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.engine.poll_transmit();
        if transmit.is_none() {
            // The last of what was to leave may be what a close has waited for.
            self.process();
        }
        transmit
    }

    /// The next thing that happened.
    ///
    /// A long body is read bit by bit as this is called, and answered at its end, so there may be something to transmit
    /// afterwards.
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
        !self.events.is_empty() || self.engine.has_events()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing happens before. None once the connection is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state == State::Closed {
            return None;
        }
        let own = [self.connect_deadline, self.acks.next_deadline(), self.decoder.poll_timeout()];
        own.into_iter().chain([self.engine.poll_timeout()]).flatten().min()
    }
}
