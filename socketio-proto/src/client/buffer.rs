//! Packets that wait for their socket to be connected.

use std::collections::BTreeMap;

use super::Config;
use crate::Encoded;

/// What a packet takes of the limit.
pub(super) fn cost(packet: &Encoded) -> usize {
    packet.byte_len().saturating_add(Config::PACKET_COST)
}

/// The packets of one socket in the order in which they were emitted. Those with an ack are found by its id, too.
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

    pub(super) fn pop(&mut self) -> Option<Encoded> {
        let (_, (packet, id)) = self.packets.pop_first()?;
        if let Some(id) = id {
            self.places.remove(&id);
        }
        Some(packet)
    }

    /// Whether the packet that asks for this ack waits here.
    pub(super) fn holds(&self, id: u64) -> bool {
        self.places.contains_key(&id)
    }

    /// Takes out the packet that asks for this ack.
    pub(super) fn remove(&mut self, id: u64) -> Option<Encoded> {
        let place = self.places.remove(&id)?;
        self.packets.remove(&place).map(|(packet, _)| packet)
    }
}
