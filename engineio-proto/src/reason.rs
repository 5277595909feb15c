//! The reason of a session's end.

use std::fmt;

/// Why a session ended.
///
/// May grow: other transports have other reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// Server: the client's pong did not arrive in time. Client: the server's ping did not arrive in time.
    PingTimeout,
    /// The transport failed, or the peer broke a rule of the transport: overlapping polls, a body of the wrong type,
    /// a heartbeat in the wrong direction, a message that is too large. On the client also a malformed packet.
    TransportError,
    /// The peer closed the session, with a close packet or by closing the WebSocket.
    TransportClose,
    /// The client sent a malformed packet. Only on the server.
    ParseError,
    /// The application closed the session.
    ForcedClose,
}

impl CloseReason {
    /// The reference's text, such as `"ping timeout"`.
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
