//! What can go wrong for a client.

use crate::{DecodeError, Text, to_well_formed};
use http::{Response, StatusCode};

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
    /// The server refused a request and said why.
    #[error("the server refused the request with status {status}: {message} (code {code})")]
    Refused {
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

/// A refusal is short; a proxy's page need not be looked at.
const LONGEST_REFUSAL: usize = 4096;

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
        let body = Some(response.body()).filter(|body| body.len() <= LONGEST_REFUSAL);
        let refusal = body.and_then(|body| serde_json::from_str(&to_well_formed(std::str::from_utf8(body).ok()?)).ok());
        Some(match refusal {
            Some(Refusal { code, message }) => Self::Refused { status, code, message: message.into() },
            None => Self::Request { post, status: Some(status) },
        })
    }
}
