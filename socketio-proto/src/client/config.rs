//! How a manager behaves and what it may hold.

use std::time::Duration;

use crate::Limits;

/// Timings and bounds of a [`Manager`](super::Manager). The names in brackets are the reference's options.
///
/// ```
/// use std::time::Duration;
/// use socketio_proto::client::{Backoff, Config};
///
/// let config = Config::default()
///     .reconnection_attempts(Some(10))
///     .backoff(Backoff { delay: Duration::from_millis(200), ..Backoff::default() });
/// assert!(config.reconnection);
/// assert_eq!(config.backoff.delay_max, Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Whether another attempt follows a failed one and the loss of a connection (`reconnection`). Default true.
    pub reconnection: bool,
    /// How many attempts a reconnection has (`reconnectionAttempts`). Default none: as many as it takes.
    pub reconnection_attempts: Option<u32>,
    /// The pauses before them.
    pub backoff: Backoff,
    /// How long an attempt may take until the engine session is open (`timeout`); zero fails it at once. Default 20 s. None: for
    /// ever.
    pub connect_timeout: Option<Duration>,
    /// How many bytes may wait for a connection, and for the server's answer in the retry queues, over all sockets; each packet
    /// takes [64 more](Self::PACKET_COST). Default 16,000,000. The reference has no bound.
    pub send_buffer_limit: usize,
    /// How many bytes of events that came before the CONNECT of their namespace may be held, over all sockets; each takes
    /// [64 more](Self::PACKET_COST). A server that sends more is disconnected. Default 1,000,000. The reference has no bound.
    pub receive_buffer_limit: usize,
    /// How many acks the server may owe; the next emit that asks for one is refused. Default 16,384. The reference has no bound.
    pub max_pending_acks: usize,
    /// Bounds of binary packets under reassembly. Default 10 attachments, 64 MiB each and together, 10 minutes for all of them:
    /// the server is trusted with more than a server trusts its clients with. The reference bounds the number only.
    pub decoder: Limits,
}

/// How long to wait before an attempt to reconnect.
///
/// The first pause is `delay`; each one after it is twice as long, up to `delay_max`. Each is chosen anew from the range of
/// `randomization` around its value, so that clients that lost the same server don't come back all at once; but none is longer than
/// `delay_max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The first pause (`reconnectionDelay`). Default 1 s.
    pub delay: Duration,
    /// The longest pause (`reconnectionDelayMax`), at most 2^31-1 ms. Default 5 s.
    pub delay_max: Duration,
    /// How far a pause may differ from its value, as a share of it (`randomizationFactor`): 0 to 1, anything else is 0. Default 0.5.
    pub randomization: f64,
}

/// How one socket behaves.
///
/// ```
/// use socketio_proto::client::SocketConfig;
/// assert_eq!(SocketConfig::default().retries, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketConfig {
    /// How long a try of the [retry queue](super::Manager::emit_reliable) waits for its ack (`ackTimeout`). Default none: until the
    /// connection is lost.
    pub ack_timeout: Option<Duration>,
    /// How often a packet of the [retry queue](super::Manager::emit_reliable) is sent again (`retries`). Default none, as 0.
    pub retries: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            reconnection: true,
            reconnection_attempts: None,
            backoff: Backoff::default(),
            connect_timeout: Some(Duration::from_secs(20)),
            send_buffer_limit: 16_000_000,
            receive_buffer_limit: 1_000_000,
            max_pending_acks: 16_384,
            decoder: Limits::default()
                .max_attachment_bytes(64 << 20)
                .max_total_bytes(64 << 20)
                .reassembly_timeout(Duration::from_secs(600)),
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { delay: Duration::from_secs(1), delay_max: Duration::from_secs(5), randomization: 0.5 }
    }
}

impl Config {
    /// What a packet takes of a buffer's limit beside its bytes, so that empty ones are bounded, too.
    pub const PACKET_COST: usize = 64;

    /// Sets [`reconnection`](Self::reconnection).
    #[must_use]
    pub fn reconnection(mut self, reconnection: bool) -> Self {
        self.reconnection = reconnection;
        self
    }

    /// Sets [`reconnection_attempts`](Self::reconnection_attempts).
    #[must_use]
    pub fn reconnection_attempts(mut self, attempts: Option<u32>) -> Self {
        self.reconnection_attempts = attempts;
        self
    }

    /// Sets [`backoff`](Self::backoff).
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets [`connect_timeout`](Self::connect_timeout).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets [`send_buffer_limit`](Self::send_buffer_limit).
    #[must_use]
    pub fn send_buffer_limit(mut self, bytes: usize) -> Self {
        self.send_buffer_limit = bytes;
        self
    }

    /// Sets [`receive_buffer_limit`](Self::receive_buffer_limit).
    #[must_use]
    pub fn receive_buffer_limit(mut self, bytes: usize) -> Self {
        self.receive_buffer_limit = bytes;
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

impl SocketConfig {
    /// Sets [`ack_timeout`](Self::ack_timeout).
    #[must_use]
    pub fn ack_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.ack_timeout = timeout;
        self
    }

    /// Sets [`retries`](Self::retries).
    #[must_use]
    pub fn retries(mut self, retries: Option<u32>) -> Self {
        self.retries = retries;
        self
    }
}
