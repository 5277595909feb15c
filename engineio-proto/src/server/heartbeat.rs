//! The heartbeat: the server pings, the client answers in time.
//!
//! ```text
//!    Resting --ping interval--> Awaiting --ping timeout--> dead
//!       ^--------- pong ----------|   ^-- first other packet: once more the ping timeout
//! ```

use crate::{Instant, clock::after};
use std::time::Duration;

/// The clock of the heartbeat.
#[derive(Debug)]
pub(super) struct Heartbeat {
    beat: Beat,
    /// The driver does not read, so that a pong could not be seen: its deadline stands still.
    paused: bool,
}

#[derive(Debug)]
enum Beat {
    Resting {
        ping_at: Instant,
    },
    Awaiting {
        pong_by: Instant,
        extended: bool,
        /// Something was read after `pong_by`.
        late: bool,
    },
}

impl Heartbeat {
    pub(super) fn new(now: Instant, interval: Duration) -> Self {
        Self { beat: Beat::Resting { ping_at: after(now, interval) }, paused: false }
    }

    /// A pong came, or the transport changed: the interval begins anew.
    ///
    /// A pong that is read after its time had arrived before, while the process stood still. The client has been waiting for the next
    /// ping meanwhile, and for no longer than interval and timeout, so it is due at once.
    pub(super) fn restart(&mut self, now: Instant, interval: Duration) {
        let late = matches!(self.beat, Beat::Awaiting { late: true, .. });
        let ping_at = if late { now } else { after(now, interval) };
        self.beat = Beat::Resting { ping_at };
    }

    /// A packet came. It shows once per ping that the client lives, so that a pong may queue behind large messages.
    #[inline]
    pub(super) fn extend(&mut self, now: Instant, timeout: Duration) {
        if let Beat::Awaiting { pong_by, extended, late } = &mut self.beat {
            *late |= *pong_by <= now;
            if !*extended {
                (*pong_by, *extended) = (after(now, timeout), true);
            }
        }
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// The pong gets its whole time again.
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

    /// Whether a ping is due. It counts as sent.
    pub(super) fn ask(&mut self, now: Instant, timeout: Duration) -> bool {
        match self.beat {
            Beat::Resting { ping_at } if ping_at <= now => {
                self.beat = Beat::Awaiting { pong_by: after(now, timeout), extended: false, late: false };
                true
            }
            _ => false,
        }
    }

    /// Whether the pong is overdue.
    pub(super) fn is_dead(&self, now: Instant) -> bool {
        matches!(self.beat, Beat::Awaiting { pong_by, .. } if pong_by <= now && !self.paused)
    }
}
