use super::*;

#[test]
fn packets_emitted_before_a_close_are_sent_first() {
    let mut script = joined();
    script.emit(A, &hello()).unwrap();
    assert_eq!(
        script.close(),
        [
            r#"ws 42["hello"]"#,
            "ws close",
            "disconnected 0 forced close",
            "disconnected 1 forced close",
            "closed forced close"
        ]
    );
}

/// The engine session ends within `poll_transmit`, when the last frame has been taken.
#[test]
fn an_end_caused_by_the_last_transmit_is_reported_at_once() {
    let mut script = joined();
    script.disconnect(B);
    script.emit(A, &hello()).unwrap();
    script.close();
    script.connection.handle_flushed(WS, script.now);
    assert!(!script.connection.is_closed());
    assert_eq!(describe_transmit(script.connection.poll_transmit().unwrap()), r#"ws 42["hello"]"#);
    assert_eq!(describe_transmit(script.connection.poll_transmit().unwrap()), "ws close");
    assert_eq!(script.connection.poll_transmit(), None);
    assert!(script.connection.has_events());
    assert!(script.connection.is_closed());
    assert_eq!(script.out(), ["disconnected 0 forced close", "closed forced close"]);
}

#[test]
fn nothing_is_emitted_while_the_connection_closes() {
    let mut script = polled();
    nothing(script.close());
    assert_eq!(script.emit(A, &hello()), Err(EmitError::Disconnected));
    assert_eq!(script.connection.emit_with_ack(A, hello(), 0, None), Err(EmitError::Disconnected));
    assert!(!script.connection.emit_volatile(A, hello()));
    assert_eq!(script.get(1)[0], "1 200 6|1");
}

#[test]
fn a_discard_drops_queued_packets() {
    let mut script = joined();
    script.emit(A, &hello()).unwrap();
    assert_eq!(
        script.discard(),
        ["ws close", "disconnected 0 forced close", "disconnected 1 forced close", "closed forced close"]
    );
}

#[test]
fn a_client_that_does_not_read_is_closed_after_the_close_timeout() {
    let mut script = polled();
    script.emit(A, &hello()).unwrap();
    nothing(script.close());
    nothing(script.at(29_999));
    let gone = ["disconnected 0 forced close", "disconnected 1 forced close", "closed forced close"];
    assert_eq!(script.at(30_000), gone);
}

#[test]
fn the_connect_timeout_does_not_run_while_closing() {
    let mut script =
        polling_with(Config::default().connect_timeout(Duration::from_millis(100)), EngineConfig::builder());
    script.post("40");
    nothing(script.close());
    assert_eq!(script.deadline(), Some(25_000), "the heartbeat");
}

#[test]
fn a_socket_may_be_disconnected_while_closing() {
    let mut script = polled();
    nothing(script.close());
    assert_eq!(script.disconnect(A), ["disconnected 0 server namespace disconnect"]);
    assert_eq!(script.disconnect_all(), ["disconnected 1 server namespace disconnect"]);
    assert_eq!(script.get(1), ["1 200 6|1", "closed forced close"]);
}

#[test]
fn after_the_end_commands_are_refused_and_inputs_ignored() {
    let mut script = joined();
    script.ask(A, 0, Some(1000));
    script.text(r#"451-["a",{"_placeholder":true,"num":0}]"#);
    script.discard();
    assert!(script.connection.is_closed());
    assert_eq!(script.deadline(), None);
    assert_eq!(script.connection.pending_acks(), 0);

    assert_eq!(script.emit(A, &hello()), Err(EmitError::Disconnected));
    assert_eq!(script.connection.emit_with_ack(A, hello(), 1, None), Err(EmitError::Disconnected));
    assert!(!script.connection.emit_volatile(A, hello()));
    assert_eq!(script.connection.accept(A, [0; 15]), Err(EmitError::Disconnected));
    assert_eq!(script.connection.refuse(A, &Json::object([])), Err(EmitError::Disconnected));
    script.connection.forget_ack(A, 0);
    nothing(script.disconnect(A));
    nothing(script.disconnect_all());
    nothing(script.shut_down());
    nothing(script.close());
    nothing(script.discard());

    nothing(script.text("40"));
    nothing(script.text("x"));
    nothing(script.binary(b"x"));
    nothing(script.flushed());
    nothing(script.ws_closed(true));
    nothing(script.at(1_000_000));
    script.connection.pause_reading(script.now);
    script.connection.resume_reading(script.now);
    script.connection.handle_body(RequestId(1), "40".into(), script.now);
    script.connection.handle_body_too_large(RequestId(1), script.now);
    script.connection.handle_aborted(RequestId(1), script.now);
    nothing(script.out());
    assert_eq!(script.get(1), [r#"1 400 {"code":1,"message":"Session ID unknown"}"#]);
    script.connection.handle_websocket(WebSocketId(2), &parts("GET"), script.now);
    assert_eq!(script.out(), ["ws close"]);
    assert_eq!(script.deadline(), None);
}

#[test]
fn a_clock_that_goes_backwards_is_clamped() {
    let mut script = joined();
    script.at(10_000);
    script.ask(A, 0, Some(20_000));
    nothing(script.at(0));
    script.sleep_until(0);
    script.text(r#"451-["a",{"_placeholder":true,"num":0}]"#);
    nothing(script.at(5_000));
    assert_eq!(script.at(20_000), ["acked 0 0 operation has timed out"]);
    script.text("43");
}
