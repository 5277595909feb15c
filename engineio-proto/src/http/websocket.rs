//! The opening handshake of a WebSocket (RFC 6455, section 4).

use super::{
    Response,
    reject::{empty, refuse_upgrade},
};
use ::base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, request::Parts};
use sha1::{Digest, Sha1};

const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether it is an upgrade request.
pub(super) fn is_upgrade(parts: &Parts) -> bool {
    has_upgrade(&parts.headers)
}

/// The response to an upgrade request: `101` with `Sec-WebSocket-Accept`.
///
/// As by the reference's WebSocket library, the first subprotocol of the request is selected. No extension is.
///
/// # Errors
///
/// The response that refuses an invalid upgrade request: 400 with a bare text.
#[allow(clippy::result_large_err, reason = "both sides are responses")]
pub fn accept_websocket(parts: &Parts) -> Result<Response, Response> {
    if parts.method != Method::GET {
        return Err(refuse_upgrade("Invalid HTTP method"));
    }
    // HTTP/1.0 has no 101 (RFC 9110, section 7.8), and HTTP/2 and later open WebSockets by extended CONNECT.
    if parts.version != Version::HTTP_11 {
        return Err(refuse_upgrade("HTTP/1.1 is required"));
    }
    if !is_upgrade(parts) {
        return Err(refuse_upgrade("Invalid Upgrade header"));
    }
    let key = parts
        .headers
        .get(header::SEC_WEBSOCKET_KEY)
        .map(HeaderValue::as_bytes)
        .filter(|key| BASE64.decode(key).is_ok_and(|nonce| nonce.len() == 16))
        .ok_or_else(|| refuse_upgrade("Missing or invalid Sec-WebSocket-Key header"))?;
    if parts.headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut refusal = refuse_upgrade("Missing or invalid Sec-WebSocket-Version header");
        refusal.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(refusal);
    }

    let accept = accept(key);
    let mut response = empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    // Cannot fail: base64 is a valid header value, and so is a part of a header value.
    headers.extend(HeaderValue::try_from(accept).ok().map(|accept| (header::SEC_WEBSOCKET_ACCEPT, accept)));
    let protocol = tokens(&parts.headers, header::SEC_WEBSOCKET_PROTOCOL).next();
    headers.extend(
        protocol
            .and_then(|protocol| HeaderValue::try_from(protocol).ok())
            .map(|protocol| (header::SEC_WEBSOCKET_PROTOCOL, protocol)),
    );
    Ok(response)
}

/// Adds the headers of a WebSocket's opening handshake to a client's request. No extension is offered.
///
/// The nonce must be random and different for each request.
pub fn request_websocket(headers: &mut HeaderMap, nonce: [u8; 16]) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    // Cannot fail: base64 is a valid header value.
    let key = HeaderValue::try_from(BASE64.encode(nonce)).ok();
    headers.extend(key.map(|key| (header::SEC_WEBSOCKET_KEY, key)));
}

/// Whether a response accepts the WebSocket of a request: it is a `101` with the matching `Sec-WebSocket-Accept`, no extension, and no
/// subprotocol that the request does not offer.
pub fn is_websocket_granted(request: &HeaderMap, response: &::http::response::Parts) -> bool {
    let headers = &response.headers;
    let expected = request.get(header::SEC_WEBSOCKET_KEY).map(|key| accept(key.as_bytes()));
    let found = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    response.status == StatusCode::SWITCHING_PROTOCOLS
        && has_upgrade(headers)
        && expected.is_some_and(|expected| found == Some(expected.as_bytes()))
        && tokens(headers, header::SEC_WEBSOCKET_EXTENSIONS).next().is_none()
        && tokens(headers, header::SEC_WEBSOCKET_PROTOCOL)
            .all(|selected| tokens(request, header::SEC_WEBSOCKET_PROTOCOL).any(|offered| offered == selected))
}

fn accept(key: &[u8]) -> String {
    BASE64.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

fn has_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, header::CONNECTION, "upgrade") && has_token(headers, header::UPGRADE, "websocket")
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

/// The comma-separated items of all headers of that name.
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(changes: &[(&'static str, &str)]) -> Parts {
        let mut request = http::Request::get("/engine.io/?EIO=4&transport=websocket")
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        for (name, value) in changes {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        request.into_parts().0
    }

    #[test]
    fn a_websocket_is_accepted_with_the_key_of_the_rfc() {
        let response = accept_websocket(&parts(&[])).unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers().len(), 3);
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert_eq!(response.headers()["connection"], "Upgrade");
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn the_first_subprotocol_is_selected() {
        let response = accept_websocket(&parts(&[("sec-websocket-protocol", "a, b")])).unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "a");
    }

    #[test]
    fn an_invalid_opening_handshake_is_refused() {
        for (name, value, text) in [
            ("upgrade", "h2c", "Invalid Upgrade header"),
            ("connection", "close", "Invalid Upgrade header"),
            ("sec-websocket-key", "short", "Missing or invalid Sec-WebSocket-Key header"),
            ("sec-websocket-key", "dGhlIHNhbXBsZQ==", "Missing or invalid Sec-WebSocket-Key header"),
            ("sec-websocket-version", "12", "Missing or invalid Sec-WebSocket-Version header"),
        ] {
            let refusal = accept_websocket(&parts(&[(name, value)])).unwrap_err();
            assert_eq!((refusal.status(), &refusal.body()[..]), (StatusCode::BAD_REQUEST, text.as_bytes()));
        }
        let mut post = parts(&[]);
        post.method = Method::POST;
        assert_eq!(accept_websocket(&post).unwrap_err().body(), "Invalid HTTP method");
    }

    #[test]
    fn a_websocket_is_opened_by_http_1_1_only() {
        for version in [Version::HTTP_09, Version::HTTP_10, Version::HTTP_2, Version::HTTP_3] {
            let mut parts = parts(&[]);
            parts.version = version;
            let refusal = accept_websocket(&parts).unwrap_err();
            assert_eq!(
                (refusal.status(), &refusal.body()[..]),
                (StatusCode::BAD_REQUEST, &b"HTTP/1.1 is required"[..])
            );
        }
    }

    #[test]
    fn only_a_response_that_matches_the_request_grants_a_websocket() {
        let mut request =
            http::Request::get("/").header("sec-websocket-protocol", "a, b").body(()).unwrap().into_parts().0;
        request_websocket(&mut request.headers, *b"the sample nonce");
        assert_eq!(request.headers["sec-websocket-key"], "dGhlIHNhbXBsZSBub25jZQ==");
        let granted = || accept_websocket(&request).unwrap().into_parts().0;
        assert_eq!(granted().headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_websocket_granted(&request.headers, &granted()));

        for (name, value) in [
            ("sec-websocket-accept", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("sec-websocket-protocol", "c"),
            ("upgrade", "h2c"),
            ("connection", "keep-alive"),
        ] {
            let mut response = granted();
            response.headers.insert(name, HeaderValue::from_static(value));
            assert!(!is_websocket_granted(&request.headers, &response), "{name}");
        }
        let mut refused = granted();
        refused.status = StatusCode::OK;
        assert!(!is_websocket_granted(&request.headers, &refused));
    }
}
