//! Serializes typed arguments as JSON and attachments.
//!
//! serde_json writes the JSON. For bytes it calls its [`Formatter`](serde_json::ser::Formatter), which writes a
//! placeholder and collects the bytes. On top of it, [`Arguments`] distinguishes a tuple from a single value.

mod arguments;
mod extract;

pub(crate) use arguments::Arguments;
pub(crate) use extract::KeepDigits;

use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::EncodeError;
use crate::placeholder::{self, Attachments};

/// Appends `value` to `out` as an argument list separated by commas, with a leading comma if `separated`. Returns the
/// attachments with the positions of their placeholders.
///
/// Refuses an object of the application that looks like a placeholder. Raw arguments are not checked again.
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
    let places = placeholder::encoded(list, found.len()).ok_or(EncodeError::Placeholder)?;
    Ok(Attachments::new(found, places))
}

/// Whether a value that serde serializes as a unit is an empty list: `()`, and references to it.
///
/// The null of a dynamic value is also a unit in serde, but its type is not zero-sized. The type name is only compared
/// for references, whose size is that of a pointer.
fn is_empty_list<T: ?Sized>(unit: &T) -> bool {
    size_of_val(unit) == 0 || std::any::type_name::<T>().trim_start_matches('&').trim_start_matches("mut ") == "()"
}
