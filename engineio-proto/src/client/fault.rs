//! What can go wrong for a client.

use crate::{DecodeError, Text, to_well_formed};
use http::{Response, StatusCode, header};

/// What went wrong: in [`Event::Closed`](super::Event::Closed) and [`Event::UpgradeFailed`](super::Event::UpgradeFailed).
///
/// May grow: other transports have faults of their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The configuration names no transport.
    #[error("no transports available")]
    NoTransports,
    /// A request failed.
    #[error("the {} request failed{}", if *post { "POST" } else { "GET" }, in_words(*status))]
    Request {
        /// A POST, which sends; else a GET, which receives.
        post: bool,
        /// The status of the response, other than 200. None if there was no (whole) response.
        status: Option<u16>,
    },
    /// A request was answered with a redirect. It is not followed.
    #[error("the {} request was redirected with status {status} to {location}", if *post { "POST" } else { "GET" })]
    Redirected {
        /// As in [`Fault::Request`].
        post: bool,
        /// The status of the response: 300 to 399.
        status: u16,
        /// Its `Location`: at most 2048 bytes.
        location: Text,
    },
    /// The server refused a request and said why.
    #[error("the server refused the request with status {status}: {message} (code {code})")]
    Refused {
        /// As in [`Fault::Request`].
        post: bool,
        /// The status of the response.
        status: u16,
        /// The protocol's number of the reason: 0 to 5 as in [`Reject`](crate::http::Reject).
        code: u64,
        /// The server's words, such as `Session ID unknown`.
        message: Text,
    },
    /// A request had no response within `request_timeout`.
    #[error("a request had no response in time")]
    RequestTimeout,
    /// The WebSocket could not be opened, or broke.
    #[error("the WebSocket failed{}", in_words(*status))]
    WebSocket {
        /// The status with which the server refused it, if it did.
        status: Option<u16>,
    },
    /// The handshake was answered with something that is no packet: a page of a web server, say, or the message of another protocol.
    #[error("the answer{} is no Engine.IO handshake", in_type(content_type.as_ref()))]
    NotEngineIo {
        /// The `Content-Type` of the response, at most 200 bytes; None if it has none, or came by WebSocket.
        content_type: Option<Text>,
    },
    /// The handshake is not one: the first packet, or what it holds.
    #[error("bad handshake: {0}")]
    Handshake(&'static str),
    /// The server sent something that is no packet.
    #[error("malformed packet: {0}")]
    Decode(#[from] DecodeError),
    /// The server sent a packet that has no place there, named as the protocol does.
    #[error("a packet of type {0:?} is not expected here")]
    Unexpected(&'static str),
    /// The WebSocket that was probed answered something other than the probe.
    #[error("the probe was not answered as it has to be")]
    Probe,
    /// A response's body, or a message, is longer than the configuration's `max_body`.
    #[error("what the server sent is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

fn in_words(status: Option<u16>) -> String {
    status.map(|status| format!(" with status {status}")).unwrap_or_default()
}

fn in_type(content_type: Option<&Text>) -> String {
    content_type.map(|name| format!(" of type {name}")).unwrap_or_default()
}

/// A header of a response as text, if it is not too long to be shown.
fn header(response: &Response<bytes::Bytes>, name: header::HeaderName, longest: usize) -> Option<Text> {
    let value = response.headers().get(name)?.to_str().ok()?;
    (value.len() <= longest).then(|| value.into())
}

/// A refusal is short; a proxy's page need not be looked at.
const LONGEST_REFUSAL: usize = 4096;

/// Longer ones are not shown.
const LONGEST_LOCATION: usize = 2048;
const LONGEST_TYPE: usize = 200;

impl Fault {
    /// What a response with another status than 200 means.
    pub(super) fn of_response(post: bool, response: &Response<bytes::Bytes>) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Refusal {
            code: u64,
            message: String,
        }
        if response.status() == StatusCode::OK {
            return None;
        }
        let status = response.status().as_u16();
        if response.status().is_redirection() {
            if let Some(location) = header(response, header::LOCATION, LONGEST_LOCATION) {
                return Some(Self::Redirected { post, status, location });
            }
        }
        let body = Some(response.body()).filter(|body| body.len() <= LONGEST_REFUSAL);
        let refusal = body.and_then(|body| serde_json::from_str(&to_well_formed(std::str::from_utf8(body).ok()?)).ok());
        Some(match refusal {
            Some(Refusal { code, message }) => Self::Refused { post, status, code, message: message.into() },
            None => Self::Request { post, status: Some(status) },
        })
    }

    /// What a handshake's response with status 200 means that can't begin with an open packet.
    pub(super) fn of_handshake(response: &Response<bytes::Bytes>) -> Option<Self> {
        let body: &[u8] = response.body();
        let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match (body.first(), body.get(digits..)) {
            (Some(b'0'), _) => None,
            // Its length in front of each packet.
            (_, Some([b':', b'0', b'{', ..])) if digits > 0 => {
                Some(Self::Handshake("the server speaks revision 3 of the protocol, as Socket.IO 2 does; 4 is needed"))
            }
            // Another packet.
            (Some(b'1'..=b'6' | b'b'), _) => None,
            _ => Some(Self::NotEngineIo { content_type: header(response, header::CONTENT_TYPE, LONGEST_TYPE) }),
        }
    }
}
