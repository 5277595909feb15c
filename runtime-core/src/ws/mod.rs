//! One WebSocket over one stream: bytes to messages, packets to bytes.
//!
//! tungstenite parses, in memory. Its context is *lent*: made over the frames that are complete in what was just read, and
//! dropped with them, so that an idle WebSocket holds no buffer. It is kept only between the fragments of one message.

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

/// How long a WebSocket may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    Message(Data),
    /// Bytes of a message that is not complete.
    Part,
    /// The WebSocket is over, by an error or without.
    Closed {
        error: bool,
    },
}

/// One WebSocket and what is under way on it.
#[derive(Debug)]
pub(crate) struct Pump {
    pub(crate) id: WebSocketId,
    stream: Stage,
    reader: Reader,
    writer: Writer,
    /// A batch was handed to the writer and the machine waits to hear that it left.
    pub(crate) unflushed: bool,
    /// That batch has left, and the machine has to hear of it.
    pub(crate) flushed: bool,
    /// A part of it has left, likewise.
    pub(crate) advanced: bool,
    /// The stream said that it has nothing more for now.
    drained: bool,
    closing: Closing,
    goodbye: Option<Instant>,
    stall: Stall,
    /// Something was written that the peer may not have read.
    unread: bool,
    barrier: Option<Box<Barrier>>,
}

/// What waits until the peer has read what was written before.
#[derive(Debug, Default)]
struct Barrier {
    frames: Vec<Frame>,
    /// A close frame follows.
    close: bool,
    /// It waits no longer.
    open: bool,
}

#[derive(Debug)]
enum Stage {
    /// The 101 is on its way.
    Upgrading(OnUpgrade),
    Open(Upgraded),
    /// There was no upgrade, or the peer does not read (an error), which the read side has to report.
    Failed {
        error: bool,
    },
    Gone,
}

/// Whether writing waits for the peer to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    No,
    /// Since the last write.
    Begun,
    /// Without any progress, at most until then.
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
    /// What still comes is dropped unread: a stream that is closed with unread bytes is reset, and the reset may overtake our
    /// close frame, whose code is all that the peer learns.
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
            goodbye: None,
            stall: Stall::No,
            unread: false,
            barrier: None,
        }
    }

    /// A client's, whose upgrade is done.
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
            goodbye: None,
            stall: Stall::No,
            unread: false,
            barrier: None,
        }
    }

    /// Whether the upgrade has failed, or the peer did not read in time: the next read reports it.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.stream, Stage::Failed { .. })
    }

    /// Whether nothing is left to do and the stream is dropped.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stream, Stage::Gone)
    }

    /// Whether the close handshake, or the peer behind a barrier, has had its time.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        self.goodbye.is_some_and(|deadline| deadline <= now)
    }

    /// Whether anything of this WebSocket is overdue: what [`is_overdue`](Self::is_overdue) says, or a write.
    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.is_overdue(now) || matches!(self.stall, Stall::Until(deadline) if deadline <= now)
    }

    /// Until when the peer may take to say goodbye, or to read on to a barrier, from the first time this is asked while that is
    /// waited for.
    pub(crate) fn goodbye(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        if (self.is_closing() || self.barrier.is_some()) && self.goodbye.is_none() {
            self.goodbye = Some(now() + GOODBYE);
        }
        self.goodbye
    }

    /// Until when the peer may take to read anything of what waits to be written; `timeout` from the first time this is asked while
    /// writing makes no progress.
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

    /// Gives the stream up if the peer has not read in time. Asked after a write, so that it has had its chance.
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

    /// Whether the close handshake is under way, so that the stream needs a deadline.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing != Closing::No
    }

    /// Whether the stream has had nothing more to read since the task was woken.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained
    }

    /// The task was woken: there may be something again.
    pub(crate) fn refill(&mut self) {
        self.drained = false;
    }

    /// Gives the stream up.
    pub(crate) fn abandon(&mut self) {
        self.stream = Stage::Gone;
        self.closing = Closing::Done;
        self.stall = Stall::No;
        self.unflushed = false;
        self.barrier = None;
    }

    /// Gives up what has had its time: waiting at a barrier, or else the stream.
    pub(crate) fn give_up(&mut self) {
        match &mut self.barrier {
            Some(barrier) if !barrier.open => barrier.open = true,
            _ => self.abandon(),
        }
    }

    /// Waits for the upgrade, or its failure.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::Upgrading(upgrade) = &mut self.stream {
            self.stream = match ready!(Pin::new(upgrade).poll(cx)) {
                Ok(stream) => Stage::Open(stream),
                Err(_) => Stage::Failed { error: false },
            };
        }
        Poll::Ready(())
    }

    /// Reads once into `buffer`; complete messages are appended to `incoming`. `Pending` means that the stream has nothing
    /// more now and will wake the task; `Ready(false)` that the WebSocket has ended.
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
            // The reference takes a reset connection for a closed one, too.
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
            // Once we have said goodbye, messages are no longer delivered.
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

    /// What is queued from here on waits until the peer has read what was written before. [`give_up`](Self::give_up) ends that.
    pub(crate) fn stop(&mut self) {
        if self.unread && self.closing == Closing::No && self.barrier.is_none() {
            self.writer.ping();
            self.barrier = Some(Box::default());
        }
    }

    /// Queues what waited at the barrier, if it is open. `true` if there was anything.
    pub(crate) fn go_on(&mut self, buffer: &mut Vec<u8>) -> bool {
        let Some(barrier) = self.barrier.take_if(|barrier| barrier.open) else { return false };
        self.goodbye = None;
        self.unread = false;
        barrier.frames.into_iter().for_each(|frame| self.push(frame, buffer));
        if barrier.close {
            self.close(buffer);
        }
        true
    }

    /// Queues a close frame without a code behind everything else.
    pub(crate) fn close(&mut self, buffer: &mut Vec<u8>) {
        if let Some(barrier) = &mut self.barrier {
            barrier.close = true;
        } else if self.closing == Closing::No {
            self.writer.take_inline(buffer);
            self.writer.close(None);
            self.closing = Closing::Sent;
        }
    }

    /// Keeps what `buffer` holds for the next write, because the buffer is needed for another WebSocket.
    pub(crate) fn keep(&mut self, buffer: &mut Vec<u8>) {
        self.writer.take_inline(buffer);
    }

    /// Writes what is queued: first what was left of earlier turns, then `buffer`, in one call if the stream takes it. What
    /// the stream doesn't take is kept. `Ready(true)`: everything has left.
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
                    // The peer sees the end behind the close frame; whether it has got there yet changes nothing here.
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

    /// Drops the stream once both sides have said goodbye.
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

/// How a WebSocket ends, and the code to say so.
#[derive(Debug, PartialEq, Eq)]
struct End {
    error: bool,
    code: Option<CloseCode>,
}

/// What a stretch of bytes held beside messages.
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
