//! The client's machine: a [`Manager`] with its sockets.
//!
//! A [`Manager`] keeps one connection for any number of sockets, each in a namespace of its own: it opens an engine session, opens
//! another one after a pause when it is lost, lets the sockets join, keeps what they emit until then, and settles the acks of the
//! server. It does no I/O. What it can't know it asks its driver: where to connect to, with which headers, and as whom.

mod backoff;
mod buffer;
mod commands;
mod config;
mod dispatch;
mod event;
mod link;
mod manager;
mod member;
mod reason;
mod retry;
mod sending;
#[cfg(test)]
mod tests;

pub use config::{Backoff, Config, SocketConfig};
pub use event::{AttemptError, Emitted, Event, Refusal, RetryId};
pub use manager::Manager;
pub use reason::DisconnectReason;
