//! Requests over kept-alive connections.
//!
//! A server may end a kept-alive connection at any time, without saying so. A request that meets such an end has no answer, and
//! whether the server has read it can't be known. So:
//!
//! - a connection that is seen to have ended is not used again;
//! - a GET whose reused connection ends before the first byte of an answer is sent once more, by a fresh connection, as browsers do
//!   (RFC 9112, 9.3.1). It carries nothing that could arrive twice. An answer that got lost together with its connection stays
//!   lost, as it does in a browser; on a fresh connection, and after the first byte of an answer, the failure is reported;
//! - a POST is never sent again, unless it is known that the server did not read it. It takes a reused connection only where the
//!   server has shown that it keeps connections ([`Habits`]), and a fresh one otherwise. What is left is a server that ends a
//!   connection for the first time, or after a longer idle time than any before, just when a POST travels: the POST fails, and the
//!   session with it.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::Instant;
use futures_channel::oneshot;
use http::response::Parts;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Version, header};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;

use super::dialer::DialError;
use super::route::Route;
use crate::body::Body;
use crate::runtime::Runtime;
use crate::turn::deadline::{BoundedStream, WriteTimeout};

/// Idle connections are dropped before Node drops them (5 s), so that few requests meet a connection that is just closing.
const IDLE: Duration = Duration::from_secs(4);

/// Idle connections kept: one that carried a GET, one that carried a POST.
const MAX_IDLE: usize = 2;

/// A server that keeps connections for so many requests is taken to keep them for any number.
const ENOUGH: u32 = 8;

/// The connections to one server.
#[derive(Clone)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Arc<dyn Runtime>,
    write_timeout: Arc<WriteTimeout>,
    /// A part of a response's body has come, and more follows.
    part: AtomicBool,
    state: Mutex<State>,
}

/// Whether the body of a response makes progress.
pub(crate) struct Progress(Arc<Shared>);

impl Progress {
    /// Whether a part of a body has come since this was asked last, by whichever request of the pool was polled.
    pub(crate) fn take(&self) -> bool {
        self.0.part.swap(false, Ordering::Relaxed)
    }
}

#[derive(Default)]
struct State {
    /// The one used last is the last.
    idle: Vec<Idle>,
    habits: Habits,
    /// Ends the task that drops idle connections, when the pool is dropped.
    reaper: Option<oneshot::Sender<Infallible>>,
}

struct Idle {
    link: Link,
    since: Instant,
}

/// What a server was seen to do with kept-alive connections. That one stands idle shows nothing: its end may have come without having
/// been noticed yet.
#[derive(Debug, Default)]
struct Habits {
    /// The most requests that one connection has carried, each of them answered.
    carried: u32,
}

impl Habits {
    /// A connection has carried so many requests; `keeps`: the server says that it keeps the connection.
    fn carried(&mut self, requests: u32, keeps: bool) {
        self.carried = self.carried.max(if keeps { ENOUGH } else { requests });
    }

    /// A connection ended without an announcement.
    fn broke(&mut self) {
        self.carried = 0;
    }

    /// Whether what must not be sent twice may go over a connection that has carried so many requests.
    fn allow(&self, requests: u32) -> bool {
        requests < self.carried || self.carried >= ENOUGH
    }
}

impl Pool {
    pub(super) fn new(runtime: Arc<dyn Runtime>, write_timeout: Arc<WriteTimeout>) -> Self {
        let part = AtomicBool::new(false);
        Self { shared: Arc::new(Shared { runtime, write_timeout, part, state: Mutex::default() }) }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress(self.shared.clone())
    }

    /// Sends a request, and takes its whole response, of at most `limit` bytes. Dropping the future closes the connection.
    pub(super) async fn request(
        &self,
        route: Route,
        mut request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, DialError> {
        if let Some(mut link) = self.take(request.method() == Method::GET).await {
            let again = request.clone();
            match link.exchange(request, limit, &self.shared.part).await {
                // Of this status the server says that it has not got a whole request: it was about to close.
                Ok(response) if response.status() != StatusCode::REQUEST_TIMEOUT => {
                    return Ok(self.put_back(link, response));
                }
                Err(failure) if !failure.may_repeat => return Err(failure.error),
                _ => self.shared.lock().habits.broke(),
            }
            request = again;
        }
        let Shared { runtime, write_timeout, .. } = &*self.shared;
        let stream = BoundedStream::new(route.open().await?, runtime.clone(), write_timeout.clone());
        let mut link = Link::new(stream).await?;
        match link.exchange(request, limit, &self.shared.part).await {
            Ok(response) => Ok(self.put_back(link, response)),
            Err(failure) => Err(failure.error),
        }
    }

    /// A connection that can carry another request.
    async fn take(&self, repeatable: bool) -> Option<Link> {
        loop {
            let mut link = self.shared.lock().take(repeatable, self.shared.runtime.now())?;
            match poll_fn(|cx| Poll::Ready(link.look(cx))).await {
                Look::Ready => return Some(link),
                Look::Busy => {}
                Look::Ended => self.shared.lock().habits.broke(),
            }
        }
    }

    /// Keeps the connection for the next request, unless the response says that it ends.
    fn put_back(&self, mut link: Link, response: Response<Bytes>) -> Response<Bytes> {
        link.carried = link.carried.saturating_add(1);
        if !link.persists {
            return response;
        }
        let since = self.shared.runtime.now();
        let mut state = self.shared.lock();
        state.habits.carried(link.carried, has_token(response.headers(), header::CONNECTION, "keep-alive"));
        if state.idle.len() == MAX_IDLE {
            state.idle.remove(0);
        }
        state.idle.push(Idle { link, since });
        if state.reaper.is_none() {
            let (alive, dropped) = oneshot::channel();
            state.reaper = Some(alive);
            drop(state);
            let reaper = reap(Arc::downgrade(&self.shared), self.shared.runtime.clone(), since + IDLE, dropped);
            self.shared.runtime.spawn(Box::pin(reaper));
        }
        response
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, repeatable: bool, now: Instant) -> Option<Link> {
        self.drop_old(now);
        let allowed = |idle: &Idle| repeatable || self.habits.allow(idle.link.carried);
        let index = self.idle.iter().rposition(allowed)?;
        Some(self.idle.remove(index).link)
    }

    /// Drops the connections that have been idle for too long. When the next one will have been, if there is one.
    fn drop_old(&mut self, now: Instant) -> Option<Instant> {
        self.idle.retain(|idle| idle.since + IDLE > now);
        self.idle.iter().map(|idle| idle.since + IDLE).min()
    }
}

/// Drops idle connections in time, until there are none, or no pool.
async fn reap(
    pool: Weak<Shared>,
    runtime: Arc<dyn Runtime>,
    deadline: Instant,
    mut dropped: oneshot::Receiver<Infallible>,
) {
    let mut sleep = runtime.sleep_until(deadline);
    loop {
        poll_fn(|cx| match Pin::new(&mut dropped).poll(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => sleep.as_mut().poll(cx),
        })
        .await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = pool.lock();
        match state.drop_old(runtime.now()) {
            Some(deadline) => runtime.reset(&mut sleep, deadline),
            None => return state.reaper = None,
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("habits", &self.shared.lock().habits).finish_non_exhaustive()
    }
}

/// One connection. It makes progress only within the request that it carries.
struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None`: it has ended. hyper tells what waits for it when it is dropped.
    connection: Option<http1::Connection<BoundedStream, Full<Bytes>>>,
    /// It ended within the head of a response.
    broken_head: bool,
    /// The latest response does not say that the connection ends with it.
    persists: bool,
    /// Requests that were answered.
    carried: u32,
}

/// What is to be seen of an idle connection.
enum Look {
    Ready,
    /// It can't carry another request: the response came before the request was sent in full, say.
    Busy,
    Ended,
}

/// Why there is no whole response, and whether the request may be sent again by a fresh connection.
struct Failure {
    error: DialError,
    may_repeat: bool,
}

impl Link {
    async fn new(stream: BoundedStream) -> Result<Self, DialError> {
        let (sender, connection) = http1::handshake(stream).await.map_err(DialError::http)?;
        Ok(Self { sender, connection: Some(connection), broken_head: false, persists: false, carried: 0 })
    }

    /// Lets the connection go on with what it can do now.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        // Its errors are those of the request.
        if self.connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            let parts = self.connection.take().map(http1::Connection::into_parts);
            self.broken_head = parts.is_some_and(|parts| !parts.read_buf.is_empty());
        }
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Look {
        self.go_on(cx);
        match self.connection {
            None => Look::Ended,
            Some(_) if self.sender.is_ready() => Look::Ready,
            Some(_) => Look::Busy,
        }
    }

    async fn exchange(
        &mut self,
        request: Request<Bytes>,
        limit: usize,
        part: &AtomicBool,
    ) -> Result<Response<Bytes>, Failure> {
        let repeatable = request.method() == Method::GET;
        let mut response = pin!(self.sender.try_send_request(request.map(Full::new)));
        let response = poll_fn(|cx| {
            self.go_on(cx);
            response.as_mut().poll(cx)
        });
        let response = response.await.map_err(|mut error| {
            let unsent = error.take_message().is_some();
            let error = error.into_error();
            let unanswered = !self.broken_head && !error.is_parse();
            Failure { may_repeat: unsent || (repeatable && unanswered), error: DialError::http(error) }
        })?;
        let (parts, body) = response.into_parts();
        self.persists = persists(&parts);
        match self.body(body, limit, part).await {
            Ok(body) => Ok(Response::from_parts(parts, body)),
            Err(error) => Err(Failure { error, may_repeat: false }),
        }
    }

    async fn body(&mut self, mut incoming: Incoming, limit: usize, part: &AtomicBool) -> Result<Bytes, DialError> {
        let mut body = Body::new(limit);
        let too_large = DialError::TooLarge { limit };
        if incoming.size_hint().lower() > limit as u64 {
            return Err(too_large);
        }
        poll_fn(|cx| {
            let mut went_on = false;
            loop {
                match Pin::new(&mut incoming).poll_frame(cx) {
                    Poll::Pending if went_on => return Poll::Pending,
                    Poll::Pending => {
                        self.go_on(cx);
                        went_on = true;
                    }
                    Poll::Ready(Some(Ok(frame))) => {
                        went_on = false;
                        part.store(true, Ordering::Relaxed);
                        if frame.into_data().is_ok_and(|data| body.push(data).is_err()) {
                            return Poll::Ready(Err(too_large.clone()));
                        }
                    }
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(DialError::http(error))),
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                }
            }
        })
        .await?;
        Ok(body.finish())
    }
}

/// Whether a connection goes on after a response with this head.
fn persists(head: &Parts) -> bool {
    let without_body = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let delimited = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];
    head.version == Version::HTTP_11
        && !has_token(&head.headers, header::CONNECTION, "close")
        && (without_body || delimited.iter().any(|name| head.headers.contains_key(name)))
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut tokens = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_follows_as_many_requests_as_were_answered_elsewhere() {
        let mut habits = Habits::default();
        assert!(!habits.allow(1));
        habits.carried(2, false);
        habits.carried(1, false);
        assert!(habits.allow(1) && !habits.allow(2));
        habits.carried(ENOUGH, false);
        assert!(habits.allow(1000));
        habits.broke();
        assert!(!habits.allow(1));
        habits.carried(1, true);
        assert!(habits.allow(1000));
    }
}
