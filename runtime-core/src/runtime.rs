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

/// An async runtime: it tells the time, sleeps (both by hyper's [`Timer`]), spawns, listens and connects. Everything else of a
/// server or client is written once, above it.
///
/// The adapter crates implement it; an application meets it only when it brings a runtime of its own.
pub trait Runtime: Timer + Send + Sync + 'static {
    /// Runs a future in the background until it ends. Called from within the runtime.
    fn spawn(&self, future: BoxFuture<'static, ()>);

    /// Fills with random bytes that nobody can predict: session ids, keys of WebSocket frames, the jitter of reconnection.
    ///
    /// The default is the operating system's source. A runtime for tests can derive them from a seed.
    ///
    /// # Panics
    /// The operating system has no random bytes. Sessions whose ids can be guessed must not be served.
    fn entropy(&self, bytes: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "documented: nothing can be served safely without")]
        getrandom::fill(bytes).expect("the operating system has random bytes");
    }

    /// Binds a TCP listener.
    ///
    /// # Errors
    /// What the operating system says: the address is in use, not available, or not allowed.
    fn bind(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>>;

    /// Connects by TCP, without Nagle's delay. The host is a name or an IP address, an IPv6 one without brackets; of several
    /// addresses of a name, each is tried in turn. Called from within the runtime; dropping the future gives up.
    ///
    /// # Errors
    /// The name can't be resolved, or what the operating system says of the last address.
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>>;
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

/// An array of random bytes.
pub(crate) fn random<const N: usize>(runtime: &dyn Runtime) -> [u8; N] {
    let mut bytes = [0; N];
    runtime.entropy(&mut bytes);
    bytes
}
