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
    /// A message has begun to come, and is not complete: until when its bytes show that the server lives.
    under_way: Option<Instant>,
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

    /// A part of a message came, behind which a ping may wait for up to `timeout` more. That counts for `most` from the first part on.
    pub(super) fn sustain(&mut self, now: Instant, timeout: Duration, most: Duration) {
        let until = *self.under_way.get_or_insert(after(now, most));
        if let Some(deadline) = &mut self.deadline {
            *deadline = after(now, timeout).min(until).max(*deadline);
        }
    }

    /// The message is complete.
    #[inline]
    pub(super) fn received(&mut self) {
        self.under_way = None;
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// The ping gets its whole time again, and so does a message.
    pub(super) fn resume(&mut self, now: Instant, most: Duration) {
        if std::mem::take(&mut self.paused) {
            self.restart(now);
            self.under_way = self.under_way.map(|_| after(now, most));
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.filter(|_| !self.paused)
    }
}
