//! Raw clients, and the channel between tests and handlers.

mod http;
mod polling;
mod websocket;
mod world;

use std::future::Future;
use std::time::Duration;

use socketio_tokio::server::Peer;
use socketio_tokio::{Server, ServerBuilder};
use tokio::io::DuplexStream;

pub(crate) use http::{Response, request, request_on, roundtrip};
pub(crate) use polling::Polling;
pub(crate) use websocket::{Frame, Ws, frame_bytes};
pub(crate) use world::{HasWorld, World};

/// The default ping interval.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(25);

pub(crate) fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A server with default options and the [`World`] as its state.
pub(crate) fn server() -> (Server, World) {
    server_with(|builder| builder)
}

pub(crate) fn server_with(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> (Server, World) {
    let world = World::default();
    (set(ServerBuilder::new().state(world.clone())).build().unwrap(), world)
}

/// Opens a connection; returns the client's end.
pub(crate) fn dial(server: &Server) -> DuplexStream {
    dial_buffered(server, 64 * 1024)
}

/// The same over a stream that buffers `bytes` in each direction.
pub(crate) fn dial_buffered(server: &Server, bytes: usize) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(bytes);
    tokio::spawn(server.serve_connection(socketio_tokio::stream(theirs), Peer::default()));
    ours
}

/// Waits for `happens`, for longer than any timeout of a server.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    match tokio::time::timeout(secs(4 * 3600), happens).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Runs a test on a clock that is not paused, where [`soon`] would wait for hours in vain.
pub(crate) async fn in_real_time(test: impl Future<Output = ()>) {
    tokio::time::timeout(secs(60), test).await.expect("the test ends within a minute");
}

/// Lets all tasks run until they wait.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Waits until a condition is true.
pub(crate) async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if is_true() {
            return;
        }
        settle().await;
    }
    panic!("waited in vain for {what}");
}
