//! The header of a packet: `type [count "-"] [namespace ","] [id]`, then the payload.
//!
//! A packet is parsed only when it is complete, so the grammar uses nom's complete parsers. A part that is present must
//! be valid: an id whose digits overflow is an error, not an absent id.

use nom::bytes::complete::take_while;
use nom::character::complete::{anychar, char, digit1};
use nom::combinator::{cond, opt, recognize};
use nom::error::{ErrorKind, ParseError};
use nom::sequence::{preceded, terminated};
use nom::{Err, IResult, Parser};

use crate::DecodeError;

/// The packet type. Whether a packet is binary follows from its attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    pub(crate) kind: Kind,
    /// At least 1 in a binary packet, else 0.
    pub(crate) attachments: usize,
    /// `None` if the packet names no namespace, which means `/`.
    pub(crate) namespace: Option<&'a str>,
    pub(crate) id: Option<u64>,
    /// The rest; may be empty.
    pub(crate) payload: &'a str,
}

/// Parses the header of a complete packet.
#[inline(always)]
pub(crate) fn parse(packet: &str) -> Result<Header<'_>, DecodeError> {
    match header(packet) {
        Ok((_, header)) => Ok(header),
        Err(Err::Error(Rule(error)) | Err::Failure(Rule(error))) => Err(error),
        // Complete parsers never return `Incomplete`.
        Err(Err::Incomplete(_)) => Err(DecodeError::Empty),
    }
}

/// The broken rule. Errors that `opt` recovers from are discarded.
#[derive(Debug)]
struct Rule(DecodeError);

impl<I> ParseError<I> for Rule {
    fn from_error_kind(_: I, _: ErrorKind) -> Self {
        Self(DecodeError::Empty)
    }

    fn append(_: I, _: ErrorKind, other: Self) -> Self {
        other
    }
}

type Parsed<'a, T> = IResult<&'a str, T, Rule>;

fn header(packet: &str) -> Parsed<'_, Header<'_>> {
    let (rest, (kind, binary)) = kind(packet)?;
    let (rest, attachments) = cond(binary, count).parse(rest)?;
    let (rest, namespace) = opt(namespace).parse(rest)?;
    let (payload, id) = opt(id).parse(rest)?;
    Ok(("", Header { kind, attachments: attachments.unwrap_or(0), namespace, id, payload }))
}

fn kind(packet: &str) -> Parsed<'_, (Kind, bool)> {
    let (rest, digit) = anychar(packet)?;
    let kind = match digit {
        '0' => (Kind::Connect, false),
        '1' => (Kind::Disconnect, false),
        '2' => (Kind::Event, false),
        '3' => (Kind::Ack, false),
        '4' => (Kind::ConnectError, false),
        '5' => (Kind::Event, true),
        '6' => (Kind::Ack, true),
        other => return Err(Err::Failure(Rule(DecodeError::UnknownType(other)))),
    };
    Ok((rest, kind))
}

fn count(rest: &str) -> Parsed<'_, usize> {
    let wrong = Err::Failure(Rule(DecodeError::AttachmentCount));
    match terminated(digit1::<&str, Rule>, char('-')).parse(rest) {
        Ok((rest, digits)) if !digits.starts_with('0') => match digits.parse() {
            Ok(count) => Ok((rest, count)),
            Err(_) => Err(wrong),
        },
        _ => Err(wrong),
    }
}

/// From `/` to the first comma, or to the end.
fn namespace(rest: &str) -> Parsed<'_, &str> {
    let name = recognize(preceded(char('/'), take_while(|c| c != ',')));
    terminated(name, opt(char(','))).parse(rest)
}

fn id(rest: &str) -> Parsed<'_, u64> {
    let (rest, digits) = digit1(rest)?;
    match digits.parse() {
        Ok(id) => Ok((rest, id)),
        Err(_) => Err(Err::Failure(Rule(DecodeError::IdOverflow))),
    }
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "slices at ASCII boundaries, in a test")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type All<'a> = (Kind, usize, Option<&'a str>, Option<u64>, &'a str);

    fn all(packet: &str) -> Result<All<'_>, DecodeError> {
        parse(packet).map(|h| (h.kind, h.attachments, h.namespace, h.id, h.payload))
    }

    #[test]
    fn all_parts_are_parsed() {
        assert_eq!(all("0"), Ok((Kind::Connect, 0, None, None, "")));
        assert_eq!(all("0/woot"), Ok((Kind::Connect, 0, Some("/woot"), None, "")));
        assert_eq!(all("1/woot,"), Ok((Kind::Disconnect, 0, Some("/woot"), None, "")));
        assert_eq!(all("2/a?b=1,12[1]"), Ok((Kind::Event, 0, Some("/a?b=1"), Some(12), "[1]")));
        assert_eq!(all("510-/n,007[1]"), Ok((Kind::Event, 10, Some("/n"), Some(7), "[1]")));
        assert_eq!(all("61-3[]"), Ok((Kind::Ack, 1, None, Some(3), "[]")));
        assert_eq!(all("4{}"), Ok((Kind::ConnectError, 0, None, None, "{}")));
    }

    #[test]
    fn an_overflowing_id_is_not_an_absent_one() {
        assert_eq!(all("218446744073709551615[]").map(|all| all.3), Ok(Some(u64::MAX)));
        assert_eq!(all("218446744073709551616[]"), Err(DecodeError::IdOverflow));
        assert_eq!(all(&format!("2{}[]", "9".repeat(100_000))), Err(DecodeError::IdOverflow));
        assert_eq!(all(&format!("5{}-[]", "9".repeat(100_000))), Err(DecodeError::AttachmentCount));
    }

    #[test]
    fn multi_byte_characters_are_not_split() {
        assert_eq!(all("é"), Err(DecodeError::UnknownType('é')));
        assert_eq!(all("😀ab"), Err(DecodeError::UnknownType('😀')));
        assert_eq!(all("2é"), Ok((Kind::Event, 0, None, None, "é")));
        assert_eq!(all("5é-"), Err(DecodeError::AttachmentCount));
    }

    /// A hand-written parser of the same grammar.
    fn naive(packet: &str) -> Result<All<'_>, DecodeError> {
        let first = packet.chars().next().ok_or(DecodeError::Empty)?;
        let (kind, binary) = match first {
            '0' => (Kind::Connect, false),
            '1' => (Kind::Disconnect, false),
            '2' | '5' => (Kind::Event, first == '5'),
            '3' | '6' => (Kind::Ack, first == '6'),
            '4' => (Kind::ConnectError, false),
            other => return Err(DecodeError::UnknownType(other)),
        };
        let mut at = 1;
        let digits = |at: usize| packet.bytes().skip(at).take_while(u8::is_ascii_digit).count();
        let mut count = 0;
        if binary {
            let n = digits(at);
            if n == 0 || packet.as_bytes()[at] == b'0' || packet.as_bytes().get(at + n) != Some(&b'-') {
                return Err(DecodeError::AttachmentCount);
            }
            count = packet[at..at + n].parse().map_err(|_| DecodeError::AttachmentCount)?;
            at += n + 1;
        }
        let mut namespace = None;
        if packet.as_bytes().get(at) == Some(&b'/') {
            let end = packet[at..].find(',').map_or(packet.len(), |n| at + n);
            namespace = Some(&packet[at..end]);
            at = packet.len().min(end + 1);
        }
        let mut id = None;
        let n = digits(at);
        if n > 0 {
            id = Some(packet[at..at + n].parse().map_err(|_| DecodeError::IdOverflow)?);
            at += n;
        }
        Ok((kind, count, namespace, id, &packet[at..]))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_header_is_parsed_like_by_the_hand_written_parser(packet in "([0-7é]|5[0-9]{0,3}-?)?(/[a-z,?]{0,3},?)?[0-9]{0,22}[\\[\\],/é -]{0,4}") {
            prop_assert_eq!(all(&packet), naive(&packet));
        }

        #[test]
        fn any_text_is_parsed_like_by_the_hand_written_parser(packet in any::<String>()) {
            prop_assert_eq!(all(&packet), naive(&packet));
        }
    }
}
