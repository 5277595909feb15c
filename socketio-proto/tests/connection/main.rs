//! Random sequences of inputs and commands for a connection. A model checks what a driver may rely on:
//!
//! * a socket is reported `Connecting`, then other events while it is connected, then exactly one `Disconnected`, unless
//!   a `refuse` succeeded; all sockets before `Closed`, and nothing after that;
//! * `Acked` comes exactly once for each `emit_with_ack` that succeeded and was not forgotten, before its socket's
//!   `Disconnected`;
//! * on the wire, CONNECT comes before all other packets of a namespace;
//! * memory stays within its limits, and `handle_timeout` leaves no passed deadline;
//! * equal inputs give equal outputs.

mod model;
mod steps;

use engineio_proto::{Instant, TransportKind};
use proptest::prelude::*;

use model::Model;
use steps::{Say, Step, step};

fn run(steps: &[(Step, bool)], by_websocket: bool, start: Instant) -> Vec<String> {
    let mut model = Model::new(by_websocket, start);
    for (step, hostile) in steps {
        let step = if *hostile { Some(step.clone()) } else { polite(step, &mut model) };
        if let Some(step) = step {
            model.step(&step);
        }
    }
    // The end settles everything.
    model.connection.discard(model.now);
    model.drain();
    assert!(model.closed);
    model.log
}

/// The part of a step that a client without violations and an application that keeps the connection would do.
fn polite(step: &Step, model: &mut Model) -> Option<Step> {
    let polling = model.connection.engine().transport() == TransportKind::Polling;
    Some(match step {
        Step::Get if polling && model.polls.is_empty() => Step::Get,
        Step::Upgrade if polling && model.polls.is_empty() => Step::Upgrade,
        Step::Post(says) if polling => {
            let says: Vec<Say> = says.iter().filter(|say| model.may_send(say)).cloned().collect();
            Step::Post((!says.is_empty()).then_some(says)?)
        }
        Step::Message(say) if !polling => Step::Message(model.may_send(say).then(|| say.clone())?),
        Step::Flushed if !polling => Step::Flushed,
        Step::Wait(ms) => Step::Wait(ms % 50),
        Step::Accept(_) | Step::Refuse(_) | Step::Emit(..) | Step::Volatile(_) | Step::Ask(..) => step.clone(),
        Step::Forget(..) | Step::Disconnect(_) | Step::Pause | Step::Resume | Step::Early => step.clone(),
        _ => return None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn a_connection_keeps_its_promises_to_the_driver(steps in prop::collection::vec((step(), prop::bool::weighted(0.01)), 0..150), by_websocket: bool) {
        #[allow(clippy::disallowed_methods, reason = "a test needs a point in time")]
        let start = Instant::now();
        let log = run(&steps, by_websocket, start);
        prop_assert_eq!(log, run(&steps, by_websocket, start));
    }
}
