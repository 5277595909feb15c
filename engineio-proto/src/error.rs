//! What can be wrong with a packet, and with a command.

/// A rule of the packet grammar that a peer broke. In a session it ends in
/// [`CloseReason::ParseError`](crate::CloseReason::ParseError) at the server, in [`client::Fault::Decode`](crate::client::Fault::Decode)
/// at the client.
///
/// May grow: later protocol revisions have rules of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// No packet at all: an empty text frame, an empty body, or nothing between two separators.
    #[error("the packet is empty; it must begin with its type, a digit from 0 to 6 (or `b` in front of base64)")]
    Empty,
    /// The first character is not a packet type. Holds the first byte of its UTF-8.
    #[error("{0:#04x} is no packet type; a packet begins with a digit from 0 to 6 (or `b` in front of base64)")]
    UnknownType(u8),
    /// What follows `b` is not base64 of the standard alphabet with its padding.
    #[error("binary data in a text must be base64 of the standard alphabet with padding")]
    Base64,
    /// A payload is not UTF-8.
    #[error("the payload is not valid UTF-8")]
    Utf8,
}

/// Why a session's `send` took nothing. Exhaustive: there is nothing else that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SendError {
    /// The message does not fit into the outbox. The session's `Ready` event tells when there is room again.
    #[error("the outbox is full: the peer does not take what is sent fast enough")]
    Full,
    /// The message is larger than the outbox: there will never be room for it.
    #[error("the message is larger than the outbox")]
    TooLarge,
    /// The session is closed or closing.
    #[error("the session is closed")]
    Closed,
}
