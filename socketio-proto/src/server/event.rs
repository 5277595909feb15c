//! The events of a connection.

use engineio_proto::{CloseReason, Text};

use super::DisconnectReason;
use crate::{AckError, Args, DecodeError, Json, SocketKey};

/// An event on a [`Connection`](super::Connection).
///
/// The events of a socket are `Connecting`; then, if it is accepted, `Received` and `Acked`; and finally, unless it was
/// refused, exactly one `Disconnected`. All sockets get their `Disconnected` before `Closed`, and nothing follows
/// `Closed`. Events are reported in the order in which they happened, so those that a client sent before it left come
/// first.
///
/// The arguments of `Received` and `Acked` share the received buffer. Namespace and auth of `Connecting` are copies,
/// because they are kept as long as the socket.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The client requests to join a namespace. Call [`accept`](super::Connection::accept) or
    /// [`refuse`](super::Connection::refuse), now or later. Until then the namespace is pending, and a second CONNECT
    /// for it closes the connection.
    Connecting {
        /// The key of the pending socket.
        socket: SocketKey,
        /// The namespace as the client sent it. The driver decides whether it exists.
        namespace: Text,
        /// The payload of the CONNECT packet, an object.
        auth: Option<Json>,
    },
    /// The client emitted an event.
    Received {
        /// The receiving socket.
        socket: SocketKey,
        /// The ack id, if the client requests an ack.
        id: Option<u64>,
        /// Name and arguments.
        event: crate::Event,
    },
    /// A pending ack is settled: it arrived, or it timed out, or the socket was disconnected.
    Acked {
        /// The socket whose event it answers.
        socket: SocketKey,
        /// The id given to [`emit_with_ack`](super::Connection::emit_with_ack).
        id: u64,
        /// The client's arguments, or why the ack did not arrive.
        result: Result<Args, AckError>,
    },
    /// A socket left its namespace, or a pending one can no longer join it. No event of this socket follows.
    Disconnected {
        /// The socket.
        socket: SocketKey,
        /// Why.
        reason: DisconnectReason,
    },
    /// The client sent a packet that can't be decoded, so the connection is closed.
    Undecodable(DecodeError),
    /// The connection moved from polling to WebSocket.
    Upgraded,
    /// The outbox has drained to its low mark after it was [`High`](engineio_proto::Pressure::High) or full.
    Ready,
    /// The connection has ended. No event follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}
