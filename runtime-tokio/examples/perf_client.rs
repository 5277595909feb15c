//! A client that load is measured with.

use socketio_tokio as socketio;

#[path = "../../examples/perf_client.rs"]
mod perf;
mod support;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::end(perf::run(socketio::ClientBuilder::new, tokio::time::sleep).await)
}
