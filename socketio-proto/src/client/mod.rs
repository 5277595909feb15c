//! The client's state machine: a [`Manager`] with its sockets.
//!
//! A [`Manager`] maintains one connection for any number of sockets, each in its own namespace. It opens an engine
//! session, reconnects after a pause when the session is lost, joins the namespaces, buffers what the sockets emit
//! before that, and tracks their acks. It does no I/O. It asks its driver where to connect to, with which headers, and
//! with which credentials.

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
