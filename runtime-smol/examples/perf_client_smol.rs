//! A client that load is measured with.

use std::sync::Arc;

use socketio_smol as socketio;

#[path = "../../examples/perf_client.rs"]
mod perf;
mod support;

fn main() -> std::process::ExitCode {
    // One thread for everything, as the program for tokio has.
    let executor = Arc::new(smol::Executor::new());
    let runtime = socketio::Smol::on(executor.clone());
    let begin = |url| socketio::ClientBuilder::on(runtime, url);
    let program = perf::run(begin, |pause| async move { _ = smol::Timer::after(pause).await });
    support::end(smol::block_on(executor.run(program)))
}
