//! The server that load generators measure: `perf_server_smol PORT [--threads N]`.

#[path = "../../runtime-tokio/examples/apps/perf_server.rs"]
mod app;
mod support;

use socketio_smol as socketio;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    app::main()
}
