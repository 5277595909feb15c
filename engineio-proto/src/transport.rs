//! The kinds of transports.

use std::fmt;

/// The kind of a transport.
///
/// May grow, by WebTransport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TransportKind {
    /// HTTP long-polling: GET receives, POST sends.
    Polling,
    /// A WebSocket.
    WebSocket,
}

impl TransportKind {
    /// The name on the wire: `"polling"`, `"websocket"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }

    /// The transport of that name; case matters.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Polling, Self::WebSocket].into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
