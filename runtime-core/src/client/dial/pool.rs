//! HTTP requests over kept-alive connections.
//!
//! A server may close a kept-alive connection at any time without notice. A request sent at that moment gets no response, and the
//! client can't know whether the server has read it. So:
//!
//! - A connection that is known to be closed is not reused.
//! - A GET whose reused connection closes before the first byte of a response is sent once more on a new connection, as browsers do
//!   (RFC 9112, 9.3.1). It carries no data that could be delivered twice. A response lost with its connection stays lost, as in a
//!   browser. On a new connection, and after the first byte of a response, the failure is reported.
//! - A POST is never sent again, unless the server is known not to have read it. It uses a kept-alive connection only if the server
//!   has shown that it keeps connections open ([`Habits`]), otherwise a new one. One case remains: if the server closes a connection
//!   for the first time, or after a longer idle time than before, just as a POST is sent, the POST fails, and the session with it.

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

/// How long a connection may be idle. Shorter than Node's keep-alive timeout (5 s), so that few requests are sent on a connection
/// that is being closed.
const IDLE: Duration = Duration::from_secs(4);

/// Maximum number of idle connections: one for the GET, one for the POST.
const MAX_IDLE: usize = 2;

/// A server that has kept a connection open for this many requests is assumed to keep it open for any number.
const ENOUGH: u32 = 8;

/// The connections to one server.
#[derive(Clone)]
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Arc<dyn Runtime>,
    write_timeout: Arc<WriteTimeout>,
    /// Part of a response body has been received, and more follows.
    part: AtomicBool,
    state: Mutex<State>,
}

/// Reports whether response bodies make progress.
pub(crate) struct Progress(Arc<Shared>);

impl Progress {
    /// Whether any polled request of the pool has received part of a body since the last call.
    pub(crate) fn take(&self) -> bool {
        self.0.part.swap(false, Ordering::Relaxed)
    }
}

#[derive(Default)]
struct State {
    /// Ordered by last use; the most recently used is last.
    idle: Vec<Idle>,
    habits: Habits,
    /// Ends the task that drops idle connections when the pool is dropped.
    reaper: Option<oneshot::Sender<Infallible>>,
}

struct Idle {
    link: Link,
    since: Instant,
}

/// What is known about how a server handles kept-alive connections. An idle connection is no evidence that the server keeps it: it
/// may have been closed unnoticed.
#[derive(Debug, Default)]
struct Habits {
    /// The highest number of answered requests on one connection.
    carried: u32,
}

impl Habits {
    /// A connection has carried this many requests. `keeps`: the response announced `keep-alive`.
    fn carried(&mut self, requests: u32, keeps: bool) {
        self.carried = self.carried.max(if keeps { ENOUGH } else { requests });
    }

    /// The server closed a connection without announcing it.
    fn broke(&mut self) {
        self.carried = 0;
    }

    /// Whether a request that must not be sent twice may use a connection that has carried this many requests.
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

    /// Sends a request and receives the whole response, with a body of at most `limit` bytes. Dropping the future closes the
    /// connection.
    pub(super) async fn request(
        &self,
        route: Route,
        mut request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, DialError> {
        if let Some(mut link) = self.take(request.method() == Method::GET).await {
            let again = request.clone();
            match link.exchange(request, limit, &self.shared.part).await {
                // With this status the server says that it has not received a complete request: it was about to close.
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

    /// Takes an idle connection that can carry another request.
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

    /// Keeps the connection for the next request, unless the response announces its end.
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

    /// Drops connections that have been idle for too long. Returns when the next one will have been, if any is left.
    fn drop_old(&mut self, now: Instant) -> Option<Instant> {
        self.idle.retain(|idle| idle.since + IDLE > now);
        self.idle.iter().map(|idle| idle.since + IDLE).min()
    }
}

/// Drops idle connections when their time is over. Ends when there are none left, or when the pool is dropped.
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

/// One connection. It is polled only by the request that uses it.
struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended. hyper wakes pending requests when it is dropped.
    connection: Option<http1::Connection<BoundedStream, Full<Bytes>>>,
    /// Whether it ended within the head of a response.
    broken_head: bool,
    /// Whether it stays open after the latest response.
    persists: bool,
    /// Number of answered requests.
    carried: u32,
}

/// The state of an idle connection.
enum Look {
    Ready,
    /// It can't carry another request, for example because the response arrived before the request was sent completely.
    Busy,
    Ended,
}

/// Why there is no complete response, and whether the request may be sent again on a new connection.
struct Failure {
    error: DialError,
    may_repeat: bool,
}

impl Link {
    async fn new(stream: BoundedStream) -> Result<Self, DialError> {
        let (sender, connection) = http1::handshake(stream).await.map_err(DialError::http)?;
        Ok(Self { sender, connection: Some(connection), broken_head: false, persists: false, carried: 0 })
    }

    /// Polls the connection.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        // The request reports its errors.
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

/// Whether a connection stays open after a response with this head.
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
    fn a_post_may_follow_as_many_requests_as_another_connection_has_carried() {
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
