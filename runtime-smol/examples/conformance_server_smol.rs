//! The server that protocol suites talk to: bare Engine.IO on one port, Socket.IO on another.
//!
//! `conformance_server_smol [--eio-port P] [--sio-port P] [--ping I/T] [--connect-timeout MS] [--max-payload BYTES] [--cors]`

#[path = "../../runtime-tokio/examples/apps/conformance_server.rs"]
mod app;
mod support;

use socketio_smol as socketio;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    support::run(1, app::main())
}
