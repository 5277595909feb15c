//! Payloads: several packets in one polling body, joined by U+001E.
//!
//! ```
//! use engineio_proto::{Data, Packet, payload};
//!
//! let packets = [Packet::Noop, Packet::Message(Data::from(vec![1, 2, 3, 4]))];
//! let body = payload::encode(&packets);
//! assert_eq!(body, "6\u{1e}bAQIDBA==");
//! assert!(payload::decode("6\u{1e}bAQIDBA==".into()).eq(packets.map(Ok)));
//! ```

use crate::{DecodeError, Packet, Text, packet::fault};
use bytes::Bytes;
use std::borrow::Borrow;

/// What stands between two packets.
const SEPARATOR: char = '\u{1e}';

/// Reads a payload packet by packet; see [`Packets`].
///
/// For a body that is still bytes, check its UTF-8 with [`Text::try_from`] first: that is
/// [`DecodeError::Utf8`].
pub fn decode(body: Text) -> Packets {
    let rest = Some(0);
    Packets { body, rest }
}

/// The packets of a payload, from [`decode`].
///
/// Their data shares the bytes of the body. The first malformed packet is the last item: what stands behind it
/// is not looked at. An empty body is one malformed packet.
#[derive(Debug, Clone)]
pub struct Packets {
    body: Text,
    /// Where the next packet begins. None when there is none.
    rest: Option<usize>,
}

impl Packets {
    /// Whether there are no more.
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
        // Several times as fast as `str::split` here, and serde_json brings the crate anyway.
        let length = memchr::memchr(SEPARATOR as u8, rest.as_bytes());
        self.rest = length.map(|length| begin + length + 1);
        let packet = rest.get(..length.unwrap_or(rest.len()))?;
        let Some(decoded) = Packet::decode_in(&self.body, packet) else {
            self.rest = None;
            return Some(Err(fault(packet)));
        };
        Some(Ok(decoded))
    }
}

impl std::iter::FusedIterator for Packets {}

/// Joins packets to a payload, in one allocation. The iterator is walked twice: once to measure, once to write.
pub fn encode<I>(packets: I) -> Bytes
where
    I: IntoIterator<Item: Borrow<Packet>, IntoIter: Clone>,
{
    let packets = packets.into_iter();
    let size: usize = packets.clone().map(|packet| packet.borrow().payload_len() + 1).sum();
    // The separator that the first packet has not: `String` to `Bytes` is free only without spare room.
    let mut out = String::with_capacity(size.saturating_sub(1));
    for (index, packet) in packets.enumerate() {
        if index > 0 {
            out.push(SEPARATOR);
        }
        packet.borrow().encode_into(&mut out);
    }
    out.into()
}

/// Reads a body as it came from the network.
pub(crate) fn decode_bytes(body: Bytes) -> Result<Packets, DecodeError> {
    Text::try_from(body).map(decode).map_err(|_| DecodeError::Utf8)
}
