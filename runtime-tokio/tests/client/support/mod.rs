//! An in-memory network, a counting runtime, and a log.

mod counting;
mod fake;
mod network;

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use socketio_tokio::{ClientBuilder, Server, ServerBuilder, TransportKind};
use tokio::sync::mpsc;

pub(crate) use counting::Counting;
pub(crate) use fake::{Fake, OPEN, Wire};
pub(crate) use network::Network;

pub(crate) fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// The URL of the server in the in-memory network.
pub(crate) const URL: &str = "http://server.test";

/// A network with a server with default options.
pub(crate) fn world() -> (Network, Server) {
    let server = ServerBuilder::new().build().unwrap();
    (Network::to(&server), server)
}

/// A client in that network that uses WebSocket only, for tests that don't depend on the transport.
pub(crate) fn client(network: &Network) -> ClientBuilder {
    ClientBuilder::new(URL).connector(network.clone()).transports([TransportKind::WebSocket])
}

/// Awaits a future, for longer than any timeout of a client or server.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    match tokio::time::timeout(secs(4 * 3600), happens).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Runs a test on a clock that is not paused, where [`soon`] would wait for hours.
pub(crate) async fn in_real_time(test: impl Future<Output = ()>) {
    tokio::time::timeout(secs(60), test).await.expect("the test ends within a minute");
}

/// Lets all tasks run until they wait.
pub(crate) async fn settle() {
    tokio::time::sleep(millis(1)).await;
}

/// Polls a condition until it is true.
pub(crate) async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if is_true() {
            return;
        }
        settle().await;
    }
    panic!("waited in vain for {what}");
}

/// An ordered log that handlers write to and the test reads from.
pub(crate) struct Log {
    pub(crate) pen: Pen,
    words: mpsc::UnboundedReceiver<String>,
}

#[derive(Clone)]
pub(crate) struct Pen(mpsc::UnboundedSender<String>);

impl Pen {
    pub(crate) fn say(&self, what: impl Display) {
        _ = self.0.send(what.to_string());
    }
}

impl Log {
    pub(crate) fn new() -> Self {
        let (pen, words) = mpsc::unbounded_channel();
        Self { pen: Pen(pen), words }
    }

    pub(crate) async fn heard(&mut self) -> String {
        soon("a word", self.words.recv()).await.unwrap()
    }

    pub(crate) async fn hears(&mut self, expected: &str) {
        assert_eq!(self.heard().await, expected);
    }

    /// All entries that were not read yet.
    pub(crate) fn all(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.words.try_recv().ok()).collect()
    }
}
