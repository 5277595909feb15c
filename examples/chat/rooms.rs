//! What the chat remembers: rooms, the people in them, the last messages. Knows nothing of sockets.

use std::collections::{BTreeMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::socketio::Text;

/// The room that is always there.
pub(crate) const LOBBY: &str = "lobby";

const MOST_ROOMS: usize = 100;
const HISTORY: usize = 50;

/// Somebody, for as long as the socket lasts. (A [`Text`] is a shared handle: copies of all this cost next to nothing.)
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Person {
    pub(crate) id: Text,
    pub(crate) name: Text,
}

/// Somebody's place in a room.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) room: Text,
    pub(crate) person: Person,
}

/// A message as it is sent and remembered.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Message {
    pub(crate) id: Text,
    pub(crate) room: Text,
    pub(crate) from: Text,
    pub(crate) name: Text,
    pub(crate) at: u64,
    #[serde(flatten)]
    pub(crate) content: Content,
}

/// What a message says. Of an image only this is remembered; its bytes are passed on and forgotten.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text { text: Text },
    Image { r#type: &'static str, file: Text, size: usize },
}

/// One line of the list of rooms.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Listed {
    pub(crate) name: Text,
    pub(crate) people: usize,
}

#[derive(Debug)]
pub(crate) struct TooManyRooms;

#[derive(Debug)]
pub(crate) struct Rooms {
    rooms: BTreeMap<Text, Room>,
    /// When the server started, so that no message has the id of one from before a restart.
    started: u64,
    posted: u64,
}

#[derive(Debug, Default)]
struct Room {
    /// In order of arrival.
    people: Vec<Person>,
    /// Oldest first.
    history: VecDeque<Message>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self { rooms: BTreeMap::from([(Text::from(LOBBY), Room::default())]), started: now(), posted: 0 }
    }
}

impl Rooms {
    /// Gives somebody a place, in a new room if there is none of that name.
    pub(crate) fn enter(&mut self, seat: &Seat) -> Result<(), TooManyRooms> {
        if self.rooms.len() >= MOST_ROOMS && !self.rooms.contains_key(&seat.room) {
            return Err(TooManyRooms);
        }
        self.room(&seat.room).people.push(seat.person.clone());
        Ok(())
    }

    /// Frees a place. A room that nobody is left in is forgotten, but for the lobby.
    pub(crate) fn leave(&mut self, seat: &Seat) {
        let room = self.room(&seat.room);
        room.people.retain(|person| person.id != seat.person.id);
        if room.people.is_empty() && seat.room != LOBBY {
            self.rooms.remove(&seat.room);
        }
    }

    /// Takes note of the new name in a seat.
    pub(crate) fn rename(&mut self, seat: &Seat) {
        let people = &mut self.room(&seat.room).people;
        if let Some(person) = people.iter_mut().find(|person| person.id == seat.person.id) {
            person.name = seat.person.name.clone();
        }
    }

    /// Makes a message of what somebody says, and remembers it.
    pub(crate) fn post(&mut self, seat: Seat, content: Content) -> Message {
        self.posted += 1;
        let id = format!("{:x}-{}", self.started, self.posted);
        let Seat { room, person } = seat;
        let message = Message { id: id.into(), room, from: person.id, name: person.name, at: now(), content };
        let history = &mut self.room(&message.room).history;
        if history.len() == HISTORY {
            history.pop_front();
        }
        history.push_back(message.clone());
        message
    }

    /// Who is in a room, in order of arrival.
    pub(crate) fn people(&self, room: &Text) -> Vec<Person> {
        self.rooms.get(room).map(|room| room.people.clone()).unwrap_or_default()
    }

    /// The last messages of a room, oldest first.
    pub(crate) fn history(&self, room: &Text) -> Vec<Message> {
        self.rooms.get(room).map(|room| room.history.iter().cloned().collect()).unwrap_or_default()
    }

    /// All rooms: the lobby, then the others by name.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let mut list: Vec<_> =
            self.rooms.iter().map(|(name, room)| Listed { name: name.clone(), people: room.people.len() }).collect();
        list.sort_by_key(|room| room.name != LOBBY); // a stable sort
        list
    }

    fn room(&mut self, name: &Text) -> &mut Room {
        self.rooms.entry(name.clone()).or_default()
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(room: &str, name: &str) -> Seat {
        let person = Person { id: format!("id of {name}").into(), name: name.into() };
        Seat { room: room.into(), person }
    }

    fn list(rooms: &Rooms) -> Vec<(String, usize)> {
        rooms.list().into_iter().map(|room| (room.name.to_string(), room.people)).collect()
    }

    #[test]
    fn rooms_come_and_go_but_the_lobby_stays_first() {
        let mut rooms = Rooms::default();
        for (room, name) in [("zoo", "ann"), ("garden", "ben"), ("garden", "cleo")] {
            rooms.enter(&seat(room, name)).unwrap();
        }
        assert_eq!(list(&rooms), [("lobby".into(), 0), ("garden".into(), 2), ("zoo".into(), 1)]);
        rooms.leave(&seat("garden", "ben"));
        assert_eq!(rooms.people(&"garden".into()), [seat("garden", "cleo").person]);
        rooms.post(seat("zoo", "ann"), Content::Text { text: "anybody?".into() });
        rooms.leave(&seat("zoo", "ann"));
        assert_eq!(list(&rooms), [("lobby".into(), 0), ("garden".into(), 1)]);
        rooms.enter(&seat("zoo", "ann")).unwrap();
        assert!(rooms.history(&"zoo".into()).is_empty(), "forgotten with the room");
    }

    #[test]
    fn there_are_100_rooms_at_most() {
        let mut rooms = Rooms::default();
        for n in 1..100 {
            rooms.enter(&seat(&n.to_string(), "ann")).unwrap();
        }
        rooms.enter(&seat("one more", "ann")).unwrap_err();
        rooms.enter(&seat("99", "ben")).unwrap();
        rooms.leave(&seat("1", "ann"));
        rooms.enter(&seat("one more", "ann")).unwrap();
    }

    #[test]
    fn the_last_50_messages_are_kept_each_with_an_id_of_its_own() {
        let mut rooms = Rooms::default();
        for n in 0..60 {
            rooms.post(seat(LOBBY, "ann"), Content::Text { text: n.to_string().into() });
        }
        let history = rooms.history(&LOBBY.into());
        assert_eq!(history.len(), 50);
        assert!(matches!(&history[0].content, Content::Text { text } if text == "10"));
        let mut ids: Vec<_> = history.iter().map(|message| &message.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 50);
    }
}
