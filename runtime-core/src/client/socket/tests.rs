//! Dropped futures leave no waiters in the client.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::task::Waker;
use std::time::Instant;

use hyper::rt::{Sleep, Timer};

use super::*;
use crate::client::ClientBuilder;
use crate::runtime::{Accept, BoxStream, Runtime};

/// A runtime that keeps its tasks and never runs them.
#[derive(Default)]
struct Still(Mutex<Vec<BoxFuture<'static, ()>>>);

struct Never;

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Never {}

impl Timer for Still {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Never)
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Never)
    }
}

impl Runtime for Still {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        self.0.lock().unwrap().push(future);
    }

    fn bind(&self, _: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>> {
        Box::pin(pending())
    }

    fn connect(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        Box::pin(pending())
    }
}

fn socket() -> ClientSocket {
    ClientBuilder::<Still>::new("http://server.test").build().unwrap().socket("/")
}

#[test]
fn the_waiter_of_a_dropped_connect_is_removed() {
    let socket = socket();
    let first = socket.connect();
    (0..100).for_each(|_| drop(socket.connect()));
    assert!(socket.alive.shared.lock().connecting.len() <= 2);
    socket.disconnect();
    let mut first = Box::pin(first);
    let answer = first.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(answer, Poll::Ready(Err(ConnectError::Disconnected))));
}

#[test]
fn the_waiter_of_a_dropped_ready_is_removed() {
    let socket = socket();
    while socket.emit("x", ("x".repeat(1_000_000),)).is_ok() {}
    for _ in 0..100 {
        assert!(Box::pin(socket.ready()).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(socket.alive.shared.lock().ready.len() <= 1);
}
