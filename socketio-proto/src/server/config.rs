//! Timings and bounds of a connection.

use std::time::Duration;

use crate::Limits;

/// Timings and bounds of every [`Connection`](super::Connection).
///
/// ```
/// use std::time::Duration;
/// use socketio_proto::server::Config;
///
/// let config = Config::default().connect_timeout(Duration::from_secs(10));
/// assert_eq!(config.max_namespaces, 64);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Time within which a client must have joined a namespace, otherwise its connection is closed. Default 45 s, as
    /// the reference's `connectTimeout`.
    pub connect_timeout: Duration,
    /// Maximum number of namespaces of one connection, including pending ones. A further CONNECT is refused. Default
    /// 64. The reference has no bound.
    pub max_namespaces: usize,
    /// Maximum length of a namespace name in bytes. A CONNECT with a longer one is refused without an event. Default
    /// 1,024. The reference has no bound.
    pub max_namespace_bytes: usize,
    /// Maximum size of the payload of a CONNECT in bytes of JSON, which is kept as long as the socket. A CONNECT with a
    /// larger one is refused without an event. Default 16,384, so by default one connection keeps at most 64 times
    /// that. The reference only bounds the size of a message.
    pub max_auth_bytes: usize,
    /// Maximum number of pending acks of one connection. A further emit with an ack is refused. Default 16,384. The
    /// reference has no bound.
    pub max_pending_acks: usize,
    /// Bounds on the reassembly and decoding of packets.
    pub decoder: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(45),
            max_namespaces: 64,
            max_namespace_bytes: 1024,
            max_auth_bytes: 16_384,
            max_pending_acks: 16_384,
            decoder: Limits::default(),
        }
    }
}

impl Config {
    /// Sets [`connect_timeout`](Self::connect_timeout).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets [`max_namespaces`](Self::max_namespaces).
    #[must_use]
    pub fn max_namespaces(mut self, count: usize) -> Self {
        self.max_namespaces = count;
        self
    }

    /// Sets [`max_namespace_bytes`](Self::max_namespace_bytes).
    #[must_use]
    pub fn max_namespace_bytes(mut self, bytes: usize) -> Self {
        self.max_namespace_bytes = bytes;
        self
    }

    /// Sets [`max_auth_bytes`](Self::max_auth_bytes).
    #[must_use]
    pub fn max_auth_bytes(mut self, bytes: usize) -> Self {
        self.max_auth_bytes = bytes;
        self
    }

    /// Sets [`max_pending_acks`](Self::max_pending_acks).
    #[must_use]
    pub fn max_pending_acks(mut self, count: usize) -> Self {
        self.max_pending_acks = count;
        self
    }

    /// Sets the decoder's bounds: [`decoder`](Self::decoder).
    #[must_use]
    pub fn decoder(mut self, limits: Limits) -> Self {
        self.decoder = limits;
        self
    }
}
