//! The server that load generators measure.

#[path = "../../runtime-tokio/examples/apps/perf_server.rs"]
mod app;
mod support;

use socketio_smol as socketio;

fn main() -> std::process::ExitCode {
    support::end(app::main())
}
