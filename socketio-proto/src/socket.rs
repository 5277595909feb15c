//! What the sockets of both roles share: the key, and the errors of acks and emits.

/// Identifies a socket of one [`Connection`](crate::server::Connection) or one [`Manager`](crate::client::Manager),
/// which never reuses a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketKey(pub u64);

/// Why an ack did not arrive. May grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The timeout expired. A later ack is ignored. On a client, a packet that still waits for a connection is not
    /// sent.
    #[error("operation has timed out")]
    Timeout,
    /// The socket was disconnected before the ack arrived.
    #[error("socket has been disconnected")]
    Disconnected,
}

/// Why a packet was refused. No part of it has been or will be sent. May grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The socket is unknown or not connected: it left, was never accepted, or its connection is closing. A client's
    /// socket buffers most packets for the next connection instead.
    #[error("the socket is not connected")]
    Disconnected,
    /// The limit of waiting bytes is reached: the engine session's `outbox_limit`, or a client's
    /// [`send_buffer_limit`](crate::client::Config::send_buffer_limit).
    #[error("the outbox is full")]
    Full,
    /// The packet alone exceeds that limit, so it can never be sent.
    #[error("the packet is larger than the outbox")]
    TooLarge,
    /// The limit of pending acks is reached: `max_pending_acks` of the
    /// [server](crate::server::Config::max_pending_acks) or the [client](crate::client::Config::max_pending_acks).
    #[error("too many acks are pending")]
    TooManyAcks,
    /// An ack with this id is still pending.
    #[error("the ack id is in use")]
    AckIdInUse,
}
