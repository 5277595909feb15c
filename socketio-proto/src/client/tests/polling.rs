//! Over requests, and from there to a WebSocket.

use super::*;

const PLAIN: &str = r#"0{"sid":"E","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;

/// As [`joined`], by polling.
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
fn packets_go_by_post_and_come_by_get() {
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
fn the_connection_moves_and_the_sockets_do_not_notice() {
    let mut script = idle_with(config(), engine());
    script.connect(A);
    script.open();
    let out = ["1: connect", "1: GET", "opened 0 polling", "authenticate 0"];
    assert_eq!(script.got(OPEN), out);
    assert_eq!(script.authenticate(A), ["1: POST 40"]);
    assert_eq!(script.accepted(), ["1: 2probe"]);
    nothing(script.posted());
    nothing(script.text("3probe"));
    // What is emitted meanwhile waits for the end of it.
    nothing(script.emit(A, "one", ()));
    assert_eq!(script.got(r#"40{"sid":"S"}|6"#), ["1: 5", r#"1: 42["one"]"#, "connected 0 S", "upgraded websocket"]);
    assert_eq!(script.text(r#"42["hi"]"#), ["received 0 hi()"]);
    // The next connection begins where this one ended only if the driver says so.
    assert_eq!(script.hung_up(false).len(), 3);
    script.at(1000);
    assert_eq!(script.open(), ["2: GET"]);
}

#[test]
fn the_next_connection_may_begin_with_what_worked() {
    let mut script = idle_with(config(), engine().remember_upgrade(true));
    script.connect(A);
    script.open();
    script.got(OPEN);
    script.accepted();
    script.text("3probe");
    script.got("6");
    assert_eq!(script.manager.engine().unwrap().transport(), TransportKind::WebSocket);
    script.hung_up(false);
    script.at(1000);
    assert_eq!(script.open(), ["2: connect"]);
}

#[test]
fn a_probe_that_fails_leaves_polling() {
    let mut script = idle_with(config(), engine());
    script.connect(A);
    script.open();
    script.got(OPEN);
    let out = script.refused(Some(400));
    assert!(out.len() == 1 && out[0].starts_with("upgrade failed: "), "{out:?}");
    assert_eq!(script.authenticate(A), ["1: POST 40"]);
}

#[test]
fn a_long_body_is_taken_bit_by_bit() {
    let mut script = polled();
    let body: Vec<String> = (0..1000).map(|number| format!(r#"42["n",{number}]"#)).collect();
    let request = script.get;
    let body = body.join("\u{1e}");
    script.manager.handle_response(request, http::Response::new(body.into()), script.now);
    assert!(script.manager.events.len() <= 32);
    let mut told = 0;
    while script.manager.has_events() {
        assert_eq!(happened(script.manager.poll_event().unwrap()), format!("received 0 n({told})"));
        assert!(script.manager.events.len() <= 32);
        told += 1;
    }
    assert_eq!(told, 1000);
    assert_eq!(script.out(), ["1: GET"]);
}

#[test]
fn the_last_one_says_goodbye_by_post_while_the_next_connection_is_made() {
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
    // Names begin anew, far from those before.
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
