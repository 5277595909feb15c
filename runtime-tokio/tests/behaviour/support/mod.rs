//! Raw clients, and what tests and handlers tell each other.

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

/// The pings of a server with default timings come this often.
pub(crate) const PING_INTERVAL: Duration = Duration::from_secs(25);

pub(crate) fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A server with default options whose handlers reach the [`World`].
pub(crate) fn server() -> (Server, World) {
    server_with(|builder| builder)
}

pub(crate) fn server_with(set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> (Server, World) {
    let world = World::default();
    (set(ServerBuilder::new().state(world.clone())).build().unwrap(), world)
}

/// The client's end of a new connection.
pub(crate) fn dial(server: &Server) -> DuplexStream {
    dial_buffered(server, 64 * 1024)
}

/// The same over a stream that holds only so many bytes in each direction.
pub(crate) fn dial_buffered(server: &Server, bytes: usize) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(bytes);
    tokio::spawn(server.serve_connection(socketio_tokio::stream(theirs), Peer::default()));
    ours
}

/// Waits for something that is to happen, for longer than any timeout of a server.
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

/// Lets everybody do what they can do at once.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Waits until something that cannot be awaited has become true.
pub(crate) async fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..100_000 {
        if is_true() {
            return;
        }
        settle().await;
    }
    panic!("waited in vain for {what}");
}
