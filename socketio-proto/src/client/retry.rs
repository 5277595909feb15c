//! Packets that are sent until they are acknowledged.

use std::collections::VecDeque;

use super::RetryId;
use crate::Encoded;

/// The largest capacity that an empty queue keeps: many packets may be emitted offline.
const KEPT: usize = 64;

/// The packets of one socket, one in flight at a time, so that their order is kept.
#[derive(Debug, Default)]
pub(super) struct RetryQueue {
    packets: VecDeque<(RetryId, Encoded)>,
    /// The ack id of the first packet, if it is in flight. Each try has its own, so a late answer to the previous one
    /// is ignored.
    in_flight: Option<u64>,
    /// How often the first packet has been sent.
    tries: u32,
}

impl RetryQueue {
    pub(super) fn push(&mut self, retry: RetryId, packet: Encoded) {
        self.packets.push_back((retry, packet));
    }

    /// The packet to send now, if any.
    pub(super) fn next(&self) -> Option<&Encoded> {
        let waiting = self.packets.front().filter(|_| self.in_flight.is_none());
        waiting.map(|(_, packet)| packet)
    }

    /// The next packet was sent with this ack id.
    pub(super) fn sent(&mut self, id: u64) {
        self.in_flight = Some(id);
        self.tries = self.tries.saturating_add(1);
    }

    /// Ends the current try. Returns whether the ack id was its own.
    pub(super) fn settle(&mut self, id: u64) -> bool {
        self.in_flight.take_if(|waiting| *waiting == id).is_some()
    }

    /// Whether the current try waits for this ack.
    pub(super) fn awaits(&self, id: u64) -> bool {
        self.in_flight == Some(id)
    }

    /// Removes the first packet if it was acknowledged or has no retries left.
    pub(super) fn finish(&mut self, acknowledged: bool, retries: u32) -> Option<(RetryId, Encoded)> {
        if !acknowledged && self.tries <= retries {
            return None;
        }
        self.give_up()
    }

    /// Removes the first packet, which is not in flight.
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
