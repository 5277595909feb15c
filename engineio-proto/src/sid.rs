//! The id of a session.

use ::base64::{Engine as _, engine::general_purpose::URL_SAFE as BASE64};
use serde::{Serialize, Serializer};
use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use crate::Text;

/// The id of a session, cheap to clone.
///
/// It is a secret: anyone who knows it can act as the client. Take its entropy from a cryptographic source.
///
/// ```
/// use engineio_proto::Sid;
///
/// let sid = Sid::from_entropy([0xff; 15]);
/// assert_eq!(&*sid, "____________________");
/// assert_eq!(Sid::new("custom").to_string(), "custom");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid(Arc<str>);

impl Sid {
    /// Encodes 120 bits of entropy as 20 characters of the URL-safe base64 alphabet, the format of the reference.
    pub fn from_entropy(entropy: [u8; 15]) -> Self {
        Self(BASE64.encode(entropy).into())
    }

    /// A custom id. It must be unguessable and unique among the sessions of a server. Any text is allowed; it is escaped where
    /// necessary.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Sid {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Sid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Sid {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<Sid> for Text {
    fn from(sid: Sid) -> Self {
        Self::from(sid.as_str())
    }
}

impl From<&Sid> for Text {
    fn from(sid: &Sid) -> Self {
        Self::from(sid.as_str())
    }
}

impl Serialize for Sid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid({:?})", &*self.0)
    }
}
