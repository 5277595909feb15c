//! Payloads: the packets of one polling body, separated by U+001E.
//!
//! ```
//! use engineio_proto::{Data, Packet, payload};
//!
//! let packets = [Packet::Noop, Packet::Message(Data::from(vec![1, 2, 3, 4]))];
//! let body = payload::encode(&packets);
//! assert_eq!(body, "6\u{1e}bAQIDBA==");
//! assert!(payload::decode("6\u{1e}bAQIDBA==".into()).eq(packets.map(Ok)));
//! ```

use crate::{DecodeError, Packet, Text, packet::decode_error};
use bytes::Bytes;
use std::borrow::Borrow;

/// The separator between two packets.
const SEPARATOR: char = '\u{1e}';

/// Decodes a payload packet by packet; see [`Packets`].
///
/// Check the UTF-8 of a body of bytes with [`Text::try_from`] first; a session reports a failure as [`DecodeError::Utf8`].
pub fn decode(body: Text) -> Packets {
    let rest = Some(0);
    Packets { body, rest }
}

/// The packets of a payload, from [`decode`].
///
/// Their data shares the bytes of the body. The first malformed packet is the last item; the packets after it are not decoded. An
/// empty body is one malformed packet.
#[derive(Debug, Clone)]
pub struct Packets {
    body: Text,
    /// The offset of the next packet. `None` at the end.
    rest: Option<usize>,
}

impl Packets {
    /// Whether there are no more packets.
    pub(crate) fn is_done(&self) -> bool {
        self.rest.is_none()
    }
}

impl Iterator for Packets {
    type Item = Result<Packet, DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let begin = self.rest.take()?;
        let rest = self.body.get(begin..)?;
        // Several times as fast as `str::split` here, and serde_json depends on memchr anyway.
        let length = memchr::memchr(SEPARATOR as u8, rest.as_bytes());
        self.rest = length.map(|length| begin + length + 1);
        let packet = rest.get(..length.unwrap_or(rest.len()))?;
        let Some(decoded) = Packet::decode_in(&self.body, packet) else {
            self.rest = None;
            return Some(Err(decode_error(packet)));
        };
        Some(Ok(decoded))
    }
}

impl std::iter::FusedIterator for Packets {}

/// Encodes packets as a payload, in one allocation. The iterator is cloned: one pass measures, one writes.
pub fn encode<I>(packets: I) -> Bytes
where
    I: IntoIterator<Item: Borrow<Packet>, IntoIter: Clone>,
{
    let packets = packets.into_iter();
    let size: usize = packets.clone().map(|packet| packet.borrow().payload_len() + 1).sum();
    // There is one separator less than packets. Exact, since `String` to `Bytes` is free only without spare capacity.
    let mut out = String::with_capacity(size.saturating_sub(1));
    for (index, packet) in packets.enumerate() {
        if index > 0 {
            out.push(SEPARATOR);
        }
        packet.borrow().encode_into(&mut out);
    }
    out.into()
}

/// Decodes a body whose UTF-8 has not been checked.
pub(crate) fn decode_bytes(body: Bytes) -> Result<Packets, DecodeError> {
    Text::try_from(body).map(decode).map_err(|_| DecodeError::Utf8)
}
