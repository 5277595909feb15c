//! The arguments of an event or an ack.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::de::ArgsDeserializer;
use crate::placeholder::{self, Attachments};
use crate::walk::Cursor;
use crate::{ArgsError, DecodeError, EncodeError, Limits, Text, Value, encode, handoff, value};

/// The arguments of an event or an ack: checked JSON and its attachments.
///
/// Arguments stay encoded until they are read: [`parse`](Self::parse) and [`get`](Self::get) decode them into types,
/// [`values`](Self::values) into dynamic values. A clone is cheap and shares everything.
///
/// A tuple is the argument list, `()` an empty list, and any other value a single argument. A `Vec` or a struct is one
/// argument; an array `[T; N]` is a tuple in serde's data model and therefore the list. A null is one argument,
/// whatever its type: `None`, [`Value::Null`], `serde_json::Value::Null`. (serde serializes a null and `()` alike, so
/// the type decides: `()`, references to it, and other zero-sized types that serialize as a unit are an empty list.
/// `Box<()>` is a null.)
///
/// When arguments are decoded, surplus ones are ignored. A missing one is `None` for an `Option`, else an error with
/// its index. A lone surrogate in a string, which JavaScript can send but UTF-8 can't represent, is read as U+FFFD;
/// [`json`](Self::json) and forwarded arguments keep it.
///
/// A type is decoded as by serde_json, with two exceptions: a float is the one nearest to the number as written, and a
/// number beyond the range of an `f64` is infinite, as in JavaScript. [`Limits::max_depth`] bounds the nesting depth of
/// an argument.
///
/// ```
/// use socketio_proto::Args;
///
/// let args = Args::encode(&("bob", [1, 2].as_slice()))?;
/// assert_eq!(args.json(), r#""bob",[1,2]"#);
/// assert_eq!(args.len(), 2);
/// assert_eq!(args.parse::<&str>()?, "bob"); // the first one
/// assert_eq!(args.get::<(String, Vec<u8>, Option<bool>)>()?, ("bob".into(), vec![1, 2], None));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Arguments can be forwarded without decoding. Their JSON is copied, their attachments are shared:
///
/// ```
/// use bytes::Bytes;
/// use socketio_proto::{Args, encode};
///
/// let args = Args::encode(&("file", Bytes::from_static(b"...")))?;
/// let packet = encode::event("/", None, "forwarded", &args)?;
/// assert_eq!(packet.attachments()[0].as_ptr(), args.attachments()[0].as_ptr());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Args {
    /// The message that contains the list. Kept whole, because moving it is cheaper than slicing it.
    message: Text,
    /// Start and end of the list in it: JSON values separated by commas.
    start: usize,
    end: usize,
    attachments: Attachments,
    /// Maximum nesting depth when decoding.
    depth: u16,
}

impl Args {
    /// Encodes a value: a tuple is the argument list, `()` an empty list, and any other value a single argument.
    ///
    /// # Errors
    /// The value can't be represented in JSON, or its `Serialize` failed.
    pub fn encode<T: Serialize + ?Sized>(args: &T) -> Result<Self, EncodeError> {
        encode::args(args)
    }

    /// Locally encoded arguments. No peer decides their depth, so the highest limit applies.
    pub(crate) fn new(list: Text, attachments: Attachments) -> Self {
        Self { start: 0, end: list.len(), message: list, attachments, depth: Limits::DEEPEST_DEPTH }
    }

    /// The list is a part of `message`, from `start` to `end`.
    #[inline(always)]
    pub(crate) fn within(message: Text, (start, end): (usize, usize), depth: u16) -> Self {
        Self { message, start, end, attachments: Attachments::default(), depth }
    }

    /// Finds the placeholders of `count` attachments. Fails if one has an invalid number.
    pub(crate) fn places(&self, count: usize) -> Result<Vec<placeholder::Place>, DecodeError> {
        placeholder::scan(self.json(), count)
    }

    pub(crate) fn attach(&mut self, attachments: Attachments) {
        self.attachments = attachments;
    }

    /// A copy in its own allocation, which does not pin the received buffer.
    pub(crate) fn copied(&self) -> Self {
        let args = Self::new(Text::from(self.json()), Attachments::none());
        Self { attachments: self.attachments.copied(), depth: self.depth, ..args }
    }

    pub(crate) fn shared_attachments(&self) -> &Attachments {
        &self.attachments
    }

    pub(crate) fn depth(&self) -> u16 {
        self.depth
    }

    /// Number of arguments. Scans the whole text to count them.
    pub fn len(&self) -> usize {
        let mut cursor = Cursor::new(self.json());
        let mut len = 0;
        while cursor.peek().is_some() {
            cursor.skip();
            cursor.eat(b',');
            len += 1;
        }
        len
    }

    /// Whether there are no arguments.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Size of the JSON and all attachments in bytes.
    pub fn byte_len(&self) -> usize {
        self.json().len() + self.attachments().iter().map(Bytes::len).sum::<usize>()
    }

    /// The arguments as JSON, separated by commas, without enclosing brackets. Placeholders stand for attachments.
    #[inline]
    pub fn json(&self) -> &str {
        self.message.get(self.start..self.end).unwrap_or_default()
    }

    /// All attachments in wire order, including those without a placeholder.
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.buffers()
    }

    /// Decodes the arguments into a type that borrows nothing, such as `Args` or [`Value<'static>`](Value).
    ///
    /// # Errors
    /// An argument is missing or of another type; the error names it.
    pub fn get<A: FromArgs>(&self) -> Result<A, ArgsError> {
        A::from_args(self)
    }

    /// Decodes the arguments into a type that may borrow: `&str`, if the string has no escapes, and `&[u8]`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn parse<'a, A: Deserialize<'a>>(&'a self) -> Result<A, ArgsError> {
        A::deserialize(ArgsDeserializer::new(self))
    }

    /// Decodes the arguments into dynamic values, which borrow strings and share attachments.
    ///
    /// # Errors
    /// An argument is nested deeper than the [`max_depth`](Limits::max_depth) of its decoder, or than
    /// [`DEEPEST`](Limits::DEEPEST) if it was encoded locally.
    pub fn values(&self) -> Result<Vec<Value<'_>>, ArgsError> {
        self.values_within(self.depth)
    }

    fn values_within(&self, depth: u16) -> Result<Vec<Value<'_>>, ArgsError> {
        let (cursor, attachments) = (Cursor::new(self.json()), &self.attachments);
        value::Reader { cursor, attachments, hints: value::CapacityHints::default() }.list(depth)
    }
}

/// Equal if the JSON text and the attachments are equal.
impl PartialEq for Args {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json() && self.attachments() == other.attachments()
    }
}

impl Eq for Args {}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Args").field("json", &self.json()).field("attachments", &self.attachments().len()).finish()
    }
}

/// Written unchanged as the whole argument list; within other values, as an array.
impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        handoff::lend_args(self, || serializer.serialize_newtype_struct(handoff::ARGS, &Elements(self)))
    }
}

struct Elements<'a>(&'a Args);

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // `max_depth` bounds what the application decodes; this is only forwarded.
        let values = self.0.values_within(Limits::DEEPEST_DEPTH).map_err(serde::ser::Error::custom)?;
        let mut seq = serializer.serialize_seq(Some(values.len()))?;
        for value in &values {
            seq.serialize_element(value)?;
        }
        seq.end()
    }
}

/// Reads the whole argument list unchanged; within other types, an array.
impl<'de> Deserialize<'de> for Args {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(handoff::ARGS, ArgsVisitor)
    }
}

struct ArgsVisitor;

impl<'de> Visitor<'de> for ArgsVisitor {
    type Value = Args;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of arguments")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Args, E> {
        handoff::take_args().ok_or_else(|| E::invalid_type(de::Unexpected::Unit, &self))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Args, D::Error> {
        encode::list(&Vec::<Value<'static>>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Types that a handler can take as arguments: those that implement `Deserialize` and borrow nothing.
///
/// Its blanket implementation is the only one; implement or derive `Deserialize` to get it.
pub trait FromArgs: Sized {
    /// Decodes the arguments.
    ///
    /// # Errors
    /// An argument is missing or of another type; the error names it.
    fn from_args(args: &Args) -> Result<Self, ArgsError>;
}

impl<T: DeserializeOwned> FromArgs for T {
    fn from_args(args: &Args) -> Result<Self, ArgsError> {
        args.parse()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};
    use serde_bytes::ByteBuf;

    use super::*;
    use crate::Value;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        name: String,
        content: Bytes,
        #[serde(flatten)]
        rest: BTreeMap<String, Either>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i32),
        Bytes(ByteBuf),
        Many(Vec<Self>),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair(u8, u8);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Nothing;

    fn json<T: Serialize>(value: T) -> String {
        Args::encode(&value).unwrap().json().to_owned()
    }

    #[test]
    fn a_tuple_is_the_list_and_any_other_value_one_argument() {
        assert_eq!(json(()), "");
        assert_eq!(json((1, "a", ())), r#"1,"a",null"#);
        assert_eq!(json([1, 2]), "1,2");
        assert_eq!(json([0; 0]), "");
        assert_eq!(json(vec![1, 2]), "[1,2]");
        assert_eq!(json(((1, 2),)), "[1,2]");
        assert_eq!(json(Pair(1, 2)), "[1,2]");
        assert_eq!(json(Some((1, 2))), "[1,2]");
        assert_eq!(json(None::<u8>), "null");
        let (unit, exclusive) = (&(), &mut ());
        assert_eq!((json(unit), json(exclusive)), Default::default());
        assert_eq!(json(Nothing), "null");
        assert_eq!(json("a"), r#""a""#);
        assert_eq!(json(BTreeMap::from([(1, f64::NAN)])), r#"{"1":null}"#);
        assert_eq!(json(u128::MAX), u128::MAX.to_string());
        assert!(Args::encode(&BTreeMap::from([([1], 1)])).is_err());

        let args = Args::encode(&(1, 2)).unwrap();
        assert_eq!(args.get(), Ok(()));
        assert_eq!(args.get(), Ok((1, 2)));
        assert_eq!(args.get(), Ok([1, 2]));
        assert_eq!(args.get(), Ok(1));
        assert_eq!(args.get(), Ok(Some(1)));
        assert_eq!(args.get(), Ok((1, 2, None::<u8>)));
        assert!(args.get::<Vec<u8>>().is_err());
        assert!(args.get::<Pair>().is_err());
        assert_eq!(Args::encode(&Pair(3, 4)).unwrap().get(), Ok(Pair(3, 4)));
        assert_eq!(Args::encode(&Nothing).unwrap().get(), Ok(Nothing));
    }

    #[test]
    fn a_null_is_one_argument_whatever_its_type() {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Untagged {
            Null,
            #[allow(dead_code, reason = "makes the type larger than a unit")]
            Number(u8),
        }
        #[derive(Serialize)]
        #[serde(transparent)]
        struct Transparent(serde_json::Value);
        let null = serde_json::Value::Null;
        assert_eq!(json(&null), "null");
        assert_eq!(json(Value::Null), "null");
        assert_eq!(json(Box::new(Value::Null)), "null");
        assert_eq!(json(Some(Value::Null)), "null");
        assert_eq!(json(Untagged::Null), "null");
        assert_eq!(json(Transparent(null.clone())), "null");
        assert_eq!(json(crate::Json::check("null".into()).unwrap()), "null");
        assert_eq!(json(Some(())), "null");
        assert_eq!(json(Box::new(())), "null");
        assert_eq!(json((null, ())), "null,null");

        let args = Args::encode(&Value::Null).unwrap();
        assert_eq!((args.len(), args.is_empty()), (1, false));
        assert_eq!(args.get(), Ok(()));
        assert_eq!(args.get(), Ok(Value::Null));
        assert_eq!(args.get(), Ok(serde_json::Value::Null));
        assert_eq!(args.get(), Ok(None::<u8>));
        assert_eq!(args.get(), Ok(((),)));
        assert_eq!(args.get(), Ok((Value::Null, None::<u8>)));
        assert_eq!(args.values().unwrap(), [Value::Null]);
        assert!(Args::encode(&()).unwrap().get::<Value<'static>>().unwrap_err().is_missing());
    }

    #[test]
    fn missing_arguments_are_named() {
        let none = Args::default();
        assert_eq!(none.get::<u8>().unwrap_err().to_string(), "argument 0 is missing");
        assert_eq!(none.get(), Ok(None::<u8>));
        assert_eq!(none.get(), Ok((None::<u8>, None::<String>)));
        assert!(none.get::<(Option<u8>, u8)>().unwrap_err().is_missing());
        assert_eq!(none.get::<(Option<u8>, u8)>().unwrap_err().index(), Some(1));
        assert_eq!(none.get::<(Nothing,)>().unwrap_err().index(), Some(0));
    }

    #[test]
    fn bytes_are_found_under_flatten_and_untagged_enums() {
        let bytes = |byte: u8| ByteBuf::from(vec![byte; 2]);
        let rest = BTreeMap::from([
            ("a".to_owned(), Either::Number(-1)),
            ("b".to_owned(), Either::Many(vec![Either::Bytes(bytes(3)), Either::Number(7), Either::Bytes(bytes(4))])),
        ]);
        let file = File { name: "n".into(), content: Bytes::from_static(&[2, 2]), rest };
        let args = Args::encode(&(bytes(1), &file, Some(bytes(5)))).unwrap();
        let firsts: Vec<u8> = args.attachments().iter().map(|bytes| bytes[0]).collect();
        assert_eq!(firsts, [1, 2, 3, 4, 5]);
        assert_eq!(args.get(), Ok((bytes(1), file, Some(bytes(5)))));
    }

    #[test]
    fn an_attachment_is_decoded_into_every_type_of_bytes() {
        let args = Args::encode(&(Bytes::from_static(b"ab"),)).unwrap();
        assert_eq!(args.get(), Ok(Bytes::from_static(b"ab")));
        assert_eq!(args.get(), Ok(ByteBuf::from(b"ab")));
        assert_eq!(args.parse::<&[u8]>(), Ok(&b"ab"[..]));
        assert_eq!(args.get(), Ok(Value::from(Bytes::from_static(b"ab"))));
        #[derive(Debug, PartialEq, Deserialize)]
        struct Typed(#[serde(with = "serde_bytes")] Vec<u8>);
        assert_eq!(args.get(), Ok(Typed(b"ab".to_vec())));
        // Without serde_bytes, serde treats a vector as an array of numbers.
        assert!(args.get::<Vec<u8>>().is_err());
        assert_eq!(json(vec![1u8]), "[1]");
    }

    #[test]
    fn a_lone_surrogate_is_read_as_a_replacement_character() {
        #[derive(Debug, PartialEq, Deserialize)]
        enum Shape {
            Text(String),
        }
        let list = r#""a\ud83d","\ude00",{"\ud83d":"\ud83d\ude00\ud83d"},{"Text":"\ud83d"},"\ud83d""#;
        let args = Args::new(list.into(), Attachments::none());
        type Typed = (String, char, BTreeMap<String, serde_json::Value>, Shape, Value<'static>);
        let map = BTreeMap::from([("\u{FFFD}".to_owned(), "😀\u{FFFD}".into())]);
        let typed: Typed = ("a\u{FFFD}".into(), '\u{FFFD}', map, Shape::Text("\u{FFFD}".into()), "\u{FFFD}".into());
        assert_eq!(args.get(), Ok(typed));
        assert_eq!(args.parse::<(Cow<'_, str>,)>().unwrap().0, "a\u{FFFD}");
        let values = args.values().unwrap();
        assert_eq!(values[0].as_str(), Some("a\u{FFFD}"));
        assert_eq!(values[2].get("\u{FFFD}").and_then(Value::as_str), Some("😀\u{FFFD}"));
        // It is kept where the string is not decoded.
        assert_eq!(encode::ack("/", 1, &args).unwrap().text(), &*format!("31[{list}]"));
        let json = args.get::<crate::Json>().unwrap();
        assert_eq!(json.as_str(), r#""a\ud83d""#);
        assert_eq!(Args::encode(&(&json,)).unwrap().json(), json.as_str());
        assert_eq!(json.parse::<String>().unwrap(), "a\u{FFFD}");
    }

    #[test]
    fn arguments_within_other_values_are_an_array() {
        let inner = Args::encode(&(1, Bytes::from_static(b"x"))).unwrap();
        let outer = Args::encode(&(Bytes::from_static(b"y"), &inner)).unwrap();
        assert_eq!(outer.json(), r#"{"_placeholder":true,"num":0},[1,{"_placeholder":true,"num":1}]"#);
        assert_eq!(outer.get::<(Bytes, Args)>().unwrap().1, inner);
        assert_eq!(Args::encode(&outer).unwrap(), outer);
        assert_eq!(Args::encode(&Args::default()).unwrap(), Args::default());
    }

    #[test]
    fn an_object_like_a_placeholder_is_refused_next_to_attachments() {
        let look = Value::Object(vec![("_placeholder".into(), true.into()), ("num".into(), 0.into())]);
        // Without attachments it is data. With attachments, receivers would take it for a placeholder.
        assert_eq!(Args::encode(&look).unwrap().get(), Ok(look.clone()));
        let bytes = Value::from(Bytes::from_static(b"x"));
        assert!(matches!(Args::encode(&(&look, &bytes)), Err(EncodeError::Placeholder)));
        let around =
            Value::Object(vec![("_placeholder".into(), true.into()), ("num".into(), 0.into()), ("x".into(), bytes)]);
        assert!(matches!(Args::encode(&around), Err(EncodeError::Placeholder)));
    }
}
