//! The conformance suite of all runtimes on smol: on its global executor, and on an executor of the application.

use socketio_smol::Smol;

mod global {
    use super::*;

    socketio_testkit::conformance!(Smol::default(), smol::block_on);
}

mod own {
    use std::future::Future;
    use std::sync::Arc;

    use smol::Executor;

    use super::*;

    thread_local! {
        /// Each test runs on its own thread.
        static EXECUTOR: Arc<Executor<'static>> = Arc::default();
    }

    fn smol() -> Smol {
        Smol::on(EXECUTOR.with(Arc::clone))
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        let executor = EXECUTOR.with(Arc::clone);
        smol::block_on(executor.run(future))
    }

    socketio_testkit::conformance!(smol(), block_on);
}
