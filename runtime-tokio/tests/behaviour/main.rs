//! The behaviour of the server's driver towards clients and applications.
//!
//! Clients are raw (bytes and frames, no protocol library) and talk to the server over in-memory streams. Time is tokio's
//! paused clock: it stands still while any task can run, and jumps to the next timer when all tasks are idle. A wait that never
//! ends fails its test after some hours of that time, which pass at once.

mod churn;
mod deadlines;
mod disconnects;
mod emits;
mod handlers;
mod hostile;
mod http;
mod lifecycle;
mod pacing;
mod panics;
mod support;
mod traces;
mod websocket;
