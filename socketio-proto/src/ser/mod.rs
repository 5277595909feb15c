//! Typed arguments become JSON and attachments.
//!
//! serde_json writes the JSON. Its [`Formatter`](serde_json::ser::Formatter) is asked how bytes look, and that is where a
//! placeholder is written and the bytes are put aside. On top of it, [`Arguments`] tells a tuple from a single value.

mod arguments;
mod extract;

pub(crate) use arguments::Arguments;
pub(crate) use extract::Spelled;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::EncodeError;
use crate::placeholder::{self, Attachments};

/// Appends `value` as the list of arguments to `out`, with commas between them, and one in front if `separated`. Answers
/// the attachments and where in the list they belong.
///
/// An object of the application that would be taken for a placeholder is refused. Raw arguments were looked at when they
/// came.
#[inline]
pub(crate) fn list<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    separated: bool,
    value: &T,
) -> Result<Attachments, EncodeError> {
    let start = out.len();
    let mut found: Vec<Bytes> = Vec::new();
    let mut arguments = Arguments::new(out, &mut found, separated);
    value.serialize(&mut arguments)?;
    if arguments.is_unit() && !is_empty_list(value) {
        arguments.serialize_none()?;
    }
    if let Some(raw) = arguments.into_raw() {
        return Ok(raw);
    }
    if found.is_empty() {
        return Ok(Attachments::default());
    }
    let list = out.get(start..).and_then(|list| std::str::from_utf8(list).ok()).ok_or_else(EncodeError::internal)?;
    let places = placeholder::own(list, found.len()).ok_or(EncodeError::Placeholder)?;
    Ok(Attachments::new(found, places))
}

/// Whether a value that is a unit to serde stands for no arguments: `()`, and references to it.
///
/// The null of a dynamic value is a unit to serde as well, but its type has room for other values. The name of the type is asked
/// only for references, whose size says nothing.
fn is_empty_list<T: ?Sized>(unit: &T) -> bool {
    size_of_val(unit) == 0 || std::any::type_name::<T>().trim_start_matches('&').trim_start_matches("mut ") == "()"
}
