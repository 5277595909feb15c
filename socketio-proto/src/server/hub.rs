//! The server-wide index of namespaces.

use std::collections::BTreeMap;

use engineio_proto::Text;

use super::Rooms;

/// The server-wide index: namespaces, with their sockets and rooms.
///
/// A single-threaded driver uses one `Hub`. A multi-threaded driver uses one [`Rooms`] per namespace, each with its own
/// lock.
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
    /// Creates a hub without namespaces, not even `/`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The namespace with this name, created if it does not exist. A missing leading `/` is added, as in the reference.
    ///
    /// # Errors
    /// The name can't be sent on the wire: see [`namespace_name`].
    pub fn create(&mut self, name: impl Into<Text>) -> Result<&mut Rooms<T>, NamespaceError> {
        Ok(self.namespaces.entry(namespace_name(name.into())?).or_default())
    }

    /// The namespace with this full name, including the leading `/`.
    pub fn namespace(&self, name: &str) -> Option<&Rooms<T>> {
        self.namespaces.get(name)
    }

    /// Like [`namespace`](Self::namespace), but mutable.
    pub fn namespace_mut(&mut self, name: &str) -> Option<&mut Rooms<T>> {
        self.namespaces.get_mut(name)
    }

    /// All namespaces, ordered by name.
    pub fn namespaces(&self) -> impl Iterator<Item = (&Text, &Rooms<T>)> {
        self.namespaces.iter()
    }

    /// Removes a namespace. The caller must disconnect its sockets.
    pub fn remove(&mut self, name: &str) -> Option<Rooms<T>> {
        self.namespaces.remove(name)
    }
}

/// Why a name is not valid for a namespace.
///
/// May grow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceError {
    /// The name contains a comma, which ends a name on the wire, or U+001E, which ends a packet.
    #[error("the namespace {name:?} can't be named on the wire: it contains {character:?}")]
    Character {
        /// The name.
        name: Text,
        /// The invalid character.
        character: char,
    },
    /// The name is longer than [`Config::max_namespace_bytes`](super::Config::max_namespace_bytes), so clients that
    /// join it would be refused.
    #[error("the name of a namespace has {length} bytes; at most {most} are allowed (max_namespace_bytes)")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The bound.
        most: usize,
    },
}

/// The full name of a namespace, with its leading `/`.
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
/// The name contains a comma or U+001E. Any other character can be sent. (JavaScript clients take the name from the
/// path of a URL, so they can't join a namespace whose name contains `?` or `#`.)
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
