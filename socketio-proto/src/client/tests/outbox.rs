//! Connections whose outbox is full.

use super::*;

/// As [`joined`], with a full outbox of 1000 bytes; nothing is flushed.
fn full() -> (Script, usize) {
    let mut script = joined_with(config(), by_websocket().outbox_limit(1000));
    script.stuck = true;
    assert_eq!(script.emit(A, "x", ()), [r#"1: 42["x"]"#]);
    let mut count = 0;
    while script.try_emit(A, "x", ()).is_ok() {
        count += 1;
    }
    assert_eq!(script.try_emit(A, "x", ()), Err(EmitError::Full));
    assert_eq!(script.try_ask(A, "x", None), Err(EmitError::Full));
    assert_eq!((script.manager.pending_acks(), script.manager.buffered()), (0, 0));
    assert_eq!(script.manager.pressure(), Pressure::High);
    nothing(script.out());
    (script, count)
}

/// Sends everything that is queued.
fn flush(script: &mut Script) -> Vec<String> {
    script.stuck = false;
    let mut out = script.flushed();
    out.retain(|line| line != r#"1: 42["x"]"#);
    out
}

#[test]
fn an_emit_into_a_full_outbox_is_refused_and_followed_by_ready() {
    let (mut script, _) = full();
    assert_eq!(flush(&mut script), ["ready"]);
    assert_eq!(script.manager.pressure(), Pressure::Low);
    assert_eq!(script.emit(A, "y", ()), [r#"1: 42["y"]"#]);
}

#[test]
fn an_ack_into_a_full_outbox_is_refused() {
    let (mut script, _) = full();
    let ack = encode::ack("/", 0, &()).unwrap();
    assert_eq!(script.manager.send_ack(A, &ack, script.now), Err(EmitError::Full));
    nothing(script.out());
    assert_eq!(flush(&mut script), ["ready"]);
    assert_eq!(script.manager.send_ack(A, &ack, script.now), Ok(Pressure::Low));
}

#[test]
fn a_connect_waits_for_outbox_space() {
    let (mut script, _) = full();
    assert_eq!(script.socket("/foo"), B);
    assert_eq!(script.connect(B), ["authenticate 1"]);
    nothing(script.authenticate(B));
    nothing(script.emit(B, "y", ()));
    assert_eq!(flush(&mut script), ["ready", "1: 40/foo,"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), [r#"1: 42/foo,["y"]"#, "connected 1 T"]);
}

#[test]
fn a_disconnect_waits_for_outbox_space_and_keeps_its_order() {
    let (mut script, _) = full();
    assert_eq!(script.socket("/foo"), B);
    script.connect(B);
    script.authenticate(B);
    assert_eq!(script.disconnect(A), ["disconnected 0: io client disconnect"]);
    assert_eq!(script.connect(A), ["authenticate 0"]);
    nothing(script.authenticate(A));
    nothing(script.text(r#"42["late"]"#));
    assert_eq!(flush(&mut script), ["ready", "1: 40/foo,", "1: 41", "1: 40"]);
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), ["connected 0 S2"]);
}

#[test]
fn each_queued_connect_is_sent_as_soon_as_it_fits() {
    let (mut script, _) = full();
    let sockets = ["/a", "/b", "/c"].map(|name| script.socket(name));
    let auth = format!(r#"{{"token":"{}"}}"#, "x".repeat(600));
    for socket in sockets {
        script.connect(socket);
        nothing(script.authenticate_with(socket, &auth));
    }
    let left: Vec<String> = (0..5).flat_map(|_| script.flushed()).filter(|line| line.starts_with("1: 40")).collect();
    assert_eq!(left, ["/a", "/b", "/c"].map(|name| format!("1: 40{name},{auth}")));
}

#[test]
fn queued_control_packets_are_dropped_with_the_connection() {
    let (mut script, _) = full();
    assert_eq!(script.socket("/foo"), B);
    script.connect(B);
    script.authenticate(B);
    script.ws_closed(false);
    assert_eq!(script.manager.controls.len(), 0);
    script.stuck = false;
    assert_eq!(script.reconnect(), ["opened 1 websocket", "authenticate 0", "authenticate 1"]);
}

#[test]
fn a_lost_connection_is_followed_by_ready() {
    let (mut script, _) = full();
    let out = ["closed: transport close", "disconnected 0: transport close", "attempt 1 in 1000 ms", "ready"];
    assert_eq!(script.ws_closed(false), out);
}

#[test]
fn buffers_wait_for_outbox_space_and_keep_their_order() {
    let (mut script, _) = full();
    assert_eq!(script.socket("/foo"), B);
    for number in 0..30 {
        nothing(script.emit(B, "n", number));
    }
    nothing(script.reliable(B, "last", ()));
    script.connect(B);
    script.authenticate(B);
    assert_eq!(flush(&mut script), ["ready", "1: 40/foo,"]);
    script.stuck = true;
    // More packets than the outbox can hold.
    let mut out = script.text(r#"40/foo,{"sid":"T"}"#);
    assert!(script.manager.buffered() > 0);
    // A packet emitted now is sent after them.
    assert_eq!(script.try_emit(B, "n", 30), Ok(Emitted::Buffered(Pressure::High)));
    assert!(!script.volatile(B, "never"));
    script.stuck = false;
    out.extend(script.flushed());
    out.retain(|line| line.starts_with("1: "));
    let mut expected: Vec<String> = (0..31).map(|number| format!(r#"1: 42/foo,["n",{number}]"#)).collect();
    expected.push(r#"1: 42/foo,0["last"]"#.into());
    assert_eq!(out, expected);
    assert_eq!(script.text("43/foo,0[]"), ["delivered 1 #0 ()"]);
    assert_eq!(script.manager.buffered(), 0);
}

#[test]
fn a_packet_larger_than_the_outbox_does_not_block_later_ones() {
    let mut script = idle_with(config(), by_websocket().outbox_limit(1000));
    nothing(script.emit(A, "one", ()));
    nothing(script.emit(A, "large", "x".repeat(1000)));
    nothing(script.emit(A, "two", ()));
    script.connect(A);
    script.establish();
    script.authenticate(A);
    let out = script.text(r#"40{"sid":"S"}"#);
    assert_eq!(out, [r#"1: 42["one"]"#, r#"1: 42["two"]"#, "connected 0 S"]);
    assert_eq!(script.manager.buffered(), 0);
}

#[test]
fn a_packet_larger_than_the_outbox_is_settled() {
    let mut script = idle_with(config(), by_websocket().outbox_limit(1000));
    let large = "x".repeat(1000);
    let packet = script.event(A, Some(0), "large", &large);
    script.manager.emit_with_ack(A, packet, 0, None, script.now).unwrap();
    nothing(script.reliable(A, "large", &large));
    nothing(script.reliable(A, "last", ()));
    script.connect(A);
    script.establish();
    // From here the limit is known.
    assert_eq!(script.try_emit(A, "large", &large), Err(EmitError::TooLarge));
    script.authenticate(A);
    let out = [
        r#"1: 420["last"]"#,
        "acked 0 0 socket has been disconnected",
        "delivered 0 #0 socket has been disconnected",
        "connected 0 S",
    ];
    assert_eq!(script.text(r#"40{"sid":"S"}"#), out);
    assert_eq!(script.text("430[]"), ["delivered 0 #1 ()"]);
    assert_eq!(script.manager.buffered(), 0);
    assert_eq!(script.try_emit(A, "large", &large), Err(EmitError::TooLarge));
    let packet = script.event(A, None, "large", &large);
    assert_eq!(script.manager.emit_reliable(A, packet, script.now), Err(EmitError::TooLarge));
    nothing(script.out());
}

#[test]
fn credentials_larger_than_the_outbox_are_refused() {
    let mut script = opened_with(config(), by_websocket().outbox_limit(1000));
    let out = script.authenticate_with(A, &format!(r#"{{"token":"{}"}}"#, "x".repeat(1000)));
    assert_eq!(out, ["1: close", "refused 0: there are no credentials", "closed: forced close"]);
}

/// As [`full`], with a joining socket in `/foo` and an idle one in `/bar`.
fn crowded() -> Script {
    let (mut script, _) = full();
    assert_eq!(script.socket("/foo"), B);
    assert_eq!(script.socket("/bar"), SocketKey(2));
    script.connect(B);
    nothing(script.authenticate(B));
    script
}

#[test]
fn repeated_unwanted_connects_queue_one_disconnect() {
    let mut script = crowded();
    for _ in 0..100 {
        nothing(script.text(r#"40/bar,{"sid":"ghost"}"#));
    }
    assert_eq!(script.manager.controls.len(), 2);
    assert_eq!(flush(&mut script), ["ready", "1: 40/foo,", "1: 41/bar,"]);
}

#[test]
fn answers_to_a_queued_connect_are_ignored() {
    let mut script = crowded();
    for _ in 0..100 {
        nothing(script.text(r#"40/foo,{"sid":"T"}"#));
        nothing(script.text(r#"44/foo,{"message":"no"}"#));
        nothing(script.text("41/foo,"));
        nothing(script.disconnect(B));
        nothing(script.text(r#"40/foo,{"sid":"T"}"#));
        nothing(script.connect(B));
    }
    assert_eq!(script.manager.controls.len(), 1);
    assert_eq!(flush(&mut script), ["ready", "1: 40/foo,"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), ["connected 1 T"]);
}

#[test]
fn a_disconnect_that_crosses_a_queued_one_is_ignored() {
    let (mut script, _) = full();
    assert_eq!(script.socket("/foo"), B);
    script.connect(B);
    assert_eq!(script.disconnect(A), ["disconnected 0: io client disconnect"]);
    script.connect(A);
    nothing(script.authenticate(A));
    nothing(script.text("41"));
    assert_eq!(flush(&mut script), ["ready", "1: 41", "1: 40"]);
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), ["connected 0 S2"]);
}

#[test]
fn every_kind_of_emit_that_fills_the_outbox_is_followed_by_ready() {
    let large = "x".repeat(600);
    let fills: [&dyn Fn(&mut Script); 4] = [
        &|script| {
            script.try_emit(A, "x", &large).unwrap();
        },
        &|script| {
            let packet = script.event(A, Some(0), "x", &large);
            script.manager.emit_with_ack(A, packet, 0, None, script.now).unwrap();
        },
        &|script| {
            let packet = script.event(A, None, "x", &large);
            script.manager.emit_reliable(A, packet, script.now).unwrap();
        },
        &|script| {
            let ack = encode::ack("/", 0, &large).unwrap();
            script.manager.send_ack(A, ack, script.now).unwrap();
        },
    ];
    for fill in fills {
        let mut script = joined_with(config(), by_websocket().outbox_limit(1000));
        fill(&mut script);
        assert_eq!(script.manager.pressure(), Pressure::High);
        // The outputs have not been polled since.
        assert!(script.ws_closed(false).contains(&"ready".to_owned()));
    }
}

#[test]
fn a_refusal_by_a_half_empty_outbox_is_followed_by_ready() {
    let mut script = joined_with(config(), by_websocket().outbox_limit(1000));
    script.stuck = true;
    script.emit(A, "one", "x".repeat(300));
    assert_eq!(script.manager.pressure(), Pressure::Low);
    assert_eq!(script.try_emit(A, "two", "x".repeat(700)), Err(EmitError::Full));
    nothing(script.out());
    assert_eq!(script.flushed(), ["ready"]);

    // The same at the end of the connection.
    script.emit(A, "one", "x".repeat(300));
    assert_eq!(script.try_emit(A, "two", "x".repeat(700)), Err(EmitError::Full));
    nothing(script.out());
    assert_eq!(script.ws_closed(false)[3..], ["ready"]);
}

#[test]
fn a_packet_may_fill_the_whole_outbox() {
    let fits = 1000 - size_of::<engineio_proto::Packet>() - r#"2["x",""]"#.len();
    let mut script = joined_with(config(), by_websocket().outbox_limit(1000));
    assert_eq!(script.try_emit(A, "x", "x".repeat(fits + 1)), Err(EmitError::TooLarge));
    assert_eq!(script.try_emit(A, "x", "x".repeat(fits)), Ok(Emitted::Sent(Pressure::High)));
    script.out();
    // The same for buffered packets, with a known and with an unknown limit.
    script.ws_closed(false);
    assert_eq!(script.try_emit(A, "x", "x".repeat(fits + 1)), Err(EmitError::TooLarge));
    assert_eq!(script.try_emit(A, "x", "x".repeat(fits)), Ok(Emitted::Buffered(Pressure::Low)));
    script.reconnect();
    script.authenticate(A);
    assert!(script.text(r#"40{"sid":"S2"}"#)[0].starts_with(r#"2: 42["x","xx"#));

    let token = 1000 - size_of::<engineio_proto::Packet>() - r#"0{"token":""}"#.len();
    let auth = |length: usize| format!(r#"{{"token":"{}"}}"#, "x".repeat(length));
    for (length, fits) in [(token, true), (token + 1, false)] {
        let mut script = opened_with(config(), by_websocket().outbox_limit(1000));
        let out = script.authenticate_with(A, &auth(length));
        assert_eq!(out[0].starts_with("1: 40"), fits, "{out:?}");
    }
}
