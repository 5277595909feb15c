//! The handles that most programs use. No name here clashes with one of axum, tower or hyper.

pub use crate::client::{Client, ClientSocket};
pub use crate::server::{Broadcast, ConnectRequest, Namespace, Refusal, Server, Socket};
pub use crate::{AckError, Args, EmitError};
