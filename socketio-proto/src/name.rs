//! Event names.

use std::fmt;
use std::ops::Deref;

use crate::walk::{self, Cursor, JsonStr};
use crate::{DecodeError, Number, Text};

/// Names reserved for the implementation. Refused as event names when encoding and when decoding.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// The name of an event: a string, or the text of a number as the peer wrote it.
///
/// Escapes are decoded, a lone surrogate as U+FFFD. A name without escapes shares the bytes of its message. Derefs to
/// `str`.
///
/// ```
/// use socketio_proto::EventName;
///
/// let name = EventName::from("chat message");
/// assert_eq!(&*name, "chat message");
/// assert!(!name.is_number());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventName {
    text: Text,
    number: bool,
}

impl EventName {
    /// The name as shared text.
    pub fn as_text(&self) -> &Text {
        &self.text
    }

    /// A copy in its own allocation.
    pub(crate) fn copied(&self) -> Self {
        Self { text: Text::from(&*self.text), number: self.number }
    }

    /// Whether the peer sent a number.
    pub fn is_number(&self) -> bool {
        self.number
    }

    /// Reads the name, the next value at `cursor`, whose text is a part of `message`.
    #[inline(always)]
    pub(crate) fn read(message: &Text, cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        match cursor.peek() {
            Some(b'"') => {
                let text = match cursor.string() {
                    JsonStr::Plain(plain) => message.slice_ref(plain),
                    JsonStr::Escaped(quoted) => walk::unescape(quoted).into(),
                };
                match is_reserved(&text) {
                    true => Err(DecodeError::ReservedName),
                    false => Ok(Self { text, number: false }),
                }
            }
            Some(b'-' | b'0'..=b'9') => Ok(Self { text: message.slice_ref(cursor.scalar()), number: true }),
            _ => Err(DecodeError::EventName),
        }
    }
}

macro_rules! from_text {
    ($($text:ty)*) => {$(
        impl From<$text> for EventName {
            fn from(name: $text) -> Self {
                Self { text: name.into(), number: false }
            }
        }
    )*};
}

from_text! { &str String Text }

/// A number as the name, which the reference also allows.
impl From<Number<'_>> for EventName {
    fn from(number: Number<'_>) -> Self {
        Self { text: number.as_str().into(), number: true }
    }
}

impl From<EventName> for Text {
    fn from(name: EventName) -> Self {
        name.text
    }
}

impl Deref for EventName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl AsRef<str> for EventName {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}
