//! A client under remote control: JSON lines on stdin and stdout; interop/README.md describes them.

use socketio_smol as socketio;

#[path = "../../examples/client_driver/mod.rs"]
mod driver;
mod support;

fn main() -> std::process::ExitCode {
    support::end(driver::run::<socketio::Smol>())
}
