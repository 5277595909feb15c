//! The bounds on what a client can make a connection hold.

use super::*;
use crate::Limits;

#[test]
fn namespaces_are_bounded_and_one_too_many_is_refused() {
    let mut script = websocket_with(Config::default().max_namespaces(2), EngineConfig::builder());
    script.text("40");
    script.text("40/a");
    script.accept(A);
    script.flushed();
    assert_eq!(script.text("40/b,"), [r#"ws 44/b,{"message":"Too many namespaces"}"#], "pending ones count");
    script.flushed();
    script.refuse(B, r#"{"message":"no"}"#);
    assert_eq!(script.text("40/b"), ["connecting 2 /b"]);
}

#[test]
fn the_length_of_a_namespace_name_is_bounded() {
    let mut script = websocket_with(Config::default().max_namespace_bytes(4), EngineConfig::builder());
    assert_eq!(script.text("40/abc,"), ["connecting 0 /abc"]);
    assert_eq!(script.text("40/abcd,"), [r#"ws 44/abcd,{"message":"Invalid namespace"}"#]);
}

/// The payload is kept as long as the socket.
#[test]
fn the_payload_of_a_connect_is_bounded() {
    let mut script = websocket_with(Config::default().max_auth_bytes(9), EngineConfig::builder());
    assert_eq!(script.text(r#"40{"a":123}"#), [r#"connecting 0 / {"a":123}"#]);
    assert_eq!(script.text(r#"40/b,{"a":1234}"#), [r#"ws 44/b,{"message":"Auth payload too large"}"#]);
    script.flushed();
    // The client may try again with a smaller payload.
    assert_eq!(script.text(r#"40/b,{"a":1}"#), [r#"connecting 1 /b {"a":1}"#]);
}

/// A slice of the received body would pin all of it as long as the socket exists.
#[test]
fn namespace_and_auth_do_not_pin_the_received_body() {
    let mut script = polling();
    let body = bytes::Bytes::from(format!("40/a,{{\"b\":1}}\u{1e}6{}", "x".repeat(100_000)));
    script.connection.handle_request(RequestId(99), &parts("POST"), script.now);
    script.out();
    script.connection.handle_body(RequestId(99), body.clone(), script.now);
    let Some(Event::Connecting { namespace, auth: Some(auth), .. }) = script.connection.poll_event() else { panic!() };
    assert_eq!((&*namespace, auth.as_str()), ("/a", r#"{"b":1}"#));
    assert!(body.is_unique());
}

#[test]
fn pending_acks_are_bounded() {
    let mut script = joined_with(Config::default().max_pending_acks(2), EngineConfig::builder());
    script.ask(A, 0, None);
    script.ask(B, 0, None);
    assert_eq!(script.connection.emit_with_ack(A, hello(), 1, None), Err(EmitError::TooManyAcks));
    assert_eq!(script.flushed(), [r#"ws 42/admin,0["ask"]"#]);
    script.flushed();
    script.text("430[]");
    assert_eq!(script.ask(A, 1, None), [r#"ws 421["ask"]"#]);
}

#[test]
fn queued_events_are_bounded_however_many_a_body_has() {
    let mut script = polled();
    script.connection.handle_request(RequestId(99), &parts("POST"), script.now);
    script.out();
    let body = vec![r#"42["a"]"#; 10_000].join("\u{1e}");
    script.connection.handle_body(RequestId(99), body.into(), script.now);
    let mut received = 0;
    while let Some(event) = script.connection.poll_event() {
        assert_eq!(describe_event(event), "received 0 a()");
        received += 1;
        assert!(script.connection.events.len() <= 32);
    }
    assert_eq!(received, 10_000);
    assert_eq!(script.out(), ["ok"]);
}

#[test]
fn the_event_queue_shrinks_when_drained() {
    let mut script = joined();
    for id in 0..1000 {
        script.ask(A, id, None);
    }
    assert_eq!(script.text("41").len(), 1001);
    assert!(script.connection.events.capacity() <= 64);
}

#[test]
fn an_event_in_the_queue_is_small() {
    assert!(size_of::<Event>() <= 160, "{}", size_of::<Event>());
}

#[test]
fn namespaces_that_the_server_disconnected_do_not_block_others() {
    let mut script = websocket_with(Config::default().max_namespaces(2), EngineConfig::builder());
    script.text("40/a");
    script.text("40/b");
    script.disconnect(A);
    assert_eq!(script.text("40/c"), ["connecting 2 /c"]);
    assert_eq!(script.connection.members.len(), 2);
    script.flushed();
    assert_eq!(script.text("40/d,"), [r#"ws 44/d,{"message":"Too many namespaces"}"#]);
}

#[test]
fn attachments_are_bounded() {
    let limits = Limits::default().max_attachments(2).max_attachment_bytes(3).max_total_bytes(4);
    let limited = || joined_with(Config::default().decoder(limits), EngineConfig::builder());
    let event = r#"452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let undecodable = |out: Vec<String>| {
        assert_eq!(out[0], "ws close");
        assert_eq!(out[2..], ["disconnected 0 forced close", "disconnected 1 forced close", "closed forced close"]);
        out[1].clone()
    };

    let mut script = limited();
    assert_eq!(
        undecodable(script.text(r#"453-["a"]"#)),
        "undecodable: 3 attachments are announced; at most 2 are allowed"
    );

    let mut script = limited();
    nothing(script.text(event));
    assert_eq!(undecodable(script.binary(b"1234")), "undecodable: an attachment has 4 bytes; at most 3 are allowed");

    let mut script = limited();
    nothing(script.text(event));
    nothing(script.binary(b"123"));
    let text = "undecodable: the attachments of a packet have more than 4 bytes together";
    assert_eq!(undecodable(script.binary(b"12")), text);

    let mut script = limited();
    nothing(script.text(event));
    nothing(script.binary(b"12"));
    assert_eq!(script.binary(b"34").len(), 1);
}

/// A connection that waits for an attachment since 1 s, with a deadline at 6 s.
fn awaiting() -> Script {
    let limits = Limits::default().reassembly_timeout(Duration::from_secs(5));
    let mut script = joined_with(Config::default().decoder(limits), EngineConfig::builder());
    nothing(script.at(1000));
    nothing(script.text(r#"451-["a",{"_placeholder":true,"num":0}]"#));
    assert_eq!(script.deadline(), Some(6000));
    script
}

const OVERDUE: [&str; 5] = [
    "ws close",
    "undecodable: the attachments of a packet did not arrive in time",
    "disconnected 0 forced close",
    "disconnected 1 forced close",
    "closed forced close",
];

#[test]
fn overdue_attachments_close_the_connection() {
    let mut script = awaiting();
    nothing(script.at(5999));
    assert_eq!(script.at(6000), OVERDUE);
}

#[test]
fn complete_attachments_keep_no_timer() {
    let mut script = awaiting();
    assert_eq!(script.binary(b"x").len(), 1);
    assert_eq!(script.deadline(), Some(25_000));
}

#[test]
fn the_attachment_deadline_is_suspended_while_reading_is_paused() {
    let mut script = awaiting();
    script.sleep_until(2000);
    script.connection.pause_reading(script.now);
    assert_eq!(script.deadline(), Some(25_000));
    nothing(script.at(20_000));
    script.connection.resume_reading(script.now);
    assert_eq!(script.deadline(), Some(25_000), "the full timeout again, and a ping");
    script.connection.resume_reading(script.now + Duration::from_secs(1));
    let out = script.at(25_000);
    assert_eq!((&*out[0], &out[1..]), ("ws 2", &OVERDUE.map(String::from)[..]));
}

#[test]
fn a_packet_after_a_pause_has_its_own_deadline() {
    let mut script = awaiting();
    script.connection.pause_reading(script.now);
    script.sleep_until(7000);
    script.connection.resume_reading(script.now);
    script.binary(b"x");
    nothing(script.at(9000));
    nothing(script.text(r#"451-["a",{"_placeholder":true,"num":0}]"#));
    assert_eq!(script.deadline(), Some(14_000));
}

#[test]
fn a_pending_packet_is_dropped_when_the_connection_closes() {
    let mut script = polled();
    nothing(script.post(r#"451-["a",{"_placeholder":true,"num":0}]"#).split_off(1));
    assert_eq!(script.deadline(), Some(25_000));
    nothing(script.close());
    nothing(script.at(29_999));
    assert!(!script.connection.is_closed());
}

#[test]
fn a_client_that_does_not_read_its_answers_is_closed() {
    let limit = || EngineConfig::builder().outbox_limit(400);
    let full = |script: &mut Script, socket: SocketKey| {
        let namespace = script.connection.namespace(socket).unwrap().clone();
        let packet = encode::event(&namespace, None, "a", &()).unwrap();
        while script.emit(socket, &packet).is_ok() {}
        nothing(script.out());
    };
    let drained = |script: &mut Script| {
        assert_eq!(script.get(1).len(), 1);
        let mut out = script.get(2);
        out.retain(|line| line != "ready");
        out
    };

    let mut script = polled_with(limit());
    full(&mut script, A);
    assert_eq!(script.post("40/new,"), ["ok", "connecting 2 /new"]);
    assert_eq!(script.connection.accept(C, [2; 15]), Err(EmitError::Full));
    nothing(script.out());
    assert_eq!(script.connection.accept(C, [2; 15]), Err(EmitError::Disconnected));
    let gone = [
        "2 200 6|1",
        "disconnected 0 forced close",
        "disconnected 1 forced close",
        "disconnected 2 forced close",
        "closed forced close",
    ];
    assert_eq!(drained(&mut script), gone);

    let mut script = polled_with(limit());
    full(&mut script, A);
    script.post("40/new,");
    assert_eq!(script.connection.refuse(C, &Json::object([("message", "no")])), Err(EmitError::Full));
    assert_eq!(drained(&mut script), gone);

    let mut script = polled_with(limit());
    full(&mut script, B);
    assert_eq!(script.disconnect(B), ["disconnected 1 server namespace disconnect"]);
    assert_eq!(drained(&mut script), ["2 200 6|1", "disconnected 0 forced close", "closed forced close"]);

    let mut script = polled_with(limit());
    full(&mut script, A);
    assert_eq!(
        script.disconnect_all(),
        ["disconnected 0 server namespace disconnect", "disconnected 1 server namespace disconnect"]
    );
    assert_eq!(drained(&mut script), ["2 200 6|1", "closed forced close"]);
}
