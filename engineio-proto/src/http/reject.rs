//! Rejections of requests, codes 0 to 5.

use super::Response;
use crate::TransportKind;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};

/// Why a request was refused. The fields are the context of the reference's `connection_error` event.
///
/// May grow, as [`BadRequest`] does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reject {
    /// Code 0: the transport is unknown or not allowed.
    #[error("Transport unknown")]
    UnknownTransport {
        /// The transport of the request, if any.
        transport: Option<String>,
    },
    /// Code 1: there is no session of that id.
    #[error("Session ID unknown")]
    UnknownSid {
        /// The session id of the request.
        sid: String,
    },
    /// Code 2: a handshake has to be a GET.
    #[error("Bad handshake method")]
    BadHandshakeMethod {
        /// The method of the request.
        method: Method,
    },
    /// Code 3: the request is malformed, for the reason inside.
    #[error("Bad request")]
    BadRequest(BadRequest),
    /// Code 4: the application refused the handshake.
    #[error("Forbidden")]
    Forbidden {
        /// The application's text, sent instead of `Forbidden`.
        message: Option<String>,
    },
    /// Code 5: the client uses another protocol revision.
    #[error("Unsupported protocol version")]
    UnsupportedProtocolVersion {
        /// The revision of the request; anything but `4`, or none, counts as 3.
        protocol: u8,
    },
}

/// The reason of a [`Reject::BadRequest`]; the reference's `context.name`.
///
/// May grow. The reference's `INVALID_ORIGIN` cannot occur: a [`HeaderValue`] holds no illegal character.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRequest {
    /// `TRANSPORT_MISMATCH`: the session is on another transport, or an upgrade request asks for a transport other than WebSocket.
    TransportMismatch {
        /// The transport of the request.
        transport: TransportKind,
        /// The transport of the session; of an upgrade request, WebSocket.
        previous: TransportKind,
    },
    /// `PROTOCOL_MISMATCH`: the session uses another revision.
    ProtocolMismatch {
        /// The revision of the request.
        protocol: u8,
        /// The revision of the session.
        previous: u8,
    },
    /// `TRANSPORT_HANDSHAKE_ERROR`: a WebSocket handshake has to be an upgrade request.
    TransportHandshake,
    /// `MIDDLEWARE_FAILURE`: a middleware of the driver refused.
    Middleware,
    /// `ID_GENERATION_ERROR`: the driver could not generate a session id.
    IdGeneration,
}

impl BadRequest {
    /// The reference's name of the reason, such as `"TRANSPORT_MISMATCH"`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TransportMismatch { .. } => "TRANSPORT_MISMATCH",
            Self::ProtocolMismatch { .. } => "PROTOCOL_MISMATCH",
            Self::TransportHandshake => "TRANSPORT_HANDSHAKE_ERROR",
            Self::Middleware => "MIDDLEWARE_FAILURE",
            Self::IdGeneration => "ID_GENERATION_ERROR",
        }
    }
}

impl Reject {
    /// The code on the wire, 0 to 5.
    pub const fn code(&self) -> u8 {
        match self {
            Self::UnknownTransport { .. } => 0,
            Self::UnknownSid { .. } => 1,
            Self::BadHandshakeMethod { .. } => 2,
            Self::BadRequest(_) => 3,
            Self::Forbidden { .. } => 4,
            Self::UnsupportedProtocolVersion { .. } => 5,
        }
    }

    /// The text of the code. It is `Forbidden` even if the application gave a text of its own.
    pub const fn message(&self) -> &'static str {
        match self {
            Self::UnknownTransport { .. } => "Transport unknown",
            Self::UnknownSid { .. } => "Session ID unknown",
            Self::BadHandshakeMethod { .. } => "Bad handshake method",
            Self::BadRequest(_) => "Bad request",
            Self::Forbidden { .. } => "Forbidden",
            Self::UnsupportedProtocolVersion { .. } => "Unsupported protocol version",
        }
    }

    /// The response: JSON to a plain request, with status 403 for code 4 and 400 otherwise; the bare text to an `upgrade` request, always
    /// with 400.
    ///
    /// ```
    /// use engineio_proto::http::Reject;
    ///
    /// let response = Reject::UnknownTransport { transport: None }.response(false);
    /// assert_eq!(response.status(), 400);
    /// assert_eq!(response.body(), r#"{"code":0,"message":"Transport unknown"}"#);
    /// ```
    pub fn response(&self, upgrade: bool) -> Response {
        let text = match self {
            Self::Forbidden { message: Some(message) } => message,
            _ => self.message(),
        };
        if upgrade {
            return refuse_upgrade(text);
        }
        let status = match self {
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        // `Value` writes the text with quotes and escapes.
        let body = format!(r#"{{"code":{},"message":{}}}"#, self.code(), serde_json::Value::from(text));
        let mut response = empty(status);
        *response.body_mut() = body.into();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// The response to a handshake that the application refused (the reference's `allowRequest`), with the application's text or
/// `Forbidden`.
pub fn forbidden(message: Option<&str>, upgrade: bool) -> Response {
    Reject::Forbidden { message: message.map(str::to_owned) }.response(upgrade)
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// A 400 with a bare text, after which the connection is closed.
pub(super) fn refuse_upgrade(text: &str) -> Response {
    let mut response = empty(StatusCode::BAD_REQUEST);
    *response.body_mut() = Bytes::copy_from_slice(text.as_bytes());
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    // The text may repeat input of the client, so a browser must not take it for HTML.
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [(Reject, &'static str); 6] {
        [
            (Reject::UnknownTransport { transport: Some("tobi".into()) }, "Transport unknown"),
            (Reject::UnknownSid { sid: "x".into() }, "Session ID unknown"),
            (Reject::BadHandshakeMethod { method: Method::PUT }, "Bad handshake method"),
            (Reject::BadRequest(BadRequest::TransportHandshake), "Bad request"),
            (Reject::Forbidden { message: None }, "Forbidden"),
            (Reject::UnsupportedProtocolVersion { protocol: 3 }, "Unsupported protocol version"),
        ]
    }

    #[test]
    fn a_plain_request_is_answered_with_json() {
        for (code, (reject, message)) in all().into_iter().enumerate() {
            let response = reject.response(false);
            assert_eq!(usize::from(reject.code()), code);
            assert_eq!((reject.message(), reject.to_string().as_str()), (message, message));
            assert_eq!(response.status(), if code == 4 { 403 } else { 400 });
            assert_eq!(response.body(), format!(r#"{{"code":{code},"message":"{message}"}}"#).as_bytes());
            assert_eq!(response.headers().len(), 1, "no cache-control");
            assert_eq!(response.headers()["content-type"], "application/json");
        }
    }

    #[test]
    fn an_upgrade_is_refused_with_400_and_the_bare_text() {
        for (reject, message) in all() {
            let response = reject.response(true);
            assert_eq!(response.status(), 400);
            assert_eq!(response.body(), message);
            assert_eq!(response.headers().len(), 3);
            assert_eq!(response.headers()["connection"], "close");
            assert_eq!(response.headers()["content-type"], "text/plain; charset=UTF-8");
            assert_eq!(response.headers()["content-length"], message.len().to_string().as_str());
        }
    }

    #[test]
    fn the_text_of_a_refused_upgrade_is_not_html() {
        let response = forbidden(Some("<script>é"), true);
        assert_eq!(response.headers()["content-type"], "text/plain; charset=UTF-8");
        assert_eq!(response.headers()["content-length"], "10");
        assert_eq!(response.body(), "<script>é");
    }

    #[test]
    fn the_applications_text_replaces_forbidden() {
        let response = forbidden(Some("Thou shall \"not\" pass"), false);
        assert_eq!(response.status(), 403);
        assert_eq!(response.body(), r#"{"code":4,"message":"Thou shall \"not\" pass"}"#);
        assert_eq!(forbidden(Some("no"), true).body(), "no");
        assert_eq!(forbidden(None, true).status(), 400);
    }
}
