//! A deadline that costs nothing while it is not armed.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Sleep;

use crate::runtime::Runtime;

/// A deadline of one I/O operation.
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
