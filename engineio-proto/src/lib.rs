//! Engine.IO v4 as pure state machines: packets, payloads, HTTP surface, server session. No I/O, no clock, no async.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]
