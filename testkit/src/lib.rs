//! Deterministic simulation of Socket.IO servers and clients: a seeded network, virtual time, reference models.
//!
//! [`World`] joins the machines of clients and of a server in one thread: real managers, which reconnect after pauses of their own.
//! A script of [`Step`]s says what the applications do and what the network breaks; a seed decides everything else. After each step
//! the promises of the machines are checked. Events arrive in order, at most once, without a gap unless the connection ends; what
//! was not handed to a connection that was lost arrives with the next; retried events arrive at least once; every ack is settled once.
//! Attempts follow each other after the pauses of the backoff. Bounds are kept, nothing follows the end, no timeout lies in the past;
//! in the end every counter is back where it was.
//!
//! ```
//! use socketio_testkit::{Settings, World, script};
//!
//! let script = script::parse("0 c0 open 0; 500 c0 emit 10; 510 c0 push 100; 700 c0 reset 0; 1000 c0 emit 10")?;
//! let outcome = World::check("example", &Settings::default(), 7, &script);
//! assert_eq!((outcome.sessions, outcome.up, outcome.down, outcome.buffered), (2, 2, 1, 1));
//! # Ok::<(), socketio_testkit::BadStep>(())
//! ```
//!
//! A run that fails panics with its seed and with a shortened script. The crate's own scenarios (`tests/scenarios.rs`) take both from the
//! environment, to play it again: `SEED=7 SCRIPT='0 c0 open 0' cargo test -p socketio-testkit --test scenarios anything`.
//!
//! [`SimRuntime`] is for applications: handlers run against clients without a socket or a sleep, over a network that cuts streams into
//! pieces, stalls and breaks. Handlers take their time from it, by [`Timer`]. Two examples show it: `simulated_handlers` for a server's
//! handlers, `simulated_client` for those of a client that reconnects.
//!
//! [`conformance`](mod@conformance) is for runtimes: one suite over real sockets, which every adapter passes.

pub mod conformance;
mod network;
mod random;
pub mod script;
mod sim;
mod world;

/// What tells the time and sleeps: hyper's, so that nobody needs hyper for it.
pub use hyper::rt::Timer;
pub use network::Network;
pub use random::Random;
pub use script::{Action, BadStep, Step};
pub use sim::SimRuntime;
pub use world::{Outcome, Settings, World};
