//! The first request of a client.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use engineio_proto::Instant;
use http::request::Parts;

/// The first request of a session, shared by all its sockets.
///
/// It is stored in one compact buffer and parsed on access. With
/// [`keep_handshake(false)`](crate::ServerBuilder::keep_handshake) only address, time and security are stored, which saves some
/// hundred bytes for each browser client.
#[derive(Clone)]
pub struct Handshake {
    /// Target, then names and values of headers, each ended by a NUL, which none of them can hold.
    buffer: Box<[u8]>,
    peer: Option<SocketAddr>,
    issued: Instant,
    secure: bool,
}

/// What a server knows of a connection apart from its requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peer {
    /// The address of the client, or of the proxy in front of the server.
    pub addr: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub secure: bool,
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        Self { addr: Some(addr), secure: false }
    }
}

impl Handshake {
    pub(crate) fn new(parts: &Parts, peer: Peer, keep: bool, now: Instant) -> Self {
        let mut buffer = Vec::new();
        if keep {
            let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
            buffer.reserve(512);
            buffer.extend_from_slice(target.as_bytes());
            buffer.push(0);
            for (name, value) in &parts.headers {
                buffer.extend_from_slice(name.as_str().as_bytes());
                buffer.push(0);
                buffer.extend_from_slice(value.as_bytes());
                buffer.push(0);
            }
        }
        Self { buffer: buffer.into(), peer: peer.addr, issued: now, secure: peer.secure }
    }

    /// The size of the stored request in bytes. It is less than the size of the head on the wire.
    pub(crate) fn size(parts: &Parts) -> usize {
        let target = parts.uri.path_and_query().map_or(1, |target| target.as_str().len());
        let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2);
        target + 1 + headers.sum::<usize>()
    }

    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        self.buffer.split(|&byte| byte == 0)
    }

    /// Path and query of the request; empty if the handshake is not kept.
    pub fn target(&self) -> &str {
        self.fields().next().and_then(|target| std::str::from_utf8(target).ok()).unwrap_or_default()
    }

    /// The first header of that name (in lower case), if its value is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(found, _)| *found == name).and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// All headers, names in lower case. Headers of one name keep their order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut fields = self.fields().skip(1);
        std::iter::from_fn(move || {
            let name = fields.next().filter(|name| !name.is_empty())?;
            Some((std::str::from_utf8(name).ok()?, fields.next()?))
        })
    }

    /// The parameter of that name in the query, decoded; the last one if the name occurs more than once, as in the reference.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_pairs().filter(|(found, _)| found == name).last().map(|(_, value)| value)
    }

    /// All parameters of the query, decoded.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let query = self.target().split_once('?').map_or("", |(_, query)| query);
        engineio_proto::http::Query::parse(query).pairs()
    }

    /// The address of the client, or of the proxy in front of the server; `None` if the embedding HTTP server did not set [`Peer`].
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Whether the connection to this server is encrypted, from [`Peer::secure`].
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// When the request arrived.
    pub fn issued(&self) -> Instant {
        self.issued
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and query may hold credentials.
        f.debug_struct("Handshake").field("peer", &self.peer).field("secure", &self.secure).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compact_buffer_gives_back_target_headers_and_query() {
        let (parts, ()) = http::Request::get("/socket.io/?EIO=4&name=J&name=J%C3%BCrgen+K")
            .header("User-Agent", "test")
            .header("x-empty", "")
            .header("cookie", "a=1")
            .body(())
            .unwrap()
            .into_parts();
        let handshake = Handshake::new(&parts, Peer::default(), true, Instant::now());
        assert_eq!(handshake.buffer.len(), Handshake::size(&parts));
        assert_eq!(handshake.target(), "/socket.io/?EIO=4&name=J&name=J%C3%BCrgen+K");
        assert_eq!(handshake.query("name").as_deref(), Some("Jürgen K"));
        assert_eq!(handshake.header("user-agent"), Some("test"));
        assert_eq!(handshake.header("x-empty"), Some(""));
        assert_eq!(handshake.header("cookie"), Some("a=1"));
        assert_eq!(handshake.headers().count(), 3);
        let dropped = Handshake::new(&parts, Peer::default(), false, Instant::now());
        assert_eq!((dropped.target(), dropped.headers().count(), dropped.query("name")), ("", 0, None));
    }
}
