//! Our client against our server, over in-memory streams.
//!
//! Time is tokio's paused clock: it stands still while anybody has something to do, and jumps to the next timer when nobody has.
//! A wait that never ends fails its test after some hours of that time, which pass at once.

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
