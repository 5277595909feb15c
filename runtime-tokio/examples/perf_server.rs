//! The server that load generators measure: `perf_server PORT [--threads N]`.

#[path = "apps/perf_server.rs"]
mod app;
mod support;

use socketio_tokio as socketio;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    app::main()
}
