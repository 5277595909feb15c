//! A one-time signal with any number of waiting tasks.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

#[derive(Debug, Default)]
pub(crate) struct Signal {
    set: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    wakers: BTreeMap<u64, Waker>,
    last_key: u64,
}

impl Signal {
    pub(crate) fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self) {
        self.set.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut self.waiting().wakers);
        wakers.into_values().for_each(Waker::wake);
    }

    pub(crate) fn wait(&self) -> Wait<'_> {
        Wait { signal: self, registered: None }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The future of a [`Signal`]. Dropping it removes its waker.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    signal: &'a Signal,
    /// The waker's key, and a copy of the waker to compare without the lock.
    registered: Option<(u64, Waker)>,
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let known = self.registered.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker()));
        if !known {
            let mut waiting = self.signal.waiting();
            let key = self.registered.as_ref().map_or(waiting.last_key + 1, |&(key, _)| key);
            waiting.last_key = waiting.last_key.max(key);
            let former = waiting.wakers.insert(key, cx.waker().clone());
            drop(waiting);
            drop(former);
            self.registered = Some((key, cx.waker().clone()));
        }
        // Checked after registering the waker: a `set` before that has not seen the waker.
        if self.signal.is_set() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some((key, _)) = &self.registered {
            let waker = self.signal.waiting().wakers.remove(key);
            drop(waker);
        }
    }
}
