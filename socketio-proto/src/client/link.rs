//! The connection: attempts, loss and reconnection.

use std::sync::Arc;
use std::time::Duration;

use engineio_proto::client::{self as engine, Fault, Session, Start, Transmit};
use engineio_proto::{CloseReason, Instant};

use super::manager::Manager;
use super::member::Phase;
use super::{AttemptError, DisconnectReason, Event, backoff};

/// ```text
///  Idle --connect()--> Asking --open()--> Opening --handshake--> Open
///   ^                   ^   |                |                    |
///   |           pause over  '- fail_attempt()+- fault, timeout ---+ lost
///   |                   |                    v                    |
///   '-- no more tries --+-- Pausing <--------'--------------------'
/// ```
///
/// From every state to Idle: no socket is active any more.
#[derive(Debug)]
pub(super) enum Link {
    /// No connection is needed, or all attempts have failed.
    Idle,
    /// Pausing before the next attempt.
    Pausing {
        until: Instant,
    },
    /// The driver has not said where to connect to.
    Asking,
    /// The engine session is being opened, until the deadline of the attempt.
    Opening {
        engine: Box<Engine>,
        deadline: Option<Instant>,
    },
    Open(Box<Engine>),
}

/// An engine session.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) session: Session,
    /// The number of the session: the upper half of all its request and WebSocket ids.
    epoch: u64,
}

/// The maximum number of closing sessions; beyond it the oldest ones are discarded.
const MAX_CLOSING: usize = 8;

impl Engine {
    /// Whether the session may have issued this id.
    pub(super) fn issued(&self, id: u64) -> bool {
        id >> 32 == self.epoch
    }

    /// The next transmit of a closing session. Its events are dropped.
    pub(super) fn poll_closing(&mut self) -> Option<Transmit> {
        loop {
            if let Some(transmit) = self.session.poll_transmit() {
                return Some(transmit);
            }
            // Further transmits may follow an event.
            self.session.poll_event()?;
        }
    }
}

impl Link {
    pub(super) fn engine(&self) -> Option<&Engine> {
        match self {
            Self::Opening { engine, .. } | Self::Open(engine) => Some(engine),
            Self::Idle | Self::Pausing { .. } | Self::Asking => None,
        }
    }

    pub(super) fn engine_mut(&mut self) -> Option<&mut Engine> {
        match self {
            Self::Opening { engine, .. } | Self::Open(engine) => Some(engine),
            Self::Idle | Self::Pausing { .. } | Self::Asking => None,
        }
    }

    /// The deadline of the link itself, without that of the engine session. An attempt can't time out while reading is
    /// paused.
    pub(super) fn deadline(&self, paused: bool) -> Option<Instant> {
        match self {
            Self::Pausing { until } => Some(*until),
            Self::Opening { deadline, .. } => deadline.filter(|_| !paused),
            Self::Idle | Self::Asking | Self::Open(_) => None,
        }
    }
}

/// Answers to [`Event::Attempt`].
impl Manager {
    /// Connects with this configuration. Ignored if no attempt waits for an answer.
    pub fn open(&mut self, engine: Arc<engine::Config>, now: Instant) {
        let now = self.clock(now);
        if !matches!(self.link, Link::Asking) {
            return;
        }
        if self.config.connect_timeout == Some(Duration::ZERO) {
            return self.failed(AttemptError::Timeout);
        }
        self.outbox_limit = engine.outbox_limit();
        self.epochs += 1;
        let epoch = self.epochs;
        let start = Start { first_id: epoch << 32, prior_websocket: self.prior_websocket, entropy: self.random.next() };
        let mut session = Session::open(engine, start, now);
        if self.decoder.is_paused() {
            session.pause_reading(now);
        }
        let deadline = self.attempt_deadline();
        self.link = Link::Opening { engine: Box::new(Engine { session, epoch }), deadline };
        self.process();
    }

    /// Calls the attempt off, which fails it. Ignored if no attempt waits for an answer.
    pub fn fail_attempt(&mut self, now: Instant) {
        self.clock(now);
        if matches!(self.link, Link::Asking) {
            self.failed(AttemptError::CalledOff);
            self.process();
        }
    }
}

impl Manager {
    /// Starts an attempt: asks the driver where to connect to.
    pub(super) fn attempt(&mut self) {
        self.link = Link::Asking;
        self.events.push_back(Event::Attempt { attempt: self.attempt });
    }

    /// The pause before an attempt has ended, or the attempt has timed out.
    pub(super) fn handle_link_timeout(&mut self) {
        match self.link {
            Link::Pausing { .. } => self.attempt(),
            Link::Opening { .. } => {
                let now = self.now;
                self.detach_engine(|session| session.discard(now));
                self.failed(AttemptError::Timeout);
            }
            Link::Idle | Link::Asking | Link::Open(_) => {}
        }
    }

    /// The deadline of an attempt that starts now.
    fn attempt_deadline(&self) -> Option<Instant> {
        self.config.connect_timeout.and_then(|timeout| self.now.checked_add(timeout))
    }

    /// Restarts the deadline of an attempt when reading resumes.
    pub(super) fn extend_attempt(&mut self) {
        let anew = self.attempt_deadline();
        if let Link::Opening { deadline, .. } = &mut self.link {
            *deadline = anew;
        }
    }

    pub(super) fn opened(&mut self) {
        let link = std::mem::replace(&mut self.link, Link::Idle);
        let Link::Opening { engine, .. } = link else {
            self.link = link;
            return;
        };
        let transport = engine.session.transport();
        self.link = Link::Open(engine);
        let attempt = std::mem::take(&mut self.attempt);
        self.events.push_back(Event::Opened { attempt, transport });
        for index in 0..self.members.len() {
            self.ask(index);
        }
    }

    /// The engine session has ended.
    pub(super) fn ended(&mut self, reason: CloseReason, fault: Option<Fault>) {
        match self.link {
            Link::Opening { .. } => {
                self.detach_engine(|_| ());
                self.failed(fault.map_or(AttemptError::Closed(reason), AttemptError::Fault));
            }
            Link::Open(_) => {
                self.detach_engine(|_| ());
                self.lost(reason, fault);
            }
            Link::Idle | Link::Pausing { .. } | Link::Asking => {}
        }
    }

    /// The server violated the Socket.IO protocol.
    pub(super) fn violated(&mut self) {
        let now = self.now;
        if self.detach_engine(|session| session.close(now)) {
            self.lost(CloseReason::ParseError, None);
        }
    }

    /// Closes the connection if no socket is active any more.
    pub(super) fn leave_if_unused(&mut self) {
        if self.members.iter().any(|member| member.is_active()) {
            return;
        }
        let (now, open) = (self.now, matches!(self.link, Link::Open(_)));
        self.detach_engine(|session| session.close(now));
        self.link = Link::Idle;
        self.attempt = 0;
        if open {
            self.lost(CloseReason::ForcedClose, None);
        }
    }

    /// Detaches the engine session from the link and ends it by `end`; it stays in `closing` until it is closed.
    /// Returns `false` if there is none.
    fn detach_engine(&mut self, end: impl FnOnce(&mut Session)) -> bool {
        let link = std::mem::replace(&mut self.link, Link::Idle);
        let (Link::Opening { mut engine, .. } | Link::Open(mut engine)) = link else {
            self.link = link;
            return false;
        };
        end(&mut engine.session);
        self.prior_websocket = engine.session.prior_websocket();
        self.closing.push(*engine);
        let excess = self.closing.len().saturating_sub(MAX_CLOSING);
        let now = self.now;
        self.closing.iter_mut().take(excess).for_each(|engine| engine.session.discard(now));
        true
    }

    /// An open connection has been lost.
    fn lost(&mut self, reason: CloseReason, fault: Option<Fault>) {
        self.events.push_back(Event::Closed { reason, fault });
        self.space_released();
        self.controls.clear();
        self.decoder.reset();
        let reason = DisconnectReason::from(reason);
        for index in 0..self.members.len() {
            self.member_lost_connection(index, reason);
        }
        self.schedule_attempt();
    }

    fn member_lost_connection(&mut self, index: usize, reason: DisconnectReason) {
        let Some(member) = self.members.get_mut(index) else { return };
        let socket = member.key;
        match std::mem::replace(&mut member.phase, Phase::Waiting) {
            Phase::Idle => member.phase = Phase::Idle,
            Phase::Over | Phase::Leaving => member.phase = Phase::Over,
            Phase::Waiting => {}
            Phase::Asking | Phase::Joining => {
                self.forget_early(index);
                self.events.push_back(Event::NotJoined { socket, reason });
            }
            Phase::Connected(_) => self.disconnected(index, reason),
        }
    }

    pub(super) fn failed(&mut self, error: AttemptError) {
        self.events.push_back(Event::AttemptFailed { attempt: self.attempt, error });
        self.schedule_attempt();
    }

    /// Fails the acks without a deadline of all active sockets, because no further attempt follows.
    fn abandon_all_acks(&mut self) {
        for index in 0..self.members.len() {
            if self.members.get(index).is_some_and(|member| member.is_active()) {
                self.abandon_acks(index);
            }
        }
    }

    /// Schedules the next attempt, if there is to be one. `attempt` is the last one that failed.
    fn schedule_attempt(&mut self) {
        self.link = Link::Idle;
        let failed = std::mem::take(&mut self.attempt);
        if !self.members.iter().any(|member| member.is_active()) {
            return;
        }
        if !self.config.reconnection {
            return self.abandon_all_acks();
        }
        if self.config.reconnection_attempts.is_some_and(|most| failed >= most) {
            self.abandon_all_acks();
            self.events.push_back(Event::ReconnectFailed { attempts: failed });
            return;
        }
        self.attempt = failed.saturating_add(1);
        let delay = backoff::pause(&self.config.backoff, self.attempt, self.random.next());
        // A pause is at most 25 days, so this does not overflow.
        self.link = Link::Pausing { until: self.now.checked_add(delay).unwrap_or(self.now) };
        self.events.push_back(Event::Waiting { attempt: self.attempt, delay });
    }
}
