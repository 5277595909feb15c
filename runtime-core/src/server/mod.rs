//! The server's side: its handles, its HTTP service, and the task of each session.

mod broadcast;
mod client_files;
mod conn;
mod engine;
mod handle;
mod handlers;
mod handshake;
mod http_options;
mod http_stream;
mod layer;
mod machine;
mod namespace;
mod serve;
mod service;
mod sessions;
mod signal;
mod socket;
mod task;

pub use broadcast::Broadcast;
pub use client_files::ClientFilesError;
pub use engine::EngineSocket;
pub use handle::{BuildError, Overflow, Server, ServerBuilder};
pub use handshake::{Handshake, Peer};
pub use layer::{Layer, Layered};
pub use namespace::{ConnectRequest, Namespace, Refusal};
pub use serve::Listener;
pub use service::Service;
pub use socket::Socket;
pub use socketio_proto::server::DisconnectReason;

/// An event that a client emitted.
pub type Event = crate::event::Event<Socket>;
/// Sends the ack of an event that a client emitted.
pub type Ack = crate::event::Ack<Socket>;
