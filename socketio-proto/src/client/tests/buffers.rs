//! Packets emitted without a connection, and volatile ones.

use super::*;

#[test]
fn buffered_packets_are_sent_in_order_before_connected_is_reported() {
    let mut script = idle();
    assert_eq!(script.try_emit(A, "one", ()), Ok(Emitted::Buffered(Pressure::Low)));
    nothing(script.ask(A, "two", None));
    nothing(script.emit(A, "three", Bytes::from_static(b"\x01")));
    script.connect(A);
    script.establish();
    nothing(script.emit(A, "four", ()));
    assert_eq!(script.authenticate(A), ["1: 40"]);
    nothing(script.emit(A, "five", ()));
    let out = [
        r#"1: 42["one"]"#,
        r#"1: 420["two"]"#,
        r#"1: 451-["three",{"_placeholder":true,"num":0}]"#,
        r#"1: binary b"\x01""#,
        r#"1: 42["four"]"#,
        r#"1: 42["five"]"#,
        "connected 0 S",
    ];
    assert_eq!(script.text(r#"40{"sid":"S"}"#), out);
    assert_eq!(script.manager.buffered(), 0);
    assert_eq!(script.try_emit(A, "six", ()), Ok(Emitted::Sent(Pressure::Low)));
    assert_eq!(script.out(), [r#"1: 42["six"]"#]);
}

#[test]
fn the_emit_order_is_kept_across_reconnections() {
    let mut script = joined();
    assert_eq!(script.emit(A, "one", ()), [r#"1: 42["one"]"#]);
    script.ws_closed(false);
    nothing(script.emit(A, "two", ()));
    script.at(1000);
    nothing(script.emit(A, "three", ()));
    script.establish();
    script.authenticate(A);
    // And across another one.
    script.ws_closed(false);
    nothing(script.emit(A, "four", ()));
    script.reconnect();
    script.authenticate(A);
    let out = [r#"3: 42["two"]"#, r#"3: 42["three"]"#, r#"3: 42["four"]"#, "connected 0 S3"];
    assert_eq!(script.text(r#"40{"sid":"S3"}"#), out);
}

#[test]
fn each_socket_has_its_own_send_buffer() {
    let mut script = joined();
    assert_eq!(script.socket("/foo"), B);
    nothing(script.emit(B, "one", ()));
    script.connect(B);
    script.authenticate(B);
    assert_eq!(script.emit(A, "two", ()), [r#"1: 42["two"]"#]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), [r#"1: 42/foo,["one"]"#, "connected 1 T"]);
}

#[test]
fn a_volatile_event_is_sent_at_once_or_dropped() {
    let mut script = idle();
    assert!(!script.volatile(A, "never"));
    script.connect(A);
    script.establish();
    assert!(!script.volatile(A, "never"));
    script.authenticate(A);
    assert!(!script.volatile(A, "never"));
    script.stuck = true;
    assert_eq!(script.text(r#"40{"sid":"S"}"#), ["connected 0 S"]);
    assert!(script.volatile(A, "now"));
    assert_eq!(script.out(), [r#"1: 42["now"]"#]);
    assert!(!script.volatile(A, "never"));
    nothing(script.flushed());
    assert!(script.volatile(A, "now"));
    script.disconnect(A);
    assert!(!script.volatile(A, "never"));
    assert_eq!(script.manager.buffered(), 0);
}

#[test]
fn send_buffers_share_a_limit_and_report_ready() {
    let mut script = idle_with(config().send_buffer_limit(400), by_websocket());
    assert_eq!(script.socket("/foo"), B);
    // Each packet counts 64 bytes more.
    assert_eq!(script.try_emit(A, "one", "x".repeat(87)), Ok(Emitted::Buffered(Pressure::Low)));
    assert_eq!(script.manager.buffered(), 64 + r#"2["one",""]"#.len() + 87);
    assert_eq!(script.try_emit(B, "two", "x".repeat(82)), Ok(Emitted::Buffered(Pressure::High)));
    assert_eq!(script.manager.pressure(), Pressure::High);
    assert_eq!(script.try_emit(A, "three", "x".repeat(82)), Err(EmitError::Full));
    assert_eq!(script.try_ask(A, "x", None), Ok(Emitted::Buffered(Pressure::High)));
    assert_eq!(script.try_ask(A, "y", None), Err(EmitError::Full));
    assert_eq!(script.manager.pending_acks(), 1);
    script.connect(A);
    script.connect(B);
    script.establish();
    script.authenticate(A);
    let out = script.text(r#"40{"sid":"S"}"#);
    assert_eq!(out[2..], ["connected 0 S", "ready"]);
    script.authenticate(B);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#).len(), 2);
    assert_eq!(script.manager.buffered(), 0);
}

#[test]
fn a_refusal_under_low_pressure_is_followed_by_ready_after_a_release() {
    let mut script = idle_with(config().send_buffer_limit(400), by_websocket());
    nothing(script.emit(A, "one", "x".repeat(50)));
    assert_eq!(script.try_emit(A, "two", "x".repeat(300)), Err(EmitError::Full));
    assert_eq!(script.manager.pressure(), Pressure::Low);
    nothing(script.out());
    assert_eq!(script.connect(A), ["attempt 0"]);
    assert_eq!(script.establish(), ["opened 0 websocket", "authenticate 0"]);
    script.authenticate(A);
    let out = script.text(r#"40{"sid":"S"}"#);
    assert_eq!(out[1..], ["connected 0 S", "ready"]);
    nothing(script.at(10));
}

#[test]
fn a_buffer_can_be_filled_to_the_byte() {
    let mut script = idle_with(config().send_buffer_limit(300), by_websocket());
    let fits = 300 - 64 - r#"2["x",""]"#.len();
    assert_eq!(script.try_emit(A, "x", "x".repeat(fits + 1)), Err(EmitError::TooLarge));
    assert_eq!(script.try_emit(A, "x", "x".repeat(fits)), Ok(Emitted::Buffered(Pressure::High)));
    assert_eq!(script.manager.buffered(), 300);
    assert_eq!(script.try_emit(A, "x", ""), Err(EmitError::Full));
}
