//! The name of a session.

use ::base64::{Engine as _, engine::general_purpose::URL_SAFE as BASE64};
use serde::{Serialize, Serializer};
use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use crate::Text;

/// The name of a session on the wire, cheap to clone.
///
/// It is a secret: who knows it may speak for the client. Draw its entropy from a cryptographic source.
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
    /// 20 characters of the URL-safe base64 alphabet, as the reference's ids look: 120 bits.
    pub fn from_entropy(entropy: [u8; 15]) -> Self {
        Self(BASE64.encode(entropy).into())
    }

    /// A name of one's own making. It has to be unguessable and unique among the sessions of a server;
    /// any text will do, as it is escaped where it has to be.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as text.
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
