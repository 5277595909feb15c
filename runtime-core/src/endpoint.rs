//! What a socket of either side is for events, handlers and acks.

use std::time::Duration;

use engineio_proto::Text;
use futures_channel::oneshot;
use socketio_proto::{Args, Encoded};

use crate::emit::EmitError;
use crate::handler::{Answer, HandlerError};
use crate::runtime::BoxFuture;

/// A socket of either side: [`Socket`](crate::Socket) on a server, [`ClientSocket`](crate::ClientSocket) on a client. Nobody else
/// implements it; it is for handlers that serve both sides, by [`Event`](crate::Event), [`Ack`](crate::Ack) and
/// [`Volatile`](crate::Volatile).
///
/// ```no_run
/// # use socketio_runtime::{ClientSocket, Endpoint, Event, Namespace, Socket};
/// async fn echo<S: Endpoint>(mut event: Event<S>) {
///     if let Some(ack) = event.ack() {
///         ack.send(event.raw_args()).ok();
///     }
/// }
/// # fn example(namespace: Namespace, socket: ClientSocket) {
/// namespace.on_event(echo::<Socket>);
/// socket.on_event(echo::<ClientSocket>);
/// # }
/// ```
pub trait Endpoint: Clone + Send + Sync + Unpin + sealed::Sealed + 'static {
    /// Names an ack that is waited for.
    #[doc(hidden)]
    type Ticket: Copy + Send + Unpin;

    #[doc(hidden)]
    fn namespace(&self) -> &Text;

    /// Tells `on_error`, if there is one.
    #[doc(hidden)]
    fn report(&self, error: HandlerError) -> Option<BoxFuture<'static, Answer>>;

    /// Sends the answer to an event.
    #[doc(hidden)]
    fn answer(&self, packet: Encoded) -> Result<(), EmitError>;

    #[doc(hidden)]
    fn send_volatile(&self, packet: &Encoded) -> bool;

    /// The id for a packet that asks for an ack; `None` if the machine gives it one when it leaves.
    #[doc(hidden)]
    fn next_ack_id(&self) -> Option<u64>;

    /// How long to wait for an ack unless told otherwise.
    #[doc(hidden)]
    fn ack_timeout(&self) -> Option<Duration>;

    #[doc(hidden)]
    fn send_with_ack(
        &self,
        packet: Encoded,
        id: Option<u64>,
        timeout: Option<Duration>,
    ) -> Result<Awaited<Self>, EmitError>;

    #[doc(hidden)]
    fn forget_ack(&self, ticket: Self::Ticket);
}

#[expect(unnameable_types, reason = "nobody else may implement it")]
pub(crate) mod sealed {
    pub trait Sealed {}
}

/// The name of an ack that is on its way, and where it will arrive.
pub(crate) type Awaited<S> = (<S as Endpoint>::Ticket, oneshot::Receiver<AckResult>);

/// The arguments of an ack, or why it will not come.
pub(crate) type AckResult = Result<Args, socketio_proto::AckError>;
