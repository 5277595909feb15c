//! The acks that a client owes.

use std::collections::{BTreeMap, BTreeSet};

use engineio_proto::Instant;

use super::SocketKey;

/// The acks that one client owes, over all its sockets.
#[derive(Debug, Default)]
pub(super) struct AckTable {
    pending: BTreeMap<(SocketKey, u64), Option<Instant>>,
    deadlines: BTreeSet<(Instant, SocketKey, u64)>,
}

impl AckTable {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn contains(&self, socket: SocketKey, id: u64) -> bool {
        self.pending.contains_key(&(socket, id))
    }

    pub(super) fn insert(&mut self, socket: SocketKey, id: u64, deadline: Option<Instant>) {
        self.pending.insert((socket, id), deadline);
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, socket, id));
        }
    }

    /// Whether the ack was owed; it no longer is.
    pub(super) fn settle(&mut self, socket: SocketKey, id: u64) -> bool {
        match self.pending.remove(&(socket, id)) {
            Some(deadline) => {
                if let Some(deadline) = deadline {
                    self.deadlines.remove(&(deadline, socket, id));
                }
                true
            }
            None => false,
        }
    }

    /// Takes out all that one socket owes, in order of id.
    pub(super) fn settle_all(&mut self, socket: SocketKey) -> Vec<u64> {
        let ids: Vec<u64> = self.pending.range((socket, 0)..=(socket, u64::MAX)).map(|(&(_, id), _)| id).collect();
        for &id in &ids {
            self.settle(socket, id);
        }
        ids
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, ..)| deadline)
    }

    /// Takes out the next ack whose deadline has come.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<(SocketKey, u64)> {
        let &(deadline, socket, id) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.settle(socket, id);
        Some((socket, id))
    }
}
