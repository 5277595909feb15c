//! Deserializes typed arguments from JSON and attachments.
//!
//! serde_json's deserializer can't be used on the arguments: it can't start in the middle of an array, and it can't
//! recognize a placeholder before it enters the object. This one works on JSON that serde_json checked when the packet
//! arrived. serde_json unescapes strings; the standard library converts numbers.
//!
//! Without attachments, the results equal serde_json's, with three exceptions: a lone surrogate becomes U+FFFD, a
//! number beyond the range of a float becomes infinite, and a float that serde_json rounds wrongly in the last bit is
//! correct. `tests/like_serde_json.rs` compares the two.

mod arguments;
mod key;
mod scalar;
mod source;

pub(crate) use arguments::ArgsDeserializer;

use serde::Deserialize;

use crate::ArgsError;
use crate::placeholder::Attachments;

/// Reads a checked value that has no attachments.
pub(crate) fn read<'a, T: Deserialize<'a>>(json: &'a str, depth: u16) -> Result<T, ArgsError> {
    static NONE: Attachments = Attachments::none();
    T::deserialize(&mut source::Source::new(json, &NONE, depth))
}
