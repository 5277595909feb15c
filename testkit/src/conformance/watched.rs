//! A runtime that counts its tasks.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use socketio_runtime::{Accept, BoxFuture, BoxStream, Runtime};

/// The runtime below, and how many of the tasks spawned by way of this have not ended.
#[derive(Clone)]
pub(super) struct Watched<R> {
    runtime: R,
    tasks: Arc<AtomicUsize>,
}

impl<R> Watched<R> {
    pub(super) fn new(runtime: R) -> Self {
        Self { runtime, tasks: Arc::default() }
    }

    /// The same runtime with a count of its own.
    pub(super) fn apart(&self) -> Self
    where
        R: Clone,
    {
        Self::new(self.runtime.clone())
    }

    /// How many tasks have not ended.
    pub(super) fn tasks(&self) -> usize {
        self.tasks.load(Ordering::SeqCst)
    }
}

impl<R: Runtime> Timer for Watched<R> {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.runtime.sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.runtime.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        self.runtime.now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        self.runtime.reset(sleep, deadline);
    }
}

impl<R: Runtime> Runtime for Watched<R> {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        let task = Counted::new(&self.tasks);
        let mut future = future;
        self.runtime.spawn(Box::pin(async move {
            let _task = task;
            poll_fn(|cx| future.as_mut().poll(cx)).await;
        }));
    }

    fn bind(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>> {
        self.runtime.bind(addr)
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        self.runtime.connect(host, port)
    }
}

impl<R> fmt::Debug for Watched<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("tasks", &self.tasks()).finish_non_exhaustive()
    }
}

struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(tasks: &Arc<AtomicUsize>) -> Self {
        tasks.fetch_add(1, Ordering::SeqCst);
        Self(tasks.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
