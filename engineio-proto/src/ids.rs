//! How a driver names what it owns, to a session of either side.

/// An HTTP request, named by the driver; unique at least within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// A WebSocket, named by the driver; unique at least within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WebSocketId(pub u64);
