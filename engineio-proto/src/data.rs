//! The data of a `message` packet: text or binary.

use bytes::Bytes;

/// Text over shared bytes, whose UTF-8 is checked once: an alias of [`bytestring::ByteString`]. It derefs to `str`.
///
/// A slice of a receive buffer passes from the WebSocket layer to the application without a copy.
///
/// ```
/// use engineio_proto::Text;
///
/// let text = Text::from("hello");
/// assert_eq!(&*text, "hello");
/// assert_eq!(text.slice_ref(&text[1..]), "ello"); // shares the bytes
/// ```
pub type Text = bytestring::ByteString;

/// The data of a `message` packet.
///
/// Exhaustive: the protocol has only these two kinds.
///
/// ```
/// use engineio_proto::Data;
///
/// assert_eq!(Data::from("hi"), Data::Text("hi".into()));
/// assert_eq!(Data::from(vec![1, 2]).len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Data {
    /// Text; `4<text>` on the wire.
    Text(Text),
    /// Binary: a binary frame over WebSocket, `b<base64>` in a polling payload.
    Binary(Bytes),
}

impl Data {
    /// The length in bytes; that of text is the length of its UTF-8.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether the length is zero. An empty message is valid.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Text> for Data {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Data {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}
