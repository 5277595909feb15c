//! The state of one socket.

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
    /// Not reset by a new connection, so a late ack can't be taken for another one.
    pub(super) next_ack: u64,
    pub(super) buffer: SendBuffer,
    pub(super) retries: RetryQueue,
    /// Events that arrived before the CONNECT.
    pub(super) early: Vec<(Option<u64>, crate::Event)>,
    /// The last engine session over which the server accepted the socket; 0 before the first.
    pub(super) last_epoch: u64,
}

/// ```text
///  Idle, Over --connect()--> Waiting --engine open--> Asking --authenticate()--> Joining --CONNECT--> Connected
///   ^                           ^                       |                         |   ^                  |
///   |                           '---- engine lost ------+-------------------------+---+------------------'
///   |                                                              disconnect()   v   | connect()
///   |<------------------------------- CONNECT, CONNECT_ERROR -----------------  Leaving
///   '--------- from every phase to Over: disconnect(), refused, DISCONNECT
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// `connect` has not been called yet.
    Idle,
    /// Disconnected or refused; `connect` has not been called since.
    Over,
    /// Waiting for a connection.
    Waiting,
    /// The driver has not provided the credentials.
    Asking,
    /// The server has not answered the CONNECT.
    Joining,
    /// As `Joining`, but the socket has been disconnected. A DISCONNECT before the server's answer would make it close
    /// the connection.
    Leaving,
    /// Connected, with its id.
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

    /// Whether the socket is connected or going to connect.
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Idle | Phase::Over | Phase::Leaving)
    }
}
