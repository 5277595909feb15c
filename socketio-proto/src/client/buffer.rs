//! Packets that wait until their socket is connected.

use std::collections::BTreeMap;

use super::Config;
use crate::Encoded;

/// What a packet counts towards the limit, in bytes.
pub(super) fn cost(packet: &Encoded) -> usize {
    packet.byte_len().saturating_add(Config::PACKET_COST)
}

/// What a packet counts towards the engine session's limit, in bytes.
pub(super) fn engine_cost(packet: &Encoded) -> usize {
    let count = 1 + packet.attachments().len();
    packet.byte_len().saturating_add(count.saturating_mul(size_of::<engineio_proto::Packet>()))
}

/// The packets of one socket in emit order. Those with an ack are also indexed by its id.
#[derive(Debug, Default)]
pub(super) struct SendBuffer {
    packets: BTreeMap<u64, (Encoded, Option<u64>)>,
    places: BTreeMap<u64, u64>,
    next: u64,
}

impl SendBuffer {
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn push(&mut self, packet: Encoded, id: Option<u64>) {
        if let Some(id) = id {
            self.places.insert(id, self.next);
        }
        self.packets.insert(self.next, (packet, id));
        self.next += 1;
    }

    pub(super) fn front(&self) -> Option<&Encoded> {
        self.packets.first_key_value().map(|(_, (packet, _))| packet)
    }

    /// Removes the first packet. Returns it with its ack id.
    pub(super) fn pop(&mut self) -> Option<(Encoded, Option<u64>)> {
        let (_, (packet, id)) = self.packets.pop_first()?;
        if let Some(id) = id {
            self.places.remove(&id);
        }
        Some((packet, id))
    }

    /// Whether the buffer contains the packet with this ack id.
    pub(super) fn holds(&self, id: u64) -> bool {
        self.places.contains_key(&id)
    }

    /// Clears the ack id of a packet; the packet stays.
    pub(super) fn forget(&mut self, id: u64) {
        let place = self.places.remove(&id);
        if let Some((_, id)) = place.and_then(|place| self.packets.get_mut(&place)) {
            *id = None;
        }
    }

    /// Removes the packet with this ack id.
    pub(super) fn remove(&mut self, id: u64) -> Option<Encoded> {
        let place = self.places.remove(&id)?;
        self.packets.remove(&place).map(|(packet, _)| packet)
    }
}
