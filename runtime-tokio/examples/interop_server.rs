//! The server of the interop suite; interop/README.md describes its events.

#[path = "../../examples/interop_server.rs"]
mod app;
mod support;

use socketio_tokio as socketio;

fn main() -> std::process::ExitCode {
    support::end(support::run(1, app::main()))
}
