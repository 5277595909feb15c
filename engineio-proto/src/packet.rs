//! One packet: its type and its data.

use crate::{Data, DecodeError, Text, base64};
use bytes::Bytes;

/// One Engine.IO packet.
///
/// Exhaustive: the seven types of protocol revision 4, each with the data it can carry. What a peer
/// appends to a type that carries nothing (`1x`) is dropped, as nobody reads it.
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
    /// `0`: the handshake, JSON, from the server.
    Open(Text),
    /// `1`: the sender closes the session.
    Close,
    /// `2`: heartbeat of the server (no text), or the client's `probe` on a new transport.
    Ping(Text),
    /// `3`: the answer to a ping, with the same text.
    Pong(Text),
    /// `4`, or a binary frame, or `b` and base64: data of the application.
    Message(Data),
    /// `5`: the client moves to this transport.
    Upgrade,
    /// `6`: nothing; lets a waiting poll go.
    Noop,
}

/// A packet cut for a WebSocket: its text or binary frame is the prefix, if any, and the body behind it.
///
/// The body shares the packet's bytes, unless it had to become base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// A binary frame; else a text frame, whose prefix and body together are UTF-8.
    pub binary: bool,
    /// The byte in front of the body: the packet's type, or `b` in front of base64. None in a binary frame.
    pub prefix: Option<u8>,
    /// The data, which may be empty.
    pub body: Bytes,
}

impl Packet {
    /// Reads a WebSocket text frame, or what stands between two separators of a payload.
    ///
    /// `b` and base64 is accepted on both, as the reference does. The data shares the bytes of `wire`; only
    /// base64 is a copy.
    #[inline]
    pub fn decode_text(wire: Text) -> Result<Self, DecodeError> {
        Self::decode_in(&wire, &wire).ok_or_else(|| fault(&wire))
    }

    /// Takes a WebSocket binary frame, which is a message whatever it holds.
    #[inline]
    pub fn decode_binary(wire: Bytes) -> Self {
        Self::Message(Data::Binary(wire))
    }

    /// Reads `packet`, a part of `buffer`, whose bytes the result shares. None if it is malformed; [`fault`] says how.
    ///
    /// No `Result`: the compiler lays it out so that moving it costs as much as reading the packet.
    #[inline]
    pub(crate) fn decode_in(buffer: &Text, packet: &str) -> Option<Self> {
        let first = packet.as_bytes().first()?;
        // A first character beyond ASCII is no type, so what is left always begins at a boundary.
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

    /// The type byte in front of the data in a text frame; None for a binary message, which is a frame of its own kind.
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

    /// The data behind the type; empty for a type that carries none.
    #[inline]
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Open(text) | Self::Ping(text) | Self::Pong(text) => text.as_bytes(),
            Self::Message(Data::Text(text)) => text.as_bytes(),
            Self::Message(Data::Binary(bytes)) => bytes,
            Self::Close | Self::Upgrade | Self::Noop => &[],
        }
    }

    /// Cuts the packet for a WebSocket, without a copy.
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

    /// Cuts the packet for a WebSocket whose client takes text frames only (`b64=1`): binary becomes `b` and base64, which is a
    /// copy; anything else is as by [`Packet::into_frame`].
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

    /// How many bytes the packet takes in a payload.
    #[inline]
    pub(crate) fn payload_len(&self) -> usize {
        match self {
            Self::Message(Data::Binary(bytes)) => 1 + base64::encoded_len(bytes.len()),
            packet => 1 + packet.body().len(),
        }
    }

    /// Appends the packet as it stands in a payload.
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

/// What is wrong with a packet that [`Packet::decode_in`] has none for.
#[cold]
pub(crate) fn fault(packet: &str) -> DecodeError {
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
