use super::*;

#[test]
fn an_event_may_request_an_ack() {
    let mut script = joined();
    let out = script.text(r#"42456["ask",1,"2",{"3":[false]}]"#);
    assert_eq!(out, [r#"received 0 ask(1,"2",{"3":[false]}) ack 456"#]);
    script.emit(A, &encode::ack("/", 456, &(1, "2")).unwrap()).unwrap();
    assert_eq!(script.out(), [r#"ws 43456[1,"2"]"#]);
}

#[test]
fn an_ack_is_received_with_its_arguments() {
    let mut script = joined();
    assert_eq!(script.ask(A, 7, None), [r#"ws 427["ask"]"#]);
    assert_eq!(script.connection.pending_acks(), 1);
    assert_eq!(script.text(r#"437["yes",2]"#), [r#"acked 0 7 ("yes",2)"#]);
    assert_eq!(script.connection.pending_acks(), 0);
}

#[test]
fn an_ack_may_carry_attachments() {
    let mut script = joined();
    script.ask(B, 7, None);
    nothing(script.text(r#"461-/admin,7[{"_placeholder":true,"num":0}]"#));
    script.connection.handle_message(WS, Data::Binary(b"x"[..].into()), script.now);
    let Some(Event::Acked { socket: B, id: 7, result: Ok(args) }) = script.connection.poll_event() else { panic!() };
    assert_eq!(args.attachments(), [&b"x"[..]]);
}

#[test]
fn an_overdue_ack_times_out_and_a_late_one_is_ignored() {
    let mut script = joined();
    script.ask(A, 0, Some(300));
    script.ask(A, 1, Some(200));
    script.ask(A, 2, None);
    assert_eq!(script.deadline(), Some(200));
    nothing(script.at(199));
    assert_eq!(script.at(200), ["acked 0 1 operation has timed out"]);
    nothing(script.text("431[]"));
    assert_eq!(script.deadline(), Some(300));
    assert_eq!(script.at(9_999), ["acked 0 0 operation has timed out"]);
    nothing(script.text("430[]"));
    assert_eq!(script.text("432[]"), ["acked 0 2 ()"]);
}

#[test]
fn a_deadline_that_has_passed_fires_at_the_next_timeout() {
    let mut script = joined();
    script.at(1000);
    script.ask(A, 0, Some(500));
    assert_eq!(script.deadline(), Some(500));
    assert_eq!(script.at(1000), ["acked 0 0 operation has timed out"]);
}

#[test]
fn a_settled_ack_keeps_no_timer() {
    let mut script = joined();
    script.ask(A, 0, Some(200));
    script.text("430[]");
    assert_eq!(script.deadline(), Some(25_000));
}

#[test]
fn duplicate_and_unknown_acks_are_ignored() {
    let mut script = joined();
    script.ask(A, 0, None);
    nothing(script.text("431[]"));
    nothing(script.text("43/admin,0[]"));
    assert_eq!(script.text("430[1]"), ["acked 0 0 (1)"]);
    nothing(script.text("430[2]"));
    assert!(!script.connection.is_closed());
}

#[test]
fn the_same_ack_id_may_be_pending_in_two_namespaces() {
    let mut script = joined();
    script.ask(A, 0, None);
    script.flushed();
    assert_eq!(script.ask(B, 0, None), [r#"ws 42/admin,0["ask"]"#]);
    assert_eq!(script.text(r#"43/admin,0["b"]"#), [r#"acked 1 0 ("b")"#]);
    assert_eq!(script.text(r#"430["a"]"#), [r#"acked 0 0 ("a")"#]);
}

#[test]
fn a_pending_ack_id_is_refused() {
    let mut script = joined();
    script.ask(A, 0, None);
    assert_eq!(script.connection.emit_with_ack(A, hello(), 0, None), Err(EmitError::AckIdInUse));
    nothing(script.out());
    script.text("430[]");
    script.ask(A, 0, None);
}

#[test]
fn ack_ids_use_all_64_bits() {
    let mut script = joined();
    assert_eq!(script.ask(A, u64::MAX, None), [r#"ws 4218446744073709551615["ask"]"#]);
    assert_eq!(script.text("4318446744073709551615[]"), ["acked 0 18446744073709551615 ()"]);
    script.ask(A, u64::MAX, None);
    assert_eq!(
        script.text("41"),
        ["acked 0 18446744073709551615 socket has been disconnected", "disconnected 0 client namespace disconnect"]
    );
}

#[test]
fn a_disconnect_settles_the_pending_acks_of_its_socket() {
    for by_client in [true, false] {
        let mut script = joined();
        script.ask(B, 5, Some(1000));
        script.ask(B, 3, None);
        script.ask(A, 4, None);
        script.flushed();
        let mut out = if by_client { script.text("41/admin,") } else { script.disconnect(B) };
        out.retain(|line| !line.starts_with("ws"));
        let settled = ["acked 1 3 socket has been disconnected", "acked 1 5 socket has been disconnected"];
        assert_eq!(out[..2], settled, "in order of id");
        assert!(out[2].starts_with("disconnected 1 "));
        assert_eq!(script.connection.pending_acks(), 1);
        nothing(script.at(1000));
        assert_eq!(script.text("434[]"), ["acked 0 4 ()"]);
    }
}

#[test]
fn the_end_of_the_session_settles_all_acks() {
    let mut script = joined();
    script.ask(B, 0, None);
    script.ask(A, 1, Some(1000));
    assert_eq!(
        script.ws_closed(true),
        [
            "acked 0 1 socket has been disconnected",
            "disconnected 0 transport error",
            "acked 1 0 socket has been disconnected",
            "disconnected 1 transport error",
            "closed transport error"
        ]
    );
    assert_eq!(script.connection.pending_acks(), 0);
}

#[test]
fn acks_expire_also_while_the_connection_closes() {
    let mut script = polled();
    nothing(script.ask(A, 0, Some(1000)));
    nothing(script.close());
    assert_eq!(script.at(1000), ["acked 0 0 operation has timed out"]);
    script.get(1);
    let gone = ["2 200 6|1", "disconnected 0 forced close", "disconnected 1 forced close", "closed forced close"];
    assert_eq!(script.get(2), gone);
}

#[test]
fn a_forgotten_ack_causes_no_event() {
    let mut script = joined();
    script.ask(A, 0, Some(1000));
    script.connection.forget_ack(A, 0);
    script.connection.forget_ack(A, 0);
    script.connection.forget_ack(B, 9);
    nothing(script.out());
    assert_eq!(script.deadline(), Some(25_000));
    nothing(script.text("430[]"));
    assert_eq!(script.text("41"), ["disconnected 0 client namespace disconnect"]);
}

#[test]
fn a_failed_emit_leaves_no_pending_ack() {
    let mut script = joined_with(Config::default(), EngineConfig::builder().outbox_limit(100));
    let large = encode::event("/", Some(0), "a", &"x".repeat(200)).unwrap();
    assert_eq!(script.connection.emit_with_ack(A, &large, 0, None), Err(EmitError::TooLarge));
    assert_eq!(script.connection.pending_acks(), 0);
    assert_eq!(script.text("41"), ["disconnected 0 client namespace disconnect"]);
}
