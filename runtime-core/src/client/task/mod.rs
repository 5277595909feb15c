//! The task of a client.
//!
//! It owns the HTTP requests, the WebSockets, the running handlers and the timer. Each turn collects all input, passes it to the
//! machine, runs the handlers that can run, collects what the machine has to send, and writes once. While the client waits for its
//! server or for its next attempt, only the timer wakes the task.

mod ask;
mod io;
mod lane;
mod net;

use socketio_proto::SocketKey;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use engineio_proto::Text;
use engineio_proto::client::Session;
use socketio_proto::client::Event;

use self::ask::Questions;
use self::io::Io;
use self::lane::{Beside, Lane, Step};
use super::auth::{Auth, AuthRequest};
use super::error::Attempt;
use super::shared::{Shared, Stage, WeakClient};
use super::state::State;
use crate::error::HandlerError;
use crate::handler::poll_all;
use crate::turn::scratch::{self, Scratch};

/// Turns that the task takes before it yields to other tasks.
const TURNS: usize = 16;

/// Events and bytes that may be queued for handlers before reading from the server pauses.
const INBOX_EVENTS: usize = 64;
const INBOX_BYTES: usize = 256 * 1024;

/// Bytes that may be queued for handlers while an ack is pending, as the ack may arrive after them.
const AWAITED_BYTES: usize = 4 * 1024 * 1024;

thread_local! {
    /// A buffer for the events of a turn, shared by the clients of a thread.
    static EVENTS: Cell<Vec<Event>> = const { Cell::new(Vec::new()) };
}

pub(super) struct ClientTask {
    shared: Arc<Shared>,
    alive: WeakClient,
    io: Io,
    questions: Questions,
    answers: Vec<ask::Answer>,
    lanes: Vec<Lane>,
    /// Error handlers, and connect and disconnect handlers started while another handler was waiting in `next`.
    beside: Beside,
    /// Number of the current attempt, or of the one that opened the connection.
    attempt: u32,
    paused: bool,
    /// The last handle was dropped.
    leaving: bool,
}

/// The outcome of a turn.
enum Turn {
    /// There may be more to do.
    Again,
    /// Nothing to do until the task is woken.
    Idle,
    Done,
}

/// The outcome of feeding the machine.
struct Fed {
    /// There may be more to do.
    again: bool,
    /// Handlers had nothing to do, so the machine's output has already been collected.
    collected: bool,
}

impl ClientTask {
    pub(super) fn new(shared: Arc<Shared>, alive: WeakClient) -> Self {
        Self {
            shared,
            alive,
            io: Io::default(),
            questions: Questions::default(),
            answers: Vec::new(),
            lanes: Vec::new(),
            beside: Vec::new(),
            attempt: 0,
            paused: false,
            leaving: false,
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Turn {
        self.shared.turns.begin();
        self.check_handles();
        let mut again = self.io.read(cx, self.paused, scratch);
        self.questions.poll(cx, &mut self.answers);
        let fed = self.feed(scratch, again);
        again |= fed.again;
        if !fed.collected {
            again |= self.run(cx) == Step::Moved;
            again |= self.balance();
            // What handlers have requested so far is collected below.
            self.shared.turns.seen();
            again |= self.lanes.iter().any(Lane::is_called);
            let mut inner = self.shared.lock();
            again |= self.io.collect(&mut inner, &self.shared, scratch);
        }
        again |= self.io.write(cx, &self.shared, scratch);
        if self.is_done() {
            return Turn::Done;
        }
        again |= self.io.arm(cx, &self.shared);
        if again { Turn::Again } else { Turn::Idle }
    }

    /// Adds lanes for new sockets, and closes the client once its last handle is dropped.
    fn check_handles(&mut self) {
        if self.shared.sockets() > self.lanes.len() {
            self.adopt();
        }
        if !self.leaving && self.alive.strong_count() == 0 {
            self.leaving = true;
            self.questions.clear();
            let now = self.shared.now();
            self.shared.lock().machine.close(now);
        }
    }

    fn adopt(&mut self) {
        let Some(alive) = self.alive.upgrade() else { return };
        let known = |member: &Arc<_>| self.lanes.iter().any(|lane| Arc::ptr_eq(&lane.member, member));
        let fresh: Vec<_> = alive.members().into_iter().filter(|member| !known(member)).collect();
        self.lanes.extend(fresh.into_iter().map(Lane::new));
    }

    /// Passes the input and the time to the machine, and takes its events. If handlers have nothing to do, collects its output,
    /// too.
    fn feed(&mut self, scratch: &mut Scratch, unread: bool) -> Fed {
        let now = self.shared.now();
        let mut again = !self.answers.is_empty();
        let mut events = None;
        let mut inner = self.shared.lock();
        again |= self.io.feed(&mut inner.machine, &self.shared, scratch, now, unread);
        for answer in self.answers.drain(..) {
            match answer {
                ask::Answer::Target(Ok(target)) => {
                    self.io.offer(&target);
                    inner.machine.open(target.engine, now);
                }
                ask::Answer::Target(Err(error)) => {
                    self.io.attempt.cause = Some(error.into());
                    inner.machine.fail_attempt(now);
                }
                ask::Answer::Auth(socket, Ok(auth)) => inner.machine.authenticate(socket, auth.as_ref(), now),
                ask::Answer::Auth(socket, Err(error)) => {
                    inner.no_auth.retain(|(key, _)| *key != socket);
                    inner.no_auth.push((socket, error.into()));
                    inner.machine.refuse_authentication(socket, now);
                }
            }
        }
        let mut woken = Vec::new();
        while events.as_ref().is_none_or(|events: &Vec<Event>| events.len() < INBOX_EVENTS) {
            let Some(event) = inner.machine.poll_event() else { break };
            if let Event::Ready = event {
                woken.append(&mut inner.ready);
            } else {
                if let Event::Closed { fault, .. } = &event {
                    self.io.attempt.fault.clone_from(fault);
                }
                if let Some(event) = inner.settle(event, &self.io.attempt, &self.shared.options) {
                    // Many turns have no event, such as one that only writes.
                    events.get_or_insert_with(|| EVENTS.take()).push(event);
                }
            }
        }
        let quiet = self.beside.is_empty() && self.lanes.iter().all(Lane::is_quiet);
        let collected = events.is_none() && quiet;
        if collected {
            again |= self.io.collect(&mut inner, &self.shared, scratch);
        }
        drop(inner);
        drop(woken);
        if let Some(mut events) = events {
            for event in events.drain(..) {
                again |= self.take(event);
            }
            EVENTS.set(events);
        }
        Fed { again, collected }
    }

    /// Handles an event of the machine. `true` if another turn is needed for it.
    fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Received { socket, id, event } => {
                self.with_lane(socket, |lane| lane.received(id, event));
            }
            Event::Attempt { attempt } => {
                self.attempt = attempt;
                self.io.attempt = Attempt::default();
                self.tell(&State::Connecting { attempt });
                self.questions.target(&self.shared, attempt);
                return true;
            }
            Event::Authenticate { socket } => {
                self.authenticate(socket);
                return true;
            }
            Event::Opened { attempt, transport } => {
                self.io.attempt.open = true;
                let inner = self.shared.lock();
                if let Some(handshake) = inner.machine.engine().and_then(Session::handshake) {
                    self.shared.options.dial.write_timeout.learn(handshake.ping_interval + handshake.ping_timeout);
                }
                drop(inner);
                self.tell(&State::Connected { attempt, transport });
            }
            Event::Upgraded { transport } => {
                self.io.attempt.by_websocket = true;
                self.tell(&State::Upgraded { transport });
            }
            Event::AttemptFailed { attempt, error } => {
                let error = self.io.attempt.failed(error, self.shared.options.timeout);
                self.tell(&State::AttemptFailed { attempt, error: error.clone() });
                self.adopt();
                let inner = self.shared.lock();
                let active = self.lanes.iter_mut().filter(|lane| inner.machine.is_wanted(lane.key));
                active.for_each(|lane| lane.failed(error.clone()));
            }
            Event::Waiting { attempt, delay } => self.tell(&State::Waiting { attempt, delay }),
            Event::ReconnectFailed { attempts } => {
                self.tell(&State::ReconnectFailed { attempts });
                self.lanes.iter().for_each(|lane| lane.member.recheck());
            }
            Event::Connected { socket, id } => self.with_lane(socket, |lane| lane.connected(id)),
            Event::Refused { socket, error } => {
                let error = self.shared.lock().refusal(socket, error);
                self.with_lane(socket, |lane| lane.failed(error));
            }
            Event::NotJoined { socket, reason } => {
                let error = self.io.attempt.lost(reason);
                self.with_lane(socket, |lane| lane.failed(error));
            }
            Event::Disconnected { socket, reason } => self.with_lane(socket, |lane| lane.disconnected(reason)),
            Event::Undecodable(error) => {
                for lane in &self.lanes {
                    lane.report(HandlerError::Undecodable(error), &self.alive, &mut self.beside);
                }
            }
            Event::Closed { reason, fault } => self.tell(&State::Closed { reason, fault }),
            _ => {}
        }
        false
    }

    fn tell(&self, state: &State) {
        state.trace();
        self.shared.subscribers.publish(state);
    }

    fn with_lane(&mut self, key: SocketKey, act: impl FnOnce(&mut Lane)) {
        if !self.lanes.iter().any(|lane| lane.key == key) {
            self.adopt();
        }
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.key == key) {
            act(lane);
        }
    }

    fn authenticate(&mut self, key: SocketKey) {
        let (shared, attempt) = (self.shared.clone(), self.attempt);
        let mut asked = None;
        self.with_lane(key, |lane| {
            let auth = lane.member.auth().unwrap_or_else(|| shared.options.auth.clone());
            asked = Some((auth, AuthRequest { namespace: lane.member.namespace.clone(), attempt }));
        });
        match asked {
            Some((auth, request)) => self.questions.auth(key, &auth, request),
            // The socket's handle is gone, and its credentials with it.
            None => self.questions.auth(key, &Auth::NONE, AuthRequest { namespace: Text::default(), attempt }),
        }
    }

    /// Polls running handlers and starts those that can start.
    fn run(&mut self, cx: &mut Context<'_>) -> Step {
        let mut step = Step::Waiting;
        for lane in &mut self.lanes {
            let limit = (INBOX_EVENTS, INBOX_BYTES);
            if lane.run(&self.shared, &self.alive, limit, &mut self.beside, cx) == Step::Moved {
                step = Step::Moved;
            }
        }
        poll_all(&mut self.beside, cx);
        step
    }

    /// Pauses or resumes reading, depending on how much is queued for handlers. `true` if the streams must be polled again to
    /// register their wakers.
    fn balance(&mut self) -> bool {
        let lanes = self.lanes.iter().map(Lane::inbox);
        let (events, bytes) = lanes.fold((self.beside.len(), 0), |sum, lane| (sum.0 + lane.0, sum.1 + lane.1));
        if !self.paused && events < INBOX_EVENTS && bytes < INBOX_BYTES {
            return false;
        }
        let mut inner = self.shared.lock();
        // A pending ack would never arrive if reading paused now.
        let awaited = (!inner.acks.is_empty() || !inner.deliveries.is_empty()) && bytes < AWAITED_BYTES;
        let full = match self.paused {
            true => events > INBOX_EVENTS / 2 || bytes > INBOX_BYTES / 2,
            false => true,
        };
        let pause = full && !awaited && !self.leaving;
        if pause == self.paused {
            return false;
        }
        self.paused = pause;
        let now = self.shared.now();
        match pause {
            true => inner.machine.pause_reading(now),
            false => inner.machine.resume_reading(now),
        }
        !pause
    }

    fn is_done(&mut self) -> bool {
        if self.io.reports_closing() {
            // The sockets' disconnect events come first.
            let drained = !self.shared.lock().machine.has_events();
            if drained {
                self.io.report_closing();
            }
        }
        self.leaving && self.io.is_over() && self.beside.is_empty() && self.lanes.iter().all(Lane::is_idle)
    }
}

impl Future for ClientTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.turns.register(cx.waker());
        self.io.refill();
        scratch::with(|scratch| {
            for _ in 0..TURNS {
                match self.turn(cx, scratch) {
                    Turn::Again => {}
                    Turn::Done => return Poll::Ready(()),
                    Turn::Idle if self.shared.turns.end() => return Poll::Pending,
                    Turn::Idle => {}
                }
            }
            self.shared.turns.yield_now();
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }
}

impl Drop for ClientTask {
    /// Also runs when the runtime shuts down and drops its tasks. Nothing serves the handles after this, so all waiters are
    /// released.
    fn drop(&mut self) {
        let now = self.shared.now();
        let mut inner = self.shared.lock();
        inner.stage = Stage::Ended;
        inner.machine.close(now);
        while inner.machine.poll_transmit().is_some() {}
        while inner.machine.poll_event().is_some() {}
        let acks = std::mem::take(&mut inner.acks);
        let deliveries = std::mem::take(&mut inner.deliveries);
        let connecting = std::mem::take(&mut inner.connecting);
        let closing = std::mem::take(&mut inner.closing);
        let ready = std::mem::take(&mut inner.ready);
        drop(inner);
        // Dropping the senders releases their waiters.
        drop((acks, deliveries, connecting, closing, ready));
        // Includes sockets created since the last turn.
        self.adopt();
        for lane in &self.lanes {
            lane.member.close();
            // The event holds a handle, which would keep the client alive.
            drop(lane.member.take_back());
        }
        self.shared.subscribers.end();
    }
}
