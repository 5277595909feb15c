//! The acks that the other side owes.

use std::collections::{BTreeMap, BTreeSet};

use engineio_proto::Instant;

use crate::SocketKey;

/// The acks that the other side of one connection owes, over all its sockets.
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

    /// Whether the ack was owed; it no longer is.
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

    /// Takes out what is owed to one socket, in order of id, if it is not to be kept.
    pub(crate) fn settle_all(&mut self, socket: SocketKey, keep: impl Fn(u64, Option<Instant>) -> bool) -> Vec<u64> {
        let owed = self.pending.range((socket, 0)..=(socket, u64::MAX));
        let ids: Vec<u64> = owed.filter(|((_, id), deadline)| !keep(*id, **deadline)).map(|(&(_, id), _)| id).collect();
        for &id in &ids {
            self.settle(socket, id);
        }
        ids
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(deadline, ..)| deadline)
    }

    /// Takes out the next ack whose deadline has come.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<(SocketKey, u64)> {
        let &(deadline, socket, id) = self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.settle(socket, id);
        Some((socket, id))
    }
}
