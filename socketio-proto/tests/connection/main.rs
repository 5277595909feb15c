//! Random sequences of inputs and commands against a connection, with a model of what a driver may rely on:
//!
//! * a socket is `Connecting`, then told of only while it is connected, then `Disconnected` exactly once, unless a `refuse`
//!   succeeded; all of them before `Closed`, and nothing after that;
//! * `Acked` comes exactly once for each `emit_with_ack` that succeeded and was not forgotten, before its socket's
//!   `Disconnected`;
//! * on the wire a namespace is joined by CONNECT before anything else is said in it;
//! * what is held stays within its limits, and after `handle_timeout` no deadline is left behind;
//! * the same inputs give the same outputs.

mod model;
mod steps;

use engineio_proto::{Instant, TransportKind};
use proptest::prelude::*;

use model::Model;
use steps::{Say, Step, step};

fn run(steps: &[(Step, bool)], by_websocket: bool, start: Instant) -> Vec<String> {
    let mut model = Model::new(by_websocket, start);
    for (step, rude) in steps {
        let step = if *rude { Some(step.clone()) } else { polite(step, &mut model) };
        if let Some(step) = step {
            model.step(&step);
        }
    }
    // In the end everybody is told.
    model.connection.discard(model.now);
    model.drain();
    assert!(model.closed);
    model.log
}

/// What of a step a client that keeps the rules would do, and an application that goes on.
fn polite(step: &Step, model: &mut Model) -> Option<Step> {
    let polling = model.connection.engine().transport() == TransportKind::Polling;
    Some(match step {
        Step::Get if polling && model.polls.is_empty() => Step::Get,
        Step::Upgrade if polling && model.polls.is_empty() => Step::Upgrade,
        Step::Post(says) if polling => {
            let says: Vec<Say> = says.iter().filter(|say| model.may_say(say)).cloned().collect();
            Step::Post((!says.is_empty()).then_some(says)?)
        }
        Step::Message(say) if !polling => Step::Message(model.may_say(say).then(|| say.clone())?),
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
    fn a_driver_may_rely_on_it(steps in prop::collection::vec((step(), prop::bool::weighted(0.01)), 0..150), by_websocket: bool) {
        #[allow(clippy::disallowed_methods, reason = "any point in time will do")]
        let start = Instant::now();
        let log = run(&steps, by_websocket, start);
        prop_assert_eq!(log, run(&steps, by_websocket, start));
    }
}
