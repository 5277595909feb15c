//! A cursor over JSON that serde_json has checked.
//!
//! serde_json checks the syntax of a packet in one pass, without building values. Afterwards the codec needs positions
//! in that text: the end of the name, the bytes of the third argument, whether an object is a placeholder. A [`Cursor`]
//! finds them without checking again. It never fails and never leaves the text; on invalid JSON its results would be
//! wrong, but harmless. Strings and numbers are decoded by serde_json and the standard library.

use std::borrow::Cow;

use engineio_proto::to_well_formed;

use crate::ArgsError;

/// A position in checked JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// A string as written in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum JsonStr<'a> {
    /// Without its quotes; contains no escapes.
    Plain(&'a str),
    /// With its quotes; contains escapes.
    Escaped(&'a str),
}

/// Why valid JSON can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// Nested deeper than [`Limits::max_depth`](crate::Limits::max_depth).
    TooDeep,
}

impl From<ReadError> for ArgsError {
    fn from(error: ReadError) -> Self {
        Self::new(match error {
            ReadError::TooDeep => "nested deeper than `max_depth` allows",
        })
    }
}

/// The depth that remains inside of one more container.
#[inline]
pub(crate) fn deeper(depth: u16) -> Result<u16, ReadError> {
    depth.checked_sub(1).ok_or(ReadError::TooDeep)
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The offset of the cursor in bytes.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// The text between two offsets.
    pub(crate) fn between(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn jump(&mut self, offset: usize) {
        self.at = offset;
    }

    /// Moves to the next byte that is not whitespace and returns it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                // Between the values of checked JSON, only whitespace is at or below a space.
                Some(byte) if *byte <= b' ' => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Skips one byte, a bracket or a comma.
    #[inline]
    pub(crate) fn step(&mut self) {
        self.at += 1;
    }

    /// Skips the next byte if it is `byte`; returns whether it was.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Reads the string that begins here.
    #[inline]
    pub(crate) fn string(&mut self) -> JsonStr<'a> {
        let start = self.at + 1;
        let end = start + special(self.text.as_bytes().get(start..).unwrap_or_default());
        match self.text.as_bytes().get(end) {
            Some(b'"') => {
                self.at = end + 1;
                JsonStr::Plain(self.text.get(start..end).unwrap_or_default())
            }
            _ => self.escaped(end),
        }
    }

    /// Reads the rest of a string from its first escape, at `end`.
    fn escaped(&mut self, mut end: usize) -> JsonStr<'a> {
        while self.text.as_bytes().get(end) == Some(&b'\\') {
            end += 2;
            end += special(self.text.as_bytes().get(end..).unwrap_or_default());
        }
        let start = self.at;
        self.at = self.text.len().min(end + 1);
        JsonStr::Escaped(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Reads the number or literal that begins here.
    #[inline]
    pub(crate) fn scalar(&mut self) -> &'a str {
        let start = self.at;
        // Ends at whitespace, a comma, `]` or `}` (the two brackets differ in one bit).
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            if *byte <= b' ' || *byte == b',' || *byte & !0x20 == b']' {
                break;
            }
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Skips the next value. Not recursive.
    pub(crate) fn skip(&mut self) {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => _ = self.string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                _ => _ = self.scalar(),
            }
            if depth == 0 {
                break;
            }
        }
    }
}

/// Number of bytes before the first quote or backslash. Compares eight bytes at a time: strings are short and of
/// varying length, so the main cost of a loop over single bytes is the mispredicted branch at its end.
#[inline]
fn special(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let mut rest = bytes;
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        // Matching bytes become zero. Only the lowest match found is exact, which is the one needed.
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        let found = ((quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash)) & HIGH;
        if found != 0 {
            return bytes.len() - rest.len() + (found.trailing_zeros() / 8) as usize;
        }
        rest = tail;
    }
    let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    bytes.len() - rest.len() + found.unwrap_or(rest.len())
}

/// Decodes a quoted string with escapes. A lone surrogate, which JSON can express but UTF-8 can't, becomes U+FFFD.
pub(crate) fn unescape(quoted: &str) -> String {
    serde_json::from_str(quoted).or_else(|_| serde_json::from_str(&to_well_formed(quoted))).unwrap_or_default()
}

impl<'a> JsonStr<'a> {
    #[inline]
    pub(crate) fn read(self) -> Cow<'a, str> {
        match self {
            JsonStr::Plain(text) => Cow::Borrowed(text),
            JsonStr::Escaped(quoted) => Cow::Owned(unescape(quoted)),
        }
    }

    /// Whether the unescaped string equals `text`.
    pub(crate) fn is(self, text: &str) -> bool {
        self.read() == text
    }
}

/// Removes whitespace at the end.
#[inline]
pub(crate) fn trim_end(text: &str) -> &str {
    text.trim_end_matches([' ', '\n', '\r', '\t'])
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "slices at positions that were found, in a test")]
mod tests {
    use super::*;

    #[test]
    fn values_are_skipped_one_at_a_time() {
        let text = r#" [1,{"a":"]\"}"}] , "x\\" ,-1.5e3 ,null, {} "#;
        let mut cursor = Cursor::new(text);
        let mut values = Vec::new();
        loop {
            cursor.peek();
            let start = cursor.offset();
            cursor.skip();
            values.push(&text[start..cursor.offset()]);
            if !cursor.eat(b',') {
                break;
            }
        }
        assert_eq!(values, [r#"[1,{"a":"]\"}"}]"#, r#""x\\""#, "-1.5e3", "null", "{}"]);
        assert_eq!(cursor.peek(), None);
    }

    #[test]
    fn deep_nesting_takes_no_stack() {
        let text = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        let mut cursor = Cursor::new(&text);
        cursor.skip();
        assert_eq!(cursor.offset(), text.len());
    }

    #[test]
    fn strings_are_unescaped() {
        let mut cursor = Cursor::new(r#""caf\u00e9 \ud83d\ude00\/""#);
        assert_eq!(cursor.string().read(), "café 😀/");
        let mut cursor = Cursor::new(r#""\ude00 \ud83d\ud83d\ude00 \ud83d\n""#);
        assert_eq!(cursor.string().read(), "\u{FFFD} \u{FFFD}😀 \u{FFFD}\n");
    }

    proptest::proptest! {
        #[test]
        fn comparing_eight_bytes_at_a_time_equals_comparing_single_bytes(bytes in proptest::collection::vec(proptest::sample::select(b"\"\\\x00!#[]\xa2\xdca".as_slice()), 0..40)) {
            let slow = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(bytes.len());
            proptest::prop_assert_eq!(special(&bytes), slow);
        }

        #[test]
        fn the_cursor_stays_within_any_text(text in "[\\[\\]{}\",:\\\\ a0é😀-]{0,40}") {
            let mut cursor = Cursor::new(&text);
            for _ in 0..100 {
                cursor.skip();
                cursor.eat(b',');
                assert!(cursor.offset() <= text.len());
            }
            let mut cursor = Cursor::new(&text);
            cursor.string();
            cursor.scalar();
        }
    }
}
