//! The URL of a server or a proxy.

use std::net::Ipv6Addr;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::chain::debug_as_text;

/// Maximum length of a URL in bytes; some servers and proxies refuse longer ones.
const MAX_LENGTH: usize = 8000;

/// Why a URL can't be used. The text never contains credentials.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The URL is longer than 8000 bytes.
    #[error("the URL has {length} bytes, at most 8000 are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Not an absolute URL of ASCII characters, such as `http://host:port` (an IPv6 address in brackets).
    #[error("{url:?} is not a URL with a scheme and a host, like http://localhost:3000")]
    Malformed {
        /// The URL, without the part before an `@`, truncated to 100 characters.
        url: String,
    },
    /// The scheme is not allowed.
    #[error("the URL's scheme is {scheme:?}, allowed are {allowed}")]
    Scheme {
        /// The scheme found.
        scheme: String,
        /// The allowed schemes.
        allowed: &'static str,
    },
    /// The port is not a number from 1 to 65535.
    #[error("the URL's port is {port:?}, allowed are 1 to 65535")]
    Port {
        /// The port found.
        port: String,
    },
    /// The user name or password is not percent-encoded UTF-8, or is longer than 255 bytes.
    #[error("user name and password of a URL have to be percent-encoded UTF-8 of at most 255 bytes each")]
    Credentials,
}

debug_as_text!(UrlError);

impl UrlError {
    fn malformed(url: &str) -> Self {
        let shown = url.rsplit_once('@').map_or(url, |(_, place)| place);
        Self::Malformed { url: shown.chars().take(100).collect() }
    }
}

/// A scheme and its default port.
pub(super) type Scheme = (&'static str, u16);

/// The parsed URL of a server or proxy.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    /// Whether the scheme is `https` or `wss`.
    pub(crate) secure: bool,
    /// A name or an IP address (IPv6 without brackets).
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Begins with a slash.
    pub(crate) path: String,
    /// Without the question mark, not decoded.
    pub(crate) query: Option<String>,
    pub(super) credentials: Option<Credentials>,
}

impl BaseUrl {
    /// Parses a URL with the scheme `http`, `https`, `ws` or `wss`. A fragment is ignored.
    pub(crate) fn parse(url: &str) -> Result<Self, UrlError> {
        const SCHEMES: [Scheme; 4] = [("http", 80), ("https", 443), ("ws", 80), ("wss", 443)];
        let (scheme, base) = Self::parse_as(url, &SCHEMES, "http, https, ws and wss")?;
        Ok(Self { secure: matches!(scheme, "https" | "wss"), ..base })
    }

    pub(super) fn parse_as(
        url: &str,
        schemes: &[Scheme],
        allowed: &'static str,
    ) -> Result<(&'static str, Self), UrlError> {
        if url.len() > MAX_LENGTH {
            return Err(UrlError::TooLong { length: url.len() });
        }
        let uri: Uri = url.parse().map_err(|_| UrlError::malformed(url))?;
        let scheme = uri.scheme_str().ok_or_else(|| UrlError::malformed(url))?;
        let &(scheme, default_port) = schemes
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(scheme))
            .ok_or_else(|| UrlError::Scheme { scheme: scheme.to_owned(), allowed })?;
        let authority = uri.authority().ok_or_else(|| UrlError::malformed(url))?;
        let (userinfo, place) = match authority.as_str().rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, authority.as_str()),
        };
        let host = authority.host();
        // `Uri` ignores an invalid port.
        let port = match place.strip_prefix(host).unwrap_or(place) {
            "" | ":" => default_port,
            port => {
                let port = port.strip_prefix(':').unwrap_or(port);
                let number = port.parse().ok().filter(|&number| number != 0);
                number.ok_or_else(|| UrlError::Port { port: port.to_owned() })?
            }
        };
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) if host.parse::<Ipv6Addr>().is_ok() => host,
            None if !host.is_empty() && !host.contains(['[', ']', ':']) => host,
            _ => return Err(UrlError::malformed(url)),
        };
        let base = Self {
            secure: false,
            host: host.to_owned(),
            port,
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
            credentials: userinfo.map(Credentials::parse).transpose()?,
        };
        Ok((scheme, base))
    }

    /// Scheme (`http` or `ws`, with an `s` if secure), host and port; without credentials, so that it can be shown.
    pub(super) fn origin(&self, scheme: &str) -> String {
        format!("{scheme}{}://{}", if self.secure { "s" } else { "" }, self.authority())
    }

    /// Host (IPv6 in brackets) and port.
    pub(super) fn host_and_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// The value of the `Host` header: the port is left out if it is the scheme's default.
    pub(super) fn authority(&self) -> String {
        let mut authority = self.host_and_port();
        if self.port == if self.secure { 443 } else { 80 } {
            authority.truncate(authority.rfind(':').unwrap_or(authority.len()));
        }
        authority
    }
}

/// User name and password: the part of a URL before the `@`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

impl Credentials {
    fn parse(userinfo: &str) -> Result<Self, UrlError> {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let decode = |text| match percent_decode_str(text).decode_utf8() {
            // SOCKS stores each length in one byte.
            Ok(text) if text.len() <= 255 => Ok(text.into_owned()),
            _ => Err(UrlError::Credentials),
        };
        Ok(Self { user: decode(user)?, password: decode(password)? })
    }

    /// The value of `Authorization` or `Proxy-Authorization`.
    pub(super) fn basic(&self) -> Option<HeaderValue> {
        let encoded = BASE64.encode(format!("{}:{}", self.user, self.password));
        let mut value = HeaderValue::try_from(format!("Basic {encoded}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_scheme_host_and_port() {
        for (url, secure, host, port, authority) in [
            ("http://localhost:3000", false, "localhost", 3000, "localhost:3000"),
            ("https://example.org", true, "example.org", 443, "example.org"),
            ("ws://example.org/", false, "example.org", 80, "example.org"),
            ("WSS://example.org:80", true, "example.org", 80, "example.org:80"),
            ("http://[::1]:3000/x", false, "::1", 3000, "[::1]:3000"),
            ("https://[2001:db8::7]", true, "2001:db8::7", 443, "[2001:db8::7]"),
            ("http://127.0.0.1:", false, "127.0.0.1", 80, "127.0.0.1"),
        ] {
            let base = BaseUrl::parse(url).unwrap();
            assert_eq!((base.secure, &base.host[..], base.port), (secure, host, port), "{url}");
            assert_eq!(base.authority(), authority, "{url}");
        }
    }

    #[test]
    fn path_query_and_credentials_are_kept() {
        let base = BaseUrl::parse("https://jo%40x:p%3a:w@example.org:1/admin?a=b&c=%20#top").unwrap();
        assert_eq!((&base.path[..], base.query.as_deref()), ("/admin", Some("a=b&c=%20")));
        let credentials = base.credentials.unwrap();
        assert_eq!((&credentials.user[..], &credentials.password[..]), ("jo@x", "p::w"));
        assert_eq!(credentials.basic().unwrap(), "Basic am9AeDpwOjp3");
    }

    #[test]
    fn a_url_that_cannot_be_dialled_is_refused() {
        let long = format!("http://localhost/{}", "x".repeat(8000));
        assert_eq!(BaseUrl::parse(&long).unwrap_err(), UrlError::TooLong { length: 8017 });
        for url in
            ["", "/", "localhost", "localhost:3000", "http://", "http:///x", "http://[::x]", "http://ü", "http://:1"]
        {
            assert_eq!(BaseUrl::parse(url).unwrap_err(), UrlError::malformed(url), "{url}");
        }
        for port in ["0", "65536", "1a"] {
            let error = BaseUrl::parse(&format!("http://u:p@localhost:{port}")).unwrap_err();
            assert!(matches!(error, UrlError::Port { .. } | UrlError::Malformed { .. }), "{error}");
        }
        let error = BaseUrl::parse("http://jane:secret@local host").unwrap_err();
        let text = "\"local host\" is not a URL with a scheme and a host, like http://localhost:3000";
        assert_eq!((error.to_string(), format!("{error:?}")), (text.to_owned(), text.to_owned()));
        assert!(matches!(BaseUrl::parse("ftp://localhost"), Err(UrlError::Scheme { .. })));
        assert_eq!(BaseUrl::parse("http://a%ff@localhost").unwrap_err(), UrlError::Credentials);
    }
}
