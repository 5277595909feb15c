//! Packets to bytes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use engineio_proto::Frame;
use hyper::rt::Write;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// Payloads up to this size are copied behind their header; larger ones are shared.
const COPY_LIMIT: usize = 4096;

/// Slices given to one vectored write.
const MAX_SLICES: usize = 64;

/// What waits to be written on one stream.
///
/// The bytes of a turn are gathered in a buffer that the caller lends. Only what the stream does not take at once, and large
/// payloads, are kept here.
#[derive(Debug, Default)]
pub(super) struct Writer {
    queue: VecDeque<Bytes>,
    /// Only the last of several pings is answered, once what was queued before has left: a client that pings and does not read
    /// makes nothing grow.
    pong: Option<Bytes>,
    close: Option<Option<CloseCode>>,
    unflushed: bool,
}

impl Writer {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.pong.is_none() && self.close.is_none() && !self.unflushed
    }

    /// Queues a data frame behind what is in `buffer`.
    pub(super) fn push(&mut self, frame: Frame, buffer: &mut Vec<u8>) {
        let Frame { binary, prefix, body } = frame;
        let opcode = if binary { Data::Binary } else { Data::Text };
        header(OpCode::Data(opcode), body.len() + usize::from(prefix.is_some()), buffer);
        buffer.extend(prefix);
        if body.len() <= COPY_LIMIT {
            buffer.extend_from_slice(&body);
        } else {
            self.take_inline(buffer);
            self.queue.push_back(body);
        }
    }

    /// Whether pong or close wait until the queue has left.
    pub(super) fn has_controls(&self) -> bool {
        self.pong.is_some() || self.close.is_some()
    }

    pub(super) fn pong(&mut self, payload: Bytes) {
        self.pong = Some(payload);
    }

    /// Queues a close frame; it leaves last.
    pub(super) fn close(&mut self, code: Option<CloseCode>) {
        self.close.get_or_insert(code);
    }

    /// Moves the gathered bytes into the queue, to keep the order.
    pub(super) fn take_inline(&mut self, buffer: &mut Vec<u8>) {
        if !buffer.is_empty() {
            self.queue.push_back(Bytes::copy_from_slice(buffer));
            buffer.clear();
        }
    }

    /// Puts pong and close behind everything else.
    pub(super) fn take_controls(&mut self, buffer: &mut Vec<u8>) {
        if let Some(payload) = self.pong.take_if(|_| self.queue.is_empty()) {
            header(OpCode::Control(Control::Pong), payload.len(), buffer);
            buffer.extend_from_slice(&payload);
        }
        if let Some(code) = self.close.take_if(|_| self.pong.is_none()) {
            let code = code.map(|code| u16::from(code).to_be_bytes());
            let code = code.as_ref().map_or(&[][..], |code| &code[..]);
            header(OpCode::Control(Control::Close), code.len(), buffer);
            buffer.extend_from_slice(code);
        }
    }

    /// Keeps the bytes of `buffer` from `from` on for later.
    pub(super) fn keep(&mut self, buffer: &mut Vec<u8>, from: usize) {
        if let Some(rest) = buffer.get(from..).filter(|rest| !rest.is_empty()) {
            self.queue.push_back(Bytes::copy_from_slice(rest));
        }
        buffer.clear();
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl Write + Unpin),
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<()>> {
        if !self.queue.is_empty() {
            self.keep(buffer, 0);
            return self.poll_queue(cx, stream);
        }
        if !buffer.is_empty() {
            self.unflushed = true;
            let mut written = 0;
            while let Some(rest) = buffer.get(written..).filter(|rest| !rest.is_empty()) {
                match Pin::new(&mut *stream).poll_write(cx, rest) {
                    Poll::Pending => {
                        self.keep(buffer, written);
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(count)) => written += count,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
            buffer.clear();
        }
        self.poll_flush(cx, stream)
    }

    fn poll_queue(&mut self, cx: &mut Context<'_>, stream: &mut (impl Write + Unpin)) -> Poll<io::Result<()>> {
        self.unflushed = true;
        while !self.queue.is_empty() {
            let slices: Vec<IoSlice<'_>> =
                self.queue.iter().take(MAX_SLICES).map(|bytes| IoSlice::new(bytes)).collect();
            let mut written = ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            while let Some(front) = self.queue.front_mut().filter(|_| written > 0) {
                let taken = written.min(front.len());
                let _ = front.split_to(taken);
                written -= taken;
                if front.is_empty() {
                    self.queue.pop_front();
                }
            }
        }
        self.queue = VecDeque::new();
        self.poll_flush(cx, stream)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, stream: &mut (impl Write + Unpin)) -> Poll<io::Result<()>> {
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

fn header(opcode: OpCode, length: usize, buffer: &mut Vec<u8>) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    // Writing to a vector does not fail.
    _ = header.format(length as u64, buffer);
}
