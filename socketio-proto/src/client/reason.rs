//! The reasons of a disconnect.

use std::fmt;

use engineio_proto::CloseReason;

/// Why a socket of a client was disconnected. [`as_str`](Self::as_str) is the reference's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server disconnected the socket, which stays disconnected until the next
    /// [`connect`](super::Manager::connect).
    ServerDisconnect,
    /// [`disconnect`](super::Manager::disconnect) was called. The socket stays disconnected until the next
    /// [`connect`](super::Manager::connect).
    ClientDisconnect,
    /// The server did not ping in time.
    PingTimeout,
    /// The connection was closed: by the server, or by its network.
    TransportClose,
    /// The connection failed: a request, a WebSocket, a malformed Engine.IO packet.
    TransportError,
    /// The server sent an undecodable Socket.IO packet.
    ParseError,
    /// [`close_engine`](super::Manager::close_engine) was called.
    ForcedClose,
}

impl DisconnectReason {
    /// The reference's text.
    ///
    /// ```
    /// use socketio_proto::client::DisconnectReason;
    /// assert_eq!(DisconnectReason::ServerDisconnect.as_str(), "io server disconnect");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<CloseReason> for DisconnectReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::TransportClose => Self::TransportClose,
            CloseReason::TransportError => Self::TransportError,
            CloseReason::ParseError => Self::ParseError,
            // Any other reason for which the session closes itself.
            _ => Self::ForcedClose,
        }
    }
}
