use super::*;

#[test]
fn a_client_that_leaves_a_namespace_keeps_the_connection() {
    let mut script = joined();
    assert_eq!(script.text("41/admin,"), ["disconnected 1 client namespace disconnect"]);
    assert_eq!(script.emit(B, &hello()), Err(EmitError::Disconnected));
    assert_eq!(script.text(r#"42["still"]"#), ["received 0 still()"]);
    assert_eq!(script.text("41"), ["disconnected 0 client namespace disconnect"]);
    assert!(!script.connection.is_closed());
}

#[test]
fn a_client_may_come_back_to_a_namespace_as_another_socket() {
    let mut script = joined();
    script.text("41");
    assert_eq!(script.text("40"), ["connecting 2 /"]);
    assert_eq!(script.accept(C), [r#"ws 40{"sid":"S2"}"#]);
    assert_eq!(script.emit(A, &hello()), Err(EmitError::Disconnected));
    assert_eq!(script.text(r#"42["new"]"#), ["received 2 new()"]);
}

#[test]
fn a_client_may_leave_and_come_back_in_one_payload() {
    let mut script = polled();
    let out = script.post("42[\"last\"]|41|40");
    assert_eq!(out, ["ok", "received 0 last()", "disconnected 0 client namespace disconnect", "connecting 2 /"]);
}

#[test]
fn events_sent_before_a_disconnect_are_received() {
    let mut script = joined();
    script.text(r#"451-["file",{"_placeholder":true,"num":0}]"#);
    let received = [r#"received 0 file({"_placeholder":true,"num":0}) [b"\x01\x02"]"#];
    assert_eq!(script.binary(&[1, 2]), received);
    assert_eq!(script.text("41"), ["disconnected 0 client namespace disconnect"]);
}

#[test]
fn the_server_disconnects_one_socket() {
    let mut script = joined();
    assert_eq!(script.disconnect(B), ["ws 41/admin,", "disconnected 1 server namespace disconnect"]);
    nothing(script.disconnect(B));
    script.flushed();
    assert_eq!(script.disconnect(A), ["ws 41", "disconnected 0 server namespace disconnect"]);
    assert!(!script.connection.is_closed());
    script.flushed();
    assert_eq!(script.text("40"), ["connecting 2 /"]);
}

#[test]
fn packets_emitted_before_a_disconnect_are_sent_first() {
    let mut script = joined();
    script.emit(A, &hello()).unwrap();
    let out = script.disconnect(A);
    assert_eq!(out, [r#"ws 42["hello"]"#, "ws 41", "disconnected 0 server namespace disconnect"]);
}

#[test]
fn a_pending_socket_can_be_disconnected() {
    let mut script = websocket();
    script.text("40/a");
    assert_eq!(script.disconnect(A), ["ws 41/a,", "disconnected 0 server namespace disconnect"]);
    assert_eq!(script.connection.accept(A, [0; 15]), Err(EmitError::Disconnected));
    script.flushed();
    assert_eq!(script.text("40/a"), ["connecting 1 /a"]);
}

#[test]
fn the_server_disconnects_all_and_closes() {
    let mut script = joined();
    assert_eq!(
        script.disconnect_all(),
        [
            "ws 41",
            "ws 41/admin,",
            "ws close",
            "disconnected 0 server namespace disconnect",
            "disconnected 1 server namespace disconnect",
            "closed forced close"
        ]
    );
}

#[test]
fn disconnects_and_close_are_two_responses_over_polling() {
    let mut script = polled();
    let gone = ["disconnected 0 server namespace disconnect", "disconnected 1 server namespace disconnect"];
    assert_eq!(script.disconnect_all(), gone);
    assert_eq!(script.get(1), ["1 200 41|41/admin,"]);
    assert_eq!(script.get(2), ["2 200 6|1", "closed forced close"]);
}

#[test]
fn disconnect_all_sends_no_disconnect_for_a_pending_socket() {
    let mut script = websocket();
    script.text("40");
    script.text("40/slow");
    script.accept(A);
    script.flushed();
    let out = script.disconnect_all();
    assert_eq!(out[..2], ["ws 41", "ws close"]);
    assert_eq!(
        out[2..],
        [
            "disconnected 0 server namespace disconnect",
            "disconnected 1 server namespace disconnect",
            "closed forced close"
        ]
    );
}

#[test]
fn a_server_that_shuts_down_sends_no_disconnect() {
    let mut script = joined();
    script.emit(A, &hello()).unwrap();
    assert_eq!(
        script.shut_down(),
        [
            r#"ws 42["hello"]"#,
            "ws close",
            "disconnected 0 server shutting down",
            "disconnected 1 server shutting down",
            "closed forced close"
        ]
    );

    let mut script = polled();
    assert_eq!(script.shut_down(), ["disconnected 0 server shutting down", "disconnected 1 server shutting down"]);
    nothing(script.shut_down());
    assert_eq!(script.get(1), ["1 200 6|1", "closed forced close"]);
}

#[test]
fn every_socket_gets_the_reason_of_the_session_end() {
    let ends = |reason: &str| {
        [format!("disconnected 0 {reason}"), format!("disconnected 1 {reason}"), format!("closed {reason}")]
    };
    let closed = |reason: &str| [vec!["ws close".to_owned()], ends(reason).to_vec()].concat();

    assert_eq!(joined().ws_closed(false), ends("transport close"));
    assert_eq!(joined().ws_closed(true), ends("transport error"));
    assert_eq!(joined().text("1"), closed("transport close"));
    assert_eq!(joined().text("2"), closed("transport error"), "only the server pings");
    assert_eq!(joined().text("x"), closed("parse error"));
    assert_eq!(joined().discard(), closed("forced close"));
    assert_eq!(joined().close(), closed("forced close"));

    let mut script = joined();
    assert_eq!(script.at(25_000), ["ws 2"]);
    assert_eq!(script.deadline(), Some(45_000));
    assert_eq!(script.at(45_000), closed("ping timeout"));

    let mut script = polled();
    nothing(script.get(1));
    let overlapping = [vec!["1 200 1".to_owned(), "2 400 ".to_owned()], ends("transport error").to_vec()].concat();
    assert_eq!(script.get(2), overlapping);
}
