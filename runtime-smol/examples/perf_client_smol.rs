//! A client that load is measured with: `perf_client_smol URL [WINDOW] [ack|event] [SECONDS]`.

use std::sync::Arc;

use socketio_smol as socketio;

#[path = "../../runtime-tokio/examples/driver/perf.rs"]
mod perf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One thread for everything, as the program for tokio has.
    let executor = Arc::new(smol::Executor::new());
    let runtime = socketio::Smol::on(executor.clone());
    let begin = |url| socketio::ClientBuilder::on(runtime, url);
    smol::block_on(executor.run(perf::run(begin, |pause| async move { _ = smol::Timer::after(pause).await })))
}
