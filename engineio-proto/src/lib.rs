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

mod base64;
mod config;
mod data;
mod error;
pub mod http;
mod packet;
pub mod payload;
mod reason;
pub mod server;
mod sid;
mod transport;

pub use config::{Config, ConfigBuilder, ConfigError};
pub use data::{Data, Text};
pub use error::DecodeError;
pub use packet::{Frame, Packet};
pub use reason::CloseReason;
pub use sid::Sid;
pub use transport::TransportKind;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use std::time::Instant;
/// The clock's point in time on wasm32-unknown-unknown, where `std` has none.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use web_time::Instant;
