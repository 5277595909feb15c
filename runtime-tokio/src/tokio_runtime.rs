//! The [`Runtime`] of tokio.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::{TokioIo, TokioTimer};
use socketio_runtime::{Accept, BoxFuture, BoxStream, Runtime, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// The tokio runtime of the current context.
///
/// Futures of servers and clients must be polled within tokio. Building a server and emitting work on any thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokio;

/// Wraps a tokio stream for [`Server::serve_connection`](crate::Server::serve_connection): a TLS or Unix stream, or one end of a
/// duplex.
///
/// ```no_run
/// # async fn example(server: socketio_tokio::Server, tls: tokio::io::DuplexStream) {
/// let peer = socketio_tokio::server::Peer { addr: None, secure: true };
/// server.serve_connection(socketio_tokio::stream(tls), peer).await;
/// # }
/// ```
pub fn stream<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: T) -> impl Stream {
    TokioIo::new(stream)
}

impl Timer for Tokio {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        TokioTimer::new().sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        TokioTimer::new().sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        TokioTimer::new().now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        TokioTimer::new().reset(sleep, deadline);
    }
}

impl Runtime for Tokio {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }

    fn bind(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>> {
        Box::pin(async move {
            let listener = TcpListener::bind(addr).await?;
            Ok(Box::new(Listener(listener)) as Box<dyn Accept>)
        })
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        let host = host.to_owned();
        Box::pin(async move {
            let stream = TcpStream::connect((host, port)).await?;
            // As for an accepted stream.
            _ = stream.set_nodelay(true);
            Ok(Box::new(TokioIo::new(stream)) as BoxStream)
        })
    }
}

struct Listener(TcpListener);

impl Accept for Listener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxStream, SocketAddr)>> {
        self.0.poll_accept(cx).map_ok(|(stream, addr)| {
            // Writes are small, so disable Nagle. Failure only costs latency.
            _ = stream.set_nodelay(true);
            (Box::new(TokioIo::new(stream)) as BoxStream, addr)
        })
    }
}
