//! The stream of an HTTP connection that the server serves itself.
//!
//! hyper bounds the head of a request. This stream bounds the rest: the time that a body may take, and the time that a write may
//! wait for a peer that does not read. hyper is configured to keep a request whose client has half-closed the connection; it then
//! stops reading until the response is sent, so this stream also detects a client that has disconnected.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use crate::server::handle::Shared;
use crate::turn::deadline::Deadline;

/// Bytes of a following request that are read while a response is pending.
const AHEAD: usize = 256;

/// The phase of the current request on a connection: written by its service, read by its stream. Both run in the same task.
#[derive(Debug, Default)]
pub(crate) struct Exchange(AtomicU8);

/// There is no request, or it is answered.
const IDLE: u8 = 0;
/// The body of a request is being received.
const RECEIVING: u8 = 1;
/// A request has arrived completely and is not answered yet.
const WAITING: u8 = 2;
/// The connection has become a WebSocket.
const UPGRADED: u8 = 3;

impl Exchange {
    /// Starts a request. The returned body reports when it has arrived completely.
    pub(crate) fn begin<B: Body>(self: &Arc<Self>, body: B) -> Receiving<B> {
        self.set(if body.is_end_stream() { WAITING } else { RECEIVING });
        Receiving { body, exchange: self.clone() }
    }

    pub(crate) fn end<B, E>(&self, response: &Result<Response<B>, E>) {
        let upgraded = response.as_ref().is_ok_and(|response| response.status() == StatusCode::SWITCHING_PROTOCOLS);
        self.set(if upgraded { UPGRADED } else { IDLE });
    }

    fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }

    fn is(&self, phase: u8) -> bool {
        self.0.load(Ordering::Relaxed) == phase
    }
}

/// The body of a request; it reports its end to the [`Exchange`].
pub(crate) struct Receiving<B> {
    body: B,
    exchange: Arc<Exchange>,
}

impl<B: Body + Unpin> Body for Receiving<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.exchange.set(WAITING);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream with the deadlines of an HTTP connection. They end when the connection is upgraded.
pub(crate) struct HttpStream<S> {
    stream: S,
    watch: Option<Box<Watch>>,
}

struct Watch {
    shared: Arc<Shared>,
    exchange: Arc<Exchange>,
    body: Deadline,
    write: Deadline,
    half_closed: Deadline,
    /// Bytes read while a response was pending.
    ahead: Bytes,
    /// The client has closed its sending side.
    ended: bool,
}

impl<S: Read + Write + Unpin> HttpStream<S> {
    pub(crate) fn new(stream: S, shared: Arc<Shared>, exchange: Arc<Exchange>) -> Self {
        let watch = Watch {
            shared,
            exchange,
            body: Deadline::default(),
            write: Deadline::default(),
            half_closed: Deadline::default(),
            ahead: Bytes::new(),
            ended: false,
        };
        Self { stream, watch: Some(Box::new(watch)) }
    }

    fn poll_output<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let polled = poll(Pin::new(&mut self.stream), cx);
        match &mut self.watch {
            Some(watch) => watch.bound_output(cx, polled),
            None => polled,
        }
    }
}

impl Watch {
    fn bound_output<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if !self.exchange.is(RECEIVING) {
            self.body.disarm();
        }
        let shared = &self.shared;
        self.write.bound(cx, polled, &*shared.runtime, shared.http.write_timeout)
    }

    /// Fails if the client has disconnected while the response to a complete request is pending.
    fn poll_gone(&mut self, cx: &mut Context<'_>, stream: &mut (impl Read + Unpin)) -> io::Result<()> {
        if !self.exchange.is(WAITING) {
            self.half_closed.disarm();
            return Ok(());
        }
        if !self.ended && self.ahead.is_empty() {
            let mut bytes = [0; AHEAD];
            let mut buf = ReadBuf::new(&mut bytes);
            if Pin::new(stream).poll_read(cx, buf.unfilled())?.is_ready() {
                self.ended = buf.filled().is_empty();
                self.ahead = Bytes::copy_from_slice(buf.filled());
            }
        }
        let shared = &self.shared;
        if self.ended && self.half_closed.poll(cx, &*shared.runtime, shared.http.half_close_timeout).is_ready() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the client is gone"));
        }
        Ok(())
    }
}

impl<S: Read + Write + Unpin> Read for HttpStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(watch) = &mut this.watch else { return Pin::new(&mut this.stream).poll_read(cx, buf) };
        if !watch.ahead.is_empty() {
            let length = watch.ahead.len().min(buf.remaining());
            buf.put_slice(&watch.ahead[..length]);
            watch.ahead.advance(length);
            return Poll::Ready(Ok(()));
        }
        if watch.ended {
            return Poll::Ready(Ok(()));
        }
        if watch.exchange.is(UPGRADED) {
            this.watch = None;
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if !watch.exchange.is(RECEIVING) {
            watch.body.disarm();
        } else if read.is_pending() {
            let shared = &watch.shared;
            ready!(watch.body.poll(cx, &*shared.runtime, shared.http.request_timeout));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the body takes too long")));
        }
        read
    }
}

impl<S: Read + Write + Unpin> Write for HttpStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_output(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_output(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_output(cx, |stream, cx| stream.poll_flush(cx)))?;
        let this = &mut *self;
        Poll::Ready(match &mut this.watch {
            // hyper calls this whenever its connection is polled.
            Some(watch) => watch.poll_gone(cx, &mut this.stream),
            None => Ok(()),
        })
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_output(cx, |stream, cx| stream.poll_shutdown(cx))
    }
}
