//! Received events, and the acks that answer them.

use engineio_proto::Text;
use serde::Serialize;
use socketio_proto::{Args, ArgsError, encode};

use crate::endpoint::Endpoint;
use crate::error::EmitError;

/// A received event, with the ack that answers it if the peer asked for one.
///
/// `S` is the socket that received it; [`server::Event`](crate::server::Event) and [`client::Event`](crate::client::Event) are
/// aliases for both roles. Provided by [`on_event`](crate::Namespace::on_event) and [`next`](crate::Socket::next).
#[derive(Debug)]
pub struct Event<S> {
    socket: S,
    name: Text,
    args: Args,
    id: Option<u64>,
}

impl<S> Event<S> {
    pub(crate) fn new(socket: S, name: Text, args: Args, id: Option<u64>) -> Self {
        Self { socket, name, args, id }
    }

    pub(crate) fn into_parts(self) -> (Text, Args, Option<u64>) {
        (self.name, self.args, self.id)
    }

    /// The socket that received it.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Decodes its arguments into a tuple of types, one type, or [`Args`]. Types may borrow from the event (`&str`).
    ///
    /// # Errors
    /// [`ArgsError`] names the event and the first argument that does not fit its type.
    pub fn args<'a, A: serde::Deserialize<'a>>(&'a self) -> Result<A, ArgsError> {
        self.args.parse().map_err(|error| error.of_event(&self.name))
    }

    /// Its arguments, undecoded.
    pub fn raw_args(&self) -> &Args {
        &self.args
    }

    /// Takes the ack, if the peer asked for one and it was not taken before. If it is dropped, the event is never acknowledged.
    pub fn ack(&mut self) -> Option<Ack<S>>
    where
        S: Clone,
    {
        self.id.take().map(|id| Ack { socket: self.socket.clone(), id })
    }
}

/// Answers one event, once, from any thread and at any time.
#[derive(Debug)]
#[must_use = "an ack that is dropped is never answered"]
pub struct Ack<S> {
    socket: S,
    id: u64,
}

impl<S: Endpoint> Ack<S> {
    /// Sends the ack. A tuple is the list of arguments, `()` is an empty list, any other value is one argument.
    ///
    /// # Errors
    /// The socket is disconnected, its send buffer is full, or the arguments can't be encoded.
    pub fn send<A: Serialize + ?Sized>(self, args: &A) -> Result<(), EmitError> {
        let packet = encode::ack(self.socket.namespace(), self.id, args)?;
        self.socket.answer(packet)
    }
}
