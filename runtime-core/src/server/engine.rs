//! Bare Engine.IO, without Socket.IO.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use engineio_proto::server::SendError;
use engineio_proto::{Data, Pressure, Sid, TransportKind};

use crate::ack::IntoAck;
use crate::endpoint::Answer;
use crate::handler;
use crate::runtime::BoxFuture;
use crate::server::conn::Conn;
use crate::server::handshake::Handshake;
use crate::server::machine::Machine;

/// A client of a bare Engine.IO server: see [`ServerBuilder::build_engine`](crate::ServerBuilder::build_engine).
#[derive(Clone)]
pub struct EngineSocket {
    conn: Arc<Conn>,
}

pub(crate) type OnData = Arc<dyn Fn(EngineSocket, Data) -> BoxFuture<'static, Answer> + Send + Sync>;

pub(crate) fn on_data<F, Fut>(handler: F) -> OnData
where
    F: Fn(EngineSocket, Data) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoAck> + Send + 'static,
{
    Arc::new(move |socket, data| handler::settle(handler(socket, data)))
}

impl EngineSocket {
    pub(crate) fn new(conn: Arc<Conn>) -> Self {
        Self { conn }
    }

    /// The session's id.
    pub fn id(&self) -> &Sid {
        &self.conn.sid
    }

    /// The first request of the session.
    pub fn handshake(&self) -> &Handshake {
        &self.conn.handshake
    }

    /// The transport in use now.
    pub fn transport(&self) -> TransportKind {
        self.conn.lock().machine.engine().transport()
    }

    /// Queues a message, text or binary. Never waits; see [`pressure`](Self::pressure).
    ///
    /// # Errors
    /// The outbox is full, or the session is closing.
    pub fn send(&self, data: Data) -> Result<(), SendError> {
        let mut inner = self.conn.lock();
        let Machine::Engine(session) = &mut inner.machine else { return Err(SendError::Closed) };
        let sent = session.send(data);
        drop(inner);
        self.conn.notify();
        sent.map(|_| ())
    }

    /// How full the client's outbox is.
    pub fn pressure(&self) -> Pressure {
        self.conn.lock().machine.engine().pressure()
    }

    /// Closes the session after the queued messages are sent, at most for the engine's `close_timeout`.
    pub fn close(&self) {
        let mut inner = self.conn.lock();
        inner.machine.close(self.conn.now());
        self.conn.settle(inner);
    }
}

impl fmt::Debug for EngineSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineSocket").field("id", self.id()).finish_non_exhaustive()
    }
}
