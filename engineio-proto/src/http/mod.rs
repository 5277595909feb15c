//! HTTP as plain data: which requests are meant for the server, what each is answered, and with which headers.

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

/// A response whose body is complete.
///
/// `Content-Length` is set where the reference sets it; elsewhere the HTTP layer adds it or frames the body as it likes. It
/// may also take away what HTTP does not allow, as hyper does with that of a preflight's 204.
pub type Response = http::Response<bytes::Bytes>;
