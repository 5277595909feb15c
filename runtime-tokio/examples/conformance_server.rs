//! The server that protocol suites talk to: bare Engine.IO on one port, Socket.IO on another.

#[path = "../../examples/conformance_server.rs"]
mod app;
mod support;

use socketio_tokio as socketio;

fn main() -> std::process::ExitCode {
    support::end(support::run(1, app::main()))
}
