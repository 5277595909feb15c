//! The reasons of a disconnect.

use std::fmt;

use engineio_proto::CloseReason;

/// Why a socket of a server left its namespace. [`as_str`](Self::as_str) is the reference's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server disconnected the socket.
    ServerNamespaceDisconnect,
    /// The client sent DISCONNECT.
    ClientNamespaceDisconnect,
    /// The server is being closed.
    ServerShuttingDown,
    /// The client violated the Socket.IO protocol (an event before CONNECT, a second CONNECT, ..), and the engine
    /// session could not close at once.
    ForcedServerClose,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// The transport was closed: by the client, or by its network.
    TransportClose,
    /// The transport failed: overlapping or aborted polls, a message above the limit, invalid WebSocket frames.
    TransportError,
    /// The client sent a malformed Engine.IO packet.
    ParseError,
    /// The server closed the engine session, also because of an undecodable Socket.IO packet.
    ForcedClose,
}

impl DisconnectReason {
    /// The reference's text.
    ///
    /// ```
    /// use socketio_proto::server::DisconnectReason;
    /// assert_eq!(DisconnectReason::PingTimeout.as_str(), "ping timeout");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerShuttingDown => "server shutting down",
            Self::ForcedServerClose => "forced server close",
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
