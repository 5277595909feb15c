//! Connections over polling, and their upgrade to a WebSocket.

use super::*;

const PLAIN: &str = r#"0{"sid":"E","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;

/// As [`joined`], over polling.
fn polled() -> Script {
    let mut script = idle_with(config(), engine());
    script.connect(A);
    assert_eq!(script.open(), ["1: GET"]);
    assert_eq!(script.got(PLAIN), ["1: GET", "opened 0 polling", "authenticate 0"]);
    assert_eq!(script.authenticate(A), ["1: POST 40"]);
    nothing(script.posted());
    assert_eq!(script.got(r#"40{"sid":"S"}"#), ["1: GET", "connected 0 S"]);
    script
}

#[test]
fn packets_are_sent_by_post_and_received_by_get() {
    let mut script = polled();
    assert_eq!(script.emit(A, "one", ()), [r#"1: POST 42["one"]"#]);
    nothing(script.emit(A, "two", ()));
    nothing(script.emit(A, "three", Bytes::from_static(b"\x01")));
    assert!(!script.volatile(A, "never"));
    let rest = r#"1: POST 42["two"]|451-["three",{"_placeholder":true,"num":0}]|bAQ=="#;
    assert_eq!(script.posted(), [rest]);
    let out = ["1: GET", "received 0 hi(1)", r#"received 0 ho({"_placeholder":true,"num":0}) [b"\x01"]"#];
    assert_eq!(script.got(r#"42["hi",1]|451-["ho",{"_placeholder":true,"num":0}]|bAQ=="#), out);
    nothing(script.posted());
    assert!(script.volatile(A, "now"));
}

#[test]
fn an_upgrade_does_not_affect_the_sockets() {
    let mut script = idle_with(config(), engine());
    script.connect(A);
    script.open();
    let out = ["1: connect", "1: GET", "opened 0 polling", "authenticate 0"];
    assert_eq!(script.got(OPEN), out);
    assert_eq!(script.authenticate(A), ["1: POST 40"]);
    assert_eq!(script.accepted(), ["1: 2probe"]);
    nothing(script.posted());
    nothing(script.text("3probe"));
    // Packets emitted during the upgrade wait for its end.
    nothing(script.emit(A, "one", ()));
    assert_eq!(script.got(r#"40{"sid":"S"}|6"#), ["1: 5", r#"1: 42["one"]"#, "connected 0 S", "upgraded websocket"]);
    assert_eq!(script.text(r#"42["hi"]"#), ["received 0 hi()"]);
    // The next connection starts with polling again, unless `remember_upgrade` is set.
    assert_eq!(script.ws_closed(false).len(), 3);
    script.at(1000);
    assert_eq!(script.open(), ["2: GET"]);
}

#[test]
fn the_next_connection_may_begin_with_websocket() {
    let mut script = idle_with(config(), engine().remember_upgrade(true));
    script.connect(A);
    script.open();
    script.got(OPEN);
    script.accepted();
    script.text("3probe");
    script.got("6");
    assert_eq!(script.manager.engine().unwrap().transport(), TransportKind::WebSocket);
    script.ws_closed(false);
    script.at(1000);
    assert_eq!(script.open(), ["2: connect"]);
}

#[test]
fn a_failed_probe_leaves_the_connection_on_polling() {
    let mut script = idle_with(config(), engine());
    script.connect(A);
    script.open();
    script.got(OPEN);
    let out = script.refused(Some(400));
    assert!(out.len() == 1 && out[0].starts_with("upgrade failed: "), "{out:?}");
    assert_eq!(script.authenticate(A), ["1: POST 40"]);
}

#[test]
fn a_long_body_is_decoded_in_parts() {
    let mut script = polled();
    let body: Vec<String> = (0..1000).map(|number| format!(r#"42["n",{number}]"#)).collect();
    let request = script.get;
    let body = body.join("\u{1e}");
    script.manager.handle_response(request, http::Response::new(body.into()), script.now);
    assert!(script.manager.events.len() <= 32);
    let mut received = 0;
    while script.manager.has_events() {
        assert_eq!(describe_event(script.manager.poll_event().unwrap()), format!("received 0 n({received})"));
        assert!(script.manager.events.len() <= 32);
        received += 1;
    }
    assert_eq!(received, 1000);
    assert_eq!(script.out(), ["1: GET"]);
}

#[test]
fn a_polling_connection_closes_while_the_next_one_is_opened() {
    let mut script = polled();
    assert_eq!(script.emit(A, "one", ()), [r#"1: POST 42["one"]"#]);
    let post = script.post;
    assert_eq!(script.disconnect(A), ["disconnected 0: io client disconnect", "closed: forced close"]);
    assert_eq!(script.connect(A), ["attempt 0"]);
    assert_eq!(script.open(), ["2: GET"]);
    assert_eq!(script.answer(post, "ok"), ["1: POST 41"]);
    assert_eq!(script.posted(), ["1: POST 1"]);
    assert_eq!(script.manager.closing.len(), 0);
    assert_eq!(script.got(PLAIN), ["2: GET", "opened 0 polling", "authenticate 0"]);
}

#[test]
fn a_request_that_fails_loses_the_connection() {
    let mut script = polled();
    script.manager.handle_request_failed(script.get, script.now);
    let out = script.out();
    assert!(out[0].starts_with("closed: transport error, "), "{out:?}");
    assert_eq!(out[1..], ["disconnected 0: transport error", "attempt 1 in 1000 ms"]);
    // The ids of the next connection are in another range.
    let former = script.get;
    script.at(1000);
    assert_eq!(script.open(), ["2: GET"]);
    nothing(script.answer(former, OPEN));
    script.manager.handle_request_failed(former, script.now);
    nothing(script.out());
    let refused = http::Response::builder().status(400).body(Bytes::from_static(b"{}")).unwrap();
    script.manager.handle_response(script.get, refused, script.now);
    let out = script.out();
    assert!(out[0].starts_with("attempt 1 failed: "), "{out:?}");
    assert_eq!(out[1..], ["attempt 2 in 2000 ms"]);
}
