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

/// The task has something to do.
const WORK: u8 = 1;
/// The task is in a turn and looks for work before it ends it.
const RUNNING: u8 = 2;

impl Turns {
    /// The task starts with a turn of its own.
    pub(crate) fn new() -> Self {
        Self { flags: AtomicU8::new(WORK), waker: AtomicWaker::new() }
    }

    /// Tells the task that there is something to do.
    pub(crate) fn notify(&self) {
        if self.flags.fetch_or(WORK, Ordering::AcqRel) == 0 {
            self.waker.wake();
        }
    }

    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// The task begins a turn: what is asked for from here on is looked at within it.
    pub(crate) fn begin(&self) {
        self.flags.store(RUNNING, Ordering::SeqCst);
    }

    /// The task has seen everything asked for so far.
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
