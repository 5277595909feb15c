//! How a task of turns is woken: only when it sleeps, and never in vain.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use atomic_waker::AtomicWaker;

/// Whether a task has something to do, and how to wake it.
#[derive(Debug)]
pub(crate) struct Turns {
    flags: AtomicU8,
    waker: AtomicWaker,
}

/// The machine has something for the task.
const WORK: u8 = 1;
/// The task is in a turn and looks for work before it ends it.
const RUNNING: u8 = 2;
/// There is something that only another turn sees.
const CALLED: u8 = 4;

impl Turns {
    /// The task starts with a turn of its own.
    pub(crate) fn new() -> Self {
        Self { flags: AtomicU8::new(WORK), waker: AtomicWaker::new() }
    }

    /// Tells the task that its machine was given something, or that somebody waits for an event.
    pub(crate) fn notify(&self) {
        self.wake(WORK);
    }

    /// Tells the task of anything else: it takes another turn, even if this comes in the midst of one.
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

    /// The task begins a turn: what is asked for from here on is looked at within it.
    pub(crate) fn begin(&self) {
        self.flags.swap(RUNNING, Ordering::AcqRel);
    }

    /// The task is about to take what its machine has.
    pub(crate) fn seen(&self) {
        self.flags.fetch_and(!WORK, Ordering::AcqRel);
    }

    /// The task wants to sleep; `false` if something was asked for meanwhile.
    pub(crate) fn end(&self) -> bool {
        self.flags.compare_exchange(RUNNING, 0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The task leaves the processor although there is more to do.
    pub(crate) fn yield_now(&self) {
        self.flags.store(WORK, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_was_given_in_a_turn_needs_no_other_and_a_call_does() {
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
