//! What the chat does: its handlers, and the words of its protocol.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::rooms::{Content, Message, Person, Rooms, Seat, TooManyRooms};
use crate::socketio::{Args, Bytes, FromArgs, HandlerError, Namespace, Socket, Text};

/// What all handlers share: given to the builder of the server, reached by [`Socket::state`].
pub(crate) type State = Mutex<Rooms>;

const IMAGE_TYPES: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];

/// Sets the handlers of the chat.
pub(crate) fn handle(namespace: &Namespace) {
    namespace.on_connect(async |socket: Socket| {
        if let Some(rooms) = rooms(&socket) {
            socket.emit("rooms", rooms.list()).ok();
        }
    });

    // What these return is the client's ack.
    namespace.on("join", async |socket: Socket, args: Args| answer(&socket, &args, join));
    namespace.on("message", async |socket: Socket, args: Args| answer(&socket, &args, message));
    namespace.on("image", async |socket: Socket, args: Args| answer(&socket, &args, image));
    namespace.on("typing", async |socket: Socket, typing: bool| tell_typing(&socket, typing));

    namespace.on_disconnect(async |socket: Socket, _| {
        if let (Some(seat), Some(mut rooms)) = (socket.take::<Seat>(), rooms(&socket)) {
            leave(&socket, &mut rooms, &seat);
            tell_rooms(&socket, &rooms);
        }
    });
    namespace.on_error(async |socket: Socket, error: HandlerError| eprintln!("{}: {error}", socket.id()));
}

/// Locks the rooms for as long as it takes to change them and to tell everybody.
///
/// Telling under the lock brings the news of any two changes to everybody in the same order. It may be done as
/// emitting never waits; and no handler here awaits anything, so the lock is never held over an await.
fn rooms(socket: &Socket) -> Option<MutexGuard<'_, Rooms>> {
    socket.state::<State>().map(|rooms| rooms.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The library's room of a chat room. A bare name won't do: every socket's id is a room, too, and who opened a chat
/// room of that name would overhear what is meant for that socket alone.
fn channel(room: &str) -> String {
    format!("room {room}")
}

// --- what clients ask for ------------------------------------------------------------------------------------------

#[derive(Deserialize)]
struct JoinWish {
    name: String,
    room: String,
}

#[derive(Serialize)]
struct Joined {
    #[serde(flatten)]
    person: Person,
    room: Text,
    people: Vec<Person>,
    history: Vec<Message>,
}

fn join(socket: &Socket, rooms: &mut Rooms, wish: JoinWish) -> Result<Joined, Refused> {
    let name = one_line(&wish.name, 24).ok_or(Refused::Name)?;
    let room = one_line(&wish.room, 32).ok_or(Refused::RoomName)?;
    let person = Person { id: socket.id().as_str().into(), name };
    let seat = Seat { room: room.clone(), person: person.clone() };

    match socket.get::<Seat>() {
        Some(former) if former.room == room => {
            if former.person.name != person.name {
                rooms.rename(&seat);
                tell_people(socket, rooms, &room, Change::Renamed { person: &person, was: &former.person.name });
            }
        }
        former => {
            rooms.enter(&seat).map_err(|TooManyRooms| Refused::Rooms)?;
            if let Some(former) = former {
                leave(socket, rooms, &former);
            }
            socket.join(channel(&room));
            tell_people(socket, rooms, &room, Change::Joined(&person));
            tell_rooms(socket, rooms);
        }
    }
    socket.insert(seat);
    Ok(Joined { people: rooms.people(&room), history: rooms.history(&room), person, room })
}

fn leave(socket: &Socket, rooms: &mut Rooms, seat: &Seat) {
    socket.leave(channel(&seat.room));
    rooms.leave(seat);
    tell_people(socket, rooms, &seat.room, Change::Left(&seat.person));
}

#[derive(Deserialize)]
struct MessageWish {
    text: String,
}

fn message(socket: &Socket, rooms: &mut Rooms, wish: MessageWish) -> Result<Posted, Refused> {
    let seat = socket.get::<Seat>().ok_or(Refused::NoRoom)?;
    let text = trimmed(&wish.text, 2000).ok_or(Refused::Message)?;
    let message = rooms.post(seat, Content::Text { text });
    socket.to(channel(&message.room)).emit("message", &message).ok();
    Ok(message.into())
}

#[derive(Deserialize)]
struct ImageWish {
    name: String,
    r#type: String,
}

/// The image arrives and leaves as a handle of the bytes that were received: it is not copied for anybody in the room.
fn image(socket: &Socket, rooms: &mut Rooms, (wish, image): (ImageWish, Bytes)) -> Result<Posted, Refused> {
    let seat = socket.get::<Seat>().ok_or(Refused::NoRoom)?;
    let r#type = IMAGE_TYPES.into_iter().find(|known| *known == wish.r#type).ok_or(Refused::ImageType)?;
    if !(1..=900_000).contains(&image.len()) {
        return Err(Refused::ImageSize);
    }
    let file = wish.name.chars().take(100).collect::<String>().into();
    let message = rooms.post(seat, Content::Image { r#type, file, size: image.len() });
    socket.to(channel(&message.room)).emit("image", (&message, image)).ok();
    Ok(message.into())
}

/// The text without the space around it, if it has 1 to `most` characters.
fn trimmed(text: &str, most: usize) -> Option<Text> {
    let text = text.trim();
    (!text.is_empty() && text.chars().nth(most).is_none()).then(|| text.into())
}

/// The same for what has to fit in a line.
fn one_line(text: &str, most: usize) -> Option<Text> {
    trimmed(text, most).filter(|text| !text.contains(char::is_control))
}

// --- how they are answered -----------------------------------------------------------------------------------------

#[derive(Serialize)]
#[serde(untagged)]
enum Answer<T> {
    Done {
        ok: bool,
        #[serde(flatten)]
        result: T,
    },
    Refused {
        ok: bool,
        error: Refused,
    },
}

/// Why something can't be done, in the words that the page shows.
#[derive(Serialize)]
enum Refused {
    #[serde(rename = "A name has 1 to 24 characters.")]
    Name,
    #[serde(rename = "A room name has 1 to 32 characters.")]
    RoomName,
    #[serde(rename = "There are too many rooms already.")]
    Rooms,
    #[serde(rename = "A message has 1 to 2000 characters.")]
    Message,
    #[serde(rename = "An image has 1 to 900000 bytes.")]
    ImageSize,
    #[serde(rename = "This kind of file can't be shown here.")]
    ImageType,
    #[serde(rename = "Join a room first.")]
    NoRoom,
    #[serde(rename = "Not understood.")]
    NotUnderstood,
}

#[derive(Serialize)]
struct Posted {
    id: Text,
    at: u64,
}

impl From<Message> for Posted {
    fn from(Message { id, at, .. }: Message) -> Self {
        Self { id, at }
    }
}

type Act<W, T> = fn(&Socket, &mut Rooms, W) -> Result<T, Refused>;

/// Reads what a client asks for, does it, and says what came of it.
///
/// The handlers take raw [`Args`] for this: one with typed arguments is not called when they don't fit, and the client
/// would wait for its answer in vain.
fn answer<W: FromArgs, T>(socket: &Socket, args: &Args, act: Act<W, T>) -> Option<Answer<T>> {
    let mut rooms = rooms(socket)?;
    let result = args.get().map_err(|_| Refused::NotUnderstood).and_then(|wish| act(socket, &mut rooms, wish));
    Some(match result {
        Ok(result) => Answer::Done { ok: true, result },
        Err(error) => Answer::Refused { ok: false, error },
    })
}

// --- what the others hear of it ------------------------------------------------------------------------------------

/// Everybody's list of rooms has changed.
fn tell_rooms(socket: &Socket, rooms: &Rooms) {
    socket.namespace().emit("rooms", rooms.list()).ok();
}

#[derive(Serialize)]
struct People<'a> {
    room: &'a Text,
    people: Vec<Person>,
    #[serde(flatten)]
    change: Change<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Change<'a> {
    Joined(&'a Person),
    Left(&'a Person),
    Renamed {
        #[serde(flatten)]
        person: &'a Person,
        was: &'a Text,
    },
}

fn tell_people(socket: &Socket, rooms: &Rooms, room: &Text, change: Change<'_>) {
    socket.to(channel(room)).emit("people", People { room, people: rooms.people(room), change }).ok();
}

#[derive(Serialize)]
struct Typing {
    room: Text,
    #[serde(flatten)]
    person: Person,
    typing: bool,
}

/// Old news by the time that a slow client could take it, so such a client is left out.
fn tell_typing(socket: &Socket, typing: bool) {
    if let Some(Seat { room, person }) = socket.get::<Seat>() {
        socket.to(channel(&room)).volatile().emit("typing", Typing { room, person, typing }).ok();
    }
}
