//! The server's state machines: one [`Connection`] per client, and the index of namespaces, sockets and rooms.
//!
//! A [`Connection`] owns the engine session of one client and speaks Socket.IO over it. A [`Hub`] (or the [`Rooms`] of
//! one namespace) determines which sockets a [`Target`] selects. Neither does I/O, and they are independent of each
//! other: the driver encodes a broadcast once and passes the same [`Encoded`](crate::Encoded) to the connection of
//! every selected socket.

mod commands;
mod config;
mod connection;
mod dispatch;
mod event;
mod hub;
mod reason;
mod rooms;
mod target;
#[cfg(test)]
mod tests;

pub use config::Config;
pub use connection::Connection;
pub use event::Event;
pub use hub::{Hub, NamespaceError, namespace_name};
pub use reason::DisconnectReason;
pub use rooms::Rooms;
pub use target::Target;
