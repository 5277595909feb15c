//! The client: its handles, how it is set up, and the one task that drives its machine.
//!
//! Handles share a [`Manager`](socketio_proto::client::Manager) behind a lock with the task. What is asked of a handle acts on the
//! machine at once and wakes the task, which alone owns streams, requests, timers and handlers.

mod auth;
mod builder;
mod dial;
mod error;
mod handle;
mod member;
mod options;
mod shared;
mod socket;
mod state;
mod task;

pub use auth::{AuthError, AuthRequest, IntoAuth};
pub use builder::ClientBuilder;
pub use dial::{Connector, DialError, Proxy, UrlError};
#[cfg(feature = "rustls")]
pub use dial::{Tls, TlsError};
pub use error::ConnectError;
pub use handle::Client;
pub use socket::{ClientSocket, Connecting};
pub use socketio_proto::client::{AttemptError, DisconnectReason};
pub use state::{State, States};

/// An event that the server emitted.
pub type Event = crate::event::Event<ClientSocket>;
/// The right to answer an event of the server.
pub type Ack = crate::event::Ack<ClientSocket>;
