//! Numbers and strings, passed to a visitor as serde_json does.

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

use crate::ArgsError;
use crate::walk::{self, JsonStr};

/// A number, classified as in serde_json: an integer if it fits into 64 bits, else a float, which is infinite beyond
/// its range, as in JavaScript.
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

/// Passes a number to the visitor, as an integer or a float.
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

/// Passes the bytes of a string. A lone surrogate is encoded as three bytes (WTF-8), because the result need not be
/// text.
pub(super) fn bytes<'de, V: Visitor<'de>>(string: JsonStr<'de>, visitor: V) -> Result<V::Value, ArgsError> {
    match string {
        JsonStr::Plain(text) => visitor.visit_borrowed_bytes(text.as_bytes()),
        JsonStr::Escaped(quoted) => {
            serde_json::Deserializer::from_str(quoted).deserialize_bytes(visitor).map_err(ArgsError::custom)
        }
    }
}
