//! Numbers and strings, as serde_json hands them to a visitor.

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

use crate::ArgsError;
use crate::walk::{self, JsonStr};

/// A number as serde_json tells numbers apart: an integer if it is one of 64 bits, else a float. One beyond the range of a float
/// is infinite, as in JavaScript.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Number {
    #[inline]
    pub(super) fn parse(text: &str) -> Result<Self, ArgsError> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Unsigned(number));
        }
        match text.parse() {
            // `-0`
            Ok(0) => Ok(Self::Float(-0.0)),
            Ok(number) => Ok(Self::Signed(number)),
            Err(_) => text.parse().map(Self::Float).map_err(|_| ArgsError::new("invalid number")),
        }
    }

    pub(super) fn unexpected(self) -> Unexpected<'static> {
        match self {
            Self::Unsigned(number) => Unexpected::Unsigned(number),
            Self::Signed(number) => Unexpected::Signed(number),
            Self::Float(number) => Unexpected::Float(number),
        }
    }
}

/// Hands a number to a visitor that takes any.
#[inline]
pub(super) fn number<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, ArgsError> {
    match Number::parse(text)? {
        Number::Unsigned(number) => visitor.visit_u64(number),
        Number::Signed(number) => visitor.visit_i64(number),
        Number::Float(number) => visitor.visit_f64(number),
    }
}

pub(super) fn i128<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, ArgsError> {
    match text.parse() {
        Ok(number) => visitor.visit_i128(number),
        Err(_) => Err(ArgsError::invalid_type(Number::parse(text)?.unexpected(), &visitor)),
    }
}

pub(super) fn u128<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, ArgsError> {
    match text.parse() {
        Ok(number) => visitor.visit_u128(number),
        Err(_) => Err(ArgsError::invalid_type(Number::parse(text)?.unexpected(), &visitor)),
    }
}

#[inline]
pub(super) fn text<'de, V: Visitor<'de>>(string: JsonStr<'de>, visitor: V) -> Result<V::Value, ArgsError> {
    match string {
        JsonStr::Plain(text) => visitor.visit_borrowed_str(text),
        JsonStr::Escaped(quoted) => visitor.visit_string(walk::unescape(quoted)),
    }
}

/// The bytes of a string; half a surrogate pair in the three bytes that UTF-8 would have for it, as no text is made of it.
pub(super) fn bytes<'de, V: Visitor<'de>>(string: JsonStr<'de>, visitor: V) -> Result<V::Value, ArgsError> {
    match string {
        JsonStr::Plain(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
        JsonStr::Escaped(quoted) => {
            serde_json::Deserializer::from_str(quoted).deserialize_bytes(visitor).map_err(ArgsError::custom)
        }
    }
}
