//! An object key: a string that may also be read as a number or a boolean, as in serde_json.

use serde::Deserializer;
use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{Error, Unexpected, Visitor};

use super::scalar;
use crate::walk::{self, JsonStr};
use crate::{ArgsError, json};

#[derive(Clone, Copy)]
pub(super) struct Key<'de>(pub(super) JsonStr<'de>);

impl<'de> Key<'de> {
    /// The key's text, if it is a JSON number.
    fn number<V: Visitor<'de>>(self, visitor: &V) -> Result<&'de str, ArgsError> {
        match self.0 {
            JsonStr::Plain(text) if is_number(text) => Ok(text),
            _ => Err(self.mismatch(visitor)),
        }
    }

    #[cold]
    fn mismatch<V: Visitor<'de>>(self, visitor: &V) -> ArgsError {
        ArgsError::invalid_type(Unexpected::Str(&self.0.read()), visitor)
    }
}

fn is_number(text: &str) -> bool {
    // Valid JSON that begins like a number and ends with a digit is a number.
    matches!(text.as_bytes(), [b'-' | b'0'..=b'9', ..])
        && text.ends_with(|end: char| end.is_ascii_digit())
        && json::check(text).is_ok()
}

macro_rules! numbers {
    ($($method:ident: $read:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
            scalar::$read(self.number(&visitor)?, visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = ArgsError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        scalar::text(self.0, visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.0 {
            JsonStr::Plain("true") => visitor.visit_bool(true),
            JsonStr::Plain("false") => visitor.visit_bool(false),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        scalar::bytes(self.0, visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        scalar::bytes(self.0, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        match self.0 {
            JsonStr::Plain(text) => BorrowedStrDeserializer::new(text).deserialize_enum(name, variants, visitor),
            JsonStr::Escaped(quoted) => {
                StringDeserializer::new(walk::unescape(quoted)).deserialize_enum(name, variants, visitor)
            }
        }
    }

    numbers! {
        deserialize_i8: number;
        deserialize_i16: number;
        deserialize_i32: number;
        deserialize_i64: number;
        deserialize_i128: i128;
        deserialize_u8: number;
        deserialize_u16: number;
        deserialize_u32: number;
        deserialize_u64: number;
        deserialize_u128: u128;
        deserialize_f32: number;
        deserialize_f64: number;
    }

    serde::forward_to_deserialize_any! {
        char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
