//! Opens byte streams to the server: directly or through a proxy, with or without TLS.

use std::error::Error;
use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use tower_service::Service;

use super::DialError;
use super::base::{BaseUrl, Credentials, UrlError};
use crate::runtime::{BoxFuture, BoxStream, Runtime};

/// Opens the byte streams of a client, in place of the runtime's TCP: for Unix sockets, tunnels or tests.
///
/// It opens a stream to the server, or to the proxy if there is one. For an `https` or `wss` URL the client runs TLS over that
/// stream; a connector that encrypts by itself is used with an `http` URL.
///
/// ```
/// use std::io;
/// use socketio_runtime::{BoxFuture, BoxStream};
/// use socketio_runtime::client::Connector;
///
/// struct Nowhere;
///
/// impl Connector for Nowhere {
///     fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
///         let error = format!("no way to {host}:{port}");
///         Box::pin(async move { Err(io::Error::other(error)) })
///     }
/// }
/// ```
pub trait Connector: Send + Sync + 'static {
    /// Opens a stream. The host is a name or an IP address (IPv6 without brackets). Called within the runtime; dropping the future
    /// cancels it.
    ///
    /// # Errors
    /// The stream can't be opened. This fails the attempt to connect; the client tries again according to its reconnection options.
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>>;
}

/// Connects with the TCP of a runtime.
pub(super) struct Tcp(pub(super) Arc<dyn Runtime>);

impl Connector for Tcp {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        self.0.connect(host, port)
    }
}

/// A proxy between a client and its server.
///
/// All of a client's connections use it, with `CONNECT` (an HTTP proxy, which must allow it for the server's port even without TLS)
/// or with SOCKS version 5. The proxy resolves the server's name.
#[derive(Clone, Debug)]
pub struct Proxy {
    socks: bool,
    base: BaseUrl,
}

impl Proxy {
    /// A proxy with a URL: `http://host:port`, `socks5://host:port` or `socks5h://host:port`, with `user:password@` if it requires
    /// authentication. The default port is 80, for SOCKS 1080. With SOCKS, user name, password and the server's name may have 249
    /// bytes together; if they have more, connecting fails.
    ///
    /// ```
    /// use socketio_runtime::client::Proxy;
    ///
    /// let proxy = Proxy::new("socks5://jane:secret@localhost:1080")?;
    /// # Ok::<(), socketio_runtime::client::UrlError>(())
    /// ```
    ///
    /// # Errors
    /// The URL can't be used, or has another scheme. Proxies over TLS (`https`) are not supported.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        let schemes = [("http", 80), ("socks5", 1080), ("socks5h", 1080)];
        let (scheme, base) = BaseUrl::parse_as(url, &schemes, "http, socks5 and socks5h")?;
        Ok(Self { socks: scheme != "http", base })
    }
}

/// How to connect to one server.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) base: Arc<BaseUrl>,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) proxy: Option<Proxy>,
    #[cfg(feature = "rustls")]
    pub(super) tls: Option<super::Tls>,
}

impl Route {
    pub(super) async fn open(self) -> Result<BoxStream, DialError> {
        let stream = self.reach().await?;
        #[cfg(feature = "rustls")]
        if let Some(tls) = &self.tls {
            return tls.connect(&self.base.host, stream).await.map_err(|error| DialError::Tls(Arc::new(error)));
        }
        Ok(stream)
    }

    async fn reach(&self) -> Result<BoxStream, DialError> {
        let target = self.proxy.as_ref().map_or(&*self.base, |proxy| &proxy.base);
        let stream = self.connector.connect(&target.host, target.port).await;
        let stream =
            stream.map_err(|error| DialError::Connect { address: target.host_and_port(), error: Arc::new(error) })?;
        let Some(proxy) = &self.proxy else { return Ok(stream) };
        let destination = Uri::builder().scheme("http").authority(self.base.host_and_port()).path_and_query("/");
        let destination = destination.build().map_err(|error| target.no_way(error))?;
        let opened = Opened(Some(stream));
        let credentials = target.credentials.as_ref();
        if proxy.socks {
            let mut socks = SocksV5::new(Uri::default(), opened);
            if let Some(Credentials { user, password }) = credentials.cloned() {
                socks = socks.with_auth(user, password);
            }
            socks.call(destination).await.map_err(|error| target.no_way(error))
        } else {
            let mut tunnel = Tunnel::new(Uri::default(), opened);
            if let Some(basic) = credentials.and_then(Credentials::basic) {
                tunnel = tunnel.with_auth(basic);
            }
            tunnel.call(destination).await.map_err(|error| target.no_way(error))
        }
    }
}

impl BaseUrl {
    /// An error of the proxy with this URL.
    fn no_way(&self, error: impl Error + Send + Sync + 'static) -> DialError {
        DialError::Proxy { address: self.host_and_port(), error: Arc::new(error) }
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route").field("base", &self.base).field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// A stream to a proxy that is already open. hyper-util's own connecting would hide why the proxy can't be reached.
struct Opened(Option<BoxStream>);

impl Service<Uri> for Opened {
    type Response = BoxStream;
    type Error = io::Error;
    type Future = Ready<io::Result<BoxStream>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| io::ErrorKind::NotConnected.into()))
    }
}
