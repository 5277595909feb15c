//! Emitting: to one socket, to many, with and without an ack.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use engineio_proto::Text;
use futures_channel::oneshot;
use serde::Serialize;
use socketio_proto::client;
use socketio_proto::server::{self, Target};
use socketio_proto::{Args, ArgsError, EncodeError, Encoded, FromArgs, encode};

use crate::endpoint::Endpoint;
use crate::namespace::NamespaceInner;
use crate::socket::Socket;

/// Why nothing was emitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event or its arguments can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The socket is not connected any more. (One of a client keeps what is emitted; its client has ended.)
    #[error("the socket is not connected")]
    Disconnected,
    /// The other side takes its packets too slowly, or a client has no connection for too long: as many bytes wait as may.
    #[error("the outbox is full")]
    Full,
    /// The event is larger than all that may wait for the other side (`outbox_limit`), or for a client's connection
    /// (`send_buffer_limit`): there will never be room for it.
    #[error("the event is larger than the outbox")]
    TooLarge,
    /// The other side owes as many acks as it may.
    #[error("too many acks are owed")]
    TooManyAcks,
}

impl From<server::EmitError> for EmitError {
    fn from(error: server::EmitError) -> Self {
        match error {
            server::EmitError::Full => Self::Full,
            server::EmitError::TooLarge => Self::TooLarge,
            // Ids are counted per namespace in 64 bits: none comes twice.
            server::EmitError::TooManyAcks | server::EmitError::AckIdInUse => Self::TooManyAcks,
            _ => Self::Disconnected,
        }
    }
}

impl From<client::EmitError> for EmitError {
    fn from(error: client::EmitError) -> Self {
        match error {
            client::EmitError::Full => Self::Full,
            client::EmitError::TooLarge => Self::TooLarge,
            client::EmitError::TooManyAcks => Self::TooManyAcks,
            // Ids of acks count up: none is in use.
            _ => Self::Disconnected,
        }
    }
}

/// Why an ack did not come.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The event was not emitted at all.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The other side did not answer in time.
    #[error("operation has timed out")]
    Timeout,
    /// The socket was disconnected before the answer came.
    #[error("socket has been disconnected")]
    Disconnected,
    /// The answer is not what was expected.
    #[error(transparent)]
    Args(#[from] ArgsError),
}

impl From<server::AckError> for AckError {
    fn from(error: server::AckError) -> Self {
        match error {
            server::AckError::Timeout => Self::Timeout,
            _ => Self::Disconnected,
        }
    }
}

impl From<client::AckError> for AckError {
    fn from(error: client::AckError) -> Self {
        match error {
            client::AckError::Timeout => Self::Timeout,
            _ => Self::Disconnected,
        }
    }
}

/// An event about to be emitted with an ack: `.await` it. Made by [`Socket::emit_with_ack`] and
/// [`ClientSocket::emit_with_ack`](crate::ClientSocket::emit_with_ack).
#[must_use = "nothing is emitted before this is awaited"]
pub struct EmitWithAck<T, S: Endpoint = Socket> {
    socket: S,
    packet: Result<Encoded, EncodeError>,
    id: Option<u64>,
    timeout: Option<Duration>,
    answer: PhantomData<fn() -> T>,
}

impl<T, S: Endpoint> EmitWithAck<T, S> {
    pub(crate) fn new<A: Serialize + ?Sized>(socket: S, event: &str, args: &A) -> Self {
        let id = socket.next_ack_id();
        let packet = encode::event(socket.namespace(), id, event, args);
        let timeout = socket.ack_timeout();
        Self { socket, packet, id, timeout, answer: PhantomData }
    }

    /// How long to wait for the answer. Default: the builder's `ack_timeout`, which is 30 s for a server and none for a client.
    /// (A client with [`retries`](crate::ClientBuilder::retries) has its `ack_timeout` for each try; this changes nothing then.)
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl<T: FromArgs, S: Endpoint> IntoFuture for EmitWithAck<T, S> {
    type Output = Result<T, AckError>;
    type IntoFuture = AckFuture<T, S>;

    fn into_future(self) -> AckFuture<T, S> {
        let state = match self.packet {
            Ok(packet) => match self.socket.send_with_ack(packet, self.id, self.timeout) {
                Ok((ticket, receiver)) => State::Waiting(ticket, receiver),
                Err(error) => State::Failed(Some(error.into())),
            },
            Err(error) => State::Failed(Some(EmitError::from(error).into())),
        };
        AckFuture { socket: self.socket, state, answer: PhantomData }
    }
}

/// An event on its way, waiting for its ack. Dropping it means that the answer is of no interest any more.
#[must_use = "futures do nothing unless awaited"]
pub struct AckFuture<T, S: Endpoint = Socket> {
    socket: S,
    state: State<S>,
    answer: PhantomData<fn() -> T>,
}

enum State<S: Endpoint> {
    Waiting(S::Ticket, oneshot::Receiver<Result<Args, S::AckError>>),
    Failed(Option<AckError>),
}

impl<T: FromArgs, S: Endpoint> Future for AckFuture<T, S> {
    type Output = Result<T, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Failed(error) => Poll::Ready(Err(error.take().unwrap_or(AckError::Disconnected))),
            State::Waiting(_, receiver) => Pin::new(receiver).poll(cx).map(|answer| {
                self.state = State::Failed(None);
                match answer {
                    Ok(args) => Ok(args.map_err(Into::into)?.get::<T>()?),
                    Err(_) => Err(AckError::Disconnected),
                }
            }),
        }
    }
}

impl<T, S: Endpoint> Drop for AckFuture<T, S> {
    fn drop(&mut self) {
        if let State::Waiting(ticket, _) = self.state {
            self.socket.forget_ack(ticket);
        }
    }
}

impl<T, S: Endpoint> fmt::Debug for EmitWithAck<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmitWithAck").field("id", &self.id).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl<T, S: Endpoint> fmt::Debug for AckFuture<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckFuture").field("waiting", &matches!(self.state, State::Waiting(..))).finish_non_exhaustive()
    }
}

/// Emits to one socket only what can leave at once. Made by [`Socket::volatile`] and
/// [`ClientSocket::volatile`](crate::ClientSocket::volatile).
#[derive(Debug)]
pub struct Volatile<'a, S = Socket> {
    pub(crate) socket: &'a S,
}

impl<S: Endpoint> Volatile<'_, S> {
    /// Emits if nothing waits for the other side and the transport can take it now. Answers whether it left.
    ///
    /// # Errors
    /// The event or its arguments can't be encoded.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<bool, EncodeError> {
        let packet = encode::event(self.socket.namespace(), None, event, &args)?;
        Ok(self.socket.send_volatile(&packet))
    }
}

/// Emits to many sockets of a namespace, and moves them between rooms. Made by `to`, `except`, .. of [`Server`](crate::Server),
/// [`Namespace`](crate::Namespace) and [`Socket`]; the operators return new values, so that one can be kept and refined.
///
/// ```no_run
/// # fn example(socket: socketio_runtime::Socket) {
/// let news = socket.to("news"); // everybody in the room but this socket
/// news.clone().except("muted").emit("hello", ("world",)).ok();
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a broadcast does nothing until it emits"]
pub struct Broadcast {
    namespace: Arc<NamespaceInner>,
    target: Target,
}

impl Broadcast {
    pub(crate) fn new(namespace: Arc<NamespaceInner>, target: Target) -> Self {
        Self { namespace, target }
    }

    /// Adds a room, or a socket by its id, to those who are meant.
    pub fn to(mut self, room: impl Into<Text>) -> Self {
        self.target = self.target.to(room);
        self
    }

    /// The same as [`to`](Self::to).
    pub fn within(self, room: impl Into<Text>) -> Self {
        self.to(room)
    }

    /// Leaves out a room, or a socket by its id.
    pub fn except(mut self, room: impl Into<Text>) -> Self {
        self.target = self.target.except(room);
        self
    }

    /// Skips clients that can't take it at once.
    pub fn volatile(mut self) -> Self {
        self.target = self.target.volatile();
        self
    }

    /// Stays on this server. (There is no cluster yet, so it changes nothing.)
    pub fn local(mut self) -> Self {
        self.target = self.target.local();
        self
    }

    /// Emits to everybody who is meant, each once. Encoded once; the receivers share the bytes. Answers how many took it.
    ///
    /// A client whose outbox is full is handled as the server's [`Overflow`](crate::Overflow) says.
    ///
    /// # Errors
    /// The event or its arguments can't be encoded.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<usize, EncodeError> {
        let packet = encode::event(&self.namespace.name, None, event, &args)?;
        let mut served = 0;
        self.namespace.rooms().for_each(&self.target, |socket| {
            let sent = match self.target.is_volatile() {
                true => socket.send_volatile(&packet),
                false => socket.send_broadcast(&packet),
            };
            served += usize::from(sent);
        });
        Ok(served)
    }

    /// The sockets that are meant.
    pub fn sockets(&self) -> Vec<Socket> {
        self.namespace.rooms().select(&self.target)
    }

    /// Puts all of them into a room.
    pub fn join(&self, room: impl Into<Text>) {
        let room = room.into();
        let mut rooms = self.namespace.rooms();
        for socket in rooms.select(&self.target) {
            rooms.join(socket.id(), room.clone());
        }
    }

    /// Takes all of them out of a room.
    pub fn leave(&self, room: &str) {
        let mut rooms = self.namespace.rooms();
        for socket in rooms.select(&self.target) {
            rooms.leave(socket.id(), room);
        }
    }

    /// Disconnects all of them from the namespace; with `close`, from all namespaces, and closes their connections.
    pub fn disconnect(&self, close: bool) {
        for socket in self.sockets() {
            match close {
                true => socket.disconnect_all(),
                false => socket.disconnect(),
            }
        }
    }
}
