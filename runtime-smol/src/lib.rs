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
//! And its client:
//!
//! ```no_run
//! use std::time::Duration;
//! use socketio_smol::ClientBuilder;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(async {
//!         let client = ClientBuilder::new("http://127.0.0.1:3000").build()?;
//!         let socket = client.socket("/");
//!         socket.on("said", async |_, (text,): (String,)| println!("{text}"));
//!         socket.connect().await?;
//!         socket.emit("say", ("hello",))?;
//!         let sum: i64 = socket.timeout(Duration::from_secs(1)).emit_with_ack("sum", (1, 2)).await?;
//!         println!("1 + 2 = {sum}");
//!         client.close().await; // waits until everything has left
//!         Ok(())
//!     })
//! }
//! ```
//!
//! Programs without async use the client in [`blocking`]: its methods block, and its handlers are plain closures.
//!
//! Everything but [`Smol`], [`stream`] and [`blocking`] comes from `socketio-runtime` and is the same on every runtime.

pub mod blocking;
mod io;
mod smol_runtime;

pub use io::stream;
pub use smol_runtime::Smol;
pub use socketio_runtime::*;

/// The handles that most programs use, and the builders. No name here clashes with one of axum, tower or hyper.
pub mod prelude {
    pub use crate::{ClientBuilder, ServerBuilder};
    pub use socketio_runtime::prelude::*;
}

/// Configures and builds a [`Server`] on smol.
///
/// ```
/// use std::time::Duration;
/// use socketio_smol::ServerBuilder;
///
/// let server = ServerBuilder::new().ping_interval(Duration::from_secs(10)).max_payload(64 * 1024).build()?;
/// # Ok::<(), socketio_smol::server::BuildError>(())
/// ```
pub type ServerBuilder = socketio_runtime::ServerBuilder<Smol>;

/// Configures and builds a [`Client`] on smol.
///
/// ```
/// use std::time::Duration;
/// use socketio_smol::ClientBuilder;
///
/// let client = ClientBuilder::new("http://127.0.0.1:3000").reconnection_delay(Duration::from_millis(500)).build()?;
/// # Ok::<(), socketio_smol::client::BuildError>(())
/// ```
pub type ClientBuilder = socketio_runtime::ClientBuilder<Smol>;
