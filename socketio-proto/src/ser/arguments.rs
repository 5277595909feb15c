//! Serializes a value as an argument list.

use bytes::Bytes;
use serde::ser::{Error as _, Serialize, SerializeTuple, Serializer};
use serde_json::Error;

use super::extract::Extract;
use crate::handoff;
use crate::placeholder::Attachments;

type Out<'a> = &'a mut Vec<u8>;
type Json<'a> = serde_json::Serializer<Out<'a>, Extract<'a>>;

/// Writes one value: a tuple as the argument list, raw arguments unchanged, anything else as a single argument. Writes
/// nothing for a unit: see [`is_unit`](Self::is_unit).
pub(crate) struct Arguments<'a> {
    parts: Option<(Out<'a>, &'a mut Vec<Bytes>)>,
    /// The serializer of the one argument. It lives here because serde's compounds borrow it.
    one: Option<Json<'a>>,
    separated: bool,
    raw: Option<Attachments>,
    unit: bool,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(out: Out<'a>, found: &'a mut Vec<Bytes>, separated: bool) -> Self {
        Self { parts: Some((out, found)), one: None, separated, raw: None, unit: false }
    }

    /// The attachments, if the value was raw arguments.
    pub(crate) fn into_raw(self) -> Option<Attachments> {
        self.raw
    }

    /// Whether the value was a unit. Nothing has been written for it, because its type decides whether it is a null or
    /// an empty list.
    pub(crate) fn is_unit(&self) -> bool {
        self.unit
    }

    fn out(&mut self) -> Result<Out<'_>, Error> {
        // Can't happen: serde calls a serializer once.
        self.parts.as_mut().map(|(out, _)| &mut **out).ok_or_else(|| Error::custom("serialized twice"))
    }

    fn one(&mut self) -> Result<&mut Json<'a>, Error> {
        if self.separated {
            self.out()?.push(b',');
        }
        let (out, found) = self.parts.take().ok_or_else(|| Error::custom("serialized twice"))?;
        Ok(self.one.insert(serde_json::Serializer::with_formatter(out, Extract { found })))
    }
}

/// Each element of a tuple is an argument.
impl SerializeTuple for &mut Arguments<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let separated = std::mem::replace(&mut self.separated, true);
        let Some((out, found)) = &mut self.parts else { return Err(Error::custom("serialized twice")) };
        if separated {
            out.push(b',');
        }
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut **out, Extract { found }))
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

macro_rules! one_argument {
    ($($method:ident($($name:ident: $type:ty),*) -> $ok:ty;)*) => {$(
        #[inline]
        fn $method(self, $($name: $type),*) -> Result<$ok, Error> {
            self.one()?.$method($($name),*)
        }
    )*};
}

impl<'s, 'a> Serializer for &'s mut Arguments<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeTuple = Self;
    type SerializeSeq = <&'s mut Json<'a> as Serializer>::SerializeSeq;
    type SerializeTupleStruct = <&'s mut Json<'a> as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant = <&'s mut Json<'a> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <&'s mut Json<'a> as Serializer>::SerializeMap;
    type SerializeStruct = <&'s mut Json<'a> as Serializer>::SerializeStruct;
    type SerializeStructVariant = <&'s mut Json<'a> as Serializer>::SerializeStructVariant;

    fn serialize_tuple(self, _len: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.unit = true;
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        match handoff::take_args() {
            Some(args) if name == handoff::ARGS => {
                if !args.is_empty() {
                    let separated = self.separated;
                    let out = self.out()?;
                    if separated {
                        out.push(b',');
                    }
                    out.extend_from_slice(args.json().as_bytes());
                }
                self.raw = Some(args.shared_attachments().clone());
                Ok(())
            }
            _ => self.one()?.serialize_newtype_struct(name, value),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.one()?.serialize_some(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.one()?.serialize_newtype_variant(name, index, variant, value)
    }

    one_argument! {
        serialize_bool(value: bool) -> ();
        serialize_i8(value: i8) -> ();
        serialize_i16(value: i16) -> ();
        serialize_i32(value: i32) -> ();
        serialize_i64(value: i64) -> ();
        serialize_i128(value: i128) -> ();
        serialize_u8(value: u8) -> ();
        serialize_u16(value: u16) -> ();
        serialize_u32(value: u32) -> ();
        serialize_u64(value: u64) -> ();
        serialize_u128(value: u128) -> ();
        serialize_f32(value: f32) -> ();
        serialize_f64(value: f64) -> ();
        serialize_char(value: char) -> ();
        serialize_str(value: &str) -> ();
        serialize_bytes(value: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit_struct(name: &'static str) -> ();
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> ();
        serialize_seq(len: Option<usize>) -> Self::SerializeSeq;
        serialize_tuple_struct(name: &'static str, len: usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> Self::SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> Self::SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> Self::SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> Self::SerializeStructVariant;
    }
}
