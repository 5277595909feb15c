//! Socket.IO for Rust on tokio.
