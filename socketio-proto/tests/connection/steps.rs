//! The inputs and commands.

use proptest::prelude::*;

pub(crate) const NAMES: [&str; 5] = ["/", "/a", "/b", "/c", "/too-long"];

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Get,
    Post(Vec<Say>),
    AbortGet,
    /// The whole upgrade at once, as far as the session accepts it.
    Upgrade,
    Message(Say),
    Flushed,
    HungUp(bool),
    Wait(u64),
    Early,
    /// The number of a command selects one of the sockets.
    Accept(usize),
    Refuse(usize),
    Emit(usize, usize),
    Volatile(usize),
    Ask(usize, u64, Option<u64>),
    Forget(usize, u64),
    Disconnect(usize),
    DisconnectAll,
    ShutDown,
    Close,
    Discard,
    Pause,
    Resume,
}

/// A packet of the client: its kind and namespace, or invalid text.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    Connect(usize),
    Event(usize),
    Ack(usize, u64),
    Leave(usize),
    Binary(usize),
    Attachment,
    Pong,
    Rubbish(&'static str),
}

pub(crate) fn say() -> impl Strategy<Value = Say> {
    let name = || prop_oneof![8 => 0..2usize, 1 => 2..NAMES.len()];
    prop_oneof![
        6 => name().prop_map(Say::Connect),
        10 => name().prop_map(Say::Event),
        10 => (name(), 0..4u64).prop_map(|(name, id)| Say::Ack(name, id)),
        1 => name().prop_map(Say::Leave),
        3 => name().prop_map(Say::Binary),
        6 => Just(Say::Attachment),
        5 => Just(Say::Pong),
        1 => prop_oneof![Just("4abc"), Just("44{}"), Just("1"), Just("x"), Just("")].prop_map(Say::Rubbish),
    ]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let socket = || 0..9usize;
    prop_oneof![
        16 => Just(Step::Get),
        16 => prop::collection::vec(say(), 1..6).prop_map(Step::Post),
        1 => prop::collection::vec(say(), 30..70).prop_map(Step::Post),
        1 => Just(Step::AbortGet),
        2 => Just(Step::Upgrade),
        24 => say().prop_map(Step::Message),
        12 => Just(Step::Flushed),
        1 => any::<bool>().prop_map(Step::HungUp),
        5 => (0..400u64).prop_map(Step::Wait),
        1 => Just(Step::Early),
        14 => socket().prop_map(Step::Accept),
        2 => socket().prop_map(Step::Refuse),
        8 => (socket(), 0..300usize).prop_map(|(socket, len)| Step::Emit(socket, len)),
        3 => socket().prop_map(Step::Volatile),
        10 => (socket(), 0..4u64, prop::option::of(0..300u64)).prop_map(|(socket, id, ms)| Step::Ask(socket, id, ms)),
        2 => (socket(), 0..4u64).prop_map(|(socket, id)| Step::Forget(socket, id)),
        1 => socket().prop_map(Step::Disconnect),
        1 => prop_oneof![
            Just(Step::DisconnectAll),
            Just(Step::ShutDown),
            Just(Step::Close),
            Just(Step::Discard)
        ],
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
    ]
}

pub(crate) fn packet_text(say: &Say, polling: bool) -> String {
    let head = |kind: char, name: &usize| match NAMES[*name] {
        "/" => format!("4{kind}"),
        name => format!("4{kind}{name},"),
    };
    match say {
        Say::Connect(name) => head('0', name),
        Say::Event(name) => head('2', name) + r#"7["a",1]"#,
        Say::Ack(name, id) => format!("{}{id}[]", head('3', name)),
        Say::Leave(name) => head('1', name),
        Say::Binary(name) => match NAMES[*name] {
            "/" => r#"451-["b",{"_placeholder":true,"num":0}]"#.into(),
            name => format!(r#"451-{name},["b",{{"_placeholder":true,"num":0}}]"#),
        },
        Say::Attachment if polling => "bAQI=".into(),
        Say::Attachment => String::new(),
        Say::Pong => "3".into(),
        Say::Rubbish(text) => (*text).into(),
    }
}
