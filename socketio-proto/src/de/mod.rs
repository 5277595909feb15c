//! JSON and attachments become typed arguments.
//!
//! A deserializer of our own over checked JSON, for two reasons that serde_json's can't serve: arguments begin in the middle
//! of an array, and an object that is a placeholder has to be seen before it is entered. Syntax was checked by serde_json
//! when the packet came, strings with escapes are unescaped by it, numbers are converted by the standard library.
//!
//! What it yields for JSON without attachments is what serde_json yields, but for half a surrogate pair (U+FFFD), numbers beyond
//! the range of a float (infinite), and floats that serde_json rounds wrongly in the last bit. A test compares the two.

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
