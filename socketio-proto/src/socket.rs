//! What both roles share of a socket: its key, and why an ack or an emit fails.

/// Names one socket of one [`Connection`](crate::server::Connection) or one [`Manager`](crate::client::Manager), which never uses it
/// twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketKey(pub u64);

/// Why an ack will never come. May grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The deadline passed. A later ack is ignored; on a client, a packet that still waited for a connection is not sent.
    #[error("operation has timed out")]
    Timeout,
    /// The socket was disconnected first.
    #[error("socket has been disconnected")]
    Disconnected,
}

/// Why a packet was not taken. Nothing of it was sent, or will be. May grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// There is no such socket, or it is not connected: it left, was never accepted, or its connection is closing. A client's socket
    /// keeps most packets for the next connection instead.
    #[error("the socket is not connected")]
    Disconnected,
    /// As many bytes wait as may: the engine session's `outbox_limit`, or a client's
    /// [`send_buffer_limit`](crate::client::Config::send_buffer_limit).
    #[error("the outbox is full")]
    Full,
    /// The packet is larger than that limit, so waiting for room does not help.
    #[error("the packet is larger than the outbox")]
    TooLarge,
    /// The other side owes as many acks as it may: `max_pending_acks` of the [server](crate::server::Config::max_pending_acks) or the
    /// [client](crate::client::Config::max_pending_acks).
    #[error("the other side owes too many acks")]
    TooManyAcks,
    /// An ack with this id is still owed.
    #[error("the ack id is in use")]
    AckIdInUse,
}
