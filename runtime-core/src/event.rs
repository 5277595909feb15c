//! An event in the hands of the application.

use engineio_proto::Text;
use serde::Serialize;
use socketio_proto::{Args, ArgsError, encode};

use crate::emit::EmitError;
use crate::endpoint::Endpoint;

/// An event that the other side emitted, with the right to answer it.
///
/// `S` is the socket that received it: [`server::Event`](crate::server::Event) and [`client::Event`](crate::client::Event) name the
/// two kinds. [`on_event`](crate::Namespace::on_event) and [`next`](crate::Socket::next) give it.
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

    /// The socket it came from.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its arguments, as a tuple of types, as one type, or [`Args`]. Types may borrow from the event (`&str`).
    ///
    /// # Errors
    /// [`ArgsError`] names the event and the first argument that does not fit.
    pub fn args<'a, A: serde::Deserialize<'a>>(&'a self) -> Result<A, ArgsError> {
        self.args.parse().map_err(|error| error.of_event(&self.name))
    }

    /// Its arguments without looking into them.
    pub fn raw_args(&self) -> &Args {
        &self.args
    }

    /// Takes the right to answer, if the other side wants an ack. Dropping it means never to answer.
    pub fn ack(&mut self) -> Option<Ack<S>>
    where
        S: Clone,
    {
        self.id.take().map(|id| Ack { socket: self.socket.clone(), id })
    }
}

/// The right to answer one event, once, from anywhere and at any time.
#[derive(Debug)]
#[must_use = "an ack that is dropped is never answered"]
pub struct Ack<S> {
    socket: S,
    id: u64,
}

impl<S: Endpoint> Ack<S> {
    /// Answers. A tuple is the list of arguments, `()` none, anything else one argument.
    ///
    /// # Errors
    /// The other side is gone, its outbox is full, or the arguments can't be encoded.
    pub fn send<A: Serialize + ?Sized>(self, args: &A) -> Result<(), EmitError> {
        let packet = encode::ack(self.socket.namespace(), self.id, args)?;
        self.socket.answer(packet)
    }
}
