//! Parsing the query string.

use http::request::Parts;
use std::borrow::Cow;

/// A parsed query string. If a name occurs more than once, the last value counts, as in the reference.
///
/// ```
/// use engineio_proto::http::Query;
///
/// let query = Query::parse("EIO=4&transport=polling&token=a%20b");
/// assert_eq!(query.transport(), Some("polling"));
/// assert_eq!(query.sid(), None);
/// assert_eq!(query.get("token").as_deref(), Some("a b"));
/// ```
#[derive(Debug, Clone)]
pub struct Query<'a> {
    raw: &'a str,
    eio: Option<Cow<'a, str>>,
    transport: Option<Cow<'a, str>>,
    sid: Option<Cow<'a, str>>,
    b64: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    /// Parses the text after the question mark. Cannot fail: invalid UTF-8 becomes U+FFFD.
    pub fn parse(raw: &'a str) -> Self {
        let mut query = Query { raw, eio: None, transport: None, sid: None, b64: None };
        for (name, value) in query.pairs() {
            let place = match &*name {
                "EIO" => &mut query.eio,
                "transport" => &mut query.transport,
                "sid" => &mut query.sid,
                "b64" => &mut query.b64,
                _ => continue,
            };
            *place = Some(value);
        }
        query
    }

    /// The query of a request.
    pub fn of(parts: &'a Parts) -> Self {
        Query::parse(parts.uri.query().unwrap_or_default())
    }

    /// `EIO`, the protocol revision, as text.
    pub fn eio(&self) -> Option<&str> {
        self.eio.as_deref()
    }

    /// `transport`, the name of the transport.
    pub fn transport(&self) -> Option<&str> {
        self.transport.as_deref()
    }

    /// `sid`, the session id; `None` in a handshake. An empty value counts as missing.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref().filter(|sid| !sid.is_empty())
    }

    /// Whether `b64` has a value, even `0`: the client does not take binary frames, so a WebSocket sends base64 instead. (Polling always
    /// does.)
    pub fn base64(&self) -> bool {
        self.b64.as_ref().is_some_and(|value| !value.is_empty())
    }

    /// The last value of a name, decoded. For parameters of the application.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.pairs().filter(|pair| pair.0 == name).last().map(|pair| pair.1)
    }

    /// All names and values, decoded, in the order of the request.
    pub fn pairs(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        form_urlencoded::parse(self.raw.as_bytes())
    }

    /// The protocol revision as the reference determines it: 4 for exactly `4`, otherwise 3.
    pub(crate) fn protocol(&self) -> u8 {
        if self.eio() == Some("4") { 4 } else { 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let query = Query::parse("sid=a%20b&x=1%262+3&%45IO=%34&y");
        assert_eq!(query.sid(), Some("a b"));
        assert_eq!(query.protocol(), 4);
        assert_eq!(query.transport(), None);
        let pairs: Vec<_> = query.pairs().map(|(name, value)| format!("{name}:{value}")).collect();
        assert_eq!(pairs, ["sid:a b", "x:1&2 3", "EIO:4", "y:"]);
    }

    #[test]
    fn the_last_value_of_a_repeated_name_counts() {
        let query = Query::parse("EIO=3&EIO=4&transport=websocket&transport=polling&sid=a&sid=b&b64=1&b64=&x=1&x=2");
        assert_eq!((query.protocol(), query.transport(), query.sid()), (4, Some("polling"), Some("b")));
        assert!(!query.base64());
        assert_eq!(query.get("x").as_deref(), Some("2"));
        assert_eq!(Query::parse("sid=a&sid=").sid(), None);
        assert_eq!(Query::parse("sid=&sid=a").sid(), Some("a"));
    }

    #[test]
    fn an_empty_sid_counts_as_missing() {
        for raw in ["sid=", "sid", "sid&x", "x&sid=&y"] {
            assert_eq!(Query::parse(raw).sid(), None, "{raw}");
        }
    }

    #[test]
    fn any_value_asks_for_base64() {
        for (raw, base64) in
            [("b64=1", true), ("a&b64=0", true), ("b64=", false), ("b64", false), ("B64=1", false), ("", false)]
        {
            assert_eq!(Query::parse(raw).base64(), base64, "{raw}");
        }
    }

    #[test]
    fn only_4_is_revision_4() {
        for raw in ["", "EIO=3", "EIO=5", "EIO=abc", "EIO=04", "EIO", "EIO=", "eio=4"] {
            assert_eq!(Query::parse(raw).protocol(), 3, "{raw}");
        }
    }
}
