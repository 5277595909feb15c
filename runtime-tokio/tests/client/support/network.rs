//! An in-memory network.

use std::io;
use std::sync::{Arc, Mutex};

use socketio_tokio::client::Connector;
use socketio_tokio::server::Peer;
use socketio_tokio::{BoxFuture, BoxStream, Server};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Connects clients to the current server, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Network {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    server: Option<Server>,
    dials: Vec<String>,
    connections: Vec<AbortHandle>,
    held: watch::Sender<bool>,
}

impl Network {
    pub(crate) fn to(server: &Server) -> Self {
        let network = Self::default();
        network.replace(server);
        network
    }

    /// Connects new clients to this server from now on.
    pub(crate) fn replace(&self, server: &Server) {
        self.inner.lock().unwrap().server = Some(server.clone());
    }

    /// Refuses new connections from now on; existing ones stay open.
    pub(crate) fn refuse(&self) {
        self.inner.lock().unwrap().server = None;
    }

    /// Closes all connections.
    pub(crate) fn cut(&self) {
        self.inner.lock().unwrap().connections.drain(..).for_each(|connection| connection.abort());
    }

    /// Stops all traffic without closing connections.
    pub(crate) fn hold(&self) {
        self.inner.lock().unwrap().held.send_replace(true);
    }

    /// Lets new connections through again. The traffic of held connections is lost.
    pub(crate) fn release(&self) {
        self.inner.lock().unwrap().held.send_replace(false);
    }

    /// The addresses that clients have dialled so far.
    pub(crate) fn dials(&self) -> Vec<String> {
        self.inner.lock().unwrap().dials.clone()
    }
}

impl Connector for Network {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        let mut inner = self.inner.lock().unwrap();
        inner.dials.push(format!("{host}:{port}"));
        let Some(server) = inner.server.clone() else {
            return Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) });
        };
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        // A second pipe, so that the connection can be cut: an upgraded stream is owned by the session's task.
        let (near, far) = tokio::io::duplex(64 * 1024);
        tokio::spawn(server.serve_connection(socketio_tokio::stream(far), Peer::default()));
        let mut held = inner.held.subscribe();
        let wire = tokio::spawn(async move {
            let (mut theirs, mut near) = (theirs, near);
            held.wait_for(|held| !held).await.map(drop).ok();
            let holding = async { held.wait_for(|held| *held).await.map(drop).ok() };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut theirs, &mut near) => return,
                _ = holding => {}
            }
            std::future::pending().await
        });
        inner.connections.push(wire.abort_handle());
        Box::pin(async { Ok(Box::new(socketio_tokio::stream(ours)) as BoxStream) })
    }
}
