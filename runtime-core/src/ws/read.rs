//! Decodes WebSocket messages.

use std::io::{self, Cursor, Read, Write};

use bytes::Bytes;
use engineio_proto::{Data, Text};
use tungstenite::Message;
use tungstenite::error::{CapacityError, Error};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Data as DataOp, OpCode};
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use super::{End, Outcome};

/// The maximum number of frames decoded in one turn; further frames that were read wait for the next turn.
pub(crate) const READ_LIMIT: usize = 64;

/// Spare capacity after the bytes given to a context, which reserves this much for the next header.
const HEADER_RESERVE: usize = 16;

#[derive(Debug)]
pub(super) struct Reader {
    max_message: usize,
    role: Role,
    /// Bytes read but not decoded: an incomplete frame, or frames beyond [`READ_LIMIT`].
    rest: Vec<u8>,
    /// The length that `rest` needs before the next frame can be complete; 0 if complete frames may wait.
    wanted: usize,
    /// The context that holds the fragments of an incomplete message.
    fragments: Option<Box<WebSocketContext>>,
}

impl Reader {
    pub(super) fn new(max_message: usize, role: Role) -> Self {
        Self { max_message, role, rest: Vec::new(), wanted: 0, fragments: None }
    }

    /// Whether complete frames wait that exceeded the limit of an earlier turn.
    pub(super) fn has_messages(&self) -> bool {
        self.wanted == 0 && !self.rest.is_empty()
    }

    /// Whether a message has begun and is not complete.
    pub(super) fn is_midway(&self) -> bool {
        self.wanted > 0 || self.fragments.is_some()
    }

    /// Takes a chunk and yields the complete messages, of at most [`READ_LIMIT`] frames.
    pub(super) fn read(&mut self, chunk: &[u8], mut yield_message: impl FnMut(Data)) -> Outcome {
        if self.rest.is_empty() {
            let scan = self.scan(chunk);
            let (frames, rest) = chunk.split_at(scan.complete);
            let mut copy = Vec::with_capacity(frames.len() + HEADER_RESERVE);
            copy.extend_from_slice(frames);
            self.keep(rest, scan.wanted);
            return self.parse(copy, scan.fragmented, &mut yield_message);
        }
        self.rest.extend_from_slice(chunk);
        if self.rest.len() < self.wanted {
            return Outcome::default();
        }
        let scan = self.scan(&self.rest);
        let frames = if scan.complete == self.rest.len() {
            std::mem::take(&mut self.rest)
        } else {
            // A retained message pins its buffer, so copy out only the complete frames.
            let mut copy = Vec::with_capacity(scan.complete + HEADER_RESERVE);
            copy.extend(self.rest.drain(..scan.complete));
            copy
        };
        self.reserve(scan.wanted);
        self.parse(frames, scan.fragmented, &mut yield_message)
    }

    fn keep(&mut self, rest: &[u8], wanted: usize) {
        self.reserve(wanted.max(rest.len()));
        self.rest.extend_from_slice(rest);
        self.wanted = wanted;
    }

    /// Reserves the whole of a large frame at once, and frees the buffer when it is empty.
    fn reserve(&mut self, wanted: usize) {
        self.wanted = wanted;
        if wanted > 0 || !self.rest.is_empty() {
            self.rest.reserve_exact(wanted.saturating_sub(self.rest.len()));
        } else {
            self.rest = Vec::new();
        }
    }

    /// Finds where the complete frames end.
    fn scan(&self, bytes: &[u8]) -> Scan {
        let mut scan = Scan { complete: 0, wanted: 0, fragmented: self.fragments.is_some() };
        for _ in 0..READ_LIMIT {
            let remaining = bytes.get(scan.complete..).unwrap_or_default();
            if remaining.is_empty() {
                return scan;
            }
            let mut cursor = Cursor::new(remaining);
            let (header, length) = match FrameHeader::parse(&mut cursor) {
                Ok(Some(header)) => header,
                Ok(None) => {
                    scan.wanted = remaining.len() + 1;
                    return scan;
                }
                // The context finds the same error and reports its kind.
                Err(_) => {
                    scan.complete = bytes.len();
                    return scan;
                }
            };
            let total = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(cursor.position() as usize);
            if length > self.max_message as u64 {
                scan.complete = bytes.len();
                return scan;
            }
            if total > remaining.len() {
                scan.wanted = total;
                return scan;
            }
            scan.complete += total;
            if let OpCode::Data(DataOp::Text | DataOp::Binary | DataOp::Continue) = header.opcode {
                scan.fragmented = !header.is_final;
            }
        }
        scan
    }

    fn parse(&mut self, frames: Vec<u8>, fragmented: bool, yield_message: &mut impl FnMut(Data)) -> Outcome {
        let mut outcome = Outcome::default();
        if frames.is_empty() {
            return outcome;
        }
        match self.fragments.take() {
            Some(mut context) => {
                let mut stream = Memory(&frames);
                outcome = drain(&mut context, &mut stream, yield_message);
                if fragmented && outcome.end.is_none() {
                    self.fragments = Some(context);
                }
            }
            None => {
                let mut context = WebSocketContext::from_partially_read(frames, self.role, Some(self.config()));
                outcome = drain(&mut context, &mut Memory(&[]), yield_message);
                if fragmented && outcome.end.is_none() {
                    self.fragments = Some(Box::new(context));
                }
            }
        }
        outcome
    }

    fn config(&self) -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(0)
            .write_buffer_size(0)
            .max_message_size(Some(self.max_message))
            .max_frame_size(Some(self.max_message))
    }
}

/// The frames found in a chunk.
struct Scan {
    /// The length of the complete frames in bytes.
    complete: usize,
    /// The length of the incomplete frame after them, as far as its header is known; 0 if there is none.
    wanted: usize,
    /// Whether the last message lacks its final fragment.
    fragmented: bool,
}

fn drain(context: &mut WebSocketContext, stream: &mut Memory<'_>, yield_message: &mut impl FnMut(Data)) -> Outcome {
    let mut outcome = Outcome::default();
    loop {
        match context.read(stream) {
            Ok(Message::Text(text)) => match Text::try_from(Bytes::from(text)) {
                Ok(text) => yield_message(Data::Text(text)),
                Err(_) => return outcome.ended(true, Some(CloseCode::Invalid)),
            },
            Ok(Message::Binary(bytes)) => yield_message(Data::Binary(bytes)),
            // Only the last of several pings is answered.
            Ok(Message::Ping(payload)) => outcome.ping = Some(payload),
            Ok(Message::Pong(_)) => outcome.pong = true,
            Ok(Message::Frame(_)) => {}
            Ok(Message::Close(frame)) => return outcome.ended(false, frame.map(|frame| frame.code)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return outcome,
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                return outcome.ended(true, Some(CloseCode::Size));
            }
            Err(Error::Utf8(_)) => return outcome.ended(true, Some(CloseCode::Invalid)),
            Err(_) => return outcome.ended(true, Some(CloseCode::Protocol)),
        }
    }
}

impl Outcome {
    fn ended(mut self, error: bool, code: Option<CloseCode>) -> Self {
        self.end = Some(End { error, code });
        self
    }
}

/// The stream of a context: reads yield a chunk, then `WouldBlock`. Its own writes (pongs, close frames) are dropped, because the
/// [`Writer`](super::write::Writer) sends those.
struct Memory<'a>(&'a [u8]);

impl Read for Memory<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buf)
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tungstenite::protocol::frame::Frame;

    use super::*;

    fn frame(payload: &[u8], opcode: DataOp, last: bool) -> Vec<u8> {
        let mut frame = Frame::message(payload.to_vec(), OpCode::Data(opcode), last);
        frame.header_mut().mask = Some([1, 2, 3, 4]);
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    }

    fn close(code: CloseCode) -> Option<End> {
        Some(End { error: true, code: Some(code) })
    }

    fn read_in_chunks(bytes: &[u8], chunk: usize, max: usize) -> (Vec<Data>, Outcome, Reader) {
        let mut reader = Reader::new(max, Role::Server);
        let mut messages = Vec::new();
        for chunk in bytes.chunks(chunk) {
            let outcome = reader.read(chunk, |message| messages.push(message));
            if outcome.end.is_some() {
                return (messages, outcome, reader);
            }
            while reader.has_messages() {
                let outcome = reader.read(&[], |message| messages.push(message));
                if outcome.end.is_some() {
                    return (messages, outcome, reader);
                }
            }
        }
        (messages, Outcome::default(), reader)
    }

    #[test]
    fn a_retained_message_pins_only_the_frames_of_its_turn() {
        let bytes = frame(b"x", DataOp::Binary, true).repeat(20_000);
        let mut reader = Reader::new(100, Role::Server);
        reader.read(&bytes, drop);
        let mut kept = None;
        reader.read(&[], |message| kept = Some(message));
        let Some(Data::Binary(kept)) = kept else { panic!("no message") };
        let memory = kept.try_into_mut().unwrap();
        assert!(reader.has_messages() && memory.capacity() < 1000, "{}", memory.capacity());
    }

    #[test]
    fn a_message_in_fragments_of_one_byte_takes_three_times_its_limit_at_most() {
        const LENGTH: usize = 300_000;
        for opcode in [DataOp::Text, DataOp::Binary] {
            let middle = frame(b"x", DataOp::Continue, false).repeat(50);
            let mut reader = Reader::new(LENGTH, Role::Server);
            let mut length = 0;
            let memory = allocation_counter::measure(|| {
                reader.read(&frame(b"4", opcode, false), |_| {});
                for _ in 0..(LENGTH - 2) / 50 {
                    assert_eq!(reader.read(&middle, |_| {}).end, None);
                }
                reader.read(&frame(b"x", DataOp::Continue, true), |message| length = message.len());
            });
            assert!(length > LENGTH - 100 && memory.bytes_max <= 3 * LENGTH as u64, "{} bytes", memory.bytes_max);
        }
    }

    #[test]
    fn any_chunking_gives_the_same_messages_and_leaves_nothing_behind() {
        let mut bytes = frame("4häuser".as_bytes(), DataOp::Text, true);
        bytes.extend(frame(&[7; 300], DataOp::Binary, true));
        bytes.extend(frame(b"4one ", DataOp::Text, false));
        bytes.extend(frame(b"mess", DataOp::Continue, false));
        bytes.extend(frame(b"age", DataOp::Continue, true));
        bytes.extend(frame(&[9; 70_000], DataOp::Binary, true));
        let expected = vec![
            Data::Text(Text::from("4häuser")),
            Data::Binary(Bytes::from(vec![7; 300])),
            Data::Text(Text::from("4one message")),
            Data::Binary(Bytes::from(vec![9; 70_000])),
        ];
        for chunk in [1, 2, 3, 7, 100, 1000, 65_536, usize::MAX / 2] {
            let (messages, outcome, reader) = read_in_chunks(&bytes, chunk, 1_000_000);
            assert_eq!(messages, expected, "chunks of {chunk}");
            assert_eq!(outcome.end, None);
            assert!(reader.rest.capacity() == 0 && reader.fragments.is_none(), "an idle reader holds no buffer");
        }
    }

    #[test]
    fn a_turn_takes_a_bounded_number_of_frames() {
        let bytes: Vec<u8> = (0..READ_LIMIT + 5).flat_map(|_| frame(b"4x", DataOp::Text, true)).collect();
        let mut reader = Reader::new(100, Role::Server);
        let mut count = 0;
        reader.read(&bytes, |_| count += 1);
        assert_eq!((count, reader.has_messages()), (READ_LIMIT, true));
        reader.read(&[], |_| count += 1);
        assert_eq!((count, reader.has_messages()), (READ_LIMIT + 5, false));
    }

    #[test]
    fn a_message_above_the_limit_ends_with_1009_before_its_payload_has_come() {
        let bytes = frame(&[0; 101], DataOp::Binary, true);
        let (messages, outcome, _) = read_in_chunks(&bytes[..20], 20, 100);
        assert_eq!((messages, outcome.end), (vec![], close(CloseCode::Size)));
        let fragments = [frame(&[0; 60], DataOp::Binary, false), frame(&[0; 60], DataOp::Continue, true)].concat();
        let (messages, outcome, _) = read_in_chunks(&fragments, 10, 100);
        assert_eq!((messages, outcome.end), (vec![], close(CloseCode::Size)));
    }

    #[test]
    fn broken_frames_end_with_the_code_of_their_fault() {
        let invalid_text = frame(&[b'4', 0xff], DataOp::Text, true);
        assert_eq!(read_in_chunks(&invalid_text, 100, 100).1.end, close(CloseCode::Invalid));
        let mut reserved = frame(b"4x", DataOp::Text, true);
        reserved[0] |= 0x40;
        assert_eq!(read_in_chunks(&reserved, 100, 100).1.end, close(CloseCode::Protocol));
        let unmasked = [0x81, 2, b'4', b'x'];
        assert_eq!(read_in_chunks(&unmasked, 100, 100).1.end, close(CloseCode::Protocol));
        let lone_continuation = frame(b"4x", DataOp::Continue, true);
        assert_eq!(read_in_chunks(&lone_continuation, 100, 100).1.end, close(CloseCode::Protocol));
        let reserved_opcode = [0x83, 0x80, 0, 0, 0, 0];
        assert_eq!(read_in_chunks(&reserved_opcode, 100, 100).1.end, close(CloseCode::Protocol));
    }

    #[test]
    fn messages_before_a_fault_are_delivered() {
        let bytes = [frame(b"4good", DataOp::Text, true), frame(b"4x", DataOp::Continue, true)].concat();
        let (messages, outcome, _) = read_in_chunks(&bytes, 1000, 100);
        assert_eq!(messages, [Data::Text(Text::from("4good"))]);
        assert_eq!(outcome.end, close(CloseCode::Protocol));
    }

    #[test]
    fn a_close_frame_ends_without_error_and_with_its_code() {
        let bytes = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
        let end = read_in_chunks(&bytes, 100, 100).1.end;
        assert_eq!(end, Some(End { error: false, code: Some(CloseCode::Normal) }));
    }

    #[test]
    fn a_client_takes_frames_without_a_mask_and_no_others() {
        let mut messages = Vec::new();
        let outcome = Reader::new(100, Role::Client).read(&[0x81, 2, b'4', b'x'], |message| messages.push(message));
        assert_eq!((&messages[..], outcome.end), (&[Data::Text(Text::from("4x"))][..], None));
        let outcome = Reader::new(100, Role::Client).read(&frame(b"4x", DataOp::Text, true), drop);
        assert_eq!(outcome.end, close(CloseCode::Protocol));
        let outcome = Reader::new(100, Role::Client).read(&[0x82, 101], drop);
        assert_eq!(outcome.end, close(CloseCode::Size));
    }
}
