//! The argument type for one or more rooms.

use std::borrow::Cow;

use engineio_proto::{Sid, Text};

/// The rooms given to `to`, `except`, `join` and `leave`: a name, the id of a socket, or an array, slice or vector of these. A
/// repeated name counts once.
///
/// ```no_run
/// # fn example(server: socketio_runtime::Server, socket: socketio_runtime::Socket) -> Result<(), socketio_runtime::EmitError> {
/// socket.join(["lobby", "news"]);
/// server.to("lobby").except(socket.id()).emit("hello", ())?;
/// server.to(["lobby", "news"]).emit("hello", ())?;
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a room, nor several",
    note = "give text, the id of a socket, or an array, slice or vector of these"
)]
pub trait IntoRooms: sealed::IntoRooms {}

#[expect(unnameable_types, reason = "seals the trait")]
mod sealed {
    use super::Text;

    pub trait IntoRooms {
        /// Calls `act` with each room. This runs no user code, so a lock may be held.
        fn for_each(self, act: impl FnMut(Text));
    }

    /// The name of one room.
    pub trait Name {
        fn into_text(self) -> Text;
    }
}

impl<T: sealed::IntoRooms> IntoRooms for T {}

macro_rules! names {
    ($($name:ident: $type:ty => $text:expr,)*) => {$(
        impl sealed::Name for $type {
            fn into_text(self) -> Text {
                let $name = self;
                $text
            }
        }

        impl sealed::IntoRooms for $type {
            fn for_each(self, mut act: impl FnMut(Text)) {
                act(sealed::Name::into_text(self));
            }
        }
    )*};
}

names! {
    name: &str => name.into(),
    name: String => name.into(),
    name: &String => name.as_str().into(),
    name: Cow<'_, str> => name.into_owned().into(),
    name: Text => name,
    name: &Text => name.clone(),
    id: Sid => id.into(),
    id: &Sid => id.into(),
}

impl<T: sealed::Name, const N: usize> sealed::IntoRooms for [T; N] {
    fn for_each(self, act: impl FnMut(Text)) {
        self.into_iter().map(sealed::Name::into_text).for_each(act);
    }
}

impl<T: sealed::Name> sealed::IntoRooms for Vec<T> {
    fn for_each(self, act: impl FnMut(Text)) {
        self.into_iter().map(sealed::Name::into_text).for_each(act);
    }
}

impl<'a, T> sealed::IntoRooms for &'a [T]
where
    &'a T: sealed::Name,
{
    fn for_each(self, act: impl FnMut(Text)) {
        self.iter().map(sealed::Name::into_text).for_each(act);
    }
}

impl sealed::IntoRooms for &[&str] {
    fn for_each(self, act: impl FnMut(Text)) {
        self.iter().map(|&name| sealed::Name::into_text(name)).for_each(act);
    }
}
