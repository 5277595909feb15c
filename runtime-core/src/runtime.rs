//! What an async runtime has to offer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, Timer, Write};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A byte stream: hyper's `Read` and `Write`, which any runtime's streams can be wrapped into.
pub trait Stream: Read + Write + Send + Unpin + 'static {}

impl<T: Read + Write + Send + Unpin + 'static> Stream for T {}

/// A [`Stream`] of some kind.
pub type BoxStream = Box<dyn Stream>;

/// An async runtime: it tells the time, sleeps (both by hyper's [`Timer`]), spawns and listens. Everything else of a server
/// or client is written once, above it.
///
/// The adapter crates implement it; an application meets it only when it brings a runtime of its own.
pub trait Runtime: Timer + Send + Sync + 'static {
    /// Runs a future in the background until it ends. Called from within the runtime.
    fn spawn(&self, future: BoxFuture<'static, ()>);

    /// Binds a TCP listener.
    ///
    /// # Errors
    /// What the operating system says: the address is in use, not available, or not allowed.
    fn bind(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>>;
}

/// A bound listener.
pub trait Accept: Send + Unpin + 'static {
    /// The address it is bound to.
    ///
    /// # Errors
    /// What the operating system says.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The next connection, with the address of its peer.
    ///
    /// # Errors
    /// What the operating system says. The caller tries again after a pause: a server that is out of file descriptors is not
    /// a server that has ended.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxStream, SocketAddr)>>;
}
