//! The server's side of one session.

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

/// What the driver has to do, from [`Session::poll_transmit`].
///
/// Exhaustive: a driver has to do each.
#[derive(Debug)]
pub enum Transmit {
    /// Answer this request, adding the CORS headers.
    Respond {
        /// The request.
        id: RequestId,
        /// Its answer.
        response: Box<Response>,
    },
    /// Read the body of this request and bring it to [`Session::handle_body`], or, as soon as it turns out longer than `limit`, give up
    /// and call [`Session::handle_body_too_large`].
    Receive {
        /// The request.
        id: RequestId,
        /// The most bytes to read.
        limit: usize,
    },
    /// Drop this request without an answer and close its TCP connection.
    Abort {
        /// The request.
        id: RequestId,
    },
    /// Send this frame of a batch: the frames until [`Session::poll_transmit`] has no more. When all of the batch has been
    /// written, call [`Session::handle_flushed`] once. The next batch comes only then.
    Frame {
        /// The WebSocket.
        id: WebSocketId,
        /// The frame, text or binary, one packet.
        frame: Frame,
    },
    /// Close this WebSocket behind what was transmitted for it, with a close frame without a code.
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

/// What happened, from [`Session::poll_event`].
///
/// Exhaustive: a driver has to look at each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message arrived.
    Message(Data),
    /// The session moved to WebSocket.
    Upgraded,
    /// The pressure fell back to [`Pressure::Low`] after a `send` was answered [`Pressure::High`] or [`SendError::Full`].
    Ready,
    /// The session ended. Nothing follows.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}
