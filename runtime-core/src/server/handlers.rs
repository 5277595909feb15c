//! The handlers of a namespace, or of one socket.

use std::collections::BTreeMap;
use std::sync::Arc;

use engineio_proto::Text;
use socketio_proto::server::DisconnectReason;

use super::namespace::{ConnectRequest, Refusal};
use super::socket::Socket;
use crate::handler::{OnAny, OnConnect, OnDisconnect, OnError, OnEvent};
use crate::runtime::BoxFuture;

pub(crate) type Middleware = Arc<dyn Fn(ConnectRequest) -> BoxFuture<'static, Result<(), Refusal>> + Send + Sync>;

/// The handlers of a namespace, or of one socket.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub(crate) events: BTreeMap<Text, OnEvent<Socket>>,
    pub(crate) any: Option<OnAny<Socket>>,
    pub(crate) connect: Option<OnConnect<Socket>>,
    pub(crate) disconnect: Option<OnDisconnect<Socket, DisconnectReason>>,
    pub(crate) error: Option<OnError<Socket>>,
    pub(crate) middlewares: Vec<Middleware>,
}
