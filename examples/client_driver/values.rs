//! Values with bytes in them, as JSON: binary is `{"$bin":"<base64>"}`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeTuple, Serializer};
use serde_json::{Value as AnyJson, json};

use crate::socketio::Value;

/// The list of arguments. (A `Vec` is one argument.)
pub struct List(pub Vec<Value<'static>>);

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_tuple(self.0.len())?;
        for value in &self.0 {
            list.serialize_element(value)?;
        }
        list.end()
    }
}

/// Arguments of a command, with their binary in place.
pub fn packed(args: Option<Vec<Value<'static>>>) -> Result<Vec<Value<'static>>, base64::DecodeError> {
    args.unwrap_or_default().into_iter().map(pack).collect()
}

fn pack(value: Value<'static>) -> Result<Value<'static>, base64::DecodeError> {
    Ok(match value {
        Value::Array(list) => Value::Array(list.into_iter().map(pack).collect::<Result<_, _>>()?),
        Value::Object(entries) => match entries.as_slice() {
            [(key, Value::String(text))] if key == "$bin" => Value::Binary(STANDARD.decode(&**text)?.into()),
            _ => Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| Ok((key, pack(value)?)))
                    .collect::<Result<_, base64::DecodeError>>()?,
            ),
        },
        other => other,
    })
}

/// A value as it is printed.
pub struct Plain<'a>(&'a Value<'a>);

impl<'a> Plain<'a> {
    /// A list of them, as JSON.
    pub fn list(values: &'a [Value<'a>]) -> AnyJson {
        let list: Vec<_> = values.iter().map(Plain).collect();
        json!(list)
    }
}

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Binary(bytes) => serializer.collect_map([("$bin", STANDARD.encode(bytes))]),
            Value::Array(list) => serializer.collect_seq(list.iter().map(Plain)),
            Value::Object(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, Plain(value)))),
            other => other.serialize(serializer),
        }
    }
}
