//! Listening, and serving connections.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;

use crate::runtime::{Accept, Stream};
use crate::server::handle::Server;
use crate::server::handshake::Peer;
use crate::server::http_options::HttpOptions;
use crate::server::http_stream::{Exchange, HttpStream};
use crate::server::service::respond;
use crate::turn::alarm::GraceTimer;

/// Bytes that hyper reads ahead on a connection, which bounds pipelined requests. (A head may be longer.)
const READ_AHEAD: usize = 64 * 1024;

/// Pause after a failed accept, whose usual cause is that the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A bound server. Made by [`Server::bind`].
pub struct Listener {
    server: Server,
    accept: Box<dyn Accept>,
    addr: SocketAddr,
}

impl Server {
    /// Binds an address and serves until [`close`](Self::close). Paths other than the server's are answered with 404.
    ///
    /// # Errors
    /// The address can't be bound.
    pub async fn listen(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        self.bind(addr).await?.serve().await;
        Ok(())
    }

    /// Binds an address; if the name has several, the first that can be bound. The lookup of a name blocks.
    ///
    /// # Errors
    /// The address can't be bound. The error has the kind of the operating system's error, and its text names the address. If the
    /// name has several addresses, it is the error of the last one.
    pub async fn bind(&self, addr: impl ToSocketAddrs) -> io::Result<Listener> {
        let mut failed = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
        for addr in addr.to_socket_addrs()?.collect::<Vec<_>>() {
            match self.shared().runtime.bind(addr).await {
                Ok(accept) => return Ok(Listener { addr: accept.local_addr()?, accept, server: self.clone() }),
                Err(error) => failed = io::Error::new(error.kind(), format!("{addr}: {error}")),
            }
        }
        Err(failed)
    }

    /// Serves one connection that was accepted elsewhere, for example after a TLS handshake, until it ends.
    ///
    /// ```no_run
    /// # async fn example(server: socketio_runtime::Server, stream: socketio_runtime::BoxStream) {
    /// let peer = socketio_runtime::server::Peer { addr: None, secure: true };
    /// server.serve_connection(stream, peer).await;
    /// # }
    /// ```
    pub fn serve_connection<S, P>(&self, stream: S, peer: P) -> impl Future<Output = ()> + Send + use<S, P>
    where
        S: Stream,
        P: Into<Peer>,
    {
        let shared = self.shared().clone();
        let peer = peer.into();
        async move {
            let exchange = Arc::new(Exchange::default());
            let stream = HttpStream::new(stream, shared.clone(), exchange.clone());
            let service = service_fn(|request: Request<Incoming>| {
                let (shared, exchange) = (shared.clone(), exchange.clone());
                let request = request.map(|body| exchange.begin(body));
                async move {
                    let response = respond(shared, request, peer).await;
                    exchange.end(&response);
                    response
                }
            });
            let HttpOptions { max_header_size, headers_timeout, .. } = shared.http;
            let connection = http1::Builder::new()
                .timer(GraceTimer(shared.runtime.clone()))
                .max_header_size(max_header_size)
                .max_buf_size(READ_AHEAD.max(max_header_size))
                .header_read_timeout(headers_timeout)
                // A client may close its sending side and wait for the response; the stream detects one that has disconnected.
                .half_close(true)
                .serve_connection(stream, service)
                .with_upgrades();
            let mut connection = pin!(connection);
            let mut draining = false;
            let mut drained = pin!(shared.drained.wait());
            poll_fn(|cx| {
                if !draining && drained.as_mut().poll(cx).is_ready() {
                    draining = true;
                    connection.as_mut().graceful_shutdown();
                }
                // Errors of a connection are ignored: sessions are notified through their requests.
                connection.as_mut().poll(cx).map(|_| ())
            })
            .await;
        }
    }
}

impl Listener {
    /// The address it is bound to.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves until [`Server::close`].
    pub async fn serve(self) {
        let Self { server, mut accept, .. } = self;
        let shared = server.shared().clone();
        let mut drained = pin!(shared.drained.wait());
        loop {
            let accepted = poll_fn(|cx| match drained.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => accept.poll_accept(cx).map(Some),
            });
            match accepted.await {
                None => return,
                Some(Ok((stream, addr))) => {
                    let connection = server.serve_connection(stream, addr);
                    shared.runtime.spawn(Box::pin(connection));
                }
                Some(Err(_)) => {
                    let deadline = shared.runtime.now() + ACCEPT_PAUSE;
                    shared.runtime.sleep_until(deadline).await;
                }
            }
        }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("addr", &self.addr).finish_non_exhaustive()
    }
}
