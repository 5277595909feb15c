//! The heartbeat: the server sends pings, the client must answer each in time.
//!
//! ```text
//!    Resting --ping interval--> Awaiting --ping timeout--> overdue
//!       ^--------- pong ----------|   ^-- first other packet: the ping timeout begins again
//!                                 '------ bytes of an incomplete message: the same, within its time
//! ```

use crate::{Instant, clock::after};
use std::time::Duration;

/// The state of the heartbeat.
#[derive(Debug)]
pub(super) struct Heartbeat {
    beat: Beat,
    /// Reading is paused, so a pong would not be noticed: its deadline does not apply.
    paused: bool,
}

#[derive(Debug)]
enum Beat {
    Resting {
        ping_at: Instant,
    },
    Awaiting {
        pong_by: Instant,
        /// Another packet has extended `pong_by` already.
        extended: bool,
        /// A packet was read after `pong_by`.
        late: bool,
    },
}

impl Heartbeat {
    pub(super) fn new(now: Instant, interval: Duration) -> Self {
        Self { beat: Beat::Resting { ping_at: after(now, interval) }, paused: false }
    }

    /// Starts the ping interval again, after a pong or a change of transport.
    ///
    /// If the pong is read after its deadline, the process was suspended and the pong had arrived before. The client has been waiting for
    /// the next ping since, and waits at most for interval plus timeout, so the ping is due at once.
    pub(super) fn restart(&mut self, now: Instant, interval: Duration) {
        let late = matches!(self.beat, Beat::Awaiting { late: true, .. });
        let ping_at = if late { now } else { after(now, interval) };
        self.beat = Beat::Resting { ping_at };
    }

    /// A packet was received. Once per ping it extends the deadline of the pong, which may be queued after large messages.
    #[inline]
    pub(super) fn extend(&mut self, now: Instant, timeout: Duration) {
        if let Beat::Awaiting { pong_by, extended, late } = &mut self.beat {
            *late |= *pong_by <= now;
            if !*extended {
                (*pong_by, *extended) = (after(now, timeout), true);
            }
        }
    }

    /// Extends the pong deadline by `timeout` from now, but not beyond `until`: bytes of an incomplete message were received or sent.
    ///
    /// Returns whether to ping again, which is once per interval: the pong may have to wait for the end of the message, and the client
    /// waits for the next ping no longer than interval and timeout.
    pub(super) fn sustain(&mut self, now: Instant, interval: Duration, timeout: Duration, until: Instant) -> bool {
        let Beat::Awaiting { pong_by, late, .. } = &mut self.beat else { return false };
        *late |= *pong_by <= now;
        let before = *pong_by;
        *pong_by = after(now, timeout).min(until).max(before);
        let intervals = |time| until.saturating_duration_since(time).as_millis().checked_div(interval.as_millis());
        intervals(*pong_by) < intervals(before)
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Ends the pause. A pong that is awaited gets the full timeout again.
    pub(super) fn resume(&mut self, now: Instant, timeout: Duration) {
        if std::mem::take(&mut self.paused) {
            if let Beat::Awaiting { pong_by, .. } = &mut self.beat {
                *pong_by = after(now, timeout);
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.beat {
            Beat::Resting { ping_at } => Some(ping_at),
            Beat::Awaiting { pong_by, .. } => (!self.paused).then_some(pong_by),
        }
    }

    /// Whether a ping is due. If so, it counts as sent.
    pub(super) fn take_ping(&mut self, now: Instant, timeout: Duration) -> bool {
        match self.beat {
            Beat::Resting { ping_at } if ping_at <= now => {
                self.beat = Beat::Awaiting { pong_by: after(now, timeout), extended: false, late: false };
                true
            }
            _ => false,
        }
    }

    /// Whether the pong is overdue.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        matches!(self.beat, Beat::Awaiting { pong_by, .. } if pong_by <= now && !self.paused)
    }
}
