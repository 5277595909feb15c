//! The client: its handles, its builder, and the task that drives its machine.
//!
//! The handles and the task share a [`Manager`](socketio_proto::client::Manager) in a mutex. A call on a handle acts on the machine
//! immediately and wakes the task. The task owns all streams, requests and timers, and runs the handlers.

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
pub use error::{BuildError, ConnectError};
pub use handle::Client;
pub use socket::{ClientSocket, Connecting};
pub use socketio_proto::client::{AttemptError, DisconnectReason};
pub use state::{State, States};

/// An event that the server emitted.
pub type Event = crate::event::Event<ClientSocket>;
/// Answers an event of the server.
pub type Ack = crate::event::Ack<ClientSocket>;
