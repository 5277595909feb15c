//! A client that load is measured with: `perf_client URL [WINDOW] [ack|event] [SECONDS]`.

use socketio_tokio as socketio;

#[path = "driver/perf.rs"]
mod perf;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    perf::run(socketio::ClientBuilder::new, tokio::time::sleep).await
}
