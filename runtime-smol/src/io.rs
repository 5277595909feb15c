//! Streams for hyper.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use smol::Async;
use smol::io::{AsyncRead, AsyncWrite};
use socketio_runtime::Stream;

/// Maximum size of one read, in bytes.
const CHUNK: usize = 64 * 1024;

thread_local! {
    /// A read buffer. hyper's cursor gives its uninitialised memory to unsafe code only, so reads are copied through this.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into_boxed_slice());
}

/// Reads into `buf`, at most [`CHUNK`] bytes. Returns whether the read was short.
fn fill(mut buf: ReadBufCursor<'_>, read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>) -> Poll<io::Result<bool>> {
    // Taken rather than borrowed, as `read` may run user code: a stream of the application may read from another one.
    let mut scratch = SCRATCH.take();
    if scratch.is_empty() {
        scratch = vec![0; CHUNK].into_boxed_slice();
    }
    let room = buf.remaining().min(CHUNK);
    let result = read(&mut scratch[..room]);
    if let Poll::Ready(Ok(length)) = result {
        buf.put_slice(&scratch[..length]);
    }
    SCRATCH.set(scratch);
    result.map_ok(|length| length < room)
}

/// A TCP connection, registered with the reactor.
pub(crate) struct Tcp {
    stream: Async<TcpStream>,
    /// The last read emptied the socket's buffer, so wait for the reactor before the next system call.
    drained: bool,
}

impl Tcp {
    pub(crate) fn new(stream: Async<TcpStream>) -> Self {
        // Writes are small, so disable Nagle. Failure only costs latency.
        _ = stream.get_ref().set_nodelay(true);
        Self { stream, drained: false }
    }

    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write(self.stream.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.stream.poll_writable(cx))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl Read for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let short = ready!(fill(buf, |scratch| loop {
            if this.drained {
                ready!(this.stream.poll_readable(cx))?;
                this.drained = false;
            }
            match this.stream.get_ref().read(scratch) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => this.drained = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return Poll::Ready(result),
            }
        }))?;
        self.drained = short;
        Poll::Ready(Ok(()))
    }
}

impl Write for Tcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut stream| stream.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |mut stream| stream.write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream.get_ref().shutdown(Shutdown::Write) {
            // The peer has closed the connection already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }
}

/// Wraps a stream of the `futures` crates for [`Server::serve_connection`](crate::Server::serve_connection): a TLS or Unix stream,
/// or a TCP stream that the application accepted.
///
/// ```no_run
/// # async fn example(server: socketio_smol::Server, unix: smol::net::unix::UnixStream) {
/// let peer = socketio_smol::server::Peer { addr: None, secure: false };
/// server.serve_connection(socketio_smol::stream(unix), peer).await;
/// # }
/// ```
pub fn stream<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: T) -> impl Stream {
    Wrapped(stream)
}

struct Wrapped<T>(T);

impl<T: AsyncRead + Unpin> Read for Wrapped<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        fill(buf, |scratch| Pin::new(&mut self.0).poll_read(cx, scratch)).map_ok(|_| ())
    }
}

impl<T: AsyncWrite + Unpin> Write for Wrapped<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
