//! Encodes packets as engine messages.
//!
//! Bytes within the arguments (`Bytes`, `serde_bytes`, [`Value::Binary`](crate::Value)) become attachments, numbered
//! depth first. Bytes that pass through serde are copied once; those of [`Value::Binary`](crate::Value) and raw
//! [`Args`] are shared. NaN and infinities become `null`, as in JavaScript.
//!
//! A namespace must begin with `/` and must not contain a comma; `""` means `/`. Packets of the default namespace omit
//! it.

use std::cell::Cell;
use std::io::Write;

use bytes::Bytes;
use serde::Serialize;

use crate::packet::{Body, Packet};
use crate::placeholder::Attachments;
use crate::{Args, Data, EncodeError, Json, Text, Value, name, ser};

/// An encoded packet: its text message, and the attachments that must directly follow it.
///
/// A clone shares everything, so one encoding serves all receivers of a broadcast.
///
/// ```
/// use bytes::Bytes;
/// use socketio_proto::{Data, encode};
///
/// let packet = encode::ack("/admin", 456, &Bytes::from_static(b"\x04"))?;
/// let messages: Vec<Data> = packet.messages().collect();
/// assert_eq!(messages, [Data::from(r#"61-/admin,456[{"_placeholder":true,"num":0}]"#), Data::from(vec![4])]);
/// # Ok::<(), socketio_proto::EncodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Encoded {
    text: Text,
    attachments: Attachments,
}

impl Encoded {
    /// The text message, which is sent first.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The binary messages that follow the text, in order.
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.buffers()
    }

    /// Whether there are attachments.
    pub fn is_binary(&self) -> bool {
        !self.attachments().is_empty()
    }

    /// The text, if the packet has no attachments.
    #[inline]
    pub fn single(&self) -> Option<&Text> {
        match self.is_binary() {
            true => None,
            false => Some(&self.text),
        }
    }

    /// The text, or the unchanged packet if it has attachments.
    pub(crate) fn into_single(self) -> Result<Text, Self> {
        match self.is_binary() {
            true => Err(self),
            false => Ok(self.text),
        }
    }

    /// The same event with the ack id `id`, which replaces an existing one. `namespace` is the one that it was encoded
    /// for.
    pub(crate) fn with_id(&self, namespace: &str, id: u64) -> Self {
        let text = &*self.text;
        // Type, attachment count, namespace; then the id, if any, and the list.
        let count = if self.is_binary() { text.find('-').unwrap_or(0) } else { 0 };
        let name = if matches!(namespace, "" | "/") { 0 } else { namespace.len() + 1 };
        let (head, rest) = text.split_at_checked(count + 1 + name).unwrap_or((text, ""));
        let list = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        Self { text: Text::from(format!("{head}{id}{list}")), attachments: self.attachments.clone() }
    }

    /// The engine messages, in sending order. No other message may be sent in between.
    pub fn messages(&self) -> Messages<'_> {
        Messages { text: Some(&self.text), attachments: self.attachments().iter() }
    }

    /// Total size of all messages in bytes.
    pub fn byte_len(&self) -> usize {
        self.text.len() + self.attachments().iter().map(Bytes::len).sum::<usize>()
    }
}

/// Clones the handle; the bytes are shared.
impl From<&Self> for Encoded {
    fn from(packet: &Self) -> Self {
        packet.clone()
    }
}

impl PartialEq for Encoded {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.attachments() == other.attachments()
    }
}

impl Eq for Encoded {}

/// The engine messages of an [`Encoded`] packet. They share its bytes.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    text: Option<&'a Text>,
    attachments: std::slice::Iter<'a, Bytes>,
}

impl Iterator for Messages<'_> {
    type Item = Data;

    fn next(&mut self) -> Option<Data> {
        match self.text.take() {
            Some(text) => Some(Data::Text(text.clone())),
            None => self.attachments.next().map(|bytes| Data::Binary(bytes.clone())),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = usize::from(self.text.is_some()) + self.attachments.len();
        (len, Some(len))
    }
}

impl ExactSizeIterator for Messages<'_> {}

/// Encodes an event. With an `id`, it requests an ack. A tuple is the argument list, `()` an empty list, and any other
/// value a single argument: see [`Args`].
///
/// ```
/// use socketio_proto::encode;
///
/// assert_eq!(encode::event("/", None, "hello", &(1, "2"))?.text(), r#"2["hello",1,"2"]"#);
/// assert_eq!(encode::event("/admin", Some(0), "list", &vec![1, 2])?.text(), r#"2/admin,0["list",[1,2]]"#);
/// assert_eq!(encode::event("/", None, "ping", &())?.text(), r#"2["ping"]"#);
/// assert!(encode::event("/", None, "disconnect", &()).is_err());
/// # Ok::<(), socketio_proto::EncodeError>(())
/// ```
///
/// # Errors
/// The name is reserved, or the arguments can't be encoded: see [`EncodeError`].
pub fn event<A: Serialize + ?Sized>(
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: &A,
) -> Result<Encoded, EncodeError> {
    if name::is_reserved(name) {
        return Err(EncodeError::ReservedName);
    }
    with_args(Type::Event, namespace, id, Some(Name::Text(name)), args)
}

/// Encodes an ack, the answer to the event with this `id`. Arguments are encoded as in [`event`].
///
/// # Errors
/// The arguments can't be encoded.
pub fn ack<A: Serialize + ?Sized>(namespace: &str, id: u64, args: &A) -> Result<Encoded, EncodeError> {
    with_args(Type::Ack, namespace, Some(id), None, args)
}

/// Encodes CONNECT: a client's request to join a namespace, with its auth object, or the server's confirmation, with an
/// object that contains the `sid`.
pub fn connect(namespace: &str, payload: Option<&Json>) -> Encoded {
    plain('0', namespace, payload)
}

/// Encodes DISCONNECT: the sender leaves a namespace.
pub fn disconnect(namespace: &str) -> Encoded {
    plain('1', namespace, None)
}

/// Encodes CONNECT_ERROR: the server refuses a namespace. The payload is an object with `message` and optionally
/// `data`.
pub fn connect_error(namespace: &str, payload: &Json) -> Encoded {
    plain('4', namespace, Some(payload))
}

impl Packet {
    /// Encodes a packet that was decoded or built by hand. Arguments are written unchanged.
    ///
    /// # Errors
    /// The event name is reserved.
    pub fn encode(&self) -> Result<Encoded, EncodeError> {
        let namespace = &*self.namespace;
        Ok(match &self.body {
            Body::Connect(payload) => connect(namespace, payload.as_ref()),
            Body::Disconnect => disconnect(namespace),
            Body::ConnectError(payload) => connect_error(namespace, payload),
            Body::Ack { id, args } => ack(namespace, *id, args)?,
            Body::Event { id, event } if event.name.is_number() => {
                with_args(Type::Event, namespace, *id, Some(Name::Number(&event.name)), &event.args)?
            }
            Body::Event { id, event: parts } => event(namespace, *id, &parts.name, &parts.args)?,
        })
    }
}

#[derive(Clone, Copy)]
enum Type {
    Event,
    Ack,
}

#[derive(Clone, Copy)]
enum Name<'a> {
    Text(&'a str),
    Number(&'a str),
}

/// Space for what is only known after the arguments are written: type, attachment count, dash.
const HEAD: usize = 1 + 20 + 1;

fn with_args<A: Serialize + ?Sized>(
    kind: Type,
    namespace: &str,
    id: Option<u64>,
    name: Option<Name<'_>>,
    args: &A,
) -> Result<Encoded, EncodeError> {
    Scratch::with(|out| {
        out.resize(HEAD, 0);
        if !matches!(namespace, "" | "/") {
            out.extend_from_slice(namespace.as_bytes());
            out.push(b',');
        }
        if let Some(id) = id {
            serde_json::to_writer(&mut *out, &id)?;
        }
        out.push(b'[');
        match name {
            Some(Name::Text(name)) => serde_json::to_writer(&mut *out, name)?,
            Some(Name::Number(name)) => out.extend_from_slice(name.as_bytes()),
            None => {}
        }
        let attachments = ser::list(out, name.is_some(), args)?;
        out.push(b']');
        let head = head(out, kind, attachments.buffers().len());
        let text = out.get(head..).unwrap_or_default();
        Ok(Encoded { text: Text::try_from(text).map_err(|_| EncodeError::internal())?, attachments })
    })
}

/// Writes type and count directly before the rest; returns where they start.
#[inline]
fn head(out: &mut [u8], kind: Type, count: usize) -> usize {
    let digit = match (kind, count) {
        (Type::Event, 0) => b'2',
        (Type::Ack, 0) => b'3',
        (Type::Event, _) => b'5',
        (Type::Ack, _) => b'6',
    };
    let mut head = [0; HEAD];
    let mut free = &mut head[..];
    let written = match count {
        0 => free.write_all(&[digit]),
        _ => write!(free, "{}{count}-", char::from(digit)),
    };
    // HEAD fits the largest count.
    debug_assert!(written.is_ok());
    let start = free.len();
    if let (Some(room), Some(head)) = (out.get_mut(start..HEAD), head.get(..HEAD - start)) {
        room.copy_from_slice(head);
    }
    start
}

fn plain(digit: char, namespace: &str, payload: Option<&Json>) -> Encoded {
    let payload = payload.map_or("", Json::as_str);
    let text = match namespace {
        "" | "/" => format!("{digit}{payload}"),
        _ => format!("{digit}{namespace},{payload}"),
    };
    Encoded { text: text.into(), attachments: Attachments::default() }
}

/// Encodes arguments: a tuple, a single value or `()`.
pub(crate) fn args<T: Serialize + ?Sized>(args: &T) -> Result<Args, EncodeError> {
    Scratch::with(|out| {
        let attachments = ser::list(out, false, args)?;
        let text = Text::try_from(&**out).map_err(|_| EncodeError::internal())?;
        Ok(Args::new(text, attachments))
    })
}

/// Encodes each value as one argument.
pub(crate) fn list(values: &[Value<'_>]) -> Result<Args, EncodeError> {
    struct List<'a, 'v>(&'a [Value<'v>]);
    impl Serialize for List<'_, '_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut tuple = serializer.serialize_tuple(self.0.len())?;
            for value in self.0 {
                serde::ser::SerializeTuple::serialize_element(&mut tuple, value)?;
            }
            serde::ser::SerializeTuple::end(tuple)
        }
    }
    args(&List(values))
}

/// A thread's encoding buffer. The result is copied once, into an allocation of the exact size.
struct Scratch;

impl Scratch {
    /// The largest capacity, in bytes, that a thread keeps between encodings.
    const KEPT: usize = 128 * 1024;

    #[inline]
    fn with<R>(encode: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        thread_local! {
            static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
        }
        // A `Serialize` that itself encodes a packet finds the slot empty and allocates another buffer.
        let mut buffer = BUFFER.take();
        let result = encode(&mut buffer);
        if buffer.capacity() <= Self::KEPT {
            buffer.clear();
            BUFFER.set(buffer);
        }
        result
    }
}
