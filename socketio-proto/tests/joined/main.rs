//! A client's manager and a server's connections, joined by an in-memory network that delays, cuts connections, and
//! restarts the server. Whatever both applications do:
//!
//! * events are received in order and at most once; reliable events at least once if they were reported as delivered;
//! * only the last events for a socket can be lost, and only if the socket is gone;
//! * every ack is settled once, and answers its own event;
//! * when nothing is in flight, both sides agree on the sockets and their ids, and events sent afterwards arrive;
//! * at the end both sides are idle: nothing is buffered or pending.

mod client;
mod network;
mod server;

use engineio_proto::TransportKind::{Polling, WebSocket};
use engineio_proto::client::Config;
use proptest::prelude::*;

use network::Network;

pub(crate) const NAMES: [&str; 3] = ["/", "/retry", "/b"];

#[derive(Debug, Clone)]
enum Step {
    // Commands of the client's application.
    Connect(usize),
    Disconnect(usize),
    Emit(usize),
    Ask(usize, Option<u64>),
    Reliable(usize),
    CloseEngine,
    // Commands of the server's application.
    Answer(usize, bool),
    Say(usize),
    Inquire(usize, Option<u64>),
    ServerDisconnect(usize),
    Close,
    // The network.
    Deliver(usize),
    Wait(u64),
    Cut(bool),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let socket = || 0..NAMES.len();
    let deadline = || prop::option::of(0..200u64);
    let client = prop_oneof![
        6 => socket().prop_map(Step::Connect),
        2 => socket().prop_map(Step::Disconnect),
        10 => socket().prop_map(Step::Emit),
        5 => (socket(), deadline()).prop_map(|(socket, ms)| Step::Ask(socket, ms)),
        5 => socket().prop_map(Step::Reliable),
        1 => Just(Step::CloseEngine),
    ];
    let server = prop_oneof![
        15 => (socket(), prop::bool::weighted(0.95)).prop_map(|(socket, accepts)| Step::Answer(socket, accepts)),
        10 => socket().prop_map(Step::Say),
        5 => (socket(), deadline()).prop_map(|(socket, ms)| Step::Inquire(socket, ms)),
        1 => socket().prop_map(Step::ServerDisconnect),
        1 => Just(Step::Close),
    ];
    let between = prop_oneof![
        60 => any::<usize>().prop_map(Step::Deliver),
        5 => (0..100u64).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Cut),
        1 => Just(Step::Restart),
    ];
    prop_oneof![3 => client, 3 => server, 10 => between]
}

fn act(network: &mut Network, step: &Step) {
    let now = network.now;
    match *step {
        Step::Connect(socket) => network.client.connect(socket, now),
        Step::Disconnect(socket) => network.client.disconnect(socket, now),
        Step::Emit(socket) => network.client.emit(socket, now),
        Step::Ask(socket, ms) => network.client.ask(socket, ms, now),
        Step::Reliable(socket) => network.client.emit_reliable(socket, now),
        Step::CloseEngine => network.client.manager.close_engine(now),
        Step::Answer(socket, accepts) => network.server().answer(socket, accepts),
        Step::Say(socket) => drop(network.server().say(socket, None)),
        Step::Inquire(socket, ms) => network.server().inquire(socket, ms, now),
        Step::ServerDisconnect(socket) => network.server().disconnect(socket),
        Step::Close => network.server().connection.close(now),
        Step::Deliver(choice) => drop(network.deliver(choice)),
        Step::Wait(ms) => network.wait(ms),
        Step::Cut(notify) => network.cut(notify),
        Step::Restart => network.restart(),
    }
    network.drain();
}

/// Connects all sockets and delivers everything, until nothing is in flight.
fn settle(network: &mut Network) {
    for round in 0..2000 {
        for socket in 0..NAMES.len() {
            act(network, &Step::Connect(socket));
            act(network, &Step::Answer(socket, true));
        }
        // Advances the clock a little only if nothing was delivered, so that pauses end and heartbeats don't.
        if !network.deliver(round) {
            if network.is_settled() {
                return;
            }
            network.wait(10);
        }
    }
    panic!("the network does not settle");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]
    #[test]
    fn both_sides_agree(steps in prop::collection::vec(step(), 0..300), kind in 0..3u8) {
        let config = match kind {
            0 => Config::builder().transports([Polling]),
            1 => Config::builder().transports([WebSocket]),
            _ => Config::builder(),
        };
        let mut network = Network::new(config);
        for step in &steps {
            act(&mut network, step);
        }
        settle(&mut network);
        network.check();

        // From here on no event is lost, offline or not.
        let before = network.received();
        network.cut(true);
        network.drain();
        for socket in 0..NAMES.len() {
            act(&mut network, &Step::Emit(socket));
            act(&mut network, &Step::Reliable(socket));
        }
        settle(&mut network);
        for socket in 0..NAMES.len() {
            act(&mut network, &Step::Emit(socket));
            act(&mut network, &Step::Say(socket));
        }
        settle(&mut network);
        network.check();
        let more: Vec<usize> = network.received().iter().zip(before).map(|(after, before)| after - before).collect();
        prop_assert_eq!(more, [3, 3, 3, 1, 1, 1]);

        network.client.manager.close(network.now);
        network.drain();
        network.end();
    }
}
