//! Errors of decoding packets, decoding arguments, and encoding.

use std::fmt;

use serde::{de, ser};

/// A rule of the packet grammar, or a bound of [`Limits`](crate::Limits), that the peer broke.
///
/// The reference closes the connection for each of them, and so does this crate's server. May grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// An empty text.
    #[error("the packet is empty; it must begin with its type, a digit from 0 to 6")]
    Empty,
    /// The first character is not a packet type.
    #[error("{0:?} is not a packet type; a packet begins with a digit from 0 to 6")]
    UnknownType(char),
    /// Type 5 or 6 without a count of attachments: digits, not beginning with `0`, then `-`.
    #[error("a binary packet must name the number of its attachments, from 1, followed by `-`")]
    AttachmentCount,
    /// More attachments than [`Limits::max_attachments`](crate::Limits::max_attachments).
    #[error("{count} attachments are announced; at most {max} are allowed")]
    TooManyAttachments {
        /// The announced number.
        count: usize,
        /// The maximum allowed.
        max: usize,
    },
    /// The ack id does not fit into 64 bits.
    #[error("the ack id is greater than {}", u64::MAX)]
    IdOverflow,
    /// An ack id on a packet that is neither an event nor an ack.
    #[error("an ack id is only allowed on an event or an ack")]
    UnexpectedId,
    /// An ack without the id of the event that it answers.
    #[error("an ack must have the id of the event that it answers")]
    MissingId,
    /// An event, ack or connect error without a payload.
    #[error("the payload is missing")]
    MissingPayload,
    /// A disconnect packet with a payload.
    #[error("a disconnect packet carries no payload")]
    UnexpectedPayload,
    /// The payload of an event or an ack does not begin with `[`.
    #[error("the payload of an event or an ack must be a JSON array, directly after the header")]
    NotAnArray,
    /// The payload of a connect packet does not begin with `{`.
    #[error("the payload of a connect packet must be a JSON object, directly after the header")]
    NotAnObject,
    /// The payload of a connect error begins neither with `{` nor with `"`.
    #[error("the payload of a connect error must be a JSON object or string, directly after the header")]
    NotAnErrorPayload,
    /// The payload is not valid JSON, or is followed by other text.
    #[error("the payload is not valid JSON")]
    Json,
    /// The first element of an event is neither a string nor a number, or missing.
    #[error("the first element of an event must be its name, a string or a number")]
    EventName,
    /// The event name is reserved for the implementation: `connect`, `connect_error`, `disconnect`, `disconnecting`,
    /// `newListener`, `removeListener`.
    #[error("the event name is reserved")]
    ReservedName,
    /// A placeholder whose `num` is not the number of an attachment of this packet.
    #[error("a placeholder must have the number of one of the packet's attachments as `num`")]
    Placeholder,
    /// Text where an attachment is expected.
    #[error("text arrived while the attachments of a packet were expected")]
    UnexpectedText,
    /// Binary data that no packet announced.
    #[error("binary data arrived that no packet announced")]
    UnexpectedBinary,
    /// An attachment longer than [`Limits::max_attachment_bytes`](crate::Limits::max_attachment_bytes).
    #[error("an attachment has {len} bytes; at most {max} are allowed")]
    AttachmentTooLarge {
        /// Its size in bytes.
        len: usize,
        /// The maximum allowed, in bytes.
        max: usize,
    },
    /// All attachments together are longer than [`Limits::max_total_bytes`](crate::Limits::max_total_bytes).
    #[error("the attachments of a packet have more than {max} bytes together")]
    AttachmentsTooLarge {
        /// The maximum allowed, in bytes.
        max: usize,
    },
    /// The attachments did not arrive within [`Limits::reassembly_timeout`](crate::Limits::reassembly_timeout).
    #[error("the attachments of a packet did not arrive in time")]
    TimedOut,
}

/// Arguments, or a payload, that are not of the requested type.
///
/// Its text names the argument, counted from 0, the value found and the type expected.
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
    /// One of the others, in the arguments of a named event. Boxed to keep the results of decoding small.
    OfEvent(Box<(Box<str>, Self)>),
}

impl Problem {
    /// The event name, if known, and the problem itself.
    fn parts(&self) -> (Option<&str>, &Self) {
        match self {
            Self::OfEvent(parts) => (Some(&parts.0), parts.1.parts().1),
            problem => (None, problem),
        }
    }
}

impl ArgsError {
    /// The index of the argument, counted from 0. `None` for a payload that is not an argument list.
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// Whether the argument is missing.
    pub fn is_missing(&self) -> bool {
        *self.problem.parts().1 == Problem::Missing
    }

    /// Adds the name of the event to the error; its text then begins with the name.
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

/// Why a packet can't be encoded. May grow.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event name is reserved for the implementation (`connect`, `disconnect` and others); a peer would refuse it.
    #[error("the event name is reserved")]
    ReservedName,
    /// The arguments contain attachments and an object with `"_placeholder": true`. Receivers would take the object for
    /// an attachment, or close the connection. The protocol can't escape it.
    #[error("an object with `_placeholder: true` can't be sent together with binary data")]
    Placeholder,
    /// The value can't be represented in JSON (a map has keys that are not strings), or its `Serialize` failed.
    #[error("the arguments can't be encoded: {0}")]
    Json(#[from] serde_json::Error),
}

impl EncodeError {
    pub(crate) fn internal() -> Self {
        Self::Json(ser::Error::custom("not UTF-8"))
    }
}
