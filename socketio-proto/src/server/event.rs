//! What a connection tells and what its commands answer.

use engineio_proto::{CloseReason, Text};

use super::DisconnectReason;
use crate::{AckError, Args, DecodeError, Json, SocketKey};

/// What happened on a [`Connection`](super::Connection).
///
/// A socket's life is `Connecting`, then, if it is accepted, `Received` and `Acked`, and at last `Disconnected`, exactly once,
/// unless it was refused. Every socket has got its `Disconnected` before `Closed`, and nothing follows `Closed`. Events are in the
/// order in which things happened, so what a client said before it left is still told.
///
/// The arguments of `Received` and `Acked` share the buffer in which they came; namespace and auth of `Connecting` have memory of
/// their own, since they are kept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The client asks to join a namespace. Answer with [`accept`](super::Connection::accept) or [`refuse`](super::Connection::refuse), now
    /// or later; until then the namespace is pending and a second CONNECT for it closes the connection.
    Connecting {
        /// The name of the socket to be.
        socket: SocketKey,
        /// The namespace as the client spelled it. Whether it exists is the driver's to know.
        namespace: Text,
        /// The payload of the CONNECT packet, an object.
        auth: Option<Json>,
    },
    /// The client emitted an event.
    Received {
        /// The socket it is for.
        socket: SocketKey,
        /// If the client wants an ack: under which id.
        id: Option<u64>,
        /// Name and arguments.
        event: crate::Event,
    },
    /// An ack that the client owed is settled: it came, or it never will.
    Acked {
        /// The socket that asked for it.
        socket: SocketKey,
        /// The id given to [`emit_with_ack`](super::Connection::emit_with_ack).
        id: u64,
        /// The client's arguments.
        result: Result<Args, AckError>,
    },
    /// A socket left its namespace, or a pending one will never join it. Nothing follows for this socket.
    Disconnected {
        /// Which one.
        socket: SocketKey,
        /// Why.
        reason: DisconnectReason,
    },
    /// The client sent a packet that cannot be decoded; the connection is being closed for it.
    Undecodable(DecodeError),
    /// The connection moved from polling to WebSocket.
    Upgraded,
    /// The outbox, which had answered `High` or `Full`, has drained to its low mark.
    Ready,
    /// The connection is over. Nothing follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}
