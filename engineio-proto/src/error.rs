//! The errors of decoding and of sending.

/// A malformed packet or payload.
///
/// A server session that receives one closes with [`CloseReason::ParseError`](crate::CloseReason::ParseError), a client session with
/// [`client::Fault::Decode`](crate::client::Fault::Decode).
///
/// May grow: other protocol revisions have other rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The packet is empty: an empty text frame, an empty body, or nothing between two separators.
    #[error("the packet is empty; it must begin with its type, a digit from 0 to 6 (or `b` before base64)")]
    Empty,
    /// The first character is not a packet type. The value is the first byte of its UTF-8.
    #[error("{0:#04x} is not a packet type; a packet begins with a digit from 0 to 6 (or `b` before base64)")]
    UnknownType(u8),
    /// The text after `b` is not padded base64 of the standard alphabet.
    #[error("binary data in a text packet must be padded base64 of the standard alphabet")]
    Base64,
    /// The payload is not UTF-8.
    #[error("the payload is not valid UTF-8")]
    Utf8,
}

/// Why a session's `send` failed. Nothing is queued then.
///
/// Exhaustive: there are no other failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SendError {
    /// The message does not fit into the outbox now. The session's `Ready` event reports when there is room again.
    #[error("the outbox is full: messages are sent faster than the peer receives them")]
    Full,
    /// The message is larger than the whole outbox (`outbox_limit`), so it will never fit.
    #[error("the message is larger than the outbox")]
    TooLarge,
    /// The session is closed or closing.
    #[error("the session is closed")]
    Closed,
}
