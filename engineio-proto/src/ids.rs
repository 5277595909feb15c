//! Ids of HTTP requests and WebSockets.

/// The id of an HTTP request, unique at least within its session. On the server the driver chooses it, on the client the session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// The id of a WebSocket, unique at least within its session. On the server the driver chooses it, on the client the session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WebSocketId(pub u64);
