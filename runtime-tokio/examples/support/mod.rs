//! What the example programs need of tokio, beside the options that they share.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "not every program uses everything")]

#[path = "../../../examples/cli.rs"]
mod cli;

use std::future::Future;
use std::time::Duration;

pub use cli::{Arguments, bind, cannot_listen, end, parse, refuse};
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

/// Waits for SIGTERM or SIGINT, also for one that comes between the call and the first poll.
#[cfg(unix)]
pub fn stopped() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        // Without a handler of ours the signal ends the program.
        let (Ok(mut term), Ok(mut int)) = signals else { return std::future::pending().await };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
pub async fn stopped() {
    tokio::signal::ctrl_c().await.ok();
}
