//! Emitting events, with and without an ack.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_channel::oneshot;
use serde::Serialize;
use socketio_proto::{FromArgs, encode};

use crate::endpoint::{AckResult, Endpoint};
use crate::error::{AckError, EmitError};

/// A socket with a timeout for acks. Created by [`Socket::timeout`](crate::Socket::timeout) and
/// [`ClientSocket::timeout`](crate::ClientSocket::timeout).
#[derive(Debug)]
#[must_use = "this does nothing until it emits"]
pub struct WithTimeout<'a, S: Endpoint> {
    pub(crate) socket: &'a S,
    pub(crate) timeout: Duration,
}

impl<S: Endpoint> WithTimeout<'_, S> {
    /// Emits an event immediately and returns a future for the ack: its arguments as a tuple, or its only argument as `T`. The
    /// future fails with [`AckError::Timeout`] when the timeout has passed.
    ///
    /// (A client with [`retries`](crate::ClientBuilder::retries) waits for `ack_timeout` in each try; the timeout set here then has
    /// no effect.)
    pub fn emit_with_ack<A: Serialize, T: FromArgs>(&self, event: &str, args: A) -> AckFuture<T, S> {
        AckFuture::emit(self.socket.clone(), event, &args, Some(self.timeout))
    }
}

/// A future for the ack of an event. Returned by [`Socket::emit_with_ack`](crate::Socket::emit_with_ack) and
/// [`ClientSocket::emit_with_ack`](crate::ClientSocket::emit_with_ack).
///
/// When this is returned, the event has been emitted and its timeout is running. If the event could not be emitted, the future
/// fails with [`AckError::Emit`]. Dropping the future does not take the event back.
#[must_use = "the event has been emitted, but nothing waits for its ack; use `emit` if none is needed"]
pub struct AckFuture<T, S: Endpoint> {
    socket: S,
    state: State<S>,
    answer: PhantomData<fn() -> T>,
}

enum State<S: Endpoint> {
    Waiting(S::Ticket, oneshot::Receiver<AckResult>),
    Failed(Option<AckError>),
}

impl<T, S: Endpoint> AckFuture<T, S> {
    pub(crate) fn emit<A: Serialize + ?Sized>(socket: S, event: &str, args: &A, timeout: Option<Duration>) -> Self {
        let id = socket.next_ack_id();
        let sent = encode::event(socket.namespace(), id, event, args)
            .map_err(EmitError::from)
            .and_then(|packet| socket.send_with_ack(packet, id, timeout));
        let state = match sent {
            Ok((ticket, receiver)) => State::Waiting(ticket, receiver),
            Err(error) => State::Failed(Some(error.into())),
        };
        Self { socket, state, answer: PhantomData }
    }
}

impl<T: FromArgs, S: Endpoint> Future for AckFuture<T, S> {
    type Output = Result<T, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Failed(error) => Poll::Ready(Err(error.take().unwrap_or(AckError::Disconnected))),
            State::Waiting(_, receiver) => Pin::new(receiver).poll(cx).map(|answer| {
                self.state = State::Failed(None);
                match answer {
                    Ok(args) => Ok(args?.get::<T>()?),
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

impl<T, S: Endpoint> fmt::Debug for AckFuture<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckFuture").field("waiting", &matches!(self.state, State::Waiting(..))).finish_non_exhaustive()
    }
}

/// Emits events that are dropped unless they can be sent immediately. Created by [`Socket::volatile`](crate::Socket::volatile) and
/// [`ClientSocket::volatile`](crate::ClientSocket::volatile).
#[derive(Debug)]
#[must_use = "this does nothing until it emits"]
pub struct Volatile<'a, S> {
    pub(crate) socket: &'a S,
}

impl<S: Endpoint> Volatile<'_, S> {
    /// Emits if nothing is queued for the peer and the transport is writable. Otherwise the event is dropped, which is not an
    /// error.
    ///
    /// # Errors
    /// The event or its arguments can't be encoded.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        let packet = encode::event(self.socket.namespace(), None, event, &args)?;
        self.socket.send_volatile(&packet);
        Ok(())
    }
}
