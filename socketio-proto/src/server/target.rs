//! The receivers of a broadcast.

use engineio_proto::Text;

/// The receivers of a broadcast: the sockets of some rooms, except those of others.
///
/// Without a room, all sockets of the namespace. A socket's id is the name of a room that contains only that socket.
/// Operators take and return the value, so a target can be cloned and refined in several ways.
///
/// ```
/// use socketio_proto::server::Target;
///
/// let news = Target::all().to("news");
/// let loud = news.clone().except("muted");
/// assert_ne!(news, loud);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    rooms: Vec<Text>,
    except: Vec<Text>,
    volatile: bool,
    local: bool,
}

impl Target {
    /// All sockets of the namespace.
    pub fn all() -> Self {
        Self::default()
    }

    /// Adds the sockets of a room (or one socket by its id).
    #[must_use]
    pub fn to(mut self, room: impl Into<Text>) -> Self {
        self.rooms.push(room.into());
        self
    }

    /// Excludes the sockets of a room (or one socket by its id).
    #[must_use]
    pub fn except(mut self, room: impl Into<Text>) -> Self {
        self.except.push(room.into());
        self
    }

    /// Skips sockets whose transport can't send a packet at once, instead of queueing it.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Limits the broadcast to this server, even if it is part of a cluster.
    #[must_use]
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// The selected rooms and ids; empty means all sockets.
    pub fn rooms(&self) -> &[Text] {
        &self.rooms
    }

    /// The excluded rooms and ids.
    pub fn excluded(&self) -> &[Text] {
        &self.except
    }

    /// Whether [`volatile`](Self::volatile) is set.
    pub fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// Whether [`local`](Self::local) is set.
    pub fn is_local(&self) -> bool {
        self.local
    }
}
