//! What can go wrong between a client and its server.

use std::error::Error;
use std::sync::Arc;

use engineio_proto::Text;
use serde::de::DeserializeOwned;
use socketio_proto::Json;
use socketio_proto::client::{AttemptError, DisconnectReason};

/// Any error of the application, or of a library below.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a socket is not connected. A cheap clone.
///
/// Its text is what the JavaScript client's `connect_error` has as its message for a refusal (the server's own words) and for
/// the connection timeout (`timeout`).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connection could not be opened, or was lost before the namespace was joined.
    #[error("{error}")]
    Attempt {
        /// What went wrong, in the words of the protocol.
        error: AttemptError,
        /// What the network or the system said, if it did.
        #[source]
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
    #[error("no credentials: {0}")]
    Auth(#[source] Arc<dyn Error + Send + Sync>),
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
