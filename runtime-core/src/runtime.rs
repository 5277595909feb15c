//! The interface to an async runtime.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, Timer, Write};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A byte stream: hyper's `Read` and `Write`. Streams of any runtime can be wrapped to implement them.
pub trait Stream: Read + Write + Send + Unpin + 'static {}

impl<T: Read + Write + Send + Unpin + 'static> Stream for T {}

/// A boxed [`Stream`].
pub type BoxStream = Box<dyn Stream>;

/// An async runtime: clock and timers (hyper's [`Timer`]), tasks, random bytes, and TCP. Servers and clients are generic over it.
///
/// The adapter crates implement it. An application implements it only to use another runtime.
pub trait Runtime: Timer + Send + Sync + 'static {
    /// Spawns a task. Called from within the runtime.
    fn spawn(&self, future: BoxFuture<'static, ()>);

    /// Fills the buffer with unpredictable random bytes. They are used for session ids, masking keys of WebSocket frames, and the
    /// jitter of reconnection delays.
    ///
    /// The default uses the operating system's generator. A runtime for tests can derive them from a seed.
    ///
    /// # Panics
    /// The operating system provides no random bytes. Sessions with predictable ids must not be served.
    fn entropy(&self, bytes: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "documented: nothing can be served safely without")]
        getrandom::fill(bytes).expect("the operating system has random bytes");
    }

    /// Binds a TCP listener.
    ///
    /// # Errors
    /// The operating system's error: the address is in use, not available, or not permitted.
    fn bind(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>>;

    /// Connects by TCP, with Nagle's algorithm disabled. The host is a name or an IP address (IPv6 without brackets). If a name has
    /// several addresses, they are tried in order. Called from within the runtime; dropping the future cancels it.
    ///
    /// # Errors
    /// The name can't be resolved, or the operating system's error for the last address.
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>>;
}

/// A bound listener.
pub trait Accept: Send + Unpin + 'static {
    /// The address it is bound to.
    ///
    /// # Errors
    /// The operating system's error.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Accepts the next connection, and returns it with the address of its peer.
    ///
    /// # Errors
    /// The operating system's error. The caller tries again after a pause, as errors such as a lack of file descriptors pass.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxStream, SocketAddr)>>;
}

/// An array of random bytes.
pub(crate) fn random<const N: usize>(runtime: &dyn Runtime) -> [u8; N] {
    let mut bytes = [0; N];
    runtime.entropy(&mut bytes);
    bytes
}
