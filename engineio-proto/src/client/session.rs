//! The session: state, inputs, commands and outputs.

use super::{
    Config, Event, Fault, Handshake, SendError, Transmit, heartbeat::Heartbeat, polling::Polling, request::Requests,
    upgrade::Probe,
};
use crate::{
    CloseReason, Data, Instant, Packet, Pressure, RequestId, Sid, TransportKind, WebSocketId,
    clock::after,
    outbox::Outbox,
    queue::{MAX_IDLE_CAPACITY, shrink_if_empty},
};
use bytes::Bytes;
use http::{Response, response::Parts};
use std::{collections::VecDeque, sync::Arc};

/// What a session takes over from the previous one, and its entropy.
///
/// ```
/// let start = engineio_proto::client::Start { entropy: 42, ..Default::default() };
/// assert_eq!((start.first_id, start.prior_websocket), (0, false));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Start {
    /// The first id of a request or a WebSocket; the ids count up. With the [`next_id`](Session::next_id) of the previous session, ids are
    /// unique across sessions.
    pub first_id: u64,
    /// Whether the previous session used a WebSocket ([`Session::prior_websocket`]). With `remember_upgrade`, this session then begins with
    /// WebSocket.
    pub prior_websocket: bool,
    /// A random number for the timestamps in URLs; it need not be secret.
    pub entropy: u64,
}

/// A session on the client.
///
/// See the [crate's documentation](crate#how-to-drive-a-clients-session) for how to drive it.
///
/// ```
/// use engineio_proto::{Data, Instant, Packet, TransportKind};
/// use engineio_proto::client::{Config, Event, Session, Start, Transmit};
/// # fn main() {
/// # #[allow(clippy::disallowed_methods)]
/// let now = Instant::now();
/// let config = Config::builder().transports([TransportKind::WebSocket]).build().unwrap();
/// let mut session = Session::open(config.into(), Start::default(), now);
///
/// // The session opens a WebSocket ...
/// let Some(Transmit::Connect { id, request }) = session.poll_transmit() else { panic!() };
/// assert_eq!(request.uri(), "/engine.io/?EIO=4&transport=websocket");
/// let (parts, ()) = http::Response::builder().status(101).body(()).unwrap().into_parts();
/// session.handle_websocket(id, &parts, now);
///
/// // ... which receives the handshake. Then a message is sent.
/// let open = r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
/// session.handle_message(id, Data::from(open), now);
/// assert!(matches!(session.poll_event(), Some(Event::Opened(handshake)) if &*handshake.sid == "S"));
/// session.send(Data::from("hello")).unwrap();
/// let frame = Packet::Message(Data::from("hello")).into_frame();
/// assert!(matches!(session.poll_transmit(), Some(Transmit::Frame { frame: sent, .. }) if sent == frame));
/// # }
/// ```
#[derive(Debug)]
pub struct Session {
    pub(super) config: Arc<Config>,
    /// The latest time passed by an input.
    pub(super) now: Instant,
    pub(super) next_id: u64,
    pub(super) prior_websocket: bool,
    pub(super) requests: Requests,
    pub(super) handshake: Option<Handshake>,
    pub(super) state: State,
    /// The deadline of a graceful close, which waits for the outbox and an upgrade. Closing is not a state of its own, since it is possible
    /// on each transport.
    pub(super) closing: Option<Instant>,
    pub(super) polling: Polling,
    pub(super) heartbeat: Heartbeat,
    pub(super) outbox: Outbox,
    /// A pong is queued. One is enough for any number of pings.
    pub(super) pong_queued: bool,
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) events: VecDeque<Event>,
}

/// The state of the session.
///
/// ```text
///      open
///       v
///   PollingOpening --open packet--> Polling --websocket offered--> Probing --"3probe"--> Pausing
///       |                              ^---- probe failed -----------'                     |   |
///       |                              ^---- WebSocket lost -------------------------------'   | both requests settled:
///       v next transport               |                                                       v "5"
///   WebSocketOpening --open packet-----|--------------------------------------------------> WebSocket
/// ```
///
/// Any state leads to Closed: by the server, a fault, a timeout, `discard`, or by `close` once the outbox is empty.
#[derive(Debug)]
pub(super) enum State {
    /// The GET of the handshake is in flight. With the transports that are not tried yet.
    PollingOpening(Rest),
    /// The WebSocket was opened for the handshake. With the transports that are not tried yet.
    WebSocketOpening(WebSocketId, Rest),
    Polling,
    Probing(Probe),
    /// The probe was answered. No more requests are sent; the upgrade completes when those in flight have ended.
    Pausing(WebSocketId),
    WebSocket(WebSocketId),
    /// With the last transport.
    Closed(TransportKind),
}

/// The transports that are not tried yet.
pub(super) type Rest = VecDeque<TransportKind>;

/// Opening a session.
impl Session {
    /// Opens a session. [`Session::poll_transmit`] returns its first request or WebSocket. Without any transport in `config`, the session
    /// closes at once with [`Fault::NoTransports`].
    pub fn open(config: Arc<Config>, start: Start, now: Instant) -> Self {
        let mut rest: Rest = config.transports().iter().copied().collect();
        if config.remember_upgrade() && start.prior_websocket {
            if let Some(at) = rest.iter().position(|kind| *kind == TransportKind::WebSocket) {
                rest.remove(at);
                rest.push_front(TransportKind::WebSocket);
            }
        }
        let mut session = Self {
            config,
            now,
            next_id: start.first_id,
            prior_websocket: start.prior_websocket,
            requests: Requests::new(start.entropy),
            handshake: None,
            state: State::Closed(TransportKind::Polling),
            closing: None,
            polling: Polling::default(),
            heartbeat: Heartbeat::default(),
            outbox: Outbox::new(),
            pong_queued: false,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        if !session.try_next(rest) {
            let fault = Some(Fault::NoTransports);
            session.events.push_back(Event::Closed { reason: CloseReason::TransportError, fault });
        }
        session
    }

    /// Tries to open the session by the next transport. Returns false if there is none.
    pub(super) fn try_next(&mut self, mut rest: Rest) -> bool {
        match rest.pop_front() {
            Some(TransportKind::Polling) => {
                self.state = State::PollingOpening(rest);
                self.send_get();
            }
            Some(TransportKind::WebSocket) => {
                let id = self.connect();
                self.state = State::WebSocketOpening(id, rest);
            }
            None => return false,
        }
        true
    }

    /// Opens a WebSocket.
    pub(super) fn connect(&mut self) -> WebSocketId {
        let sid = self.handshake.as_ref().map(|handshake| &handshake.sid);
        let request = Box::new(self.requests.websocket(&self.config, sid, self.now));
        let id = WebSocketId(self.take_id());
        self.transmits.push_back(Transmit::Connect { id, request });
        id
    }

    pub(super) fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        id
    }
}

/// Inputs. Drain the outputs after each. Inputs for unknown ids are ignored.
impl Session {
    /// The complete response to a request was received.
    ///
    /// The packets of a GET are processed as [`Session::poll_event`] is called: the session queues only a few dozen events at a time. The
    /// next GET is sent when all packets are processed.
    pub fn handle_response(&mut self, id: RequestId, response: Response<Bytes>, now: Instant) {
        self.clock(now);
        self.on_response(id, response);
    }

    /// A request failed: there is no connection or no complete response, or the body is longer than
    /// [`max_body`](super::ConfigBuilder::max_body).
    pub fn handle_request_failed(&mut self, id: RequestId, now: Instant) {
        self.clock(now);
        self.on_request_failed(id);
    }

    /// A WebSocket is open. `parts` is the head of the `101` response.
    pub fn handle_websocket(&mut self, id: WebSocketId, parts: &Parts, now: Instant) {
        self.clock(now);
        self.on_websocket(id, parts);
    }

    /// A WebSocket could not be opened. `status` is the status of the response, if there was one.
    pub fn handle_websocket_failed(&mut self, id: WebSocketId, status: Option<u16>, now: Instant) {
        self.clock(now);
        self.on_websocket_lost(id, Some(Fault::WebSocket { status }));
    }

    /// A WebSocket received a message: the data of a text or binary frame.
    #[inline]
    pub fn handle_message(&mut self, id: WebSocketId, data: Data, now: Instant) {
        self.clock(now);
        match &self.state {
            State::WebSocket(known) if *known == id => {
                self.heartbeat.received();
                self.on_frame(data);
            }
            State::WebSocketOpening(known, _) if *known == id => self.on_frame(data),
            State::Probing(probe) if probe.id == id => self.on_probe_message(data),
            State::Pausing(known) if *known == id => self.end_probe(id, Fault::Probe),
            // The WebSocket is already closed by the session.
            _ => {}
        }
    }

    /// Bytes of an incomplete message were received from a WebSocket. They are a sign of life, for
    /// [`message_timeout`](super::ConfigBuilder::message_timeout) from the first of them on. One call for all that was read at a time is
    /// enough.
    pub fn handle_progress(&mut self, id: WebSocketId, now: Instant) {
        let now = self.clock(now);
        if matches!(self.state, State::WebSocket(known) if known == id) {
            self.sustain(now);
        }
    }

    /// Bytes of an incomplete response to a request were received. For a GET, they are a sign of life as in [`Session::handle_progress`];
    /// for a POST, they are ignored.
    pub fn handle_response_progress(&mut self, id: RequestId, now: Instant) {
        let now = self.clock(now);
        if self.polling.receives(id) {
            self.sustain(now);
        }
    }

    fn sustain(&mut self, now: Instant) {
        if let Some(handshake) = &self.handshake {
            self.heartbeat.sustain(now, handshake.ping_timeout, self.config.message_timeout());
        }
    }

    /// The batch transmitted to a WebSocket has been written. The next one may follow.
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        self.clock(now);
        match &self.state {
            State::WebSocket(known) if *known == id => {
                self.outbox.free();
                self.on_arrived();
            }
            // The packets in flight were sent by POST.
            State::Probing(Probe { id: known, .. }) | State::Pausing(known) if *known == id => self.outbox.free(),
            _ => {}
        }
    }

    /// An open WebSocket was closed: by a close handshake or the end of its stream, or, if `error`, by a failure or a violation of the
    /// WebSocket protocol.
    pub fn handle_websocket_closed(&mut self, id: WebSocketId, error: bool, now: Instant) {
        self.clock(now);
        self.on_websocket_lost(id, error.then_some(Fault::WebSocket { status: None }));
    }

    /// The deadline of [`Session::poll_timeout`] has passed, and all input that had arrived before has been passed to the session. A call that is too
    /// early has no effect; a late one is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock(now);
        if self.is_closed() {
            return;
        }
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if due(self.closing) {
            self.finish(CloseReason::ForcedClose, None);
        } else if due(self.heartbeat.deadline()) {
            self.finish(CloseReason::PingTimeout, None);
        } else if due(self.polling.deadline()) {
            self.fail(Fault::RequestTimeout);
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
    /// Queues a message for the next batch. It waits until [`Event::Opened`] and during an upgrade.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if the message does not fit into the outbox now, [`SendError::TooLarge`] if it never fits, [`SendError::Closed`]
    /// after `close`, `discard` or [`Event::Closed`].
    #[inline]
    pub fn send(&mut self, data: Data) -> Result<Pressure, SendError> {
        self.send_batch([data])
    }

    /// Queues several messages, all or none. No other message is sent between them. By polling they may be split over several bodies, which
    /// are limited in bytes (by the server) and in packets ([`max_post_packets`](super::ConfigBuilder::max_post_packets)).
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

    /// Queues a message that does not share its batch, or its POST, with others. It is sent after the previous messages have been written to
    /// the WebSocket, followed by a [`Transmit::Barrier`], or after the server has answered their POST. The next messages wait for it in the
    /// same way.
    ///
    /// For a message that ends something: some servers drop messages that they read together with it.
    ///
    /// # Errors
    ///
    /// As [`Session::send`].
    pub fn send_alone(&mut self, data: Data) -> Result<Pressure, SendError> {
        if self.is_closed() || self.closing.is_some() {
            return Err(SendError::Closed);
        }
        self.outbox.send_alone(data, self.config.outbox_limit())
    }

    /// Closes the session gracefully: the buffered messages are sent and an upgrade in progress completes first, within `close_timeout`.
    /// From now on `send` fails and received messages are dropped.
    ///
    /// On a WebSocket, [`Transmit::Close`] follows the last batch; by polling, a POST sends `1`. Then follows [`Event::Closed`]. A session
    /// that is not open yet and has nothing buffered is closed at once.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock(now);
        if !self.is_closed() && self.closing.is_none() {
            self.closing = Some(after(now, self.config.close_timeout()));
            self.finish_close();
        }
    }

    /// Closes the session at once and drops the buffered messages. By polling no close packet is sent: the server sees aborted requests.
    pub fn discard(&mut self, now: Instant) {
        self.clock(now);
        if !self.is_closed() {
            self.finish(CloseReason::ForcedClose, None);
        }
    }

    /// The driver stops reading from the server. The ping deadline is suspended, since a ping would not be noticed. The rest of a response
    /// body is not decoded: [`Session::poll_event`] returns the events queued before, then `None`.
    pub fn pause_reading(&mut self, now: Instant) {
        self.clock(now);
        self.heartbeat.pause();
    }

    /// The driver reads again. The time for the next ping starts again in full.
    pub fn resume_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        self.heartbeat.resume(now, self.config.message_timeout());
        // Packets without an event have to be processed, too, so that the next GET is sent.
        self.read_on();
    }
}

/// Outputs. Drain [`Session::poll_transmit`], then [`Session::poll_event`], then read [`Session::poll_timeout`].
impl Session {
    /// The next action for the driver. The frames until `None` are one batch.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if self.transmits.is_empty() {
            match self.state {
                State::WebSocket(id) => {
                    if self.outbox.is_free() && self.outbox.begin_part() {
                        return Some(Transmit::Barrier { id });
                    }
                    if let Some(packet) = self.outbox.pop() {
                        return Some(self.frame(id, packet));
                    }
                }
                State::Polling | State::Probing(_) => self.poll_requests(),
                State::PollingOpening(_) | State::WebSocketOpening(..) | State::Pausing(_) | State::Closed(_) => {}
            }
            self.finish_close();
        }
        let transmit = self.transmits.pop_front();
        shrink_if_empty(&mut self.transmits, MAX_IDLE_CAPACITY / 4);
        transmit
    }

    /// The next event.
    ///
    /// This decodes the body of a response step by step, so call [`Session::poll_transmit`] again afterwards.
    #[inline]
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_empty() {
            self.read_on();
        }
        let event = self.events.pop_front();
        shrink_if_empty(&mut self.events, MAX_IDLE_CAPACITY / 4);
        event
    }

    /// Whether events are queued or a response body has packets left to decode. While reading is paused, only queued events count.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty() || self.may_read_on()
    }

    /// When to call [`Session::handle_timeout`]. `None` if the session is closed or no deadline applies: before the handshake only
    /// `request_timeout` and `close_timeout` do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        [self.closing, self.heartbeat.deadline(), self.polling.deadline()].into_iter().flatten().min()
    }

    pub(super) fn frame(&mut self, id: WebSocketId, packet: Packet) -> Transmit {
        self.pong_queued &= !matches!(packet, Packet::Pong(_));
        let frame = if self.config.force_base64() { packet.into_text_frame() } else { packet.into_frame() };
        Transmit::Frame { id, frame }
    }
}

/// Getters.
impl Session {
    /// The session id; `None` before the handshake.
    pub fn sid(&self) -> Option<&Sid> {
        self.handshake.as_ref().map(|handshake| &handshake.sid)
    }

    /// The parameters of the session; `None` before the handshake.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// The transport in use or being opened; polling until an upgrade is complete.
    pub fn transport(&self) -> TransportKind {
        match self.state {
            State::PollingOpening(_) | State::Polling | State::Probing(_) | State::Pausing(_) => TransportKind::Polling,
            State::WebSocketOpening(..) | State::WebSocket(_) => TransportKind::WebSocket,
            State::Closed(transport) => transport,
        }
    }

    /// Whether an upgrade is in progress: from [`Event::Upgrading`] to [`Event::Upgraded`] or [`Event::UpgradeFailed`].
    pub fn upgrading(&self) -> bool {
        matches!(self.state, State::Pausing(_))
    }

    /// Whether the session is open, or closing gracefully.
    pub fn is_open(&self) -> bool {
        self.handshake.is_some() && !self.is_closed()
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Whether a message would be sent at once: the session is open, the queue is empty, no batch is in flight, and no upgrade is in
    /// progress. For volatile messages, which are sent only then.
    pub fn writable(&self) -> bool {
        self.closing.is_none()
            && self.outbox.is_empty()
            && match self.state {
                State::Polling | State::Probing(_) => !self.polling.has_post(),
                State::WebSocket(_) => self.outbox.is_free(),
                State::PollingOpening(_) | State::WebSocketOpening(..) | State::Pausing(_) | State::Closed(_) => false,
            }
    }

    /// The number of bytes buffered: queued, or in flight until the driver reports them flushed (by polling, until the POST is answered).
    /// Each packet counts its data plus `size_of::<Packet>()`.
    pub fn buffered(&self) -> usize {
        self.outbox.buffered()
    }

    /// How full the outbox is, relative to `outbox_limit`.
    pub fn pressure(&self) -> Pressure {
        self.outbox.pressure(self.config.outbox_limit())
    }

    /// The next unused id of a request or a WebSocket; pass it as [`Start::first_id`] to the next session.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Whether a WebSocket worked; pass it as [`Start::prior_websocket`] to the next session.
    pub fn prior_websocket(&self) -> bool {
        self.prior_websocket
    }
}
