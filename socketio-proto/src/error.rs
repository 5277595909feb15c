//! What can be wrong with a packet, with its arguments, with what was to be sent.

use std::fmt;

use serde::{de, ser};

/// A rule of the packet grammar, or a bound of [`Limits`](crate::Limits), that the peer broke.
///
/// The reference closes the connection for each of them, and so does this crate's server.
/// May grow: a later rule gets a variant of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// An empty text.
    #[error("the packet is empty; it must begin with its type, a digit from 0 to 6")]
    Empty,
    /// The first character is no packet type.
    #[error("{0:?} is no packet type; a packet begins with a digit from 0 to 6")]
    UnknownType(char),
    /// Type 5 or 6 without a count of attachments: digits, not beginning with `0`, then `-`.
    #[error("a binary packet must name the number of its attachments, from 1, followed by `-`")]
    AttachmentCount,
    /// More attachments than [`Limits::max_attachments`](crate::Limits::max_attachments).
    #[error("{count} attachments are announced; at most {max} are allowed")]
    TooManyAttachments {
        /// How many the packet announces.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
    /// The digits of an ack id are a number beyond 64 bits.
    #[error("the ack id is greater than {}", u64::MAX)]
    IdOverflow,
    /// An ack id on a packet that is neither an event nor an ack.
    #[error("an ack id belongs to an event or an ack, to no other packet")]
    UnexpectedId,
    /// An ack without the id of what it answers.
    #[error("an ack must name the id that it answers")]
    MissingId,
    /// An event, ack or connect error without a payload.
    #[error("the payload is missing")]
    MissingPayload,
    /// A disconnect packet with something behind it.
    #[error("a disconnect packet carries no payload")]
    UnexpectedPayload,
    /// The payload of an event or an ack does not begin with `[`.
    #[error("the payload of an event or an ack must be a JSON array, directly behind the header")]
    NotAnArray,
    /// The payload of a connect packet does not begin with `{`.
    #[error("the payload of a connect packet must be a JSON object, directly behind the header")]
    NotAnObject,
    /// The payload of a connect error begins neither with `{` nor with `"`.
    #[error("the payload of a connect error must be a JSON object or string, directly behind the header")]
    NotAnErrorPayload,
    /// The payload is not JSON, or is followed by something.
    #[error("the payload is not valid JSON")]
    Json,
    /// The first element of an event is neither a string nor a number, or missing.
    #[error("the first element of an event must be its name, a string or a number")]
    EventName,
    /// The event has a name that belongs to the implementation: `connect`, `disconnect` and the like.
    #[error("the event name is reserved")]
    ReservedName,
    /// A placeholder whose `num` is not the number of an attachment of this packet.
    #[error("a placeholder must have the number of one of the packet's attachments as `num`")]
    Placeholder,
    /// Text where an attachment is awaited.
    #[error("text arrived while the attachments of a packet are awaited")]
    UnexpectedText,
    /// Binary data that no packet announced.
    #[error("binary data arrived that no packet announced")]
    UnexpectedBinary,
    /// An attachment longer than [`Limits::max_attachment_bytes`](crate::Limits::max_attachment_bytes).
    #[error("an attachment has {len} bytes; at most {max} are allowed")]
    AttachmentTooLarge {
        /// Its bytes.
        len: usize,
        /// How many are allowed.
        max: usize,
    },
    /// All attachments together are longer than [`Limits::max_total_bytes`](crate::Limits::max_total_bytes).
    #[error("the attachments of a packet have more than {max} bytes together")]
    AttachmentsTooLarge {
        /// How many are allowed.
        max: usize,
    },
    /// The attachments did not arrive within [`Limits::reassembly_timeout`](crate::Limits::reassembly_timeout).
    #[error("the attachments of a packet did not arrive in time")]
    TimedOut,
}

/// Arguments, or a payload, that are not of the asked type.
///
/// Its text names the argument, counted from 0, and what was found in place of what.
///
/// ```
/// use socketio_proto::Args;
///
/// let args = Args::encode(&("a", 1))?;
/// let error = args.parse::<(&str, bool)>().unwrap_err();
/// assert_eq!(error.index(), Some(1));
/// assert_eq!(error.to_string(), "argument 1: invalid type: integer `1`, expected a boolean");
/// assert_eq!(args.parse::<(&str, u8, u8)>().unwrap_err().to_string(), "argument 2 is missing");
/// # Ok::<(), socketio_proto::EncodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgsError {
    index: Option<usize>,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    Missing,
    Mismatch(Box<str>),
    /// One of the others, in the arguments of a named event. Boxed, so that reading does not carry the room for it.
    OfEvent(Box<(Box<str>, Self)>),
}

impl Problem {
    /// The name of the event, if it is known, and the problem itself.
    fn parts(&self) -> (Option<&str>, &Self) {
        match self {
            Self::OfEvent(parts) => (Some(&parts.0), parts.1.parts().1),
            problem => (None, problem),
        }
    }
}

impl ArgsError {
    /// Which argument, counted from 0. None for a payload that is not a list of arguments.
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// Whether the argument was not there at all.
    pub fn is_missing(&self) -> bool {
        *self.problem.parts().1 == Problem::Missing
    }

    /// The same error with the name of the event that the arguments belong to; its text begins with it.
    ///
    /// ```
    /// use socketio_proto::Args;
    ///
    /// let error = Args::default().get::<u8>().unwrap_err().of_event("kick");
    /// assert_eq!(error.to_string(), "event \"kick\": argument 0 is missing");
    /// assert!(error.is_missing());
    /// ```
    #[must_use]
    pub fn of_event(mut self, name: &str) -> Self {
        self.problem = Problem::OfEvent(Box::new((name.into(), self.problem)));
        self
    }

    pub(crate) fn missing(index: usize) -> Self {
        Self { index: Some(index), problem: Problem::Missing }
    }

    pub(crate) fn new(problem: impl Into<Box<str>>) -> Self {
        Self { index: None, problem: Problem::Mismatch(problem.into()) }
    }

    pub(crate) fn at(mut self, index: usize) -> Self {
        self.index = Some(index);
        self
    }
}

impl fmt::Display for ArgsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (event, problem) = self.problem.parts();
        if let Some(event) = event {
            write!(f, "event {event:?}: ")?;
        }
        match (self.index, problem) {
            (Some(index), Problem::Mismatch(problem)) => write!(f, "argument {index}: {problem}"),
            (None, Problem::Mismatch(problem)) => f.write_str(problem),
            (Some(index), _) => write!(f, "argument {index} is missing"),
            (None, _) => f.write_str("the payload is missing"),
        }
    }
}

impl std::error::Error for ArgsError {}

impl de::Error for ArgsError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

/// Why something cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The name belongs to the implementation: `connect`, `disconnect` and the like. A peer would refuse it.
    #[error("the event name is reserved")]
    ReservedName,
    /// Beside attachments there is an object with `"_placeholder": true`, which receivers would take for an attachment,
    /// or refuse together with the whole connection. The protocol knows no way to escape it.
    #[error("an object with `_placeholder: true` can't be sent beside binary data")]
    Placeholder,
    /// The value is not representable in JSON (a map whose keys are no strings), or its `Serialize` failed.
    #[error("the arguments can't be encoded: {0}")]
    Json(#[from] serde_json::Error),
}

impl EncodeError {
    pub(crate) fn internal() -> Self {
        Self::Json(ser::Error::custom("not UTF-8"))
    }
}
