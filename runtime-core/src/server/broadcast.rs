//! Emitting to many sockets.

use std::sync::Arc;

use serde::Serialize;
use socketio_proto::encode;
use socketio_proto::server::Target;

use super::namespace::NamespaceInner;
use super::socket::Socket;
use crate::endpoint::Endpoint;
use crate::error::EmitError;
use crate::rooms::IntoRooms;

/// A selection of sockets of a namespace, to emit to or to move between rooms. Made by `to`, `except`, .. of
/// [`Server`](crate::Server), [`Namespace`](crate::Namespace) and [`Socket`]. The modifiers consume it; clone it to keep it.
///
/// ```no_run
/// # fn example(socket: socketio_runtime::Socket) {
/// let news = socket.to("news"); // all sockets in the room except this one
/// news.clone().except("muted").emit("hello", ("world",)).ok();
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a broadcast does nothing until it emits"]
pub struct Broadcast {
    namespace: Arc<NamespaceInner>,
    target: Target,
}

impl Broadcast {
    pub(crate) fn new(namespace: Arc<NamespaceInner>, target: Target) -> Self {
        Self { namespace, target }
    }

    /// Adds one or more rooms, or sockets by their ids, to the target: `to("a")`, `to(["a", "b"])`.
    pub fn to(mut self, rooms: impl IntoRooms) -> Self {
        rooms.for_each(|room| self.target = std::mem::take(&mut self.target).to(room));
        self
    }

    /// The same as [`to`](Self::to), the reference's `in`.
    pub fn within(self, rooms: impl IntoRooms) -> Self {
        self.to(rooms)
    }

    /// Excludes one or more rooms, or sockets by their ids.
    pub fn except(mut self, rooms: impl IntoRooms) -> Self {
        rooms.for_each(|room| self.target = std::mem::take(&mut self.target).except(room));
        self
    }

    /// Makes emits volatile: a client that can't receive at once is skipped.
    pub fn volatile(mut self) -> Self {
        self.target = self.target.volatile();
        self
    }

    /// Selects sockets of this server only. It has no effect, because there is no cluster yet.
    pub fn local(mut self) -> Self {
        self.target = self.target.local();
        self
    }

    /// Emits to every selected socket, once even if it is in several rooms. Never waits. The packet is encoded once and its bytes
    /// are shared.
    ///
    /// The server's [`Overflow`](crate::server::Overflow) applies to a client whose outbox is full.
    ///
    /// # Errors
    /// The event or its arguments can't be encoded.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        let packet = encode::event(&self.namespace.name, None, event, &args)?;
        self.namespace.rooms().for_each(&self.target, |socket| match self.target.is_volatile() {
            true => _ = socket.send_volatile(&packet),
            false => _ = socket.send_broadcast(&packet),
        });
        Ok(())
    }

    /// The selected sockets, in the order in which they joined the namespace.
    pub fn sockets(&self) -> Vec<Socket> {
        self.namespace.rooms().select(&self.target)
    }

    /// Makes the selected sockets join one or more rooms.
    pub fn join(&self, rooms: impl IntoRooms) {
        let mut hub = self.namespace.rooms();
        let sockets = hub.select(&self.target);
        rooms.for_each(|room| sockets.iter().for_each(|socket| _ = hub.join(socket.id(), room.clone())));
    }

    /// Makes the selected sockets leave one or more rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let mut hub = self.namespace.rooms();
        let sockets = hub.select(&self.target);
        rooms.for_each(|room| sockets.iter().for_each(|socket| _ = hub.leave(socket.id(), &room)));
    }

    /// Disconnects the selected sockets from the namespace; with `close`, their clients from all namespaces, and closes the
    /// connections.
    pub fn disconnect(&self, close: bool) {
        for socket in self.sockets() {
            match close {
                true => socket.disconnect_all(),
                false => socket.disconnect(),
            }
        }
    }
}
