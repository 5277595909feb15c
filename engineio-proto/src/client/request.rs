//! Building the requests of a session.

use super::{Config, cookies::Jar};
use crate::{Instant, Sid, TransportKind};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};

/// Builds the requests of one session.
#[derive(Debug)]
pub(super) struct Requests {
    /// The state of the timestamps; see [`Requests::stamp`].
    entropy: u64,
    pub(super) jar: Jar,
}

impl Requests {
    pub(super) fn new(entropy: u64) -> Self {
        Self { entropy, jar: Jar::default() }
    }

    pub(super) fn get(&mut self, config: &Config, sid: Option<&Sid>, now: Instant) -> Request<Bytes> {
        self.polling(config, sid, Bytes::new(), now)
    }

    pub(super) fn post(&mut self, config: &Config, sid: Option<&Sid>, body: Bytes, now: Instant) -> Request<Bytes> {
        let mut request = self.polling(config, sid, body, now);
        *request.method_mut() = Method::POST;
        let text = HeaderValue::from_static("text/plain;charset=UTF-8");
        request.headers_mut().insert(header::CONTENT_TYPE, text);
        request
    }

    fn polling(&mut self, config: &Config, sid: Option<&Sid>, body: Bytes, now: Instant) -> Request<Bytes> {
        let mut request = self.request(config, TransportKind::Polling, sid, body, now);
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        request
    }

    pub(super) fn websocket(&mut self, config: &Config, sid: Option<&Sid>, now: Instant) -> Request<()> {
        let mut request = self.request(config, TransportKind::WebSocket, sid, (), now);
        // Cannot fail: the subprotocols were checked when the configuration was built.
        if let Some(value) = HeaderValue::try_from(config.protocols().join(", ")).ok().filter(|value| !value.is_empty())
        {
            request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        request
    }

    fn request<B>(
        &mut self,
        config: &Config,
        kind: TransportKind,
        sid: Option<&Sid>,
        body: B,
        now: Instant,
    ) -> Request<B> {
        let mut request = Request::new(body);
        // Cannot fail: the target is escaped, and the configuration bounded its length.
        *request.uri_mut() = Uri::try_from(self.target(config, kind, sid)).unwrap_or_default();
        *request.headers_mut() = config.headers().clone();
        self.jar.write(request.headers_mut(), now);
        request
    }

    /// The path and the query: the application's parameters, `EIO`, `transport`, the timestamp, `sid`, `b64`.
    fn target(&mut self, config: &Config, kind: TransportKind, sid: Option<&Sid>) -> String {
        let mut target = config.target().to_owned();
        target.push_str("EIO=4&transport=");
        target.push_str(kind.as_str());
        let stamped = match kind {
            TransportKind::Polling => config.timestamp_requests() != Some(false),
            TransportKind::WebSocket => config.timestamp_requests() == Some(true),
        };
        if stamped {
            target.push('&');
            escape(config.timestamp_param(), &mut target);
            target.push('=');
            self.stamp(&mut target);
        }
        if let Some(sid) = sid {
            target.push_str("&sid=");
            escape(sid, &mut target);
        }
        if config.force_base64() {
            target.push_str("&b64=1");
        }
        target
    }

    /// Appends eight characters that are different in each request of a session, against caches.
    fn stamp(&mut self, out: &mut String) {
        const DIGITS: [char; 36] = [
            '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k',
            'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z',
        ];
        let mut rest = self.entropy;
        // An odd step visits all numbers before it repeats one.
        self.entropy = self.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        for _ in 0..8 {
            out.extend(DIGITS.get((rest % 36) as usize));
            rest /= 36;
        }
    }
}

/// Appends text as `encodeURIComponent` does.
pub(super) fn escape(text: &str, out: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(HEX.get(usize::from(byte >> 4)));
            out.extend(HEX.get(usize::from(byte & 15)));
        }
    }
}
