//! The server's side of a session.

mod heartbeat;
mod polling;
mod probe;
mod session;
#[cfg(test)]
mod tests;
mod transitions;

pub use crate::{Pressure, RequestId, SendError, WebSocketId};
pub use session::Session;

use crate::{CloseReason, Data, Frame, http::Response};

/// An action for the driver, from [`Session::poll_transmit`].
///
/// Exhaustive: a driver must handle each variant.
#[derive(Debug)]
pub enum Transmit {
    /// Respond to this request, with the CORS headers added.
    Respond {
        /// The request.
        id: RequestId,
        /// The response.
        response: Box<Response>,
    },
    /// Read the body of this request and pass it to [`Session::handle_body`]. If it is longer than `limit`, stop reading and call
    /// [`Session::handle_body_too_large`].
    Receive {
        /// The request.
        id: RequestId,
        /// The maximum length of the body, in bytes.
        limit: usize,
    },
    /// Drop this request without a response and close its TCP connection.
    Abort {
        /// The request.
        id: RequestId,
    },
    /// Send this frame. The frames until [`Session::poll_transmit`] returns `None` are one batch: when all of it has been written, call
    /// [`Session::handle_flushed`] once. The next batch follows only after that.
    Frame {
        /// The WebSocket.
        id: WebSocketId,
        /// One packet as a text or binary frame.
        frame: Frame,
    },
    /// Close this WebSocket after the frames transmitted before, with a close frame without a code.
    Close {
        /// The WebSocket.
        id: WebSocketId,
    },
}

impl PartialEq for Transmit {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Respond { id, response }, Self::Respond { id: other_id, response: other }) => {
                id == other_id
                    && response.status() == other.status()
                    && response.headers() == other.headers()
                    && response.body() == other.body()
            }
            (Self::Receive { id, limit }, Self::Receive { id: other_id, limit: other }) => {
                (id, limit) == (other_id, other)
            }
            (Self::Abort { id }, Self::Abort { id: other }) => id == other,
            (Self::Frame { id, frame }, Self::Frame { id: other_id, frame: other }) => (id, frame) == (other_id, other),
            (Self::Close { id }, Self::Close { id: other }) => id == other,
            _ => false,
        }
    }
}

/// An event for the application, from [`Session::poll_event`].
///
/// Exhaustive: a driver must handle each variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message arrived.
    Message(Data),
    /// The session moved to WebSocket.
    Upgraded,
    /// The pressure is [`Pressure::Low`] again, after a `send` returned [`Pressure::High`] or [`SendError::Full`].
    Ready,
    /// The session ended. It is the last event.
    Closed {
        /// The reason.
        reason: CloseReason,
    },
}
