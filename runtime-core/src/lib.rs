//! The async driver of the Socket.IO machines, generic over a small [`Runtime`] trait.
//!
//! Applications use it through an adapter crate, such as `socketio-tokio`, which names [`ServerBuilder`] and [`ClientBuilder`] with
//! its runtime filled in. Protocol decisions, timers' deadlines and buffers live in the pure machines of `engineio-proto` and
//! `socketio-proto`; here is what drives them: HTTP by hyper, WebSocket by tungstenite, and one task per session or client.

mod ack;
mod alarm;
mod body;
mod client;
mod client_files;
mod conn;
mod deadline;
mod dial;
mod emit;
mod endpoint;
mod engine;
mod event;
mod handler;
mod handshake;
mod http_options;
mod http_stream;
mod layer;
mod machine;
mod mailbox;
mod namespace;
mod rooms;
mod runtime;
mod serve;
mod server;
mod service;
mod sessions;
mod signal;
mod socket;
mod task;
mod trace;
mod turns;
mod ws;

pub use ack::IntoAck;
pub use client::{
    AuthError, AuthRequest, Client, ClientBuilder, ClientSocket, ConnectError, Connecting, IntoAuth, State, States,
};
pub use client_files::ClientFilesError;
pub use dial::{Connector, DialError, Proxy, UrlError};
#[cfg(feature = "rustls")]
pub use dial::{Tls, TlsError};
pub use emit::{AckError, AckFuture, Broadcast, EmitError, Volatile, WithTimeout};
pub use endpoint::Endpoint;
pub use engine::EngineSocket;
pub use event::{Ack, Event};
pub use handler::HandlerError;
pub use handshake::{Handshake, Peer};
pub use layer::{Layer, Layered};
pub use namespace::{ConnectRequest, Namespace, Refusal};
pub use rooms::IntoRooms;
pub use runtime::{Accept, BoxFuture, BoxStream, Runtime, Stream};
pub use serve::Listener;
pub use server::{BuildError, Overflow, Server, ServerBuilder};
pub use service::Service;
pub use socket::Socket;

pub use bytes::Bytes;
pub use engineio_proto::client::Fault;
pub use engineio_proto::http::{Cookie, Cors, CorsOrigin, Reject, SameSite};
pub use engineio_proto::server::SendError;
pub use engineio_proto::{CloseReason, Config, ConfigBuilder, ConfigError, Data, Pressure, Sid, Text, TransportKind};
#[cfg(feature = "rustls")]
pub use rustls;
pub use socketio_proto::client::{AttemptError, DisconnectReason as ClientDisconnectReason};
pub use socketio_proto::server::{DisconnectReason, NamespaceError};
pub use socketio_proto::{Args, ArgsError, DecodeError, EncodeError, FromArgs, Json, Limits, Value};
pub use {engineio_proto, http, socketio_proto};
