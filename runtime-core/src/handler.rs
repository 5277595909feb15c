//! The application's handlers: their types, and how they are called.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use engineio_proto::Text;
use socketio_proto::{Args, ArgsError, FromArgs};

use crate::ack::{self, IntoAck};
use crate::endpoint::{Answer, Endpoint};
use crate::error::HandlerError;
use crate::event::Event;
use crate::runtime::BoxFuture;
use crate::trace;

pub(crate) type OnEvent<S> = Arc<dyn Fn(S, Args, Option<u64>) -> BoxFuture<'static, Answer> + Send + Sync>;
pub(crate) type OnAny<S> = Arc<dyn Fn(Event<S>) -> BoxFuture<'static, Answer> + Send + Sync>;
pub(crate) type OnConnect<S> = Arc<dyn Fn(S) -> BoxFuture<'static, Answer> + Send + Sync>;
pub(crate) type OnDisconnect<S, R> = Arc<dyn Fn(S, R) -> BoxFuture<'static, Answer> + Send + Sync>;
pub(crate) type OnError<S> = Arc<dyn Fn(S, HandlerError) -> BoxFuture<'static, Answer> + Send + Sync>;

pub(crate) fn on_event<S, A, F, Fut>(event: Text, handler: F) -> OnEvent<S>
where
    S: Endpoint,
    A: FromArgs + 'static,
    F: Fn(S, A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoAck> + Send + 'static,
{
    Arc::new(move |socket, args, id| match decode::<A>(args) {
        Ok(args) => {
            let namespace = id.map(|_| socket.namespace().clone());
            let outcome = handler(socket, args);
            Box::pin(async move { ack::encode(outcome.await, namespace.as_deref().unwrap_or_default(), id) })
        }
        Err(error) => {
            let event = event.clone();
            Box::pin(async move { Err(HandlerError::Args { event, error }) })
        }
    })
}

/// Decodes arguments. For [`Args`] itself they are moved, not decoded.
fn decode<A: FromArgs + 'static>(args: Args) -> Result<A, ArgsError> {
    let mut args = Some(args);
    match (&mut args as &mut dyn Any).downcast_mut::<Option<A>>() {
        Some(same) => same.take().map_or_else(|| Args::default().get(), Ok),
        None => args.unwrap_or_default().get(),
    }
}

/// Boxes a handler whose value is not sent as an ack.
pub(crate) fn settle<Fut>(outcome: Fut) -> BoxFuture<'static, Answer>
where
    Fut: Future<Output: IntoAck> + Send + 'static,
{
    Box::pin(async move { ack::encode(outcome.await, "", None) })
}

/// Calls user code, and turns a panic into an error.
pub(crate) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, HandlerError> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).map_err(|payload| HandlerError::panicked(&*payload))
}

/// Polls user code, and turns a panic into an error.
pub(crate) fn poll_guarded(future: &mut BoxFuture<'static, Answer>, cx: &mut Context<'_>) -> Poll<Answer> {
    guarded(|| Pin::new(future).poll(cx)).unwrap_or_else(|error| Poll::Ready(Err(error)))
}

/// Passes an error to `on_error`, or logs it if `on_error` is not set.
pub(crate) fn report<S: Endpoint>(
    socket: &S,
    on_error: Option<&OnError<S>>,
    error: HandlerError,
) -> Option<BoxFuture<'static, Answer>> {
    let Some(on_error) = on_error else {
        trace::unhandled(socket.namespace(), &error);
        return None;
    };
    guarded(|| on_error(socket.clone(), error)).inspect_err(trace::on_error_failed).ok()
}

/// Polls handlers that nothing waits for, and drops those that have ended.
pub(crate) fn poll_all(handlers: &mut Vec<BoxFuture<'static, Answer>>, cx: &mut Context<'_>) {
    handlers.retain_mut(|handler| match poll_guarded(handler, cx) {
        Poll::Pending => true,
        Poll::Ready(answer) => {
            // Only `on_error` handlers still have an error here; those of others were passed to `on_error`.
            _ = answer.inspect_err(trace::on_error_failed);
            false
        }
    });
}

/// Wraps a background future so that a panic is passed to `on_error`.
pub(crate) fn in_background<S: Endpoint>(
    socket: S,
    work: impl Future<Output = ()> + Send + 'static,
) -> BoxFuture<'static, ()> {
    let work = Box::pin(async move {
        work.await;
        Ok(None)
    });
    let mut work = reported(socket, work);
    Box::pin(async move {
        if let Err(error) = poll_fn(|cx| poll_guarded(&mut work, cx)).await {
            trace::on_error_failed(&error);
        }
    })
}

/// Wraps a handler so that its error is passed to `on_error`.
pub(crate) fn reported<S: Endpoint>(socket: S, mut handler: BoxFuture<'static, Answer>) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        match poll_fn(|cx| poll_guarded(&mut handler, cx)).await {
            Ok(answer) => Ok(answer),
            Err(error) => match socket.report(error) {
                Some(on_error) => on_error.await,
                None => Ok(None),
            },
        }
    })
}
