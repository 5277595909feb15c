//! Requests and WebSockets to one server.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::http::{is_websocket_granted, request_websocket};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;

use super::base::BaseUrl;
use super::pool::{Pool, Progress};
use super::route::{Connector, Proxy, Route, Tcp};
use crate::chain::debug_as_text;
use crate::error::HandlerError;
use crate::runtime::{BoxFuture, Runtime, random};
use crate::turn::deadline::WriteTimeout;

/// Why a connection could not be opened, or a response was not received completely.
///
/// Its text says what failed and what may help. The error of the operating system or of a library is its [`source`](Error::source);
/// `Debug` shows both.
#[derive(Clone)]
#[non_exhaustive]
pub enum DialError {
    /// The connector or TCP could not connect to the server, or to the proxy.
    Connect {
        /// Host and port.
        address: String,
        /// The error of the operating system or the connector.
        error: Arc<io::Error>,
    },
    /// The proxy refused the connection, or its response was invalid.
    Proxy {
        /// Host and port of the proxy.
        address: String,
        /// The error of the proxy's protocol.
        error: Arc<dyn Error + Send + Sync>,
    },
    /// The TLS handshake failed, most often because the server's certificate is not trusted.
    Tls(Arc<io::Error>),
    /// The URL requires TLS, but the feature `rustls` is off.
    TlsMissing,
    /// The connection was lost, or the peer does not speak HTTP.
    Http(Arc<dyn Error + Send + Sync>),
    /// The body of the response is too large.
    TooLarge {
        /// The maximum, in bytes.
        limit: usize,
    },
    /// The server answered the WebSocket handshake with a status other than 101.
    Status {
        /// The status.
        status: StatusCode,
        /// Its `Location`, if it is a redirect. Redirects are not followed.
        location: Option<String>,
        /// The reason in the response's body, if it is one line of text.
        message: Option<String>,
    },
    /// The server answered 101, but its handshake headers are invalid.
    Handshake,
    /// The connector, or other code of the application that takes part in connecting, panicked.
    Panicked(HandlerError),
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { address, error } => write!(f, "no connection to {address}{}", reach(error)),
            Self::Proxy { address, .. } => write!(
                f,
                "no way through the proxy {address}: does it allow connections to this server, and with these credentials?"
            ),
            Self::Tls(_) => f.write_str(
                "the TLS handshake failed: does the server speak TLS at this port, and is its certificate trusted here \
                 (ClientBuilder::tls)?",
            ),
            Self::TlsMissing => f.write_str(
                "https and wss URLs need TLS: build with the feature `rustls`, or give an http URL to a connector that encrypts",
            ),
            Self::Http(error) => f.write_str(in_words(&**error)),
            Self::TooLarge { limit } => write!(f, "the response has more than {limit} bytes (max_body)"),
            Self::Status { status, .. } => write!(f, "the server answered {status} to the request for a WebSocket"),
            Self::Handshake => f.write_str(
                "the server's handshake of the WebSocket is not valid: is it a WebSocket server that answers there?",
            ),
            Self::Panicked(_) => f.write_str("the connector, or another part of the application, panicked"),
        }
    }
}

impl Error for DialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect { error, .. } | Self::Tls(error) => Some(&**error),
            Self::Proxy { error, .. } | Self::Http(error) => Some(&**error),
            Self::Panicked(error) => Some(error),
            Self::TlsMissing | Self::TooLarge { .. } | Self::Status { .. } | Self::Handshake => None,
        }
    }
}

debug_as_text!(DialError);

impl DialError {
    /// The status of the response that refused a WebSocket.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    pub(super) fn http(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Http(Arc::new(error))
    }
}

/// What may help against an error of the operating system.
fn reach(error: &io::Error) -> String {
    match error.kind() {
        kind @ ErrorKind::ConnectionRefused => format!(" ({kind}): is the server running there?"),
        kind @ (ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
            format!(" ({kind}): can this host be reached from here?")
        }
        kind @ (ErrorKind::PermissionDenied | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted) => {
            format!(" ({kind})")
        }
        // A failed name lookup has no `ErrorKind` of its own.
        _ => ": is its name right?".to_owned(),
    }
}

/// Describes an error of hyper.
fn in_words(error: &(dyn Error + 'static)) -> &'static str {
    match error.downcast_ref::<hyper::Error>() {
        Some(error) if error.is_parse_too_large() => "the head of the response is too large",
        Some(error) if error.is_parse() => {
            "the answer is not HTTP/1.1: is it the right port, and if the server wants TLS, does the URL begin with https?"
        }
        _ => "the connection ended before the response was complete",
    }
}

/// The options for dialling that all URLs of a client share.
#[derive(Clone, Default)]
pub(crate) struct DialOptions {
    /// Replaces the runtime's TCP.
    pub(crate) connector: Option<Arc<dyn Connector>>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) write_timeout: Arc<WriteTimeout>,
    /// Default for a secure URL: [`Tls::platform`](super::Tls::platform).
    #[cfg(feature = "rustls")]
    pub(crate) tls: Option<super::Tls>,
}

impl fmt::Debug for DialOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialOptions").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// Dials one server. Clones are cheap and share the kept-alive connections. Dropping a future cancels its request.
#[derive(Clone)]
pub(crate) struct Dialer {
    runtime: Arc<dyn Runtime>,
    route: Route,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    pool: Pool,
}

impl Dialer {
    /// Does not connect yet. Called within the runtime.
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

    /// Scheme (`http` or `ws`, with an `s` if secure), host and port; without credentials, so that it can be shown.
    pub(crate) fn origin(&self, scheme: &str) -> String {
        self.route.base.origin(scheme)
    }

    /// Sends a request, whose URI is path and query, and receives the whole response, of any status; redirects are not followed.
    /// Adds `Host`, and `Authorization` if the URL has credentials, unless the request has them.
    ///
    /// If a reused connection turns out to be closed, a GET is sent again on a new one; a POST only if the server is known not to
    /// have read it. See [`pool`](super::pool).
    pub(crate) fn request(
        &self,
        mut request: Request<Bytes>,
        limit: usize,
    ) -> BoxFuture<'static, Result<Response<Bytes>, DialError>> {
        let Self { route, pool, .. } = self.clone();
        self.complete(request.headers_mut());
        Box::pin(async move { pool.request(route, request, limit).await })
    }

    /// Reports progress of response bodies.
    pub(crate) fn progress(&self) -> Progress {
        self.pool.progress()
    }

    /// Opens a WebSocket on a new connection. The request's URI is path and query; adds the headers of [`request`](Self::request)
    /// and those of the handshake.
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
                // The request reports its errors.
                _ = connection.with_upgrades().await;
            }));
            let mut response = sender.send_request(request).await.map_err(DialError::http)?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Err(refusal(&*runtime, response).await);
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

/// The body of a refusal is read if it has at most this many bytes, and for at most [`REASON_TIMEOUT`].
const LONGEST_REASON: u64 = 1024;
const REASON_TIMEOUT: Duration = Duration::from_secs(1);

/// The error of a refused WebSocket, with the server's own message.
async fn refusal(runtime: &dyn Runtime, mut response: Response<Incoming>) -> DialError {
    let status = response.status();
    let location = response.headers().get(header::LOCATION).filter(|_| status.is_redirection());
    let location = location.and_then(|location| location.to_str().ok()).map(str::to_owned);
    let mut message = None;
    if response.body().size_hint().upper().is_some_and(|length| length <= LONGEST_REASON) {
        let mut sleep = runtime.sleep(REASON_TIMEOUT);
        let mut whole = pin!(response.body_mut().collect());
        let body = poll_fn(|cx| match whole.as_mut().poll(cx) {
            Poll::Ready(body) => Poll::Ready(body.ok()),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
        });
        message = body.await.and_then(|body| reason(&body.to_bytes()));
    }
    DialError::Status { status, location, message }
}

/// The message in a refusal's body: an Engine.IO error object, or a line of plain text (not HTML).
fn reason(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Refusal {
        code: u64,
        message: String,
    }
    if let Ok(Refusal { code, message }) = serde_json::from_slice(body) {
        return Some(format!("{message} (code {code})"));
    }
    let text = std::str::from_utf8(body).ok()?.trim();
    let plain = !text.is_empty() && !text.contains(|char: char| char.is_control() || char == '<');
    plain.then(|| text.to_owned())
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("route", &self.route).field("pool", &self.pool).finish_non_exhaustive()
    }
}
