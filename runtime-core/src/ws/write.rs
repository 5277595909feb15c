//! Encodes and writes WebSocket frames.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use engineio_proto::Frame;
use hyper::rt::Write;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::mask::{self, Keys};

/// Payloads up to this size are copied after their header; larger ones are queued without a copy.
const COPY_LIMIT: usize = 4096;

/// The maximum number of slices of one vectored write.
const MAX_SLICES: usize = 64;

/// The output of one stream.
///
/// The frames of a turn are encoded into a buffer of the caller. Only large payloads, and bytes that the stream does not accept at
/// once, are stored here.
#[derive(Debug, Default)]
pub(super) struct Writer {
    queue: VecDeque<Bytes>,
    /// The pong to send when the queue is written. Only the last of several pings is answered, so a client that pings and does not
    /// read makes nothing grow.
    pong: Option<Bytes>,
    ping: bool,
    close: Option<Option<CloseCode>>,
    unflushed: bool,
    /// Whether the stream has accepted bytes since the last `take_progress`.
    progress: bool,
    /// The masking keys of a client; `None` on the server, which does not mask.
    keys: Option<Box<Keys>>,
}

impl Writer {
    /// A writer of a client, which masks its frames.
    pub(super) fn masked(entropy: impl FnMut(&mut [u8]) + Send + 'static) -> Self {
        Self { keys: Some(Box::new(Keys::new(entropy))), ..Self::default() }
    }

    /// Drops the queued output.
    pub(super) fn clear(&mut self) {
        *self = Self { keys: self.keys.take(), ..Self::default() };
    }

    /// Whether the stream has accepted bytes since the last call.
    pub(super) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.has_controls() && !self.unflushed
    }

    /// Queues a data frame after the content of `buffer`.
    pub(super) fn push(&mut self, frame: Frame, buffer: &mut Vec<u8>) {
        let Frame { binary, prefix, body } = frame;
        let opcode = OpCode::Data(if binary { Data::Binary } else { Data::Text });
        let key = self.keys.as_mut().map(|keys| keys.next());
        header(opcode, body.len() + usize::from(prefix.is_some()), key, buffer);
        let payload = buffer.len();
        buffer.extend(prefix);
        if body.len() <= COPY_LIMIT {
            buffer.extend_from_slice(&body);
            mask::apply(buffer, payload, key);
        } else {
            mask::apply(buffer, payload, key);
            self.take_inline(buffer);
            self.queue.push_back(match key {
                Some(key) => mask::masked(body, key, usize::from(prefix.is_some())),
                None => body,
            });
        }
    }

    /// Whether a ping, pong or close frame waits until the queue is written.
    pub(super) fn has_controls(&self) -> bool {
        self.ping || self.pong.is_some() || self.close.is_some()
    }

    /// Queues a ping after everything else.
    pub(super) fn ping(&mut self) {
        self.ping = true;
    }

    pub(super) fn pong(&mut self, payload: Bytes) {
        self.pong = Some(payload);
    }

    /// Queues a close frame, which is written last.
    pub(super) fn close(&mut self, code: Option<CloseCode>) {
        self.close.get_or_insert(code);
    }

    /// Moves the content of `buffer` into the queue, to keep the order.
    pub(super) fn take_inline(&mut self, buffer: &mut Vec<u8>) {
        if !buffer.is_empty() {
            self.queue.push_back(Bytes::copy_from_slice(buffer));
            buffer.clear();
        }
    }

    /// Encodes ping, pong and close frames that are due after everything else.
    pub(super) fn take_controls(&mut self, buffer: &mut Vec<u8>) {
        if self.ping && self.queue.is_empty() {
            self.ping = false;
            self.control(Control::Ping, &[], buffer);
        }
        if let Some(payload) = self.pong.take_if(|_| self.queue.is_empty()) {
            self.control(Control::Pong, &payload, buffer);
        }
        if let Some(code) = self.close.take_if(|_| self.pong.is_none() && !self.ping) {
            let code = code.map(|code| u16::from(code).to_be_bytes());
            let code = code.as_ref().map_or(&[][..], |code| &code[..]);
            self.control(Control::Close, code, buffer);
        }
    }

    fn control(&mut self, control: Control, payload: &[u8], buffer: &mut Vec<u8>) {
        let key = self.keys.as_mut().map(|keys| keys.next());
        header(OpCode::Control(control), payload.len(), key, buffer);
        let start = buffer.len();
        buffer.extend_from_slice(payload);
        mask::apply(buffer, start, key);
    }

    /// Moves the bytes of `buffer` from `from` on into the queue and clears it.
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
                    Poll::Ready(Ok(count)) => {
                        self.progress = true;
                        written += count;
                    }
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
            self.progress = true;
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

fn header(opcode: OpCode, length: usize, mask: Option<[u8; 4]>, buffer: &mut Vec<u8>) {
    let header = FrameHeader { opcode, mask, ..FrameHeader::default() };
    // Writing to a vector does not fail.
    _ = header.format(length as u64, buffer);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Cursor;

    use tungstenite::Message;
    use tungstenite::protocol::{Role, WebSocket};

    use super::*;

    fn masked() -> Writer {
        Writer::masked(|bytes| getrandom::fill(bytes).expect("random bytes"))
    }

    fn frame(binary: bool, prefix: Option<u8>, body: Bytes) -> Frame {
        Frame { binary, prefix, body }
    }

    /// The queued output in the order in which it is written.
    fn written(mut writer: Writer, mut buffer: Vec<u8>) -> Vec<u8> {
        writer.take_inline(&mut buffer);
        let mut bytes = writer.queue.drain(..).flatten().collect::<Vec<u8>>();
        writer.take_controls(&mut buffer);
        bytes.append(&mut buffer);
        bytes
    }

    #[test]
    fn a_server_decodes_the_masked_frames_of_a_client() {
        let shared = Bytes::from(vec![7; COPY_LIMIT + 1]);
        let long = "ü".repeat(COPY_LIMIT);
        let mut writer = masked();
        let mut buffer = Vec::new();
        writer.push(frame(false, Some(b'4'), Bytes::from_static(b"hello")), &mut buffer);
        writer.push(frame(true, None, shared.clone()), &mut buffer);
        writer.push(frame(false, Some(b'4'), Bytes::from(long.clone())), &mut buffer);
        writer.push(frame(true, None, Bytes::new()), &mut buffer);
        writer.pong(Bytes::from_static(b"ping"));
        writer.close(Some(CloseCode::Normal));
        let bytes = written(writer, buffer);
        assert!(shared.iter().all(|&byte| byte == 7), "a shared payload is not masked");

        let mut server = WebSocket::from_raw_socket(Cursor::new(bytes), Role::Server, None);
        assert_eq!(server.read().unwrap(), Message::text("4hello"));
        assert_eq!(server.read().unwrap(), Message::binary(shared));
        assert_eq!(server.read().unwrap(), Message::text(format!("4{long}")));
        assert_eq!(server.read().unwrap(), Message::binary(Bytes::new()));
        assert_eq!(server.read().unwrap(), Message::Pong(Bytes::from_static(b"ping")));
        let Message::Close(Some(close)) = server.read().unwrap() else { panic!("no close frame") };
        assert_eq!(close.code, CloseCode::Normal);
    }

    #[test]
    fn every_frame_of_a_client_has_a_key_of_its_own() {
        let mut keys = HashSet::new();
        for _ in 0..2000 {
            let (mut writer, mut buffer) = (masked(), Vec::new());
            writer.push(frame(false, Some(b'4'), Bytes::from_static(b"x")), &mut buffer);
            assert_eq!(buffer[..2], [0x81, 0x80 | 2]);
            keys.insert([buffer[2], buffer[3], buffer[4], buffer[5]]);
        }
        // Two of 2000 random keys are equal in one of two thousand runs; ten practically never are.
        assert!(keys.len() > 1990);
    }

    #[test]
    fn a_server_masks_nothing_and_shares_large_payloads() {
        let large = Bytes::from(vec![7; COPY_LIMIT + 1]);
        let (mut writer, mut buffer) = (Writer::default(), Vec::new());
        writer.push(frame(false, Some(b'4'), Bytes::from_static(b"x")), &mut buffer);
        assert_eq!(buffer, [0x81, 2, b'4', b'x']);
        writer.push(frame(true, None, large.clone()), &mut buffer);
        assert_eq!(writer.queue.back().map(|bytes| bytes.as_ptr()), Some(large.as_ptr()));
    }
}
