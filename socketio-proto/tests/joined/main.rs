//! A client's manager joined with connections of a server, by a network in memory that delays, cuts, and forgets with its server.
//! Whatever both applications do meanwhile:
//!
//! * what one sends the other receives, in order and at most once; reliably sent, at least once if it was told so;
//! * of what went to one socket only the end can be missing, and only if the socket is gone;
//! * every ack is settled once, and belongs to what asked for it;
//! * when all is quiet both agree who is in which namespace, and under which id; what is sent from there on arrives;
//! * in the end both are idle: nothing is held, and nothing waited for.

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
    // The client's application.
    Connect(usize),
    Disconnect(usize),
    Emit(usize),
    Ask(usize, Option<u64>),
    Reliable(usize),
    CloseEngine,
    // The server's.
    Answer(usize, bool),
    Say(usize),
    Inquire(usize, Option<u64>),
    SendAway(usize),
    Close,
    // What is between them.
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
        15 => (socket(), prop::bool::weighted(0.95)).prop_map(|(socket, lets_in)| Step::Answer(socket, lets_in)),
        10 => socket().prop_map(Step::Say),
        5 => (socket(), deadline()).prop_map(|(socket, ms)| Step::Inquire(socket, ms)),
        1 => socket().prop_map(Step::SendAway),
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
        Step::Answer(socket, lets_in) => network.server().answer(socket, lets_in),
        Step::Say(socket) => drop(network.server().say(socket, None)),
        Step::Inquire(socket, ms) => network.server().inquire(socket, ms, now),
        Step::SendAway(socket) => network.server().send_away(socket),
        Step::Close => network.server().connection.close(now),
        Step::Deliver(choice) => drop(network.deliver(choice)),
        Step::Wait(ms) => network.wait(ms),
        Step::Cut(told) => network.cut(told),
        Step::Restart => network.restart(),
    }
    network.drain();
}

/// Everybody wants to be connected and does what is right, until nothing more happens.
fn settle(network: &mut Network) {
    for round in 0..2000 {
        for socket in 0..NAMES.len() {
            act(network, &Step::Connect(socket));
            act(network, &Step::Answer(socket, true));
        }
        // From time to time, so that pauses pass and heartbeats don't.
        if !network.deliver(round) {
            if network.is_settled() {
                return;
            }
            network.wait(10);
        }
    }
    panic!("it goes on for ever");
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

        // From here nothing is lost, offline or not.
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
