//! The heartbeat, watched: the server pings, and if it does not, it is gone.

use crate::{Instant, clock::after};
use std::time::Duration;

/// One deadline: the ping interval and the ping timeout after the handshake, a ping or the move to another transport.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    allowed: Duration,
    /// None before the handshake.
    deadline: Option<Instant>,
    /// The driver does not read, so that a ping could not be seen: the deadline stands still.
    paused: bool,
}

impl Heartbeat {
    pub(super) fn start(&mut self, now: Instant, allowed: Duration) {
        self.allowed = allowed;
        self.deadline = Some(after(now, allowed));
    }

    pub(super) fn restart(&mut self, now: Instant) {
        if self.deadline.is_some() {
            self.deadline = Some(after(now, self.allowed));
        }
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// The ping gets its whole time again.
    pub(super) fn resume(&mut self, now: Instant) {
        if std::mem::take(&mut self.paused) {
            self.restart(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.filter(|_| !self.paused)
    }
}
