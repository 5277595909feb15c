//! Wakes a task only if it sleeps.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use atomic_waker::AtomicWaker;

/// Whether a task has work to do, and its waker.
#[derive(Debug)]
pub(crate) struct Turns {
    flags: AtomicU8,
    waker: AtomicWaker,
}

/// The machine has something for the task.
const WORK: u8 = 1;
/// The task is in a turn, and checks for work before it ends it.
const RUNNING: u8 = 2;
/// There is work that only another turn handles.
const CALLED: u8 = 4;

impl Turns {
    /// Starts with work, as the task begins with a turn.
    pub(crate) fn new() -> Self {
        Self { flags: AtomicU8::new(WORK), waker: AtomicWaker::new() }
    }

    /// Notifies the task that its machine has new input, or that `next` waits for an event.
    pub(crate) fn notify(&self) {
        self.wake(WORK);
    }

    /// Notifies the task of any other change: it takes another turn, even if it is in one now.
    pub(crate) fn call(&self) {
        self.wake(CALLED);
    }

    fn wake(&self, flag: u8) {
        if self.flags.fetch_or(flag, Ordering::AcqRel) == 0 {
            self.waker.wake();
        }
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Begins a turn. Work announced with `notify` from now on is handled within it.
    pub(crate) fn begin(&self) {
        self.flags.swap(RUNNING, Ordering::AcqRel);
    }

    /// The task is about to collect its machine's output, so work announced up to now needs no other turn.
    pub(crate) fn seen(&self) {
        self.flags.fetch_and(!WORK, Ordering::AcqRel);
    }

    /// Ends a turn. `false` if there is work, so that the task must not sleep.
    pub(crate) fn end(&self) -> bool {
        self.flags.compare_exchange(RUNNING, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends a turn with work left: the task yields.
    pub(crate) fn yield_now(&self) {
        self.flags.store(WORK, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_within_a_turn_needs_no_other_turn_and_a_call_does() {
        let turns = Turns::new();
        turns.begin();
        turns.notify();
        turns.seen();
        assert!(turns.end());

        turns.begin();
        turns.call();
        turns.seen();
        assert!(!turns.end());
        turns.begin();
        assert!(turns.end());

        turns.begin();
        turns.seen();
        turns.notify();
        assert!(!turns.end());
    }
}
