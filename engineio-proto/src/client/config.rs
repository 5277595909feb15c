//! The options of a client, with the reference's names and defaults.

use super::request::escape;
use crate::{ConfigError, TransportKind, config::MAX_DURATION};
use http::{HeaderMap, uri::PathAndQuery};
use std::time::Duration;

/// The maximum size of the path and the application's query, in bytes. The protocol's parameters are added to it.
const MAX_TARGET_BYTES: usize = 8000;

/// The options of a client, shared by its successive sessions in an `Arc`.
///
/// The reference's options of the connection (host, agent, TLS) belong to the driver. `perMessageDeflate`, `autoUnref`,
/// `closeOnBeforeunload` and the transport `webtransport` are not supported.
///
/// ```
/// use engineio_proto::{TransportKind, client::Config};
///
/// let config = Config::builder()
///     .path("/socket.io")
///     .transports([TransportKind::WebSocket])
///     .query([("token", "a b")])
///     .build()?;
/// assert_eq!(config.outbox_limit(), 16_000_000);
/// # Ok::<(), engineio_proto::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    path: String,
    add_trailing_slash: bool,
    transports: Vec<TransportKind>,
    upgrade: bool,
    remember_upgrade: bool,
    try_all_transports: bool,
    query: Vec<(String, String)>,
    timestamp_requests: Option<bool>,
    timestamp_param: String,
    force_base64: bool,
    cookies: bool,
    headers: HeaderMap,
    protocols: Vec<String>,
    request_timeout: Option<Duration>,
    close_timeout: Duration,
    message_timeout: Duration,
    outbox_limit: usize,
    max_post_packets: Option<usize>,
    max_body: usize,
    /// The path and the application's part of the query, escaped; the protocol's parameters are appended.
    target: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/engine.io".into(),
            add_trailing_slash: true,
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            upgrade: true,
            remember_upgrade: false,
            try_all_transports: false,
            query: Vec::new(),
            timestamp_requests: None,
            timestamp_param: "t".into(),
            force_base64: false,
            cookies: false,
            headers: HeaderMap::new(),
            protocols: Vec::new(),
            request_timeout: None,
            close_timeout: Duration::from_secs(30),
            message_timeout: Duration::from_secs(600),
            outbox_limit: 16_000_000,
            max_post_packets: Some(16),
            max_body: 64 * 1024 * 1024,
            target: "/engine.io/?".into(),
        }
    }
}

impl Config {
    /// A builder with the defaults.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { config: Self::default() }
    }

    /// A builder with these options, to change some for the next session.
    pub fn to_builder(&self) -> ConfigBuilder {
        ConfigBuilder { config: self.clone() }
    }

    /// The path of the server, without a trailing slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether a slash is added to the path.
    pub fn add_trailing_slash(&self) -> bool {
        self.add_trailing_slash
    }

    /// The transports, in the order in which they are tried.
    pub fn transports(&self) -> &[TransportKind] {
        &self.transports
    }

    /// Whether to upgrade from polling to WebSocket, if the server offers it.
    pub fn upgrade(&self) -> bool {
        self.upgrade
    }

    /// Whether to begin with WebSocket, if the previous session used one.
    pub fn remember_upgrade(&self) -> bool {
        self.remember_upgrade
    }

    /// Whether to try the next transport, if one fails to open the session.
    pub fn try_all_transports(&self) -> bool {
        self.try_all_transports
    }

    /// The application's part of the query.
    pub fn query(&self) -> &[(String, String)] {
        &self.query
    }

    /// Whether a timestamp is added to URLs. `None`: only to those of polling.
    pub fn timestamp_requests(&self) -> Option<bool> {
        self.timestamp_requests
    }

    /// The query parameter of the timestamp.
    pub fn timestamp_param(&self) -> &str {
        &self.timestamp_param
    }

    /// Whether a WebSocket sends and receives binary data as base64.
    pub fn force_base64(&self) -> bool {
        self.force_base64
    }

    /// Whether cookies set by the server are sent back to it.
    pub fn cookies(&self) -> bool {
        self.cookies
    }

    /// The application's headers for requests and WebSockets.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The WebSocket subprotocols to offer.
    pub fn protocols(&self) -> &[String] {
        &self.protocols
    }

    /// How long a request may take. `None`: without limit.
    pub fn request_timeout(&self) -> Option<Duration> {
        self.request_timeout
    }

    /// How long a graceful close waits for the buffered messages and an upgrade.
    pub fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// How long the bytes of one incomplete message count as signs of life.
    pub fn message_timeout(&self) -> Duration {
        self.message_timeout
    }

    /// The maximum number of bytes buffered for the server.
    pub fn outbox_limit(&self) -> usize {
        self.outbox_limit
    }

    /// The maximum number of packets in a POST. `None`: no limit.
    pub fn max_post_packets(&self) -> Option<usize> {
        self.max_post_packets
    }

    /// The maximum size of a response body or a WebSocket message, in bytes.
    pub fn max_body(&self) -> usize {
        self.max_body
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Whether a query parameter is reserved for the protocol.
    fn reserved(&self, name: &str) -> bool {
        let stamped = self.timestamp_requests != Some(false) && name == self.timestamp_param;
        stamped || ["EIO", "transport", "sid", "b64"].contains(&name)
    }

    fn write_target(&self) -> String {
        let mut target = self.path.clone();
        if self.add_trailing_slash || target.is_empty() {
            target.push('/');
        }
        target.push('?');
        for (name, value) in self.query.iter().filter(|(name, _)| !self.reserved(name)) {
            escape(name, &mut target);
            target.push('=');
            escape(value, &mut target);
            target.push('&');
        }
        target
    }
}

/// Builds a [`Config`]; from [`Config::builder`].
#[derive(Debug, Clone)]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// The path of the server, beginning with `/` and percent-encoded; a trailing slash is dropped. Default `/engine.io`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.config.path = path.into();
        self
    }

    /// Whether a slash is added to the path. Default true.
    pub fn add_trailing_slash(mut self, add: bool) -> Self {
        self.config.add_trailing_slash = add;
        self
    }

    /// The transports: a session begins with the first one. Without any, a session closes at once. Default polling, WebSocket.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.config.transports = transports.into_iter().collect();
        self
    }

    /// Whether to upgrade from polling to WebSocket, if the server offers it. Default true.
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        self.config.upgrade = upgrade;
        self
    }

    /// Whether to begin with WebSocket, if the previous session used one ([`Start::prior_websocket`](super::Start)). Default false.
    pub fn remember_upgrade(mut self, remember: bool) -> Self {
        self.config.remember_upgrade = remember;
        self
    }

    /// Whether to try the next transport, if one fails to open the session. Default false.
    pub fn try_all_transports(mut self, all: bool) -> Self {
        self.config.try_all_transports = all;
        self
    }

    /// Query parameters for each URL, before those of the protocol; the session percent-encodes them. Parameters with a reserved name
    /// (`EIO`, `transport`, `sid`, `b64`, the timestamp's) are dropped. At most 8000 bytes together with the path. Default none.
    pub fn query<K: Into<String>, V: Into<String>>(mut self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        self.config.query = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self
    }

    /// Whether a timestamp is added to URLs, to bypass caches. Default `None`: only to those of polling.
    pub fn timestamp_requests(mut self, add: Option<bool>) -> Self {
        self.config.timestamp_requests = add;
        self
    }

    /// The query parameter of the timestamp. Default `t`.
    pub fn timestamp_param(mut self, name: impl Into<String>) -> Self {
        self.config.timestamp_param = name.into();
        self
    }

    /// Whether a WebSocket sends and receives binary data as base64 (`b64=1`). Default false.
    pub fn force_base64(mut self, force: bool) -> Self {
        self.config.force_base64 = force;
        self
    }

    /// Whether cookies set by the server are sent back to it: at most 64 of at most 4096 bytes, until the end of the session. Default
    /// false. The reference's `withCredentials`.
    pub fn cookies(mut self, keep: bool) -> Self {
        self.config.cookies = keep;
        self
    }

    /// The application's headers for requests and WebSockets. Default none. The reference's `extraHeaders`.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.config.headers = headers;
        self
    }

    /// The WebSocket subprotocols to offer; each must be a token. Default none.
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.config.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// How long a request may take. A GET takes up to the server's ping interval, so a shorter timeout ends an idle session. 1 ms to
    /// 2^31-1 ms, default `None`: without limit.
    pub fn request_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.config.request_timeout = timeout;
        self
    }

    /// How long a graceful close waits for the buffered messages and an upgrade. 1 ms to 2^31-1 ms, default 30 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.config.close_timeout = timeout;
        self
    }

    /// How long the bytes of one incomplete message count as signs of life, from the first of them on: a WebSocket message or the body of
    /// a response to a GET. While they arrive, the session does not end by the ping timeout, since the ping has to wait for the end of the
    /// message. 1 ms to 2^31-1 ms; default 10 minutes, enough for the default `max_body` at 900 kbit/s.
    pub fn message_timeout(mut self, timeout: Duration) -> Self {
        self.config.message_timeout = timeout;
        self
    }

    /// The maximum number of bytes buffered for the server, queued and in flight; see [`Session::buffered`](super::Session::buffered). At
    /// least 1, default 16,000,000.
    pub fn outbox_limit(mut self, bytes: usize) -> Self {
        self.config.outbox_limit = bytes;
        self
    }

    /// The maximum number of packets in a POST; the other queued packets wait for the next POSTs. At least 1, `None` for no limit, default
    /// 16.
    ///
    /// Python's `engineio` server drops all packets of a POST with more than 16, and answers `ok`. Each packet counts: an event, each
    /// attachment of an event, a pong. Raise the limit for a server that is known to accept more.
    pub fn max_post_packets(mut self, packets: impl Into<Option<usize>>) -> Self {
        self.config.max_post_packets = packets.into();
        self
    }

    /// The maximum size of a response body or a WebSocket message, in bytes. At least 1, default 64 MiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.config.max_body = bytes;
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first invalid option.
    pub fn build(self) -> Result<Config, ConfigError> {
        let mut config = self.config;
        if let Some(path) = config.path.strip_suffix('/') {
            config.path = path.to_owned();
        }
        let path = PathAndQuery::try_from(config.path.as_str());
        let valid = path.is_ok_and(|path| path.path() == config.path && config.path.starts_with('/'));
        if !config.path.is_empty() && !valid {
            return Err(ConfigError::Path(config.path));
        }
        let durations = [
            ("request_timeout", config.request_timeout),
            ("close_timeout", Some(config.close_timeout)),
            ("message_timeout", Some(config.message_timeout)),
        ];
        for (name, duration) in durations {
            if let Some(duration) = duration.filter(|time| *time < Duration::from_millis(1) || *time > MAX_DURATION) {
                return Err(ConfigError::Duration { name, duration });
            }
        }
        for (name, number) in [
            ("max_body", config.max_body),
            ("outbox_limit", config.outbox_limit),
            ("max_post_packets", config.max_post_packets.unwrap_or(usize::MAX)),
        ] {
            if number == 0 {
                return Err(ConfigError::Zero { name });
            }
        }
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if let Some(bad) = config.protocols.iter().find(|name| name.is_empty() || !name.bytes().all(token)) {
            return Err(ConfigError::Protocol(bad.clone()));
        }
        config.target = config.write_target();
        let length = config.target.len() + config.timestamp_param.len();
        if length > MAX_TARGET_BYTES {
            return Err(ConfigError::TooLong { length });
        }
        Ok(config)
    }
}
