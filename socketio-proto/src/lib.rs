//! Socket.IO v5 as pure state machines: packets, binary attachments, acks, server connection, hub. No I/O, no clock, no async.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]
