//! Packets: a type and its data.

use crate::{Data, DecodeError, Text, base64};
use bytes::Bytes;

/// One Engine.IO packet.
///
/// Exhaustive: the seven types of protocol revision 4, each with the data it can carry. Data after a type that carries none (`1x`) is
/// dropped when the packet is decoded.
///
/// ```
/// use engineio_proto::{Data, Packet};
///
/// assert_eq!(Packet::decode_text("4hello".into()), Ok(Packet::Message(Data::from("hello"))));
///
/// let frame = Packet::Ping("probe".into()).into_frame();
/// assert_eq!((frame.binary, frame.prefix, &frame.body[..]), (false, Some(b'2'), &b"probe"[..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Packet {
    /// `0`: the server's handshake, as JSON.
    Open(Text),
    /// `1`: the sender closes the session.
    Close,
    /// `2`: the server's heartbeat (no text), or the client's `probe` on a new transport.
    Ping(Text),
    /// `3`: the answer to a ping, with the same text.
    Pong(Text),
    /// `4` and text, a binary frame, or `b` and base64: a message of the application.
    Message(Data),
    /// `5`: the client moves to this transport.
    Upgrade,
    /// `6`: no operation; answers a pending poll without data.
    Noop,
}

/// A packet as a WebSocket message: the prefix, if any, followed by the body.
///
/// The body shares the packet's bytes, unless it is base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Whether it is a binary frame. If not, it is a text frame, and prefix and body together are UTF-8.
    pub binary: bool,
    /// The byte before the body: the packet's type, or `b` before base64. `None` in a binary frame.
    pub prefix: Option<u8>,
    /// The data; may be empty.
    pub body: Bytes,
}

impl Packet {
    /// Decodes a WebSocket text frame, or one packet of a payload.
    ///
    /// `b` and base64 is accepted in both, as in the reference. The data shares the bytes of `wire`; only base64 is copied.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the packet is empty, has an unknown type, or invalid base64.
    #[inline]
    pub fn decode_text(wire: Text) -> Result<Self, DecodeError> {
        Self::decode_in(&wire, &wire).ok_or_else(|| decode_error(&wire))
    }

    /// Decodes a WebSocket binary frame, which is always a message.
    #[inline]
    pub fn decode_binary(wire: Bytes) -> Self {
        Self::Message(Data::Binary(wire))
    }

    /// Decodes `packet`, a part of `buffer`, whose bytes the result shares. `None` if it is malformed; [`decode_error`] returns the error.
    ///
    /// Not a `Result`: because of its layout, moving it costs as much as decoding the packet.
    #[inline]
    pub(crate) fn decode_in(buffer: &Text, packet: &str) -> Option<Self> {
        let first = packet.as_bytes().first()?;
        // `None` after a non-ASCII first character, which is not a type anyway.
        let rest = packet.get(1..)?;
        Some(match first {
            b'4' => Self::Message(Data::Text(buffer.slice_ref(rest))),
            b'b' => Self::Message(Data::Binary(base64::decode(rest)?)),
            b'2' => Self::Ping(buffer.slice_ref(rest)),
            b'3' => Self::Pong(buffer.slice_ref(rest)),
            b'0' => Self::Open(buffer.slice_ref(rest)),
            b'1' => Self::Close,
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            _ => return None,
        })
    }

    /// The type byte before the data in a text frame; `None` for a binary message, whose frame has no prefix.
    #[inline]
    pub fn prefix(&self) -> Option<u8> {
        match self {
            Self::Open(_) => Some(b'0'),
            Self::Close => Some(b'1'),
            Self::Ping(_) => Some(b'2'),
            Self::Pong(_) => Some(b'3'),
            Self::Message(Data::Text(_)) => Some(b'4'),
            Self::Message(Data::Binary(_)) => None,
            Self::Upgrade => Some(b'5'),
            Self::Noop => Some(b'6'),
        }
    }

    /// The data after the type; empty for a type that carries none.
    #[inline]
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Open(text) | Self::Ping(text) | Self::Pong(text) => text.as_bytes(),
            Self::Message(Data::Text(text)) => text.as_bytes(),
            Self::Message(Data::Binary(bytes)) => bytes,
            Self::Close | Self::Upgrade | Self::Noop => &[],
        }
    }

    /// Converts the packet to a WebSocket frame, without a copy.
    #[inline]
    pub fn into_frame(self) -> Frame {
        let prefix = self.prefix();
        let body = match self {
            Self::Open(text) | Self::Ping(text) | Self::Pong(text) => text.into_bytes(),
            Self::Message(Data::Text(text)) => text.into_bytes(),
            Self::Message(Data::Binary(bytes)) => bytes,
            Self::Close | Self::Upgrade | Self::Noop => Bytes::new(),
        };
        Frame { binary: prefix.is_none(), prefix, body }
    }

    /// Converts the packet to a text frame, for a client that does not take binary frames (`b64=1`): a binary message becomes `b` and
    /// base64, which is a copy; any other packet is converted as by [`Packet::into_frame`].
    ///
    /// ```
    /// use engineio_proto::{Data, Packet};
    ///
    /// let frame = Packet::Message(Data::from(vec![1, 2, 3, 4])).into_text_frame();
    /// assert_eq!((frame.binary, frame.prefix, &frame.body[..]), (false, Some(b'b'), &b"AQIDBA=="[..]));
    /// ```
    pub fn into_text_frame(self) -> Frame {
        match self {
            Self::Message(Data::Binary(bytes)) => {
                let mut body = String::with_capacity(base64::encoded_len(bytes.len()));
                base64::encode(&bytes, &mut body);
                Frame { binary: false, prefix: Some(b'b'), body: body.into() }
            }
            packet => packet.into_frame(),
        }
    }

    /// The length of the packet in a payload, in bytes.
    #[inline]
    pub(crate) fn payload_len(&self) -> usize {
        match self {
            Self::Message(Data::Binary(bytes)) => 1 + base64::encoded_len(bytes.len()),
            packet => 1 + packet.body().len(),
        }
    }

    /// Appends the packet in the form of a payload.
    #[inline]
    pub(crate) fn encode_into(&self, out: &mut String) {
        match self {
            Self::Message(Data::Binary(bytes)) => {
                out.push('b');
                base64::encode(bytes, out);
            }
            Self::Open(text) => push(out, '0', text),
            Self::Close => out.push('1'),
            Self::Ping(text) => push(out, '2', text),
            Self::Pong(text) => push(out, '3', text),
            Self::Message(Data::Text(text)) => push(out, '4', text),
            Self::Upgrade => out.push('5'),
            Self::Noop => out.push('6'),
        }
    }
}

/// The error of a packet for which [`Packet::decode_in`] returned `None`.
#[cold]
pub(crate) fn decode_error(packet: &str) -> DecodeError {
    match packet.as_bytes().first() {
        None => DecodeError::Empty,
        Some(b'b') => DecodeError::Base64,
        Some(first) => DecodeError::UnknownType(*first),
    }
}

fn push(out: &mut String, prefix: char, text: &str) {
    out.push(prefix);
    out.push_str(text);
}
