//! A runtime that counts its tasks and how often they are polled.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use socketio_tokio::{Accept, BoxFuture, BoxStream, Runtime, Tokio};

#[derive(Clone, Default)]
pub(crate) struct Counting {
    polls: Arc<AtomicUsize>,
    tasks: Arc<AtomicUsize>,
}

impl Counting {
    /// Total number of polls of all tasks.
    pub(crate) fn polls(&self) -> usize {
        self.polls.load(Ordering::SeqCst)
    }

    /// Number of running tasks.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.load(Ordering::SeqCst)
    }
}

impl Timer for Counting {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Tokio.sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Tokio.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        Tokio.now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        Tokio.reset(sleep, deadline);
    }
}

struct Task {
    future: BoxFuture<'static, ()>,
    tasks: Arc<AtomicUsize>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.tasks.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Runtime for Counting {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.tasks.fetch_add(1, Ordering::SeqCst);
        let mut task = Task { future, tasks: self.tasks.clone() };
        let polls = self.polls.clone();
        Tokio.spawn(Box::pin(poll_fn(move |cx| {
            polls.fetch_add(1, Ordering::SeqCst);
            task.future.as_mut().poll(cx)
        })));
    }

    fn bind(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>> {
        Tokio.bind(addr)
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        Tokio.connect(host, port)
    }
}
