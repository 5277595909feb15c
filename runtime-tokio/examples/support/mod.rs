//! What the example programs need of tokio, beside the options that they share.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "not every program uses everything")]

#[path = "../apps/cli.rs"]
mod cli;

use std::future::Future;
use std::time::Duration;

pub use cli::{bind, pair, usage, value};
use socketio_tokio::ServerBuilder;
pub use tokio::spawn;
pub use tokio::time::sleep;

/// A server's builder on the runtime that [`run`] starts.
pub fn builder() -> ServerBuilder {
    ServerBuilder::new()
}

/// Runs the program on that many threads.
pub fn run<T>(
    threads: usize,
    program: impl Future<Output = Result<T, Box<dyn std::error::Error>>>,
) -> Result<T, Box<dyn std::error::Error>> {
    let mut runtime = match threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            runtime.worker_threads(threads);
            runtime
        }
    };
    runtime.enable_all().build()?.block_on(program)
}

/// Gives a future up after a time.
pub async fn timeout<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(time, future).await.ok()
}

/// Waits for SIGTERM or SIGINT.
pub async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            usage("can't listen for signals");
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.ok();
}
