//! The client against this project's server, over in-memory streams.
//!
//! Time is tokio's paused clock: it stands still while any task can run, and jumps to the next timer when none can. A wait that
//! never ends fails its test after some hours of that time, which pass immediately.

mod acks;
mod barrier;
mod connecting;
mod deadlines;
mod ending;
mod handlers;
mod hostile;
mod idle;
mod pulling;
mod reconnecting;
mod support;
mod transports;
