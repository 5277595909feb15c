//! The events of a manager, and the results of its commands.

use std::time::Duration;

use engineio_proto::client::Fault;
use engineio_proto::{CloseReason, Pressure, Text, TransportKind};
use thiserror::Error;

use super::DisconnectReason;
use crate::{AckError, Args, DecodeError, Json, SocketKey};

/// Identifies a packet of a [retry queue](super::Manager::emit_reliable). Never reused by the same manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetryId(pub u64);

/// An event of a [`Manager`](super::Manager). Events are reported in the order in which they happened.
///
/// The events of a connection are `Attempt`, then `Opened` and finally `Closed`, or `AttemptFailed` instead of both;
/// then, if there is to be another attempt, `Waiting` and `Attempt`. Those of a socket are `Authenticate`, `Connected`,
/// then `Received` and `Acked`, and finally `Disconnected`; or `Refused` or `NotJoined` instead of `Connected` and all
/// that follow it. When a connection is lost, `Closed` comes before the events of its sockets.
///
/// The arguments of `Received` and `Acked` share the received buffer, except those of events that had to wait for
/// `Connected`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An attempt to connect starts. Answer where to connect to, and with which headers, by
    /// [`open`](super::Manager::open) or [`fail_attempt`](super::Manager::fail_attempt), now or later. A new `Attempt`
    /// replaces an unanswered one.
    Attempt {
        /// 0 for the attempt caused by [`connect`](super::Manager::connect); those of a reconnection count from 1.
        attempt: u32,
    },
    /// The attempt failed. This is the `connect_error` of every socket that is [wanted](super::Manager::is_wanted).
    AttemptFailed {
        /// Its number.
        attempt: u32,
        /// Why.
        error: AttemptError,
    },
    /// The next attempt starts after a pause.
    Waiting {
        /// The number of that attempt: 1, 2, ..
        attempt: u32,
        /// The pause.
        delay: Duration,
    },
    /// All attempts failed. There is no further one until [`connect`](super::Manager::connect) is called.
    ReconnectFailed {
        /// The number of attempts.
        attempts: u32,
    },
    /// The engine session is open.
    Opened {
        /// The number of the attempt that succeeded: 0, or counted from 1 for a reconnection.
        attempt: u32,
        /// The first transport.
        transport: TransportKind,
    },
    /// The connection moved to another transport.
    Upgraded {
        /// The new transport.
        transport: TransportKind,
    },
    /// The upgrade failed, so the connection stays on polling.
    UpgradeFailed(Fault),
    /// A socket is about to join its namespace. Answer with its credentials by
    /// [`authenticate`](super::Manager::authenticate) or
    /// [`refuse_authentication`](super::Manager::refuse_authentication), now or later. Repeated on each connection; a
    /// new `Authenticate` replaces an unanswered one.
    Authenticate {
        /// The socket.
        socket: SocketKey,
    },
    /// A socket joined its namespace. Its buffered packets have been passed to the engine session.
    Connected {
        /// The socket.
        socket: SocketKey,
        /// Its id until it is disconnected, the same as on the server. A copy, not a slice of the received buffer.
        id: Text,
    },
    /// A socket could not join its namespace. It is no longer active; [`connect`](super::Manager::connect) tries again.
    Refused {
        /// The socket.
        socket: SocketKey,
        /// Why.
        error: Refusal,
    },
    /// The connection was lost while a socket was joining its namespace. The socket joins with the next connection, if
    /// there is one.
    NotJoined {
        /// The socket.
        socket: SocketKey,
        /// Why the connection was lost.
        reason: DisconnectReason,
    },
    /// The server emitted an event.
    Received {
        /// The receiving socket.
        socket: SocketKey,
        /// The ack id, if the server requests an ack. See [`send_ack`](super::Manager::send_ack).
        id: Option<u64>,
        /// Name and arguments.
        event: crate::Event,
    },
    /// A pending ack is settled: it arrived, or it timed out, or the socket was disconnected.
    Acked {
        /// The socket whose event it answers.
        socket: SocketKey,
        /// The id given to [`emit_with_ack`](super::Manager::emit_with_ack).
        id: u64,
        /// The server's arguments, or why the ack did not arrive.
        result: Result<Args, AckError>,
    },
    /// A packet of a retry queue is settled: the server acknowledged it, or its last retry failed.
    Delivered {
        /// The sending socket.
        socket: SocketKey,
        /// The id returned by [`emit_reliable`](super::Manager::emit_reliable).
        retry: RetryId,
        /// The server's arguments, or why the last try failed.
        result: Result<Args, AckError>,
    },
    /// A connected socket was disconnected.
    Disconnected {
        /// The socket.
        socket: SocketKey,
        /// Why.
        reason: DisconnectReason,
    },
    /// The server sent a packet that can't be decoded, so the connection is closed.
    Undecodable(DecodeError),
    /// [`pressure`](super::Manager::pressure) is low again after it was high or an emit was refused.
    Ready,
    /// An open connection has ended.
    Closed {
        /// Why.
        reason: CloseReason,
        /// The fault that caused it, if any.
        fault: Option<Fault>,
    },
}

/// Why an attempt to connect failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// The session was not opened within [`Config::connect_timeout`](super::Config::connect_timeout).
    #[error("timeout")]
    Timeout,
    /// The session could not be opened.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The session ended before it was open, without a fault.
    #[error("the connection was closed before it was open: {0}")]
    Closed(CloseReason),
    /// The driver called the attempt off: [`fail_attempt`](super::Manager::fail_attempt).
    #[error("the attempt was called off")]
    CalledOff,
}

/// Why a socket could not join its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The server refused the socket with a CONNECT_ERROR.
    #[error("{message}")]
    Server {
        /// The `message` of the error. Empty if it has none.
        message: Text,
        /// The `data` of the error.
        data: Option<Json>,
    },
    /// The server's CONNECT contains no socket id, as from a Socket.IO v2 server.
    #[error("the server accepted the socket without a sid: it seems to be a Socket.IO v2 server")]
    NoSid,
    /// The server answered CONNECT with DISCONNECT.
    #[error("the server disconnected the socket before it had joined")]
    Disconnected,
    /// The driver has no credentials, or they are too large: see
    /// [`refuse_authentication`](super::Manager::refuse_authentication).
    #[error("there are no credentials")]
    NoCredentials,
}

/// What happened to an emitted packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emitted {
    /// Passed to the engine session, which sends it.
    Sent(Pressure),
    /// Kept in the send buffer until the socket is connected.
    Buffered(Pressure),
}
