//! The cookie set by a polling handshake.

use crate::{ConfigError, Sid};
use http::HeaderValue;
use std::{fmt::Write as _, time::Duration};

/// A cookie that holds the session id, for load balancers; set by the response to a polling handshake.
///
/// ```
/// use engineio_proto::{Config, http::Cookie};
///
/// // set-cookie: io=<sid>; Path=/; HttpOnly; SameSite=Lax
/// let config = Config::builder().cookie(Cookie::default()).build()?;
/// # Ok::<(), engineio_proto::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    path: Option<String>,
    domain: Option<String>,
    max_age: Option<Duration>,
    http_only: Option<bool>,
    secure: bool,
    same_site: Option<SameSite>,
}

/// The cross-site requests that carry the cookie. Exhaustive: the values of the cookie standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// No cross-site request.
    Strict,
    /// Only top-level navigation.
    Lax,
    /// All; browsers then require [`Cookie::secure`].
    None,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "io".into(),
            path: Some("/".into()),
            domain: None,
            max_age: None,
            http_only: None,
            secure: false,
            same_site: Some(SameSite::Lax),
        }
    }
}

impl Cookie {
    /// The name, a token. Default `io`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The attribute `Path`, `None` to omit it. Default `/`.
    pub fn path(mut self, path: Option<&str>) -> Self {
        self.path = path.map(str::to_owned);
        self
    }

    /// The attribute `Domain`, `None` to omit it. Default `None`.
    pub fn domain(mut self, domain: Option<&str>) -> Self {
        self.domain = domain.map(str::to_owned);
        self
    }

    /// The lifetime, cut to whole seconds; `None` for as long as the browser runs. Default `None`.
    pub fn max_age(mut self, age: Option<Duration>) -> Self {
        self.max_age = age;
        self
    }

    /// Whether the cookie is hidden from scripts. Default true, or false if there is no path.
    pub fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = Some(http_only);
        self
    }

    /// Whether the cookie is sent over TLS only. Default false.
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// The attribute `SameSite`, `None` to omit it. Default [`SameSite::Lax`].
    pub fn same_site(mut self, same_site: Option<SameSite>) -> Self {
        self.same_site = same_site;
        self
    }

    /// Refuses characters that would end an attribute or the header.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let attribute = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b';';
        let bad = if self.name.is_empty() || !self.name.bytes().all(token) {
            ("name", &self.name)
        } else if let Some(path) = self.path.as_ref().filter(|path| !path.bytes().all(attribute)) {
            ("path", path)
        } else if let Some(domain) = self.domain.as_ref().filter(|domain| !domain.bytes().all(attribute)) {
            ("domain", domain)
        } else {
            return Ok(());
        };
        Err(ConfigError::Cookie { part: bad.0, value: bad.1.clone() })
    }
}

/// The value of `set-cookie`, with the attributes in the reference's order.
pub(crate) fn set_cookie(cookie: &Cookie, sid: &Sid) -> Option<HeaderValue> {
    let mut text = format!("{}=", cookie.name);
    for piece in form_urlencoded::byte_serialize(sid.as_bytes()) {
        text.push_str(if piece == "+" { "%20" } else { piece });
    }
    if let Some(age) = cookie.max_age {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "; Max-Age={}", age.as_secs());
    }
    for (name, value) in [("Domain", &cookie.domain), ("Path", &cookie.path)] {
        if let Some(value) = value {
            let _ = write!(text, "; {name}={value}");
        }
    }
    if cookie.http_only.unwrap_or(cookie.path.is_some()) {
        text.push_str("; HttpOnly");
    }
    if cookie.secure {
        text.push_str("; Secure");
    }
    text.push_str(match cookie.same_site {
        Some(SameSite::Strict) => "; SameSite=Strict",
        Some(SameSite::Lax) => "; SameSite=Lax",
        Some(SameSite::None) => "; SameSite=None",
        None => "",
    });
    // Cannot fail: the parts were checked when the configuration was built.
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn text(cookie: &Cookie, sid: &str) -> String {
        set_cookie(cookie, &Sid::new(sid)).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn the_attributes_match_the_reference() {
        let cookie = Cookie::default();
        assert_eq!(text(&cookie, "S"), "io=S; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(text(&cookie.clone().name("woot"), "S"), "woot=S; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(text(&cookie.clone().path(Some("/custom")), "S"), "io=S; Path=/custom; HttpOnly; SameSite=Lax");
        assert_eq!(text(&cookie.clone().path(None), "S"), "io=S; SameSite=Lax");
        assert_eq!(text(&cookie.clone().path(None).http_only(true), "S"), "io=S; HttpOnly; SameSite=Lax");
        assert_eq!(text(&cookie.clone().http_only(false), "S"), "io=S; Path=/; SameSite=Lax");
        assert_eq!(
            text(&cookie.clone().same_site(Some(SameSite::Strict)), "S"),
            "io=S; Path=/; HttpOnly; SameSite=Strict"
        );
        let full = cookie.max_age(Some(Duration::from_secs(60))).domain(Some("a.b")).secure(true);
        assert_eq!(text(&full.same_site(None), "S"), "io=S; Max-Age=60; Domain=a.b; Path=/; HttpOnly; Secure");
    }

    #[test]
    fn a_sid_is_escaped() {
        assert_eq!(text(&Cookie::default().path(None).same_site(None), "a; b\n="), "io=a%3B%20b%0A%3D");
    }

    #[test]
    fn a_cookie_that_would_break_the_header_is_refused() {
        for (cookie, part) in [
            (Cookie::default().name("a b"), "name"),
            (Cookie::default().name(""), "name"),
            (Cookie::default().path(Some("/;x")), "path"),
            (Cookie::default().domain(Some("a\r\n")), "domain"),
        ] {
            let error = Config::builder().cookie(cookie).build().unwrap_err();
            assert!(matches!(error, ConfigError::Cookie { part: found, .. } if found == part), "{error}");
        }
    }
}
