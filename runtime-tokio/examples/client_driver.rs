//! A client under remote control: JSON lines on stdin and stdout; interop/README.md describes them.

use socketio_tokio as socketio;

#[path = "../../examples/client_driver/mod.rs"]
mod driver;
mod support;

fn main() -> std::process::ExitCode {
    support::end(drive())
}

fn drive() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let _inside = runtime.enter();
    driver::run::<socketio::Tokio>()
}
