//! The server-wide index of namespaces.

use std::collections::BTreeMap;

use engineio_proto::Text;

use super::Rooms;

/// The server-wide index: namespaces, their sockets, their rooms.
///
/// A single-threaded driver keeps one `Hub`. A driver with several threads keeps one [`Rooms`] per namespace, each behind
/// a lock of its own, which is why the index is made of these parts.
///
/// ```
/// use socketio_proto::Sid;
/// use socketio_proto::server::{Hub, Target};
///
/// let mut hub = Hub::new();
/// hub.create("/").insert(Sid::new("a"), "handle of a");
/// assert_eq!(hub.namespace("/").unwrap().select(&Target::all()), ["handle of a"]);
/// assert!(hub.namespace("/admin").is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Hub<T> {
    namespaces: BTreeMap<Text, Rooms<T>>,
}

impl<T> Default for Hub<T> {
    fn default() -> Self {
        Self { namespaces: BTreeMap::new() }
    }
}

impl<T: Clone> Hub<T> {
    /// A hub without any namespace, not even `/`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The namespace of that name, made if need be. A missing leading `/` is added, as the reference does.
    pub fn create(&mut self, name: impl Into<Text>) -> &mut Rooms<T> {
        self.namespaces.entry(namespace_name(name.into())).or_default()
    }

    /// The namespace that a client names. Clients spell it in full, so nothing is added here.
    pub fn namespace(&self, name: &str) -> Option<&Rooms<T>> {
        self.namespaces.get(name)
    }

    /// Like [`namespace`](Self::namespace), to change it.
    pub fn namespace_mut(&mut self, name: &str) -> Option<&mut Rooms<T>> {
        self.namespaces.get_mut(name)
    }

    /// All namespaces, in order of name.
    pub fn namespaces(&self) -> impl Iterator<Item = (&Text, &Rooms<T>)> {
        self.namespaces.iter()
    }

    /// Removes a namespace. Its sockets are the caller's to disconnect.
    pub fn remove(&mut self, name: &str) -> Option<Rooms<T>> {
        self.namespaces.remove(name)
    }
}

/// The full spelling of a namespace: with its leading `/`.
///
/// ```
/// use socketio_proto::server::namespace_name;
///
/// assert_eq!(namespace_name("admin".into()), "/admin");
/// assert_eq!(namespace_name("/admin".into()), "/admin");
/// ```
pub fn namespace_name(name: Text) -> Text {
    if name.starts_with('/') { name } else { Text::from(format!("/{name}")) }
}
