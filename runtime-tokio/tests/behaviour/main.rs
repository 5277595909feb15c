//! The driver's behaviour, as its clients and its applications see it.
//!
//! Clients are raw (bytes and frames, no protocol library) and talk to the server over in-memory streams. Time is tokio's
//! paused clock: it stands still while anybody has something to do, and jumps to the next timer when nobody has. A wait that
//! never ends fails its test after some hours of that time, which pass at once.

mod churn;
mod deadlines;
mod emits;
mod goodbye;
mod handlers;
mod hostile;
mod http;
mod lifecycle;
mod pacing;
mod panics;
mod support;
mod traces;
mod websocket;
