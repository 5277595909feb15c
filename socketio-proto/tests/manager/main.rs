//! Random sequences of inputs and commands for a client's manager. A model checks what a driver, an application and a
//! server may rely on:
//!
//! * a socket is reported `Authenticate`, then `Connected`, then `Disconnected`, `Refused` or `NotJoined`, each exactly
//!   once;
//! * `Acked` comes exactly once for each `emit_with_ack` that succeeded and was not forgotten, `Delivered` for each
//!   `emit_reliable`, in order; an ack answers its own event;
//! * the server receives plain events at most once and in order, over all connections, and reliable ones in order;
//! * on the wire, CONNECT and its answer come before all other packets of a namespace, including DISCONNECT;
//! * memory stays within its limits, and `handle_timeout` leaves no passed deadline;
//! * with a server that answers, everything is settled: nothing is buffered or pending, and `Ready` follows high pressure;
//! * equal inputs give equal outputs.

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
    fn a_manager_keeps_its_promises(steps in prop::collection::vec(step(), 0..200)) {
        #[allow(clippy::disallowed_methods, reason = "a test needs a point in time")]
        let start = Instant::now();
        let log = run(&steps, start);
        prop_assert_eq!(log, run(&steps, start));
    }
}
