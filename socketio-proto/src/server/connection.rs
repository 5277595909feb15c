//! One client: its engine session and all its sockets.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use engineio_proto::server::{SendError, Session, Transmit};
use engineio_proto::{CloseReason, Data, Instant, Pressure, RequestId, Sid, Text, WebSocketId};
use http::request::Parts;
use thiserror::Error;

use super::acks::AckTable;
use super::{Config, DisconnectReason};
use crate::{Args, Body, DecodeError, Decoder, Encoded, Json, Packet, encode};

/// Names one socket of one connection. Never used twice on the same connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketKey(pub u32);

/// What happened on a [`Connection`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The client asks to join a namespace. Answer with [`accept`](Connection::accept) or [`refuse`](Connection::refuse), now
    /// or later; until then the namespace is pending and a second CONNECT for it closes the connection.
    Connecting {
        /// The name of the socket to be.
        socket: SocketKey,
        /// The namespace as the client spelled it. Whether it exists is the driver's to know.
        namespace: Text,
        /// The payload of the CONNECT packet, an object.
        auth: Option<Json>,
    },
    /// The client emitted an event.
    Received {
        /// The socket it is for.
        socket: SocketKey,
        /// If the client wants an ack: under which id.
        id: Option<u64>,
        /// Name and arguments.
        event: crate::Event,
    },
    /// An ack that the client owed is settled: it came, or it never will.
    Acked {
        /// The socket that asked for it.
        socket: SocketKey,
        /// The id given to [`emit_with_ack`](Connection::emit_with_ack).
        id: u64,
        /// The client's arguments.
        result: Result<Args, AckError>,
    },
    /// A socket left its namespace, or a pending one will never join it. Nothing follows for this socket.
    Disconnected {
        /// Which one.
        socket: SocketKey,
        /// Why.
        reason: DisconnectReason,
    },
    /// The client sent a packet that cannot be decoded; the connection is being closed for it.
    Undecodable(DecodeError),
    /// The connection moved from polling to WebSocket.
    Upgraded,
    /// The outbox, which had answered `High` or `Full`, has drained to its low mark.
    Ready,
    /// The connection is over. Nothing follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

/// Why an ack will never come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AckError {
    /// The deadline passed. A later ack is ignored.
    #[error("operation has timed out")]
    Timeout,
    /// The socket was disconnected first.
    #[error("socket has been disconnected")]
    Disconnected,
}

/// Why a packet was not queued. Nothing of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// No such socket is connected: it left, was never accepted, or the connection is closing.
    #[error("the socket is not connected")]
    Disconnected,
    /// The outbox holds as many bytes as it may.
    #[error("the outbox is full")]
    Full,
    /// The client owes as many acks as it may: [`Config::max_pending_acks`].
    #[error("the client owes too many acks")]
    TooManyAcks,
    /// An ack with this id is still owed.
    #[error("the ack id is in use")]
    AckIdInUse,
}

/// One client of a server: its engine session, its sockets in their namespaces, the acks it owes.
///
/// Feed it what happens to the client's HTTP requests and WebSockets (`handle_*`) and the server's wishes (the bare verbs);
/// after each of them drain [`poll_transmit`](Self::poll_transmit), then [`poll_event`](Self::poll_event), then look at
/// [`poll_timeout`](Self::poll_timeout).
///
/// ```
/// use std::sync::Arc;
/// use engineio_proto::{Config as EngineConfig, Data, Instant, Packet, Sid, WebSocketId};
/// use engineio_proto::server::{Session, Transmit};
/// use socketio_proto::server::{Config, Connection, Event};
///
/// # let now = Instant::now();
/// let ws = WebSocketId(1);
/// let session = Session::open_websocket(Arc::new(EngineConfig::default()), Sid::from_entropy([7; 15]), ws, now);
/// let mut connection = Connection::new(session, Arc::new(Config::default()), now);
/// while connection.poll_transmit().is_some() {} // the handshake leaves
/// connection.handle_flushed(ws, now);
///
/// connection.handle_message(ws, Data::from("40"), now);
/// let Some(Event::Connecting { socket, namespace, .. }) = connection.poll_event() else { unreachable!() };
/// assert_eq!(namespace, "/");
/// connection.accept(socket, [9; 15]).unwrap();
/// assert!(matches!(
///     connection.poll_transmit(),
///     Some(Transmit::Packet { packet: Packet::Message(Data::Text(text)), .. }) if text.starts_with("0{\"sid\":")
/// ));
/// ```
#[derive(Debug)]
pub struct Connection {
    engine: Session,
    config: Arc<Config>,
    decoder: Decoder,
    members: Vec<Member>,
    acks: AckTable,
    connect_deadline: Option<Instant>,
    events: VecDeque<Event>,
    next_key: u32,
    state: State,
}

#[derive(Debug)]
struct Member {
    key: SocketKey,
    namespace: Text,
    connected: bool,
}

/// ```text
///  Open --violation, undecodable packet, close()--> Deaf --engine closed--> Closed
///    '----------------------- engine closed ---------------------------------^
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
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

    // --- commands ------------------------------------------------------------------------------------------------------

    /// Lets a pending socket join. CONNECT with the new socket id is queued before anything else of this socket.
    ///
    /// `entropy` becomes the id: 15 random bytes.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`] if the socket is not pending (any more): the client left meanwhile.
    pub fn accept(&mut self, socket: SocketKey, entropy: [u8; 15]) -> Result<Sid, EmitError> {
        let member = self.pending(socket)?;
        let id = Sid::from_entropy(entropy);
        let packet = encode::connect(&member.namespace, Some(&Json::object([("sid", &*id)])));
        self.send(&packet)?;
        if let Some(member) = self.members.iter_mut().find(|member| member.key == socket) {
            member.connected = true;
        }
        self.connect_deadline = None;
        Ok(id)
    }

    /// Refuses a pending socket with a CONNECT_ERROR. `error` is what the client's `connect_error` shows: an object with
    /// `message` and perhaps `data`.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`] if the socket is not pending (any more).
    pub fn refuse(&mut self, socket: SocketKey, error: &Json) -> Result<(), EmitError> {
        let member = self.pending(socket)?;
        let packet = encode::connect_error(&member.namespace, error);
        self.members.retain(|member| member.key != socket);
        self.send(&packet).map(|_| ())
    }

    /// Queues a packet for a connected socket: an event, or the ack that the client asked for. It was encoded for the
    /// socket's namespace by [`encode::event`] or [`encode::ack`].
    ///
    /// # Errors
    /// [`EmitError::Disconnected`] or [`EmitError::Full`].
    pub fn emit(&mut self, socket: SocketKey, packet: &Encoded) -> Result<Pressure, EmitError> {
        self.connected(socket)?;
        self.send(packet)
    }

    /// Queues a packet only if it can leave at once: nothing is queued, and no batch is under way. Answers whether it did.
    pub fn emit_volatile(&mut self, socket: SocketKey, packet: &Encoded) -> bool {
        self.connected(socket).is_ok() && self.engine.writable() && self.send(packet).is_ok()
    }

    /// Like [`emit`](Self::emit), for an event encoded with the ack id `id`. [`Event::Acked`] follows exactly once: with
    /// the client's arguments, with [`AckError::Timeout`] at `deadline`, or with [`AckError::Disconnected`].
    ///
    /// The driver picks the ids, because a broadcast carries one id to many connections.
    ///
    /// # Errors
    /// Any [`EmitError`]; then no `Acked` follows.
    pub fn emit_with_ack(
        &mut self,
        socket: SocketKey,
        packet: &Encoded,
        id: u64,
        deadline: Option<Instant>,
    ) -> Result<Pressure, EmitError> {
        self.connected(socket)?;
        if self.acks.contains(socket, id) {
            return Err(EmitError::AckIdInUse);
        }
        if self.acks.len() >= self.config.max_pending_acks {
            return Err(EmitError::TooManyAcks);
        }
        let pressure = self.send(packet)?;
        self.acks.insert(socket, id, deadline);
        Ok(pressure)
    }

    /// Stops waiting for an ack. No [`Event::Acked`] follows; a later ack is ignored.
    pub fn forget_ack(&mut self, socket: SocketKey, id: u64) {
        self.acks.settle(socket, id);
    }

    /// Disconnects one socket: DISCONNECT is queued, [`Event::Disconnected`] follows, the connection stays. A pending
    /// socket is given up in the same way. Nothing happens for a socket that left.
    pub fn disconnect(&mut self, socket: SocketKey) {
        if let Some(member) = self.member(socket) {
            let packet = encode::disconnect(&member.namespace);
            // Full or closing: the client learns it from the close that follows.
            _ = self.send(&packet);
            self.remove(socket, DisconnectReason::ServerNamespaceDisconnect);
        }
    }

    /// Disconnects every socket, then closes the connection once that has been delivered.
    pub fn disconnect_all(&mut self, now: Instant) {
        for key in self.keys() {
            self.disconnect(key);
        }
        self.close_engine(now);
    }

    /// Closes the connection because the server stops: no DISCONNECT is sent, sockets leave with
    /// [`ServerShuttingDown`](DisconnectReason::ServerShuttingDown), and what was queued is delivered first.
    pub fn shut_down(&mut self, now: Instant) {
        self.remove_all(DisconnectReason::ServerShuttingDown);
        self.close_engine(now);
    }

    /// Closes the engine session once what is queued has left; sockets leave with `forced close` at its end.
    pub fn close(&mut self, now: Instant) {
        self.close_engine(now);
    }

    /// Closes the engine session at once. What is queued is lost.
    pub fn discard(&mut self, now: Instant) {
        self.engine.discard(now);
        self.process(now);
    }

    // --- inputs --------------------------------------------------------------------------------------------------------

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

    /// A WebSocket was accepted for this session.
    pub fn handle_websocket(&mut self, id: WebSocketId, now: Instant) {
        self.engine.handle_websocket(id, now);
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

    // --- outputs -------------------------------------------------------------------------------------------------------

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

    // --- inside --------------------------------------------------------------------------------------------------------

    fn process(&mut self, now: Instant) {
        while let Some(event) = self.engine.poll_event() {
            match event {
                engineio_proto::server::Event::Message(data) if self.state == State::Open => self.receive(data, now),
                engineio_proto::server::Event::Message(_) => {}
                engineio_proto::server::Event::Upgraded => self.events.push_back(Event::Upgraded),
                engineio_proto::server::Event::Ready => self.events.push_back(Event::Ready),
                engineio_proto::server::Event::Closed { reason } => self.closed(reason),
            }
        }
    }

    fn receive(&mut self, data: Data, now: Instant) {
        match self.decoder.decode(data, now) {
            Ok(Some(packet)) => self.dispatch(packet, now),
            Ok(None) => {}
            Err(error) => self.undecodable(error, now),
        }
    }

    fn dispatch(&mut self, packet: Packet, now: Instant) {
        let Packet { namespace, body } = packet;
        let member = self.members.iter().find(|member| member.namespace == namespace);
        match (body, member.map(|member| (member.key, member.connected))) {
            (Body::Connect(auth), None) => self.connecting(namespace, auth),
            (Body::Event { id, event }, Some((socket, true))) => {
                self.events.push_back(Event::Received { socket, id, event });
            }
            (Body::Ack { id, args }, Some((socket, true))) => {
                if self.acks.settle(socket, id) {
                    self.events.push_back(Event::Acked { socket, id, result: Ok(args) });
                }
            }
            (Body::Disconnect, Some((socket, true))) => {
                self.remove(socket, DisconnectReason::ClientNamespaceDisconnect);
            }
            // A packet before its namespace is joined, a second CONNECT, an error from a client.
            _ => {
                self.close_engine(now);
                // Still draining: the reference disconnects the sockets before the session has ended.
                self.remove_all(DisconnectReason::ForcedServerClose);
            }
        }
    }

    fn connecting(&mut self, namespace: Text, auth: Option<Json>) {
        let socket = SocketKey(self.next_key);
        if self.members.len() >= self.config.max_namespaces {
            let error = Json::object([("message", "Too many namespaces")]);
            // A full outbox has its own consequences.
            _ = self.send(&encode::connect_error(&namespace, &error));
            return;
        }
        self.next_key = self.next_key.wrapping_add(1);
        self.members.push(Member { key: socket, namespace: namespace.clone(), connected: false });
        self.events.push_back(Event::Connecting { socket, namespace, auth });
    }

    fn undecodable(&mut self, error: DecodeError, now: Instant) {
        self.events.push_back(Event::Undecodable(error));
        self.close_engine(now);
    }

    fn close_engine(&mut self, now: Instant) {
        if self.state == State::Open {
            self.state = State::Deaf;
        }
        self.engine.close(now);
        self.process(now);
    }

    fn closed(&mut self, reason: CloseReason) {
        self.remove_all(reason.into());
        self.decoder.reset();
        self.connect_deadline = None;
        self.state = State::Closed;
        self.events.push_back(Event::Closed { reason });
    }

    fn send(&mut self, packet: &Encoded) -> Result<Pressure, EmitError> {
        let sent = match packet.single() {
            Some(text) => self.engine.send(Data::Text(text.clone())),
            None => self.engine.send_batch(packet.messages()),
        };
        sent.map_err(|error| match error {
            SendError::Full => EmitError::Full,
            _ => EmitError::Disconnected,
        })
    }

    fn member(&self, socket: SocketKey) -> Option<&Member> {
        self.members.iter().find(|member| member.key == socket)
    }

    fn pending(&self, socket: SocketKey) -> Result<&Member, EmitError> {
        self.member(socket).filter(|member| !member.connected).ok_or(EmitError::Disconnected)
    }

    fn connected(&self, socket: SocketKey) -> Result<&Member, EmitError> {
        self.member(socket).filter(|member| member.connected).ok_or(EmitError::Disconnected)
    }

    fn keys(&self) -> Vec<SocketKey> {
        self.members.iter().map(|member| member.key).collect()
    }

    fn remove_all(&mut self, reason: DisconnectReason) {
        for key in self.keys() {
            self.remove(key, reason);
        }
    }

    fn remove(&mut self, socket: SocketKey, reason: DisconnectReason) {
        self.members.retain(|member| member.key != socket);
        for id in self.acks.settle_all(socket) {
            self.events.push_back(Event::Acked { socket, id, result: Err(AckError::Disconnected) });
        }
        self.events.push_back(Event::Disconnected { socket, reason });
    }
}
