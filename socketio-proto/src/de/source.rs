//! The values of checked JSON, attachments in place.

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

/// Where the next value is read.
pub(crate) struct Source<'de> {
    cursor: Cursor<'de>,
    attachments: &'de Attachments,
    /// How many containers there may be within the next value.
    depth: u16,
    /// How many there may be in all.
    max_depth: u16,
    /// For the values of any shape.
    room: value::Room,
}

impl<'de> Source<'de> {
    pub(super) fn new(list: &'de str, attachments: &'de Attachments, depth: u16) -> Self {
        Self { cursor: Cursor::new(list), attachments, depth, max_depth: depth, room: value::Room::default() }
    }

    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.cursor.peek()
    }

    #[inline]
    pub(super) fn comma(&mut self) {
        self.cursor.eat(b',');
    }

    /// Reads a [`Value`](crate::Value). One that is more than serde can say is lent.
    #[inline]
    fn value<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ArgsError> {
        let here = self.cursor;
        match self.peek() {
            Some(b'{' | b'[') => {}
            Some(b'-' | b'0'..=b'9') => match Number::parse(self.cursor.scalar())? {
                Number::Unsigned(number) => return visitor.visit_u64(number),
                Number::Signed(number) => return visitor.visit_i64(number),
                // With its digits.
                Number::Float(_) => self.cursor = here,
            },
            Some(b'n') => return self.deserialize_option(visitor),
            _ => return self.deserialize_any(visitor),
        }
        let mut reader = value::Reader { cursor: self.cursor, attachments: self.attachments, room: self.room };
        let value = reader.owned(self.depth)?;
        (self.cursor, self.room) = (reader.cursor, reader.room);
        handoff::lend_value(value, || visitor.visit_unit())
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
    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ArgsError> {
        self.container(b']', |source| visitor.visit_seq(Elements::new(source)))
    }

    /// Reads what begins with a brace: an object, or an attachment.
    #[inline]
    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.attachment(visitor)? {
            Ok(value) => Ok(value),
            Err(visitor) => self.container(b'}', |source| visitor.visit_map(Elements::new(source))),
        }
    }

    /// Reads what is not of the kind that was asked for: an attachment, which the visitor may take, else an error.
    #[cold]
    fn other<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, ArgsError> {
        self.peek();
        match self.attachment(visitor)? {
            Ok(value) => Ok(value),
            Err(visitor) => Err(self.mismatch(&visitor)),
        }
    }

    /// The error that says what was found in place of what was asked for.
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

/// Each method takes what serde_json's takes and no more. A visitor may know more kinds of values than it asks for: that of a
/// variant's name takes a number as well, which would be another way to spell the variant.
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

    /// Attachments are not taken: the bytes of one are no name.
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
        seed.deserialize(Key(self.source.cursor.string())).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ArgsError> {
        self.source.cursor.eat(b':');
        seed.deserialize(&mut *self.source)
    }
}

/// The parts of a [`Json`](crate::Json): its text, and how deep it may be read.
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
