//! Why a socket left.

use std::fmt;

use engineio_proto::CloseReason;

/// Why a socket of a client is no longer connected. [`as_str`](Self::as_str) is the reference's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server disconnected the socket. It stays so until it is told to connect.
    ServerDisconnect,
    /// The socket was [disconnected](super::Manager::disconnect) by hand. It stays so until it is told to connect.
    ClientDisconnect,
    /// The server did not ping in time.
    PingTimeout,
    /// The connection was closed: by the server, or by its network.
    TransportClose,
    /// The connection failed: a request, a WebSocket, a malformed Engine.IO packet.
    TransportError,
    /// The server sent an undecodable Socket.IO packet.
    ParseError,
    /// The engine session was [closed](super::Manager::close_engine) by hand.
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
            // Whatever else a session ends itself for.
            _ => Self::ForcedClose,
        }
    }
}
