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
    Resting { ping_at: Instant },
    Awaiting { pong_by: Instant, extended: bool },
}

/// What is to be done when a deadline has passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Ping,
    Death,
}

impl Heartbeat {
    pub(super) fn new(now: Instant, interval: Duration) -> Self {
        Self { beat: Beat::Resting { ping_at: after(now, interval) }, paused: false }
    }

    /// A pong came, or the transport changed: the interval begins anew.
    pub(super) fn restart(&mut self, now: Instant, interval: Duration) {
        self.beat = Beat::Resting { ping_at: after(now, interval) };
    }

    /// A packet came. It shows once per ping that the client lives, so that a pong may queue behind large messages.
    #[inline]
    pub(super) fn extend(&mut self, now: Instant, timeout: Duration) {
        if let Beat::Awaiting { pong_by, extended: extended @ false } = &mut self.beat {
            (*pong_by, *extended) = (after(now, timeout), true);
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

    /// Acts on a deadline that has passed, if one has.
    pub(super) fn expire(&mut self, now: Instant, timeout: Duration) -> Option<Due> {
        self.deadline().filter(|deadline| *deadline <= now)?;
        Some(match self.beat {
            Beat::Resting { .. } => {
                self.beat = Beat::Awaiting { pong_by: after(now, timeout), extended: false };
                Due::Ping
            }
            Beat::Awaiting { .. } => Due::Death,
        })
    }
}
