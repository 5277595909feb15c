//! The model of a client: what it holds, and what may happen to it.

use socketio_proto::SocketKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engineio_proto::Instant;
use socketio_proto::client::{Manager, RetryId};

use super::attempts::Attempts;

/// A client and what it should see.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) machine: Manager,
    /// The timer that is set.
    pub(super) armed: Option<Instant>,
    pub(super) stalled: Instant,
    pub(super) gone: bool,
    /// The application was told to wait, and not yet to go on.
    pub(super) full: bool,
    pub(super) members: Vec<Member>,
    /// The number of its next event.
    pub(super) next: u64,
    pub(super) attempts: Attempts,
    /// Joins of its sockets, as the server sees them.
    pub(super) here: Vec<usize>,
    pub(super) wires: BTreeMap<u64, u64>,
}

/// One of its sockets.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: SocketKey,
    pub(super) space: usize,
    /// The join it is in, and the one it was in last.
    pub(super) joined: Option<usize>,
    pub(super) last: Option<usize>,
    /// It has joined since it was looked at last.
    pub(super) fresh: bool,
    /// What waits for a connection, in order.
    pub(super) waiting: VecDeque<Waiting>,
    /// What may have left or not: its ack was due when there was no room.
    pub(super) maybe: BTreeSet<u64>,
    /// Its acks under way.
    pub(super) asks: BTreeMap<u64, Ask>,
    /// Events whose acks were lost with a connection: so were they.
    pub(super) lost: Vec<u64>,
    /// The retry queue, in order.
    pub(super) sure: VecDeque<Sure>,
    /// The last of it that the server got, and those that were given up.
    pub(super) arrived: Option<u64>,
    pub(super) abandoned: BTreeSet<u64>,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) cost: usize,
}

#[derive(Debug)]
pub(super) struct Ask {
    pub(super) number: u64,
    pub(super) deadline: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Sure {
    pub(super) retry: RetryId,
    pub(super) number: u64,
    pub(super) cost: usize,
    /// How often it arrived.
    pub(super) tries: u32,
}

impl Peer {
    pub(super) fn new(machine: Manager, now: Instant) -> Self {
        Self {
            machine,
            armed: None,
            stalled: now,
            gone: false,
            full: false,
            members: Vec::new(),
            next: 0,
            attempts: Attempts::default(),
            here: Vec::new(),
            wires: BTreeMap::new(),
        }
    }

    pub(super) fn member(&mut self, key: SocketKey) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.key == key)
    }

    pub(super) fn is_active(&self) -> bool {
        self.members.iter().any(|member| self.machine.is_active(member.key))
    }

    /// What waits for connections and acknowledgements, as the manager counts.
    pub(super) fn buffered(&self) -> usize {
        self.members.iter().map(Member::buffered).sum()
    }
}

impl Member {
    pub(super) fn new(key: SocketKey, space: usize) -> Self {
        Self {
            key,
            space,
            joined: None,
            last: None,
            fresh: false,
            waiting: VecDeque::new(),
            maybe: BTreeSet::new(),
            asks: BTreeMap::new(),
            lost: Vec::new(),
            sure: VecDeque::new(),
            arrived: None,
            abandoned: BTreeSet::new(),
        }
    }

    fn buffered(&self) -> usize {
        let sure: usize = self.sure.iter().map(|sure| sure.cost).sum();
        self.waiting.iter().map(|waiting| waiting.cost).sum::<usize>() + sure
    }

    /// Takes out what waits; `false` if it does not wait.
    pub(super) fn withdraw(&mut self, number: u64) -> bool {
        let at = self.waiting.iter().position(|waiting| waiting.number == number);
        at.and_then(|at| self.waiting.remove(at)).is_some()
    }

    /// An event of the retry queue arrived: the next one, or one once more (`true`). What is wrong with it, if anything is.
    pub(super) fn arrive(&mut self, number: u64, most: u32) -> Result<bool, String> {
        let again = self.arrived.is_some_and(|arrived| number <= arrived);
        match self.sure.front_mut() {
            Some(first) if first.number == number => {
                first.tries += 1;
                if first.tries > most {
                    return Err(format!("event {number} was sent {} times", first.tries));
                }
            }
            _ if again || self.abandoned.contains(&number) => {}
            first => return Err(format!("event {number} before {first:?}")),
        }
        self.arrived = self.arrived.max(Some(number));
        Ok(again)
    }
}
