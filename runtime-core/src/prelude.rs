//! The handles that most programs name. Nothing here has a name that axum, tower or hyper have, too.

pub use crate::client::{Client, ClientSocket};
pub use crate::server::{Broadcast, ConnectRequest, Namespace, Refusal, Server, Socket};
pub use crate::{AckError, Args, EmitError};
