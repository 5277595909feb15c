//! The session itself: its state, its inputs, commands and outputs.

use super::{
    Event, SendError, Transmit,
    heartbeat::Heartbeat,
    polling::{Get, Polling, answer_handshake},
    probe::Probe,
};
use crate::{
    CloseReason, Config, Data, Instant, Packet, Pressure, RequestId, Sid, Text, TransportKind, WebSocketId,
    clock::after,
    http::{Query, SessionView, set_cookie},
    outbox::Outbox,
    queue::{MAX_IDLE_CAPACITY, shrink_if_empty},
};
use bytes::Bytes;
use http::request::Parts;
use std::{collections::VecDeque, sync::Arc};

/// One client's session on the server.
///
/// See the [crate's documentation](crate#how-to-drive-a-session) for how to drive it.
///
/// ```
/// use engineio_proto::{Config, Data, Instant, Packet, Sid, Text, WebSocketId};
/// use engineio_proto::server::{Event, Session, Transmit};
/// # fn main() {
/// # #[allow(clippy::disallowed_methods)]
/// let now = Instant::now();
/// let id = WebSocketId(1);
/// let request = http::Request::get("/engine.io/?EIO=4&transport=websocket").body(()).unwrap().into_parts().0;
/// let mut session = Session::open_websocket(Config::default().into(), Sid::new("S"), id, &request, now);
///
/// // The handshake leaves ...
/// let Some(Transmit::Frame { frame, .. }) = session.poll_transmit() else { panic!() };
/// assert_eq!((frame.binary, frame.prefix), (false, Some(b'0')));
/// assert!(frame.body.starts_with(br#"{"sid":"S","upgrades":[],"#));
/// assert_eq!(session.poll_transmit(), None);
/// session.handle_flushed(id, now);
///
/// // ... a message comes and is echoed.
/// session.handle_message(id, Data::from("4hello"), now);
/// assert_eq!(session.poll_transmit(), None);
/// let Some(Event::Message(data)) = session.poll_event() else { panic!() };
/// session.send(data).unwrap();
/// let frame = Packet::Message(Data::from("hello")).into_frame();
/// assert_eq!(session.poll_transmit(), Some(Transmit::Frame { id, frame }));
/// # }
/// ```
#[derive(Debug)]
pub struct Session {
    pub(super) config: Arc<Config>,
    pub(super) sid: Sid,
    /// The latest time that an input brought.
    pub(super) now: Instant,
    pub(super) state: State,
    /// Until when a graceful close waits for the outbox. A close is not a state of its own: it goes on over whichever
    /// transport there is, and an upgrade may finish meanwhile.
    pub(super) closing: Option<Instant>,
    pub(super) polling: Polling,
    pub(super) heartbeat: Heartbeat,
    pub(super) outbox: Outbox,
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) events: VecDeque<Event>,
    /// A message came or is expected, and the driver has not reported yet that all of them are handled.
    pub(super) handling: bool,
}

/// Where the session is.
///
/// ```text
///    open_polling                                        open_websocket
///         v                                                    v
///      Polling --WebSocket attached--> Probing --"5"--> WebSocket
///         ^---- probe failed or timed out ----|             |
///         `------------------> Closed <-----------------------'
/// ```
///
/// Everything leads to Closed: the client, a fault, a timeout, `discard`, and `close` when the outbox is empty.
#[derive(Debug)]
pub(super) enum State {
    Polling,
    Probing(Probe),
    WebSocket(Socket),
    /// With the transport that was the last.
    Closed(TransportKind),
}

/// A WebSocket of the session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Socket {
    pub(super) id: WebSocketId,
    /// Its client takes text frames only.
    base64: bool,
}

impl Socket {
    /// The WebSocket that this request becomes.
    pub(super) fn new(id: WebSocketId, parts: &Parts) -> Self {
        Self { id, base64: Query::of(parts).base64() }
    }

    pub(super) fn frame(self, packet: Packet) -> Transmit {
        let frame = if self.base64 { packet.into_text_frame() } else { packet.into_frame() };
        Transmit::Frame { id: self.id, frame }
    }
}

/// A handshake by polling and by WebSocket.
impl Session {
    /// Opens a session by polling. [`Session::poll_transmit`] has the answer to the request: the handshake, the initial
    /// packet, the cookie.
    pub fn open_polling(config: Arc<Config>, sid: Sid, id: RequestId, parts: &Parts, now: Instant) -> Self {
        let cookie = config.cookie().and_then(|cookie| set_cookie(cookie, &sid));
        let mut session = Self::new(config, sid, State::Polling, now);
        let batch = session.handshake();
        session.transmits.push_back(answer_handshake(&Get::new(id, parts, now), &batch, cookie));
        session
    }

    /// Opens a session by WebSocket, from its request. [`Session::poll_transmit`] has the first batch: the handshake, the initial
    /// packet.
    ///
    /// The `101` need not have been written yet: what is transmitted waits for that in the driver. If it never is, that is
    /// [`Session::handle_websocket_closed`].
    pub fn open_websocket(config: Arc<Config>, sid: Sid, id: WebSocketId, parts: &Parts, now: Instant) -> Self {
        let mut session = Self::new(config, sid, State::WebSocket(Socket::new(id, parts)), now);
        for packet in session.handshake() {
            session.outbox.push(packet);
        }
        session
    }

    fn new(config: Arc<Config>, sid: Sid, state: State, now: Instant) -> Self {
        Self {
            heartbeat: Heartbeat::new(now, config.ping_interval()),
            config,
            sid,
            now,
            state,
            closing: None,
            polling: Polling::default(),
            outbox: Outbox::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            handling: false,
        }
    }

    fn handshake(&self) -> Vec<Packet> {
        #[derive(serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Open<'a> {
            sid: &'a str,
            upgrades: &'a [&'a str],
            ping_interval: u128,
            ping_timeout: u128,
            max_payload: usize,
        }
        let open = Open {
            sid: &self.sid,
            upgrades: self.config.upgrades(self.transport()),
            ping_interval: self.config.ping_interval().as_millis(),
            ping_timeout: self.config.ping_timeout().as_millis(),
            max_payload: self.config.max_payload(),
        };
        // Nothing in it can fail to become JSON.
        let open = Packet::Open(serde_json::to_string(&open).unwrap_or_default().into());
        let initial = self.config.initial_packet().cloned().map(Packet::Message);
        std::iter::once(open).chain(initial).collect()
    }
}

/// Inputs: something happened. Drain the outputs after each.
impl Session {
    /// A request with this session's name came, no upgrade. Answered at once, or
    /// [`Transmit::Receive`], or it waits for packets.
    pub fn handle_request(&mut self, id: RequestId, parts: &Parts, now: Instant) {
        self.clock(now);
        self.on_request(id, parts);
    }

    /// The body of a POST came, after [`Transmit::Receive`].
    ///
    /// The first of its packets act at once, the others as [`Session::poll_event`] is called: only a few dozen events are held at a
    /// time. The POST is answered `ok` when all have acted; the rules of the protocol let the client send the next one only then.
    pub fn handle_body(&mut self, id: RequestId, body: Bytes, now: Instant) {
        self.clock(now);
        self.on_body(id, body);
    }

    /// The body of a POST is longer than the limit. Answered with 413; the session goes on.
    pub fn handle_body_too_large(&mut self, id: RequestId, now: Instant) {
        self.clock(now);
        self.on_body_too_large(id);
    }

    /// The client went away from a request before its answer: a GET that waits, or a POST whose body is being read. For any
    /// other request nothing happens.
    pub fn handle_aborted(&mut self, id: RequestId, now: Instant) {
        self.clock(now);
        self.on_aborted(id);
    }

    /// A WebSocket was accepted for this session, for an upgrade, from this request. The time of the upgrade begins.
    ///
    /// As with [`Session::open_websocket`], the `101` need not have been written yet.
    pub fn handle_websocket(&mut self, id: WebSocketId, parts: &Parts, now: Instant) {
        self.clock(now);
        self.on_websocket(Socket::new(id, parts));
    }

    /// A message came by a WebSocket, text or binary as it was framed.
    #[inline]
    pub fn handle_message(&mut self, id: WebSocketId, data: Data, now: Instant) {
        self.clock(now);
        match &self.state {
            State::WebSocket(socket) if socket.id == id => self.on_frame(data),
            State::Probing(probe) if probe.socket.id == id => self.on_probe_message(data),
            // Of a WebSocket that was told to close.
            _ => {}
        }
    }

    /// The batch that was transmitted to a WebSocket has been written. The next one may follow.
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        self.clock(now);
        match &self.state {
            State::WebSocket(socket) if socket.id == id => {
                self.outbox.free();
                let relieved = self.outbox.arrived(self.config.outbox_limit());
                self.relieve(relieved);
            }
            State::Probing(probe) if probe.socket.id == id => self.outbox.free(),
            _ => {}
        }
    }

    /// A WebSocket ended: with a closing handshake or the end of its stream, or (`error`) because it broke or the client broke its
    /// rules.
    pub fn handle_websocket_closed(&mut self, id: WebSocketId, error: bool, now: Instant) {
        self.clock(now);
        match &self.state {
            State::WebSocket(socket) if socket.id == id => {
                self.end(if error { CloseReason::TransportError } else { CloseReason::TransportClose });
            }
            State::Probing(probe) if probe.socket.id == id => self.end_probe(),
            _ => {}
        }
    }

    /// All messages that were taken from [`Session::poll_event`] are handled: no answer to them is to be expected.
    ///
    /// Nothing happens while there is more to take. From a message on until this is reported, a poll that has to end for an upgrade is held for up to 100 ms, so that it can carry
    /// the answer. A driver that never reports it holds each of them for that long.
    #[inline]
    pub fn handle_idle(&mut self, now: Instant) {
        self.clock(now);
        self.handling &= self.has_events();
    }

    /// The time of [`Session::poll_timeout`] has come. Too early or too late does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock(now);
        if self.is_closed() {
            return;
        }
        if self.closing.is_some_and(|deadline| deadline <= now) {
            return self.finish(CloseReason::ForcedClose);
        }
        if let State::Probing(Probe { socket, deadline, .. }) = self.state {
            if deadline <= now {
                self.transmits.push_back(Transmit::Close { id: socket.id });
                self.end_probe();
            }
        }
        if self.heartbeat.is_dead(now) {
            return self.finish(CloseReason::PingTimeout);
        }
        self.handle_tick(now);
    }

    /// Time has passed. What is due and needs no judgement is done: a ping leaves, a poll that is held is let go. Whether the client is
    /// late is not asked.
    ///
    /// [`Session::handle_timeout`] does the same, and judges. A driver calls this when its timer fires, and that one when it has
    /// read everything that had arrived before, if [`Session::poll_timeout`] is still in the past then.
    pub fn handle_tick(&mut self, now: Instant) {
        let now = self.clock(now);
        if self.is_closed() {
            return;
        }
        // A client that was told to go need not be asked, but neither does it live for ever.
        if self.heartbeat.ask(now, self.config.ping_timeout()) && self.closing.is_none() {
            let ping = Packet::Ping(Text::new());
            match self.state {
                // In front: what is queued may take many bodies, and the time for the pong runs from now on.
                State::Polling | State::Probing(_) => self.outbox.push_front(ping),
                State::WebSocket(_) | State::Closed(_) => self.outbox.push(ping),
            }
        }
        self.release_get();
    }

    /// Time does not go backwards.
    fn clock(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

/// Commands: what the application wants.
impl Session {
    /// Sends a message. It leaves with the next batch.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if it does not fit into the outbox now, [`SendError::TooLarge`] if it never will, [`SendError::Closed`] after `close`, `discard` or [`Event::Closed`].
    #[inline]
    pub fn send(&mut self, data: Data) -> Result<Pressure, SendError> {
        self.send_batch([data])
    }

    /// Sends several messages that stay together: all or none are taken, nothing comes between them, and by polling they are in one
    /// body, unless [`max_poll_packets`](crate::ConfigBuilder::max_poll_packets) spreads them over several.
    ///
    /// # Errors
    ///
    /// As [`Session::send`].
    #[inline]
    pub fn send_batch(&mut self, batch: impl IntoIterator<Item = Data>) -> Result<Pressure, SendError> {
        if self.is_closed() || self.closing.is_some() {
            return Err(SendError::Closed);
        }
        self.outbox.send(batch, self.config.outbox_limit())
    }

    /// Closes gracefully: what is buffered leaves first, for at most `close_timeout`. From now on messages are neither taken nor
    /// delivered.
    ///
    /// Over a WebSocket [`Transmit::Close`] follows the last batch, and the session is over for its part; by polling a GET
    /// that waits is answered `1`, or the next one `6` and `1`.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock(now);
        if self.is_closed() || self.closing.is_some() {
            return;
        }
        self.closing = Some(after(now, self.config.close_timeout()));
        self.end_post();
        self.finish_close();
    }

    /// Closes at once and loses what is buffered.
    pub fn discard(&mut self, now: Instant) {
        self.clock(now);
        if !self.is_closed() {
            self.finish(CloseReason::ForcedClose);
        }
    }

    /// A message from the client is about to come, whatever it has sent before. Until [`Session::handle_idle`] is called, this has the
    /// effect of a message that is being handled.
    pub fn expect_message(&mut self) {
        self.handling = true;
    }

    /// The driver stops to read from this client: a pong could not be seen, so its deadline stands still. In a body that has come
    /// nothing is read on either: [`Session::poll_event`] gives what was read before, and no more.
    pub fn pause_reading(&mut self, now: Instant) {
        self.clock(now);
        self.heartbeat.pause();
    }

    /// The driver reads again: the deadline of a pong begins anew, in full.
    pub fn resume_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        self.heartbeat.resume(now, self.config.ping_timeout());
    }
}

/// Outputs: drain [`Session::poll_transmit`], then [`Session::poll_event`], then look at [`Session::poll_timeout`].
impl Session {
    /// The next thing to do. The frames of one batch come one by one until there is nothing more.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if self.transmits.is_empty() {
            match self.state {
                State::WebSocket(socket) => {
                    if let Some(packet) = self.outbox.pop() {
                        return Some(socket.frame(packet));
                    }
                    self.finish_close();
                }
                State::Polling | State::Probing(_) => self.release_get(),
                State::Closed(_) => {}
            }
        }
        let transmit = self.transmits.pop_front();
        shrink_if_empty(&mut self.transmits, MAX_IDLE_CAPACITY / 4);
        transmit
    }

    /// The next thing that happened.
    ///
    /// The body of a POST is read bit by bit as this is called, and answered at its end, so there may be something to transmit
    /// afterwards.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() {
            self.read_on();
        }
        let event = self.events.pop_front();
        shrink_if_empty(&mut self.events, MAX_IDLE_CAPACITY / 4);
        event
    }

    /// Whether [`Session::poll_event`] has something to say, or a body to read on in. Not while reading is paused and what was
    /// read before has been taken.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty() || self.may_read_on()
    }

    /// When to call [`Session::handle_timeout`]. None once the session is closed, or while no deadline runs.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (probe, poll) = match &self.state {
            State::Closed(_) => return None,
            State::Probing(probe) => (Some(probe.deadline), self.let_go_at()),
            State::Polling | State::WebSocket(_) => (None, None),
        };
        [self.closing, probe, poll, self.heartbeat.deadline()].into_iter().flatten().min()
    }
}

/// Getters.
impl Session {
    /// The session's name.
    pub fn sid(&self) -> &Sid {
        &self.sid
    }

    /// What [`verify`](crate::http::verify) asks of a session.
    pub fn view(&self) -> SessionView {
        SessionView::new(self.transport())
    }

    /// The transport in use; polling until an upgrade is complete.
    pub fn transport(&self) -> TransportKind {
        match self.state {
            State::Polling | State::Probing(_) => TransportKind::Polling,
            State::WebSocket(_) => TransportKind::WebSocket,
            State::Closed(transport) => transport,
        }
    }

    /// Whether a message would leave at once: nothing is queued, no batch is under way, and by polling a GET waits. A
    /// volatile message is sent only then.
    pub fn writable(&self) -> bool {
        self.closing.is_none()
            && self.outbox.is_empty()
            && match self.state {
                State::Polling | State::Probing(_) => self.polling.get.is_some(),
                State::WebSocket(_) => self.outbox.is_free(),
                State::Closed(_) => false,
            }
    }

    /// How many bytes wait: queued, and under way until the driver reports them flushed (by polling: until the next GET). Each
    /// packet counts its data and, for its place in the queue, `size_of::<Packet>()`.
    pub fn buffered(&self) -> usize {
        self.outbox.buffered()
    }

    /// How full the outbox is.
    pub fn pressure(&self) -> Pressure {
        self.outbox.pressure(self.config.outbox_limit())
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }
}
