//! The requests, WebSockets and timer of a client.

use std::task::{Context, Poll};
use std::time::Duration;

use engineio_proto::Instant;
use engineio_proto::client::Transmit;
use futures_channel::oneshot;
use socketio_proto::client::Manager;

use super::net::{Net, Outcome};
use crate::client::dial::Dialer;
use crate::client::error::{Attempt, Place};
use crate::client::options::Target;
use crate::client::shared::{Inner, Shared};
use crate::turn::alarm::Alarm;
use crate::turn::scratch::Scratch;
use crate::ws::{Incoming, Pump};

/// How long requests of a closed session may still run; the last of them is its close packet.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// All I/O of a client.
#[derive(Default)]
pub(super) struct Io {
    /// Dials for the next session.
    offered: Option<Dialer>,
    /// The newest session last, after former ones with requests still running.
    sessions: Vec<Session>,
    /// What is known of the attempt under way, or of the connection that it became.
    pub(super) attempt: Attempt,
    net: Net,
    outcomes: Vec<Outcome>,
    pumps: Vec<Pump>,
    alarm: Alarm,
    /// Passed deadlines take effect in this turn.
    expired: bool,
    /// The machine's next deadline.
    deadline: Option<Instant>,
    /// There is no connection and no attempt to open one.
    idle: bool,
    /// Deadline of the requests of the closed connection, while there is no other connection.
    close_deadline: Option<Instant>,
    /// Waiters of `close`: until all sessions up to that one have ended.
    closing: Vec<(u64, oneshot::Sender<()>)>,
}

/// An engine session on the network.
struct Session {
    /// The upper 32 bits of the ids of its requests and WebSockets.
    epoch: u64,
    dialer: Dialer,
    /// Deadline of its requests; set once there is a newer session.
    until: Option<Instant>,
}

fn epoch(name: u64) -> u64 {
    name >> 32
}

impl Io {
    /// The task was woken, so every WebSocket may be readable again.
    pub(super) fn refill(&mut self) {
        self.pumps.iter_mut().for_each(Pump::reset_drained);
    }

    /// Reads once from each WebSocket that may be readable, and collects completed requests. `true` if there may be more.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, paused: bool, scratch: &mut Scratch) -> bool {
        self.net.poll(cx, &mut self.outcomes, &mut self.attempt.cause);
        let mut more = false;
        for pump in self.pumps.iter_mut().filter(|pump| !pump.is_drained()) {
            if paused && !pump.is_closing() && !pump.has_failed() {
                continue;
            }
            if let Poll::Ready(open) = pump.poll_read(cx, &mut scratch.read, &mut scratch.inputs) {
                more |= open;
            }
        }
        more
    }

    /// Passes the input and the time to the machine. `true` if there was any.
    pub(super) fn feed(
        &mut self,
        machine: &mut Manager,
        shared: &Shared,
        scratch: &mut Scratch,
        now: Instant,
        unread: bool,
    ) -> bool {
        let max_message = shared.options.max_message();
        let mut news = !self.outcomes.is_empty() || !scratch.inputs.is_empty();
        for outcome in self.outcomes.drain(..) {
            match outcome {
                Outcome::Response(id, response) => machine.handle_response(id, response, now),
                Outcome::Part(id) => machine.handle_response_progress(id, now),
                Outcome::NoResponse(id) => machine.handle_request_failed(id, now),
                Outcome::Opened(id, parts, stream) => {
                    // There is nearly always only one; `push` alone would allocate for four.
                    self.pumps.reserve_exact(1);
                    self.pumps.push(Pump::client(id, stream, max_message, shared.runtime.clone()));
                    machine.handle_websocket(id, &parts, now);
                }
                Outcome::NotOpened(id, status) => machine.handle_websocket_failed(id, status, now),
            }
        }
        for (id, incoming) in scratch.inputs.drain(..) {
            match incoming {
                Incoming::Message(data) => machine.handle_message(id, data, now),
                Incoming::Part => machine.handle_progress(id, now),
                Incoming::Closed { error } => machine.handle_websocket_closed(id, error, now),
            }
        }
        for pump in self.pumps.iter_mut().filter(|pump| pump.flushed) {
            pump.flushed = false;
            machine.handle_flushed(pump.id, now);
        }
        self.expired = self.alarm.is_due(now) && self.alarm.expires(now, self.is_overdue(machine, now), unread);
        if self.expired {
            news = true;
            machine.handle_timeout(now);
            self.pumps.iter_mut().filter(|pump| pump.is_overdue(now)).for_each(Pump::give_up);
            if self.close_deadline.is_some_and(|deadline| deadline <= now) {
                self.net.give_up(|_| true);
            }
            let (net, sessions) = (&mut self.net, &mut self.sessions);
            sessions.retain(|session| {
                let over = session.until.is_some_and(|until| until <= now);
                if over {
                    net.give_up(|name| epoch(name) == session.epoch);
                }
                !over
            });
        }
        news
    }

    /// Whether any deadline has passed.
    fn is_overdue(&self, machine: &Manager, now: Instant) -> bool {
        let deadlines = [machine.poll_timeout(), self.close_deadline, self.former_deadline()];
        deadlines.into_iter().flatten().any(|deadline| deadline <= now)
            || self.pumps.iter().any(|pump| pump.is_late(now))
    }

    /// Collects the machine's output. `true` if a request or dial was started, which has to be polled.
    pub(super) fn collect(&mut self, inner: &mut Inner, shared: &Shared, scratch: &mut Scratch) -> bool {
        let mut begun = false;
        while let Some(transmit) = inner.machine.poll_transmit() {
            let (id, frame) = match transmit {
                Transmit::Frame { id, frame } => (id, Some(frame)),
                Transmit::Barrier { id } => {
                    self.pumps.iter_mut().filter(|pump| pump.id == id).for_each(Pump::set_barrier);
                    continue;
                }
                Transmit::Close { id } => {
                    self.net.hang_up(id);
                    (id, None)
                }
                Transmit::Cancel { id } => {
                    self.net.cancel(id);
                    continue;
                }
                Transmit::Request { id, request } => {
                    self.attempt.by_websocket &= self.attempt.open;
                    if let Some(dialer) = self.dialer(id.0, shared) {
                        self.net.request(&dialer, id, *request, shared.options.max_body());
                        begun = true;
                    }
                    continue;
                }
                Transmit::Connect { id, request } => {
                    self.attempt.by_websocket |= !self.attempt.open;
                    if let Some(dialer) = self.dialer(id.0, shared) {
                        self.net.dial(&dialer, id, *request);
                        begun = true;
                    }
                    continue;
                }
            };
            let Some(index) = self.pumps.iter().position(|pump| pump.id == id) else { continue };
            // Only one WebSocket uses the shared write buffer at a time.
            if let Some(before) = scratch.writing.replace(index).filter(|before| *before != index) {
                self.pumps[before].keep(&mut scratch.write);
            }
            match frame {
                Some(frame) => self.pumps[index].push(frame, &mut scratch.write),
                None => self.pumps[index].close(&mut scratch.write),
            }
        }
        // Handles may have used the machine since its events were taken.
        if inner.machine.has_events() {
            shared.turns.notify();
        }
        self.idle = inner.machine.is_idle();
        inner.session = self.sessions.last().map_or(0, |session| session.epoch);
        self.closing.append(&mut inner.closing);
        self.close_deadline = match self.idle && !self.net.is_empty() {
            true => self.close_deadline.or_else(|| Some(shared.now() + CLOSE_GRACE)),
            false => None,
        };
        self.deadline = inner.machine.poll_timeout();
        begun
    }

    /// Writes the collected output. `true` if a batch was flushed, so that the next may follow, or if a WebSocket has failed.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, shared: &Shared, scratch: &mut Scratch) -> bool {
        let writing = scratch.writing.take();
        let (mut flushed, mut failed, mut ended) = (false, false, false);
        for (index, pump) in self.pumps.iter_mut().enumerate() {
            let mut fresh = writing == Some(index);
            let buffer = if fresh { &mut scratch.write } else { &mut scratch.spare };
            fresh |= pump.pass_barrier(buffer);
            if (fresh || pump.has_output())
                && pump.poll_write(cx, buffer) == Poll::Ready(true)
                && std::mem::take(&mut pump.unflushed)
            {
                // Stored in the pump, as another task may use the scratch buffers before the next turn.
                pump.flushed = true;
                flushed = true;
            }
            if self.expired {
                pump.fail_if_stalled(|| shared.now());
            }
            pump.reap();
            failed |= pump.has_failed();
            ended |= pump.is_done();
        }
        if ended {
            self.pumps.retain(|pump| !pump.is_done());
        }
        flushed || failed
    }

    /// Whether there is no connection, and nothing is left to send.
    pub(super) fn is_over(&self) -> bool {
        self.idle && self.net.is_empty() && self.pumps.is_empty()
    }

    /// Whether a waiter of `close` can be released.
    pub(super) fn reports_closing(&self) -> bool {
        self.closing.iter().any(|(session, _)| self.is_past(*session))
    }

    /// Releases the waiters of `close` whose sessions have ended.
    pub(super) fn report_closing(&mut self) {
        for (session, waiting) in std::mem::take(&mut self.closing) {
            match self.is_past(session) {
                true => _ = waiting.send(()),
                false => self.closing.push((session, waiting)),
            }
        }
    }

    /// Whether no request or WebSocket of this session, or of an earlier one, is left.
    fn is_past(&self, session: u64) -> bool {
        let names = self.net.names().chain(self.pumps.iter().map(|pump| pump.id.0));
        names.into_iter().all(|name| epoch(name) > session)
    }

    /// Sets the dialer of the next session.
    pub(super) fn offer(&mut self, target: &Target) {
        self.attempt.place = Some(Place::of(target));
        self.offered = Some(target.dialer.clone());
    }

    /// The dialer of a session; a session keeps its dialer, even if the next one uses another.
    fn dialer(&mut self, name: u64, shared: &Shared) -> Option<Dialer> {
        let epoch = epoch(name);
        let latest = self.sessions.last().map_or(0, |session| session.epoch);
        if epoch > latest {
            let until = shared.now() + shared.options.close_timeout() + CLOSE_GRACE;
            let (net, sessions) = (&self.net, &mut self.sessions);
            sessions.retain_mut(|session| {
                session.until.get_or_insert(until);
                net.names().any(|name| self::epoch(name) == session.epoch)
            });
            // Always set: the machine sends nothing before `open`, which follows `offer`.
            let dialer = self.offered.clone()?;
            sessions.push(Session { epoch, dialer, until: None });
        }
        self.sessions.iter().find(|session| session.epoch == epoch).map(|session| session.dialer.clone())
    }

    /// The next deadline of the requests of former sessions.
    fn former_deadline(&self) -> Option<Instant> {
        let former = self.sessions.iter().filter_map(|session| Some((session.until?, session.epoch)));
        let lasting = former.filter(|(_, former)| self.net.names().any(|name| epoch(name) == *former));
        lasting.map(|(until, _)| until).min()
    }

    /// Arms the timer for the next deadline, if it is earlier than the armed one. `true` if it has already passed.
    pub(super) fn arm(&mut self, cx: &mut Context<'_>, shared: &Shared) -> bool {
        // A WebSocket that is being closed has a deadline, too.
        let closing = self.pumps.iter_mut().filter_map(|pump| pump.close_deadline(|| shared.now())).min();
        let write_timeout = || shared.options.dial.write_timeout.get();
        let stalled = self.pumps.iter_mut().filter_map(|pump| pump.stalled_until(|| shared.now(), write_timeout)).min();
        let next =
            [self.deadline, closing, stalled, self.close_deadline, self.former_deadline()].into_iter().flatten().min();
        match self.alarm.next(next) {
            Some(deadline) => self.alarm.arm(cx, &*shared.runtime, deadline),
            None => false,
        }
    }
}
