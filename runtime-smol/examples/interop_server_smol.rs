//! The server behind the interop suite; interop/README.md describes its events.
//!
//! `interop_server_smol [--port P] [--ping I/T] [--max-payload N] [--connect-timeout MS] [--cors]`

#[path = "../../runtime-tokio/examples/apps/interop_server.rs"]
mod app;
mod support;

use socketio_smol as socketio;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    support::run(1, app::main())
}
