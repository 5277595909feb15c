//! What a manager tells and what its commands answer.

use std::time::Duration;

use engineio_proto::client::Fault;
use engineio_proto::{CloseReason, Pressure, Text, TransportKind};
use thiserror::Error;

use super::DisconnectReason;
use crate::{AckError, Args, DecodeError, Json, SocketKey};

/// Names one packet of a [retry queue](super::Manager::emit_reliable). Never used twice by the same manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetryId(pub u64);

/// What happened to a [`Manager`](super::Manager), in the order in which it happened.
///
/// The connection's life is `Attempt`, then `Opened` and at last `Closed`; or `AttemptFailed`; and then, if it is to be tried
/// again, `Waiting` and the next `Attempt`. A socket's is `Authenticate`, then `Connected`, then `Received` and `Acked`, and at last
/// `Disconnected`; or, instead of all that follows `Connected`, `Refused` or `NotJoined`. When a connection is lost, `Closed` comes
/// before what its sockets hear of it.
///
/// The arguments of `Received` and `Acked` share the buffer in which they came, except those of events that had to wait for
/// `Connected`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A connection is to be tried: where to, and with which headers? Answer with [`open`](super::Manager::open) or
    /// [`fail_attempt`](super::Manager::fail_attempt), now or later. The next question replaces one without an answer.
    Attempt {
        /// 0 for the one that [`connect`](super::Manager::connect) asked for; those of a reconnection count from 1.
        attempt: u32,
    },
    /// The attempt failed. Every socket that is [wanted](super::Manager::is_wanted) would call this its `connect_error`.
    AttemptFailed {
        /// Which one.
        attempt: u32,
        /// Why.
        error: AttemptError,
    },
    /// The next attempt follows after a pause.
    Waiting {
        /// The attempt that will be made: 1, 2, ..
        attempt: u32,
        /// The pause.
        delay: Duration,
    },
    /// All attempts failed. No further one is made until a socket is told to [connect](super::Manager::connect).
    ReconnectFailed {
        /// How many there were.
        attempts: u32,
    },
    /// The engine session is open.
    Opened {
        /// The attempt that succeeded: 0, or the one of a reconnection.
        attempt: u32,
        /// The transport it began with.
        transport: TransportKind,
    },
    /// The connection moved to another transport.
    Upgraded {
        /// Which one.
        transport: TransportKind,
    },
    /// The connection stays with polling, for this reason.
    UpgradeFailed(Fault),
    /// A socket is about to join its namespace: with what to say? Answer with [`authenticate`](super::Manager::authenticate) or
    /// [`refuse_authentication`](super::Manager::refuse_authentication), now or later. Asked anew on every connection, which
    /// replaces a question without an answer.
    Authenticate {
        /// The socket.
        socket: SocketKey,
    },
    /// A socket joined its namespace. What was waiting for that is on its way.
    Connected {
        /// The socket.
        socket: SocketKey,
        /// Its id, until it is disconnected; the server knows it, too. It has memory of its own.
        id: Text,
    },
    /// A socket is not let into its namespace. It is no longer active: it is tried again when it is told to
    /// [connect](super::Manager::connect).
    Refused {
        /// The socket.
        socket: SocketKey,
        /// Why.
        error: Refusal,
    },
    /// The connection was lost while a socket was about to join its namespace. It is tried again with the next connection, if
    /// there is one.
    NotJoined {
        /// The socket.
        socket: SocketKey,
        /// Why the connection was lost.
        reason: DisconnectReason,
    },
    /// The server emitted an event.
    Received {
        /// The socket it is for.
        socket: SocketKey,
        /// If the server wants an ack: under which id. See [`send_ack`](super::Manager::send_ack).
        id: Option<u64>,
        /// Name and arguments.
        event: crate::Event,
    },
    /// An ack that the server owed is settled: it came, or it never will.
    Acked {
        /// The socket that asked for it.
        socket: SocketKey,
        /// The id given to [`emit_with_ack`](super::Manager::emit_with_ack).
        id: u64,
        /// The server's arguments.
        result: Result<Args, AckError>,
    },
    /// A packet of a retry queue is settled: the server acknowledged it, or it was sent as often as it may be.
    Delivered {
        /// The socket that sent it.
        socket: SocketKey,
        /// What [`emit_reliable`](super::Manager::emit_reliable) answered.
        retry: RetryId,
        /// The server's arguments, or what became of the last try.
        result: Result<Args, AckError>,
    },
    /// A connected socket no longer is.
    Disconnected {
        /// The socket.
        socket: SocketKey,
        /// Why.
        reason: DisconnectReason,
    },
    /// The server sent a packet that cannot be decoded; the connection is given up for it.
    Undecodable(DecodeError),
    /// [`pressure`](super::Manager::pressure), which was high, is low again.
    Ready,
    /// An open connection is over.
    Closed {
        /// Why.
        reason: CloseReason,
        /// What was wrong, if anything was.
        fault: Option<Fault>,
    },
}

/// Why an attempt to connect failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttemptError {
    /// The session was not open in time: [`Config::connect_timeout`](super::Config::connect_timeout).
    #[error("timeout")]
    Timeout,
    /// The session could not be opened.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The session ended before it was open, with nothing wrong.
    #[error("the connection was closed before it was open: {0}")]
    Closed(CloseReason),
    /// The driver called it off: [`fail_attempt`](super::Manager::fail_attempt).
    #[error("the attempt was called off")]
    CalledOff,
}

/// Why a socket was not let into its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The server says so.
    #[error("{message}")]
    Server {
        /// Its words. Empty if there were none.
        message: Text,
        /// What it said beside them: `data` of the error's object.
        data: Option<Json>,
    },
    /// The server's CONNECT brings no id for the socket. Servers of Socket.IO v2 do so.
    #[error("the server let the socket in without a sid: it seems to be a Socket.IO server of version 2")]
    NoSid,
    /// The server disconnected the socket before it had let it in.
    #[error("the server disconnected the socket before it had let it in")]
    Disconnected,
    /// The driver has nothing to say: [`refuse_authentication`](super::Manager::refuse_authentication).
    #[error("there are no credentials")]
    NoCredentials,
}

/// Where a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emitted {
    /// To the engine session, which sends it.
    Sent(Pressure),
    /// Into the send buffer, until the socket is connected.
    Buffered(Pressure),
}
