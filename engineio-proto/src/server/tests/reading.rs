//! A body of many packets is not turned into as many events at once.

use super::*;

/// More than is read ahead.
const MANY: usize = 100;

fn messages(count: usize) -> String {
    vec!["4"; count].join("|")
}

/// A session that has got a body, and the head of the lines it has to say.
fn began(body: &str) -> Script {
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
fn few_events_are_held_at_a_time() {
    let mut script = began(&messages(MANY));
    let mut taken = 0;
    while let Some(event) = script.session.poll_event() {
        assert_eq!(event, Event::Message(Data::from("")));
        taken += 1;
        assert!(script.session.events.len() <= 32);
    }
    assert_eq!(taken, MANY);
}

#[test]
fn the_post_is_answered_when_it_has_been_read() {
    // What fits is read at once.
    assert_eq!(take(&mut began(&messages(32)), 0), ["1 200 ok"]);

    let mut script = began(&messages(33));
    assert_eq!(take(&mut script, 32), [&["message "; 32][..]].concat());
    assert!(script.session.has_events());
    assert_eq!(take(&mut script, 1), ["message ", "1 200 ok"]);
    assert!(!script.session.has_events());
    assert_eq!(script.post(2, "4b"), ["2 200 ok", "message b"]);
}

#[test]
fn what_follows_acts_in_its_place() {
    for (packet, answer) in
        [("1", "transport close"), ("2", "transport error"), ("X", "parse error"), ("", "parse error")]
    {
        let mut script = began(&format!("{}|{packet}|4late", messages(MANY)));
        let out = script.out();
        assert_eq!(out[..MANY], ["message "; MANY], "{packet}");
        // The close comes where it stood, and the body was received all the same.
        assert_eq!(out[MANY..], [&format!("closed {answer}"), "1 200 ok"], "{packet}");
        nothing(script.out());
    }
}

#[test]
fn a_pong_acts_in_its_place() {
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
fn a_post_beside_one_that_is_being_read_overlaps() {
    let mut script = began(&messages(MANY));
    script.session.handle_request(RequestId(2), &parts("POST", &[]), script.now);
    let out = script.out();
    assert_eq!(out[..2], ["1 200 ok", "2 400 "]);
    assert_eq!(out[2..34], ["message "; 32], "what was read");
    assert_eq!(out[34..], ["closed transport error"]);
}

#[test]
fn the_body_comes_once() {
    let mut script = began(&messages(MANY));
    script.session.handle_body(RequestId(1), "4again".into(), script.now);
    script.session.handle_body_too_large(RequestId(1), script.now);
    assert_eq!(script.out().iter().filter(|line| *line == "message ").count(), MANY);
}

#[test]
fn nothing_is_read_on_while_reading_is_paused() {
    let mut script = began(&messages(MANY));
    script.session.pause_reading(script.now);
    assert!(script.session.has_events(), "read before");
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
fn a_close_gives_up_what_is_unread() {
    let mut script = began(&messages(MANY));
    assert_eq!(script.close(), [&["1 200 ok"], &["message "; 32][..]].concat());
    assert_eq!(script.get(2), ["2 200 6|1", "closed forced close"]);
    let mut script = began(&messages(MANY));
    script.session.discard(script.now);
    assert_eq!(script.out().last().unwrap(), "closed forced close");
    nothing(script.out());
}

#[test]
fn a_client_that_goes_away_meanwhile_ends_the_session() {
    let mut script = began(&messages(MANY));
    let out = script.aborted(1);
    assert_eq!(out[..32], ["message "; 32]);
    assert_eq!(out[32..], ["closed transport error"]);
}

#[test]
fn an_upgrade_does_not_lose_what_is_unread() {
    let mut script = probed();
    script.post_head(1);
    script.session.handle_body(RequestId(1), messages(MANY).replace('|', "\u{1e}").into(), script.now);
    script.session.handle_message(WS, Data::from("5"), script.now);
    let out = script.out();
    assert_eq!(out.iter().filter(|line| *line == "message ").count(), MANY);
    assert_eq!(out.last().unwrap(), "1 200 ok");
}
