//! What the example programs need of smol, beside the options that they share.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "not every program uses everything")]

#[path = "../../../examples/cli.rs"]
mod cli;

use std::future::{Future, pending};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_signal::{Signal, Signals};
pub use cli::{Arguments, bind, cannot_listen, end, parse, refuse};
use smol::Executor;
use smol::future::FutureExt;
use smol::stream::StreamExt;
use socketio_smol::{ServerBuilder, Smol};

/// Of our own, so that the number of its threads is ours to choose.
static EXECUTOR: LazyLock<Arc<Executor<'static>>> = LazyLock::new(Arc::default);

/// A server's builder on the executor that [`run`] runs.
pub fn builder() -> ServerBuilder {
    ServerBuilder::on(Smol::on(EXECUTOR.clone()))
}

/// Runs the program on that many threads.
pub fn run<T>(
    threads: usize,
    program: impl Future<Output = Result<T, Box<dyn std::error::Error>>>,
) -> Result<T, Box<dyn std::error::Error>> {
    for _ in 1..threads {
        std::thread::spawn(|| smol::block_on(EXECUTOR.run(pending::<()>())));
    }
    smol::block_on(EXECUTOR.run(program))
}

/// Runs a future in the background.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    EXECUTOR.spawn(future).detach();
}

/// Waits.
pub async fn sleep(time: Duration) {
    smol::Timer::after(time).await;
}

/// Gives a future up after a time.
pub async fn timeout<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    async { Some(future.await) }
        .or(async {
            sleep(time).await;
            None
        })
        .await
}

/// Waits for SIGTERM or SIGINT, also for one that comes between the call and the first poll.
pub fn stopped() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = [Signal::Term, Signal::Int];
    #[cfg(not(unix))]
    let signals = [Signal::Int];
    let signals = Signals::new(signals);
    async {
        // Without a handler of ours the signal ends the program.
        let Ok(mut signals) = signals else { return pending().await };
        signals.next().await;
    }
}
