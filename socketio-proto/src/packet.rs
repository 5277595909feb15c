//! One packet, and how it is read.

use crate::header::{self, Header, Kind};
use crate::walk::{self, Cursor};
use crate::{Args, DecodeError, EventName, Json, Limits, Text, json};

/// One Socket.IO packet with its attachments in place.
///
/// The packet types 5 and 6 of the wire have no counterpart here: whether an event or an ack is binary is a property of its
/// [attachments](Args::attachments), so no packet can contradict itself. [`encode`](crate::encode) makes packets for the
/// wire, a [`Decoder`](crate::Decoder) reads them.
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
    /// `/`, or what was written in front of the comma, literally. It always begins with `/`.
    pub namespace: Text,
    /// What the packet says.
    pub body: Body,
}

/// What a packet says.
///
/// Exhaustive: the protocol knows these five.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `0`: a client asks to join the namespace, with an object for the application; or the server lets it, with its `sid`.
    Connect(Option<Json>),
    /// `1`: the sender leaves the namespace.
    Disconnect,
    /// `2`, or `5` with attachments.
    Event {
        /// The receiver is to answer with an ack of this id.
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

/// Reads a text frame; also answers how many attachments are to follow.
// Inlined with all it calls, so that the packet is made where it stays: moving it from step to step takes longer than
// reading it.
#[inline(always)]
pub(crate) fn decode(frame: Text, limits: &Limits) -> Result<(Packet, usize), DecodeError> {
    let Header { kind, attachments, namespace, id, payload } = header::parse(&frame)?;
    if attachments > limits.max_attachments {
        return Err(DecodeError::TooManyAttachments { count: attachments, max: limits.max_attachments });
    }
    let depth = limits.depth();
    let namespace = match namespace {
        None | Some("/") => Text::from_static("/"),
        Some(name) => frame.slice_ref(name),
    };
    let body = match kind {
        Kind::Event => {
            let mut cursor = list(&frame, payload)?;
            let name = EventName::read(&frame, &mut cursor)?;
            cursor.eat(b',');
            let rest = rest(&frame, cursor);
            Body::Event { id, event: Event { name, args: Args::within(frame, rest, depth) } }
        }
        Kind::Ack => {
            let id = id.ok_or(DecodeError::MissingId)?;
            let rest = rest(&frame, list(&frame, payload)?);
            Body::Ack { id, args: Args::within(frame, rest, depth) }
        }
        _ if id.is_some() => return Err(DecodeError::UnexpectedId),
        Kind::Connect if payload.is_empty() => Body::Connect(None),
        Kind::Connect => Body::Connect(Some(checked(&frame, payload, depth, b"{", DecodeError::NotAnObject)?)),
        Kind::Disconnect if payload.is_empty() => Body::Disconnect,
        Kind::Disconnect => return Err(DecodeError::UnexpectedPayload),
        Kind::ConnectError => {
            Body::ConnectError(checked(&frame, payload, depth, b"{\"", DecodeError::NotAnErrorPayload)?)
        }
    };
    Ok((Packet { namespace, body }, attachments))
}

fn checked(frame: &Text, payload: &str, depth: u16, first: &[u8], otherwise: DecodeError) -> Result<Json, DecodeError> {
    begins_with(payload, first, otherwise)?;
    json::check(payload)?;
    Ok(Json::trusted(frame.slice_ref(payload), depth))
}

/// Checks the array with which the frame ends, and steps into it.
#[inline(always)]
fn list<'a>(frame: &'a str, payload: &str) -> Result<Cursor<'a>, DecodeError> {
    begins_with(payload, b"[", DecodeError::NotAnArray)?;
    json::check(payload)?;
    let mut cursor = Cursor::new(frame);
    cursor.jump(frame.len() - payload.len() + 1);
    Ok(cursor)
}

/// From where to where the elements of an array go which are still ahead.
#[inline(always)]
fn rest(frame: &str, mut cursor: Cursor<'_>) -> (usize, usize) {
    cursor.peek();
    let start = cursor.offset();
    let list = walk::trim_end(frame);
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
