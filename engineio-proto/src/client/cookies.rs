//! The cookies of one session, for load balancers with sticky sessions.

use http::{HeaderMap, HeaderValue, header};
use std::time::{Duration, SystemTime};

use crate::{Instant, clock::after};

/// The maximum number of cookies; further names are ignored.
const MAX_COOKIES: usize = 64;

/// The maximum size of a cookie, name and value, in bytes; longer ones are ignored.
const MAX_COOKIE_BYTES: usize = 4096;

/// Cookies in the order in which they were set. Path, domain and `Secure` are ignored, as in the reference: the jar is used for one path
/// of one server.
#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    /// `None`: at the end of the session.
    expires: Option<Instant>,
}

impl Jar {
    /// Stores the cookies that a response sets.
    pub(super) fn store(&mut self, headers: &HeaderMap, now: Instant) {
        let date = headers.get(header::DATE).and_then(|date| date.to_str().ok()?.parse::<httpdate::HttpDate>().ok());
        for value in headers.get_all(header::SET_COOKIE) {
            // `to_str` fails for values that are not valid in a `cookie` header.
            let Some(cookie) = value.to_str().ok().and_then(|text| parse(text, date.map(SystemTime::from), now)) else {
                continue;
            };
            let room = self.0.len() < MAX_COOKIES;
            match self.0.iter_mut().find(|known| known.name == cookie.name) {
                Some(known) => *known = cookie,
                None if room => self.0.push(cookie),
                None => {}
            }
        }
    }

    /// Adds the cookies to the headers of a request, after those of the application.
    pub(super) fn write(&mut self, headers: &mut HeaderMap, now: Instant) {
        self.0.retain(|cookie| cookie.expires.is_none_or(|expires| now < expires));
        if self.0.is_empty() {
            return;
        }
        let own = headers.get(header::COOKIE).and_then(|own| own.to_str().ok()).map(str::to_owned);
        let jar = self.0.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value));
        let text = own.into_iter().chain(jar).collect::<Vec<_>>().join("; ");
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(header::COOKIE, value);
        }
    }
}

/// Parses a `set-cookie` header. Of the attributes only `Expires` and `Max-Age` are used; `Max-Age` has precedence.
///
/// There is no clock here, so `Expires` is relative to the `Date` of the response. Without a `Date`, only dates in 1970 or earlier, which
/// delete a cookie, have an effect.
fn parse(text: &str, date: Option<SystemTime>, now: Instant) -> Option<Cookie> {
    let mut parts = text.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    if name.is_empty() || name.len() + value.len() > MAX_COOKIE_BYTES {
        return None;
    }
    let (mut max_age, mut expires) = (None, None);
    for (attribute, value) in parts.filter_map(|part| part.split_once('=')) {
        if attribute.eq_ignore_ascii_case("max-age") {
            let seconds = value.parse::<i64>().ok().and_then(|age| u64::try_from(age).ok()).unwrap_or(0);
            max_age = Some(Some(Duration::from_secs(seconds)));
        } else if attribute.eq_ignore_ascii_case("expires") {
            let at = httpdate::parse_http_date(value).unwrap_or(SystemTime::UNIX_EPOCH);
            expires = Some(match date {
                Some(date) => Some(at.duration_since(date).unwrap_or_default()),
                None if at < SystemTime::UNIX_EPOCH + Duration::from_secs(366 * 86_400) => Some(Duration::ZERO),
                None => None,
            });
        }
    }
    // At most a century, which is longer than any session.
    let bounded = |age: Duration| after(now, age.min(Duration::from_secs(3_155_760_000)));
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Some(Cookie {
        name: name.to_owned(),
        value: quoted.unwrap_or(value).to_owned(),
        expires: max_age.or(expires).flatten().map(bounded),
    })
}
