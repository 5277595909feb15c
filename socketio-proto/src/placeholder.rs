//! Placeholders: the objects `{"_placeholder":true,"num":N}` that stand for the attachments of a packet.
//!
//! They are looked for once, when the header arrives, and remembered by their place in the text, so that nobody has to look
//! into an object to know whether it is one. As in the reference, an object with `"_placeholder": true` is a placeholder
//! whatever else is in it, the last one counts if a key comes twice, and nothing inside of it is looked at.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::DecodeError;
use crate::walk::Cursor;

/// A placeholder in a text, and which attachment it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    start: usize,
    end: usize,
    number: usize,
}

/// An object that is still open.
struct Object {
    start: usize,
    marked: bool,
    number: Option<usize>,
    /// How many placeholders were found before it.
    before: usize,
}

/// Finds the placeholders in a list of values, checked JSON without its brackets, in the order of the text. It takes
/// memory for what is open, not stack.
///
/// The number of each must be one of `count` attachments.
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
                    // Digits only: no sign, no fraction, no exponent. Anything else is not looked at here: a scalar that
                    // began with a bracket would reach across all the brackets that follow, once for each of them.
                    object.number = match cursor.peek() {
                        Some(b'0'..=b'9') => cursor.clone().scalar().parse().ok().filter(|number| *number < count),
                        _ => None,
                    };
                }
            }
            b'{' => {
                if let Some(place) = usual(list, at) {
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

/// The placeholder at `at`, if it is spelled as every encoder spells it. A short cut: what it passes over is found as well.
fn usual(list: &str, at: usize) -> Option<Place> {
    let rest = list.get(at..)?.strip_prefix(SPELLED)?;
    let digits = rest.bytes().take(9).take_while(u8::is_ascii_digit).count();
    let number = rest.get(..digits)?.parse().ok()?;
    let closed = rest.as_bytes().get(digits) == Some(&b'}');
    closed.then_some(Place { start: at, end: at + SPELLED.len() + digits + 1, number })
}

/// How a placeholder begins, up to its number.
const SPELLED: &str = r#"{"_placeholder":true,"num":"#;

/// Finds the placeholders that the encoder wrote, and only those: `count`, numbered in order, in its own spelling. None if
/// an object of the application would be taken for one.
pub(crate) fn own(list: &str, count: usize) -> Option<Vec<Place>> {
    let places = scan(list, count).ok()?;
    let own = places.iter().enumerate().all(|(number, place)| {
        let text = list.get(place.start..place.end).unwrap_or_default();
        let spelled = text.strip_prefix(SPELLED).and_then(|rest| rest.strip_suffix('}'));
        place.number == number && spelled.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
    });
    (own && places.len() == count).then_some(places)
}

/// The attachments of a packet, shared, and where they belong. No attachments take no memory.
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

    /// The same in memory of its own.
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

    /// How many bytes there are if each placeholder gets a copy of its attachment.
    pub(crate) fn placed_bytes(&self) -> usize {
        let Some(attached) = &self.0 else { return 0 };
        let bytes = attached.places.iter().map(|place| attached.buffers.get(place.number).map_or(0, Bytes::len));
        bytes.fold(0, usize::saturating_add)
    }

    /// Whether a placeholder begins in a stretch of the text. A binary search: the places are in the order of the text.
    pub(crate) fn any_within(&self, stretch: Range<usize>) -> bool {
        let Some(attached) = &self.0 else { return false };
        let next = attached.places.partition_point(|place| place.start < stretch.start);
        attached.places.get(next).is_some_and(|place| place.start < stretch.end)
    }

    /// The attachment whose placeholder begins at `offset`, and where that ends.
    #[inline]
    pub(crate) fn at(&self, offset: usize) -> Option<(&Bytes, usize)> {
        let attached = self.0.as_ref()?;
        let index = attached.places.binary_search_by_key(&offset, |place| place.start).ok()?;
        let place = attached.places.get(index)?;
        Some((attached.buffers.get(place.number)?, place.end))
    }
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "places found are boundaries, and a test")]
mod tests {
    use super::*;

    fn found(list: &str, count: usize) -> Result<Vec<(&str, usize)>, DecodeError> {
        scan(list, count).map(|places| places.iter().map(|p| (&list[p.start..p.end], p.number)).collect())
    }

    #[test]
    fn found_wherever_they_are() {
        let (one, two) =
            (r#"{"_placeholder":true,"num":1}"#, r#"{ "num" : 0 , "x":[{}], "_pl\u0061ceholder" : true }"#);
        let list = format!(r#""a",[[{one}]],{{"k":{two},"_placeholder":false,"num":9}},"_placeholder",{one}"#);
        assert_eq!(found(&list, 2), Ok(vec![(one, 1), (two, 0), (one, 1)]));
        assert_eq!(found(&list, 1), Err(DecodeError::Placeholder));
        assert_eq!(found("", 1), Ok(vec![]));
    }

    #[test]
    fn numbers_are_plain_and_in_range() {
        for number in ["-1", "2", "0.5", "0e0", "-0", "\"0\"", "null", "[0]", "{}", "99999999999999999999999"] {
            let list = format!(r#"{{"_placeholder":true,"num":{number}}}"#);
            assert_eq!(found(&list, 2), Err(DecodeError::Placeholder), "{number}");
        }
        assert_eq!(found(r#"{"_placeholder":true}"#, 2), Err(DecodeError::Placeholder));
    }

    #[test]
    fn what_lies_inside_of_one_is_not_looked_at() {
        let list = r#"{"_placeholder":true,"num":0,"in":{"_placeholder":true,"num":7}}"#;
        assert_eq!(found(list, 1), Ok(vec![(list, 0)]));
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
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
