//! Dynamic values: JSON with binary attachments.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::placeholder::Attachments;
use crate::walk::{self, Cursor, JsonStr, ReadError};
use crate::{ArgsError, handoff};

/// A JSON or binary value of any type: returned by [`Args::values`](crate::Args::values), and encodable where the type
/// is only known at run time.
///
/// Strings borrow from the packet unless they contain escapes. Objects keep the order of their entries and duplicate
/// keys. Attachments are shared, not copied, in decoding and encoding.
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
/// Memory: a value takes 40 bytes (a `0` in an array is 2 bytes of JSON), an object entry 64 bytes, and the capacity of
/// a container is up to twice its length.
///
/// Exhaustive: JSON has no other types. Decoded values are nested at most
/// [`Limits::max_depth`](crate::Limits::max_depth) containers deep, so they can be dropped and traversed recursively.
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
    Array(Vec<Self>),
    /// An object.
    Object(Vec<(Cow<'a, str>, Self)>),
}

/// A number as written in JSON. No digit is lost in decoding (see [`Value`]'s `Deserialize`) or encoding (see
/// `Serialize`). Two numbers are equal if they are written identically.
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
    /// The number as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number, if it is written as an integer and fits into a `u64`.
    #[inline]
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The number, if it is written as an integer and fits into an `i64`.
    #[inline]
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The nearest float; infinite beyond its range, as in JavaScript.
    #[inline]
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

/// NaN and infinities, which JSON can't represent, become `Null`.
impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        match serde_json::Number::from_f64(number) {
            Some(number) => Value::Number(Number(Cow::Owned(number.to_string()))),
            None => Value::Null,
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(boolean: bool) -> Self {
        Value::Bool(boolean)
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

impl<'a> From<Vec<Self>> for Value<'a> {
    fn from(elements: Vec<Self>) -> Self {
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

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(boolean) => Some(*boolean),
            _ => None,
        }
    }

    /// The integer, if it is a number written as one and fits into an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// The nearest float, if it is a number.
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
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Value::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The value of a key, if it is an object. The last one if the key is duplicated, as in JavaScript.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Value::Object(entries) => entries.iter().rev().find(|(own, _)| own == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Copies borrowed strings, so that the value owns them. Attachments stay shared.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(boolean) => Value::Bool(boolean),
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

/// Reads values from checked JSON.
pub(crate) struct Reader<'a> {
    pub(crate) cursor: Cursor<'a>,
    pub(crate) attachments: &'a Attachments,
    pub(crate) hints: CapacityHints,
}

impl<'a> Reader<'a> {
    /// Reads all values of a list, nested at most `depth` containers deep.
    pub(crate) fn list(mut self, depth: u16) -> Result<Vec<Value<'a>>, ArgsError> {
        let mut values = Vec::new();
        while self.cursor.peek().is_some() {
            values.push(Value::Null);
            if let Some(place) = values.last_mut() {
                self.read(Cow::Borrowed, depth, place).map_err(|error| ArgsError::from(error).at(values.len() - 1))?;
            }
            self.cursor.eat(b',');
        }
        Ok(values)
    }

    /// Reads the next value and copies its strings.
    pub(crate) fn owned(&mut self, depth: u16) -> Result<Value<'static>, ReadError> {
        let mut value = Value::Null;
        self.read(|text| Cow::Owned(text.to_owned()), depth, &mut value)?;
        Ok(value)
    }

    /// Reads the next value into `place`, because returning it by value would cost more in moves than the reading
    /// itself. `text` converts a string of the input into the one that is stored.
    fn read<'v>(
        &mut self,
        text: impl Fn(&'a str) -> Cow<'v, str> + Copy,
        depth: u16,
        place: &mut Value<'v>,
    ) -> Result<(), ReadError> {
        let string = |string: JsonStr<'a>| match string {
            JsonStr::Plain(plain) => text(plain),
            JsonStr::Escaped(quoted) => Cow::Owned(walk::unescape(quoted)),
        };
        match self.cursor.peek() {
            Some(b'"') => *place = Value::String(string(self.cursor.string())),
            Some(b'{') => {
                if let Some((bytes, end)) = self.attachments.at(self.cursor.offset()) {
                    *place = Value::Binary(bytes.clone());
                    self.cursor.jump(end);
                    return Ok(());
                }
                let depth = walk::deeper(depth)?;
                self.cursor.step();
                let mut entries = match self.cursor.peek() {
                    Some(b'"') => Vec::with_capacity(CapacityHints::take(&mut self.hints.objects, depth)),
                    _ => Vec::new(),
                };
                while self.cursor.peek() == Some(b'"') {
                    entries.push((string(self.cursor.string()), Value::Null));
                    self.cursor.eat(b':');
                    if let Some((_, place)) = entries.last_mut() {
                        self.read(text, depth, place)?;
                    }
                    self.cursor.eat(b',');
                }
                self.cursor.step();
                CapacityHints::put(&mut self.hints.objects, depth, entries.len());
                *place = Value::Object(entries);
            }
            Some(b'[') => {
                let depth = walk::deeper(depth)?;
                self.cursor.step();
                let mut elements = match self.cursor.peek() {
                    Some(b']') | None => Vec::new(),
                    _ => Vec::with_capacity(CapacityHints::take(&mut self.hints.arrays, depth)),
                };
                while !matches!(self.cursor.peek(), Some(b']') | None) {
                    elements.push(Value::Null);
                    if let Some(place) = elements.last_mut() {
                        self.read(text, depth, place)?;
                    }
                    self.cursor.eat(b',');
                }
                self.cursor.step();
                CapacityHints::put(&mut self.hints.arrays, depth, elements.len());
                *place = Value::Array(elements);
            }
            Some(b'n') => _ = self.cursor.scalar(),
            Some(b't' | b'f') => *place = Value::Bool(self.cursor.scalar() == "true"),
            _ => *place = Value::Number(Number(text(self.cursor.scalar()))),
        }
        Ok(())
    }
}

/// Initial capacities of containers: the length of the last container at the same depth, because adjacent containers
/// tend to have the same shape.
///
/// Each hint is used once. Without one, the capacity grows from 1, so memory stays proportional to the text.
#[derive(Clone, Copy)]
pub(crate) struct CapacityHints {
    objects: Levels,
    arrays: Levels,
}

/// One hint for each nesting depth, modulo 8.
type Levels = [u8; 8];

impl Default for CapacityHints {
    fn default() -> Self {
        Self { objects: [8; 8], arrays: [4; 8] }
    }
}

impl CapacityHints {
    #[inline(always)]
    fn of(levels: &mut Levels, depth: u16) -> Option<&mut u8> {
        levels.get_mut(usize::from(depth) % 8)
    }

    #[inline(always)]
    fn take(levels: &mut Levels, depth: u16) -> usize {
        Self::of(levels, depth).map_or(1, |hint| usize::from(std::mem::replace(hint, 1)))
    }

    #[inline(always)]
    fn put(levels: &mut Levels, depth: u16, len: usize) {
        if let Some(hint) = Self::of(levels, depth) {
            *hint = len.clamp(1, usize::from(u8::MAX)) as u8;
        }
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(boolean) => serializer.serialize_bool(*boolean),
            Value::Number(number) => number.serialize(serializer),
            Value::String(text) => serializer.serialize_str(text),
            Value::Binary(bytes) => handoff::lend_bytes(bytes, |slice| serializer.serialize_bytes(slice)),
            Value::Array(elements) => serializer.collect_seq(elements),
            Value::Object(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}

/// Serialized as a 64-bit integer if it is one, else as the nearest finite float. This crate's encoder writes the
/// number as it was written.
impl Serialize for Number<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(number) = self.as_u64() {
            return serializer.serialize_u64(number);
        }
        match self.as_i64() {
            // `-0` is a float.
            Some(number) if number != 0 => serializer.serialize_i64(number),
            _ => {
                let number = self.as_f64().unwrap_or_default().clamp(f64::MIN, f64::MAX);
                handoff::lend_number_text(&self.0, || serializer.serialize_f64(number))
            }
        }
    }
}

/// The newtype name by which [`Value`] requests a lossless value from this crate's deserializer.
pub(crate) const NEWTYPE: &str = "$socketio_proto::Value";

/// The value owns its strings, as `Cow` does in serde; those of [`Args::values`](crate::Args::values) borrow them.
///
/// Numbers from arguments and [`Json`](crate::Json) keep all digits. Numbers that pass through serde's buffers
/// (`#[serde(flatten)]`, `#[serde(untagged)]`) or come from another deserializer have its precision.
impl<'de> Deserialize<'de> for Value<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NEWTYPE, AnyVisitor).map(|value: Value<'static>| value)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = Value<'static>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    /// A null, or the value that this crate's deserializer lends.
    fn visit_unit<E>(self) -> Result<Value<'static>, E> {
        Ok(handoff::take_value().unwrap_or_default())
    }

    fn visit_none<E>(self) -> Result<Value<'static>, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'static>, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Value<'static>, E> {
        Ok(boolean.into())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::{Args, Json};

    const LONG: &str = "123456789012345678901234567890";

    fn json(text: &str) -> Json {
        Json::check(text.into()).unwrap()
    }

    #[test]
    fn numbers_are_encoded_as_they_were_written() {
        let list = format!("[{LONG},0.10,1e400,-0,1E2,18446744073709551616,null,1.5]");
        let value: Value<'static> = json(&list).parse().unwrap();
        assert_eq!(Args::encode(&(&value,)).unwrap().json(), list);
        assert_eq!(Json::encode(&value).unwrap().as_str(), list);
        // A float next to it is still encoded as a float.
        assert_eq!(Args::encode(&(&value, 0.1, f64::NAN)).unwrap().json(), format!("{list},0.1,null"));
        // Other serializers get the nearest finite float.
        let (integer, beyond) = (Some(1.2345678901234568e29), Some(1.8446744073709552e19));
        let rounded = [integer, Some(0.1), Some(f64::MAX), Some(-0.0), Some(100.0), beyond, None, Some(1.5)];
        let others = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<[Option<f64>; 8]>(&others).unwrap(), rounded);
        let others = Args::encode(&(serde_json::to_value(&value).unwrap(),)).unwrap();
        assert_eq!(others.get::<([Option<f64>; 8],)>().unwrap().0, rounded);
    }

    #[test]
    fn values_within_types_keep_their_digits() {
        #[derive(Deserialize)]
        struct Reading {
            at: u64,
            value: Value<'static>,
            more: BTreeMap<String, Vec<Option<Value<'static>>>>,
        }
        let args = Args::new(
            format!(r#"{{"at":1,"value":{LONG},"more":{{"a":[{{"b":{LONG}}},null,"é\u00e9"]}}}}"#).as_str().into(),
            Attachments::none(),
        );
        let Reading { at, value, more } = args.get().unwrap();
        let number = Value::Number(Number(LONG.into()));
        assert_eq!((at, &value), (1, &number));
        let object = Value::Object(vec![("b".into(), number)]);
        assert_eq!(more["a"], [Some(object), None, Some("éé".into())]);
    }

    #[test]
    fn values_from_other_deserializers_have_their_precision() {
        #[derive(Deserialize)]
        struct Flat {
            #[serde(flatten)]
            rest: BTreeMap<String, Value<'static>>,
        }
        let text = format!(r#"{{"a":{LONG},"b":[null,"x",-1,{{}}]}}"#);
        let rest = vec![Value::Null, "x".into(), (-1).into(), Value::Object(vec![])];
        let value: Value<'static> = serde_json::from_str(&text).unwrap();
        assert_eq!(value.get("a"), Some(&1.2345678901234568e29.into()));
        assert_eq!(value.get("b").and_then(Value::as_array), Some(&*rest));
        let flat: Flat = json(&text).parse().unwrap();
        assert_eq!(flat.rest["a"], 1.2345678901234568e29.into());
        assert_eq!(flat.rest["b"], Value::Array(rest));
    }
}
