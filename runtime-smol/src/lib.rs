//! Socket.IO on smol.
//!
//! ```no_run
//! use socketio_smol::{ServerBuilder, Socket};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(async {
//!         let server = ServerBuilder::new().build()?;
//!         let root = server.namespace("/");
//!         root.on_connect(async |socket: Socket| socket.join("lobby"));
//!         root.on("say", async |socket, (text,): (String,)| {
//!             socket.to("lobby").emit("said", (text,)).ok();
//!         });
//!         root.on("sum", async |_, (a, b): (i64, i64)| a + b); // the value answers the client's ack
//!         Ok(server.listen("127.0.0.1:3000").await?)
//!     })
//! }
//! ```
//!
//! Everything but [`Smol`] and [`stream`] comes from `socketio-runtime` and is the same on every runtime.

mod io;
mod smol_runtime;

pub use io::stream;
pub use smol_runtime::Smol;
pub use socketio_runtime::*;

/// Sets up a [`Server`] on smol.
///
/// ```
/// use std::time::Duration;
/// use socketio_smol::ServerBuilder;
///
/// let server = ServerBuilder::new().ping_interval(Duration::from_secs(10)).max_payload(64 * 1024).build()?;
/// # Ok::<(), socketio_smol::BuildError>(())
/// ```
pub type ServerBuilder = socketio_runtime::ServerBuilder<Smol>;
