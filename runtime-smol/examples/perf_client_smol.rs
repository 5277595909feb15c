//! A client that load is measured with: `perf_client_smol URL [WINDOW] [ack|event] [SECONDS]`.

use socketio_smol as socketio;

#[path = "../../runtime-tokio/examples/driver/perf.rs"]
mod perf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    smol::block_on(perf::run(|pause| async move { _ = smol::Timer::after(pause).await }))
}
