//! The sockets and rooms of one namespace.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use engineio_proto::{Sid, Text};

use super::Target;

/// The sockets of one namespace and the rooms they are in.
///
/// Stores a handle `T` per socket; the driver decides what a handle is and what it does with those that a [`Target`]
/// selects. Sockets are visited in insertion order. Every socket is implicitly in a room named by its id: `to(id)`
/// selects it without a join.
///
/// ```
/// use socketio_proto::Sid;
/// use socketio_proto::server::{Rooms, Target};
///
/// let (ann, bob) = (Sid::new("ann"), Sid::new("bob"));
/// let mut rooms = Rooms::new();
/// rooms.insert(ann.clone(), 1);
/// rooms.insert(bob.clone(), 2);
/// rooms.join(&ann, "news");
/// rooms.join(&bob, "news");
/// rooms.join(&bob, "sport");
///
/// // Bob is in both rooms, but is selected once.
/// assert_eq!(rooms.select(&Target::all().to("news").to("sport")), [1, 2]);
/// assert_eq!(rooms.select(&Target::all().except("bob")), [1]);
/// ```
#[derive(Clone, Debug)]
pub struct Rooms<T> {
    members: BTreeMap<u64, Member<T>>,
    keys: BTreeMap<Sid, u64>,
    rooms: BTreeMap<Text, BTreeMap<u64, T>>,
    next_key: u64,
}

#[derive(Clone, Debug)]
struct Member<T> {
    handle: T,
    rooms: BTreeSet<Text>,
}

impl<T> Default for Rooms<T> {
    fn default() -> Self {
        Self { members: BTreeMap::new(), keys: BTreeMap::new(), rooms: BTreeMap::new(), next_key: 0 }
    }
}

impl<T: Clone> Rooms<T> {
    /// Creates an empty namespace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a socket. Replaces an older socket with the same id, which leaves all its rooms.
    pub fn insert(&mut self, id: Sid, handle: T) {
        self.remove(&id);
        let key = self.next_key;
        self.next_key += 1;
        self.keys.insert(id, key);
        self.members.insert(key, Member { handle, rooms: BTreeSet::new() });
    }

    /// Removes a socket from the namespace and from all its rooms. Removes rooms that become empty.
    pub fn remove(&mut self, id: &str) -> Option<T> {
        let key = self.keys.remove(id)?;
        let member = self.members.remove(&key)?;
        for room in &member.rooms {
            self.forget(room, key);
        }
        Some(member.handle)
    }

    /// The handle of a socket.
    pub fn get(&self, id: &str) -> Option<&T> {
        self.members.get(self.keys.get(id)?).map(|member| &member.handle)
    }

    /// Number of sockets in the namespace.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether no socket is in the namespace.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Adds a socket to a room, which is created for its first socket. Returns `false` if the socket is already in the
    /// room, or not in the namespace.
    pub fn join(&mut self, id: &str, room: impl Into<Text>) -> bool {
        let Some(&key) = self.keys.get(id) else { return false };
        let Some(member) = self.members.get_mut(&key) else { return false };
        let room = room.into();
        if !member.rooms.insert(room.clone()) {
            return false;
        }
        self.rooms.entry(room).or_default().insert(key, member.handle.clone());
        true
    }

    /// Removes a socket from a room. Returns `false` if it was not in it.
    pub fn leave(&mut self, id: &str, room: &str) -> bool {
        let Some(&key) = self.keys.get(id) else { return false };
        let left = self.members.get_mut(&key).is_some_and(|member| member.rooms.remove(room));
        if left {
            self.forget(room, key);
        }
        left
    }

    /// The rooms that a socket has joined, ordered by name, without its implicit room.
    pub fn joined(&self, id: &str) -> impl Iterator<Item = &Text> {
        let member = self.keys.get(id).and_then(|key| self.members.get(key));
        member.into_iter().flat_map(|member| member.rooms.iter())
    }

    /// All rooms with the number of their sockets, ordered by name, without the implicit ones.
    pub fn rooms(&self) -> impl Iterator<Item = (&Text, usize)> {
        self.rooms.iter().map(|(name, sockets)| (name, sockets.len()))
    }

    /// Number of sockets in a room.
    pub fn room_len(&self, room: &str) -> usize {
        self.rooms.get(room).map_or(0, BTreeMap::len)
    }

    /// Calls `serve` once for each socket that the target selects.
    pub fn for_each(&self, target: &Target, mut serve: impl FnMut(&T)) {
        let except: Vec<Group<'_, T>> = target.excluded().iter().filter_map(|name| self.group(name)).collect();
        let mut serve = |key: u64, handle: &T| {
            if !except.iter().any(|group| group.contains(key)) {
                serve(handle);
            }
        };
        match target.rooms() {
            [] => self.members.iter().for_each(|(&key, member)| serve(key, &member.handle)),
            [room] => self.group(room).into_iter().for_each(|group| group.visit(&mut serve)),
            rooms => {
                let mut union = BTreeMap::new();
                for group in rooms.iter().filter_map(|room| self.group(room)) {
                    group.visit(|key, handle| _ = union.insert(key, handle));
                }
                union.into_iter().for_each(|(key, handle)| serve(key, handle));
            }
        }
    }

    /// The handles of the sockets that the target selects, each once.
    pub fn select(&self, target: &Target) -> Vec<T> {
        let mut handles = Vec::new();
        self.for_each(target, |handle| handles.push(handle.clone()));
        handles
    }

    /// The sockets that a name in a target selects: those of the room, and the socket with that id.
    fn group(&self, name: &str) -> Option<Group<'_, T>> {
        if let Some(sockets) = self.rooms.get(name) {
            return Some(Group::Room(sockets, self.own(name)));
        }
        self.own(name).map(|(key, handle)| Group::Own(key, handle))
    }

    fn own(&self, id: &str) -> Option<(u64, &T)> {
        let key = *self.keys.get(id)?;
        Some((key, &self.members.get(&key)?.handle))
    }

    fn forget(&mut self, room: &str, key: u64) {
        if let Some(sockets) = self.rooms.get_mut(room) {
            sockets.remove(&key);
            if sockets.is_empty() {
                self.rooms.remove(room);
            }
        }
    }
}

/// The sockets that one name selects.
enum Group<'a, T> {
    /// A room, and the socket whose id equals the room's name, if any.
    Room(&'a BTreeMap<u64, T>, Option<(u64, &'a T)>),
    Own(u64, &'a T),
}

impl<'a, T> Group<'a, T> {
    fn contains(&self, key: u64) -> bool {
        match self {
            Group::Room(sockets, own) => sockets.contains_key(&key) || own.is_some_and(|(own, _)| own == key),
            Group::Own(own, _) => *own == key,
        }
    }

    /// Visits the sockets in insertion order.
    fn visit(&self, mut serve: impl FnMut(u64, &'a T)) {
        match self {
            Group::Room(sockets, Some((own, handle))) => {
                sockets.range(..own).for_each(|(&key, handle)| serve(key, handle));
                serve(*own, handle);
                sockets.range((Bound::Excluded(own), Bound::Unbounded)).for_each(|(&key, handle)| serve(key, handle));
            }
            Group::Room(sockets, None) => sockets.iter().for_each(|(&key, handle)| serve(key, handle)),
            Group::Own(key, handle) => serve(*key, handle),
        }
    }
}
