//! The async driver of the Socket.IO machines, generic over a small [`Runtime`] trait.
//!
//! Applications use it through an adapter crate, such as `socketio-tokio`, which defines aliases of [`ServerBuilder`] and
//! [`ClientBuilder`] for its runtime. The state machines of `engineio-proto` and `socketio-proto` make all protocol decisions and
//! hold deadlines and buffers. This crate does their I/O: HTTP by hyper, WebSocket by tungstenite, and one task per session or
//! client.

mod ack;
mod body;
mod chain;
pub mod client;
mod emit;
mod endpoint;
pub mod engine;
mod error;
mod event;
mod handler;
pub mod prelude;
mod rooms;
mod runtime;
pub mod server;
mod trace;
mod turn;
mod ws;

pub use ack::IntoAck;
pub use client::{Client, ClientBuilder, ClientSocket};
pub use emit::{AckFuture, Volatile, WithTimeout};
pub use endpoint::Endpoint;
pub use error::{AckError, EmitError, HandlerError};
pub use event::{Ack, Event};
pub use rooms::IntoRooms;
pub use runtime::{Accept, BoxFuture, BoxStream, Runtime, Stream};
pub use server::{Broadcast, Namespace, Server, ServerBuilder, Socket};

pub use bytes::Bytes;
pub use engineio_proto::{Data, Pressure, Sid, Text, TransportKind};
#[cfg(feature = "rustls")]
pub use rustls;
pub use socketio_proto::server::NamespaceError;
pub use socketio_proto::{Args, ArgsError, DecodeError, EncodeError, FromArgs, Json, Limits, Value};
pub use {engineio_proto, http, socketio_proto};
