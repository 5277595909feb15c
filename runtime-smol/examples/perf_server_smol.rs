//! The server that load generators measure.

#[path = "../../examples/perf_server.rs"]
mod app;
mod support;

use socketio_smol as socketio;

fn main() -> std::process::ExitCode {
    support::end(app::main())
}
