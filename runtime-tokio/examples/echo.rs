//! The smallest server: it sends everything back.

#[path = "../../examples/echo.rs"]
mod app;
mod support;

use socketio_tokio as socketio;

fn main() -> std::process::ExitCode {
    support::end(support::run(1, app::main()))
}
