//! Deserializes an argument list: a tuple reads the list, a unit reads nothing, any other type reads the first
//! argument.

use serde::Deserializer;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};

use super::source::Source;
use crate::{Args, ArgsError, handoff};

#[derive(Clone, Copy)]
pub(crate) struct ArgsDeserializer<'de> {
    args: &'de Args,
}

impl<'de> ArgsDeserializer<'de> {
    pub(crate) fn new(args: &'de Args) -> Self {
        Self { args }
    }

    fn source(self) -> Source<'de> {
        Source::new(self.args.json(), self.args.shared_attachments(), self.args.depth())
    }

    /// Reads the first argument.
    #[inline]
    fn first<T>(
        self,
        read: impl FnOnce(&mut Source<'de>) -> Result<T, ArgsError>,
        missing: impl FnOnce() -> Result<T, ArgsError>,
    ) -> Result<T, ArgsError> {
        match self.args.is_empty() {
            true => missing(),
            false => read(&mut self.source()).map_err(|error| error.at(0)),
        }
    }
}

macro_rules! first_argument {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, ArgsError> {
            self.first(|source| source.$method($($name,)* visitor), || Err(ArgsError::missing(0)))
        }
    )*};
}

impl<'de> Deserializer<'de> for ArgsDeserializer<'de> {
    type Error = ArgsError;

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_seq(List { source: self.source(), next: 0, len })
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        match self.args.is_empty() {
            true => visitor.visit_none(),
            false => self.source().deserialize_option(visitor).map_err(|error| error.at(0)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ArgsError> {
        match name {
            handoff::ARGS => handoff::lend_args(self.args, || visitor.visit_unit()),
            _ => self.first(|source| source.deserialize_newtype_struct(name, visitor), || Err(ArgsError::missing(0))),
        }
    }

    first_argument! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_identifier();
        deserialize_seq();
        deserialize_map();
        deserialize_unit_struct(name: &'static str);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }
}

struct List<'de> {
    source: Source<'de>,
    next: usize,
    len: usize,
}

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = ArgsError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ArgsError> {
        if self.next == self.len {
            return Ok(None);
        }
        let index = self.next;
        self.next += 1;
        let element = match self.source.peek() {
            Some(_) => seed.deserialize(&mut self.source).map_err(|error| error.at(index))?,
            None => seed.deserialize(Missing(index))?,
        };
        self.source.comma();
        Ok(Some(element))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.next)
    }
}

/// A missing argument: `None` for an `Option`, an error for any other type.
struct Missing(usize);

impl<'de> Deserializer<'de> for Missing {
    type Error = ArgsError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ArgsError> {
        Err(ArgsError::missing(self.0))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_none()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ArgsError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier
    }
}
