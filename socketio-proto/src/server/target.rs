//! Whom a broadcast is for.

use engineio_proto::Text;

/// Whom a broadcast is for: the union of some rooms, minus others.
///
/// Without a room it means every socket of the namespace. A socket's id names a room of its own that holds just that
/// socket. Operators take and return the value, so a target can be kept and refined in several ways.
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
    /// Every socket of the namespace.
    pub fn all() -> Self {
        Self::default()
    }

    /// Adds a room (or a socket id) to the union.
    #[must_use]
    pub fn to(mut self, room: impl Into<Text>) -> Self {
        self.rooms.push(room.into());
        self
    }

    /// Leaves out the sockets of a room (or one socket by its id).
    #[must_use]
    pub fn except(mut self, room: impl Into<Text>) -> Self {
        self.except.push(room.into());
        self
    }

    /// Skips a socket whose transport can't take a packet at once, instead of queueing for it.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Stays within this server even when it is part of a cluster.
    #[must_use]
    pub fn local(mut self) -> Self {
        self.local = true;
        self
    }

    /// The rooms of the union; empty means all sockets.
    pub fn rooms(&self) -> &[Text] {
        &self.rooms
    }

    /// The rooms and ids left out.
    pub fn excluded(&self) -> &[Text] {
        &self.except
    }

    /// Whether [`volatile`](Self::volatile) was asked for.
    pub fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// Whether [`local`](Self::local) was asked for.
    pub fn is_local(&self) -> bool {
        self.local
    }
}
