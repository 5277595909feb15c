//! The smallest server: it sends everything back.

#[path = "apps/echo.rs"]
mod app;
mod support;

use socketio_tokio as socketio;

fn main() -> std::process::ExitCode {
    support::end(support::run(1, app::main()))
}
