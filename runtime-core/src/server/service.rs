//! A server as an HTTP service.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use engineio_proto::http::{self as eio, Reject, Verdict};
use engineio_proto::server::Session;
use engineio_proto::{RequestId, TransportKind, WebSocketId};
use futures_channel::oneshot;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::upgrade::OnUpgrade;

use crate::body::Body;
use crate::runtime::BoxFuture;
use crate::server::conn::{Answer, Conn, FIRST_ID};
use crate::server::handle::{Shared, status};
use crate::server::handshake::{Handshake, Peer};

/// A server as a [`tower_service::Service`], for use with hyper, axum and other crates of the tower ecosystem.
///
/// It answers every request; those outside the server's path with 404. Use the [`Layer`](crate::server::Layer) to serve other
/// routes, too. In some cases (overlapping requests of a broken client) a connection that the server serves itself is closed without
/// a response; a service can't do that, so it answers 400 and closes the connection.
#[derive(Clone, Debug)]
pub struct Service {
    shared: Arc<Shared>,
}

/// The request gets no response, and its connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session ended while the request was under way")]
pub(crate) struct Aborted;

impl Service {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Whether a request for this path is for the server.
    pub fn matches(&self, path: &str) -> bool {
        self.shared.matches(path)
    }
}

impl<B> tower_service::Service<Request<B>> for Service
where
    B: http_body::Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let peer = request.extensions().get::<Peer>().copied().unwrap_or_default();
        let shared = self.shared.clone();
        Box::pin(async move {
            Ok(respond(shared, request, peer).await.unwrap_or_else(|Aborted| {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::BAD_REQUEST;
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                response
            }))
        })
    }
}

/// Answers one request.
pub(crate) async fn respond<B>(
    shared: Arc<Shared>,
    mut request: Request<B>,
    peer: Peer,
) -> Result<Response<Full<Bytes>>, Aborted>
where
    B: http_body::Body + Send + Unpin,
{
    let upgrade = request.headers().contains_key(header::UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let cors = eio::cors(&shared.engine, &parts);
    let mut response = match shared.outside(&parts) {
        Some(response) => response,
        None => match cors.preflight() {
            // It has its CORS headers already.
            Some(response) => return Ok(response.map(Full::new)),
            None => engine(&shared, &parts, body, upgrade, peer).await?,
        },
    };
    cors.apply(response.headers_mut());
    Ok(response.map(Full::new))
}

async fn engine<B>(
    shared: &Arc<Shared>,
    parts: &Parts,
    body: B,
    upgrade: Option<OnUpgrade>,
    peer: Peer,
) -> Result<eio::Response, Aborted>
where
    B: http_body::Body + Send + Unpin,
{
    let mut conn = None;
    let verdict = eio::verify(parts, &shared.engine, |sid| {
        conn = shared.sessions.get(sid);
        conn.as_ref().map(|conn| conn.lock().machine.view())
    });
    match verdict {
        Verdict::Respond { reject, response } => {
            shared.rejected(parts, &reject);
            Ok(*response)
        }
        // The session keeps the head, and an HTTP server around this service may accept longer ones.
        Verdict::Handshake(_) if Handshake::size(parts) > shared.http.max_header_size => {
            Ok(status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))
        }
        Verdict::Handshake(handshake) => {
            let websocket = handshake.transport == TransportKind::WebSocket;
            if let Err(reject) = shared.allow(parts, peer).await {
                shared.rejected(parts, &reject);
                return Ok(reject.response(websocket));
            }
            open(shared, parts, upgrade.filter(|_| websocket), peer)
        }
        Verdict::Session { upgrade: true, .. } => {
            let (Some(conn), Some(upgrade)) = (conn, upgrade) else { return Err(Aborted) };
            match eio::accept_websocket(parts) {
                Ok(response) => {
                    let mut inner = conn.lock();
                    let id = WebSocketId(inner.next_id());
                    inner.upgrades.push((id, upgrade));
                    inner.machine.handle_websocket(id, parts, conn.now());
                    conn.settle(inner);
                    conn.notify();
                    Ok(response)
                }
                Err(response) => Ok(response),
            }
        }
        Verdict::Session { upgrade: false, .. } => match conn {
            Some(conn) => exchange(&conn, parts, body).await,
            None => Err(Aborted),
        },
    }
}

/// Opens a session.
fn open(shared: &Arc<Shared>, parts: &Parts, upgrade: Option<OnUpgrade>, peer: Peer) -> Result<eio::Response, Aborted> {
    let now = shared.runtime.now();
    if shared.closing.is_set() {
        return Ok(status(StatusCode::SERVICE_UNAVAILABLE));
    }
    let sid = shared.generate_id(parts);
    let keep = Handshake::new(parts, peer, shared.keep_handshake, now);
    let open = |session: Session| {
        let machine = shared.machine(session, now);
        Arc::new(Conn::new(shared.clone(), sid.clone(), keep, machine))
    };
    let (conn, response) = match upgrade {
        Some(upgrade) => {
            let response = match eio::accept_websocket(parts) {
                Ok(response) => response,
                Err(response) => return Ok(response),
            };
            let id = WebSocketId(FIRST_ID);
            let conn = open(Session::open_websocket(shared.engine.clone(), sid.clone(), id, parts, now));
            conn.lock().upgrades.push((id, upgrade));
            (conn, response)
        }
        None => {
            let id = RequestId(FIRST_ID);
            let conn = open(Session::open_polling(shared.engine.clone(), sid.clone(), id, parts, now));
            let mut inner = conn.lock();
            let mut answer = inner.expect_answer(id);
            inner.answer();
            drop(inner);
            match answer.try_recv() {
                Ok(Some(Answer::Respond(mut response))) => {
                    announce_persistence(parts, response.headers_mut());
                    (conn, *response)
                }
                _ => return Err(Aborted),
            }
        }
    };
    // No request can name a session with an empty id.
    if sid.is_empty() || !shared.sessions.insert(sid, conn.clone()) {
        let reject = Reject::BadRequest(eio::BadRequest::IdGeneration);
        shared.rejected(parts, &reject);
        return Ok(reject.response(response.status() == StatusCode::SWITCHING_PROTOCOLS));
    }
    if shared.closing.is_set() {
        // Closed since the check above: `Server::close` may have visited the table before this session was in it.
        shared.session_ended(&conn.sid);
        return Ok(status(StatusCode::SERVICE_UNAVAILABLE));
    }
    shared.runtime.spawn(Box::pin(crate::server::task::SessionTask::new(conn)));
    Ok(response)
}

/// Says that the connection is kept, as Node does: a client that must not send a POST twice need not find it out then.
fn announce_persistence(request: &Parts, response: &mut HeaderMap) {
    if request.version == Version::HTTP_11 && !request.headers.contains_key(header::CONNECTION) {
        response.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
    }
}

/// Handles a request of a session: a GET that polls, or a POST with a payload.
async fn exchange<B>(conn: &Arc<Conn>, parts: &Parts, body: B) -> Result<eio::Response, Aborted>
where
    B: http_body::Body + Send + Unpin,
{
    if parts.method == Method::POST {
        WaitForReading { conn }.await;
    }
    let (mut waiting, answered) = begin(conn, parts);
    let limit = match answered {
        Some(Answer::Receive(limit)) => limit,
        Some(answer) => return answer.response(),
        None => return waiting.await.response(),
    };
    let id = waiting.id;
    let progress = || {
        let mut inner = conn.lock();
        inner.machine.handle_body_progress(id, conn.now());
        conn.settle(inner);
    };
    let mut receive = pin!(receive(body, limit, progress));
    let received = poll_fn(|cx| match receive.as_mut().poll(cx) {
        Poll::Ready(received) => Poll::Ready(Ok(received)),
        Poll::Pending => Pin::new(&mut waiting).poll(cx).map(Err),
    });
    let received = match received.await {
        Ok(received) => received,
        Err(answer) => return answer.response(),
    };
    waiting.received(received)?;
    waiting.await.response()
}

/// Passes a request to the machine. An answer that is ready at once is returned, too.
fn begin<'a>(conn: &'a Arc<Conn>, parts: &Parts) -> (Waiting<'a>, Option<Answer>) {
    let mut inner = conn.lock();
    let id = RequestId(inner.next_id());
    let mut answer = inner.expect_answer(id);
    inner.machine.handle_request(id, parts, conn.now());
    inner.answer();
    let answered = answer.try_recv().ok().flatten();
    if let Some(Answer::Receive(_)) = answered {
        // The session may still end the request before its body is read.
        answer = inner.expect_answer(id);
    }
    conn.settle(inner);
    (Waiting { conn, id, answer }, answered)
}

impl Answer {
    fn response(self) -> Result<eio::Response, Aborted> {
        match self {
            Self::Respond(response) => Ok(*response),
            Self::Receive(_) | Self::Abort => Err(Aborted),
        }
    }
}

enum Received {
    Body(Bytes),
    TooLarge,
    Broken,
}

/// Reads a whole body of at most `limit` bytes. Calls `progress` with each part that is not the last.
async fn receive<B: http_body::Body + Unpin>(mut body: B, limit: usize, progress: impl Fn()) -> Received {
    if body.size_hint().lower() > limit as u64 {
        return Received::TooLarge;
    }
    let mut whole = Body::new(limit);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Received::Broken };
        if frame.into_data().is_ok_and(|data| whole.push(data).is_err()) {
            return Received::TooLarge;
        }
        if !body.is_end_stream() {
            progress();
        }
    }
    Received::Body(whole.finish())
}

/// A request that waits for its answer. If the client disconnects first, hyper drops this, and the drop notifies the machine.
struct Waiting<'a> {
    conn: &'a Arc<Conn>,
    id: RequestId,
    answer: oneshot::Receiver<Answer>,
}

impl Waiting<'_> {
    /// Passes the body to the machine, or reports that it is too large or broken.
    fn received(&self, received: Received) -> Result<(), Aborted> {
        let mut inner = self.conn.lock();
        match received {
            Received::Body(body) => inner.machine.handle_body(self.id, body, self.conn.now()),
            Received::TooLarge => inner.machine.handle_body_too_large(self.id, self.conn.now()),
            // The drop notifies the machine.
            Received::Broken => return Err(Aborted),
        }
        self.conn.settle(inner);
        Ok(())
    }
}

impl Future for Waiting<'_> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        // A dropped sender means that the session has ended.
        Pin::new(&mut self.answer).poll(cx).map(|answer| answer.unwrap_or(Answer::Abort))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut inner = self.conn.lock();
        if inner.forget_request(self.id) {
            inner.machine.handle_aborted(self.id, self.conn.now());
            self.conn.settle(inner);
        }
    }
}

/// Waits until the session reads again, so that payloads are not read while it is paused.
struct WaitForReading<'a> {
    conn: &'a Arc<Conn>,
}

impl Future for WaitForReading<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.conn.lock().paused {
            None => Poll::Ready(()),
            Some(wakers) => {
                if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}
