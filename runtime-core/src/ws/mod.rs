//! One WebSocket over one stream: decodes messages, encodes packets.
//!
//! tungstenite parses in memory. Its context is created for the complete frames of one read and dropped with them, so that an
//! idle WebSocket holds no buffer. It is kept only between the fragments of one message.

mod mask;
mod read;
mod write;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::{Data, Frame, Instant, WebSocketId};
use hyper::rt::{Read, ReadBuf, Write};
use hyper::upgrade::{OnUpgrade, Upgraded};
use tungstenite::protocol::Role;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::runtime::Runtime;
use read::Reader;
use write::Writer;

/// How long the close handshake, or a [`Barrier`], may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Input for the machine.
#[derive(Debug)]
pub(crate) enum Incoming {
    Message(Data),
    /// Bytes of an incomplete message.
    Part,
    /// The WebSocket has ended, with an error or without.
    Closed {
        error: bool,
    },
}

/// One WebSocket with its read and write state.
#[derive(Debug)]
pub(crate) struct Pump {
    pub(crate) id: WebSocketId,
    stream: Stage,
    reader: Reader,
    writer: Writer,
    /// A batch is queued in the writer; the machine waits for it to be written.
    pub(crate) unflushed: bool,
    /// That batch is written, which is not reported to the machine yet.
    pub(crate) flushed: bool,
    /// A part of that batch is written, which is not reported to the machine yet.
    pub(crate) advanced: bool,
    /// The last read of the stream was pending.
    drained: bool,
    closing: Closing,
    /// When the close handshake or the barrier times out.
    close_deadline: Option<Instant>,
    stall: Stall,
    /// Something was written that the peer may not have read.
    unread: bool,
    barrier: Option<Box<Barrier>>,
}

/// Output that waits until the peer has read everything written before, which its pong shows.
#[derive(Debug, Default)]
struct Barrier {
    frames: Vec<Frame>,
    /// A close frame follows.
    close: bool,
    /// The peer's pong has arrived, or the time is up.
    open: bool,
}

#[derive(Debug)]
enum Stage {
    /// The response 101 is not sent yet.
    Upgrading(OnUpgrade),
    Open(Upgraded),
    /// The upgrade failed, or the peer does not read (an error). The next read reports it.
    Failed {
        error: bool,
    },
    Gone,
}

/// Whether a write is blocked because the peer does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    No,
    /// Since the last write; no deadline is set yet.
    Begun,
    /// It must make progress before this deadline.
    Until(Instant),
}

/// ```text
/// No --close frame queued--> Sent --close frame of the peer, or the end of the stream--> Done
///  |--close frame of the peer--> Echoed --written--------------------------------------|
///  '--broken frames--> Failed --the end of the stream----------------------------------^
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    Sent,
    Echoed,
    /// Further input is read and dropped. Closing a stream with unread bytes resets it, and the reset may overtake our close
    /// frame, whose code tells the peer the reason.
    Failed,
    Done,
}

impl Pump {
    pub(crate) fn new(id: WebSocketId, upgrade: OnUpgrade, max_message: usize) -> Self {
        Self {
            id,
            stream: Stage::Upgrading(upgrade),
            reader: Reader::new(max_message, Role::Server),
            writer: Writer::default(),
            unflushed: false,
            flushed: false,
            advanced: false,
            drained: false,
            closing: Closing::No,
            close_deadline: None,
            stall: Stall::No,
            unread: false,
            barrier: None,
        }
    }

    /// The WebSocket of a client, after the upgrade.
    pub(crate) fn client(id: WebSocketId, upgraded: Upgraded, max_message: usize, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            id,
            stream: Stage::Open(upgraded),
            reader: Reader::new(max_message, Role::Client),
            writer: Writer::masked(move |bytes| runtime.entropy(bytes)),
            unflushed: false,
            flushed: false,
            advanced: false,
            drained: false,
            closing: Closing::No,
            close_deadline: None,
            stall: Stall::No,
            unread: false,
            barrier: None,
        }
    }

    /// Whether the upgrade has failed, or the peer did not read in time: the next read reports it.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.stream, Stage::Failed { .. })
    }

    /// Whether the stream is dropped.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stream, Stage::Gone)
    }

    /// Whether the close handshake or a barrier has timed out.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        self.close_deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Whether the close handshake, a barrier or a write has timed out.
    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.is_overdue(now) || matches!(self.stall, Stall::Until(deadline) if deadline <= now)
    }

    /// Whether [`close_deadline`](Self::close_deadline) or [`stalled_until`](Self::stalled_until) may give a deadline.
    #[inline]
    pub(crate) fn has_deadline(&self) -> bool {
        self.closing != Closing::No
            || self.barrier.is_some()
            || self.close_deadline.is_some()
            || !matches!(self.stall, Stall::No)
    }

    /// The deadline of the close handshake or of the barrier. It is set by the first call while one of them is pending.
    pub(crate) fn close_deadline(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        if (self.is_closing() || self.barrier.is_some()) && self.close_deadline.is_none() {
            self.close_deadline = Some(now() + CLOSE_TIMEOUT);
        }
        self.close_deadline
    }

    /// The deadline by which a blocked write must make progress. The first call without progress sets it to `timeout` from now.
    pub(crate) fn stalled_until(
        &mut self,
        now: impl FnOnce() -> Instant,
        timeout: impl FnOnce() -> Duration,
    ) -> Option<Instant> {
        match self.stall {
            Stall::No => None,
            Stall::Until(deadline) => Some(deadline),
            Stall::Begun => {
                let deadline = now() + timeout();
                self.stall = Stall::Until(deadline);
                Some(deadline)
            }
        }
    }

    /// Fails the stream if a blocked write has timed out. Call it after a write, which may have made progress.
    pub(crate) fn fail_if_stalled(&mut self, now: impl FnOnce() -> Instant) {
        let Stall::Until(deadline) = self.stall else { return };
        if deadline > now() {
            return;
        }
        self.stall = Stall::No;
        if self.closing != Closing::No {
            return self.abandon();
        }
        self.stream = Stage::Failed { error: true };
        self.writer.clear();
        self.unflushed = false;
        self.barrier = None;
        self.drained = false;
    }

    /// Whether the close handshake has begun.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing != Closing::No
    }

    /// Whether the stream had nothing more to read since the task was woken.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained
    }

    /// To be called when the task is woken: the stream may be readable again.
    pub(crate) fn reset_drained(&mut self) {
        self.drained = false;
    }

    /// Drops the stream without a close handshake.
    pub(crate) fn abandon(&mut self) {
        self.stream = Stage::Gone;
        self.closing = Closing::Done;
        self.stall = Stall::No;
        self.unflushed = false;
        self.barrier = None;
    }

    /// Handles a timeout: opens a closed barrier, otherwise drops the stream.
    pub(crate) fn give_up(&mut self) {
        match &mut self.barrier {
            Some(barrier) if !barrier.open => barrier.open = true,
            _ => self.abandon(),
        }
    }

    /// Waits until the upgrade is done or has failed.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::Upgrading(upgrade) = &mut self.stream {
            self.stream = match ready!(Pin::new(upgrade).poll(cx)) {
                Ok(stream) => Stage::Open(stream),
                Err(_) => Stage::Failed { error: false },
            };
        }
        Poll::Ready(())
    }

    /// Reads once into `buffer` and appends complete messages to `incoming`. `Pending`: the stream has nothing more and will wake
    /// the task. `Ready(false)`: the WebSocket has ended.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        incoming: &mut Vec<(WebSocketId, Incoming)>,
    ) -> Poll<bool> {
        ready!(self.poll_open(cx));
        if let Stage::Failed { error } = self.stream {
            return Poll::Ready(self.ended(error, incoming));
        }
        if self.closing != Closing::Failed && self.reader.has_messages() {
            return Poll::Ready(self.parse(&[], incoming));
        }
        let Stage::Open(stream) = &mut self.stream else { return Poll::Ready(false) };
        let mut unfilled = ReadBuf::new(buffer);
        let read = Pin::new(stream).poll_read(cx, unfilled.unfilled());
        self.drained = read.is_pending();
        match ready!(read) {
            Ok(()) if !unfilled.filled().is_empty() => {
                let read = unfilled.filled().len();
                let (chunk, _) = buffer.split_at(read);
                Poll::Ready(self.parse(chunk, incoming))
            }
            // A reset connection counts as closed, as in the reference.
            Ok(()) | Err(_) => Poll::Ready(self.ended(false, incoming)),
        }
    }

    fn parse(&mut self, chunk: &[u8], incoming: &mut Vec<(WebSocketId, Incoming)>) -> bool {
        match self.closing {
            Closing::Done => return false,
            Closing::Failed => return true,
            Closing::No | Closing::Sent | Closing::Echoed => {}
        }
        let (id, closing) = (self.id, self.closing);
        let outcome = self.reader.read(chunk, |message| {
            // Messages after our close frame are not delivered.
            if closing == Closing::No {
                incoming.push((id, Incoming::Message(message)));
            }
        });
        if let Some(barrier) = self.barrier.as_mut().filter(|_| outcome.pong) {
            barrier.open = true;
        }
        if let Some(ping) = outcome.ping.filter(|_| self.closing == Closing::No) {
            self.writer.pong(ping);
        }
        match outcome.end {
            None => {
                if closing == Closing::No && self.reader.is_midway() {
                    incoming.push((id, Incoming::Part));
                }
                true
            }
            Some(end) => {
                self.barrier = None;
                if self.closing == Closing::No {
                    incoming.push((id, Incoming::Closed { error: end.error }));
                    self.writer.close(end.code);
                    self.closing = if end.error { Closing::Failed } else { Closing::Echoed };
                } else {
                    self.closing = Closing::Done;
                }
                false
            }
        }
    }

    fn ended(&mut self, error: bool, incoming: &mut Vec<(WebSocketId, Incoming)>) -> bool {
        if self.closing == Closing::No {
            incoming.push((self.id, Incoming::Closed { error }));
        }
        self.abandon();
        false
    }

    /// Queues one frame.
    pub(crate) fn push(&mut self, frame: Frame, buffer: &mut Vec<u8>) {
        if let Some(barrier) = &mut self.barrier {
            return barrier.frames.push(frame);
        }
        self.writer.push(frame, buffer);
        self.unflushed = true;
        self.unread = true;
    }

    /// Holds further output back until the peer has read everything written before, or [`give_up`](Self::give_up) is called.
    pub(crate) fn set_barrier(&mut self) {
        if self.unread && self.closing == Closing::No && self.barrier.is_none() {
            self.writer.ping();
            self.barrier = Some(Box::default());
        }
    }

    /// Removes an open barrier and queues the output that it held back. `true` if there was one.
    pub(crate) fn pass_barrier(&mut self, buffer: &mut Vec<u8>) -> bool {
        let Some(barrier) = self.barrier.take_if(|barrier| barrier.open) else { return false };
        self.close_deadline = None;
        self.unread = false;
        barrier.frames.into_iter().for_each(|frame| self.push(frame, buffer));
        if barrier.close {
            self.close(buffer);
        }
        true
    }

    /// Queues a close frame without a code, after everything else.
    pub(crate) fn close(&mut self, buffer: &mut Vec<u8>) {
        if let Some(barrier) = &mut self.barrier {
            barrier.close = true;
        } else if self.closing == Closing::No {
            self.writer.take_inline(buffer);
            self.writer.close(None);
            self.closing = Closing::Sent;
        }
    }

    /// Moves the content of `buffer` into the queue, because the buffer is needed for another WebSocket.
    pub(crate) fn keep(&mut self, buffer: &mut Vec<u8>) {
        self.writer.take_inline(buffer);
    }

    /// Writes the queue of earlier turns, then `buffer`, with one call if the stream accepts it all. The rest is queued.
    /// `Ready(true)`: everything is written.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<bool> {
        let written = self.poll_output(cx, buffer);
        let moved = self.writer.take_progress();
        self.advanced = moved && written.is_pending();
        match written {
            Poll::Ready(_) => self.stall = Stall::No,
            Poll::Pending if moved || self.stall == Stall::No => self.stall = Stall::Begun,
            Poll::Pending => {}
        }
        written
    }

    fn poll_output(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<bool> {
        self.writer.take_controls(buffer);
        if matches!(self.poll_open(cx), Poll::Pending) {
            self.writer.keep(buffer, 0);
            return Poll::Pending;
        }
        let Stage::Open(stream) = &mut self.stream else {
            buffer.clear();
            self.writer.clear();
            return Poll::Ready(false);
        };
        match self.writer.poll_write(cx, stream, buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) if self.writer.has_controls() => self.poll_output(cx, buffer),
            Poll::Ready(Ok(())) => {
                match self.closing {
                    Closing::Echoed => self.closing = Closing::Done,
                    // The peer sees the end of the stream after the close frame. There is no need to wait for it.
                    Closing::Failed => _ = Pin::new(stream).poll_shutdown(cx),
                    Closing::No | Closing::Sent | Closing::Done => {}
                }
                Poll::Ready(true)
            }
            // The read side reports the end of the stream.
            Poll::Ready(Err(_)) => {
                buffer.clear();
                self.writer.clear();
                Poll::Ready(true)
            }
        }
    }

    /// Drops the stream after the close handshake is complete.
    pub(crate) fn reap(&mut self) {
        if self.closing == Closing::Done && self.writer.is_empty() {
            self.abandon();
        }
    }

    /// Whether something waits to be written.
    pub(crate) fn has_output(&self) -> bool {
        !self.writer.is_empty()
    }
}

/// How a WebSocket ends, and the code of the close frame.
#[derive(Debug, PartialEq, Eq)]
struct End {
    error: bool,
    code: Option<CloseCode>,
}

/// What was read apart from messages.
#[derive(Debug, Default)]
struct Outcome {
    ping: Option<Bytes>,
    pong: bool,
    end: Option<End>,
}

// There is one for each idle client.
const _: () = assert!(size_of::<Pump>() <= 256);

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn an_upgrade_that_fails_under_a_write_is_reported_by_the_next_read() {
        let none = hyper::upgrade::on(http::Request::new(()));
        let mut pump = Pump::new(WebSocketId(1), none, 100);
        let mut cx = Context::from_waker(Waker::noop());
        let (mut buffer, mut incoming) = (Vec::new(), Vec::new());
        pump.push(engineio_proto::Packet::Noop.into_frame(), &mut buffer);
        assert_eq!(pump.poll_write(&mut cx, &mut buffer), Poll::Ready(false));
        assert!(!pump.is_done() && pump.has_failed() && buffer.is_empty());
        assert_eq!(pump.poll_read(&mut cx, &mut [], &mut incoming), Poll::Ready(false));
        assert!(matches!(incoming[..], [(WebSocketId(1), Incoming::Closed { error: false })]));
        assert!(pump.is_done());
    }
}
