//! The errors of events, acks and handlers, for sockets of both roles.

use std::any::Any;
use std::error::Error;
use std::sync::Arc;

use engineio_proto::Text;
use socketio_proto::{ArgsError, DecodeError, EncodeError};

use crate::chain::debug_as_text;

/// Why an event was not emitted.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event or its arguments can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The socket is no longer connected. (A client's socket buffers events while it has no connection; for it this means that the
    /// client has ended, or that the event asks for an ack and the socket will not connect again by itself.)
    #[error("the socket is not connected")]
    Disconnected,
    /// The send buffer is full: the peer reads too slowly, or a client has had no connection for too long.
    #[error("the outbox is full")]
    Full,
    /// The event is larger than the whole send buffer (`outbox_limit` of a server, `send_buffer_limit` of a client), so it can
    /// never be sent.
    #[error("the event is larger than the outbox")]
    TooLarge,
    /// The maximum number of pending acks is reached.
    #[error("too many acks are owed")]
    TooManyAcks,
}

debug_as_text!(EmitError);

impl From<socketio_proto::EmitError> for EmitError {
    fn from(error: socketio_proto::EmitError) -> Self {
        match error {
            socketio_proto::EmitError::Full => Self::Full,
            socketio_proto::EmitError::TooLarge => Self::TooLarge,
            // `AckIdInUse` can't happen, as ids count up in 64 bits.
            socketio_proto::EmitError::TooManyAcks | socketio_proto::EmitError::AckIdInUse => Self::TooManyAcks,
            _ => Self::Disconnected,
        }
    }
}

/// Why an ack failed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The event was not emitted.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The ack did not arrive in time.
    #[error("operation has timed out")]
    Timeout,
    /// The socket was disconnected before the ack arrived.
    #[error("socket has been disconnected")]
    Disconnected,
    /// The ack's arguments don't fit the expected type.
    #[error(transparent)]
    Args(#[from] ArgsError),
}

debug_as_text!(AckError);

impl From<socketio_proto::AckError> for AckError {
    fn from(error: socketio_proto::AckError) -> Self {
        match error {
            socketio_proto::AckError::Timeout => Self::Timeout,
            _ => Self::Disconnected,
        }
    }
}

/// Why a handler failed. It is passed to `on_error` of the namespace, or of the client's socket; other handlers are not affected.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// The arguments of an event don't fit the handler's types.
    #[error("event {event:?}: {error}")]
    Args {
        /// The event's name.
        event: Text,
        /// Which argument does not fit, and why.
        error: ArgsError,
    },
    /// The handler's return value can't be encoded as an ack.
    #[error("the ack cannot be encoded: {0}")]
    Encode(Arc<EncodeError>),
    /// The handler returned an error.
    #[error("{0}")]
    Failed(Arc<dyn Error + Send + Sync>),
    /// The handler panicked, with this message.
    #[error("a handler panicked: {0}")]
    Panicked(String),
    /// The peer sent a packet that can't be decoded, so the connection is closed.
    #[error("undecodable packet: {0}")]
    Undecodable(DecodeError),
}

debug_as_text!(HandlerError);

impl HandlerError {
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let message = payload.downcast_ref::<&str>().map(ToString::to_string);
        Self::Panicked(message.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default())
    }
}
