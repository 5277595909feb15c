//! Packets that are sent until they are acknowledged.

use std::collections::VecDeque;

use super::RetryId;
use crate::Encoded;

/// The queue is given back beyond this many places once it is empty: what was emitted offline can be much.
const KEPT: usize = 64;

/// The packets of one socket, one under way at a time, so that their order is kept.
#[derive(Debug, Default)]
pub(super) struct RetryQueue {
    packets: VecDeque<(RetryId, Encoded)>,
    /// The ack for which the first packet waits. Each try has its own: a late answer to the one before settles nothing.
    under_way: Option<u64>,
    /// How often the first packet was sent.
    tries: u32,
}

impl RetryQueue {
    pub(super) fn push(&mut self, retry: RetryId, packet: Encoded) {
        self.packets.push_back((retry, packet));
    }

    /// What is to be sent now.
    pub(super) fn next(&self) -> Option<&Encoded> {
        let waiting = self.packets.front().filter(|_| self.under_way.is_none());
        waiting.map(|(_, packet)| packet)
    }

    /// The next packet was sent and asks for this ack.
    pub(super) fn sent(&mut self, id: u64) {
        self.under_way = Some(id);
        self.tries = self.tries.saturating_add(1);
    }

    /// Whether the ack is the one that is waited for; it no longer is.
    pub(super) fn settle(&mut self, id: u64) -> bool {
        self.under_way.take_if(|waiting| *waiting == id).is_some()
    }

    /// Whether this is the ack that is waited for.
    pub(super) fn awaits(&self, id: u64) -> bool {
        self.under_way == Some(id)
    }

    /// Takes out the first packet if it was acknowledged, or was sent as often as it may be.
    pub(super) fn finish(&mut self, acknowledged: bool, retries: u32) -> Option<(RetryId, Encoded)> {
        if !acknowledged && self.tries <= retries {
            return None;
        }
        self.give_up()
    }

    /// Takes out the first packet, which is not under way.
    pub(super) fn give_up(&mut self) -> Option<(RetryId, Encoded)> {
        self.tries = 0;
        let packet = self.packets.pop_front();
        if self.packets.is_empty() && self.packets.capacity() > KEPT {
            self.packets.shrink_to(KEPT / 4);
        }
        packet
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.packets.capacity()
    }
}
