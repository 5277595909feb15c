//! Deadlines of I/O.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Sleep;

use crate::runtime::Runtime;

/// A deadline of one I/O operation. It costs nothing while it is not armed.
#[derive(Default)]
pub(crate) struct Deadline {
    sleep: Option<Pin<Box<dyn Sleep>>>,
}

impl Deadline {
    /// Arms the deadline unless it is armed. `Ready` once it has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, runtime: &dyn Runtime, timeout: Duration) -> Poll<()> {
        self.sleep.get_or_insert_with(|| runtime.sleep(timeout)).as_mut().poll(cx)
    }

    pub(crate) fn disarm(&mut self) {
        if self.sleep.is_some() {
            self.sleep = None;
        }
    }
}

/// How long the writes of a client may go without progress: as it is set, or as its server's heartbeat says.
#[derive(Debug)]
pub(crate) struct WriteTimeout {
    millis: AtomicU64,
    is_set: bool,
}

impl WriteTimeout {
    /// The server's default heartbeat, until its handshake tells more.
    pub(crate) fn of_heartbeat() -> Self {
        Self { millis: AtomicU64::new(45_000), is_set: false }
    }

    pub(crate) fn set(timeout: Duration) -> Self {
        Self { millis: AtomicU64::new(millis(timeout)), is_set: true }
    }

    /// What the server's handshake says.
    pub(crate) fn learn(&self, heartbeat: Duration) {
        if !self.is_set {
            self.millis.store(millis(heartbeat), Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
