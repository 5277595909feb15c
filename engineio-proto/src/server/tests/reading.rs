//! A body with many packets is decoded step by step.

use super::*;

/// More messages than are read ahead.
const MANY: usize = 100;

fn messages(count: usize) -> String {
    vec!["4"; count].join("|")
}

/// A session that has received a POST with this body; its outputs are not drained.
fn receiving(body: &str) -> Script {
    let mut script = polling();
    script.post_head(1);
    script.session.handle_body(RequestId(1), body.replace('|', "\u{1e}").into(), script.now);
    script
}

fn take(script: &mut Script, events: usize) -> Vec<String> {
    let mut out = Vec::new();
    script.transmits(&mut out);
    script.events(&mut out, events);
    script.transmits(&mut out);
    out
}

#[test]
fn the_events_of_a_body_are_bounded() {
    let mut script = receiving(&messages(MANY));
    let mut taken = 0;
    while let Some(event) = script.session.poll_event() {
        assert_eq!(event, Event::Message(Data::from("")));
        taken += 1;
        assert!(script.session.events.len() <= 32);
    }
    assert_eq!(taken, MANY);
}

#[test]
fn a_post_is_answered_once_its_body_is_processed() {
    // A body that fits is decoded at once.
    assert_eq!(take(&mut receiving(&messages(32)), 0), ["1 200 ok"]);

    let mut script = receiving(&messages(33));
    assert_eq!(take(&mut script, 32), [&["message "; 32][..]].concat());
    assert!(script.session.has_events());
    assert_eq!(take(&mut script, 1), ["message ", "1 200 ok"]);
    assert!(!script.session.has_events());
    assert_eq!(script.post(2, "4b"), ["2 200 ok", "message b"]);
}

#[test]
fn a_final_packet_takes_effect_in_its_place() {
    for (packet, answer) in
        [("1", "transport close"), ("2", "transport error"), ("X", "parse error"), ("", "parse error")]
    {
        let mut script = receiving(&format!("{}|{packet}|4late", messages(MANY)));
        let out = script.out();
        assert_eq!(out[..MANY], ["message "; MANY], "{packet}");
        // The close takes effect in its place. The POST is answered `ok`, as its body was received.
        assert_eq!(out[MANY..], [&format!("closed {answer}"), "1 200 ok"], "{packet}");
        nothing(script.out());
    }
}

#[test]
fn a_pong_takes_effect_in_its_place() {
    let mut script = polling();
    assert_eq!(script.deadline(), Some(25_000));
    nothing(script.at(25_000));
    assert_eq!(script.deadline(), Some(45_000));
    script.post_head(1);
    script.session.handle_body(RequestId(1), format!("{}|3", messages(32)).replace('|', "\u{1e}").into(), script.now);
    assert_eq!(script.deadline(), Some(45_000));
    assert_eq!(script.out().len(), 33);
    assert_eq!(script.deadline(), Some(50_000));
}

#[test]
fn a_post_during_another_one_ends_the_session() {
    let mut script = receiving(&messages(MANY));
    script.session.handle_request(RequestId(2), &parts("POST", &[]), script.now);
    let out = script.out();
    assert_eq!(out[..2], ["1 200 ok", "2 400 "]);
    assert_eq!(out[2..34], ["message "; 32], "read ahead");
    assert_eq!(out[34..], ["closed transport error"]);
}

#[test]
fn a_second_body_of_a_post_is_ignored() {
    let mut script = receiving(&messages(MANY));
    script.session.handle_body(RequestId(1), "4again".into(), script.now);
    script.session.handle_body_too_large(RequestId(1), script.now);
    assert_eq!(script.out().iter().filter(|line| *line == "message ").count(), MANY);
}

#[test]
fn a_pause_stops_the_decoding_of_a_body() {
    let mut script = receiving(&messages(MANY));
    script.session.pause_reading(script.now);
    assert!(script.session.has_events(), "read ahead");
    assert_eq!(script.out(), ["message "; 32]);
    assert!(!script.session.has_events());
    nothing(script.out());
    script.session.resume_reading(script.now);
    assert!(script.session.has_events());
    assert_eq!(script.out().len(), MANY - 32 + 1);

    script.session.pause_reading(script.now);
    nothing(script.post(2, "4a"));
    script.session.resume_reading(script.now);
    assert_eq!(script.out(), ["message a", "2 200 ok"]);
}

#[test]
fn a_close_drops_the_rest_of_a_body() {
    let mut script = receiving(&messages(MANY));
    assert_eq!(script.close(), [&["1 200 ok"], &["message "; 32][..]].concat());
    assert_eq!(script.get(2), ["2 200 6|1", "closed forced close"]);
    let mut script = receiving(&messages(MANY));
    script.session.discard(script.now);
    assert_eq!(script.out().last().unwrap(), "closed forced close");
    nothing(script.out());
}

#[test]
fn an_abort_of_a_post_in_progress_ends_the_session() {
    let mut script = receiving(&messages(MANY));
    let out = script.aborted(1);
    assert_eq!(out[..32], ["message "; 32]);
    assert_eq!(out[32..], ["closed transport error"]);
}

#[test]
fn an_upgrade_keeps_the_rest_of_a_body() {
    let mut script = probed();
    script.post_head(1);
    script.session.handle_body(RequestId(1), messages(MANY).replace('|', "\u{1e}").into(), script.now);
    script.session.handle_message(WS, Data::from("5"), script.now);
    let out = script.out();
    assert_eq!(out.iter().filter(|line| *line == "message ").count(), MANY);
    assert_eq!(out.last().unwrap(), "1 200 ok");
}
