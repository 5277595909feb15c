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
/// hub.create("/")?.insert(Sid::new("a"), "handle of a");
/// assert_eq!(hub.namespace("/").unwrap().select(&Target::all()), ["handle of a"]);
/// assert!(hub.namespace("/admin").is_none());
/// # Ok::<(), socketio_proto::server::NamespaceError>(())
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
    ///
    /// # Errors
    /// No client could name it: see [`namespace_name`].
    pub fn create(&mut self, name: impl Into<Text>) -> Result<&mut Rooms<T>, NamespaceError> {
        Ok(self.namespaces.entry(namespace_name(name.into())?).or_default())
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

/// Why there can be no namespace of a name.
///
/// May grow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// On the wire a comma ends the name of a namespace, and U+001E a packet.
    #[error("the namespace {name:?} can't be named on the wire: it contains {character:?}")]
    Character {
        /// The name.
        name: Text,
        /// The character.
        character: char,
    },
    /// The server refuses clients that give such a long name: [`Config::max_namespace_bytes`](super::Config::max_namespace_bytes).
    #[error("the name of a namespace has {length} bytes; at most {most} are allowed (max_namespace_bytes)")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The bound.
        most: usize,
    },
}

/// The full spelling of a namespace: with its leading `/`.
///
/// ```
/// use socketio_proto::server::namespace_name;
///
/// assert_eq!(namespace_name("admin".into())?, "/admin");
/// assert_eq!(namespace_name("/admin".into())?, "/admin");
/// assert_eq!(namespace_name("".into())?, "/");
/// assert!(namespace_name("/a,b".into()).is_err());
/// # Ok::<(), socketio_proto::server::NamespaceError>(())
/// ```
///
/// # Errors
/// The name contains a comma or U+001E. Any other character can be sent. (A client that takes the name from the path of a URL, as
/// those in JavaScript do, can't give one with `?` or `#`.)
pub fn namespace_name(name: Text) -> Result<Text, NamespaceError> {
    if let Some(character) = name.chars().find(|character| matches!(character, ',' | '\u{1e}')) {
        return Err(NamespaceError::Character { name, character });
    }
    Ok(if name.starts_with('/') { name } else { Text::from(format!("/{name}")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_cannot_be_named_on_the_wire_is_refused() {
        for (name, character) in [("/a,b", ','), (",", ','), ("a,", ','), ("/a\u{1e}", '\u{1e}')] {
            let error = NamespaceError::Character { name: name.into(), character };
            assert_eq!(namespace_name(name.into()), Err(error.clone()));
            assert_eq!(Hub::<()>::new().create(name).err(), Some(error));
        }
        let error = namespace_name("/a,b".into()).unwrap_err();
        assert_eq!(error.to_string(), r#"the namespace "/a,b" can't be named on the wire: it contains ','"#);
        for name in ["/", "//", "/a b", "/ä?x=1#y", "/[1]", "/1-2"] {
            assert_eq!(namespace_name(name.into()).unwrap(), name);
        }
    }
}
