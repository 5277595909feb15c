//! The table of sessions.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engineio_proto::Sid;

use crate::server::conn::Conn;

/// Number of shards; a power of two, and usually more than there are cores.
const SHARDS: usize = 32;

/// The sessions of a server by sid, in shards so that handshakes on several threads rarely contend.
pub(crate) struct Sessions {
    shards: [Mutex<HashMap<Sid, Arc<Conn>>>; SHARDS],
    hasher: RandomState,
    opened: AtomicU64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            opened: AtomicU64::new(0),
        }
    }
}

impl Sessions {
    fn shard(&self, sid: &str) -> MutexGuard<'_, HashMap<Sid, Arc<Conn>>> {
        let index = self.hasher.hash_one(sid) as usize % SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, sid: &str) -> Option<Arc<Conn>> {
        self.shard(sid).get(sid).cloned()
    }

    /// The serial number of the next session.
    pub(crate) fn next_serial(&self) -> u64 {
        self.opened.fetch_add(1, Ordering::Relaxed)
    }

    /// `false` if the sid is taken.
    pub(crate) fn insert(&self, sid: Sid, conn: Arc<Conn>) -> bool {
        match self.shard(&sid).entry(sid) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(conn);
                true
            }
        }
    }

    pub(crate) fn remove(&self, sid: &str) {
        self.shard(sid).remove(sid);
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// All sessions, in the order in which they were opened.
    pub(crate) fn all(&self) -> Vec<Arc<Conn>> {
        let shards = self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner));
        let mut all: Vec<_> = shards.flat_map(|shard| shard.values().cloned().collect::<Vec<_>>()).collect();
        all.sort_unstable_by_key(|conn| conn.serial);
        all
    }
}
