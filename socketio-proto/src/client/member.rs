//! One socket.

use crate::SocketKey;
use engineio_proto::Text;

use super::SocketConfig;
use super::buffer::SendBuffer;
use super::retry::RetryQueue;

#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: SocketKey,
    pub(super) namespace: Text,
    pub(super) config: SocketConfig,
    pub(super) phase: Phase,
    /// Counts on from connection to connection: a late ack can't be taken for another.
    pub(super) next_ack: u64,
    pub(super) buffer: SendBuffer,
    pub(super) retries: RetryQueue,
    /// Events that came before the CONNECT.
    pub(super) early: Vec<(Option<u64>, crate::Event)>,
    /// The last engine session over which the server let it in; 0 before the first.
    pub(super) last_epoch: u64,
}

/// ```text
///  Idle, Over --connect()--> Waiting --engine open--> Asking --authenticate()--> Joining --CONNECT--> Connected
///   ^                           ^                       |                         |   ^                  |
///   |                           '---- engine lost ------+-------------------------+---+------------------'
///   |                                                              disconnect()   v   | connect()
///   |<------------------------------- CONNECT, CONNECT_ERROR -----------------  Leaving
///   '--------- from everywhere to Over: disconnect(), refused, DISCONNECT
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not told to connect yet.
    Idle,
    /// Disconnected or refused, and not told to connect since.
    Over,
    /// For a connection.
    Waiting,
    /// The driver has not said what to join with.
    Asking,
    /// The server has not answered the CONNECT.
    Joining,
    /// The same, but the socket is not wanted any more. DISCONNECT before the answer would make the server close the connection.
    Leaving,
    /// With its id.
    Connected(Text),
}

impl Member {
    pub(super) fn new(key: SocketKey, namespace: Text, config: SocketConfig) -> Self {
        Self {
            key,
            namespace,
            config,
            phase: Phase::Idle,
            next_ack: 0,
            buffer: SendBuffer::default(),
            retries: RetryQueue::default(),
            early: Vec::new(),
            last_epoch: 0,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected(_))
    }

    /// Whether the socket is connected or shall be.
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Idle | Phase::Over | Phase::Leaving)
    }
}
