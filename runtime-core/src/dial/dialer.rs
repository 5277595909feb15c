//! Requests and WebSockets to one server.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::http::{is_websocket_granted, request_websocket};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::rt::Executor;
use hyper::upgrade::Upgraded;
use hyper_util::client::legacy::Client;

use super::base::BaseUrl;
use super::route::{Connector, Proxy, Route, Tcp};
use crate::handler::HandlerError;
use crate::runtime::{BoxFuture, Runtime, random};
use crate::serve::RuntimeTimer;

/// Idle connections are dropped before Node drops them (5 s), so that no request meets a connection that is just closing.
const IDLE: Duration = Duration::from_secs(4);

/// Idle connections kept: one that carried a GET, one that carried a POST.
const MAX_IDLE: usize = 2;

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

    /// Ours, if one is the reason of what hyper says.
    fn http(error: impl Error + Send + Sync + 'static) -> Self {
        let mut source = Some(&error as &(dyn Error + 'static));
        while let Some(error) = source {
            if let Some(error) = error.downcast_ref::<Self>() {
                return error.clone();
            }
            source = error.source();
        }
        Self::Http(Arc::new(error))
    }
}

/// What is the same for all URLs of a client.
#[derive(Clone, Default)]
pub(crate) struct DialOptions {
    /// In place of the runtime's TCP.
    pub(crate) connector: Option<Arc<dyn Connector>>,
    pub(crate) proxy: Option<Proxy>,
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
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    runtime: Spawner,
    route: Route,
    authority: Authority,
    authorization: Option<HeaderValue>,
    pool: Client<Route, Full<Bytes>>,
}

impl Dialer {
    /// Connects to nothing yet. Called within the runtime.
    ///
    /// # Errors
    /// [`DialError::TlsMissing`], or TLS can't be set up.
    pub(crate) fn new(runtime: Arc<dyn Runtime>, base: BaseUrl, options: &DialOptions) -> Result<Self, DialError> {
        let authority = Authority::try_from(base.authority()).map_err(DialError::http)?;
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
        let timer = RuntimeTimer(runtime.clone());
        let runtime = Spawner(runtime);
        let pool = Client::builder(runtime.clone())
            .timer(timer.clone())
            .pool_timer(timer)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(route.clone());
        Ok(Self { runtime, route, authority, authorization, pool })
    }

    /// Sends a request, whose URI is path and query, and takes the whole response, of any status: redirects are not followed.
    /// `Host` is added, and `Authorization` if the URL has credentials, unless the request has them.
    ///
    /// A request that a kept-alive connection had not begun to send when it ended is sent again by another; one that may have
    /// got to the server is not.
    pub(crate) fn request(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Response<Bytes>, DialError>> {
        let Self { pool, .. } = self.clone();
        let request = self.complete(request, true).map(|request| request.map(Full::new));
        Box::pin(async move {
            let (parts, body) = pool.request(request?).await.map_err(DialError::http)?.into_parts();
            let body = Limited::new(body, limit).collect().await.map_err(|error| match error {
                error if error.is::<LengthLimitError>() => DialError::TooLarge { limit },
                error => DialError::Http(error.into()),
            })?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        })
    }

    /// Opens a WebSocket, on a connection of its own. The request's URI is path and query; headers are added as for
    /// [`request`](Self::request), and those of the handshake.
    pub(crate) fn websocket(
        &self,
        request: Request<()>,
    ) -> BoxFuture<'static, Result<(http::response::Parts, Upgraded), DialError>> {
        let Self { runtime, route, .. } = self.clone();
        let request = self.complete(request, false);
        Box::pin(async move {
            let mut request = request?.map(|()| Empty::<Bytes>::new());
            request_websocket(request.headers_mut(), random(&*runtime.0));
            let asked = request.headers().clone();
            let stream = route.open().await?;
            let (mut sender, connection) = http1::handshake(stream).await.map_err(DialError::http)?;
            runtime.execute(Box::pin(async move {
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

    fn complete<B>(&self, mut request: Request<B>, absolute: bool) -> Result<Request<B>, DialError> {
        if absolute {
            // The pool wants to know where to; it sends path and query.
            let scheme = if self.route.base.secure { Scheme::HTTPS } else { Scheme::HTTP };
            let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
            let uri = Uri::builder().scheme(scheme).authority(self.authority.clone()).path_and_query(path);
            *request.uri_mut() = uri.build().map_err(DialError::http)?;
        }
        let headers = request.headers_mut();
        if let Ok(host) = HeaderValue::from_str(self.authority.as_str()) {
            headers.entry(header::HOST).or_insert(host);
        }
        if let Some(authorization) = &self.authorization {
            headers.entry(header::AUTHORIZATION).or_insert_with(|| authorization.clone());
        }
        Ok(request)
    }
}

/// hyper's background work on the runtime.
#[derive(Clone)]
struct Spawner(Arc<dyn Runtime>);

impl Executor<Pin<Box<dyn Future<Output = ()> + Send>>> for Spawner {
    fn execute(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(future);
    }
}

impl std::fmt::Debug for Spawner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spawner(..)")
    }
}
