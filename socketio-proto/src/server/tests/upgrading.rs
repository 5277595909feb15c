//! The poll that has to be answered before the client can upgrade to its WebSocket.

use super::*;

fn probe(script: &mut Script) -> Vec<String> {
    script.connection.handle_websocket(WS, &parts("GET"), script.now);
    nothing(script.out());
    script.text("2probe")
}

fn idle(script: &mut Script) -> Vec<String> {
    script.connection.handle_idle(script.now);
    script.out()
}

#[test]
fn a_poll_is_held_until_the_client_has_joined() {
    let mut script = polling();
    nothing(script.get(1));
    nothing(idle(&mut script));
    assert_eq!(probe(&mut script), ["ws 3probe"]);
    assert_eq!(script.deadline(), Some(100));
    script.sleep_until(99);
    assert_eq!(script.post("40"), ["ok", "connecting 0 /"]);
    assert_eq!(script.accept(A), [r#"1 200 40{"sid":"S0"}"#]);
}

#[test]
fn a_poll_is_answered_after_100_ms_although_the_client_has_not_joined() {
    let mut script = polling();
    nothing(script.get(1));
    assert_eq!(probe(&mut script), ["ws 3probe"]);
    nothing(script.at(99));
    assert_eq!(script.at(100), ["1 200 6"]);
}

#[test]
fn a_poll_is_held_until_all_events_are_handled() {
    let mut script = polled();
    script.sleep_until(1000);
    assert_eq!(script.post(r#"420["a"]"#), ["ok", r#"received 0 a() ack 0"#]);
    script.sleep_until(2000);
    nothing(script.get(2));
    assert_eq!(probe(&mut script), ["ws 3probe"]);
    assert_eq!(script.deadline(), Some(2100));
    script.emit(A, &encode::ack("/", 0, &(1,)).unwrap()).unwrap();
    assert_eq!(script.out(), ["2 200 430[1]"]);
}

#[test]
fn a_poll_of_a_quiet_client_is_answered_at_once() {
    let mut script = polled();
    script.sleep_until(1000);
    assert_eq!(script.post(r#"42["a"]"#), ["ok", r#"received 0 a()"#]);
    nothing(idle(&mut script));
    script.sleep_until(2000);
    nothing(script.get(2));
    assert_eq!(probe(&mut script), ["ws 3probe", "2 200 6"]);
}

/// Events of the same payload are still queued.
#[test]
fn idle_is_ignored_while_events_are_queued() {
    let mut script = polled();
    script.connection.handle_request(RequestId(99), &parts("POST"), script.now);
    assert_eq!(script.out(), ["receive"]);
    script.connection.handle_body(RequestId(99), "42[\"a\"]\u{1e}42[\"b\"]".into(), script.now);
    assert!(script.connection.poll_event().is_some());
    nothing(idle(&mut script)[2..].to_vec());
    script.sleep_until(2000);
    nothing(script.get(2));
    assert_eq!(probe(&mut script), ["ws 3probe"]);
    assert_eq!(idle(&mut script), ["2 200 6"]);
}
