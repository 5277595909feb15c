//! Why a session ended.

use std::fmt;

/// Why a session ended.
///
/// May grow: other transports bring reasons of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client did not answer a ping in time; at the client: the server's ping did not come in time.
    PingTimeout,
    /// The transport broke, or the peer broke a rule of the transport: overlapping polls, a body of the wrong type,
    /// a heartbeat in the wrong direction, a message too large; at the client also something that is no packet.
    TransportError,
    /// The peer closed: a close packet, or the end of the WebSocket.
    TransportClose,
    /// The client sent something that is no packet. Only at the server.
    ParseError,
    /// The application closed.
    ForcedClose,
}

impl CloseReason {
    /// The reference's text: `"ping timeout"` and so on.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PingTimeout => "ping timeout",
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
