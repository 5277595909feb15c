//! Engine.IO v4 as pure state machines: packets, payloads, the HTTP surface, both sides of a session. No I/O, no clock, no async.
//!
//! Engine.IO carries messages between a server and its clients, through any proxy: a session begins with HTTP long-polling, moves to a
//! WebSocket if possible, and keeps a heartbeat. This crate implements the protocol without I/O: a *driver* owns the sockets and timers,
//! passes inputs to a session and carries out its outputs.
//!
//! | module | content |
//! |---|---|
//! | [`Packet`], [`Data`], [`payload`] | the codec |
//! | [`http`] | verifying and answering requests, as types of the `http` crate |
//! | [`server::Session`] | the server's side of a session: polling, upgrade, heartbeat, back-pressure, closing |
//! | [`client::Session`] | the client's side of a session |
//! | [`Config`], [`client::Config`] | the options, with the reference's names and defaults |
//!
//! # How to drive a session
//!
//! A driver keeps a table from [`Sid`] to [`Session`](server::Session). For an HTTP request to the server's path ([`http::matches_path`])
//! it calls:
//!
//! 1. [`http::cors()`], whose headers are added to the response, whatever it is, and which may return the response to a preflight;
//! 2. [`http::verify`], which returns a handshake, the session of the request, or a refusal;
//! 3. for a handshake that the application refuses, [`http::forbidden`]. Otherwise it opens a session:
//!    [`Session::open_polling`](server::Session::open_polling), or [`http::accept_websocket`] and
//!    [`Session::open_websocket`](server::Session::open_websocket).
//!
//! The driver chooses the ids of requests and WebSockets; the outputs refer to them. Time is the last argument of each input; a time that
//! goes backwards is clamped.
//!
//! | input | when |
//! |---|---|
//! | [`handle_request`](server::Session::handle_request) | a request of this session arrived that is not an upgrade request |
//! | [`handle_body`](server::Session::handle_body), [`handle_body_too_large`](server::Session::handle_body_too_large) | the body of a request was received after `Receive`, or is longer than the limit |
//! | [`handle_body_progress`](server::Session::handle_body_progress) | a part of that body was received |
//! | [`handle_aborted`](server::Session::handle_aborted) | the client aborted a request that has no response yet |
//! | [`handle_websocket`](server::Session::handle_websocket) | a WebSocket was accepted for this session |
//! | [`handle_message`](server::Session::handle_message) | the WebSocket received a message |
//! | [`handle_progress`](server::Session::handle_progress) | the WebSocket received a part of a message, or a part of a batch has been written to it |
//! | [`handle_flushed`](server::Session::handle_flushed) | the batch transmitted to the WebSocket has been written |
//! | [`handle_websocket_closed`](server::Session::handle_websocket_closed) | the WebSocket was closed |
//! | [`handle_idle`](server::Session::handle_idle) | the application has handled all messages |
//! | [`handle_timeout`](server::Session::handle_timeout) | the deadline of `poll_timeout` has passed, and all input that had arrived before has been passed to the session |
//! | [`handle_tick`](server::Session::handle_tick) | the deadline has passed, and some input may still be unread |
//!
//! The commands are [`send`](server::Session::send), [`send_batch`](server::Session::send_batch), [`close`](server::Session::close),
//! [`discard`](server::Session::discard), [`expect_message`](server::Session::expect_message),
//! [`pause_reading`](server::Session::pause_reading) and [`resume_reading`](server::Session::resume_reading).
//!
//! After each input, and after each command or group of commands, drain the outputs in this order, until all are empty:
//!
//! 1. [`poll_transmit`](server::Session::poll_transmit) until `None`: respond to a request, receive or drop one, send a frame, close
//!    a WebSocket ([`Transmit`](server::Transmit)). The frames until `None` are one batch, for one write. Messages sent before
//!    [`handle_flushed`](server::Session::handle_flushed) wait for the next batch. This is the back-pressure: one batch in flight, and a
//!    queue bounded in bytes;
//! 2. [`poll_event`](server::Session::poll_event) until `None`: a message, the upgrade, room in the queue, the end
//!    ([`Event`](server::Event));
//! 3. [`poll_timeout`](server::Session::poll_timeout): when to call `handle_timeout`.
//!
//! A session buffers at most `outbox_limit` bytes for its client, and the body of one POST. The body is decoded as `poll_event` is called,
//! so a driver with enough events may leave the rest undecoded ([`has_events`](server::Session::has_events)). After
//! [`Event::Closed`](server::Event::Closed) inputs are ignored, requests are answered with `400`, and `send` fails. The driver still
//! carries out what was transmitted before, and limits the time of this last write.
//!
//! A polling session from the handshake to a message in each direction:
//!
//! ```
//! use engineio_proto::{Config, Data, Instant, RequestId, Sid, http::{Verdict, verify}, server::{Event, Session, Transmit}};
//! use std::sync::Arc;
//!
//! /// Drains the outputs and returns a description of each. A real driver writes to its sockets.
//! fn drain(session: &mut Session) -> Vec<String> {
//!     let mut done = Vec::new();
//!     loop {
//!         while let Some(transmit) = session.poll_transmit() {
//!             done.push(match transmit {
//!                 Transmit::Respond { id, response } => format!("{} {:?}", id.0, response.body()),
//!                 Transmit::Receive { id, limit } => format!("{} up to {limit} bytes", id.0),
//!                 other => format!("{other:?}"),
//!             });
//!         }
//!         match session.poll_event() {
//!             // An echo.
//!             Some(Event::Message(data)) => drop(session.send(data)),
//!             Some(Event::Closed { reason }) => done.push(format!("closed: {reason}")),
//!             Some(Event::Upgraded | Event::Ready) => {}
//!             None => return done,
//!         }
//!     }
//! }
//!
//! # #[allow(clippy::disallowed_methods)]
//! let now = Instant::now();
//! let config = Arc::new(Config::default());
//!
//! let request = ::http::Request::get("/engine.io/?EIO=4&transport=polling").body(()).unwrap();
//! let (parts, ()) = request.into_parts();
//! assert!(matches!(verify(&parts, &config, |_| None), Verdict::Handshake(_)));
//! let sid = Sid::from_entropy([7; 15]); // use a cryptographic source
//! let mut session = Session::open_polling(config, sid, RequestId(1), &parts, now);
//! assert!(drain(&mut session)[0].starts_with(r#"1 b"0{\"sid\":\"BwcHBwcHBwcHBwcHBwcH\","#));
//!
//! // A POST: its head, then its body.
//! let post = ::http::Request::post("/").body(()).unwrap().into_parts().0;
//! session.handle_request(RequestId(2), &post, now);
//! assert_eq!(drain(&mut session), ["2 up to 1000000 bytes"]);
//! session.handle_body(RequestId(2), "4hello".into(), now);
//! assert_eq!(drain(&mut session), [r#"2 b"ok""#]);
//!
//! // A GET receives the echo, the next one is pending.
//! session.handle_request(RequestId(3), &parts, now);
//! assert_eq!(drain(&mut session), [r#"3 b"4hello""#]);
//! session.handle_request(RequestId(4), &parts, now);
//! assert!(drain(&mut session).is_empty());
//! session.close(now);
//! assert_eq!(drain(&mut session), [r#"4 b"1""#, "closed: forced close"]);
//! ```
//!
//! # How to drive a client's session
//!
//! [`client::Session::open`] opens a session, which transmits requests and WebSocket handshakes and chooses their ids. The driver connects,
//! adds the headers of the connection (`host`, `content-length`, the key of a WebSocket), and passes on the results:
//!
//! | input | when |
//! |---|---|
//! | [`handle_response`](client::Session::handle_response), [`handle_request_failed`](client::Session::handle_request_failed) | the complete response to a request was received, or the request failed |
//! | [`handle_websocket`](client::Session::handle_websocket), [`handle_websocket_failed`](client::Session::handle_websocket_failed) | a WebSocket is open, or could not be opened |
//! | [`handle_message`](client::Session::handle_message), [`handle_flushed`](client::Session::handle_flushed), [`handle_websocket_closed`](client::Session::handle_websocket_closed) | as on the server |
//! | [`handle_progress`](client::Session::handle_progress), [`handle_response_progress`](client::Session::handle_response_progress) | a part of a message, or of the response to a GET, was received |
//! | [`handle_timeout`](client::Session::handle_timeout) | the deadline of `poll_timeout` has passed, and all input that had arrived before has been passed to the session |
//!
//! Commands and outputs correspond to those of the server, with other types for [`Transmit`](client::Transmit) and
//! [`Event`](client::Event). Drain [`poll_transmit`](client::Session::poll_transmit) and [`poll_event`](client::Session::poll_event)
//! alternately until both are empty: at the end of a body, `poll_event` makes the session send the next GET.
//!
//! Every failure ends in [`Event::Closed`](client::Event::Closed) with a [`Fault`](client::Fault). To reconnect, open another session, with
//! a [`Start`](client::Start) from the previous one. A session has no deadline for its opening; a driver with a deadline calls
//! [`discard`](client::Session::discard). After the end the driver still completes frames and requests that were transmitted and not
//! cancelled: a session that closes by polling sends a POST with a close packet, and the server then answers the GET. The driver limits the
//! time for this, and does not pass the results to the session.
//!
//! A polling session from the handshake to a message in each direction:
//!
//! ```
//! use engineio_proto::{Data, Instant, RequestId, client::{Config, Event, Session, Start, Transmit}};
//!
//! /// Drains the outputs and returns a description of each. A real driver sends the requests.
//! fn drain(session: &mut Session) -> Vec<String> {
//!     let mut done = Vec::new();
//!     loop {
//!         let before = done.len();
//!         while let Some(transmit) = session.poll_transmit() {
//!             done.push(match transmit {
//!                 Transmit::Request { id, request } => {
//!                     format!("{} {} {} {:?}", id.0, request.method(), request.uri(), request.body())
//!                 }
//!                 other => format!("{other:?}"),
//!             });
//!         }
//!         while let Some(event) = session.poll_event() {
//!             done.push(match event {
//!                 Event::Opened(handshake) => format!("opened {}", handshake.sid),
//!                 Event::Message(data) => format!("{data:?}"),
//!                 Event::Closed { reason, fault } => format!("closed: {reason} {fault:?}"),
//!                 other => format!("{other:?}"),
//!             });
//!         }
//!         if done.len() == before {
//!             return done;
//!         }
//!     }
//! }
//!
//! # #[allow(clippy::disallowed_methods)]
//! let now = Instant::now();
//! let config = Config::builder().timestamp_requests(Some(false)).upgrade(false).build()?;
//! let mut session = Session::open(config.into(), Start::default(), now);
//! assert_eq!(drain(&mut session), [r#"0 GET /engine.io/?EIO=4&transport=polling b"""#]);
//!
//! let open = r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
//! session.handle_response(RequestId(0), http::Response::new(open.into()), now);
//! assert_eq!(drain(&mut session), [r#"1 GET /engine.io/?EIO=4&transport=polling&sid=S b"""#, "opened S"]);
//!
//! session.send(Data::from("hello"))?;
//! assert_eq!(drain(&mut session), [r#"2 POST /engine.io/?EIO=4&transport=polling&sid=S b"4hello""#]);
//! session.handle_response(RequestId(2), http::Response::new("ok".into()), now);
//!
//! // The server sends a last message and closes.
//! session.handle_response(RequestId(1), http::Response::new("4bye\u{1e}1".into()), now);
//! assert_eq!(drain(&mut session), [r#"Text("bye")"#, "closed: transport close None"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Differences from the reference
//!
//! The reference is the official JavaScript implementation: engine.io 6.6 and engine.io-client 6.6. This crate is stricter where the
//! reference is lenient, and bounds what the reference does not bound. [divergences.md] lists every difference with its test.
//!
//! [divergences.md]: https://github.com/socketio-rs/socketio/blob/main/docs/divergences.md
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod base64;
pub mod client;
mod clock;
mod config;
mod data;
mod error;
pub mod http;
mod ids;
mod json;
mod outbox;
mod packet;
pub mod payload;
mod pressure;
mod queue;
mod reason;
pub mod server;
mod sid;
mod transport;

pub use config::{Config, ConfigBuilder, ConfigError};
pub use data::{Data, Text};
pub use error::{DecodeError, SendError};
pub use ids::{RequestId, WebSocketId};
pub use json::to_well_formed;
pub use packet::{Frame, Packet};
pub use pressure::Pressure;
pub use reason::CloseReason;
pub use sid::Sid;
pub use transport::TransportKind;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use std::time::Instant;
/// A point in time on wasm32-unknown-unknown, where `std` has no clock.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use web_time::Instant;

/// Tests the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
