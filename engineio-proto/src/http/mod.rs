//! HTTP as plain data: matching the path, verifying requests, rejections, CORS, the cookie, and the WebSocket's opening handshake.

mod cookie;
mod cors;
mod path;
mod query;
mod reject;
mod verify;
mod websocket;

pub use cookie::{Cookie, SameSite};
pub use cors::{Cors, CorsHeaders, CorsOrigin, OriginPredicate, cors};
pub use path::matches_path;
pub use query::Query;
pub use reject::{BadRequest, Reject, forbidden};
pub use verify::{Handshake, SessionView, Verdict, verify};
pub use websocket::{accept_websocket, is_websocket_granted, request_websocket};

pub(crate) use cookie::set_cookie;
pub(crate) use reject::empty;

/// A response with its complete body.
///
/// `Content-Length` is set where the reference sets it; otherwise the HTTP layer adds it or frames the body in another way. The HTTP
/// layer may also remove headers that HTTP does not allow, as hyper removes `Content-Length` from a 204.
pub type Response = http::Response<bytes::Bytes>;
