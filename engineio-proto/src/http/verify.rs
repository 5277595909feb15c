//! Verifying a request, in the reference's order.

use super::{BadRequest, Query, Reject, Response, websocket::is_upgrade};
use crate::{Config, Sid, TransportKind};
use http::{Method, request::Parts};

/// The properties of a session that [`verify`] needs; from [`Session::view`](crate::server::Session::view).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionView {
    /// The transport in use.
    pub transport: TransportKind,
    /// The protocol revision, 4.
    pub protocol: u8,
}

impl SessionView {
    /// A view of a session of revision 4.
    pub const fn new(transport: TransportKind) -> Self {
        Self { transport, protocol: 4 }
    }
}

/// A valid handshake. The application may still refuse it ([`forbidden`](super::forbidden)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// The transport. Call [`Session::open_polling`](crate::server::Session::open_polling), or
    /// [`accept_websocket`](super::accept_websocket) and then [`Session::open_websocket`](crate::server::Session::open_websocket).
    pub transport: TransportKind,
}

/// What to do with a request; from [`verify`]. Exhaustive: a driver must handle each variant.
#[derive(Debug)]
pub enum Verdict {
    /// The request opens a session.
    Handshake(Handshake),
    /// The request belongs to a session.
    Session {
        /// The session id.
        sid: Sid,
        /// Whether it is an upgrade request. If so, call [`accept_websocket`](super::accept_websocket) and then
        /// [`Session::handle_websocket`](crate::server::Session::handle_websocket); if not,
        /// [`Session::handle_request`](crate::server::Session::handle_request).
        upgrade: bool,
    },
    /// The request is refused.
    Respond {
        /// The response; add the CORS headers and send it.
        response: Box<Response>,
        /// The reason.
        reject: Reject,
    },
}

/// Verifies a request for the server's path. `lookup` returns the view of the session with that id, or `None` if there is no such
/// session.
///
/// The order of the checks is the reference's, so that a request with several faults gets the same code: transport, session, transport
/// and revision of the session, method, upgrade, revision. Unlike the reference, the revision of a handshake is checked before the
/// application is asked, and an upgrade is always refused before the `101`.
///
/// ```
/// use engineio_proto::{Config, http::{Verdict, verify}};
///
/// let request = http::Request::get("/engine.io/?EIO=4&transport=polling").body(()).unwrap();
/// let verdict = verify(&request.into_parts().0, &Config::default(), |_sid| None);
/// assert!(matches!(verdict, Verdict::Handshake(_)));
/// ```
pub fn verify(parts: &Parts, config: &Config, lookup: impl FnOnce(&str) -> Option<SessionView>) -> Verdict {
    let upgrade = is_upgrade(parts);
    check(parts, config, lookup, upgrade)
        .unwrap_or_else(|reject| Verdict::Respond { response: Box::new(reject.response(upgrade)), reject })
}

fn check(
    parts: &Parts,
    config: &Config,
    lookup: impl FnOnce(&str) -> Option<SessionView>,
    upgrade: bool,
) -> Result<Verdict, Reject> {
    let query = Query::of(parts);
    let transport = query
        .transport()
        .and_then(TransportKind::from_name)
        .filter(|kind| config.transports().contains(kind))
        .ok_or_else(|| Reject::UnknownTransport { transport: query.transport().map(str::to_owned) })?;
    let mismatch = |previous| Reject::BadRequest(BadRequest::TransportMismatch { transport, previous });

    let verdict = if let Some(sid) = query.sid() {
        let session = lookup(sid).ok_or_else(|| Reject::UnknownSid { sid: sid.to_owned() })?;
        if !upgrade && session.transport != transport {
            return Err(mismatch(session.transport));
        }
        let (protocol, previous) = (query.protocol(), session.protocol);
        if protocol != previous {
            return Err(Reject::BadRequest(BadRequest::ProtocolMismatch { protocol, previous }));
        }
        Verdict::Session { sid: Sid::new(sid), upgrade }
    } else {
        if parts.method != Method::GET {
            return Err(Reject::BadHandshakeMethod { method: parts.method.clone() });
        }
        if transport == TransportKind::WebSocket && !upgrade {
            return Err(Reject::BadRequest(BadRequest::TransportHandshake));
        }
        match query.protocol() {
            4 => Verdict::Handshake(Handshake { transport }),
            protocol => return Err(Reject::UnsupportedProtocolVersion { protocol }),
        }
    };
    // The reference answers this with 101, then closes the WebSocket.
    if upgrade && transport != TransportKind::WebSocket {
        return Err(mismatch(TransportKind::WebSocket));
    }
    Ok(verdict)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
