//! Sockets that leave while their CONNECT is not answered.

use super::*;

/// As [`both`], with `/foo` joining.
fn half() -> Script {
    let mut script = joined();
    assert_eq!(script.socket("/foo"), B);
    script.connect(B);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
    script
}

#[test]
fn who_is_joining_says_so_only_when_the_server_has_answered() {
    let mut script = half();
    nothing(script.disconnect(B));
    nothing(script.disconnect(B));
    assert!(!script.manager.is_active(B));
    nothing(script.text(r#"42/foo,["hi"]"#));
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), ["1: 41/foo,"]);
    nothing(script.text(r#"42/foo,["hi"]"#));
    // From there it is as if it had never been.
    assert_eq!(script.connect(B), ["authenticate 1"]);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["connected 1 T2"]);
}

#[test]
fn whom_the_server_refuses_need_not_leave() {
    for answer in [r#"44/foo,{"message":"no"}"#, "41/foo,"] {
        let mut script = half();
        script.disconnect(B);
        nothing(script.text(answer));
        assert_eq!(script.connect(B), ["authenticate 1"]);
    }
}

#[test]
fn who_comes_back_meanwhile_stays() {
    let mut script = half();
    nothing(script.disconnect(B));
    nothing(script.connect(B));
    assert!(script.manager.is_active(B) && !script.manager.is_connected(B));
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), ["connected 1 T"]);

    let mut script = half();
    nothing(script.disconnect(B));
    nothing(script.connect(B));
    nothing(script.disconnect(B));
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), ["1: 41/foo,"]);
}

#[test]
fn what_waits_is_kept_for_the_next_time() {
    let mut script = half();
    nothing(script.emit(B, "hi", ()));
    script.disconnect(B);
    script.text(r#"40/foo,{"sid":"T"}"#);
    script.connect(B);
    script.authenticate(B);
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), [r#"1: 42/foo,["hi"]"#, "connected 1 T2"]);
}

#[test]
fn who_is_asked_for_its_credentials_just_leaves() {
    let mut script = joined();
    assert_eq!(script.socket("/foo"), B);
    script.connect(B);
    nothing(script.disconnect(B));
    nothing(script.authenticate(B));
    assert_eq!(script.connect(B), ["authenticate 1"]);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
}

#[test]
fn the_last_one_does_not_wait_for_the_answer() {
    let mut script = half();
    script.disconnect(B);
    let out = ["1: 41", "1: close", "disconnected 0: io client disconnect", "closed: forced close"];
    assert_eq!(script.disconnect(A), out);
    assert_eq!(script.connect(B), ["attempt 0"]);
}

#[test]
fn the_answer_to_one_who_is_leaving_may_never_come() {
    let mut script = half();
    script.disconnect(B);
    assert_eq!(script.hung_up(false).len(), 3);
    nothing(script.connect(B));
    assert_eq!(script.again(), ["opened 1 websocket", "authenticate 0", "authenticate 1"]);
}

#[test]
fn what_crosses_a_disconnect_is_nothing() {
    let mut script = both();
    script.disconnect(B);
    nothing(script.text(r#"42/foo,["late"]"#));
    nothing(script.text("41/foo,"));
    nothing(script.text("43/foo,0[]"));
}

#[test]
fn who_is_let_in_although_nobody_is_there_any_more_leaves() {
    let mut script = both();
    script.disconnect(B);
    script.connect(B);
    script.authenticate(B);
    // It crossed ours; but it might as well be the answer.
    let refused = "refused 1: the server disconnected the socket before it had joined";
    assert_eq!(script.text("41/foo,"), [refused]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["1: 41/foo,"]);
    assert_eq!(script.connect(B), ["authenticate 1"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["1: 41/foo,"]);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T3"}"#), ["connected 1 T3"]);
}

#[test]
fn events_of_the_time_before_are_not_taken_for_those_of_the_time_after() {
    let mut script = both();
    script.disconnect(B);
    script.connect(B);
    script.authenticate(B);
    // The server has not seen the DISCONNECT when it says this.
    nothing(script.text(r#"42/foo,["late"]"#));
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["connected 1 T2"]);
    assert_eq!(script.text(r#"42/foo,["hi"]"#), ["received 1 hi()"]);
}

#[test]
fn nor_are_those_of_a_time_that_was_over_before_it_began() {
    let mut script = half();
    script.disconnect(B);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), ["1: 41/foo,"]);
    script.connect(B);
    script.authenticate(B);
    nothing(script.text(r#"42/foo,["late"]"#));
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["connected 1 T2"]);
}

#[test]
fn what_was_emitted_before_has_left_before_the_disconnect_does() {
    let mut script = joined();
    script.stuck = true;
    let packets = ["one", "two"].map(|name| script.event(A, None, name, ()));
    for packet in packets {
        script.manager.emit(A, packet, script.now).unwrap();
    }
    script.manager.disconnect(A, script.now);
    // Nor does what comes behind it share its batch: the server would take the connection for broken.
    let out = [r#"1: 42["one"]"#, r#"1: 42["two"]"#, "disconnected 0: io client disconnect", "closed: forced close"];
    assert_eq!(script.out(), out);
    assert_eq!(script.flushed(), ["1: 41", "1: close"]);
}
