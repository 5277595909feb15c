//! The session itself: its state, its inputs, commands and outputs.

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

/// What a session takes over from those before it, and from outside.
///
/// ```
/// let start = engineio_proto::client::Start { entropy: 42, ..Default::default() };
/// assert_eq!((start.first_id, start.prior_websocket), (0, false));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Start {
    /// The first name that the session gives to a request or a WebSocket; from there they count up. With the
    /// [`next_id`](Session::next_id) of the session before, names are unique beyond one session.
    pub first_id: u64,
    /// The session before had a WebSocket ([`Session::prior_websocket`]): with `remember_upgrade` this one begins with it.
    pub prior_websocket: bool,
    /// For the timestamps in URLs. Any number; it need not be secret.
    pub entropy: u64,
}

/// One session on the client.
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
/// // It asks for a WebSocket ...
/// let Some(Transmit::Connect { id, request }) = session.poll_transmit() else { panic!() };
/// assert_eq!(request.uri(), "/engine.io/?EIO=4&transport=websocket");
/// let (parts, ()) = http::Response::builder().status(101).body(()).unwrap().into_parts();
/// session.handle_websocket(id, &parts, now);
///
/// // ... which brings the handshake; what is sent leaves.
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
    /// The latest time that an input brought.
    pub(super) now: Instant,
    pub(super) next_id: u64,
    pub(super) prior_websocket: bool,
    pub(super) requests: Requests,
    pub(super) handshake: Option<Handshake>,
    pub(super) state: State,
    /// Until when a graceful close waits for the outbox and an upgrade. A close is not a state of its own: it goes on over whichever
    /// transport there is.
    pub(super) closing: Option<Instant>,
    pub(super) polling: Polling,
    pub(super) heartbeat: Heartbeat,
    pub(super) outbox: Outbox,
    /// A pong waits in the outbox: one is enough, however many pings come.
    pub(super) pong_waits: bool,
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) events: VecDeque<Event>,
}

/// Where the session is.
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
/// Everything leads to Closed: the server, a fault, a timeout, `discard`, and `close` when the outbox is empty.
#[derive(Debug)]
pub(super) enum State {
    /// The handshake was asked for by a GET; transports still to be tried follow it.
    PollingOpening(Rest),
    WebSocketOpening(WebSocketId, Rest),
    Polling,
    Probing(Probe),
    /// The WebSocket was probed. No more requests; when those under way are over it becomes the transport.
    Pausing(WebSocketId),
    WebSocket(WebSocketId),
    /// With the transport that was the last.
    Closed(TransportKind),
}

/// The transports not tried yet.
pub(super) type Rest = VecDeque<TransportKind>;

/// The opening.
impl Session {
    /// Opens a session: [`Session::poll_transmit`] has its first request or WebSocket. Without a transport it is closed at once, with
    /// [`Fault::NoTransports`].
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
            pong_waits: false,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        };
        if !session.try_next(rest) {
            let fault = Some(Fault::NoTransports);
            session.events.push_back(Event::Closed { reason: CloseReason::TransportError, fault });
        }
        session
    }

    /// Asks for a session by the next transport, if there is one.
    pub(super) fn try_next(&mut self, mut rest: Rest) -> bool {
        match rest.pop_front() {
            Some(TransportKind::Polling) => {
                self.state = State::PollingOpening(rest);
                self.ask();
            }
            Some(TransportKind::WebSocket) => {
                let id = self.connect();
                self.state = State::WebSocketOpening(id, rest);
            }
            None => return false,
        }
        true
    }

    /// Asks for a WebSocket.
    pub(super) fn connect(&mut self) -> WebSocketId {
        let sid = self.handshake.as_ref().map(|handshake| &handshake.sid);
        let request = Box::new(self.requests.websocket(&self.config, sid, self.now));
        let id = WebSocketId(self.name());
        self.transmits.push_back(Transmit::Connect { id, request });
        id
    }

    pub(super) fn name(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        id
    }
}

/// Inputs: something happened. Drain the outputs after each. Of names that are not under way nothing is taken.
impl Session {
    /// The whole response to a request. A GET's packets act as [`Session::poll_event`] is called: only a few dozen events are held at a
    /// time, and the next GET is sent when all have acted.
    pub fn handle_response(&mut self, id: RequestId, response: Response<Bytes>, now: Instant) {
        self.clock(now);
        self.on_response(id, response);
    }

    /// There is no whole response to a request: the connection was refused or broke, or the body is too large.
    pub fn handle_request_failed(&mut self, id: RequestId, now: Instant) {
        self.clock(now);
        self.on_request_failed(id);
    }

    /// A WebSocket is open: the head of its `101`.
    pub fn handle_websocket(&mut self, id: WebSocketId, parts: &Parts, now: Instant) {
        self.clock(now);
        self.on_websocket(id, parts);
    }

    /// A WebSocket could not be opened; the status, if the server refused it with one.
    pub fn handle_websocket_failed(&mut self, id: WebSocketId, status: Option<u16>, now: Instant) {
        self.clock(now);
        self.on_websocket_lost(id, Some(Fault::WebSocket { status }));
    }

    /// A message came by a WebSocket, text or binary as it was framed.
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
            // Of a WebSocket that was told to close.
            _ => {}
        }
    }

    /// Bytes of a message came by a WebSocket, and it is not complete. They show that the server lives, for
    /// [`message_timeout`](super::ConfigBuilder::message_timeout) from the first of them on. Once for all that was read at a time is
    /// enough.
    pub fn handle_progress(&mut self, id: WebSocketId, now: Instant) {
        let now = self.clock(now);
        if matches!(self.state, State::WebSocket(known) if known == id) {
            self.sustain(now);
        }
    }

    /// Bytes of the response to a request came, and it is not complete. Likewise; only those of a GET count.
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

    /// The batch that was transmitted to a WebSocket has been written. The next one may follow.
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        self.clock(now);
        match &self.state {
            State::WebSocket(known) if *known == id => {
                self.outbox.free();
                self.on_arrived();
            }
            // What is under way there went by POST.
            State::Probing(Probe { id: known, .. }) | State::Pausing(known) if *known == id => self.outbox.free(),
            _ => {}
        }
    }

    /// A WebSocket that was open ended: with a closing handshake or the end of its stream, or (`error`) because it broke or the server
    /// broke its rules.
    pub fn handle_websocket_closed(&mut self, id: WebSocketId, error: bool, now: Instant) {
        self.clock(now);
        self.on_websocket_lost(id, error.then_some(Fault::WebSocket { status: None }));
    }

    /// The time of [`Session::poll_timeout`] has come. Too early or too late does no harm.
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

    /// Time does not go backwards.
    fn clock(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }
}

/// Commands: what the application wants.
impl Session {
    /// Sends a message. It leaves with the next batch; before [`Event::Opened`] and during an upgrade it waits.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] if it does not fit into the outbox now, [`SendError::TooLarge`] if it never will, [`SendError::Closed`] after `close`, `discard` or [`Event::Closed`].
    #[inline]
    pub fn send(&mut self, data: Data) -> Result<Pressure, SendError> {
        self.send_batch([data])
    }

    /// Sends several messages that stay together: all or none are taken, and nothing comes between them. By polling they may be spread
    /// over several bodies, which are limited in bytes (by the server) and in packets
    /// ([`max_post_packets`](super::ConfigBuilder::max_post_packets)).
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

    /// Sends a message that shares its batch, or its POST, with no other: those before it have been written to the WebSocket then, with
    /// a [`Transmit::Barrier`] behind them, or the server has answered the POST that brought them; those after it wait in the same way.
    ///
    /// For a message that ends something: a server that reads it together with others may not act on those any more.
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

    /// Closes gracefully: what is buffered leaves first, and an upgrade that is under way comes to its end, for at most `close_timeout`.
    /// From now on messages are neither taken nor delivered.
    ///
    /// Over a WebSocket [`Transmit::Close`] follows the last batch; by polling a POST says `1`. The session is over then for its
    /// part: see [`Event::Closed`]. A session that is not open yet and has nothing buffered is given up.
    pub fn close(&mut self, now: Instant) {
        let now = self.clock(now);
        if !self.is_closed() && self.closing.is_none() {
            self.closing = Some(after(now, self.config.close_timeout()));
            self.finish_close();
        }
    }

    /// Closes at once and loses what is buffered. By polling the server is told nothing: it sees requests break off.
    pub fn discard(&mut self, now: Instant) {
        self.clock(now);
        if !self.is_closed() {
            self.finish(CloseReason::ForcedClose, None);
        }
    }

    /// The driver stops to read from the server: a ping could not be seen, so its deadline stands still. In a body that has come
    /// nothing is read on either: [`Session::poll_event`] gives what was read before, and no more.
    pub fn pause_reading(&mut self, now: Instant) {
        self.clock(now);
        self.heartbeat.pause();
    }

    /// The driver reads again: the deadline of a ping begins anew, in full.
    pub fn resume_reading(&mut self, now: Instant) {
        let now = self.clock(now);
        self.heartbeat.resume(now, self.config.message_timeout());
        // What has no event, such as the next GET, would go unnoticed until there is one.
        self.read_on();
    }
}

/// Outputs: drain [`Session::poll_transmit`], then [`Session::poll_event`], then look at [`Session::poll_timeout`].
impl Session {
    /// The next thing to do. The frames of one batch come one by one until there is nothing more.
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

    /// The next thing that happened.
    ///
    /// The body of a response is read bit by bit as this is called, so there may be something to transmit afterwards.
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

    /// When to call [`Session::handle_timeout`]. None once the session is closed, or while no deadline runs: before the
    /// handshake only `request_timeout` bounds the waiting.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        [self.closing, self.heartbeat.deadline(), self.polling.deadline()].into_iter().flatten().min()
    }

    pub(super) fn frame(&mut self, id: WebSocketId, packet: Packet) -> Transmit {
        self.pong_waits &= !matches!(packet, Packet::Pong(_));
        let frame = if self.config.force_base64() { packet.into_text_frame() } else { packet.into_frame() };
        Transmit::Frame { id, frame }
    }
}

/// Getters.
impl Session {
    /// The session's name; None before the handshake.
    pub fn sid(&self) -> Option<&Sid> {
        self.handshake.as_ref().map(|handshake| &handshake.sid)
    }

    /// What the server said when it opened the session; None before.
    pub fn handshake(&self) -> Option<&Handshake> {
        self.handshake.as_ref()
    }

    /// The transport in use, or tried at present; polling until an upgrade is complete.
    pub fn transport(&self) -> TransportKind {
        match self.state {
            State::PollingOpening(_) | State::Polling | State::Probing(_) | State::Pausing(_) => TransportKind::Polling,
            State::WebSocketOpening(..) | State::WebSocket(_) => TransportKind::WebSocket,
            State::Closed(transport) => transport,
        }
    }

    /// Whether polling is being ended for a WebSocket: from [`Event::Upgrading`] to [`Event::Upgraded`].
    pub fn upgrading(&self) -> bool {
        matches!(self.state, State::Pausing(_))
    }

    /// Whether the server opened the session and it is not over. It may be closing.
    pub fn is_open(&self) -> bool {
        self.handshake.is_some() && !self.is_closed()
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Whether a message would leave at once: the session is open, nothing is queued, no batch is under way, and there is no upgrade
    /// that has to end. A volatile message is sent only then.
    pub fn writable(&self) -> bool {
        self.closing.is_none()
            && self.outbox.is_empty()
            && match self.state {
                State::Polling | State::Probing(_) => !self.polling.posts(),
                State::WebSocket(_) => self.outbox.is_free(),
                State::PollingOpening(_) | State::WebSocketOpening(..) | State::Pausing(_) | State::Closed(_) => false,
            }
    }

    /// How many bytes wait: queued, and under way until the driver reports them flushed (by polling: until the POST is answered). Each
    /// packet counts its data and, for its place in the queue, `size_of::<Packet>()`.
    pub fn buffered(&self) -> usize {
        self.outbox.buffered()
    }

    /// How full the outbox is.
    pub fn pressure(&self) -> Pressure {
        self.outbox.pressure(self.config.outbox_limit())
    }

    /// The first name that has not been given to a request or a WebSocket: [`Start::first_id`] of the next session.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Whether a WebSocket worked: [`Start::prior_websocket`] of the next session.
    pub fn prior_websocket(&self) -> bool {
        self.prior_websocket
    }
}
