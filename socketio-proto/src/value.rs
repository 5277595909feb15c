//! Dynamic values: JSON with bytes in it.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::de::number;
use crate::placeholder::Attachments;
use crate::walk::{self, Cursor, Unreadable};
use crate::{ArgsError, handoff};

/// A value of any shape: what [`Args::values`](crate::Args::values) yields, and what can be sent when a shape is only known
/// at run time.
///
/// Texts are borrowed from the packet unless they have escapes. Objects keep the order and the duplicates of their entries.
/// Attachments are shared, in both directions.
///
/// ```
/// use bytes::Bytes;
/// use socketio_proto::{Args, Value};
///
/// let args = Args::encode(&("a", Value::from(Bytes::from_static(b"\x01")), 1.5))?;
/// let values = args.values()?;
/// assert_eq!(values[0].as_str(), Some("a"));
/// assert_eq!(values[1], Value::Binary(Bytes::from_static(b"\x01")));
/// assert_eq!(values[2].as_f64(), Some(1.5));
///
/// let owned: (String, Value<'static>) = args.get()?;
/// assert_eq!(owned.1, values[1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Memory: a value takes 40 bytes (`0` in an array is 2 bytes of JSON), an entry of an object 64, and a container has room for up to
/// twice what is in it.
///
/// Exhaustive: JSON has no other kinds. Values that were read have at most [`Limits::max_depth`](crate::Limits::max_depth)
/// containers in each other, so it is safe to drop them or to walk them by recursion.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value<'a> {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, not yet converted.
    Number(Number<'a>),
    /// A string.
    String(Cow<'a, str>),
    /// An attachment.
    Binary(Bytes),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// A number as it is spelled in JSON; no digit is lost. Equal if spelled equally.
///
/// ```
/// use socketio_proto::Number;
///
/// assert_eq!(Number::from(7).as_str(), "7");
/// assert_eq!(Number::from(-7).as_u64(), None);
/// assert_eq!(Number::from(7).as_f64(), Some(7.0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number<'a>(Cow<'a, str>);

impl Number<'_> {
    /// The number as spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, if it is written as an integer and fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The number, if it is written as an integer and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The nearest float; infinite beyond its range, as in JavaScript.
    pub fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok()
    }
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Number<'_> {
            fn from(number: $integer) -> Self {
                Self(Cow::Owned(number.to_string()))
            }
        }

        impl From<$integer> for Value<'_> {
            fn from(number: $integer) -> Self {
                Value::Number(number.into())
            }
        }
    )*};
}

from_integers! { i32 i64 u32 u64 }

/// A number that JSON lacks becomes `Null`.
impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        match serde_json::Number::from_f64(number) {
            Some(number) => Value::Number(Number(Cow::Owned(number.to_string()))),
            None => Value::Null,
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::String(Cow::Owned(text))
    }
}

impl From<Bytes> for Value<'_> {
    fn from(bytes: Bytes) -> Self {
        Value::Binary(bytes)
    }
}

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(elements: Vec<Value<'a>>) -> Self {
        Value::Array(elements)
    }
}

impl<'a> Value<'a> {
    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The integer, if it is a number written as one, and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// The float next to the number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    /// The bytes, if it is an attachment.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Value::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The value under a key, if it is an object; of several the last, as in JavaScript.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        match self {
            Value::Object(entries) => entries.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same value with texts of its own; attachments stay shared.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(truth) => Value::Bool(truth),
            Value::Number(Number(text)) => Value::Number(Number(Cow::Owned(text.into_owned()))),
            Value::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Value::Binary(bytes) => Value::Binary(bytes),
            Value::Array(elements) => Value::Array(elements.into_iter().map(Value::into_owned).collect()),
            Value::Object(entries) => Value::Object(
                entries.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned())).collect(),
            ),
        }
    }
}

/// Reads values of checked JSON.
pub(crate) struct Reader<'c, 'a> {
    cursor: Cursor<'a>,
    attachments: &'c Attachments,
    objects: Room,
    arrays: Room,
}

impl<'c, 'a> Reader<'c, 'a> {
    pub(crate) fn new(cursor: Cursor<'a>, attachments: &'c Attachments) -> Self {
        Self { cursor, attachments, objects: Room::new(8), arrays: Room::new(4) }
    }

    /// Reads all values of a list, with so many containers in each other at most.
    pub(crate) fn list(mut self, max_depth: u16) -> Result<Vec<Value<'a>>, ArgsError> {
        let mut values = Vec::new();
        while self.cursor.peek().is_some() {
            values.push(Value::Null);
            if let Some(place) = values.last_mut() {
                self.read(max_depth, place).map_err(|error| ArgsError::from(error).at(values.len() - 1))?;
            }
            self.cursor.eat(b',');
        }
        Ok(values)
    }

    /// Reads the next value into its place; moving values about would take longer than reading them.
    fn read(&mut self, depth: u16, place: &mut Value<'a>) -> Result<(), Unreadable> {
        match self.cursor.peek() {
            Some(b'"') => *place = Value::String(self.cursor.string().read()),
            Some(b'{') => {
                if let Some((bytes, end)) = self.attachments.at(self.cursor.offset()) {
                    *place = Value::Binary(bytes.clone());
                    self.cursor.jump(end);
                    return Ok(());
                }
                let depth = walk::deeper(depth)?;
                self.cursor.step();
                let mut entries = match self.cursor.peek() {
                    Some(b'"') => Vec::with_capacity(self.objects.take(depth)),
                    _ => Vec::new(),
                };
                while self.cursor.peek() == Some(b'"') {
                    entries.push((self.cursor.string().read(), Value::Null));
                    self.cursor.eat(b':');
                    if let Some((_, place)) = entries.last_mut() {
                        self.read(depth, place)?;
                    }
                    self.cursor.eat(b',');
                }
                self.cursor.step();
                self.objects.put(depth, entries.len());
                *place = Value::Object(entries);
            }
            Some(b'[') => {
                let depth = walk::deeper(depth)?;
                self.cursor.step();
                let mut elements = match self.cursor.peek() {
                    Some(b']') | None => Vec::new(),
                    _ => Vec::with_capacity(self.arrays.take(depth)),
                };
                while !matches!(self.cursor.peek(), Some(b']') | None) {
                    elements.push(Value::Null);
                    if let Some(place) = elements.last_mut() {
                        self.read(depth, place)?;
                    }
                    self.cursor.eat(b',');
                }
                self.cursor.step();
                self.arrays.put(depth, elements.len());
                *place = Value::Array(elements);
            }
            Some(b'n') => _ = self.cursor.scalar(),
            Some(b't' | b'f') => *place = Value::Bool(self.cursor.scalar() == "true"),
            _ => *place = Value::Number(Number(Cow::Borrowed(self.cursor.scalar()))),
        }
        Ok(())
    }
}

/// How many elements a container is given room for: as many as the last one of the same depth had, for alike follows alike.
///
/// That is asked once for each container that has been read. One of which nothing is known grows from 1, so memory stays in
/// proportion to the text.
struct Room([u8; Self::LEVELS]);

impl Room {
    /// Depths that are told apart.
    const LEVELS: usize = 8;

    const fn new(first: u8) -> Self {
        Self([first; Self::LEVELS])
    }

    #[inline(always)]
    fn of(&mut self, depth: u16) -> Option<&mut u8> {
        self.0.get_mut(usize::from(depth) % Self::LEVELS)
    }

    #[inline(always)]
    fn take(&mut self, depth: u16) -> usize {
        self.of(depth).map_or(1, |room| usize::from(std::mem::replace(room, 1)))
    }

    #[inline(always)]
    fn put(&mut self, depth: u16, len: usize) {
        if let Some(room) = self.of(depth) {
            *room = len.clamp(1, usize::from(u8::MAX)) as u8;
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Number(number) => number.serialize(serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Binary(bytes) => handoff::lend_bytes(bytes, |slice| serializer.serialize_bytes(slice)),
            Value::Array(elements) => serializer.collect_seq(elements),
            Value::Object(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl Serialize for Number<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.0, Rewrite(serializer)).map_err(serde::ser::Error::custom)?
    }
}

/// Serializes the number that it visits.
struct Rewrite<S>(S);

impl<S: Serializer> Visitor<'_> for Rewrite<S> {
    type Value = Result<S::Ok, S::Error>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.0.serialize_u64(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.0.serialize_i64(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(self.0.serialize_f64(number))
    }
}

/// Owns what it reads, as `Cow` does in serde; [`Args::values`](crate::Args::values) borrows.
impl<'de> Deserialize<'de> for Value<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor).map(|value: Value<'static>| value)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value<'static>, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value<'static>, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'static>, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value<'static>, E> {
        Ok(truth.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'static>, E> {
        Ok(number.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value<'static>, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value<'static>, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'static>, E> {
        Ok(text.to_owned().into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value<'static>, E> {
        Ok(text.into())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value<'static>, E> {
        Ok(handoff::take_bytes(bytes).into())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value<'static>, E> {
        Ok(Bytes::from(bytes).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value<'static>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = access.next_element::<Value<'static>>()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value<'static>, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = access.next_entry::<String, Value<'static>>()? {
            entries.push((Cow::Owned(key), value));
        }
        Ok(Value::Object(entries))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'static>, D::Error> {
        deserializer.deserialize_any(self)
    }
}
