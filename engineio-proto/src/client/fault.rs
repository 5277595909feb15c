//! The errors of a client's session.

use crate::{DecodeError, Text, to_well_formed};
use http::{Response, StatusCode, header};

/// The error of a client's session, in [`Event::Closed`](super::Event::Closed) and [`Event::UpgradeFailed`](super::Event::UpgradeFailed).
///
/// May grow: other transports have other faults.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The configuration has no transport.
    #[error("no transports available")]
    NoTransports,
    /// A request failed.
    #[error("the {} request failed{}", if *post { "POST" } else { "GET" }, with_status(*status))]
    Request {
        /// Whether the request is a POST. If not, it is a GET.
        post: bool,
        /// The status of the response, other than 200. `None` if there was no complete response.
        status: Option<u16>,
    },
    /// The response to a request was a redirect, which is not followed.
    #[error("the {} request was redirected with status {status} to {location}", if *post { "POST" } else { "GET" })]
    Redirected {
        /// Whether the request is a POST. If not, it is a GET.
        post: bool,
        /// The status of the response, 300 to 399.
        status: u16,
        /// The `Location` of the response, at most 2048 bytes.
        location: Text,
    },
    /// The server refused a request and gave a reason.
    #[error("the server refused the request with status {status}: {message} (code {code})")]
    Refused {
        /// Whether the request is a POST. If not, it is a GET.
        post: bool,
        /// The status of the response.
        status: u16,
        /// The protocol's code of the reason, 0 to 5 as in [`Reject`](crate::http::Reject).
        code: u64,
        /// The server's message, such as `Session ID unknown`.
        message: Text,
    },
    /// A request had no response within `request_timeout`.
    #[error("a request had no response in time")]
    RequestTimeout,
    /// The WebSocket could not be opened, or failed.
    #[error("the WebSocket failed{}", with_status(*status))]
    WebSocket {
        /// The status of the response that refused it, if any.
        status: Option<u16>,
    },
    /// The response to the handshake is not a packet, but for example a page of a web server or a message of another protocol.
    #[error("the response{} is not an Engine.IO handshake", of_type(content_type.as_ref()))]
    NotEngineIo {
        /// The `Content-Type` of the response, at most 200 bytes; `None` if there is none, or if the message was received by WebSocket.
        content_type: Option<Text>,
    },
    /// The handshake is invalid. The value describes the problem.
    #[error("bad handshake: {0}")]
    Handshake(&'static str),
    /// The server sent a malformed packet.
    #[error("malformed packet: {0}")]
    Decode(#[from] DecodeError),
    /// The server sent a packet that is not allowed there. The value is the protocol's name of its type.
    #[error("a packet of type {0:?} is not expected here")]
    Unexpected(&'static str),
    /// The probed WebSocket did not answer `3probe`.
    #[error("the probe was not answered with `3probe`")]
    Probe,
    /// A response body or a message is longer than `max_body`.
    #[error("a response or message of the server is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

fn with_status(status: Option<u16>) -> String {
    status.map(|status| format!(" with status {status}")).unwrap_or_default()
}

fn of_type(content_type: Option<&Text>) -> String {
    content_type.map(|name| format!(" of type {name}")).unwrap_or_default()
}

/// A header of a response as text, if it has at most `max` bytes.
fn header(response: &Response<bytes::Bytes>, name: header::HeaderName, max: usize) -> Option<Text> {
    let value = response.headers().get(name)?.to_str().ok()?;
    (value.len() <= max).then(|| value.into())
}

/// The maximum size of a parsed refusal, in bytes. A longer body is the error page of a proxy.
const MAX_REFUSAL_BYTES: usize = 4096;

/// The maximum size of a reported `Location`, in bytes.
const MAX_LOCATION_BYTES: usize = 2048;

/// The maximum size of a reported `Content-Type`, in bytes.
const MAX_CONTENT_TYPE_BYTES: usize = 200;

impl Fault {
    /// The fault of a response whose status is not 200.
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
            if let Some(location) = header(response, header::LOCATION, MAX_LOCATION_BYTES) {
                return Some(Self::Redirected { post, status, location });
            }
        }
        let body = Some(response.body()).filter(|body| body.len() <= MAX_REFUSAL_BYTES);
        let refusal = body.and_then(|body| serde_json::from_str(&to_well_formed(std::str::from_utf8(body).ok()?)).ok());
        Some(match refusal {
            Some(Refusal { code, message }) => Self::Refused { post, status, code, message: message.into() },
            None => Self::Request { post, status: Some(status) },
        })
    }

    /// The fault of a response to the handshake whose status is 200, if its body can't begin with a packet of revision 4.
    pub(super) fn of_handshake(response: &Response<bytes::Bytes>) -> Option<Self> {
        let body: &[u8] = response.body();
        let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match (body.first(), body.get(digits..)) {
            (Some(b'0'), _) => None,
            // Revision 3 writes the length before each packet.
            (_, Some([b':', b'0', b'{', ..])) if digits > 0 => {
                Some(Self::Handshake("the server speaks revision 3 of the protocol, as Socket.IO 2 does; 4 is needed"))
            }
            // Another packet, which the session reports itself.
            (Some(b'1'..=b'6' | b'b'), _) => None,
            _ => {
                Some(Self::NotEngineIo { content_type: header(response, header::CONTENT_TYPE, MAX_CONTENT_TYPE_BYTES) })
            }
        }
    }
}
