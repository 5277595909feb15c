//! What a server can be told, with the reference's names and defaults.

use crate::{
    Data, TransportKind,
    http::{Cookie, Cors},
};
use std::time::Duration;

/// The longest duration accepted: what fits the reference's timers, about 24 days.
pub(crate) const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// The settings of a server; shared by its sessions in an `Arc`.
///
/// The reference's options `httpCompression`, `perMessageDeflate`, `wsEngine`, `allowEIO3` and the transport
/// `webtransport` do not exist here, so that none can be asked for in vain; `allowRequest` and `generateId` are the driver's.
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
    /// Starts from the defaults.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { config: Self::default() }
    }

    /// The path served, without a trailing slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the path is served with a trailing slash, too.
    pub fn add_trailing_slash(&self) -> bool {
        self.add_trailing_slash
    }

    /// How long a driver leaves an upgrade request of a foreign path to others before it ends it. None: for ever.
    pub fn destroy_upgrade(&self) -> Option<Duration> {
        self.destroy_upgrade
    }

    /// The transports allowed.
    pub fn transports(&self) -> &[TransportKind] {
        &self.transports
    }

    /// Whether a session may move from polling to WebSocket.
    pub fn allow_upgrades(&self) -> bool {
        self.allow_upgrades
    }

    /// From a pong to the next ping.
    pub fn ping_interval(&self) -> Duration {
        self.ping_interval
    }

    /// From a ping to the end of the session without a pong.
    pub fn ping_timeout(&self) -> Duration {
        self.ping_timeout
    }

    /// How long an upgrade may take.
    pub fn upgrade_timeout(&self) -> Duration {
        self.upgrade_timeout
    }

    /// How long a graceful close waits for the client to take what is buffered.
    pub fn close_timeout(&self) -> Duration {
        self.close_timeout
    }

    /// The most bytes of a POST body or a WebSocket message.
    pub fn max_payload(&self) -> usize {
        self.max_payload
    }

    /// The most bytes that wait for one client.
    pub fn outbox_limit(&self) -> usize {
        self.outbox_limit.unwrap_or(self.max_payload.saturating_mul(16))
    }

    /// The most packets in the answer to a poll. None: no bound.
    pub fn max_poll_packets(&self) -> Option<usize> {
        self.max_poll_packets
    }

    /// Which pages of other origins may use the server.
    pub fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }

    /// The cookie set by a polling handshake.
    pub fn cookie(&self) -> Option<&Cookie> {
        self.cookie.as_ref()
    }

    /// The message sent right behind the handshake.
    pub fn initial_packet(&self) -> Option<&Data> {
        self.initial_packet.as_ref()
    }

    /// What a session on `transport` may upgrade to.
    pub(crate) fn upgrades(&self, transport: TransportKind) -> &'static [&'static str] {
        let upgrade = self.allow_upgrades
            && transport == TransportKind::Polling
            && self.transports.contains(&TransportKind::WebSocket);
        if upgrade { &["websocket"] } else { &[] }
    }
}

/// Sets up a [`Config`]; from [`Config::builder`].
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

    /// Whether the path is served with a trailing slash and whatever follows it, too. Default true.
    pub fn add_trailing_slash(mut self, add: bool) -> Self {
        self.config.add_trailing_slash = add;
        self
    }

    /// The reference's `destroyUpgrade` and `destroyUpgradeTimeout` in one: how long a driver leaves an upgrade request of a
    /// foreign path to others before it ends it, `None` for ever. Default 1 s.
    pub fn destroy_upgrade(mut self, timeout: Option<Duration>) -> Self {
        self.config.destroy_upgrade = timeout;
        self
    }

    /// The transports allowed, for handshake and upgrade. At least one. Default both.
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.config.transports = transports.into_iter().collect();
        self
    }

    /// Whether a session may move from polling to WebSocket; if not, none is offered and any attempt is closed. Default true.
    pub fn allow_upgrades(mut self, allow: bool) -> Self {
        self.config.allow_upgrades = allow;
        self
    }

    /// From the handshake or a pong to the next ping. 1 ms to 2^31-1 ms, default 25 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// From a ping to the end of the session without a pong. 1 ms to 2^31-1 ms, default 20 s.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.config.ping_timeout = timeout;
        self
    }

    /// How long an upgrade may take. 1 ms to 2^31-1 ms, default 10 s.
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.config.upgrade_timeout = timeout;
        self
    }

    /// How long a graceful close waits for the client to take what is buffered. 1 ms to 2^31-1 ms, default 30 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.config.close_timeout = timeout;
        self
    }

    /// The most bytes of a POST body or a WebSocket message, the reference's `maxHttpBufferSize`. The client is told.
    /// At least 1, default 1,000,000.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.config.max_payload = bytes;
        self
    }

    /// The most bytes that wait for one client, queued and under way; see
    /// [`Session::buffered`](crate::server::Session::buffered). At least 1, default 16 times `max_payload`.
    pub fn outbox_limit(mut self, bytes: usize) -> Self {
        self.config.outbox_limit = Some(bytes);
        self
    }

    /// The most packets in the answer to a poll; what is queued beyond that leaves with the next poll. At least 1, default `None`: no
    /// bound, as in the reference.
    ///
    /// Python's `engineio` client gives up a connection when an answer has more than 16 packets: 16 is the value for a server that has
    /// such clients on polling. Each packet counts: an event, each attachment of an event, a ping. The packets of one event may then
    /// come in several answers, in order and with nothing between them. The answer to a handshake (the open packet, the initial packet)
    /// and that which ends a session are not cut; they have two packets at most.
    pub fn max_poll_packets(mut self, packets: impl Into<Option<usize>>) -> Self {
        self.config.max_poll_packets = packets.into();
        self
    }

    /// Which pages of other origins may use the server. Default none.
    pub fn cors(mut self, cors: Cors) -> Self {
        self.config.cors = Some(cors);
        self
    }

    /// A cookie with the session's name, set by a polling handshake. Default none.
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.config.cookie = Some(cookie);
        self
    }

    /// A message sent right behind the handshake, in the same polling body. Default none.
    pub fn initial_packet(mut self, data: impl Into<Data>) -> Self {
        self.config.initial_packet = Some(data.into());
        self
    }

    /// Checks the settings.
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
        ] {
            if duration < Duration::from_millis(1) || duration > LONGEST {
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

/// A setting that cannot be; from [`ConfigBuilder::build`] and [`client::ConfigBuilder::build`](crate::client::ConfigBuilder::build).
///
/// May grow with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The path does not begin with a slash.
    #[error("the path {0:?} must begin with '/'")]
    Path(String),
    /// No transport is allowed.
    #[error("at least one transport must be allowed")]
    Transports,
    /// A duration is out of bounds.
    #[error("{name} is {duration:?}; it must be from 1 ms to 2147483647 ms")]
    Duration {
        /// The setting.
        name: &'static str,
        /// Its value.
        duration: Duration,
    },
    /// A bound, of bytes or packets, is zero.
    #[error("{name} is 0; it must be at least 1")]
    Zero {
        /// The setting.
        name: &'static str,
    },
    /// A WebSocket's subprotocol is not a token.
    #[error("the subprotocol {0:?} must be a token: letters, digits and some signs, no blanks")]
    Protocol(String),
    /// A client's path and query are too long.
    #[error("path and query have {length} bytes; at most 8000 are allowed")]
    TooLong {
        /// Their length in bytes.
        length: usize,
    },
    /// A part of the cookie holds a character that would end it.
    #[error("the cookie's {part} {value:?} holds a character that is not allowed there")]
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
    fn the_defaults_are_the_references() {
        let config = Config::builder().build().unwrap();
        assert_eq!(config.path(), "/engine.io");
        assert!(config.add_trailing_slash() && config.allow_upgrades());
        assert_eq!(config.transports(), [TransportKind::Polling, TransportKind::WebSocket]);
        assert_eq!(config.ping_interval().as_millis(), 25_000);
        assert_eq!(config.ping_timeout().as_millis(), 20_000);
        assert_eq!(config.upgrade_timeout().as_millis(), 10_000);
        assert_eq!(config.close_timeout().as_millis(), 30_000);
        assert_eq!(config.destroy_upgrade(), Some(Duration::from_millis(1000)));
        assert_eq!((config.max_payload(), config.outbox_limit()), (1_000_000, 16_000_000));
        assert!(config.max_poll_packets().is_none());
        assert!(config.cors().is_none() && config.cookie().is_none() && config.initial_packet().is_none());
    }

    #[test]
    fn a_setting_that_cannot_be_is_refused() {
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
        }
    }

    #[test]
    fn upgrades_are_offered_where_they_are_possible() {
        use TransportKind::{Polling, WebSocket};
        let config = |builder: ConfigBuilder| builder.build().unwrap();
        assert_eq!(Config::default().upgrades(Polling), ["websocket"]);
        assert!(Config::default().upgrades(WebSocket).is_empty());
        assert!(config(Config::builder().allow_upgrades(false)).upgrades(Polling).is_empty());
        assert!(config(Config::builder().transports([Polling])).upgrades(Polling).is_empty());
    }
}
