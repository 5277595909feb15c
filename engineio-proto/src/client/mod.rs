//! The client's side of one session: the mirror of [`server`](crate::server).
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

/// What the driver has to do, from [`Session::poll_transmit`].
///
/// Exhaustive: a driver has to do each.
#[derive(Debug)]
pub enum Transmit {
    /// Send this request and bring its whole response to [`Session::handle_response`], or tell that there is none:
    /// [`Session::handle_request_failed`]. A body longer than [`Config::max_body`] is none.
    ///
    /// The URI is a path and a query; headers are set but for those that belong to a connection, such as `host` and `content-length`.
    Request {
        /// The name of the request, the session's choice.
        id: RequestId,
        /// The request: a GET without a body or a POST.
        request: Box<http::Request<Bytes>>,
    },
    /// Drop this request: what becomes of it is of no interest.
    Cancel {
        /// The request.
        id: RequestId,
    },
    /// Open a WebSocket and tell: [`Session::handle_websocket`] or [`Session::handle_websocket_failed`].
    ///
    /// The URI is a path and a query; the driver adds `host` and the headers of a WebSocket's opening handshake, but
    /// `sec-websocket-protocol`, which is there if it is wanted.
    Connect {
        /// The name of the WebSocket, the session's choice.
        id: WebSocketId,
        /// The request to begin with.
        request: Box<http::Request<()>>,
    },
    /// Send this frame of a batch: the frames until [`Session::poll_transmit`] has no more. When all of the batch has been
    /// written, call [`Session::handle_flushed`] once. The next batch comes only then.
    Frame {
        /// The WebSocket.
        id: WebSocketId,
        /// The frame, text or binary, one packet.
        frame: Frame,
    },
    /// What follows is to be read apart from what was transmitted before: write it once the server has read that, as a WebSocket ping and
    /// its pong tell; but do not wait for long. A driver that knows no such pings writes on.
    Barrier {
        /// The WebSocket.
        id: WebSocketId,
    },
    /// Close this WebSocket behind what was transmitted for it, with a close frame without a code; give it up if it is not open yet.
    Close {
        /// The WebSocket.
        id: WebSocketId,
    },
}

/// What happened, from [`Session::poll_event`].
///
/// Exhaustive: a driver has to look at each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server opened the session. Messages follow.
    Opened(Handshake),
    /// A message arrived.
    Message(Data),
    /// The WebSocket was probed; polling comes to its end. Nothing is sent until [`Event::Upgraded`] or [`Event::UpgradeFailed`].
    Upgrading,
    /// The session moved to WebSocket.
    Upgraded,
    /// The session stays with polling: there was no WebSocket to be had. The session goes on.
    UpgradeFailed(Fault),
    /// The pressure fell back to [`Pressure::Low`] after a `send` was answered [`Pressure::High`] or [`SendError::Full`].
    Ready,
    /// The session ended, or never began. Nothing follows.
    Closed {
        /// Why.
        reason: CloseReason,
        /// What was wrong, if anything was.
        fault: Option<Fault>,
    },
}
