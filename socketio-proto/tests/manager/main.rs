//! Random sequences of inputs and commands against a client's manager, with a model of what a driver, an application and a
//! server may rely on:
//!
//! * a socket is asked for credentials, then connected, then disconnected, refused or not let in, each exactly once;
//! * `Acked` comes exactly once for each `emit_with_ack` that succeeded and was not forgotten, `Delivered` for each
//!   `emit_reliable`, in order; an answer belongs to what it answers;
//! * the server gets plain events at most once and in order, over all connections, and reliable ones in order;
//! * on the wire a namespace is joined by CONNECT and let in before anything else is said in it, DISCONNECT included;
//! * what is held stays within its limits, and after `handle_timeout` no deadline is left behind;
//! * with a server that answers everything ends well: nothing is buffered or owed any more, and who waits for room hears of it;
//! * the same inputs give the same outputs.

mod model;
mod peer;
mod steps;

use engineio_proto::Instant;
use proptest::prelude::*;

use model::Model;
use steps::{Step, step};

fn run(steps: &[Step], start: Instant) -> Vec<String> {
    let mut model = Model::new(start);
    for step in steps {
        model.step(step);
    }
    model.settle();
    model.close();
    model.log
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn everybody_may_rely_on_it(steps in prop::collection::vec(step(), 0..200)) {
        #[allow(clippy::disallowed_methods, reason = "any point in time will do")]
        let start = Instant::now();
        let log = run(&steps, start);
        prop_assert_eq!(log, run(&steps, start));
    }
}
