//! Engine.IO v4 as pure state machines: packets, payloads, the HTTP surface, both sides of a session. No I/O, no clock, no async.
//!
//! Engine.IO carries messages between a server and clients behind whatever proxies there are: it begins with HTTP
//! long-polling, moves to a WebSocket where one can be had, and keeps a heartbeat. This crate makes all of the protocol's decisions and does
//! nothing: a *driver* owns sockets and timers, feeds what happened and carries out what it is told.
//!
//! | module | what it is |
//! |---|---|
//! | [`Packet`], [`Data`], [`payload`] | the codec |
//! | [`http`] | requests judged and answered, as plain data of the `http` crate |
//! | [`server::Session`] | one client's session: polling, upgrade, heartbeat, back-pressure, closing |
//! | [`client::Session`] | the same from the client's side |
//! | [`Config`], [`client::Config`] | the reference's options with its defaults |
//!
//! # How to drive a session
//!
//! A driver keeps a table from [`Sid`] to [`Session`](server::Session). For an HTTP request of the server's path ([`http::matches_path`]):
//!
//! 1. [`http::cors()`], whose headers go onto whatever answer follows, and which answers a preflight itself;
//! 2. [`http::verify`], which says: a handshake, a request of a session, or a refusal;
//! 3. a handshake is the application's to refuse ([`http::forbidden`]), else it is a new session:
//!    [`Session::open_polling`](server::Session::open_polling), or [`http::accept_websocket`] and
//!    [`Session::open_websocket`](server::Session::open_websocket).
//!
//! The driver names requests and WebSockets with numbers of its own; the session repeats them. Time is an argument, always the last; one
//! that goes backwards is clamped.
//!
//! | input | when |
//! |---|---|
//! | [`handle_request`](server::Session::handle_request) | a request of this session came, no upgrade |
//! | [`handle_body`](server::Session::handle_body), [`handle_body_too_large`](server::Session::handle_body_too_large) | the body asked for by `Receive` came, or is longer than its limit |
//! | [`handle_aborted`](server::Session::handle_aborted) | the client went away from a request that has no answer yet |
//! | [`handle_websocket`](server::Session::handle_websocket) | a WebSocket was accepted for this session: its request |
//! | [`handle_message`](server::Session::handle_message) | it brought a message |
//! | [`handle_flushed`](server::Session::handle_flushed) | the batch transmitted to it has been written |
//! | [`handle_websocket_closed`](server::Session::handle_websocket_closed) | it ended |
//! | [`handle_idle`](server::Session::handle_idle) | all messages that were taken are handled |
//! | [`handle_timeout`](server::Session::handle_timeout) | the time of `poll_timeout` has come, and what came before has been handed in |
//! | [`handle_tick`](server::Session::handle_tick) | the time has come, and there may be something to hand in |
//!
//! The commands are [`send`](server::Session::send), [`send_batch`](server::Session::send_batch), [`close`](server::Session::close),
//! [`discard`](server::Session::discard), [`expect_message`](server::Session::expect_message),
//! [`pause_reading`](server::Session::pause_reading) and [`resume_reading`](server::Session::resume_reading).
//!
//! After each input and each command, or several commands that belong together, in this order, until there is nothing left:
//!
//! 1. [`poll_transmit`](server::Session::poll_transmit) until it has no more: answer a request, receive or drop one, send a frame, close
//!    a WebSocket ([`Transmit`](server::Transmit)). The packets of one draining are one batch, for one write; what is sent until
//!    [`handle_flushed`](server::Session::handle_flushed) waits for the next. That is all of the back-pressure: one batch under way, a
//!    queue bounded in bytes behind it;
//! 2. [`poll_event`](server::Session::poll_event) until it has no more: a message, the upgrade, room in the queue, the end
//!    ([`Event`](server::Event));
//! 3. [`poll_timeout`](server::Session::poll_timeout): when to call `handle_timeout`.
//!
//! A session holds at most `outbox_limit` bytes for its client and, until it has been read, the body of one POST. It is cut into
//! packets as `poll_event` is called, so a driver that has enough events for now leaves the rest where it is
//! ([`has_events`](server::Session::has_events)). After [`Event::Closed`](server::Event::Closed) nothing happens any more: inputs are ignored, requests get
//! `400`, commands are refused. What was transmitted before is still to be done; a driver bounds the time of that last write itself.
//!
//! A polling session from its handshake to a message each way:
//!
//! ```
//! use engineio_proto::{Config, Data, Instant, RequestId, Sid, http::{Verdict, verify}, server::{Event, Session, Transmit}};
//! use std::sync::Arc;
//!
//! /// Does what the session wants; here it tells. A real driver writes to its sockets.
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
//! let sid = Sid::from_entropy([7; 15]); // from a cryptographic source, in earnest
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
//! // A GET takes the echo, the next one waits.
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
//! The mirror: [`client::Session::open`] asks for requests and WebSockets as plain data and names them, as it is the one that begins. The
//! driver dials, adds what belongs to a connection (`host`, `content-length`, the key of a WebSocket), and says what came of it:
//!
//! | input | when |
//! |---|---|
//! | [`handle_response`](client::Session::handle_response), [`handle_request_failed`](client::Session::handle_request_failed) | a request has its whole response, or never will |
//! | [`handle_websocket`](client::Session::handle_websocket), [`handle_websocket_failed`](client::Session::handle_websocket_failed) | a WebSocket is open, or never will be |
//! | [`handle_message`](client::Session::handle_message), [`handle_flushed`](client::Session::handle_flushed), [`handle_websocket_closed`](client::Session::handle_websocket_closed) | as on the server |
//! | [`handle_timeout`](client::Session::handle_timeout) | the time of `poll_timeout` has come, and what came before has been handed in |
//!
//! Commands and outputs are those of the server, with a [`Transmit`](client::Transmit) and an [`Event`](client::Event) of its own. Drain
//! [`poll_transmit`](client::Session::poll_transmit) and [`poll_event`](client::Session::poll_event) in turn until neither has anything:
//! reading the end of a body makes room for the next GET.
//!
//! Every way to fail ends in [`Event::Closed`](client::Event::Closed) with a [`Fault`](client::Fault); to try again is to open another
//! session ([`Start`](client::Start) carries over what it should know). There is no deadline for opening it: a driver that has one calls
//! [`discard`](client::Session::discard). After the end requests that were transmitted and not cancelled are still to be finished, as
//! are frames: a session closed by polling says farewell with a POST, upon which the server answers its GET. A driver bounds the time of
//! that itself and need not tell the session.
//!
//! A polling session from its handshake to a message each way:
//!
//! ```
//! use engineio_proto::{Data, Instant, RequestId, client::{Config, Event, Session, Start, Transmit}};
//!
//! /// Does what the session wants; here it tells. A real driver sends its requests.
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
//! // The server closes behind a last message.
//! session.handle_response(RequestId(1), http::Response::new("4bye\u{1e}1".into()), now);
//! assert_eq!(drain(&mut session), [r#"Text("bye")"#, "closed: transport close None"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where we differ from the reference
//!
//! The reference is engine.io 6.6.11. Each row is a test, named in the last column.
//!
//! | what | reference | here | test |
//! |---|---|---|---|
//! | a close packet by WebSocket | ignored, until the ping timeout | `transport close` | `messages::a_close_packet_ends_the_session` |
//! | `5` without `2probe` | upgrades | ends the probe | `upgrade::an_upgrade_without_a_probe_is_refused` |
//! | a second `2probe` | answered | ends the probe | `upgrade::a_second_probe_packet_ends_the_probe` |
//! | an upgrade with `allow_upgrades(false)` | taken, though not offered | closed | `upgrade::an_upgrade_that_is_not_allowed_is_closed` |
//! | the heartbeat after an upgrade | stops if the pong was under way | begins anew | `heartbeat::the_heartbeat_restarts_at_an_upgrade` |
//! | a poll held at `2probe` | released within 100 ms | released at once, as are later ones | `upgrade::a_poll_after_the_probe_is_released_too` |
//! | a poll still held at `5` | `1` | `6` | `upgrade::a_poll_still_pending_at_the_upgrade_is_released` |
//! | a POST being read at `5` | dropped | delivered | `upgrade::a_post_still_in_progress_at_the_upgrade_is_delivered` |
//! | a wrong revision, or `transport=polling`, in an upgrade | refused or closed after the `101` | 400 instead of the `101` | `verify::only_revision_4_is_spoken`, `verify::an_upgrade_to_polling_is_refused` |
//! | a wrong revision in a handshake that the application would forbid | code 4 | code 5, nobody is asked | `verify::only_revision_4_is_spoken` |
//! | a type in `content-type` with parameters or in capitals | no binary POST | a binary POST, refused | `polling::a_binary_post_is_refused_and_ends_the_session` |
//! | a body that is not UTF-8 | repaired | `parse error` | `polling::a_body_that_is_not_utf8_is_malformed` |
//! | base64 that is not padded or of another alphabet | whatever can be found in it | `parse error` | `vectors.rs`, by number |
//! | data behind types that carry none (`1x`) | kept, read by nobody | dropped | `vectors.rs`, by number |
//! | the path `/engine.iofoo` | taken without the trailing slash | not ours | `path::without_add_trailing_slash_only_the_path_itself_matches` |
//! | the path `/engine.io` | not ours with the trailing slash | taken | `path::the_path_matches_with_and_without_the_trailing_slash` |
//! | an origin that a predicate refuses | no CORS answer at all | as any origin not in a list | `cors::an_origin_that_is_not_allowed_gets_no_allow_origin_but_the_same_status` |
//! | what waits for one client | unbounded | bounded, `send` says so | `pressure::the_outbox_is_bounded_and_reports_room` |
//!
//! The client's, against engine.io-client 6.6:
//!
//! | what | reference | here | test |
//! |---|---|---|---|
//! | a close packet by WebSocket | ignored, until the ping timeout | `transport close` | `closing::a_close_by_the_server_ends_the_session` |
//! | an open packet without its fields, or with intervals that are none | an exception, or a timer of 1 ms | a clear fault | `handshake::every_field_of_the_handshake_is_checked` |
//! | a ping interval beyond what a timer holds | a timer of 1 ms | cut to 24 days | `handshake::absurd_intervals_are_cut` |
//! | another packet in front of the open packet | handled | a clear fault | `hostile::binary_before_the_handshake_is_refused` |
//! | a second open packet, a pong, `5` from the server | obeyed or ignored | `transport error` with a clear fault | `hostile::packets_that_are_not_the_servers_end_the_session` |
//! | pings without end | a pong each | one pong waits at a time | `heartbeat::pings_without_end_are_one_pong` |
//! | the heartbeat at the move to a WebSocket | its timer goes on | begins anew | `heartbeat::the_move_to_a_websocket_begins_the_time_anew` |
//! | binary in a POST body | counted as 1.33 bytes for one: now and then too long for the server | counted as base64 | `polling::binary_counts_as_base64` |
//! | a remembered WebSocket that fails, with `try_all_transports` | the first of the list is given up instead | it is given up | `handshake::a_remembered_websocket_that_fails_gives_way` |
//! | closing before the handshake came | waits for it by polling, to say `1` | breaks it off, unless something is buffered | `closing::a_session_that_is_not_open_is_given_up` |
//! | messages that come while closing | delivered | dropped, as on the server | `closing::a_closing_session_answers_pings_but_delivers_no_messages` |
//! | when a cookie expires | by the client's clock | by the `Date` of the response that set it | `cookies::an_expiry_is_compared_with_the_servers_clock` |
//! | what waits for the server, what it may send at once, cookies | unbounded | bounded | `messages::the_outbox_is_bounded_and_reports_room`, `polling::a_body_beyond_the_limit_is_refused`, `cookies::the_jar_is_bounded` |
//!
//! As the reference does it, though one might not: a refused upgrade is always 400, a forbidden one included; a POST that is too large
//! leaves the session alone; a malformed POST is answered `ok`.
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
/// The clock's point in time on wasm32-unknown-unknown, where `std` has none.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use web_time::Instant;

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
