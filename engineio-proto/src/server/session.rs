//! The session: state, inputs, commands and outputs.

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
/// // The handshake is sent ...
/// let Some(Transmit::Frame { frame, .. }) = session.poll_transmit() else { panic!() };
/// assert_eq!((frame.binary, frame.prefix), (false, Some(b'0')));
/// assert!(frame.body.starts_with(br#"{"sid":"S","upgrades":[],"#));
/// assert_eq!(session.poll_transmit(), None);
/// session.handle_flushed(id, now);
///
/// // ... and a message is received and echoed.
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
    /// The latest time passed by an input.
    pub(super) now: Instant,
    pub(super) state: State,
    /// The deadline of a graceful close. Closing is not a state of its own, since it is possible on each transport and an upgrade may
    /// finish during it.
    pub(super) closing: Option<Instant>,
    pub(super) polling: Polling,
    /// Polling: when the last payload was received or sent. WebSocket: until when bytes of incomplete messages count as signs of life;
    /// set by the first of them after a complete message. One field for both, to keep idle sessions small.
    pub(super) mark: Option<Instant>,
    pub(super) heartbeat: Heartbeat,
    pub(super) outbox: Outbox,
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) events: VecDeque<Event>,
    /// A message was received or is expected, and the driver has not reported that all messages are handled.
    pub(super) handling: bool,
}

/// The state of the session.
///
/// ```text
///    open_polling                                        open_websocket
///         v                                                    v
///      Polling --WebSocket attached--> Probing --"5"--> WebSocket
///         ^---- probe failed or timed out ----|             |
///         `------------------> Closed <-----------------------'
/// ```
///
/// Any state leads to Closed: by the client, a fault, a timeout, `discard`, or by `close` once the outbox is empty.
#[derive(Debug)]
pub(super) enum State {
    Polling,
    Probing(Probe),
    WebSocket(Socket),
    /// With the last transport.
    Closed(TransportKind),
}

/// A WebSocket of the session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Socket {
    pub(super) id: WebSocketId,
    /// The client takes text frames only.
    base64: bool,
}

impl Socket {
    /// The WebSocket opened by this request.
    pub(super) fn new(id: WebSocketId, parts: &Parts) -> Self {
        Self { id, base64: Query::of(parts).base64() }
    }

    pub(super) fn frame(self, packet: Packet) -> Transmit {
        let frame = if self.base64 { packet.into_text_frame() } else { packet.into_frame() };
        Transmit::Frame { id: self.id, frame }
    }
}

/// Opening a session.
impl Session {
    /// Opens a session by polling, from the request `id`. [`Session::poll_transmit`] returns the response, with the handshake, the initial
    /// packet and the cookie.
    pub fn open_polling(config: Arc<Config>, sid: Sid, id: RequestId, parts: &Parts, now: Instant) -> Self {
        let cookie = config.cookie().and_then(|cookie| set_cookie(cookie, &sid));
        let mut session = Self::new(config, sid, State::Polling, now);
        let batch = session.handshake();
        session.transmits.push_back(answer_handshake(&Get::new(id, parts, now), &batch, cookie));
        session
    }

    /// Opens a session by WebSocket, from its upgrade request. [`Session::poll_transmit`] returns the first batch: the handshake and the
    /// initial packet.
    ///
    /// The `101` may still be unwritten; the driver then delays the frames. If the `101` can't be written, call
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
            mark: None,
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
        // Serializing cannot fail: the struct has only text and numbers.
        let open = Packet::Open(serde_json::to_string(&open).unwrap_or_default().into());
        let initial = self.config.initial_packet().cloned().map(Packet::Message);
        std::iter::once(open).chain(initial).collect()
    }
}

/// Inputs. Drain the outputs after each. Inputs for unknown ids are ignored.
impl Session {
    /// A request with this session's id arrived that is not an upgrade request.
    ///
    /// A GET is answered at once or when there are packets, a POST starts with [`Transmit::Receive`]. A GET or POST that overlaps another
    /// one of its kind ends the session.
    pub fn handle_request(&mut self, id: RequestId, parts: &Parts, now: Instant) {
        self.clock(now);
        self.on_request(id, parts);
    }

    /// The body of a POST was received, after [`Transmit::Receive`].
    ///
    /// Its first packets are processed at once, the others as [`Session::poll_event`] is called: the session queues only a few dozen
    /// events at a time. The POST is answered `ok` when all packets are processed; by the protocol, the client sends the next POST only
    /// after that.
    pub fn handle_body(&mut self, id: RequestId, body: Bytes, now: Instant) {
        self.clock(now);
        self.on_body(id, body);
    }

    /// The body of a POST is longer than the limit. The POST is answered with 413; the session stays open.
    pub fn handle_body_too_large(&mut self, id: RequestId, now: Instant) {
        self.clock(now);
        self.on_body_too_large(id);
    }

    /// Bytes of the incomplete body of a POST were received. They are a sign of life as in [`Session::handle_progress`].
    pub fn handle_body_progress(&mut self, id: RequestId, now: Instant) {
        self.clock(now);
        if let Some(until) = self.polling.post.as_ref().and_then(|post| post.signs_until(id)) {
            self.sustain(until);
        }
    }

    /// The client aborted a request before the response: the pending GET or the POST in progress. The session ends, unless it has been
    /// upgraded. Other requests are ignored.
    pub fn handle_aborted(&mut self, id: RequestId, now: Instant) {
        self.clock(now);
        self.on_aborted(id);
    }

    /// A WebSocket was accepted for this session, from the upgrade request `parts`. The session waits up to `upgrade_timeout` for the
    /// upgrade, or closes the WebSocket if no upgrade is possible.
    ///
    /// As with [`Session::open_websocket`], the `101` may still be unwritten.
    pub fn handle_websocket(&mut self, id: WebSocketId, parts: &Parts, now: Instant) {
        self.clock(now);
        self.on_websocket(Socket::new(id, parts));
    }

    /// A WebSocket received a message: the data of a text or binary frame.
    #[inline]
    pub fn handle_message(&mut self, id: WebSocketId, data: Data, now: Instant) {
        self.clock(now);
        match &self.state {
            State::WebSocket(socket) if socket.id == id => {
                self.mark = None;
                self.on_frame(data);
            }
            State::Probing(probe) if probe.socket.id == id => self.on_probe_message(data),
            // The WebSocket is already closed by the session.
            _ => {}
        }
    }

    /// Bytes of an incomplete message were received from a WebSocket, or a part of the batch transmitted to it has been written. Either is
    /// a sign of life, for [`message_timeout`](crate::ConfigBuilder::message_timeout) from the first of them on, until the next message
    /// is complete. One call for all that was read or written at a time is enough.
    pub fn handle_progress(&mut self, id: WebSocketId, now: Instant) {
        let now = self.clock(now);
        if matches!(&self.state, State::WebSocket(socket) if socket.id == id) {
            let until = *self.mark.get_or_insert(after(now, self.config.message_timeout()));
            self.sustain(until);
        }
    }

    /// Extends the pong deadline after a sign of life that counts until then.
    fn sustain(&mut self, until: Instant) {
        let (interval, timeout) = (self.config.ping_interval(), self.config.ping_timeout());
        let ping_again = self.heartbeat.sustain(self.now, interval, timeout, until);
        // A ping that is still queued is enough.
        if ping_again && self.closing.is_none() && self.outbox.is_empty() {
            self.ping();
        }
    }

    /// The batch transmitted to a WebSocket has been written. The next one may follow.
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        self.clock(now);
        match &self.state {
            State::WebSocket(socket) if socket.id == id => {
                self.outbox.free();
                let ready = self.outbox.arrived(self.config.outbox_limit());
                self.push_ready(ready);
            }
            State::Probing(probe) if probe.socket.id == id => self.outbox.free(),
            _ => {}
        }
    }

    /// A WebSocket was closed: by a close handshake or the end of its stream, or, if `error`, by a failure or a violation of the WebSocket
    /// protocol.
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

    /// The application has handled all messages from [`Session::poll_event`], and sends nothing more in answer to them. Ignored while
    /// [`Session::has_events`] is true.
    ///
    /// From a message until this call, a poll that must end for an upgrade is held for up to 100 ms, so that it can carry the answer. If a
    /// driver never calls this, every such poll is held for that long.
    #[inline]
    pub fn handle_idle(&mut self, now: Instant) {
        self.clock(now);
        self.handling &= self.has_events();
    }

    /// Whether [`Session::handle_idle`] has an effect: messages were taken since its last call.
    #[inline]
    pub fn is_handling(&self) -> bool {
        self.handling
    }

    /// The deadline of [`Session::poll_timeout`] has passed, and all input that had arrived before has been passed to the session. A call that is too
    /// early has no effect; a late one is harmless.
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
        if self.heartbeat.is_overdue(now) {
            return self.finish(CloseReason::PingTimeout);
        }
        self.handle_tick(now);
    }

    /// The deadline of [`Session::poll_timeout`] has passed, and some input may still be unread. A due ping is sent and a
    /// held poll is answered, but no deadline of the client is enforced.
    ///
    /// [`Session::handle_timeout`] does the same and enforces the deadlines. A driver calls this method when its timer fires. When it has
    /// read everything that had arrived before and [`Session::poll_timeout`] is still in the past, it calls `handle_timeout`.
    pub fn handle_tick(&mut self, now: Instant) {
        let now = self.clock(now);
        if self.is_closed() {
            return;
        }
        // A closing session sends no ping, but its pong deadline still applies, so that it ends.
        if self.heartbeat.take_ping(now, self.config.ping_timeout()) && self.closing.is_none() {
            self.ping();
        }
        self.release_get();
    }

    fn ping(&mut self) {
        let ping = Packet::Ping(Text::new());
        match self.state {
            // First: the queue may take many bodies, and the pong timeout starts now.
            State::Polling | State::Probing(_) => self.outbox.push_front(ping),
            State::WebSocket(_) | State::Closed(_) => self.outbox.push(ping),
        }
    }

    /// Advances the clock; a time that goes backwards is clamped.
    fn clock(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

/// Commands.
impl Session {
    /// Queues a message for the next batch.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if the message does not fit into the outbox now, [`SendError::TooLarge`] if it never fits, [`SendError::Closed`]
    /// after `close`, `discard` or [`Event::Closed`].
    #[inline]
    pub fn send(&mut self, data: Data) -> Result<Pressure, SendError> {
        self.send_batch([data])
    }

    /// Queues several messages, all or none. No other message is sent between them, and by polling they are in one body, unless
    /// [`max_poll_packets`](crate::ConfigBuilder::max_poll_packets) splits them.
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

    /// Closes the session gracefully: the buffered messages are sent first, within `close_timeout`. From now on `send` fails and received
    /// messages are dropped.
    ///
    /// On a WebSocket, [`Transmit::Close`] follows the last batch and the session is closed. By polling, the pending GET is answered with
    /// `1`, or the next GET with `6` and `1`.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock(now);
        if self.is_closed() || self.closing.is_some() {
            return;
        }
        self.closing = Some(after(now, self.config.close_timeout()));
        self.end_post();
        self.finish_close();
    }

    /// Closes the session at once and drops the buffered messages.
    pub fn discard(&mut self, now: Instant) {
        self.clock(now);
        if !self.is_closed() {
            self.finish(CloseReason::ForcedClose);
        }
    }

    /// The driver expects a message from the client. Until [`Session::handle_idle`] is called, this has the effect of a message that is
    /// being handled.
    pub fn expect_message(&mut self) {
        self.handling = true;
    }

    /// The driver stops reading from this client. The pong deadline is suspended, since a pong would not be noticed. The rest of a POST
    /// body is not decoded: [`Session::poll_event`] returns the events queued before, then `None`.
    pub fn pause_reading(&mut self, now: Instant) {
        self.clock(now);
        self.heartbeat.pause();
    }

    /// The driver reads again. The pong timeout starts again in full.
    pub fn resume_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        if self.heartbeat.is_paused() {
            let max = self.config.message_timeout();
            if let (State::WebSocket(_), Some(until)) = (&self.state, &mut self.mark) {
                *until = after(now, max);
            }
            if let Some(post) = &mut self.polling.post {
                post.resume(after(now, max));
            }
        }
        self.heartbeat.resume(now, self.config.ping_timeout());
    }
}

/// Outputs. Drain [`Session::poll_transmit`], then [`Session::poll_event`], then read [`Session::poll_timeout`].
impl Session {
    /// The next action for the driver. The frames until `None` are one batch.
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

    /// The next event.
    ///
    /// This decodes the body of a POST step by step and answers the POST at its end, so call [`Session::poll_transmit`] again afterwards.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() {
            self.read_on();
        }
        let event = self.events.pop_front();
        shrink_if_empty(&mut self.events, MAX_IDLE_CAPACITY / 4);
        event
    }

    /// Whether events are queued or a POST body has packets left to decode. While reading is paused, only queued events count.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty() || self.may_read_on()
    }

    /// When to call [`Session::handle_timeout`]. `None` if the session is closed or no deadline applies.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (probe, poll) = match &self.state {
            State::Closed(_) => return None,
            State::Probing(probe) => (Some(probe.deadline), self.release_at()),
            State::Polling | State::WebSocket(_) => (None, None),
        };
        [self.closing, probe, poll, self.heartbeat.deadline()].into_iter().flatten().min()
    }
}

/// Getters.
impl Session {
    /// The session id.
    pub fn sid(&self) -> &Sid {
        &self.sid
    }

    /// The properties for [`verify`](crate::http::verify).
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

    /// Whether a message would be sent at once: the queue is empty, no batch is in flight, and by polling a GET is pending. For volatile
    /// messages, which are sent only then.
    pub fn writable(&self) -> bool {
        self.closing.is_none()
            && self.outbox.is_empty()
            && match self.state {
                State::Polling | State::Probing(_) => self.polling.get.is_some(),
                State::WebSocket(_) => self.outbox.is_free(),
                State::Closed(_) => false,
            }
    }

    /// The number of bytes buffered: queued, or in flight until the driver reports them flushed (by polling, until the next GET). Each
    /// packet counts its data plus `size_of::<Packet>()`.
    pub fn buffered(&self) -> usize {
        self.outbox.buffered()
    }

    /// How full the outbox is, relative to `outbox_limit`.
    pub fn pressure(&self) -> Pressure {
        self.outbox.pressure(self.config.outbox_limit())
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }
}
