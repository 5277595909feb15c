//! The arguments of an event or an ack.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, Visitor};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::de::ArgsDeserializer;
use crate::placeholder::{self, Attachments};
use crate::walk::Cursor;
use crate::{ArgsError, DecodeError, EncodeError, Text, Value, encode, handoff};

/// The arguments of an event or an ack: checked JSON, and the attachments that belong in it.
///
/// They stay as they came until somebody looks: [`parse`](Self::parse) and [`get`](Self::get) read them as types,
/// [`values`](Self::values) as dynamic values. A clone is cheap and shares everything.
///
/// A tuple stands for the list of arguments, `()` for none of them, and anything else for one. Mind: a `Vec` or a struct
/// is one argument; an array `[T; N]` is a tuple to serde and hence the list. Surplus arguments are ignored; a missing one
/// is `None` for an `Option`, else an error that names it.
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
/// Arguments can be handed on as they are. Their JSON is copied, their attachments are shared:
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
    /// JSON values with commas between them.
    list: Text,
    attachments: Attachments,
}

impl Args {
    /// Encodes a value: a tuple is the list, `()` is none, anything else is one argument.
    ///
    /// # Errors
    /// The value can't be represented in JSON, or its `Serialize` failed.
    pub fn encode<T: Serialize + ?Sized>(args: &T) -> Result<Self, EncodeError> {
        encode::args(args)
    }

    pub(crate) fn new(list: Text, attachments: Attachments) -> Self {
        Self { list, attachments }
    }

    /// Where the placeholders of so many attachments are. Fails if one has a wrong number.
    pub(crate) fn places(&self, count: usize) -> Result<Vec<placeholder::Place>, DecodeError> {
        placeholder::scan(&self.list, count)
    }

    pub(crate) fn attach(&mut self, attachments: Attachments) {
        self.attachments = attachments;
    }

    pub(crate) fn shared_attachments(&self) -> &Attachments {
        &self.attachments
    }

    /// How many arguments there are. Counts them by a walk over the text.
    pub fn len(&self) -> usize {
        let mut cursor = Cursor::new(&self.list);
        let mut len = 0;
        while cursor.peek().is_some() {
            cursor.skip();
            cursor.eat(b',');
            len += 1;
        }
        len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many bytes the JSON and all attachments have.
    pub fn byte_len(&self) -> usize {
        self.list.len() + self.attachments().iter().map(Bytes::len).sum::<usize>()
    }

    /// The arguments as JSON, with commas between them and no brackets around; placeholders stand for attachments.
    pub fn json(&self) -> &str {
        &self.list
    }

    /// All attachments in the order of the wire, also those for which there is no placeholder.
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.buffers()
    }

    /// Reads them as a type that owns what it holds. `Args` themselves and [`Value<'static>`](Value) are such types.
    ///
    /// # Errors
    /// An argument is missing or of another type; the error names it.
    pub fn get<A: FromArgs>(&self) -> Result<A, ArgsError> {
        A::from_args(self)
    }

    /// Reads them as a type that may borrow: `&str`, if the text has no escapes, and `&[u8]`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn parse<'a, A: Deserialize<'a>>(&'a self) -> Result<A, ArgsError> {
        A::deserialize(ArgsDeserializer::new(self))
    }

    /// Reads them as dynamic values, which borrow their texts and share the attachments.
    ///
    /// # Errors
    /// An argument is more than 128 containers deep, or has a string with half a surrogate pair.
    pub fn values(&self) -> Result<Vec<Value<'_>>, ArgsError> {
        let mut cursor = Cursor::new(&self.list);
        let mut values = Vec::new();
        while cursor.peek().is_some() {
            values.push(Value::read(&mut cursor, &self.attachments).map_err(|error| error.at(values.len()))?);
            cursor.eat(b',');
        }
        Ok(values)
    }
}

/// Two are equal if they have the same JSON text and the same attachments.
impl PartialEq for Args {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list && self.attachments() == other.attachments()
    }
}

impl Eq for Args {}

impl fmt::Debug for Args {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Args").field("json", &self.json()).field("attachments", &self.attachments().len()).finish()
    }
}

/// Goes out unchanged where it is all the arguments; within other values, as an array.
impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        handoff::lend_args(self, || serializer.serialize_newtype_struct(handoff::ARGS, &Elements(self)))
    }
}

struct Elements<'a>(&'a Args);

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.0.values().map_err(serde::ser::Error::custom)?;
        let mut seq = serializer.serialize_seq(Some(values.len()))?;
        for value in &values {
            seq.serialize_element(value)?;
        }
        seq.end()
    }
}

/// Takes all the arguments unchanged; within other types, an array.
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

/// What a handler can take as its arguments: every type that serde can make and that borrows nothing.
///
/// Sealed by its blanket implementation; implement or derive `Deserialize` to get it.
pub trait FromArgs: Sized {
    /// Reads the arguments.
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
