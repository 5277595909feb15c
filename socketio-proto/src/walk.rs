//! Steps over JSON that serde_json has checked.
//!
//! The packet's one pass of serde_json proves the syntax and keeps nothing. What follows wants places in that text: where
//! the name ends, which bytes are the third argument, whether an object is a placeholder. A [`Cursor`] finds them without
//! checking again. It never fails and never leaves the text; on text that is no JSON it would yield nonsense, not harm.
//! What a string or a number means is left to serde_json and the standard library.

use std::borrow::Cow;

/// How many containers typed and dynamic access goes into each other: serde_json's own bound.
pub(crate) const MAX_DEPTH: u8 = 128;

/// A place in checked JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// A string as it stands in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonStr<'a> {
    /// With its quotes.
    quoted: &'a str,
    escaped: bool,
}

/// A string with half a surrogate pair, which JSON can spell and UTF-8 cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LoneSurrogate;

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes lie behind it.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    #[inline]
    pub(crate) fn jump(&mut self, offset: usize) {
        self.at = offset;
    }

    /// The text not yet walked over.
    #[inline]
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no white space; the cursor moves to it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Steps over the next byte, if it is this one.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps over the string that begins here.
    #[inline]
    pub(crate) fn string(&mut self) -> JsonStr<'a> {
        let start = self.at;
        let body = self.text.as_bytes().get(start + 1..).unwrap_or_default();
        let mut rest = body.iter();
        let mut escaped = false;
        while let Some(byte) = rest.next() {
            match byte {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    rest.next();
                }
                _ => {}
            }
        }
        self.at = start + 1 + (body.len() - rest.len());
        JsonStr { quoted: self.text.get(start..self.at).unwrap_or_default(), escaped }
    }

    /// Steps over the number or literal that begins here.
    #[inline]
    pub(crate) fn scalar(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.bytes().position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'));
        let scalar = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += scalar.len();
        scalar
    }

    /// Steps over the next value, however deep it is.
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

impl<'a> JsonStr<'a> {
    /// Its characters, if they need no unescaping.
    #[inline]
    pub(crate) fn plain(self) -> Option<&'a str> {
        match self.escaped {
            true => None,
            false => self.quoted.get(1..self.quoted.len().saturating_sub(1)),
        }
    }

    pub(crate) fn unescape(self) -> Result<String, LoneSurrogate> {
        serde_json::from_str(self.quoted).map_err(|_| LoneSurrogate)
    }

    #[inline]
    pub(crate) fn read(self) -> Result<Cow<'a, str>, LoneSurrogate> {
        match self.plain() {
            Some(plain) => Ok(Cow::Borrowed(plain)),
            None => self.unescape().map(Cow::Owned),
        }
    }

    /// Whether it spells `text`, escapes or not.
    pub(crate) fn is(self, text: &str) -> bool {
        self.read().is_ok_and(|own| own == text)
    }
}

/// Takes away white space as JSON has it.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\n', '\r', '\t'])
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "places found are boundaries, and a test")]
mod tests {
    use super::*;

    #[test]
    fn steps_over_one_value_at_a_time() {
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
        assert_eq!(cursor.rest(), "");
    }

    #[test]
    fn strings_are_read_with_their_escapes() {
        let mut cursor = Cursor::new(r#""caf\u00e9 \ud83d\ude00\/""#);
        assert_eq!(cursor.string().read().unwrap(), "café 😀/");
        let mut cursor = Cursor::new(r#""\ud800""#);
        assert_eq!(cursor.string().read(), Err(LoneSurrogate));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "[\\[\\]{}\",:\\\\ a0é😀-]{0,40}") {
            let mut cursor = Cursor::new(&text);
            for _ in 0..100 {
                cursor.skip();
                cursor.eat(b',');
                cursor.rest();
            }
            let mut cursor = Cursor::new(&text);
            cursor.string();
            cursor.scalar();
        }
    }
}
