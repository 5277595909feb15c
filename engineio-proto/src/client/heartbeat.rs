//! The client's side of the heartbeat: the session ends if the server's ping is overdue.

use crate::{Instant, clock::after};
use std::time::Duration;

/// The deadline of the next ping: ping interval plus ping timeout after the handshake, the last ping or the upgrade.
#[derive(Debug, Default)]
pub(super) struct Heartbeat {
    allowed: Duration,
    /// `None` before the handshake.
    deadline: Option<Instant>,
    /// Reading is paused, so a ping would not be noticed: the deadline does not apply.
    paused: bool,
    /// While a message is incomplete: until when its bytes count as signs of life.
    signs_until: Option<Instant>,
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

    /// Extends the deadline by `timeout` from now: bytes of an incomplete message were received, and a ping may have to wait for its end.
    /// They count for at most `max` from the first of them.
    pub(super) fn sustain(&mut self, now: Instant, timeout: Duration, max: Duration) {
        let until = *self.signs_until.get_or_insert(after(now, max));
        if let Some(deadline) = &mut self.deadline {
            *deadline = after(now, timeout).min(until).max(*deadline);
        }
    }

    /// The message is complete.
    #[inline]
    pub(super) fn received(&mut self) {
        self.signs_until = None;
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Ends the pause. The time for the next ping and that for an incomplete message start again in full.
    pub(super) fn resume(&mut self, now: Instant, max: Duration) {
        if std::mem::take(&mut self.paused) {
            self.restart(now);
            self.signs_until = self.signs_until.map(|_| after(now, max));
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.filter(|_| !self.paused)
    }
}
