//! A network in memory.

use std::io;
use std::sync::{Arc, Mutex};

use socketio_tokio::client::Connector;
use socketio_tokio::server::Peer;
use socketio_tokio::{BoxFuture, BoxStream, Server};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// The way from a client to the server that is up now, if one is.
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

    /// Another server is up from now on.
    pub(crate) fn replace(&self, server: &Server) {
        self.inner.lock().unwrap().server = Some(server.clone());
    }

    /// No server is up from now on; those connected stay.
    pub(crate) fn refuse(&self) {
        self.inner.lock().unwrap().server = None;
    }

    /// Every connection breaks.
    pub(crate) fn cut(&self) {
        self.inner.lock().unwrap().connections.drain(..).for_each(|connection| connection.abort());
    }

    /// Nothing comes through any more, and nobody is told.
    pub(crate) fn hold(&self) {
        self.inner.lock().unwrap().held.send_replace(true);
    }

    /// New connections come through again. What was under way when the others were held is lost.
    pub(crate) fn release(&self) {
        self.inner.lock().unwrap().held.send_replace(false);
    }

    /// Where clients wanted to connect to, so far.
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
        // Between the two, so that it can be cut: a stream that was upgraded belongs to the session's task.
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
