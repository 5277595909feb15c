//! The trait that sockets of both roles implement, for events, handlers and acks.

use std::time::Duration;

use engineio_proto::Text;
use futures_channel::oneshot;
use socketio_proto::{Args, Encoded};

use crate::error::{EmitError, HandlerError};
use crate::runtime::BoxFuture;

/// A socket of either role: [`Socket`](crate::Socket) on a server, [`ClientSocket`](crate::ClientSocket) on a client. Sealed. It
/// allows handlers that are generic over the role, with [`Event`](crate::Event), [`Ack`](crate::Ack) and
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
    /// Identifies a pending ack.
    #[doc(hidden)]
    type Ticket: Copy + Send + Unpin;

    #[doc(hidden)]
    fn namespace(&self) -> &Text;

    /// Passes an error to `on_error`, if it is set.
    #[doc(hidden)]
    fn report(&self, error: HandlerError) -> Option<BoxFuture<'static, Answer>>;

    /// Sends the ack of an event.
    #[doc(hidden)]
    fn answer(&self, packet: Encoded) -> Result<(), EmitError>;

    #[doc(hidden)]
    fn send_volatile(&self, packet: &Encoded) -> bool;

    /// The id for a packet that asks for an ack; `None` if the machine assigns it when it sends the packet.
    #[doc(hidden)]
    fn next_ack_id(&self) -> Option<u64>;

    /// The default timeout of acks.
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

#[expect(unnameable_types, reason = "seals the trait")]
pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A pending ack, and the receiver of its result.
pub(crate) type Awaited<S> = (<S as Endpoint>::Ticket, oneshot::Receiver<AckResult>);

/// The arguments of an ack, or why it failed.
pub(crate) type AckResult = Result<Args, socketio_proto::AckError>;

/// The result of a handler: the ack to send, if any.
pub(crate) type Answer = Result<Option<Encoded>, HandlerError>;
