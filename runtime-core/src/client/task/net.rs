//! HTTP requests and WebSocket handshakes in progress.

use std::error::Error;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use engineio_proto::{RequestId, WebSocketId};
use http::request::Request;
use http::response::{Parts, Response};
use hyper::upgrade::Upgraded;

use crate::client::dial::{DialError, Dialer, Progress};
use crate::handler::guarded;
use crate::runtime::BoxFuture;

type Underway<T> = BoxFuture<'static, Result<T, DialError>>;

/// The requests and handshakes in progress. Dropping one cancels it.
#[derive(Default)]
pub(super) struct Net {
    requests: Vec<Exchange>,
    dials: Vec<(WebSocketId, Underway<(Parts, Upgraded)>)>,
}

struct Exchange {
    id: RequestId,
    response: Underway<Response<Bytes>>,
    progress: Progress,
}

/// The outcome of a request or handshake.
pub(super) enum Outcome {
    Response(RequestId, Response<Bytes>),
    /// Bytes of a response that is not complete.
    Part(RequestId),
    NoResponse(RequestId),
    Opened(WebSocketId, Box<Parts>, Upgraded),
    NotOpened(WebSocketId, Option<u16>),
}

impl Net {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.dials.is_empty()
    }

    /// The ids of everything in progress.
    pub(super) fn names(&self) -> impl Iterator<Item = u64> {
        let requests = self.requests.iter().map(|request| request.id.0);
        requests.chain(self.dials.iter().map(|(id, _)| id.0))
    }

    /// Cancels everything whose id matches.
    pub(super) fn give_up(&mut self, meant: impl Fn(u64) -> bool) {
        self.requests.retain(|request| !meant(request.id.0));
        self.dials.retain(|(id, _)| !meant(id.0));
    }

    pub(super) fn request(&mut self, dialer: &Dialer, id: RequestId, request: Request<Bytes>, limit: usize) {
        let response = dialer.request(request, limit);
        self.requests.push(Exchange { id, response, progress: dialer.progress() });
    }

    pub(super) fn dial(&mut self, dialer: &Dialer, id: WebSocketId, request: Request<()>) {
        self.dials.push((id, dialer.websocket(request)));
    }

    pub(super) fn cancel(&mut self, id: RequestId) {
        self.requests.retain(|request| request.id != id);
    }

    /// Cancels a WebSocket handshake.
    pub(super) fn hang_up(&mut self, id: WebSocketId) {
        self.dials.retain(|(dial, _)| *dial != id);
    }

    /// Collects outcomes. The last failure becomes the `cause` of the error that the machine reports.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        outcomes: &mut Vec<Outcome>,
        cause: &mut Option<Arc<dyn Error + Send + Sync>>,
    ) {
        self.requests.retain_mut(|Exchange { id, response, progress }| {
            // What is left of another request, which has come to its end.
            progress.take();
            outcomes.push(match poll(response, cx) {
                Poll::Pending => {
                    outcomes.extend(progress.take().then_some(Outcome::Part(*id)));
                    return true;
                }
                Poll::Ready(Ok(response)) => Outcome::Response(*id, response),
                Poll::Ready(Err(error)) => {
                    *cause = Some(Arc::new(error));
                    Outcome::NoResponse(*id)
                }
            });
            false
        });
        self.dials.retain_mut(|(id, dial)| {
            outcomes.push(match poll(dial, cx) {
                Poll::Pending => return true,
                Poll::Ready(Ok((parts, stream))) => Outcome::Opened(*id, Box::new(parts), stream),
                Poll::Ready(Err(error)) => {
                    let status = error.status();
                    *cause = Some(Arc::new(error));
                    Outcome::NotOpened(*id, status)
                }
            });
            false
        });
    }
}

/// Polls a future that may run user code (a connector, a certificate verifier), and turns a panic into an error.
fn poll<T>(underway: &mut Underway<T>, cx: &mut Context<'_>) -> Poll<Result<T, DialError>> {
    guarded(|| underway.as_mut().poll(cx)).unwrap_or_else(|panic| Poll::Ready(Err(DialError::Panicked(panic))))
}
