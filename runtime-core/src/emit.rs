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
use socketio_proto::server::{self, Target};
use socketio_proto::{Args, ArgsError, EncodeError, Encoded, FromArgs, encode};

use crate::namespace::NamespaceInner;
use crate::socket::Socket;

/// Why nothing was emitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The event or its arguments can't be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The socket is not connected any more.
    #[error("the socket is not connected")]
    Disconnected,
    /// The client takes its packets too slowly: its outbox holds as many bytes as it may.
    #[error("the outbox is full")]
    Full,
    /// The client owes as many acks as it may.
    #[error("the client owes too many acks")]
    TooManyAcks,
}

impl From<server::EmitError> for EmitError {
    fn from(error: server::EmitError) -> Self {
        match error {
            server::EmitError::Full => Self::Full,
            // Ids are counted per namespace in 64 bits: none comes twice.
            server::EmitError::TooManyAcks | server::EmitError::AckIdInUse => Self::TooManyAcks,
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
    /// The client did not answer in time.
    #[error("operation has timed out")]
    Timeout,
    /// The client was disconnected before it answered.
    #[error("socket has been disconnected")]
    Disconnected,
    /// The client's answer is not what was expected.
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

/// An event about to be emitted with an ack: `.await` it. Made by [`Socket::emit_with_ack`].
#[must_use = "nothing is emitted before this is awaited"]
pub struct EmitWithAck<T> {
    socket: Socket,
    packet: Result<Encoded, EncodeError>,
    id: u64,
    timeout: Duration,
    answer: PhantomData<fn() -> T>,
}

impl<T> EmitWithAck<T> {
    pub(crate) fn new<A: Serialize + ?Sized>(socket: Socket, event: &str, args: &A) -> Self {
        let id = socket.next_ack_id();
        let packet = encode::event(socket.namespace_name(), Some(id), event, args);
        let timeout = socket.conn().shared.ack_timeout;
        Self { socket, packet, id, timeout, answer: PhantomData }
    }

    /// How long to wait for the answer. Default: the server's `ack_timeout`, 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<T: FromArgs> IntoFuture for EmitWithAck<T> {
    type Output = Result<T, AckError>;
    type IntoFuture = AckFuture<T>;

    fn into_future(self) -> AckFuture<T> {
        let state = match self.packet {
            Ok(packet) => match self.socket.send_with_ack(packet, self.id, self.timeout) {
                Ok(receiver) => State::Waiting(receiver),
                Err(error) => State::Failed(Some(error.into())),
            },
            Err(error) => State::Failed(Some(EmitError::from(error).into())),
        };
        AckFuture { socket: self.socket, id: self.id, state, answer: PhantomData }
    }
}

/// An event on its way, waiting for its ack. Dropping it means that the answer is of no interest any more.
#[must_use = "futures do nothing unless awaited"]
pub struct AckFuture<T> {
    socket: Socket,
    id: u64,
    state: State,
    answer: PhantomData<fn() -> T>,
}

enum State {
    Waiting(oneshot::Receiver<Result<Args, server::AckError>>),
    Failed(Option<AckError>),
}

impl<T: FromArgs> Future for AckFuture<T> {
    type Output = Result<T, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Failed(error) => Poll::Ready(Err(error.take().unwrap_or(AckError::Disconnected))),
            State::Waiting(receiver) => Pin::new(receiver).poll(cx).map(|answer| {
                self.state = State::Failed(None);
                match answer {
                    Ok(args) => Ok(args?.get::<T>()?),
                    Err(_) => Err(AckError::Disconnected),
                }
            }),
        }
    }
}

impl<T> Drop for AckFuture<T> {
    fn drop(&mut self) {
        if let State::Waiting(_) = self.state {
            self.socket.forget_ack(self.id);
        }
    }
}

impl<T> fmt::Debug for EmitWithAck<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmitWithAck").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for AckFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckFuture").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Emits to one socket only what can leave at once. Made by [`Socket::volatile`].
#[derive(Debug)]
pub struct Volatile<'a> {
    pub(crate) socket: &'a Socket,
}

impl Volatile<'_> {
    /// Emits if nothing waits for this client and its transport can take it now. Answers whether it left.
    ///
    /// # Errors
    /// The event or its arguments can't be encoded.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<bool, EncodeError> {
        let packet = encode::event(self.socket.namespace_name(), None, event, &args)?;
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
