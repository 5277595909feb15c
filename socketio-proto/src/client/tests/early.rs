//! Events that arrive before the CONNECT of their namespace: after a recovery, the server sends the missed events
//! first.

use super::*;

#[test]
fn early_events_are_reported_after_connected() {
    let mut script = joining();
    nothing(script.text(r#"42["one",1]"#));
    nothing(script.text(r#"427["two"]"#));
    nothing(script.text(r#"451-["three",{"_placeholder":true,"num":0}]"#));
    nothing(script.binary(b"\x01"));
    let out = [
        "connected 0 S",
        "received 0 one(1)",
        "received 0 two() ack 7",
        r#"received 0 three({"_placeholder":true,"num":0}) [b"\x01"]"#,
        "received 0 four()",
    ];
    let mut received = script.text(r#"40{"sid":"S"}"#);
    received.extend(script.text(r#"42["four"]"#));
    assert_eq!(received, out);
    assert_eq!(script.manager.early, 0);
}

#[test]
fn a_lone_surrogate_in_an_event_name_is_read_as_a_replacement_character() {
    let mut script = joining();
    nothing(script.text(r#"42["early \ud83d"]"#));
    assert_eq!(script.text(r#"40{"sid":"S"}"#), ["connected 0 S", "received 0 early \u{FFFD}()"]);
    assert_eq!(script.text(r#"427["\ud83d","\ud83d"]"#), ["received 0 \u{FFFD}(\"\\ud83d\") ack 7"]);
}

#[test]
fn early_events_are_bounded_over_all_sockets() {
    let mut script = opened_with(config().receive_buffer_limit(200), by_websocket());
    assert_eq!(script.socket("/foo"), B);
    script.connect(B);
    script.authenticate(A);
    script.authenticate(B);
    nothing(script.text(r#"42["a"]"#));
    nothing(script.text(r#"42/foo,["b"]"#));
    nothing(script.text(r#"42["c"]"#));
    let out = [
        "1: close",
        "closed: parse error",
        "not joined 0: parse error",
        "not joined 1: parse error",
        "attempt 1 in 1000 ms",
    ];
    assert_eq!(script.text(r#"42/foo,["d"]"#), out);
    assert_eq!(script.manager.early, 0);
    script.reconnect();
    script.authenticate(A);
    assert_eq!(script.text(r#"40{"sid":"S"}"#), ["connected 0 S"]);
}

#[test]
fn early_events_are_dropped_with_the_connection_or_a_refusal() {
    let mut script = joining();
    script.text(r#"42["one"]"#);
    script.ws_closed(false);
    assert_eq!(script.manager.early, 0);
    script.reconnect();
    script.authenticate(A);
    assert_eq!(script.text(r#"40{"sid":"S"}"#), ["connected 0 S"]);

    for answer in [r#"44{"message":"no"}"#, "40", "41"] {
        let mut script = joining();
        script.text(r#"42["one"]"#);
        script.text(answer);
        assert_eq!(script.manager.early, 0);
    }
    let mut script = joining();
    script.text(r#"42["one"]"#);
    script.disconnect(A);
    assert_eq!(script.manager.early, 0);
}

#[test]
fn early_events_do_not_pin_the_received_body() {
    let mut script = idle_with(config(), engine().upgrade(false));
    script.connect(A);
    script.open();
    script.got(OPEN);
    script.authenticate(A);
    script.posted();
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    let body = format!(r#"42["one",1]|42/unknown,["{}"]|451-[2,"a",{placeholder},"b"]|bAQ=="#, "x".repeat(1000));
    let body = Bytes::from(body.replace('|', "\u{1e}"));
    script.manager.handle_response(script.get, http::Response::new(body.clone()), script.now);
    assert_eq!(script.out(), ["1: GET"]);
    assert!(script.manager.early > 0 && body.is_unique());
    let two = format!(r#"received 0 2("a",{placeholder},"b") [b"\x01"]"#);
    let out = script.got(r#"40{"sid":"S"}"#);
    assert_eq!(out, ["1: GET", "connected 0 S", "received 0 one(1)", &two]);
}
