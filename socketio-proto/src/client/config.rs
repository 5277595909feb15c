//! Timings and bounds of a manager.

use std::time::Duration;

use crate::Limits;

/// Timings and bounds of a [`Manager`](super::Manager). The names in parentheses are the reference's options.
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
    /// Whether to reconnect after a failed attempt or a lost connection (`reconnection`). Default true.
    pub reconnection: bool,
    /// Maximum number of attempts of a reconnection (`reconnectionAttempts`). Default `None`: unlimited.
    pub reconnection_attempts: Option<u32>,
    /// The pauses before the attempts.
    pub backoff: Backoff,
    /// Time within which an attempt must open the engine session (`timeout`). Zero fails it at once, `None` means no
    /// limit. Default 20 s.
    pub connect_timeout: Option<Duration>,
    /// Maximum number of bytes in the send buffers and retry queues of all sockets. Each packet counts [64 bytes
    /// more](Self::PACKET_COST) than it has. Default 16,000,000. The reference has no bound.
    pub send_buffer_limit: usize,
    /// Maximum number of bytes of events that arrived before the CONNECT of their namespace, of all sockets. Each event
    /// counts [64 bytes more](Self::PACKET_COST) than it has. If the server sends more, the connection is closed.
    /// Default 1,000,000. The reference has no bound.
    pub receive_buffer_limit: usize,
    /// Maximum number of pending acks. A further emit with an ack is refused. Default 16,384. The reference has no
    /// bound.
    pub max_pending_acks: usize,
    /// Bounds on the reassembly and decoding of packets. Default 10 attachments, 64 MiB in all, 10 minutes to receive
    /// them: a client trusts its server more than a server trusts its clients. The reference only bounds the number of
    /// attachments.
    pub decoder: Limits,
}

/// The pauses before attempts to reconnect.
///
/// The first pause is `delay`, and each further one is twice as long, up to `delay_max`. Each pause is randomized
/// within the range of `randomization` around its value, so that clients of the same server don't reconnect at the same
/// time, but never exceeds `delay_max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The first pause (`reconnectionDelay`). Default 1 s.
    pub delay: Duration,
    /// The longest pause (`reconnectionDelayMax`), at most 2^31-1 ms. Default 5 s.
    pub delay_max: Duration,
    /// Maximum relative deviation of a pause from its value (`randomizationFactor`): 0 to 1, anything else counts as 0.
    /// Default 0.5.
    pub randomization: f64,
}

/// Options of one socket.
///
/// ```
/// use socketio_proto::client::SocketConfig;
/// assert_eq!(SocketConfig::default().retries, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketConfig {
    /// How long each try of the [retry queue](super::Manager::emit_reliable) waits for its ack (`ackTimeout`). Default
    /// `None`: until the connection is lost.
    pub ack_timeout: Option<Duration>,
    /// How often a packet of the [retry queue](super::Manager::emit_reliable) is sent again (`retries`). Default
    /// `None`, which means 0.
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
    /// What a packet counts towards the limit of a buffer in addition to its bytes, so that the number of empty packets
    /// is bounded, too.
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

    /// Sets the decoder's bounds: [`decoder`](Self::decoder).
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
