//! JSON written by JavaScript.

use std::borrow::Cow;

/// Replaces each escape of a lone surrogate in a JSON text by `\ufffd`, as JavaScript's `toWellFormed` does in a string.
///
/// A JavaScript string may contain a lone surrogate (half of an emoji), and `JSON.stringify` writes it as an escape. UTF-8 cannot
/// represent it, so serde_json refuses such a string. The result has the same length in bytes as `json`.
///
/// ```
/// use engineio_proto::to_well_formed;
///
/// assert_eq!(to_well_formed(r#"["cut \ud83d", "\ud83d\ude00"]"#), r#"["cut \ufffd", "\ud83d\ude00"]"#);
/// ```
pub fn to_well_formed(json: &str) -> Cow<'_, str> {
    let mut repaired = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = json.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        match escaped_unit(json, at) {
            Some(0xD800..=0xDBFF) if matches!(escaped_unit(json, at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                repaired.push_str(json.get(copied..at).unwrap_or_default());
                repaired.push_str(r"\ufffd");
                at += 6;
                copied = at;
            }
            // Skip the escaped character: it may be a backslash.
            _ => at += 2,
        }
    }
    match copied {
        0 => Cow::Borrowed(json),
        _ => Cow::Owned(repaired + json.get(copied..).unwrap_or_default()),
    }
}

/// The UTF-16 code unit of the escape `\uXXXX` at this position.
fn escaped_unit(json: &str, at: usize) -> Option<u16> {
    u16::from_str_radix(json.get(at..at + 6)?.strip_prefix(r"\u")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_are_not() {
        for (json, expected) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\uDE00\uD83D""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\ud83d\ude00\ude00""#, r#""\ufffd\ud83d\ude00\ufffd""#),
            (r#""\ud83d\n\ude00a\ud83dude00""#, r#""\ufffd\n\ufffda\ufffdude00""#),
            (r#"{"\ud83d":"é\ud83dé"}"#, r#"{"\ufffd":"é\ufffdé"}"#),
            (r#""\\ud83d \\\ud83d""#, r#""\\ud83d \\\ufffd""#),
        ] {
            assert_eq!(to_well_formed(json), expected);
        }
        for same in [r#""\\ud83d""#, r#""\ud7ff\ue000""#, "\"\\ud83", "\"\\", "\\é", "", r#""\ud83d\ude00""#] {
            assert!(matches!(to_well_formed(same), Cow::Borrowed(text) if text == same), "{same}");
        }
    }

    proptest! {
        /// The standard library decodes UTF-16 with the same replacement.
        #[test]
        fn a_repaired_string_equals_a_lossy_decode_of_its_utf_16(units in proptest::collection::vec(
            prop_oneof![0xD7FE..0xE002_u16, any::<u16>()], 0..12
        )) {
            let escapes: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("\"{escapes}\"");
            let read: String = serde_json::from_str(&to_well_formed(&json)).unwrap();
            prop_assert_eq!(read, String::from_utf16_lossy(&units));
        }

        #[test]
        fn any_text_keeps_its_length(text in "(\\\\|u|d83d|dE00|é|\"|[a-z]){0,20}") {
            prop_assert_eq!(to_well_formed(&text).len(), text.len());
        }
    }
}
