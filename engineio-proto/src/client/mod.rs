//! The client's side of a session, the counterpart of [`server`](crate::server).
//!
//! See the [crate's documentation](crate#how-to-drive-a-clients-session) for how to drive it.

mod config;
mod cookies;
mod fault;
mod handshake;
mod heartbeat;
mod polling;
mod request;
mod session;
#[cfg(test)]
mod tests;
mod transitions;
mod upgrade;

pub use crate::{Pressure, RequestId, SendError, WebSocketId};
pub use config::{Config, ConfigBuilder};
pub use fault::Fault;
pub use handshake::Handshake;
pub use session::{Session, Start};

use crate::{CloseReason, Data, Frame};
use bytes::Bytes;

/// An action for the driver, from [`Session::poll_transmit`].
///
/// Exhaustive: a driver must handle each variant.
#[derive(Debug)]
pub enum Transmit {
    /// Send this request and pass the complete response to [`Session::handle_response`]. If there is none, or its body is longer than
    /// [`Config::max_body`], call [`Session::handle_request_failed`].
    ///
    /// The URI is a path and a query. The driver adds the headers of the connection, such as `host` and `content-length`.
    Request {
        /// The id of the request, chosen by the session.
        id: RequestId,
        /// The request: a GET without a body or a POST.
        request: Box<http::Request<Bytes>>,
    },
    /// Cancel this request. Its outcome is ignored.
    Cancel {
        /// The request.
        id: RequestId,
    },
    /// Open a WebSocket, then call [`Session::handle_websocket`] or [`Session::handle_websocket_failed`].
    ///
    /// The URI is a path and a query. The driver adds `host` and the headers of the opening handshake, except `sec-websocket-protocol`,
    /// which the session sets if it offers subprotocols.
    Connect {
        /// The id of the WebSocket, chosen by the session.
        id: WebSocketId,
        /// The upgrade request.
        request: Box<http::Request<()>>,
    },
    /// Send this frame. The frames until [`Session::poll_transmit`] returns `None` are one batch: when all of it has been written, call
    /// [`Session::handle_flushed`] once. The next batch follows only after that.
    Frame {
        /// The WebSocket.
        id: WebSocketId,
        /// One packet as a text or binary frame.
        frame: Frame,
    },
    /// Write the following frames after the server has read the previous ones, so that it does not read both together: send a WebSocket
    /// ping and wait for its pong, with a short timeout. A driver without WebSocket pings ignores this.
    Barrier {
        /// The WebSocket.
        id: WebSocketId,
    },
    /// Close this WebSocket after the frames transmitted before, with a close frame without a code. If it is not open yet, stop opening it.
    Close {
        /// The WebSocket.
        id: WebSocketId,
    },
}

/// An event for the application, from [`Session::poll_event`].
///
/// Exhaustive: a driver must handle each variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server opened the session.
    Opened(Handshake),
    /// A message arrived.
    Message(Data),
    /// The probe succeeded and polling ends. Nothing is sent until [`Event::Upgraded`] or [`Event::UpgradeFailed`].
    Upgrading,
    /// The session moved to WebSocket.
    Upgraded,
    /// The upgrade failed, and the session stays on polling.
    UpgradeFailed(Fault),
    /// The pressure is [`Pressure::Low`] again, after a `send` returned [`Pressure::High`] or [`SendError::Full`].
    Ready,
    /// The session ended, or could not be opened. It is the last event.
    Closed {
        /// The reason.
        reason: CloseReason,
        /// The error, if there was one.
        fault: Option<Fault>,
    },
}
