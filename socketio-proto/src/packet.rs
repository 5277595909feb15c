//! Packets, and their decoding.

use crate::header::{self, Header, Kind};
use crate::walk::{self, Cursor};
use crate::{Args, DecodeError, EventName, Json, Limits, Text, json};

/// One Socket.IO packet with its attachments in place.
///
/// The wire's packet types 5 and 6 (binary event, binary ack) have no counterpart here: an event or an ack is binary if
/// it has [attachments](Args::attachments), so type and content can't contradict each other. [`encode`](crate::encode)
/// encodes packets, a [`Decoder`](crate::Decoder) decodes them.
///
/// ```
/// use socketio_proto::{Body, Data, Decoder, Instant, Limits};
///
/// let mut decoder = Decoder::new(Limits::default());
/// let packet = decoder.decode(Data::from(r#"2/admin,12["kick","bob"]"#), Instant::now())?.unwrap();
/// assert_eq!(packet.namespace, "/admin");
/// let Body::Event { id: Some(12), event } = packet.body else { unreachable!() };
/// assert_eq!(&*event.name, "kick");
/// assert_eq!(event.args.get::<String>()?, "bob");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// The namespace exactly as received, or `/` if the packet names none. Always begins with `/`.
    pub namespace: Text,
    /// Type and content.
    pub body: Body,
}

/// Type and content of a packet.
///
/// Exhaustive: the protocol has these five types.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `0`: a client's request to join the namespace, with an optional auth object, or the server's confirmation, with
    /// an object that contains the `sid`.
    Connect(Option<Json>),
    /// `1`: the sender leaves the namespace.
    Disconnect,
    /// `2`, or `5` with attachments: an event.
    Event {
        /// If set, the sender requests an ack with this id.
        id: Option<u64>,
        /// The event.
        event: Event,
    },
    /// `3`, or `6` with attachments: the answer to an event.
    Ack {
        /// The id that came with the event.
        id: u64,
        /// The answer.
        args: Args,
    },
    /// `4`: the server refuses the namespace, with an object or a string.
    ConnectError(Json),
}

/// An event of the application: a name and arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: EventName,
    /// Its arguments, without the name.
    pub args: Args,
}

/// Decodes a text message. Also returns how many attachments follow.
// Inlined together with its callees, so that the packet is built in its final place: moving it from call to call would
// take longer than decoding it.
#[inline(always)]
pub(crate) fn decode(message: Text, limits: &Limits) -> Result<(Packet, usize), DecodeError> {
    let Header { kind, attachments, namespace, id, payload } = header::parse(&message)?;
    if attachments > limits.max_attachments {
        return Err(DecodeError::TooManyAttachments { count: attachments, max: limits.max_attachments });
    }
    let depth = limits.depth();
    let namespace = match namespace {
        None | Some("/") => Text::from_static("/"),
        Some(name) => message.slice_ref(name),
    };
    let body = match kind {
        Kind::Event => {
            let mut cursor = list(&message, payload)?;
            let name = EventName::read(&message, &mut cursor)?;
            cursor.eat(b',');
            let rest = rest(&message, cursor);
            Body::Event { id, event: Event { name, args: Args::within(message, rest, depth) } }
        }
        Kind::Ack => {
            let id = id.ok_or(DecodeError::MissingId)?;
            let rest = rest(&message, list(&message, payload)?);
            Body::Ack { id, args: Args::within(message, rest, depth) }
        }
        _ if id.is_some() => return Err(DecodeError::UnexpectedId),
        Kind::Connect if payload.is_empty() => Body::Connect(None),
        Kind::Connect => Body::Connect(Some(checked(&message, payload, depth, b"{", DecodeError::NotAnObject)?)),
        Kind::Disconnect if payload.is_empty() => Body::Disconnect,
        Kind::Disconnect => return Err(DecodeError::UnexpectedPayload),
        Kind::ConnectError => {
            Body::ConnectError(checked(&message, payload, depth, b"{\"", DecodeError::NotAnErrorPayload)?)
        }
    };
    Ok((Packet { namespace, body }, attachments))
}

fn checked(
    message: &Text,
    payload: &str,
    depth: u16,
    first: &[u8],
    otherwise: DecodeError,
) -> Result<Json, DecodeError> {
    begins_with(payload, first, otherwise)?;
    json::check(payload)?;
    Ok(Json::trusted(message.slice_ref(payload), depth))
}

/// Checks the array at the end of the message and returns a cursor at its first element.
#[inline(always)]
fn list<'a>(message: &'a str, payload: &str) -> Result<Cursor<'a>, DecodeError> {
    begins_with(payload, b"[", DecodeError::NotAnArray)?;
    json::check(payload)?;
    let mut cursor = Cursor::new(message);
    cursor.jump(message.len() - payload.len() + 1);
    Ok(cursor)
}

/// Start and end of the remaining elements of an array.
#[inline(always)]
fn rest(message: &str, mut cursor: Cursor<'_>) -> (usize, usize) {
    cursor.peek();
    let start = cursor.offset();
    let list = walk::trim_end(message);
    let end = walk::trim_end(list.strip_suffix(']').unwrap_or(list)).len();
    (start, end.max(start))
}

#[inline(always)]
fn begins_with(payload: &str, first: &[u8], otherwise: DecodeError) -> Result<(), DecodeError> {
    match payload.as_bytes().first() {
        None => Err(DecodeError::MissingPayload),
        Some(byte) if first.contains(byte) => Ok(()),
        Some(_) => Err(otherwise),
    }
}
