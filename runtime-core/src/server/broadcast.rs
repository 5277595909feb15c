//! Emitting to many sockets.

use std::sync::Arc;

use serde::Serialize;
use socketio_proto::encode;
use socketio_proto::server::Target;

use super::namespace::NamespaceInner;
use super::socket::Socket;
use crate::emit::EmitError;
use crate::endpoint::Endpoint;
use crate::rooms::IntoRooms;

/// Emits to many sockets of a namespace, and moves them between rooms. Made by `to`, `except`, .. of [`Server`](crate::Server),
/// [`Namespace`](crate::Namespace) and [`Socket`]; the operators return new values, so that one can be kept and refined.
///
/// ```no_run
/// # fn example(socket: socketio_runtime::Socket) {
/// let news = socket.to("news"); // everybody in the room but this socket
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

    /// Skips clients that can't take it at once.
    pub fn volatile(mut self) -> Self {
        self.target = self.target.volatile();
        self
    }

    /// Stays on this server. (There is no cluster yet, so it changes nothing.)
    pub fn local(mut self) -> Self {
        self.target = self.target.local();
        self
    }

    /// Emits to every socket of the target, once to each. The packet is encoded once and its bytes are shared.
    ///
    /// A client whose outbox is full is handled as the server's [`Overflow`](crate::server::Overflow) says.
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

    /// The sockets of the target.
    pub fn sockets(&self) -> Vec<Socket> {
        self.namespace.rooms().select(&self.target)
    }

    /// Makes all of them join one or more rooms.
    pub fn join(&self, rooms: impl IntoRooms) {
        let mut hub = self.namespace.rooms();
        let sockets = hub.select(&self.target);
        rooms.for_each(|room| sockets.iter().for_each(|socket| _ = hub.join(socket.id(), room.clone())));
    }

    /// Makes all of them leave one or more rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let mut hub = self.namespace.rooms();
        let sockets = hub.select(&self.target);
        rooms.for_each(|room| sockets.iter().for_each(|socket| _ = hub.leave(socket.id(), &room)));
    }

    /// Disconnects all of them from the namespace; with `close`, from all namespaces, and closes their connections.
    pub fn disconnect(&self, close: bool) {
        for socket in self.sockets() {
            match close {
                true => socket.disconnect_all(),
                false => socket.disconnect(),
            }
        }
    }
}
