//! The session task: one task for each session.
//!
//! It owns the client's WebSockets, runs the handlers of its sockets, and sleeps until the next deadline. A turn reads, passes
//! everything that was read to the machine, runs handlers, takes the machine's output, and writes once.

mod messages;
mod runner;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use engineio_proto::Instant;

use crate::server::conn::{Conn, Inner, Output};
use crate::server::machine::Event;
use crate::turn::alarm::Alarm;
use crate::turn::scratch::{self, Scratch};
use crate::ws::{Incoming, Pump};
use runner::{Runners, Step};

/// Turns that a task takes before it yields to other tasks.
const TURNS: usize = 16;

/// The number of events and of bytes that wait for handlers at which reading from the client is paused.
const INBOX_EVENTS: usize = 64;
const INBOX_BYTES: usize = 256 * 1024;

thread_local! {
    /// Buffer for the events of a turn, shared by the sessions of a thread.
    static EVENTS: Cell<Vec<Event>> = const { Cell::new(Vec::new()) };
}

pub(crate) struct SessionTask {
    conn: Arc<Conn>,
    pumps: Vec<Pump>,
    alarm: Alarm,
    /// The machine's last timeout.
    deadline: Option<Instant>,
    /// The session has ended. The task goes on until the close handshakes and the handlers are finished.
    ended: bool,
    runners: Runners,
    paused: bool,
}

/// The result of a turn.
enum Turn {
    /// There may be more to do.
    Again,
    /// Everything waits, with the task's waker set.
    Idle,
    Done,
}

/// The result of feeding the machine.
struct Fed {
    /// There may be more to do.
    again: bool,
    /// Handlers had nothing to do, so the machine's output is taken already.
    collected: bool,
    /// Expired deadlines are handled in this turn.
    expired: bool,
}

impl SessionTask {
    pub(crate) fn new(conn: Arc<Conn>) -> Self {
        let runners = Runners::new(conn.clone());
        Self { conn, pumps: Vec::new(), alarm: Alarm::default(), deadline: None, ended: false, runners, paused: false }
    }

    fn turn(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Turn {
        self.conn.turns.begin();
        let mut again = self.read(cx, scratch);
        let now = self.conn.now();
        let fed = self.feed(scratch, now, again);
        again |= fed.again;
        if !fed.collected {
            again |= self.runners.run(cx) == Step::Moved;
            again |= self.balance();
            // `collect` takes everything that handlers have emitted up to here.
            self.conn.turns.seen();
            again |= self.runners.is_called();
            self.collect(scratch, now);
        }
        again |= self.write(cx, scratch, fed.expired);
        if self.is_done() {
            return Turn::Done;
        }
        again |= self.arm(cx);
        if again { Turn::Again } else { Turn::Idle }
    }

    /// Reads once from each WebSocket that may have data. `true` if there may be more.
    fn read(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> bool {
        let mut more = false;
        for pump in self.pumps.iter_mut().filter(|pump| !pump.is_drained()) {
            if self.paused && !pump.is_closing() && !pump.has_failed() {
                continue;
            }
            if let Poll::Ready(open) = pump.poll_read(cx, &mut scratch.read, &mut scratch.inputs) {
                more |= open;
            }
        }
        more
    }

    /// Passes the data read and the time to the machine and takes its events. If handlers have nothing to do, takes its output, too.
    fn feed(&mut self, scratch: &mut Scratch, now: Instant, unread: bool) -> Fed {
        let mut closed = false;
        let mut events = None;
        let mut inner = self.conn.lock();
        let mut again = adopt(&mut self.pumps, &mut inner, &self.conn);
        again |= !scratch.inputs.is_empty();
        for (id, incoming) in scratch.inputs.drain(..) {
            match incoming {
                Incoming::Message(data) => inner.machine.handle_message(id, data, now),
                Incoming::Part => inner.machine.handle_progress(id, now),
                Incoming::Closed { error } => inner.machine.handle_websocket_closed(id, error, now),
            }
        }
        for pump in self.pumps.iter_mut() {
            if std::mem::take(&mut pump.flushed) {
                inner.machine.handle_flushed(pump.id, now);
            } else if std::mem::take(&mut pump.advanced) {
                inner.machine.handle_progress(pump.id, now);
            }
        }
        let expired = self.alarm.is_due(now) && expire(&mut self.alarm, &self.pumps, &mut inner, now, unread);
        again |= expired;
        // The rest of a long polling body waits in the machine until the inbox has room.
        while events.as_ref().is_none_or(|events: &Vec<Event>| events.len() < INBOX_EVENTS) {
            let Some(event) = inner.machine.poll_event() else { break };
            closed |= event.is_closed();
            if let Some(event) = inner.settle_ack(event) {
                // Many turns have no event, such as one that only writes.
                events.get_or_insert_with(|| EVENTS.take()).push(event);
            }
        }
        let collected = events.is_none() && self.runners.is_quiet();
        if collected {
            inner.machine.handle_idle(now);
            self.deadline = take_outputs(&mut self.pumps, &mut inner, &self.conn, scratch);
        }
        drop(inner);
        if let Some(mut events) = events {
            events.drain(..).for_each(|event| self.runners.take(event));
            EVENTS.set(events);
        }
        if closed && !self.ended {
            self.ended = true;
            self.conn.shared.session_ended(&self.conn.sid);
        }
        if expired {
            self.pumps.iter_mut().filter(|pump| pump.is_overdue(now)).for_each(Pump::abandon);
        }
        Fed { again, collected, expired }
    }

    /// Takes the machine's output after handlers have run.
    fn collect(&mut self, scratch: &mut Scratch, now: Instant) {
        let mut inner = self.conn.lock();
        if self.runners.is_quiet() {
            inner.machine.handle_idle(now);
        }
        self.deadline = take_outputs(&mut self.pumps, &mut inner, &self.conn, scratch);
    }

    /// Pauses or resumes reading, depending on the inbox. `true` if the streams must be polled again to register their wakers.
    fn balance(&mut self) -> bool {
        let (events, bytes) = self.runners.inbox();
        if !self.paused && events < INBOX_EVENTS && bytes < INBOX_BYTES {
            return false;
        }
        let mut inner = self.conn.lock();
        // A handler that waits for an ack of this client would never get it while reading is paused.
        let awaited = !inner.acks.is_empty() && bytes < self.conn.shared.engine.max_payload().saturating_mul(4);
        let full = match self.paused {
            true => events > INBOX_EVENTS / 2 || bytes > INBOX_BYTES / 2,
            false => true,
        };
        let pause = full && !awaited && !self.ended;
        if pause == self.paused {
            return false;
        }
        self.paused = pause;
        let now = self.conn.now();
        if pause {
            inner.machine.pause_reading(now);
            inner.paused = Some(Vec::new());
        } else {
            inner.machine.resume_reading(now);
            inner.paused.take().into_iter().flatten().for_each(Waker::wake);
        }
        !pause
    }

    /// Writes the output. `true` if a batch is written, so that the next may follow, or if there is a failure to report.
    fn write(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch, expired: bool) -> bool {
        let writing = scratch.writing.take();
        let (mut flushed, mut failed, mut ended) = (false, false, false);
        for (index, pump) in self.pumps.iter_mut().enumerate() {
            let fresh = writing == Some(index);
            let buffer = if fresh { &mut scratch.write } else { &mut scratch.spare };
            if (fresh || pump.has_output())
                && pump.poll_write(cx, buffer) == Poll::Ready(true)
                && std::mem::take(&mut pump.unflushed)
            {
                // Kept in the pump: the scratch may be used by another task before the next turn.
                pump.flushed = true;
                flushed = true;
            }
            if expired {
                pump.fail_if_stalled(|| self.conn.now());
            }
            pump.reap();
            // The next turn reports it.
            flushed |= pump.advanced;
            failed |= pump.has_failed();
            ended |= pump.is_done();
        }
        if ended {
            self.pumps.retain(|pump| !pump.is_done());
        }
        flushed || failed
    }

    fn is_done(&mut self) -> bool {
        if !self.ended {
            return false;
        }
        // WebSockets that the machine has not closed end with the session.
        for pump in self.pumps.iter_mut().filter(|pump| !pump.is_closing()) {
            pump.abandon();
        }
        self.pumps.retain(|pump| !pump.is_done());
        self.pumps.is_empty() && self.runners.is_idle()
    }

    /// Arms the timer if the next deadline is earlier than the armed one. `true` if it has passed already.
    fn arm(&mut self, cx: &mut Context<'_>) -> bool {
        // The close handshake of a replaced WebSocket has a deadline while the session goes on.
        let conn = &self.conn;
        let timeout = conn.shared.http.write_timeout;
        let mut next = self.deadline;
        for pump in self.pumps.iter_mut().filter(|pump| pump.has_deadline()) {
            let (closing, stalled) =
                (pump.close_deadline(|| conn.now()), pump.stalled_until(|| conn.now(), || timeout));
            next = [next, closing, stalled].into_iter().flatten().min();
        }
        let Some(deadline) = self.alarm.next(next) else { return false };
        if !self.alarm.in_grace() {
            self.conn.lock().armed = Some(deadline);
        }
        self.alarm.arm(cx, &*self.conn.shared.runtime, deadline)
    }
}

/// Handles the timer. `true` if expired deadlines are handled, `false` if that waits for the end of the grace.
fn expire(alarm: &mut Alarm, pumps: &[Pump], inner: &mut Inner, now: Instant, unread: bool) -> bool {
    inner.machine.handle_tick(now);
    let overdue = inner.machine.poll_timeout().is_some_and(|deadline| deadline <= now);
    let expired = alarm.expires(now, overdue || pumps.iter().any(|pump| pump.is_late(now)), unread);
    if expired {
        inner.machine.handle_timeout(now);
    }
    if !alarm.is_armed() {
        inner.armed = None;
    }
    expired
}

/// Takes over newly accepted WebSockets. `true` if there are any; they are read in the next turn.
fn adopt(pumps: &mut Vec<Pump>, inner: &mut Inner, conn: &Conn) -> bool {
    if inner.upgrades.is_empty() {
        return false;
    }
    let max_payload = conn.shared.engine.max_payload();
    // There is usually just one, and a vector would reserve room for four.
    pumps.reserve_exact(inner.upgrades.len());
    let upgrades = std::mem::take(&mut inner.upgrades);
    pumps.extend(upgrades.into_iter().map(|(id, upgrade)| Pump::new(id, upgrade, max_payload)));
    true
}

/// Moves the machine's output to the pumps; returns its timeout.
fn take_outputs(pumps: &mut Vec<Pump>, inner: &mut Inner, conn: &Conn, scratch: &mut Scratch) -> Option<Instant> {
    // An output may be for a WebSocket that was accepted since the turn began.
    if adopt(pumps, inner, conn) {
        conn.notify();
    }
    while let Some(output) = inner.next_output() {
        let (id, frame) = match output {
            Output::Frame(id, frame) => (id, Some(frame)),
            Output::Close(id) => (id, None),
        };
        let Some(index) = pumps.iter().position(|pump| pump.id == id) else { continue };
        // The buffer holds the output of one WebSocket at a time.
        if let Some(before) = scratch.writing.replace(index).filter(|before| *before != index) {
            pumps[before].keep(&mut scratch.write);
        }
        match frame {
            Some(frame) => pumps[index].push(frame, &mut scratch.write),
            None => pumps[index].close(&mut scratch.write),
        }
    }
    // Requests and handles may have changed the machine since its events were taken.
    if inner.machine.has_events() {
        conn.notify();
    }
    inner.machine.poll_timeout()
}

impl Future for SessionTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.conn.turns.register(cx.waker());
        self.pumps.iter_mut().for_each(Pump::reset_drained);
        scratch::with(|scratch| {
            for _ in 0..TURNS {
                match self.turn(cx, scratch) {
                    Turn::Again => {}
                    Turn::Done => return Poll::Ready(()),
                    Turn::Idle if self.conn.turns.end() => return Poll::Pending,
                    Turn::Idle => {}
                }
            }
            self.conn.turns.yield_now();
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }
}

impl Drop for SessionTask {
    /// Ends the session if a runtime that shuts down drops the task, because nothing else would.
    fn drop(&mut self) {
        if !self.ended {
            let mut events = Vec::new();
            let mut inner = self.conn.lock();
            inner.machine.discard(self.conn.now());
            inner.answer();
            while let Some(event) = inner.machine.poll_event() {
                events.extend(inner.settle_ack(event));
            }
            let paused = inner.paused.take();
            drop(inner);
            paused.into_iter().flatten().for_each(Waker::wake);
            events.into_iter().for_each(|event| self.runners.abandon(event));
            self.conn.shared.session_ended(&self.conn.sid);
        }
        self.runners.abandon_all();
    }
}
