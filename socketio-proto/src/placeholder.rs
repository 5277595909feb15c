//! Placeholders: the objects `{"_placeholder":true,"num":N}` that stand for the attachments of a packet.
//!
//! The text is scanned for placeholders once, when the header arrives, and their positions are stored, so that decoding
//! needs no lookahead into objects. As in the reference, an object with `"_placeholder": true` is a placeholder
//! whatever else it contains, the last of duplicate keys counts, and values inside of a placeholder are ignored.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::DecodeError;
use crate::walk::Cursor;

/// The position of a placeholder in a text, and the number of its attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    start: usize,
    end: usize,
    number: usize,
}

/// An object whose end has not been reached.
struct Object {
    start: usize,
    marked: bool,
    number: Option<usize>,
    /// Number of placeholders found before it.
    before: usize,
}

/// Finds the placeholders in a list of values (checked JSON without the enclosing brackets), in text order. Not
/// recursive, so deep nesting uses no stack.
///
/// Fails if the number of a placeholder is not below `count`.
pub(crate) fn scan(list: &str, count: usize) -> Result<Vec<Place>, DecodeError> {
    let mut cursor = Cursor::new(list);
    let mut places: Vec<Place> = Vec::with_capacity(count.min(16));
    let mut objects: Vec<Object> = Vec::new();
    // For each open container: whether it is an object.
    let mut open: Vec<bool> = Vec::new();
    let mut key = false;
    while let Some(byte) = cursor.peek() {
        let at = cursor.offset();
        match byte {
            b'"' => {
                let string = cursor.string();
                if !key {
                    continue;
                }
                key = false;
                cursor.eat(b':');
                let Some(object) = objects.last_mut() else { continue };
                if string.is("_placeholder") {
                    object.marked = cursor.peek() == Some(b't');
                } else if string.is("num") {
                    // Digits only: no sign, no fraction, no exponent. Nothing else is read as a scalar here: one that
                    // starts with a bracket would extend over all brackets that follow, in quadratic time.
                    object.number = match cursor.peek() {
                        Some(b'0'..=b'9') => cursor.clone().scalar().parse().ok().filter(|number| *number < count),
                        _ => None,
                    };
                }
            }
            b'{' => {
                if let Some(place) = canonical(list, at) {
                    places.push(place);
                    cursor.jump(place.end);
                    continue;
                }
                objects.push(Object { start: at, marked: false, number: None, before: places.len() });
                open.push(true);
                key = true;
                cursor.step();
            }
            b'[' => {
                open.push(false);
                cursor.step();
            }
            b']' => {
                open.pop();
                cursor.step();
            }
            b'}' => {
                key = false;
                open.pop();
                cursor.step();
                if let Some(Object { start, marked: true, number, before }) = objects.pop() {
                    places.truncate(before);
                    places.push(Place { start, end: at + 1, number: number.unwrap_or(count) });
                }
            }
            b',' => {
                key = open.last() == Some(&true);
                cursor.step();
            }
            _ => _ = cursor.scalar(),
        }
    }
    match places.iter().all(|place| place.number < count) {
        true => Ok(places),
        false => Err(DecodeError::Placeholder),
    }
}

/// The placeholder at `at`, if it has the form that all encoders write. An optimization: `scan` also finds the other
/// forms.
fn canonical(list: &str, at: usize) -> Option<Place> {
    let rest = list.get(at..)?.strip_prefix(PREFIX)?;
    let digits = rest.bytes().take(9).take_while(u8::is_ascii_digit).count();
    let number = rest.get(..digits)?.parse().ok()?;
    let closed = rest.as_bytes().get(digits) == Some(&b'}');
    closed.then_some(Place { start: at, end: at + PREFIX.len() + digits + 1, number })
}

/// The start of a placeholder, up to its number.
const PREFIX: &str = r#"{"_placeholder":true,"num":"#;

/// Finds the `count` placeholders that the encoder wrote. Returns `None` if there are others, which means that an
/// object of the application would be taken for a placeholder.
pub(crate) fn encoded(list: &str, count: usize) -> Option<Vec<Place>> {
    let places = scan(list, count).ok()?;
    let encoded = places.iter().enumerate().all(|(number, place)| {
        let text = list.get(place.start..place.end).unwrap_or_default();
        let digits = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix('}'));
        place.number == number && digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
    });
    (encoded && places.len() == count).then_some(places)
}

/// The shared attachments of a packet and the positions of their placeholders. Allocates nothing if there are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attachments(Option<Arc<Attached>>);

#[derive(Debug)]
struct Attached {
    buffers: Vec<Bytes>,
    places: Vec<Place>,
}

impl Attachments {
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new(buffers: Vec<Bytes>, places: Vec<Place>) -> Self {
        match buffers.is_empty() {
            true => Self(None),
            false => Self(Some(Arc::new(Attached { buffers, places }))),
        }
    }

    /// A copy in its own allocations.
    pub(crate) fn copied(&self) -> Self {
        let copied = |attached: &Arc<Attached>| Attached {
            buffers: attached.buffers.iter().map(|buffer| Bytes::copy_from_slice(buffer)).collect(),
            places: attached.places.clone(),
        };
        Self(self.0.as_ref().map(|attached| Arc::new(copied(attached))))
    }

    #[inline]
    pub(crate) fn buffers(&self) -> &[Bytes] {
        self.0.as_ref().map_or(&[], |attached| &attached.buffers)
    }

    /// Total size in bytes if each placeholder is replaced by a copy of its attachment.
    pub(crate) fn placed_bytes(&self) -> usize {
        let Some(attached) = &self.0 else { return 0 };
        let bytes = attached.places.iter().map(|place| attached.buffers.get(place.number).map_or(0, Bytes::len));
        bytes.fold(0, usize::saturating_add)
    }

    /// Whether a placeholder begins in a range of the text.
    pub(crate) fn any_within(&self, range: Range<usize>) -> bool {
        let Some(attached) = &self.0 else { return false };
        let next = attached.places.partition_point(|place| place.start < range.start);
        attached.places.get(next).is_some_and(|place| place.start < range.end)
    }

    /// The attachment whose placeholder begins at `offset`, and the end of the placeholder.
    #[inline]
    pub(crate) fn at(&self, offset: usize) -> Option<(&Bytes, usize)> {
        let attached = self.0.as_ref()?;
        let index = attached.places.binary_search_by_key(&offset, |place| place.start).ok()?;
        let place = attached.places.get(index)?;
        Some((attached.buffers.get(place.number)?, place.end))
    }
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "slices at positions that were found, in a test")]
mod tests {
    use super::*;

    fn found(list: &str, count: usize) -> Result<Vec<(&str, usize)>, DecodeError> {
        scan(list, count).map(|places| places.iter().map(|p| (&list[p.start..p.end], p.number)).collect())
    }

    #[test]
    fn placeholders_are_found_at_any_depth() {
        let (one, two) =
            (r#"{"_placeholder":true,"num":1}"#, r#"{ "num" : 0 , "x":[{}], "_pl\u0061ceholder" : true }"#);
        let list = format!(r#""a",[[{one}]],{{"k":{two},"_placeholder":false,"num":9}},"_placeholder",{one}"#);
        assert_eq!(found(&list, 2), Ok(vec![(one, 1), (two, 0), (one, 1)]));
        assert_eq!(found(&list, 1), Err(DecodeError::Placeholder));
        assert_eq!(found("", 1), Ok(vec![]));
    }

    #[test]
    fn a_placeholder_needs_a_plain_number_in_range() {
        for number in ["-1", "2", "0.5", "0e0", "-0", "\"0\"", "null", "[0]", "{}", "99999999999999999999999"] {
            let list = format!(r#"{{"_placeholder":true,"num":{number}}}"#);
            assert_eq!(found(&list, 2), Err(DecodeError::Placeholder), "{number}");
        }
        assert_eq!(found(r#"{"_placeholder":true}"#, 2), Err(DecodeError::Placeholder));
    }

    #[test]
    fn values_inside_of_a_placeholder_are_ignored() {
        let list = r#"{"_placeholder":true,"num":0,"in":{"_placeholder":true,"num":7}}"#;
        assert_eq!(found(list, 1), Ok(vec![(list, 0)]));
    }

    #[test]
    fn the_last_of_duplicate_keys_counts() {
        assert_eq!(found(r#"{"_placeholder":true,"num":0,"_placeholder":1}"#, 1), Ok(vec![]));
        let list = r#"{"_placeholder":null,"num":3,"_placeholder":true,"num":0}"#;
        assert_eq!(found(list, 1), Ok(vec![(list, 0)]));
    }

    #[test]
    fn deep_nesting_takes_no_stack() {
        let list = r#"{"a":["#.repeat(100_000) + r#"{"_placeholder":true,"num":0}"# + &"]}".repeat(100_000);
        assert_eq!(found(&list, 1).unwrap().len(), 1);
    }
}
