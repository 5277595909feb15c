//! The errors of building a client and of connecting.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engineio_proto::client::{Config, Fault};
use engineio_proto::{ConfigError, Text};
use http::StatusCode;
use serde::de::DeserializeOwned;
use socketio_proto::Json;
use socketio_proto::client::{AttemptError, DisconnectReason};

use super::options::Target;
use super::shared::Cause;
use crate::chain::debug_as_text;
use crate::client::auth::AuthError;
use crate::client::dial::{DialError, UrlError};

/// Any error of the application or of a library.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a client can't be built.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An Engine.IO option is out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another option is out of bounds.
    #[error("{option} has to be {allowed}")]
    Option {
        /// The name of the option.
        option: &'static str,
        /// The allowed values.
        allowed: &'static str,
    },
    /// The URL is invalid.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The URL has a path, which is ambiguous: it could mean a namespace or the path of the server.
    #[error(
        "the URL has the path {0:?}; a namespace is named to `Client::socket`, the server's path to `ClientBuilder::path`"
    )]
    UrlPath(String),
    /// The list of transports is empty.
    #[error("the list of transports is empty (ClientBuilder::transports)")]
    NoTransports,
    /// The server can't be dialled with these options, such as an `https` URL without TLS.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// A header is invalid.
    #[error("a header can't be sent: {0}")]
    Header(#[source] http::Error),
    /// The credentials can't be encoded, or are not an object.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

debug_as_text!(BuildError);

/// Why a socket did not connect. Cheap to clone.
///
/// For a refusal its text is the server's message, as in the JavaScript client's `connect_error`. Otherwise the text says what was
/// tried, what the result was, and what may help. An error of the operating system, of a library or of the application is its
/// [`source`](Error::source), such as an [`io::Error`](std::io::Error), and not part of the text; `{error:#}` and `Debug` show
/// both:
///
/// ```text
/// GET http://localhost:3000/socket.io/?EIO=4&transport=polling: no connection to localhost:3000 (connection refused): is the server
/// running there?: Connection refused (os error 111)
/// ```
///
/// URLs are shown without credentials and without the application's query parameters.
#[derive(Clone)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connection could not be opened.
    Attempt {
        /// The error of the protocol.
        error: AttemptError,
        /// The last error of the network in this attempt, a [`DialError`], or the error of
        /// [`headers_with`](crate::ClientBuilder::headers_with) or [`url_with`](crate::ClientBuilder::url_with).
        cause: Option<Arc<dyn Error + Send + Sync>>,
        /// What was tried, what the result was, and what may help.
        text: Text,
    },
    /// The server refused the socket in this namespace. The client does not try again.
    Refused {
        /// The server's message.
        message: Text,
        /// The data that the server sent with it.
        data: Option<Json>,
    },
    /// The connection was lost before the server had accepted the socket. With reconnection, the client tries again on the next
    /// connection.
    Lost {
        /// Why the connection was lost.
        reason: DisconnectReason,
        /// The error of the network, if there was one: a [`DialError`].
        cause: Option<Arc<dyn Error + Send + Sync>>,
        /// What was tried, what the result was, and what may help.
        text: Text,
    },
    /// The credentials closure returned an error or a value that is not an object, or it panicked.
    Auth(Arc<dyn Error + Send + Sync>),
    /// The socket was disconnected by either side before it had joined.
    Disconnected,
    /// The client's runtime has shut down.
    Ended,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return write!(f, "{self:?}");
        }
        match self {
            Self::Attempt { text, .. } | Self::Lost { text, .. } | Self::Refused { message: text, .. } => {
                f.write_str(text)
            }
            Self::Auth(_) => f.write_str("the socket has no credentials (auth_with)"),
            Self::Disconnected => f.write_str("the socket was disconnected"),
            Self::Ended => f.write_str("the client has ended"),
        }
    }
}

debug_as_text!(ConnectError);

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Attempt { cause: Some(cause), .. } | Self::Lost { cause: Some(cause), .. } => {
                match cause.downcast_ref::<DialError>() {
                    // The text of this error contains the text of the `DialError`.
                    Some(dial) => dial.source(),
                    None => Some(&**cause),
                }
            }
            Self::Auth(cause) => Some(&**cause),
            _ => None,
        }
    }
}

impl ConnectError {
    /// Decodes the data that the server sent with its refusal; `None` if there is none, or if it doesn't fit the type.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        match self {
            Self::Refused { data, .. } => data.as_ref().and_then(|data| data.parse().ok()),
            _ => None,
        }
    }
}

/// The server's URLs, in a form that can be shown.
#[derive(Clone)]
pub(super) struct Place {
    http: String,
    websocket: String,
    path: String,
}

impl Place {
    pub(super) fn of(Target { engine, dialer }: &Target) -> Self {
        Self { http: dialer.origin("http"), websocket: dialer.origin("ws"), path: path(engine) }
    }

    fn polling(&self, post: bool) -> String {
        format!("{} {}{}?EIO=4&transport=polling", if post { "POST" } else { "GET" }, self.http, self.path)
    }

    fn websocket(&self) -> String {
        format!("WebSocket {}{}?EIO=4&transport=websocket", self.websocket, self.path)
    }
}

fn path(engine: &Config) -> String {
    format!("{}{}", engine.path(), if engine.add_trailing_slash() { "/" } else { "" })
}

/// What is known about an attempt, for the text of its error.
#[derive(Clone, Default)]
pub(super) struct Attempt {
    /// The server; `None` if the attempt failed before its URL was known.
    pub(super) place: Option<Place>,
    /// Whether the transport tried last is a WebSocket.
    pub(super) by_websocket: bool,
    /// Whether the server has opened the session, so that a WebSocket dialled now is a probe.
    pub(super) open: bool,
    /// The protocol error that closed the connection, if there was one.
    pub(super) fault: Option<Fault>,
    /// The last error of the network.
    pub(super) cause: Option<Cause>,
}

impl Attempt {
    /// The error of a failed attempt. `timeout`: the time limit of attempts.
    pub(super) fn failed(&self, error: AttemptError, timeout: Option<Duration>) -> ConnectError {
        let (text, cause) = match &error {
            AttemptError::Timeout => {
                let limit = timeout.map(|timeout| format!(" within {timeout:?}")).unwrap_or_default();
                let text = format!(
                    "timeout: {} opened no session{limit} (ClientBuilder::timeout): is the server up, and not busy?",
                    self.tried()
                );
                (text, None)
            }
            AttemptError::CalledOff => {
                ("the attempt was called off by url_with or headers_with".to_owned(), self.cause.clone())
            }
            AttemptError::Fault(fault) => self.describe(fault),
            error => (format!("{}: {error}", self.tried()), None),
        };
        ConnectError::Attempt { error, cause, text: text.into() }
    }

    /// The error of a socket that had not joined when the connection was lost.
    pub(super) fn lost(&self, reason: DisconnectReason) -> ConnectError {
        let (text, cause) = match &self.fault {
            Some(fault) => self.describe(fault),
            None => (reason.to_string(), None),
        };
        let text = format!("the connection was lost before the server let the socket in: {text}");
        ConnectError::Lost { reason, cause, text: text.into() }
    }

    fn tried(&self) -> String {
        match &self.place {
            Some(place) if self.by_websocket => place.websocket(),
            Some(place) => place.polling(false),
            None => "the attempt".to_owned(),
        }
    }

    /// Describes what was tried, what the result was, and what may help; and returns the error that caused it, if there is one.
    fn describe(&self, fault: &Fault) -> (String, Option<Cause>) {
        let dial = self.cause.as_ref().and_then(|cause| cause.downcast_ref::<DialError>());
        let tried = match (&self.place, fault) {
            (
                Some(place),
                Fault::Request { post, .. } | Fault::Redirected { post, .. } | Fault::Refused { post, .. },
            ) => place.polling(*post),
            (Some(place), Fault::WebSocket { .. }) => place.websocket(),
            _ => self.tried(),
        };
        match fault {
            Fault::Request { status: None, .. } | Fault::WebSocket { status: None } => match dial {
                Some(dial) => (format!("{tried}: {dial}"), self.cause.clone()),
                None => (format!("{tried}: the connection was lost"), None),
            },
            Fault::WebSocket { status: Some(status) } => match dial {
                Some(DialError::Status { location: Some(location), .. }) => {
                    (redirected(&tried, *status, location), None)
                }
                Some(DialError::Status { message: Some(message), .. }) => {
                    (format!("{}: {message}{}", answered(&tried, *status), advice(*status, None)), None)
                }
                _ => (answered(&tried, *status) + advice(*status, None), None),
            },
            Fault::Request { status: Some(status), .. } => (answered(&tried, *status) + advice(*status, None), None),
            Fault::Redirected { status, location, .. } => (redirected(&tried, *status, location), None),
            Fault::Refused { status, code, message, .. } => {
                let answered = answered(&tried, *status);
                (format!("{answered}: {message} (code {code}){}", advice(*status, Some(*code))), None)
            }
            Fault::NotEngineIo { content_type } => {
                let answer = match content_type {
                    Some(content_type) => format!(" 200 with {content_type}"),
                    None => " with something".to_owned(),
                };
                (format!("{tried} was answered{answer}, which is no Engine.IO handshake{PATH}"), None)
            }
            Fault::Handshake(text) => {
                (format!("{tried}: bad handshake: {text}; is it a server of Socket.IO 3 or later?"), None)
            }
            fault => (format!("{tried}: {fault}"), None),
        }
    }
}

const PATH: &str = "; is the server's path right (ClientBuilder::path)?";

fn answered(tried: &str, status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    format!("{tried} was answered {status} {reason}").trim_end().to_owned()
}

/// Where a redirect leads to, without the query: it may be the application's, sent back.
fn redirected(tried: &str, status: u16, location: &str) -> String {
    let location = location.split(['?', '#']).next().unwrap_or_default();
    let answered = answered(tried, status);
    format!("{answered}, to {location}; redirects are not followed: build the client with the URL that they lead to")
}

/// A hint that may help if the server answers like this.
fn advice(status: u16, code: Option<u64>) -> &'static str {
    match (status, code) {
        (_, Some(0)) => "; does the server allow this transport (ClientBuilder::transports)?",
        (_, Some(1)) => {
            "; a load balancer has to send all requests of a session to the same server (by a cookie: ClientBuilder::cookies)"
        }
        (_, Some(5)) => "; is it a server of Socket.IO 3 or later?",
        (401 | 403, _) | (_, Some(4)) => "; does the server, or a proxy, want credentials (ClientBuilder::header)?",
        (_, Some(_)) => "",
        (400, None) => {
            "; is it a server of Socket.IO 3 or later, and does it allow this transport (ClientBuilder::transports)?"
        }
        (200..=399 | 404 | 405 | 410, None) => PATH,
        (429 | 500.., None) => "; the server, or a proxy, can't serve now",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const PLACE: &str = "http://h:1/socket.io/?EIO=4&transport=polling";
    const SOCKET: &str = "ws://h:1/socket.io/?EIO=4&transport=websocket";

    fn attempt(cause: Option<DialError>) -> Attempt {
        let place = Place { http: "http://h:1".into(), websocket: "ws://h:1".into(), path: "/socket.io/".into() };
        Attempt { place: Some(place), cause: cause.map(|cause| Arc::new(cause) as _), ..Attempt::default() }
    }

    fn failed(fault: Fault, cause: Option<DialError>) -> ConnectError {
        attempt(cause).failed(fault.into(), None)
    }

    const GET: Fault = Fault::Request { post: false, status: None };
    const WEBSOCKET: Fault = Fault::WebSocket { status: None };

    #[test]
    fn the_error_of_a_failed_connection_has_a_hint_and_its_cause_as_source() {
        let refused =
            || DialError::Connect { address: "h:1".into(), error: Arc::new(io::ErrorKind::ConnectionRefused.into()) };
        let told = "no connection to h:1 (connection refused): is the server running there?";
        for (fault, tried) in [(GET, format!("GET {PLACE}")), (WEBSOCKET, format!("WebSocket {SOCKET}"))] {
            let error = failed(fault, Some(refused()));
            assert_eq!(error.to_string(), format!("{tried}: {told}"));
            assert_eq!(format!("{error:?}"), format!("{tried}: {told}: connection refused"));
            assert_eq!(format!("{error:#}"), format!("{error:?}"));
            assert!(error.source().is_some_and(|error| error.is::<io::Error>()));
        }
        let lookup = DialError::Connect { address: "h:1".into(), error: Arc::new(io::Error::other("unknown name")) };
        let text = format!("GET {PLACE}: no connection to h:1: is its name right?: unknown name");
        assert_eq!(format!("{:?}", failed(GET, Some(lookup))), text);
    }

    #[test]
    fn the_error_of_an_unexpected_response_has_a_hint() {
        let path = "; is the server's path right (ClientBuilder::path)?";
        let status = |status| Fault::Request { post: false, status: Some(status) };
        let refusal =
            |status, code, message: &str| Fault::Refused { post: true, status, code, message: message.into() };
        for (fault, text) in [
            (
                Fault::NotEngineIo { content_type: Some("text/html".into()) },
                format!("GET {PLACE} was answered 200 with text/html, which is no Engine.IO handshake{path}"),
            ),
            (status(404), format!("GET {PLACE} was answered 404 Not Found{path}")),
            (status(502), format!("GET {PLACE} was answered 502 Bad Gateway; the server, or a proxy, can't serve now")),
            (
                Fault::Redirected { post: false, status: 301, location: "https://h/?token=secret".into() },
                format!(
                    "GET {PLACE} was answered 301 Moved Permanently, to https://h/; redirects are not followed: \
                     build the client with the URL that they lead to"
                ),
            ),
            (
                refusal(403, 4, "Forbidden"),
                format!(
                    "POST {PLACE} was answered 403 Forbidden: Forbidden (code 4); does the server, or a proxy, want \
                     credentials (ClientBuilder::header)?"
                ),
            ),
            (
                refusal(400, 3, "Bad request"),
                format!("POST {PLACE} was answered 400 Bad Request: Bad request (code 3)"),
            ),
            (
                Fault::Handshake("the sid is too long"),
                format!("GET {PLACE}: bad handshake: the sid is too long; is it a server of Socket.IO 3 or later?"),
            ),
        ] {
            let error = failed(fault, None);
            assert_eq!((error.to_string(), format!("{error:?}")), (text.clone(), text));
            assert!(error.source().is_none());
        }
    }

    #[test]
    fn the_error_of_a_refused_websocket_has_the_servers_message() {
        let refused = |status, location: Option<&str>, message: Option<&str>| {
            let cause = DialError::Status {
                status: StatusCode::from_u16(status).unwrap(),
                location: location.map(str::to_owned),
                message: message.map(str::to_owned),
            };
            let error = failed(Fault::WebSocket { status: Some(status) }, Some(cause)).to_string();
            error.strip_prefix(&format!("WebSocket {SOCKET} was answered ")).unwrap().to_owned()
        };
        let path = "; is the server's path right (ClientBuilder::path)?";
        assert_eq!(refused(404, None, None), format!("404 Not Found{path}"));
        assert!(refused(400, None, Some("Transport unknown")).starts_with("400 Bad Request: Transport unknown; "));
        assert!(
            refused(308, Some("/x"), None).starts_with("308 Permanent Redirect, to /x; redirects are not followed")
        );
    }

    #[test]
    fn the_error_of_a_timeout_names_its_limit() {
        let error = attempt(None).failed(AttemptError::Timeout, Some(Duration::from_secs(20)));
        let text = format!(
            "timeout: GET {PLACE} opened no session within 20s (ClientBuilder::timeout): is the server up, and not busy?"
        );
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn the_applications_own_error_is_a_source() {
        let called_off = Attempt { cause: Some(Arc::new(io::Error::other("no token"))), ..Attempt::default() };
        let error = called_off.failed(AttemptError::CalledOff, None);
        assert_eq!(format!("{error:?}"), "the attempt was called off by url_with or headers_with: no token");
        let error = ConnectError::Auth(Arc::new(io::Error::other("no token")));
        assert_eq!(format!("{error:?}"), "the socket has no credentials (auth_with): no token");
    }

    #[test]
    fn the_error_of_a_connection_lost_before_the_join_names_the_fault() {
        let message = "Session ID unknown".into();
        let fault = Fault::Refused { post: false, status: 400, code: 1, message };
        let error = Attempt { fault: Some(fault), ..attempt(None) }.lost(DisconnectReason::TransportError);
        assert_eq!(
            error.to_string(),
            format!(
                "the connection was lost before the server let the socket in: GET {PLACE} was answered 400 Bad Request: Session ID \
                 unknown (code 1); a load balancer has to send all requests of a session to the same server (by a cookie: \
                 ClientBuilder::cookies)"
            )
        );
        let error = attempt(None).lost(DisconnectReason::PingTimeout);
        assert_eq!(error.to_string(), "the connection was lost before the server let the socket in: ping timeout");
    }
}
