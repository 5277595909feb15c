//! Requests and WebSockets to one server.

use std::error::Error;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use engineio_proto::http::{is_websocket_granted, request_websocket};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;

use super::base::BaseUrl;
use super::pool::{Pool, Progress};
use super::route::{Connector, Proxy, Route, Tcp};
use crate::handler::HandlerError;
use crate::runtime::{BoxFuture, Runtime, random};
use crate::turn::deadline::WriteTimeout;

/// Why a server could not be reached, or gave no whole answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// No byte stream to the server, or to the proxy.
    #[error("no connection to {address}: {error}")]
    Connect {
        /// Host and port.
        address: String,
        /// What the operating system or the connector says.
        error: Arc<io::Error>,
    },
    /// The proxy did not let us through.
    #[error("no way through the proxy: {0}")]
    Proxy(Arc<dyn Error + Send + Sync>),
    /// The TLS handshake failed: most often, the server's certificate is not trusted.
    #[error("no TLS: {0}")]
    Tls(Arc<io::Error>),
    /// The URL asks for TLS, which is behind a feature.
    #[error("https and wss need the feature `rustls`, or a connector that encrypts and an http URL")]
    TlsMissing,
    /// The connection broke, or the peer does not speak HTTP.
    #[error("no HTTP response: {0}")]
    Http(Arc<dyn Error + Send + Sync>),
    /// The body of the response is too large.
    #[error("the response has more than {limit} bytes")]
    TooLarge {
        /// The most bytes it may have.
        limit: usize,
    },
    /// The server answered the request for a WebSocket with another status than 101.
    #[error("the server answered {0} to the request for a WebSocket")]
    Status(StatusCode),
    /// The server answered 101, but not what was asked.
    #[error("the server's handshake of the WebSocket is not valid")]
    Handshake,
    /// The connector panicked, or what else of the application's has a part in connecting.
    #[error("no connection: {0}")]
    Panicked(HandlerError),
}

impl DialError {
    /// The status of the response that refused a WebSocket.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.as_u16()),
            _ => None,
        }
    }

    pub(super) fn proxy(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Proxy(Arc::new(error))
    }

    pub(super) fn http(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Http(Arc::new(error))
    }
}

/// What is the same for all URLs of a client.
#[derive(Clone, Default)]
pub(crate) struct DialOptions {
    /// In place of the runtime's TCP.
    pub(crate) connector: Option<Arc<dyn Connector>>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) write_timeout: Arc<WriteTimeout>,
    /// Without one, a secure URL gets [`Tls::platform`](super::Tls::platform).
    #[cfg(feature = "rustls")]
    pub(crate) tls: Option<super::Tls>,
}

impl std::fmt::Debug for DialOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DialOptions").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// Dials one server. A cheap clone, which shares the kept-alive connections. Dropping a future gives its request up.
#[derive(Clone)]
pub(crate) struct Dialer {
    runtime: Arc<dyn Runtime>,
    route: Route,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    pool: Pool,
}

impl Dialer {
    /// Connects to nothing yet. Called within the runtime.
    ///
    /// # Errors
    /// [`DialError::TlsMissing`], or TLS can't be set up.
    pub(crate) fn new(runtime: Arc<dyn Runtime>, base: BaseUrl, options: &DialOptions) -> Result<Self, DialError> {
        let host = HeaderValue::try_from(base.authority()).map_err(DialError::http)?;
        let authorization = base.credentials.as_ref().and_then(|credentials| credentials.basic());
        let route = Route {
            #[cfg(feature = "rustls")]
            tls: match &options.tls {
                _ if !base.secure => None,
                Some(tls) => Some(tls.clone()),
                None => {
                    Some(super::Tls::platform().map_err(|error| DialError::Tls(Arc::new(io::Error::other(error))))?)
                }
            },
            base: Arc::new(base),
            connector: options.connector.clone().unwrap_or_else(|| Arc::new(Tcp(runtime.clone()))),
            proxy: options.proxy.clone(),
        };
        #[cfg(not(feature = "rustls"))]
        if route.base.secure {
            return Err(DialError::TlsMissing);
        }
        let pool = Pool::new(runtime.clone(), options.write_timeout.clone());
        Ok(Self { runtime, route, host, authorization, pool })
    }

    /// Sends a request, whose URI is path and query, and takes the whole response, of any status: redirects are not followed.
    /// `Host` is added, and `Authorization` if the URL has credentials, unless the request has them.
    ///
    /// Over a kept-alive connection that has ended, a GET is sent again by a fresh one; a POST only if it is known that the server
    /// has not read it. See [`pool`](super::pool).
    pub(crate) fn request(
        &self,
        mut request: Request<Bytes>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Response<Bytes>, DialError>> {
        let Self { route, pool, .. } = self.clone();
        self.complete(request.headers_mut());
        Box::pin(async move { pool.request(route, request, limit).await })
    }

    /// Whether the bodies of responses make progress.
    pub(crate) fn progress(&self) -> Progress {
        self.pool.progress()
    }

    /// Opens a WebSocket, on a connection of its own. The request's URI is path and query; headers are added as for
    /// [`request`](Self::request), and those of the handshake.
    pub(crate) fn websocket(
        &self,
        request: Request<()>,
    ) -> BoxFuture<'static, Result<(http::response::Parts, Upgraded), DialError>> {
        let Self { runtime, route, .. } = self.clone();
        let mut request = request.map(|()| Empty::<Bytes>::new());
        self.complete(request.headers_mut());
        Box::pin(async move {
            request_websocket(request.headers_mut(), random(&*runtime));
            let asked = request.headers().clone();
            let stream = route.open().await?;
            let (mut sender, connection) = http1::handshake(stream).await.map_err(DialError::http)?;
            runtime.spawn(Box::pin(async move {
                // Its errors are those of the request.
                _ = connection.with_upgrades().await;
            }));
            let mut response = sender.send_request(request).await.map_err(DialError::http)?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(DialError::Status(response.status()));
            }
            let upgrade = hyper::upgrade::on(&mut response);
            let (parts, _) = response.into_parts();
            if !is_websocket_granted(&asked, &parts) {
                return Err(DialError::Handshake);
            }
            Ok((parts, upgrade.await.map_err(DialError::http)?))
        })
    }

    fn complete(&self, headers: &mut HeaderMap) {
        headers.entry(header::HOST).or_insert_with(|| self.host.clone());
        if let Some(authorization) = &self.authorization {
            headers.entry(header::AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("route", &self.route).field("pool", &self.pool).finish_non_exhaustive()
    }
}
