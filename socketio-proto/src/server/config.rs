//! What a server allows a connection.

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
    /// How long a client may stay without having joined any namespace. Default 45 s, as the reference's `connectTimeout`.
    pub connect_timeout: Duration,
    /// How many namespaces one connection may be in, pending ones included; the next CONNECT is refused. Default 64. The
    /// reference has no bound.
    pub max_namespaces: usize,
    /// How many bytes the name of a namespace may have; a longer one is refused as invalid, nobody is asked. Default 1,024. The
    /// reference has no bound.
    pub max_namespace_bytes: usize,
    /// How many bytes the payload of a CONNECT may have, as it came: the socket keeps it. A larger one is refused, nobody is asked.
    /// Default 16,384, so that one connection keeps at most 64 times that. The reference has no bound but that of a message.
    pub max_auth_bytes: usize,
    /// How many acks the client of one connection may owe; the next emit that asks for one is refused. Default 16,384.
    /// The reference has no bound.
    pub max_pending_acks: usize,
    /// Bounds of binary packets under reassembly.
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

    /// Sets the bounds of binary packets: [`decoder`](Self::decoder).
    #[must_use]
    pub fn decoder(mut self, limits: Limits) -> Self {
        self.decoder = limits;
        self
    }
}
