//! One client: its engine session and all its sockets.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use engineio_proto::server::{Session, Transmit};
use engineio_proto::{Data, Instant, RequestId, Text, WebSocketId};
use http::request::Parts;

use super::acks::AckTable;
use super::{AckError, Config, Event, SocketKey};
use crate::Decoder;

/// One client of a server: its engine session, its sockets in their namespaces, the acks it owes.
///
/// Feed it what happens to the client's HTTP requests and WebSockets (`handle_*`) and the server's wishes (the bare verbs);
/// after each of them drain [`poll_transmit`](Self::poll_transmit), then [`poll_event`](Self::poll_event), then look at
/// [`poll_timeout`](Self::poll_timeout).
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
    pub(super) decoder: Decoder,
    pub(super) members: Vec<Member>,
    pub(super) acks: AckTable,
    pub(super) connect_deadline: Option<Instant>,
    pub(super) events: VecDeque<Event>,
    pub(super) next_key: u32,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: SocketKey,
    pub(super) namespace: Text,
    pub(super) connected: bool,
}

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
    pub fn new(engine: Session, config: Arc<Config>, now: Instant) -> Self {
        let connect_deadline = Some(now + config.connect_timeout);
        let decoder = Decoder::new(config.decoder);
        Self {
            engine,
            config,
            decoder,
            members: Vec::new(),
            acks: AckTable::default(),
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
        self.member(socket).map(|member| &member.namespace)
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
        self.engine.handle_request(id, parts, now);
        self.process(now);
    }

    /// The whole body of a request that was to be received.
    pub fn handle_body(&mut self, id: RequestId, body: Bytes, now: Instant) {
        self.engine.handle_body(id, body, now);
        self.process(now);
    }

    /// The body of a request went over its limit; reading stopped.
    pub fn handle_body_too_large(&mut self, id: RequestId, now: Instant) {
        self.engine.handle_body_too_large(id, now);
        self.process(now);
    }

    /// The client gave up a request before it was answered.
    pub fn handle_aborted(&mut self, id: RequestId, now: Instant) {
        self.engine.handle_aborted(id, now);
        self.process(now);
    }

    /// A WebSocket was accepted for this session, from this request.
    pub fn handle_websocket(&mut self, id: WebSocketId, parts: &Parts, now: Instant) {
        self.engine.handle_websocket(id, parts, now);
        self.process(now);
    }

    /// One message of a WebSocket.
    pub fn handle_message(&mut self, id: WebSocketId, data: Data, now: Instant) {
        self.engine.handle_message(id, data, now);
        self.process(now);
    }

    /// The batch last taken for a WebSocket has left.
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        self.engine.handle_flushed(id, now);
        self.process(now);
    }

    /// A WebSocket is gone: closed, or broken (`error`).
    pub fn handle_websocket_closed(&mut self, id: WebSocketId, error: bool, now: Instant) {
        self.engine.handle_websocket_closed(id, error, now);
        self.process(now);
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come. Early, late and spurious calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now);
        self.process(now);
        while let Some((socket, id)) = self.acks.pop_expired(now) {
            self.events.push_back(Event::Acked { socket, id, result: Err(AckError::Timeout) });
        }
        if let Err(error) = self.decoder.handle_timeout(now) {
            self.undecodable(error, now);
        }
        if self.connect_deadline.is_some_and(|deadline| deadline <= now) {
            self.connect_deadline = None;
            self.close_engine(now);
        }
    }

    /// The driver stops reading from this client: see [`Session::pause_reading`].
    pub fn pause_reading(&mut self, now: Instant) {
        self.engine.pause_reading(now);
        self.process(now);
    }

    /// The driver reads again.
    pub fn resume_reading(&mut self, now: Instant) {
        self.engine.resume_reading(now);
        self.process(now);
    }
}

/// Outputs: drain [`poll_transmit`](Connection::poll_transmit), then [`poll_event`](Connection::poll_event), then look at
/// [`poll_timeout`](Connection::poll_timeout).
impl Connection {
    /// The next thing to do for the client's requests and WebSockets.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.engine.poll_transmit()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether [`poll_event`](Self::poll_event) has something to say.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state == State::Closed {
            return None;
        }
        let own = [self.connect_deadline, self.acks.next_deadline(), self.decoder.poll_timeout()];
        own.into_iter().chain([self.engine.poll_timeout()]).flatten().min()
    }
}
