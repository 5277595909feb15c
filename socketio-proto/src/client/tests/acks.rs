//! Acks of the server.

use super::*;

#[test]
fn an_ack_is_reported_with_its_arguments() {
    let mut script = both();
    assert_eq!(script.ask(A, "ask", None), [r#"1: 420["ask"]"#]);
    assert_eq!(script.ask(A, "ask", Some(5000)), [r#"1: 421["ask"]"#]);
    assert_eq!(script.ask(B, "ask", None), [r#"1: 42/foo,0["ask"]"#]);
    assert_eq!((script.manager.pending_acks(), script.deadline()), (3, Some(5000)));
    assert_eq!(script.text(r#"431["yes",1]"#), [r#"acked 0 1 ("yes",1)"#]);
    assert_eq!(script.text(r#"43/foo,0[]"#), ["acked 1 0 ()"]);
    nothing(script.text(r#"461-0[{"_placeholder":true,"num":0}]"#));
    assert_eq!(script.binary(b"\x01"), [r#"acked 0 0 ({"_placeholder":true,"num":0}) [b"\x01"]"#]);
    assert_eq!((script.manager.pending_acks(), script.deadline()), (0, Some(45_000)));
    // Duplicate and unknown ids.
    nothing(script.text("431[]"));
    nothing(script.text("437[]"));
}

#[test]
fn ack_ids_are_not_reset_by_a_new_connection() {
    let mut script = joined();
    assert_eq!(script.ask(A, "ask", None), [r#"1: 420["ask"]"#]);
    assert_eq!(script.ws_closed(false)[1], "acked 0 0 socket has been disconnected");
    script.reconnect();
    script.authenticate(A);
    script.text(r#"40{"sid":"S2"}"#);
    assert_eq!(script.ask(A, "ask", None), [r#"2: 421["ask"]"#]);
    nothing(script.text("430[]"));
    assert_eq!(script.text("431[]"), ["acked 0 1 ()"]);
}

#[test]
fn an_ack_after_its_deadline_is_ignored() {
    let mut script = joined();
    script.ask(A, "ask", Some(100));
    assert_eq!(script.at(100), ["acked 0 0 operation has timed out"]);
    nothing(script.text("430[]"));
    assert_eq!(script.manager.pending_acks(), 0);
}

#[test]
fn an_event_that_times_out_in_the_buffer_is_not_sent() {
    let mut script = idle();
    script.ask(A, "one", Some(50));
    script.ask(A, "two", None);
    script.ask(A, "three", Some(50));
    assert_eq!((script.manager.pending_acks(), script.deadline()), (3, Some(50)));
    assert_eq!(script.at(50), ["acked 0 0 operation has timed out", "acked 0 2 operation has timed out"]);
    script.connect(A);
    script.establish();
    script.authenticate(A);
    assert_eq!(script.text(r#"40{"sid":"S"}"#), [r#"1: 421["two"]"#, "connected 0 S"]);
    assert_eq!((script.manager.pending_acks(), script.manager.buffered()), (1, 0));
}

#[test]
fn a_passed_ack_deadline_fires_at_the_next_timeout() {
    let mut script = joined();
    script.sleep_until(1000);
    script.ask(A, "ask", Some(500));
    assert_eq!(script.deadline(), Some(500));
    assert_eq!(script.at(1000), ["acked 0 0 operation has timed out"]);
}

#[test]
fn a_disconnect_settles_acks_of_sent_events_and_keeps_buffered_ones() {
    let mut script = both();
    script.ask(A, "sent", None);
    script.ask(B, "other", None);
    let out = ["1: 41", "acked 0 0 socket has been disconnected", "disconnected 0: io client disconnect"];
    assert_eq!(script.disconnect(A), out);
    nothing(script.ask(A, "kept", Some(5000)));
    assert_eq!(script.manager.pending_acks(), 2);
    // The event has not been sent.
    nothing(script.text("431[]"));
    let out = [
        "closed: transport close",
        "acked 1 0 socket has been disconnected",
        "disconnected 1: transport close",
        "attempt 1 in 1000 ms",
    ];
    assert_eq!(script.ws_closed(false), out);
    nothing(script.connect(A));
    script.reconnect();
    script.authenticate(A);
    nothing(script.text("431[]"));
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), [r#"2: 421["kept"]"#, "connected 0 S2"]);
    assert_eq!(script.text("431[1]"), ["acked 0 1 (1)"]);
}

/// Without a deadline nothing else would settle the ack. The event is not sent later, because it was reported as
/// failed.
#[test]
fn acks_of_buffered_events_fail_when_the_socket_is_over() {
    type End = fn(&mut Script) -> Vec<String>;
    let cases: [(&str, Config, End); 5] = [
        ("disconnected by the application", config(), |script| script.disconnect(A)),
        ("closed", config(), |script| {
            script.manager.close(script.now);
            script.out()
        }),
        ("refused", config(), |script| {
            script.connect(A);
            script.establish();
            script.authenticate(A);
            script.text(r#"44{"message":"no"}"#)
        }),
        ("failed without reconnection", config().reconnection(false), |script| {
            script.connect(A);
            script.open();
            script.refused(None)
        }),
        ("given up", config().reconnection_attempts(Some(0)), |script| {
            script.connect(A);
            script.open();
            script.refused(None)
        }),
    ];
    for (what, config, end) in cases {
        let mut script = idle_with(config, by_websocket());
        nothing(script.ask(A, "for ever", None));
        nothing(script.ask(A, "bounded", Some(60_000)));
        nothing(script.emit(A, "plain", ()));
        assert!(!script.manager.is_over(A));
        let out = end(&mut script);
        let acked: Vec<_> = out.iter().filter(|line| line.starts_with("acked")).collect();
        assert_eq!(acked, ["acked 0 0 socket has been disconnected"], "{what}: {out:?}");
        assert!(script.manager.is_over(A) && !script.manager.is_active(A), "{what}");
        assert_eq!(script.try_ask(A, "late", None), Err(EmitError::Disconnected), "{what}");
        nothing(script.ask(A, "late", Some(60_000)));

        script.connect(A);
        assert!(script.manager.is_active(A) && !script.manager.is_over(A), "{what}");
        script.establish();
        script.authenticate(A);
        let out = script.text(r#"40{"sid":"S"}"#);
        let sent = out.iter().filter_map(|line| line.split_once(": ")?.1.strip_prefix("42"));
        assert_eq!(sent.collect::<Vec<_>>(), [r#"1["bounded"]"#, r#"["plain"]"#, r#"3["late"]"#], "{what}");
    }
}

#[test]
fn a_socket_that_is_over_refuses_acks_without_a_deadline() {
    let mut script = both();
    script.ask(A, "sent", None);
    let out = ["acked 0 0 socket has been disconnected", "disconnected 0: io server disconnect"];
    assert_eq!(script.text("41"), out);
    assert_eq!(script.try_ask(A, "late", None), Err(EmitError::Disconnected));
    script.ask(B, "other", None);
    // A lost connection that is reopened does not end the socket.
    script.ws_closed(false);
    assert!(script.manager.is_over(A) && script.manager.is_active(B));
    nothing(script.ask(B, "kept", None));
}

#[test]
fn without_reconnection_a_socket_is_over_after_the_loss() {
    let mut script = joined_with(config().reconnection(false), by_websocket());
    assert!(script.manager.is_active(A));
    assert_eq!(script.ws_closed(false), ["closed: transport close", "disconnected 0: transport close"]);
    assert!(!script.manager.is_active(A) && script.manager.is_over(A) && script.manager.is_wanted(A));
    // A connection opened for another socket is used by this one, too.
    assert_eq!(script.socket("/foo"), B);
    script.connect(B);
    assert!(script.manager.is_active(A));
    assert_eq!(script.establish(), ["opened 0 websocket", "authenticate 0", "authenticate 1"]);
}

#[test]
fn an_ack_for_a_buffered_event_is_ignored() {
    let mut script = joined_with(config(), by_websocket().outbox_limit(1000));
    assert_eq!(script.socket("/foo"), B);
    script.ask(B, "ask", None);
    script.connect(B);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
    script.stuck = true;
    script.emit(A, "x", ());
    while script.try_emit(A, "x", ()).is_ok() {}
    script.out();
    nothing(script.text("43/foo,0[]"));
    nothing(script.text(r#"40/foo,{"sid":"T"}"#).into_iter().filter(|line| line != "connected 1 T").collect());
    assert!(script.manager.is_connected(B));
    nothing(script.text("43/foo,0[]"));
    assert_eq!(script.manager.pending_acks(), 1);
    script.stuck = false;
    let out = script.flushed();
    assert!(out.contains(&r#"1: 42/foo,0["ask"]"#.to_owned()), "{out:?}");
    assert_eq!(script.text("43/foo,0[]"), ["acked 1 0 ()"]);
}

#[test]
fn acks_are_bounded() {
    let mut script = joined_with(config().max_pending_acks(2), by_websocket());
    script.ask(A, "ask", None);
    script.ask(A, "ask", None);
    assert_eq!(script.try_ask(A, "ask", None), Err(EmitError::TooManyAcks));
    assert_eq!(script.try_ask(A, "ask", Some(1)), Err(EmitError::TooManyAcks));
    nothing(script.out());
    script.text("430[]");
    assert_eq!(script.try_ask(A, "ask", None), Ok(Emitted::Sent(Pressure::Low)));
    script.manager.forget_ack(A, 1);
    assert_eq!(script.try_ask(A, "ask", None), Ok(Emitted::Sent(Pressure::Low)));
    // All pending acks are settled at once.
    assert_eq!(script.ws_closed(false).len(), 5);
}

#[test]
fn a_pending_ack_id_of_a_client_is_refused() {
    let mut script = joined();
    script.ask(A, "ask", None);
    let packet = script.event(A, Some(0), "ask", ());
    let again = script.manager.emit_with_ack(A, &packet, 0, None, script.now);
    assert_eq!(again, Err(EmitError::AckIdInUse));
    script.text("430[]");
    assert!(script.manager.emit_with_ack(A, &packet, 0, None, script.now).is_ok());
}

#[test]
fn pending_ids_chosen_by_the_application_are_skipped() {
    let mut script = joined();
    let packet = script.event(A, Some(1), "own", ());
    script.manager.emit_with_ack(A, &packet, 1, Some(script.start), script.now).unwrap();
    assert_eq!(script.out(), [r#"1: 421["own"]"#]);
    assert_eq!(script.manager.next_ack_id(A), 0);
    assert_eq!(script.reliable(A, "m", ()), [r#"1: 422["m"]"#]);
    assert_eq!(script.manager.next_ack_id(A), 3);
    assert_eq!(script.text("432[]"), ["delivered 0 #0 ()"]);
    assert_eq!(script.text("431[]"), ["acked 0 1 ()"]);
    // The same for the largest id.
    let packet = script.event(A, Some(u64::MAX), "own", ());
    script.manager.emit_with_ack(A, &packet, u64::MAX, None, script.now).unwrap();
    script.out();
    assert_eq!(script.manager.next_ack_id(A), 4);
    assert_eq!(script.text("4318446744073709551615[]"), ["acked 0 18446744073709551615 ()"]);
}

#[test]
fn an_ack_may_be_forgotten() {
    let mut script = joined();
    script.ask(A, "ask", Some(100));
    script.manager.forget_ack(A, 0);
    script.manager.forget_ack(A, 0);
    script.manager.forget_ack(B, 0);
    assert_eq!((script.manager.pending_acks(), script.deadline()), (0, Some(45_000)));
    nothing(script.text("430[]"));
    nothing(script.at(100));
    assert_eq!(script.ws_closed(false).len(), 3);
}

#[test]
fn an_event_with_a_forgotten_ack_is_still_sent() {
    let mut script = idle();
    script.ask(A, "one", Some(50));
    script.manager.forget_ack(A, 0);
    // The id is free again; this packet is independent of the first one.
    let packet = script.event(A, Some(0), "two", ());
    script.manager.emit_with_ack(A, &packet, 0, Some(script.start + Duration::from_millis(50)), script.now).unwrap();
    script.emit(A, "three", ());
    assert_eq!(script.at(50), ["acked 0 0 operation has timed out"]);
    script.connect(A);
    script.establish();
    script.authenticate(A);
    let out = [r#"1: 420["one"]"#, r#"1: 42["three"]"#, "connected 0 S"];
    assert_eq!(script.text(r#"40{"sid":"S"}"#), out);
    assert_eq!(script.manager.buffered(), 0);
}

#[test]
fn a_forgotten_ack_id_can_be_reused() {
    let mut script = idle_with(config(), by_websocket().outbox_limit(1000));
    for name in ["x".repeat(1000), "small".into()] {
        let packet = script.event(A, Some(0), &name, ());
        script.manager.forget_ack(A, 0);
        script.manager.emit_with_ack(A, packet, 0, None, script.now).unwrap();
    }
    script.connect(A);
    script.establish();
    script.authenticate(A);
    // The first event is too large for the connection, and its ack was forgotten.
    assert_eq!(script.text(r#"40{"sid":"S"}"#), [r#"1: 420["small"]"#, "connected 0 S"]);
    assert_eq!(script.text("430[]"), ["acked 0 0 ()"]);
}

#[test]
fn the_ack_of_a_retry_cannot_be_forgotten() {
    let mut script = joined();
    assert_eq!(script.reliable(A, "m", ()), [r#"1: 420["m"]"#]);
    script.manager.forget_ack(A, 0);
    assert_eq!(script.text("430[]"), ["delivered 0 #0 ()"]);
}

#[test]
fn the_event_queue_shrinks_after_many_settled_acks() {
    let mut script = joined();
    for _ in 0..1000 {
        script.ask(A, "ask", None);
    }
    assert_eq!(script.ws_closed(false).len(), 1003);
    assert!(script.manager.events.capacity() <= 64);
}
