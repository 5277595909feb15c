//! The values of checked JSON, attachments in place.

use serde::de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::key::Key;
use crate::placeholder::Attachments;
use crate::walk::{self, Cursor, JsonStr, MAX_DEPTH};
use crate::{ArgsError, handoff, json};

/// Where the next value is read.
pub(crate) struct Source<'de> {
    cursor: Cursor<'de>,
    attachments: &'de Attachments,
    depth: u8,
}

impl<'de> Source<'de> {
    pub(super) fn new(list: &'de str, attachments: &'de Attachments) -> Self {
        Self { cursor: Cursor::new(list), attachments, depth: MAX_DEPTH }
    }

    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.cursor.peek()
    }

    #[inline]
    pub(super) fn comma(&mut self) {
        self.cursor.eat(b',');
    }

    /// Steps over a placeholder, if one begins here, and hands out its attachment.
    #[inline]
    fn attachment<V: Visitor<'de>>(&mut self, visitor: V) -> Result<Result<V::Value, V>, ArgsError> {
        let Some((bytes, end)) = self.attachments.at(self.cursor.offset()) else { return Ok(Err(visitor)) };
        self.cursor.jump(end);
        handoff::lend_bytes(bytes, |_| visitor.visit_borrowed_bytes(bytes)).map(Ok)
    }

    /// Enters a container, reads it, and steps over what was left unread.
    #[inline]
    fn container<T>(
        &mut self,
        close: u8,
        read: impl FnOnce(&mut Self) -> Result<T, ArgsError>,
    ) -> Result<T, ArgsError> {
        self.depth = walk::deeper(self.depth)?;
        self.cursor.step();
        let value = read(self)?;
        if !self.cursor.eat(close) {
            return Err(ArgsError::new(if close == b']' { "trailing elements" } else { "trailing entries" }));
        }
        self.depth += 1;
        Ok(value)
    }

    #[inline]
    fn string<V: Visitor<'de>>(string: JsonStr<'de>, visitor: V) -> Result<V::Value, ArgsError> {
        match string {
            JsonStr::Plain(text) => visitor.visit_borrowed_str(text),
            JsonStr::Escaped(quoted) => visitor.visit_string(walk::unescape(quoted)),
        }
    }
}

/// Converts a number as serde_json does: an integer of 64 bits if it is one, else a float if it is finite.
#[inline]
pub(crate) fn number<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, ArgsError> {
    if let Ok(number) = text.parse::<u64>() {
        return visitor.visit_u64(number);
    }
    match text.parse::<i64>() {
        // `-0`
        Ok(0) => visitor.visit_f64(-0.0),
        Ok(number) => visitor.visit_i64(number),
        Err(_) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => visitor.visit_f64(number),
            _ => Err(ArgsError::new("number out of range")),
        },
    }
}

impl<'de> Deserializer<'de> for &mut Source<'de> {
    type Error = ArgsError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'"') => Source::string(self.cursor.string(), visitor),
            Some(b'{') => match self.attachment(visitor)? {
                Ok(value) => Ok(value),
                Err(visitor) => self.container(b'}', |source| visitor.visit_map(Elements::new(source))),
            },
            Some(b'[') => self.container(b']', |source| visitor.visit_seq(Elements::new(source))),
            _ => match self.cursor.scalar() {
                "null" => visitor.visit_unit(),
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                text => number(text, visitor),
            },
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        if self.peek() == Some(b'n') {
            self.cursor.scalar();
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        if name != json::NEWTYPE {
            return visitor.visit_newtype_struct(self);
        }
        self.peek();
        let from = self.cursor.offset();
        self.cursor.skip();
        let to = self.cursor.offset();
        if self.attachments.any_within(from..to) {
            return Err(ArgsError::new("binary where JSON is expected"));
        }
        visitor.visit_borrowed_str(self.cursor.between(from, to))
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        let here = self.cursor;
        match self.cursor.scalar().parse() {
            Ok(number) => visitor.visit_i128(number),
            Err(_) => {
                self.cursor = here;
                self.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        let here = self.cursor;
        match self.cursor.scalar().parse() {
            Ok(number) => visitor.visit_u128(number),
            Err(_) => {
                self.cursor = here;
                self.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'{') if self.attachments.at(self.cursor.offset()).is_none() => {
                self.container(b'}', |source| visitor.visit_enum(Variant(source)))
            }
            Some(b'"') => Key(self.cursor.string().read()).deserialize_enum(name, variants, visitor),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        self.cursor.skip();
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier
    }
}

/// The elements of an array, or the entries of an object.
struct Elements<'a, 'de> {
    source: &'a mut Source<'de>,
    first: bool,
}

impl<'a, 'de> Elements<'a, 'de> {
    fn new(source: &'a mut Source<'de>) -> Self {
        Self { source, first: true }
    }

    /// Whether there is another one.
    #[inline]
    fn more(&mut self, close: u8) -> bool {
        if !std::mem::replace(&mut self.first, false) {
            return self.source.cursor.eat(b',');
        }
        self.source.peek().is_some_and(|byte| byte != close)
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = ArgsError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ArgsError> {
        match self.more(b']') {
            true => seed.deserialize(&mut *self.source).map(Some),
            false => Ok(None),
        }
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = ArgsError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ArgsError> {
        if !self.more(b'}') {
            return Ok(None);
        }
        self.source.peek();
        seed.deserialize(Key(self.source.cursor.string().read())).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ArgsError> {
        self.source.cursor.eat(b':');
        seed.deserialize(&mut *self.source)
    }
}

/// `{"Variant": content}`
struct Variant<'a, 'de>(&'a mut Source<'de>);

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = ArgsError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ArgsError> {
        if self.0.peek() != Some(b'"') {
            return Err(ArgsError::custom("expected the name of a variant"));
        }
        let variant = seed.deserialize(Key(self.0.cursor.string().read()))?;
        self.0.cursor.eat(b':');
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = ArgsError;

    fn unit_variant(self) -> Result<(), ArgsError> {
        Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ArgsError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, ArgsError> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, ArgsError> {
        self.0.deserialize_map(visitor)
    }
}
