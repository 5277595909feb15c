//! Sockets that disconnect while their CONNECT is unanswered.

use super::*;

/// As [`both`], but `/foo` is still joining.
fn half() -> Script {
    let mut script = joined();
    assert_eq!(script.socket("/foo"), B);
    script.connect(B);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
    script
}

#[test]
fn a_joining_socket_sends_disconnect_only_after_the_answer() {
    let mut script = half();
    nothing(script.disconnect(B));
    nothing(script.disconnect(B));
    assert!(!script.manager.is_active(B));
    nothing(script.text(r#"42/foo,["hi"]"#));
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), ["1: 41/foo,"]);
    nothing(script.text(r#"42/foo,["hi"]"#));
    // Afterwards the socket can connect as before.
    assert_eq!(script.connect(B), ["authenticate 1"]);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["connected 1 T2"]);
}

#[test]
fn a_refused_socket_sends_no_disconnect() {
    for answer in [r#"44/foo,{"message":"no"}"#, "41/foo,"] {
        let mut script = half();
        script.disconnect(B);
        nothing(script.text(answer));
        assert_eq!(script.connect(B), ["authenticate 1"]);
    }
}

#[test]
fn a_socket_that_reconnects_before_the_answer_joins() {
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
fn buffered_packets_are_kept_across_a_disconnect() {
    let mut script = half();
    nothing(script.emit(B, "hi", ()));
    script.disconnect(B);
    script.text(r#"40/foo,{"sid":"T"}"#);
    script.connect(B);
    script.authenticate(B);
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), [r#"1: 42/foo,["hi"]"#, "connected 1 T2"]);
}

#[test]
fn a_socket_without_a_sent_connect_leaves_without_a_disconnect() {
    let mut script = joined();
    assert_eq!(script.socket("/foo"), B);
    script.connect(B);
    nothing(script.disconnect(B));
    nothing(script.authenticate(B));
    assert_eq!(script.connect(B), ["authenticate 1"]);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
}

#[test]
fn the_last_socket_does_not_wait_for_the_answer() {
    let mut script = half();
    script.disconnect(B);
    let out = ["1: 41", "1: close", "disconnected 0: io client disconnect", "closed: forced close"];
    assert_eq!(script.disconnect(A), out);
    assert_eq!(script.connect(B), ["attempt 0"]);
}

#[test]
fn a_leaving_socket_survives_the_loss_of_the_connection() {
    let mut script = half();
    script.disconnect(B);
    assert_eq!(script.ws_closed(false).len(), 3);
    nothing(script.connect(B));
    assert_eq!(script.reconnect(), ["opened 1 websocket", "authenticate 0", "authenticate 1"]);
}

#[test]
fn packets_that_cross_a_disconnect_are_ignored() {
    let mut script = both();
    script.disconnect(B);
    nothing(script.text(r#"42/foo,["late"]"#));
    nothing(script.text("41/foo,"));
    nothing(script.text("43/foo,0[]"));
}

#[test]
fn a_socket_accepted_although_unwanted_is_disconnected() {
    let mut script = both();
    script.disconnect(B);
    script.connect(B);
    script.authenticate(B);
    // This DISCONNECT crossed ours, but it could also be the answer.
    let refused = "refused 1: the server disconnected the socket before it had joined";
    assert_eq!(script.text("41/foo,"), [refused]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["1: 41/foo,"]);
    assert_eq!(script.connect(B), ["authenticate 1"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["1: 41/foo,"]);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T3"}"#), ["connected 1 T3"]);
}

#[test]
fn late_events_are_not_delivered_to_the_next_membership() {
    let mut script = both();
    script.disconnect(B);
    script.connect(B);
    script.authenticate(B);
    // The server sent this before it received the DISCONNECT.
    nothing(script.text(r#"42/foo,["late"]"#));
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["connected 1 T2"]);
    assert_eq!(script.text(r#"42/foo,["hi"]"#), ["received 1 hi()"]);
}

#[test]
fn late_events_of_an_abandoned_join_are_not_delivered() {
    let mut script = half();
    script.disconnect(B);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), ["1: 41/foo,"]);
    script.connect(B);
    script.authenticate(B);
    nothing(script.text(r#"42/foo,["late"]"#));
    assert_eq!(script.text(r#"40/foo,{"sid":"T2"}"#), ["connected 1 T2"]);
}

#[test]
fn a_disconnect_is_sent_after_the_packets_emitted_before() {
    let mut script = joined();
    script.stuck = true;
    let packets = ["one", "two"].map(|name| script.event(A, None, name, ()));
    for packet in packets {
        script.manager.emit(A, packet, script.now).unwrap();
    }
    script.manager.disconnect(A, script.now);
    // DISCONNECT is a batch of its own, because the server closes the connection if a packet follows in the same read.
    let out = [r#"1: 42["one"]"#, r#"1: 42["two"]"#, "disconnected 0: io client disconnect", "closed: forced close"];
    assert_eq!(script.out(), out);
    assert_eq!(script.flushed(), ["1: 41", "1: close"]);
}
