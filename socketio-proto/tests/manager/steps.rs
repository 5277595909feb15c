//! The inputs and commands.

use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    // Commands of the application.
    Connect(usize),
    Disconnect(usize),
    CloseEngine,
    Emit(usize, usize),
    Volatile(usize),
    Ask(usize, usize, Option<u64>),
    Forget(usize),
    Reliable(usize),
    // Answers and inputs of the driver.
    Open(bool),
    Authenticate(usize, bool),
    Flush,
    Wait(u64),
    Early,
    Pause,
    Resume,
    // Packets of the server, over one of the WebSockets so far, mostly the last.
    Accept(usize),
    RefuseWebSocket(usize),
    HangUp(usize, bool),
    Ping(usize),
    Read(usize, usize),
    Answer(usize, usize, Answer),
    Acks(usize),
    Say(usize, usize),
    Half(usize, usize),
    ServerDisconnect(usize, usize),
    Rubbish(usize, &'static str),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Accept,
    Refuse,
    Disconnect,
    NoSid,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let socket = || 0..3usize;
    let peer = || prop_oneof![19 => Just(0), 1 => 1..4usize];
    let answer = prop_oneof![
        20 => Just(Answer::Accept),
        1 => Just(Answer::Refuse),
        1 => Just(Answer::Disconnect),
        1 => Just(Answer::NoSid),
    ];
    let rubbish = prop_oneof![Just("4abc"), Just("44"), Just("1"), Just("x"), Just(""), Just("6"), Just("4499")];
    let application = prop_oneof![
        12 => socket().prop_map(Step::Connect),
        3 => socket().prop_map(Step::Disconnect),
        1 => Just(Step::CloseEngine),
        12 => (socket(), 0..250usize).prop_map(|(socket, len)| Step::Emit(socket, len)),
        4 => socket().prop_map(Step::Volatile),
        10 => (socket(), 0..250usize, prop::option::of(0..300u64)).prop_map(|(socket, len, ms)| Step::Ask(socket, len, ms)),
        2 => socket().prop_map(Step::Forget),
        8 => socket().prop_map(Step::Reliable),
    ];
    let driver = prop_oneof![
        12 => prop::bool::weighted(0.9).prop_map(Step::Open),
        16 => (socket(), prop::bool::weighted(0.95)).prop_map(|(socket, ok)| Step::Authenticate(socket, ok)),
        16 => Just(Step::Flush),
        8 => (0..120u64).prop_map(Step::Wait),
        1 => Just(Step::Early),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
    ];
    let server = prop_oneof![
        12 => peer().prop_map(Step::Accept),
        1 => peer().prop_map(Step::RefuseWebSocket),
        1 => (peer(), any::<bool>()).prop_map(|(peer, error)| Step::HangUp(peer, error)),
        3 => peer().prop_map(Step::Ping),
        20 => (peer(), 1..12usize).prop_map(|(peer, count)| Step::Read(peer, count)),
        20 => (peer(), socket(), answer).prop_map(|(peer, socket, answer)| Step::Answer(peer, socket, answer)),
        10 => peer().prop_map(Step::Acks),
        10 => (peer(), socket()).prop_map(|(peer, socket)| Step::Say(peer, socket)),
        1 => (peer(), socket()).prop_map(|(peer, socket)| Step::Half(peer, socket)),
        2 => (peer(), socket()).prop_map(|(peer, socket)| Step::ServerDisconnect(peer, socket)),
        1 => (peer(), rubbish).prop_map(|(peer, text)| Step::Rubbish(peer, text)),
    ];
    prop_oneof![3 => application, 3 => driver, 4 => server]
}
