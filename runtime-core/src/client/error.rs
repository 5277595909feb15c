//! What can go wrong between a client and its server.

use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;

use engineio_proto::Text;
use engineio_proto::client::Fault;
use serde::de::DeserializeOwned;
use socketio_proto::Json;
use socketio_proto::client::{AttemptError, DisconnectReason};

use crate::client::dial::DialError;

/// Any error of the application, or of a library below.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a socket is not connected. A cheap clone.
///
/// Its text is what the JavaScript client's `connect_error` has as its message for a refusal (the server's own words) and for
/// the connection timeout (`timeout`). Otherwise it tells the whole story, down to what the operating system says:
/// `the WebSocket failed: no connection to example.com:443: connection refused`. So that nothing is said twice there is no
/// [`source`](Error::source); the variants have the error below as a value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connection could not be opened, or was lost before the namespace was joined.
    #[error("{error}{}", because(error, cause.as_deref()))]
    Attempt {
        /// What went wrong, in the words of the protocol.
        error: AttemptError,
        /// What the network or the system said last in this attempt, if it did: a [`DialError`](crate::client::DialError), or the error of
        /// [`headers_with`](crate::ClientBuilder::headers_with) or [`url_with`](crate::ClientBuilder::url_with).
        cause: Option<Arc<dyn Error + Send + Sync>>,
    },
    /// The server does not let the socket into its namespace. It is not tried again.
    #[error("{message}")]
    Refused {
        /// The server's words.
        message: Text,
        /// What the server said beside them.
        data: Option<Json>,
    },
    /// The connection was lost before the server had let the socket in. It is tried again with the next one.
    #[error("the connection was lost: {0}")]
    Lost(DisconnectReason),
    /// The credentials could not be made: the application's own error, its panic, or a value that is no object.
    #[error("no credentials: {}", story(&**.0))]
    Auth(Arc<dyn Error + Send + Sync>),
    /// The socket was disconnected by hand, or by the server, before it had joined.
    #[error("the socket was disconnected")]
    Disconnected,
    /// The runtime that the client ran on has ended.
    #[error("the client has ended")]
    Ended,
}

impl ConnectError {
    /// What the server said beside its refusal, as a type; `None` if there is nothing or it doesn't fit.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        match self {
            Self::Refused { data, .. } => data.as_ref().and_then(|data| data.parse().ok()),
            _ => None,
        }
    }
}

/// The cause behind an error that does not say it by itself. Others have none, or it is that of an earlier failure.
fn because(error: &AttemptError, cause: Option<&(dyn Error + Send + Sync + 'static)>) -> String {
    match (error, cause) {
        (
            AttemptError::CalledOff
            | AttemptError::Fault(Fault::Request { status: None, .. } | Fault::WebSocket { status: None }),
            Some(cause),
        ) => format!(": {}", story(cause)),
        _ => String::new(),
    }
}

/// An error and all that are below it. One that its parent has in its own text is not said again.
fn story(error: &(dyn Error + 'static)) -> String {
    let mut story = error.to_string();
    let mut source = below(error);
    while let Some(error) = source {
        let text = error.to_string();
        if !story.ends_with(&text) {
            _ = write!(story, ": {text}");
        }
        source = below(error);
    }
    story
}

fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<DialError>() {
        // These show the error that they hold, and have no source.
        Some(DialError::Http(held) | DialError::Proxy(held)) => held.source(),
        _ => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn chain(texts: &[&'static str]) -> Option<Box<Link>> {
        let (text, rest) = texts.split_first()?;
        Some(Box::new(Link { text, source: chain(rest) }))
    }

    fn attempt(error: AttemptError, cause: impl Error + Send + Sync + 'static) -> String {
        let error = ConnectError::Attempt { error, cause: Some(Arc::new(cause)) };
        assert!(error.source().is_none());
        error.to_string()
    }

    const GET: AttemptError = AttemptError::Fault(Fault::Request { post: false, status: None });

    #[test]
    fn a_failed_attempt_tells_its_causes_each_once() {
        let address = "a.test:80".to_owned();
        let refused = Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(
            attempt(GET, DialError::Connect { address, error: refused }),
            "the GET request failed: no connection to a.test:80: connection refused"
        );
        assert_eq!(attempt(GET, *chain(&["a", "a: b", "b", "c"]).unwrap()), "the GET request failed: a: a: b: c");
        let http = DialError::Http(Arc::new(*chain(&["send", "closed"]).unwrap()));
        let socket = AttemptError::Fault(Fault::WebSocket { status: None });
        assert_eq!(attempt(socket, http), "the WebSocket failed: no HTTP response: send: closed");
        assert_eq!(attempt(AttemptError::CalledOff, io::Error::other("no")), "the attempt was called off: no");
        let auth = ConnectError::Auth(Arc::new(*chain(&["token", "expired"]).unwrap()));
        assert_eq!((auth.to_string().as_str(), auth.source().is_none()), ("no credentials: token: expired", true));
    }

    #[test]
    fn what_an_error_says_itself_has_no_cause_behind_it() {
        let status = DialError::Status(http::StatusCode::NOT_FOUND);
        let socket = AttemptError::Fault(Fault::WebSocket { status: Some(404) });
        assert_eq!(attempt(socket, status), "the WebSocket failed with status 404");
        assert_eq!(attempt(AttemptError::Timeout, io::Error::other("earlier")), "timeout");
        let silent = ConnectError::Attempt { error: GET, cause: None };
        assert_eq!(silent.to_string(), "the GET request failed");
    }
}
