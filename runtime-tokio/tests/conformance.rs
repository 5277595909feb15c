//! The suite of all runtimes on tokio, with one thread and with several.

use std::future::Future;

use socketio_tokio::Tokio;
use tokio::runtime::Builder;

mod one_thread {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    socketio_testkit::conformance!(Tokio, block_on);
}

mod threads {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap().block_on(future)
    }

    socketio_testkit::conformance!(Tokio, block_on);
}
