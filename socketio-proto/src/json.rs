//! Checked JSON.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::ser::KeepDigits;
use crate::{ArgsError, DecodeError, EncodeError, Limits, Text, de as typed, walk};

/// Checks the syntax in one pass, without building values.
#[inline]
pub(crate) fn check(text: &str) -> Result<(), DecodeError> {
    let mut json = serde_json::Deserializer::from_str(text);
    IgnoredAny::deserialize(&mut json).and_then(|_| json.end()).map_err(|_| DecodeError::Json)
}

/// A JSON text with valid syntax, such as the payload of CONNECT and CONNECT_ERROR.
///
/// ```
/// use socketio_proto::Json;
///
/// let auth = Json::check(r#"{"token":"abc","tries":2}"#.into())?;
///
/// #[derive(serde::Deserialize)]
/// struct Auth<'a> {
///     token: &'a str,
/// }
/// assert_eq!(auth.parse::<Auth>()?.token, "abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Json {
    text: Text,
    /// Maximum nesting depth when decoding.
    depth: u16,
}

impl Json {
    /// Checks the syntax of a text.
    ///
    /// # Errors
    /// [`DecodeError::Json`] if it is not valid JSON.
    pub fn check(text: Text) -> Result<Self, DecodeError> {
        check(&text)?;
        let value = text.trim_start_matches([' ', '\n', '\r', '\t']);
        Ok(Self::trusted(text.slice_ref(value), Limits::DEFAULT_DEPTH))
    }

    /// Encodes a value as JSON. Bytes become an array of numbers, because CONNECT and CONNECT_ERROR carry no
    /// attachments.
    ///
    /// # Errors
    /// [`EncodeError::Json`]: a map has keys that are not strings, or the value's `Serialize` failed.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let mut text = Vec::new();
        value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, KeepDigits))?;
        let text = Text::try_from(text.as_slice()).map_err(|_| EncodeError::internal())?;
        Ok(Self::trusted(text, Limits::DEFAULT_DEPTH))
    }

    /// An object with string values, in the given order.
    ///
    /// ```
    /// # use socketio_proto::Json;
    /// assert_eq!(Json::object([("message", "\"No\"")]).as_str(), r#"{"message":"\"No\""}"#);
    /// ```
    pub fn object<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = String::from("{");
        for (key, value) in entries {
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&quote(key));
            text.push(':');
            text.push_str(&quote(value));
        }
        text.push('}');
        Self::trusted(text.into(), Limits::DEFAULT_DEPTH)
    }

    /// Wraps a checked text that begins with the value.
    pub(crate) fn trusted(text: Text, depth: u16) -> Self {
        let trimmed = walk::trim_end(&text);
        match trimmed.len() == text.len() {
            true => Self { text, depth },
            false => Self { text: text.slice_ref(trimmed), depth },
        }
    }

    /// A copy in its own allocation.
    pub(crate) fn copied(&self) -> Self {
        Self { text: self.as_str().into(), depth: self.depth }
    }

    /// The JSON text, without surrounding whitespace.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The JSON as shared text.
    pub fn as_text(&self) -> &Text {
        &self.text
    }

    /// Decodes it into a type, which may borrow (`&str`).
    ///
    /// # Errors
    /// The value has another shape, or is nested deeper than the [`max_depth`](Limits::max_depth) of its decoder (128
    /// if it was not received).
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ArgsError> {
        typed::read(&self.text, self.depth)
    }
}

/// Equal if the texts are equal.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Json {}

impl Hash for Json {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Json").field(&self.text).finish()
    }
}

/// Serialized unchanged, as an argument or a part of one.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// Fails for a value with attachments, which only a [`Value`](crate::Value) can hold.
impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NEWTYPE, Raw)
    }
}

/// The newtype name by which [`Json`] requests the text of a value from this crate's deserializer.
pub(crate) const NEWTYPE: &str = "$socketio_proto::Json";

struct Raw;

impl<'de> Visitor<'de> for Raw {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    /// The text and its depth limit.
    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Json, A::Error> {
        match (parts.next_element::<&str>()?, parts.next_element()?) {
            (Some(text), Some(depth)) => Ok(Json::trusted(text.into(), depth)),
            _ => Err(de::Error::invalid_type(de::Unexpected::Seq, &self)),
        }
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Json::trusted(String::from(Box::<str>::from(raw)).into(), Limits::DEFAULT_DEPTH))
    }
}

/// A text as a JSON string.
fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::{Args, ArgsError, Json, Value};

    #[test]
    fn json_is_one_argument_among_others_and_is_encoded_unchanged() -> Result<(), ArgsError> {
        let args = Args::encode(&("room", [1, 2], "last")).unwrap();
        let (room, json, last): (String, Json, String) = args.get()?;
        assert_eq!((&*room, json.as_str(), &*last), ("room", "[1,2]", "last"));
        assert_eq!(Args::encode(&(json, true)).unwrap().json(), "[1,2],true");
        assert_eq!(serde_json::from_str::<Vec<Json>>("[{\"a\": 1}, 2]").unwrap()[0].as_str(), "{\"a\": 1}");
        Ok(())
    }

    #[test]
    fn a_value_with_attachments_is_not_decoded_as_json() {
        let binary = Value::Array(vec![Value::Binary(Bytes::from_static(b"\x01"))]);
        let args = Args::encode(&(1, binary)).unwrap();
        assert_eq!(args.get::<(u8, Json)>().unwrap_err().index(), Some(1));
        assert!(args.get::<(Json,)>().is_ok());
    }
}
