//! Deserializes values of checked JSON, with attachments in place of their placeholders.

use serde::de::value::{BorrowedStrDeserializer, U16Deserializer};
use serde::de::{
    DeserializeSeed, EnumAccess, Error, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::{Deserialize, Deserializer};

use super::key::Key;
use super::scalar::{self, Number};
use crate::placeholder::Attachments;
use crate::walk::{self, Cursor};
use crate::{ArgsError, handoff, json, value};

/// A deserializer positioned at the next value.
pub(crate) struct Source<'de> {
    cursor: Cursor<'de>,
    attachments: &'de Attachments,
    /// Maximum nesting depth of the next value.
    depth: u16,
    /// Maximum nesting depth of an argument.
    max_depth: u16,
    /// For dynamic values.
    hints: value::CapacityHints,
}

impl<'de> Source<'de> {
    pub(super) fn new(list: &'de str, attachments: &'de Attachments, depth: u16) -> Self {
        Self { cursor: Cursor::new(list), attachments, depth, max_depth: depth, hints: value::CapacityHints::default() }
    }

    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.cursor.peek()
    }

    #[inline]
    pub(super) fn comma(&mut self) {
        self.cursor.eat(b',');
    }

    /// Reads a [`Value`](crate::Value). Containers and numbers that need their digits don't fit serde's data model, so
    /// they are lent to the visitor.
    #[inline]
    fn value<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ArgsError> {
        let here = self.cursor;
        match self.peek() {
            Some(b'{' | b'[') => {}
            Some(b'-' | b'0'..=b'9') => match Number::parse(self.cursor.scalar())? {
                Number::Unsigned(number) => return visitor.visit_u64(number),
                Number::Signed(number) => return visitor.visit_i64(number),
                // Lent below, with all its digits.
                Number::Float(_) => self.cursor = here,
            },
            Some(b'n') => return self.deserialize_option(visitor),
            _ => return self.deserialize_any(visitor),
        }
        let mut reader = value::Reader { cursor: self.cursor, attachments: self.attachments, hints: self.hints };
        let value = reader.owned(self.depth)?;
        (self.cursor, self.hints) = (reader.cursor, reader.hints);
        handoff::lend_value(value, || visitor.visit_unit())
    }

    /// If a placeholder begins here, skips it and passes its attachment to the visitor. Otherwise returns the visitor.
    #[inline]
    fn attachment<V: Visitor<'de>>(&mut self, visitor: V) -> Result<Result<V::Value, V>, ArgsError> {
        let Some((bytes, end)) = self.attachments.at(self.cursor.offset()) else { return Ok(Err(visitor)) };
        self.cursor.jump(end);
        handoff::lend_bytes(bytes, |_| visitor.visit_borrowed_bytes(bytes)).map(Ok)
    }

    /// Enters a container and reads it. Unread elements or entries are an error.
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
    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ArgsError> {
        self.container(b']', |source| visitor.visit_seq(Elements::new(source)))
    }

    /// Reads a value that begins with a brace: an object or an attachment.
    #[inline]
    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.attachment(visitor)? {
            Ok(value) => Ok(value),
            Err(visitor) => self.container(b'}', |source| visitor.visit_map(Elements::new(source))),
        }
    }

    /// Reads a value of another kind than requested: passes an attachment to the visitor, which may accept it; anything
    /// else is an error.
    #[cold]
    fn other<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ArgsError> {
        self.peek();
        match self.attachment(visitor)? {
            Ok(value) => Ok(value),
            Err(visitor) => Err(self.mismatch(&visitor)),
        }
    }

    /// The error for a value of another kind than expected.
    #[cold]
    fn mismatch(&mut self, expected: &dyn Expected) -> ArgsError {
        let found = match self.peek() {
            Some(b'"') => return ArgsError::invalid_type(Unexpected::Str(&self.cursor.string().read()), expected),
            Some(b'{') if self.attachments.at(self.cursor.offset()).is_some() => Unexpected::Other("an attachment"),
            Some(b'{') => Unexpected::Map,
            Some(b'[') => Unexpected::Seq,
            _ => match self.cursor.scalar() {
                "null" => Unexpected::Unit,
                "true" => Unexpected::Bool(true),
                "false" => Unexpected::Bool(false),
                text => match Number::parse(text) {
                    Ok(number) => number.unexpected(),
                    Err(error) => return error,
                },
            },
        };
        ArgsError::invalid_type(found, expected)
    }
}

macro_rules! numbers {
    ($($method:ident: $read:ident;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
            match self.peek() {
                Some(b'-' | b'0'..=b'9') => scalar::$read(self.cursor.scalar(), visitor),
                _ => self.other(visitor),
            }
        }
    )*};
}

/// Each method accepts what serde_json's accepts and no more, even where the visitor accepts more: the visitor of a
/// variant name also accepts an index, which would be a second spelling of the variant.
impl<'de> Deserializer<'de> for &mut Source<'de> {
    type Error = ArgsError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'"') => scalar::text(self.cursor.string(), visitor),
            Some(b'{') => self.object(visitor),
            Some(b'[') => self.array(visitor),
            _ => match self.cursor.scalar() {
                "null" => visitor.visit_unit(),
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                text => scalar::number(text, visitor),
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
        match name {
            json::NEWTYPE => {}
            value::NEWTYPE => return self.value(visitor),
            _ => return visitor.visit_newtype_struct(self),
        }
        self.peek();
        let from = self.cursor.offset();
        self.cursor.skip();
        let to = self.cursor.offset();
        if self.attachments.any_within(from..to) {
            return Err(ArgsError::new("binary where JSON is expected"));
        }
        visitor.visit_seq(Raw { text: Some(self.cursor.between(from, to)), depth: self.max_depth })
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b't' | b'f') => visitor.visit_bool(self.cursor.scalar() == "true"),
            _ => self.other(visitor),
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

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'"') => scalar::text(self.cursor.string(), visitor),
            _ => self.other(visitor),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        self.deserialize_str(visitor)
    }

    /// Does not accept an attachment: its bytes are not an identifier.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'"') => scalar::text(self.cursor.string(), visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'"') => scalar::bytes(self.cursor.string(), visitor),
            Some(b'[') => self.array(visitor),
            _ => self.other(visitor),
        }
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'n') => {
                self.cursor.scalar();
                visitor.visit_unit()
            }
            _ => self.other(visitor),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ArgsError> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'[') => self.array(visitor),
            _ => self.other(visitor),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ArgsError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        self.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'{') => self.object(visitor),
            _ => self.other(visitor),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        match self.peek() {
            Some(b'{') => self.object(visitor),
            Some(b'[') => self.array(visitor),
            _ => self.other(visitor),
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
            Some(b'"') => Key(self.cursor.string()).deserialize_enum(name, variants, visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        self.cursor.skip();
        visitor.visit_unit()
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

    /// Whether another element or entry follows.
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
        seed.deserialize(Key(self.source.cursor.string())).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ArgsError> {
        self.source.cursor.eat(b':');
        seed.deserialize(&mut *self.source)
    }
}

/// The parts of a [`Json`](crate::Json): its text and its depth limit.
struct Raw<'de> {
    text: Option<&'de str>,
    depth: u16,
}

impl<'de> SeqAccess<'de> for Raw<'de> {
    type Error = ArgsError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ArgsError> {
        match self.text.take() {
            Some(text) => seed.deserialize(BorrowedStrDeserializer::new(text)).map(Some),
            None => seed.deserialize(U16Deserializer::new(self.depth)).map(Some),
        }
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
        let variant = seed.deserialize(Key(self.0.cursor.string()))?;
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

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
