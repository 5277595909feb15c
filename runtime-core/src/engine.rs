//! Engine.IO, the layer below Socket.IO: its options, and the types for servers and clients that use Engine.IO alone.

pub use crate::server::EngineSocket;
pub use engineio_proto::client::Fault;
pub use engineio_proto::http::{Cookie, Cors, CorsOrigin, Reject, SameSite};
pub use engineio_proto::server::SendError;
pub use engineio_proto::{CloseReason, Config, ConfigBuilder, ConfigError, Data, Pressure, Sid, TransportKind};
