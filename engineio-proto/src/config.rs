//! The options of a server, with the reference's names and defaults.

use crate::{
    Data, TransportKind,
    http::{Cookie, Cors},
};
use std::time::Duration;

/// The longest duration accepted, about 24 days: the limit of JavaScript's timers.
pub(crate) const MAX_DURATION: Duration = Duration::from_millis(i32::MAX as u64);

/// The options of a server, shared by its sessions in an `Arc`.
///
/// The reference's options `httpCompression`, `perMessageDeflate`, `wsEngine` and `allowEIO3` and the transport `webtransport` are
/// not supported. `allowRequest` and `generateId` belong to the driver.
///
/// ```
/// use engineio_proto::Config;
/// use std::time::Duration;
///
/// let config = Config::builder()
///     .path("/socket.io")
///     .ping_interval(Duration::from_secs(10))
///     .max_payload(64 * 1024)
///     .build()?;
/// assert_eq!(config.ping_interval(), Duration::from_secs(10));
/// assert_eq!(config.outbox_limit(), 16 * 64 * 1024);
/// # Ok::<(), engineio_proto::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    path: String,
    add_trailing_slash: bool,
    destroy_upgrade: Option<Duration>,
    transports: Vec<TransportKind>,
    allow_upgrades: bool,
    ping_interval: Duration,
    ping_timeout: Duration,
    upgrade_timeout: Duration,
    close_timeout: Duration,
    message_timeout: Duration,
    max_payload: usize,
    outbox_limit: Option<usize>,
    max_poll_packets: Option<usize>,
    cors: Option<Cors>,
    cookie: Option<Cookie>,
    initial_packet: Option<Data>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/engine.io".into(),
            add_trailing_slash: true,
            destroy_upgrade: Some(Duration::from_secs(1)),
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            allow_upgrades: true,
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
            message_timeout: Duration::from_secs(60),
            max_payload: 1_000_000,
            outbox_limit: None,
            max_poll_packets: None,
            cors: None,
            cookie: None,
            initial_packet: None,
        }
    }
}

impl Config {
    /// A builder with the defaults.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { config: Self::default() }
    }

    /// The path served, without a trailing slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the path is also served with a trailing slash and anything after it.
    pub fn add_trailing_slash(&self) -> bool {
        self.add_trailing_slash
    }

    /// How long a driver leaves an upgrade request for another path open before it closes the connection. `None`: without limit.
    pub fn destroy_upgrade(&self) -> Option<Duration> {
        self.destroy_upgrade
    }

    /// The allowed transports.
    pub fn transports(&self) -> &[TransportKind] {
        &self.transports
    }

    /// Whether a session may move from polling to WebSocket.
    pub fn allow_upgrades(&self) -> bool {
        self.allow_upgrades
    }

    /// The time from a pong to the next ping.
    pub fn ping_interval(&self) -> Duration {
        self.ping_interval
    }

    /// How long the server waits for a pong before it closes the session.
    pub fn ping_timeout(&self) -> Duration {
        self.ping_timeout
    }

    /// How long an upgrade may take, from the WebSocket's handshake to the upgrade packet.
    pub fn upgrade_timeout(&self) -> Duration {
        self.upgrade_timeout
    }

    /// How long a graceful close waits for the client to take the buffered messages.
    pub fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// How long the bytes of one incomplete message count as signs of life.
    pub fn message_timeout(&self) -> Duration {
        self.message_timeout
    }

    /// The maximum size of a POST body or a WebSocket message, in bytes.
    pub fn max_payload(&self) -> usize {
        self.max_payload
    }

    /// The maximum number of bytes buffered for one client.
    pub fn outbox_limit(&self) -> usize {
        self.outbox_limit.unwrap_or(self.max_payload.saturating_mul(16))
    }

    /// The maximum number of packets in the response to a poll. `None`: no limit.
    pub fn max_poll_packets(&self) -> Option<usize> {
        self.max_poll_packets
    }

    /// The rules for requests from other origins.
    pub fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }

    /// The cookie set by a polling handshake.
    pub fn cookie(&self) -> Option<&Cookie> {
        self.cookie.as_ref()
    }

    /// The message sent right after the handshake.
    pub fn initial_packet(&self) -> Option<&Data> {
        self.initial_packet.as_ref()
    }

    /// The transports that a session on `transport` may upgrade to.
    pub(crate) fn upgrades(&self, transport: TransportKind) -> &'static [&'static str] {
        let upgrade = self.allow_upgrades
            && transport == TransportKind::Polling
            && self.transports.contains(&TransportKind::WebSocket);
        if upgrade { &["websocket"] } else { &[] }
    }
}

/// Builds a [`Config`]; from [`Config::builder`].
#[derive(Debug, Clone)]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// The path to serve, beginning with `/`; a trailing slash is dropped. Default `/engine.io`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.config.path = path.into();
        self
    }

    /// Whether the path is also served with a trailing slash and anything after it. Default true.
    pub fn add_trailing_slash(mut self, add: bool) -> Self {
        self.config.add_trailing_slash = add;
        self
    }

    /// How long a driver leaves an upgrade request for another path open, for another handler, before it closes the connection. `None`:
    /// without limit. Any duration, default 1 s. The reference's `destroyUpgrade` and `destroyUpgradeTimeout`.
    pub fn destroy_upgrade(mut self, timeout: Option<Duration>) -> Self {
        self.config.destroy_upgrade = timeout;
        self
    }

    /// The transports allowed for handshakes and upgrades. At least one, default both.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.config.transports = transports.into_iter().collect();
        self
    }

    /// Whether a session may move from polling to WebSocket. If not, the handshake offers no upgrade, and a WebSocket for an existing
    /// session is closed. Default true.
    pub fn allow_upgrades(mut self, allow: bool) -> Self {
        self.config.allow_upgrades = allow;
        self
    }

    /// The time from the handshake or a pong to the next ping. 1 ms to 2^31-1 ms, default 25 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// How long the server waits for a pong before it closes the session. 1 ms to 2^31-1 ms, default 20 s.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.config.ping_timeout = timeout;
        self
    }

    /// How long an upgrade may take, from the WebSocket's handshake to the upgrade packet. 1 ms to 2^31-1 ms, default 10 s.
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.config.upgrade_timeout = timeout;
        self
    }

    /// How long a graceful close waits for the client to take the buffered messages. 1 ms to 2^31-1 ms, default 30 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.config.close_timeout = timeout;
        self
    }

    /// How long the bytes of one incomplete message count as signs of life, from the first of them on: a POST body or a WebSocket message
    /// that is received, or a batch that is written to a WebSocket. Meanwhile the session does not end by the ping timeout, since
    /// the pong has to wait for the end of the message. 1 ms to 2^31-1 ms; default 60 s, enough for the default `max_payload` at
    /// 133 kbit/s.
    pub fn message_timeout(mut self, timeout: Duration) -> Self {
        self.config.message_timeout = timeout;
        self
    }

    /// The maximum size of a POST body or a WebSocket message, in bytes; the handshake sends it to the client. At least 1, default
    /// 1,000,000. The reference's `maxHttpBufferSize`.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.config.max_payload = bytes;
        self
    }

    /// The maximum number of bytes buffered for one client, queued and in flight; see
    /// [`Session::buffered`](crate::server::Session::buffered). At least 1, default 16 times `max_payload`.
    pub fn outbox_limit(mut self, bytes: usize) -> Self {
        self.config.outbox_limit = Some(bytes);
        self
    }

    /// The maximum number of packets in the response to a poll; the other queued packets wait for the next polls. At least 1, default
    /// `None`: no limit, as in the reference.
    ///
    /// Python's `engineio` client drops the connection if a response has more than 16 packets, so set 16 for a server with such clients.
    /// Each packet counts: an event, each attachment of an event, a ping. The packets of one event may then arrive in several responses,
    /// in order and with nothing between them. The limit does not apply to the response to a handshake (the open packet, the initial
    /// packet) and to the response that ends a session; they have two packets at most.
    pub fn max_poll_packets(mut self, packets: impl Into<Option<usize>>) -> Self {
        self.config.max_poll_packets = packets.into();
        self
    }

    /// The rules for requests from other origins. Default none: no CORS headers.
    pub fn cors(mut self, cors: Cors) -> Self {
        self.config.cors = Some(cors);
        self
    }

    /// A cookie that holds the session id, set by a polling handshake. Default none.
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.config.cookie = Some(cookie);
        self
    }

    /// A message sent right after the handshake; by polling, in the same body. Default none.
    pub fn initial_packet(mut self, data: impl Into<Data>) -> Self {
        self.config.initial_packet = Some(data.into());
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
        if !config.path.is_empty() && !config.path.starts_with('/') {
            return Err(ConfigError::Path(config.path));
        }
        if config.transports.is_empty() {
            return Err(ConfigError::Transports);
        }
        for (name, duration) in [
            ("ping_interval", config.ping_interval),
            ("ping_timeout", config.ping_timeout),
            ("upgrade_timeout", config.upgrade_timeout),
            ("close_timeout", config.close_timeout),
            ("message_timeout", config.message_timeout),
        ] {
            if duration < Duration::from_millis(1) || duration > MAX_DURATION {
                return Err(ConfigError::Duration { name, duration });
            }
        }
        for (name, number) in [
            ("max_payload", config.max_payload),
            ("outbox_limit", config.outbox_limit()),
            ("max_poll_packets", config.max_poll_packets.unwrap_or(usize::MAX)),
        ] {
            if number == 0 {
                return Err(ConfigError::Zero { name });
            }
        }
        if let Some(cookie) = &config.cookie {
            cookie.check()?;
        }
        Ok(config)
    }
}

/// An invalid option; from [`ConfigBuilder::build`] and [`client::ConfigBuilder::build`](crate::client::ConfigBuilder::build).
///
/// May grow with the options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The path does not begin with a slash; a client's is also refused if it is not a valid path of a URI.
    #[error("the path {0:?} must begin with '/'")]
    Path(String),
    /// No transport is allowed.
    #[error("at least one transport must be allowed")]
    Transports,
    /// A duration is out of bounds.
    #[error("{name} is {duration:?}; it must be from 1 ms to 2147483647 ms")]
    Duration {
        /// The name of the option.
        name: &'static str,
        /// Its value.
        duration: Duration,
    },
    /// A limit of bytes or packets is zero.
    #[error("{name} is 0; it must be at least 1")]
    Zero {
        /// The name of the option.
        name: &'static str,
    },
    /// A WebSocket subprotocol is not a token (RFC 9110, section 5.6.2).
    #[error("the subprotocol {0:?} must be a token: letters, digits and some punctuation, no spaces")]
    Protocol(String),
    /// A client's path and query are longer than 8000 bytes.
    #[error("path and query have {length} bytes; at most 8000 are allowed")]
    TooLong {
        /// Their length in bytes.
        length: usize,
    },
    /// A part of the cookie contains a character that is not allowed there.
    #[error("the cookie's {part} {value:?} contains a character that is not allowed there")]
    Cookie {
        /// The part: name, path or domain.
        part: &'static str,
        /// Its value.
        value: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_match_the_reference() {
        let config = Config::builder().build().unwrap();
        assert_eq!(config.path(), "/engine.io");
        assert!(config.add_trailing_slash() && config.allow_upgrades());
        assert_eq!(config.transports(), [TransportKind::Polling, TransportKind::WebSocket]);
        assert_eq!(config.ping_interval().as_millis(), 25_000);
        assert_eq!(config.ping_timeout().as_millis(), 20_000);
        assert_eq!(config.upgrade_timeout().as_millis(), 10_000);
        assert_eq!(config.close_timeout().as_millis(), 30_000);
        assert_eq!(config.message_timeout().as_millis(), 60_000);
        assert_eq!(config.destroy_upgrade(), Some(Duration::from_millis(1000)));
        assert_eq!((config.max_payload(), config.outbox_limit()), (1_000_000, 16_000_000));
        assert!(config.max_poll_packets().is_none());
        assert!(config.cors().is_none() && config.cookie().is_none() && config.initial_packet().is_none());
    }

    #[test]
    fn an_invalid_option_is_refused() {
        let error = |builder: ConfigBuilder| builder.build().unwrap_err();
        assert_eq!(error(Config::builder().path("x")), ConfigError::Path("x".into()));
        assert_eq!(error(Config::builder().transports([])), ConfigError::Transports);
        assert_eq!(error(Config::builder().max_payload(0)), ConfigError::Zero { name: "max_payload" });
        assert_eq!(error(Config::builder().outbox_limit(0)), ConfigError::Zero { name: "outbox_limit" });
        assert_eq!(error(Config::builder().max_poll_packets(0)), ConfigError::Zero { name: "max_poll_packets" });
        for duration in [Duration::ZERO, Duration::MAX] {
            let refused = |name| ConfigError::Duration { name, duration };
            assert_eq!(error(Config::builder().ping_interval(duration)), refused("ping_interval"));
            assert_eq!(error(Config::builder().ping_timeout(duration)), refused("ping_timeout"));
            assert_eq!(error(Config::builder().upgrade_timeout(duration)), refused("upgrade_timeout"));
            assert_eq!(error(Config::builder().close_timeout(duration)), refused("close_timeout"));
            assert_eq!(error(Config::builder().message_timeout(duration)), refused("message_timeout"));
        }
    }

    #[test]
    fn upgrades_are_offered_only_if_possible() {
        use TransportKind::{Polling, WebSocket};
        let config = |builder: ConfigBuilder| builder.build().unwrap();
        assert_eq!(Config::default().upgrades(Polling), ["websocket"]);
        assert!(Config::default().upgrades(WebSocket).is_empty());
        assert!(config(Config::builder().allow_upgrades(false)).upgrades(Polling).is_empty());
        assert!(config(Config::builder().transports([Polling])).upgrades(Polling).is_empty());
    }
}
