//! Deadlines of I/O operations.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::runtime::{BoxStream, Runtime};
use crate::turn::alarm::GraceSleep;

/// The deadline of an I/O operation. It has no timer while it is not armed.
#[derive(Default)]
pub(crate) struct Deadline {
    sleep: Option<GraceSleep>,
}

impl Deadline {
    /// Arms the deadline unless it is armed. `Ready` once it has passed. Polled after the operation.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, runtime: &dyn Runtime, timeout: Duration) -> Poll<()> {
        self.sleep.get_or_insert_with(|| GraceSleep::new(runtime, runtime.now() + timeout)).poll(cx, runtime)
    }

    /// Limits an operation that has just been polled: it fails with `TimedOut` once it has been pending for `timeout`. An operation
    /// that is ready disarms the deadline.
    pub(crate) fn bound<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
        runtime: &dyn Runtime,
        timeout: Duration,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.disarm();
            return polled;
        }
        ready!(self.poll(cx, runtime, timeout));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    pub(crate) fn disarm(&mut self) {
        if self.sleep.is_some() {
            self.sleep = None;
        }
    }
}

/// How long a client's write may make no progress: the configured time, or the server's heartbeat interval and timeout.
#[derive(Debug)]
pub(crate) struct WriteTimeout {
    millis: AtomicU64,
    is_set: bool,
}

impl Default for WriteTimeout {
    /// The heartbeat of a server with default options, used until the handshake.
    fn default() -> Self {
        Self { millis: AtomicU64::new(45_000), is_set: false }
    }
}

impl WriteTimeout {
    pub(crate) fn set(timeout: Duration) -> Self {
        Self { millis: AtomicU64::new(millis(timeout)), is_set: true }
    }

    /// Uses the heartbeat of the server's handshake, unless a timeout was configured.
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

/// A stream of a client's HTTP connection whose writes fail if they make no progress.
pub(crate) struct BoundedStream {
    stream: BoxStream,
    runtime: Arc<dyn Runtime>,
    timeout: Arc<WriteTimeout>,
    write: Deadline,
}

impl BoundedStream {
    pub(crate) fn new(stream: BoxStream, runtime: Arc<dyn Runtime>, timeout: Arc<WriteTimeout>) -> Self {
        Self { stream, runtime, timeout, write: Deadline::default() }
    }

    fn bound<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut BoxStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let polled = poll(Pin::new(&mut self.stream), cx);
        self.write.bound(cx, polled, &*self.runtime, self.timeout.get())
    }
}

impl Read for BoundedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for BoundedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.bound(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.bound(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bound(cx, |stream, cx| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bound(cx, |stream, cx| stream.poll_shutdown(cx))
    }
}
