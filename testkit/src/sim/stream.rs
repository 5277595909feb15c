//! A stream in memory, cut into pieces that arrive when the network says.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};

use super::{SimRuntime, State};

/// So much may be under way in one direction.
const WINDOW: usize = 64 * 1024;

/// One direction of a connection.
#[derive(Default)]
pub(super) struct Half {
    /// From the end that accepted.
    pub(super) down: bool,
    chunks: VecDeque<(Instant, Bytes)>,
    under_way: usize,
    /// When what was written last has left, and arrives.
    free: Option<Instant>,
    last: Option<Instant>,
    finished: Option<Instant>,
    broken: bool,
    /// Its reader, its writer is gone.
    unread: bool,
    unwritten: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Half {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }

    pub(super) fn reset(&mut self) {
        self.broken = true;
        self.chunks.clear();
        self.wake();
    }

    pub(super) fn finish(&mut self, now: Instant) {
        self.finished.get_or_insert(self.last.map_or(now, |last| last.max(now)));
        self.wake();
    }
}

/// One end of a connection.
pub(super) struct SimStream {
    runtime: SimRuntime,
    read: u64,
    write: u64,
}

impl SimStream {
    /// Both ends: of the one that connects, of the one that accepts.
    pub(super) fn pair(runtime: &SimRuntime) -> (Self, Self) {
        let mut state = runtime.lock();
        let (up, down) = (state.name(), state.name());
        state.halves.insert(up, Half::default());
        state.halves.insert(down, Half { down: true, ..Half::default() });
        let end = |read, write| Self { runtime: runtime.clone(), read, write };
        (end(down, up), end(up, down))
    }
}

impl Read for SimStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.runtime.lock();
        let State { halves, random, now, stalled, timers, next, .. } = state;
        let Some(half) = halves.get_mut(&self.read) else { return Poll::Ready(Ok(())) };
        if half.broken {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let due = half.chunks.front().map(|(at, _)| *at).or(half.finished).map(|at| at.max(*stalled));
        match due {
            Some(due) if due <= *now => {
                let Some((_, chunk)) = half.chunks.front_mut() else { return Poll::Ready(Ok(())) };
                let most = chunk.len().min(buffer.remaining());
                let count = if random.chance(700) { most } else { random.between(1, most.max(1) as u64) as usize };
                buffer.put_slice(&chunk[..count.min(most)]);
                chunk.advance(count.min(most));
                half.under_way -= count.min(most);
                if chunk.is_empty() {
                    half.chunks.pop_front();
                }
                if let Some(writer) = half.writer.take() {
                    writer.wake();
                }
                return Poll::Ready(Ok(()));
            }
            Some(due) => {
                *next += 1;
                timers.insert((due, *next), cx.waker().clone());
            }
            None => {}
        }
        half.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Write for SimStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let State { halves, random, now, network, .. } = &mut *self.runtime.lock();
        let Some(half) = halves.get_mut(&self.write) else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        if half.broken || half.unread || half.finished.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let most = bytes.len().min(WINDOW.saturating_sub(half.under_way));
        if most == 0 && !bytes.is_empty() {
            half.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = if random.chance(800) { most } else { random.between(1, most.max(1) as u64) as usize }.min(most);
        let left = half.free.map_or(*now, |free| free.max(*now)) + network.transfer(count);
        let arrives = half.last.map_or(left, |last| last.max(left)).max(left + network.delay(random));
        (half.free, half.last) = (Some(left), Some(arrives));
        half.under_way += count;
        half.chunks.push_back((arrives, Bytes::copy_from_slice(&bytes[..count])));
        if let Some(reader) = half.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State { halves, now, .. } = &mut *self.runtime.lock();
        if let Some(half) = halves.get_mut(&self.write) {
            half.finish(*now);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let State { halves, now, .. } = &mut *self.runtime.lock();
        if let Some(half) = halves.get_mut(&self.write) {
            half.unwritten = true;
            half.finish(*now);
        }
        if let Some(half) = halves.get_mut(&self.read) {
            half.unread = true;
            half.wake();
        }
        halves.retain(|_, half| !(half.unread && half.unwritten));
    }
}
