//! The table of pending acks.

use std::collections::{BTreeMap, BTreeSet};

use engineio_proto::Instant;

use crate::SocketKey;

/// The pending acks of all sockets of one connection.
#[derive(Debug)]
pub(crate) struct AckTable {
    pending: BTreeMap<(SocketKey, u64), Option<Instant>>,
    deadlines: BTreeSet<(Instant, SocketKey, u64)>,
}

impl AckTable {
    pub(crate) fn new() -> Self {
        Self { pending: BTreeMap::new(), deadlines: BTreeSet::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn contains(&self, socket: SocketKey, id: u64) -> bool {
        self.pending.contains_key(&(socket, id))
    }

    pub(crate) fn insert(&mut self, socket: SocketKey, id: u64, deadline: Option<Instant>) {
        self.pending.insert((socket, id), deadline);
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, socket, id));
        }
    }

    /// Removes an ack. Returns whether it was pending.
    pub(crate) fn settle(&mut self, socket: SocketKey, id: u64) -> bool {
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

    /// Removes and returns the ack ids of one socket, in ascending order, except those for which `keep` returns true.
    pub(crate) fn settle_all(&mut self, socket: SocketKey, keep: impl Fn(u64, Option<Instant>) -> bool) -> Vec<u64> {
        let pending = self.pending.range((socket, 0)..=(socket, u64::MAX));
        let ids: Vec<u64> =
            pending.filter(|((_, id), deadline)| !keep(*id, **deadline)).map(|(&(_, id), _)| id).collect();
        for &id in &ids {
            self.settle(socket, id);
        }
        ids
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, ..)| deadline)
    }

    /// Removes and returns the next ack whose deadline has passed.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<(SocketKey, u64)> {
        let &(deadline, socket, id) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.settle(socket, id);
        Some((socket, id))
    }
}
