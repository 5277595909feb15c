//! Sockets that join their namespace.

use super::*;

#[test]
fn a_socket_joins_over_a_connection_of_its_own() {
    let mut script = idle();
    assert!(script.manager.is_idle() && !script.manager.is_active(A));
    assert_eq!(script.connect(A), ["attempt 0"]);
    assert!(!script.manager.is_idle() && script.manager.is_active(A));
    assert_eq!(script.open(), ["1: connect"]);
    assert_eq!(script.deadline(), Some(20_000));
    nothing(script.accepted());
    assert_eq!(script.text(OPEN), ["opened 0 websocket", "authenticate 0"]);
    assert_eq!(script.authenticate_with(A, r#"{"token":"t"}"#), [r#"1: 40{"token":"t"}"#]);
    assert_eq!((script.manager.is_connected(A), script.manager.id(A)), (false, None));
    assert_eq!(script.text(r#"40{"sid":"S","pid":"P"}"#), ["connected 0 S"]);
    assert_eq!((script.manager.is_connected(A), script.manager.id(A)), (true, Some("S")));
    // The only remaining deadline is that of the heartbeat.
    assert_eq!(script.deadline(), Some(45_000));
}

#[test]
fn a_namespace_has_one_socket() {
    let mut script = idle();
    assert_eq!(script.socket("/"), A);
    assert_eq!(script.socket(""), A);
    assert_eq!(script.socket("/foo"), B);
    assert_eq!(script.socket_with("/foo", SocketConfig::default().retries(Some(3))), B);
}

#[test]
fn two_namespaces_share_a_connection() {
    let mut script = idle();
    assert_eq!(script.socket("/foo"), B);
    assert_eq!(script.connect(A), ["attempt 0"]);
    nothing(script.connect(B));
    assert_eq!(script.establish(), ["opened 0 websocket", "authenticate 0", "authenticate 1"]);
    assert_eq!(script.authenticate(A), ["1: 40"]);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
    assert_eq!(script.text(r#"40{"sid":"S"}"#), ["connected 0 S"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), ["connected 1 T"]);
    assert_eq!(script.text(r#"42/foo,["hi",1]"#), ["received 1 hi(1)"]);
    assert_eq!(script.disconnect(A), ["1: 41", "disconnected 0: io client disconnect"]);
    let end = ["1: 41/foo,", "1: close", "disconnected 1: io client disconnect", "closed: forced close"];
    assert_eq!(script.disconnect(B), end);
    assert!(script.manager.is_idle());
    assert_eq!(script.deadline(), None);
}

#[test]
fn a_second_connect_is_ignored_in_every_phase() {
    let mut script = idle();
    assert_eq!(script.connect(A), ["attempt 0"]);
    nothing(script.connect(A));
    script.open();
    nothing(script.connect(A));
    script.accepted();
    assert_eq!(script.text(OPEN), ["opened 0 websocket", "authenticate 0"]);
    nothing(script.connect(A));
    script.authenticate(A);
    nothing(script.connect(A));
    script.text(r#"40{"sid":"S"}"#);
    nothing(script.connect(A));
    assert_eq!(script.ws_closed(false).len(), 3);
    nothing(script.connect(A));
    assert_eq!(script.deadline(), Some(1000));
}

#[test]
fn a_socket_can_be_added_at_any_time() {
    let mut script = idle();
    script.connect(A);
    assert_eq!(script.open(), ["1: connect"]);
    script.accepted();
    // While the connection is being opened.
    let foo = script.socket("/foo");
    nothing(script.connect(foo));
    assert_eq!(script.text(OPEN), ["opened 0 websocket", "authenticate 0", "authenticate 1"]);
    // While it is open.
    let bar = script.socket("/bar");
    assert_eq!(script.connect(bar), ["authenticate 2"]);
    assert_eq!(script.authenticate(bar), ["1: 40/bar,"]);
    // During a pause.
    script.ws_closed(false);
    let baz = script.socket("/baz");
    nothing(script.connect(baz));
    let asked = ["opened 1 websocket", "authenticate 0", "authenticate 1", "authenticate 2", "authenticate 3"];
    assert_eq!(script.reconnect(), asked);
}

#[test]
fn credentials_are_requested_on_each_connection() {
    let mut script = idle();
    script.connect(A);
    script.establish();
    assert_eq!(script.authenticate_with(A, r#"{"token":1}"#), [r#"1: 40{"token":1}"#]);
    script.text(r#"40{"sid":"S"}"#);
    script.ws_closed(false);
    assert_eq!(script.reconnect(), ["opened 1 websocket", "authenticate 0"]);
    assert_eq!(script.authenticate_with(A, r#"{"token":2}"#), [r#"2: 40{"token":2}"#]);
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), ["connected 0 S2"]);
}

#[test]
fn unexpected_answers_are_ignored() {
    let mut script = idle();
    nothing(script.open());
    script.manager.fail_attempt(script.now);
    nothing(script.out());
    nothing(script.authenticate(A));
    script.manager.refuse_authentication(A, script.now);
    nothing(script.out());

    script.connect(A);
    script.establish();
    nothing(script.open());
    script.manager.fail_attempt(script.now);
    nothing(script.out());
    assert_eq!(script.authenticate(A), ["1: 40"]);
    nothing(script.authenticate(A));
    script.manager.refuse_authentication(A, script.now);
    nothing(script.out());
    nothing(script.authenticate(B));

    // The request for credentials was for the previous connection.
    script.ws_closed(false);
    nothing(script.authenticate(A));
    script.manager.refuse_authentication(A, script.now);
    nothing(script.out());
}

#[test]
fn packets_before_the_connect_are_ignored() {
    let mut script = opened();
    nothing(script.text(r#"42["hi"]"#));
    nothing(script.text(r#"44{"message":"no"}"#));
    nothing(script.text("41"));
    nothing(script.text(r#"430["late"]"#));
    nothing(script.text(r#"42/unknown,["hi"]"#));
    assert_eq!(script.authenticate(A), ["1: 40"]);
    nothing(script.text(r#"430["late"]"#));
    assert_eq!(script.text(r#"40{"sid":"S"}"#), ["connected 0 S"]);
    // The same for a second CONNECT.
    nothing(script.text(r#"40{"sid":"other"}"#));
    nothing(script.text(r#"44{"message":"no"}"#));
    assert_eq!(script.manager.id(A), Some("S"));
}

#[test]
fn events_with_attachments_are_received_and_acks_are_sent() {
    let mut script = both();
    nothing(script.text(r#"451-7["file",{"_placeholder":true,"num":0}]"#));
    let received = r#"received 0 file({"_placeholder":true,"num":0}) [b"\x01\x02"] ack 7"#;
    assert_eq!(script.binary(b"\x01\x02"), [received]);
    let ack = encode::ack("/", 7, &Bytes::from_static(b"\x03")).unwrap();
    assert_eq!(script.manager.send_ack(A, ack, script.now), Ok(Pressure::Low));
    assert_eq!(script.out(), [r#"1: 461-7[{"_placeholder":true,"num":0}]"#, r#"1: binary b"\x03""#]);
    let ack = encode::ack("/foo", 0, &()).unwrap();
    assert_eq!(script.text(r#"42/foo,0["ask"]"#), ["received 1 ask() ack 0"]);
    assert_eq!(script.manager.send_ack(B, &ack, script.now), Ok(Pressure::Low));
    assert_eq!(script.out(), ["1: 43/foo,0[]"]);
    script.disconnect(B);
    assert_eq!(script.manager.send_ack(B, &ack, script.now), Err(EmitError::Disconnected));
    assert_eq!(script.manager.send_ack(SocketKey(9), ack, script.now), Err(EmitError::Disconnected));
}

#[test]
fn commands_for_unknown_sockets_are_ignored() {
    let mut script = joined();
    let unknown = SocketKey(9);
    nothing(script.connect(unknown));
    nothing(script.disconnect(unknown));
    nothing(script.authenticate(unknown));
    let packet = encode::event("/", None, "hi", &()).unwrap();
    assert_eq!(script.manager.emit(unknown, &packet, script.now), Err(EmitError::Disconnected));
    assert_eq!(script.manager.emit_with_ack(unknown, &packet, 0, None, script.now), Err(EmitError::Disconnected));
    assert_eq!(script.manager.emit_reliable(unknown, &packet, script.now), Err(EmitError::Disconnected));
    assert!(!script.manager.emit_volatile(unknown, &packet, script.now));
    assert_eq!((script.manager.next_ack_id(unknown), script.manager.buffered()), (0, 0));
    assert!(!script.manager.is_active(unknown) && !script.manager.is_connected(unknown));
}
