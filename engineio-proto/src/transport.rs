//! The transports.

use std::fmt;

/// How packets travel.
///
/// May grow: WebTransport is a third.
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

    /// The transport of that name, which is matched exactly.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Polling, Self::WebSocket].into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
