//! Connections that are lost, in every phase of their sockets.

use super::*;

#[test]
fn the_events_of_a_loss_are_ordered() {
    let mut script = both();
    let (asking, joining, leaving) = (script.socket("/asking"), script.socket("/joining"), script.socket("/leaving"));
    let idle = script.socket("/idle");
    for socket in [asking, joining, leaving] {
        script.connect(socket);
    }
    script.authenticate(joining);
    script.authenticate(leaving);
    nothing(script.disconnect(leaving));
    script.ask(A, "ask", None);
    let out = [
        "closed: transport error, the WebSocket failed",
        "acked 0 0 socket has been disconnected",
        "disconnected 0: transport error",
        "disconnected 1: transport error",
        "not joined 2: transport error",
        "not joined 3: transport error",
        "attempt 1 in 1000 ms",
    ];
    let reported = script.ws_closed(true);
    assert_eq!(reported[1..], out[1..]);
    assert!(reported[0].starts_with("closed: transport error, "), "{reported:?}");
    assert_eq!((script.manager.is_connected(A), script.manager.id(A)), (false, None));
    let active = [asking, joining, leaving, idle].map(|socket| script.manager.is_active(socket));
    assert_eq!(active, [true, true, false, false]);
    let out = ["opened 1 websocket", "authenticate 0", "authenticate 1", "authenticate 2", "authenticate 3"];
    assert_eq!(script.reconnect(), out);
    assert_eq!(script.authenticate(A), ["2: 40"]);
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), ["connected 0 S2"]);
}

#[test]
fn every_kind_of_loss_leads_to_a_reconnection() {
    let lost = |lose: &dyn Fn(&mut Script) -> Vec<String>| {
        let mut script = joined();
        let mut out = lose(&mut script);
        assert_eq!(out.pop().unwrap(), "attempt 1 in 1000 ms");
        assert!(script.manager.is_active(A) && !script.manager.is_connected(A));
        out
    };
    let closed = ["closed: transport close", "disconnected 0: transport close"];
    assert_eq!(lost(&|script| script.ws_closed(false)), closed);
    let closed = ["1: close", "closed: transport close", "disconnected 0: transport close"];
    assert_eq!(lost(&|script| script.text("1")), closed);
    let timeout = ["1: close", "closed: ping timeout", "disconnected 0: ping timeout"];
    assert_eq!(lost(&|script| script.at(45_000)), timeout);
    let forced = ["1: close", "closed: forced close", "disconnected 0: forced close"];
    assert_eq!(lost(&Script::close_engine), forced);
}

#[test]
fn an_undecodable_packet_ends_the_connection_and_its_decoder_state() {
    let mut script = joined();
    let first = script.ws;
    // A pending packet is dropped with its connection.
    nothing(script.text(r#"451-["file",{"_placeholder":true,"num":0}]"#));
    let out = script.text(r#"42["hi"]"#);
    assert!(out[1].starts_with("undecodable: "), "{out:?}");
    assert_eq!(out[0], "1: close");
    assert_eq!(out[2..], ["closed: parse error", "disconnected 0: parse error", "attempt 1 in 1000 ms"]);
    assert_eq!(script.reconnect(), ["opened 1 websocket", "authenticate 0"]);
    assert_ne!(script.ws, first);
    assert_eq!(script.authenticate(A), ["2: 40"]);
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), ["connected 0 S2"]);
    assert_eq!(script.text(r#"42["hi"]"#), ["received 0 hi()"]);
}

#[test]
fn a_disconnect_by_the_server_is_final_until_connect() {
    let mut script = both();
    assert_eq!(script.text("41"), ["disconnected 0: io server disconnect"]);
    assert!(!script.manager.is_active(A) && script.manager.is_connected(B));
    assert_eq!(script.ws_closed(false).len(), 3);
    assert_eq!(script.reconnect(), ["opened 1 websocket", "authenticate 1"]);
    script.authenticate(B);
    script.text(r#"40/foo,{"sid":"T2"}"#);
    // `connect` joins over the same connection.
    assert_eq!(script.connect(A), ["authenticate 0"]);
    script.authenticate(A);
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), ["connected 0 S2"]);
    script.text("41");
    // The last socket closes the connection.
    let out = ["2: close", "disconnected 1: io server disconnect", "closed: forced close"];
    assert_eq!(script.text("41/foo,"), out);
    assert!(script.manager.is_idle());
}

#[test]
fn packets_of_a_former_connection_are_ignored() {
    let mut script = joined();
    let first = script.ws;
    script.close_engine();
    assert_eq!(script.reconnect(), ["opened 1 websocket", "authenticate 0"]);
    assert_eq!(script.authenticate(A), ["2: 40"]);
    nothing(script.text_on(first, r#"40{"sid":"late"}"#));
    nothing(script.text_on(first, r#"42["late"]"#));
    nothing(script.text_on(first, "41"));
    nothing(script.text_on(first, "nonsense"));
    let (parts, ()) = http::Response::new(()).into_parts();
    script.manager.handle_websocket(first, &parts, script.now);
    script.manager.handle_websocket_failed(first, None, script.now);
    script.manager.handle_websocket_closed(first, true, script.now);
    script.manager.handle_flushed(first, script.now);
    // The same for unknown ids.
    for name in [0, 1, u64::MAX] {
        script.manager.handle_websocket_closed(WebSocketId(name), true, script.now);
        script.manager.handle_request_failed(RequestId(name), script.now);
        script.manager.handle_response(RequestId(name), http::Response::default(), script.now);
    }
    nothing(script.out());
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), ["connected 0 S2"]);
}

#[test]
fn a_connection_closes_while_the_next_one_is_opened() {
    let mut script = joined();
    script.stuck = true;
    assert_eq!(script.emit(A, "one", ()), [r#"1: 42["one"]"#]);
    // This one waits for the flush.
    nothing(script.emit(A, "two", ()));
    let out = ["disconnected 0: io client disconnect", "closed: forced close"];
    assert_eq!(script.disconnect(A), out);
    assert!(!script.manager.is_idle());
    assert_eq!(script.deadline(), Some(30_000));
    let first = script.ws;
    assert_eq!(script.connect(A), ["attempt 0"]);
    assert_eq!(script.open(), ["2: connect"]);
    // The ids of both connections differ.
    assert_ne!(script.ws, first);
    script.manager.handle_flushed(first, script.now);
    assert_eq!(script.out(), [r#"1: 42["two"]"#]);
    script.manager.handle_flushed(first, script.now);
    assert_eq!(script.out(), ["1: 41", "1: close"]);
    script.accepted();
    assert_eq!(script.text(OPEN), ["opened 0 websocket", "authenticate 0"]);
    assert_eq!(script.manager.closing.len(), 0);
}

#[test]
fn a_closing_session_times_out() {
    let mut script = joined();
    script.stuck = true;
    script.emit(A, "one", ());
    script.emit(A, "two", ());
    script.disconnect(A);
    nothing(script.at(29_999));
    assert!(!script.manager.is_idle());
    assert_eq!(script.at(30_000), ["1: close"]);
    assert!(script.manager.is_idle());
    assert_eq!(script.deadline(), None);
}

#[test]
fn the_number_of_closing_sessions_is_bounded() {
    let mut script = joined();
    script.stuck = true;
    for round in 1..20 {
        script.emit(A, "one", ());
        script.emit(A, "two", ());
        let out = script.disconnect(A);
        assert_eq!(out.len(), if round > 8 { 3 } else { 2 }, "{out:?}");
        assert!(script.manager.closing.len() <= 8);
        assert_eq!(script.connect(A), ["attempt 0"]);
        script.establish();
        script.authenticate(A);
        script.flushed();
        script.text(r#"40{"sid":"S"}"#);
    }
}

#[test]
fn close_engine_sends_what_is_queued_first() {
    let mut script = joined();
    script.stuck = true;
    script.emit(A, "one", ());
    script.emit(A, "two", ());
    nothing(script.close_engine());
    // A closing session accepts no more packets, so this one waits for the next session.
    assert_eq!(script.try_emit(A, "three", ()), Ok(Emitted::Buffered(Pressure::Low)));
    assert!(!script.volatile(A, "never"));
    nothing(script.out());
    // Its packets are ignored.
    nothing(script.text(r#"42["hi"]"#));
    let out =
        [r#"1: 42["two"]"#, "1: close", "closed: forced close", "disconnected 0: forced close", "attempt 1 in 1000 ms"];
    assert_eq!(script.flushed(), out);
    script.reconnect();
    script.flushed();
    script.authenticate(A);
    script.flushed();
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), [r#"2: 42["three"]"#, "connected 0 S2"]);
}

#[test]
fn a_socket_that_joins_while_the_session_closes_is_not_joined() {
    let mut script = opened();
    script.stuck = true;
    script.manager.close_engine(script.now);
    script.manager.authenticate(A, None, script.now);
    let out = ["1: close", "closed: forced close", "not joined 0: forced close", "attempt 1 in 1000 ms"];
    assert_eq!(script.out(), out);
}

/// As [`joined`], after the process was suspended: the ping is overdue, but no timer has fired and nothing has been
/// read.
fn suspended() -> Script {
    let mut script = joined();
    script.sleep_until(45_000);
    script
}

#[test]
fn packets_emitted_when_the_ping_is_overdue_wait_for_the_next_connection() {
    let mut script = suspended();
    assert_eq!(script.try_emit(A, "hi", ()), Ok(Emitted::Buffered(Pressure::Low)));
    assert_eq!(script.try_ask(A, "ask", None), Ok(Emitted::Buffered(Pressure::Low)));
    nothing(script.reliable(A, "sure", ()));
    assert!(!script.volatile(A, "hi"));
    let out = ["1: close", "closed: ping timeout", "disconnected 0: ping timeout", "attempt 1 in 1000 ms"];
    assert_eq!(script.at(45_000), out);
    script.reconnect();
    script.authenticate(A);
    let out = [r#"2: 42["hi"]"#, r#"2: 420["ask"]"#, r#"2: 421["sure"]"#, "connected 0 S2"];
    assert_eq!(script.text(r#"40{"sid":"S2"}"#), out);
}

#[test]
fn packets_emitted_when_the_ping_is_overdue_are_sent_if_it_had_arrived() {
    let mut script = suspended();
    assert_eq!(script.try_emit(A, "hi", ()), Ok(Emitted::Buffered(Pressure::Low)));
    // A message that is no ping does not end the hold.
    assert_eq!(script.text(r#"42["news"]"#), ["received 0 news()"]);
    assert_eq!(script.try_emit(A, "again", ()), Ok(Emitted::Buffered(Pressure::Low)));
    assert_eq!(script.text("2"), ["1: 3", r#"1: 42["hi"]"#, r#"1: 42["again"]"#]);
    script.flushed();
    nothing(script.at(45_000));
    assert_eq!(script.emit(A, "later", ()), [r#"1: 42["later"]"#]);
}

#[test]
fn a_disconnect_when_the_ping_is_overdue_follows_the_emitted_packets() {
    let mut script = suspended();
    assert_eq!(script.try_emit(A, "hi", ()), Ok(Emitted::Buffered(Pressure::Low)));
    let out = script.disconnect(A);
    assert_eq!(out[0], r#"1: 42["hi"]"#);
    assert!(out.contains(&"disconnected 0: io client disconnect".into()), "{out:?}");
}

#[test]
fn a_socket_that_joins_when_the_ping_is_overdue_is_not_joined() {
    let mut script = opened();
    script.sleep_until(45_000);
    assert_eq!(script.authenticate(A), ["1: 40"]);
    let out = ["1: close", "closed: ping timeout", "not joined 0: ping timeout", "attempt 1 in 1000 ms"];
    assert_eq!(script.at(45_000), out);
}

#[test]
fn a_clock_of_a_manager_that_goes_backwards_is_clamped() {
    let mut script = joined();
    script.at(1000);
    script.ws_closed(false);
    assert_eq!(script.deadline(), Some(2000));
    nothing(script.at(0));
    script.sleep_until(0);
    assert_eq!(script.deadline(), Some(2000));
    assert_eq!(script.at(2000), ["attempt 1"]);
}
