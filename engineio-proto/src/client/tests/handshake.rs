//! Opening a session.

use super::*;
use TransportKind::{Polling, WebSocket};

#[test]
fn a_session_opens_by_polling() {
    let mut script = open(config().upgrade(false));
    assert!(!script.session.is_open() && script.session.sid().is_none() && !script.session.writable());
    assert_eq!(script.out(), ["0 GET"]);
    assert_eq!(script.timeout(), None);
    assert_eq!(script.answer(0, &format!("{OPEN}|4hi")), ["1 GET", "opened S", "message hi"]);
    assert!(script.session.is_open() && script.session.writable());
    let handshake = script.session.handshake().unwrap();
    assert_eq!((&*handshake.sid, &handshake.upgrades[..], handshake.max_payload), ("S", &[WebSocket][..], Some(100)));
    assert_eq!((handshake.ping_interval.as_secs(), handshake.ping_timeout.as_secs()), (25, 20));
    assert_eq!(script.session.next_id(), 2);
}

#[test]
fn a_session_opens_by_websocket() {
    let mut script = websocket();
    assert_eq!(script.session.transport(), WebSocket);
    assert!(script.session.prior_websocket() && script.session.writable());
    assert_eq!(script.text(0, "4hi"), ["message hi"]);
}

#[test]
fn messages_sent_before_the_handshake_follow_it() {
    let mut script = open(config().upgrade(false));
    assert_eq!(script.send("a"), ["0 GET"]);
    assert_eq!(script.answer(0, OPEN), ["1 GET", "2 POST 4a", "opened S"]);
}

#[test]
fn a_session_without_transports_closes_at_once() {
    let mut script = open(config().transports([]));
    assert_eq!(script.out(), ["closed transport error: no transports available"]);
    assert!(script.session.is_closed());
}

#[test]
fn a_failed_handshake_closes_the_session() {
    let mut script = open(config());
    assert_eq!(script.out(), ["0 GET"]);
    assert_eq!(script.lost(0), ["closed transport error: the GET request failed"]);
    let mut script = open(config());
    script.out();
    assert_eq!(script.respond(0, 502, "<html>"), ["closed transport error: the GET request failed with status 502"]);
    let mut script = open(config().transports([WebSocket, Polling]));
    assert_eq!(script.out(), ["ws0 connect"]);
    assert_eq!(script.refused(0, Some(403)), ["closed transport error: the WebSocket failed with status 403"]);
}

#[test]
fn a_refusal_has_the_servers_message() {
    let mut script = open(config());
    script.out();
    assert_eq!(
        script.respond(0, 400, r#"{"code":5,"message":"Unsupported protocol version"}"#),
        [
            "closed transport error: the server refused the request with status 400: Unsupported protocol version (code 5)"
        ]
    );
}

#[test]
fn a_response_that_is_not_a_handshake_is_reported_with_its_type() {
    for (kind, body, expected) in [
        ("text/html", "<!doctype html>", "the response of type text/html is not an Engine.IO handshake"),
        ("", "hello", "the response is not an Engine.IO handshake"),
        ("", "", "the response is not an Engine.IO handshake"),
        (
            "text/plain",
            "96:0{\"sid\":\"S\"}2:40",
            "bad handshake: the server speaks revision 3 of the protocol, as Socket.IO 2 does; 4 is needed",
        ),
        ("text/plain", "4hello", "bad handshake: the first packet must be an open packet"),
    ] {
        let mut script = open(config());
        script.out();
        let response = http::Response::builder();
        let response = if kind.is_empty() { response } else { response.header("content-type", kind) };
        script.session.handle_response(RequestId(0), response.body(Bytes::from(body)).unwrap(), script.now);
        assert_eq!(script.out(), [format!("closed transport error: {expected}")]);
    }
    let mut script = open(config().transports([WebSocket]));
    script.out();
    script.connected(0);
    let expected = "closed transport error: the response is not an Engine.IO handshake";
    assert_eq!(script.text(0, r#"{"type":"hello"}"#), ["ws0 close", expected]);
}

#[test]
fn a_redirect_is_reported_with_its_location() {
    for (status, location, expected) in [
        (301, "https://example.org/", "the GET request was redirected with status 301 to https://example.org/"),
        (308, &"x".repeat(3000), "the GET request failed with status 308"),
        (304, "", "the GET request failed with status 304"),
    ] {
        let mut script = open(config());
        script.out();
        let response = http::Response::builder().status(status);
        let response = if location.is_empty() { response } else { response.header("location", location) };
        script.session.handle_response(RequestId(0), response.body(Bytes::new()).unwrap(), script.now);
        assert_eq!(script.out(), [format!("closed transport error: {expected}")]);
    }
}

#[test]
fn a_lone_surrogate_from_the_server_is_replaced() {
    let mut script = open(config());
    script.out();
    let open = OPEN.replace("\"websocket\"", r#""websocket","\udc00""#).replace('{', r#"{"\ud83d":"\ud83d","#);
    assert_eq!(script.answer(0, &open), ["ws1 connect", "2 GET", "opened S"]);
    let mut script = self::open(config());
    script.out();
    assert_eq!(
        script.respond(0, 400, r#"{"code":3,"message":"cut \ud83d"}"#),
        ["closed transport error: the server refused the request with status 400: cut \u{FFFD} (code 3)"]
    );
}

#[test]
fn all_transports_are_tried_if_enabled() {
    let mut script = open(config().try_all_transports(true));
    assert_eq!(script.out(), ["0 GET"]);
    assert_eq!(script.send("kept"), [""; 0]);
    assert_eq!(script.lost(0), ["ws1 connect"]);
    assert_eq!(script.connected(1), [""; 0]);
    assert_eq!(script.text(1, OPEN_WS), ["ws1 4kept", "opened S"]);

    let mut script = open(config().try_all_transports(true).transports([WebSocket, Polling]).upgrade(false));
    assert_eq!(script.out(), ["ws0 connect"]);
    assert_eq!(script.refused(0, None), ["1 GET"]);
    assert_eq!(script.answer(1, OPEN), ["2 GET", "opened S"]);

    let mut script = open(config().try_all_transports(true));
    script.out();
    assert_eq!(script.lost(0), ["ws1 connect"]);
    assert_eq!(script.connected(1), [""; 0]);
    assert_eq!(script.gone(1, false), ["closed transport error: the WebSocket failed"]);
}

#[test]
fn after_a_bad_handshake_the_next_transport_is_tried() {
    let mut script = open(config().try_all_transports(true).transports([WebSocket, Polling]));
    script.out();
    script.connected(0);
    assert_eq!(script.text(0, "0{}"), ["ws0 close", "1 GET"]);
}

#[test]
fn a_websocket_that_worked_is_remembered() {
    let begin = Start { first_id: 7, prior_websocket: true, entropy: 0 };
    let mut script = open_with(config().remember_upgrade(true), begin);
    assert_eq!(script.out(), ["ws7 connect"]);
    // The WebSocket does not work any more.
    assert_eq!(script.refused(7, None), ["closed transport error: the WebSocket failed"]);
    assert!(!script.session.prior_websocket());
    assert_eq!(script.session.next_id(), 8);

    for (remember, transports, prior) in
        [(false, &[Polling, WebSocket][..], true), (true, &[Polling], true), (true, &[Polling, WebSocket], false)]
    {
        let config = config().remember_upgrade(remember).transports(transports.iter().copied());
        assert_eq!(open_with(config, Start { prior_websocket: prior, ..begin }).out(), ["7 GET"]);
    }
    assert!(upgraded().session.prior_websocket() && !dialling().session.prior_websocket());
}

#[test]
fn a_remembered_websocket_that_fails_falls_back_to_polling() {
    let begin = Start { prior_websocket: true, ..Start::default() };
    let config = config().remember_upgrade(true).try_all_transports(true);
    let mut script = open_with(config, begin);
    assert_eq!(script.out(), ["ws0 connect"]);
    assert_eq!(script.refused(0, None), ["1 GET"]);
    assert!(!script.session.prior_websocket());
}

#[test]
fn every_field_of_the_handshake_is_checked() {
    let bad = |open: &str| {
        let mut script = open_with(config(), Start::default());
        script.out();
        let out = script.answer(0, open);
        assert!(script.session.is_closed() && script.session.poll_timeout().is_none());
        out.join(", ")
    };
    let json = "the open packet is not JSON with sid, upgrades, pingInterval and pingTimeout";
    for (open, text) in [
        ("0", json),
        ("0{", json),
        ("0null", json),
        (r#"0{"upgrades":[],"pingInterval":1,"pingTimeout":1}"#, json),
        (r#"0{"sid":1,"upgrades":[],"pingInterval":1,"pingTimeout":1}"#, json),
        (r#"0{"sid":"S","pingInterval":1,"pingTimeout":1}"#, json),
        (r#"0{"sid":"S","upgrades":[],"pingTimeout":1}"#, json),
        (r#"0{"sid":"S","upgrades":[],"pingInterval":1}"#, json),
        (r#"0{"sid":"S","upgrades":[],"pingInterval":"1","pingTimeout":1}"#, json),
        (r#"0{"sid":"S","upgrades":[],"pingInterval":1e999,"pingTimeout":1}"#, json),
        (r#"0{"sid":"","upgrades":[],"pingInterval":1,"pingTimeout":1}"#, "the sid must have 1 to 1024 bytes"),
        (r#"0{"sid":"S","upgrades":[],"pingInterval":0,"pingTimeout":1}"#, "pingInterval must be at least 1 ms"),
        (r#"0{"sid":"S","upgrades":[],"pingInterval":1,"pingTimeout":-1}"#, "pingTimeout must be at least 1 ms"),
        (
            r#"0{"sid":"S","upgrades":[],"pingInterval":1,"pingTimeout":1,"maxPayload":-1}"#,
            "maxPayload must not be negative",
        ),
        ("4hi", "the first packet must be an open packet"),
        ("6", "the first packet must be an open packet"),
        ("1", "the first packet must be an open packet"),
    ] {
        assert_eq!(bad(open), format!("closed transport error: bad handshake: {text}"), "{open}");
    }
    let sid = "x".repeat(1025);
    let long = format!(r#"0{{"sid":"{sid}","upgrades":[],"pingInterval":1,"pingTimeout":1}}"#);
    assert!(bad(&long).ends_with("the sid must have 1 to 1024 bytes"));
    assert!(bad(&format!("0{}", " ".repeat(20_000))).ends_with("longer than 16384 bytes"));
}

#[test]
fn absurd_intervals_are_clamped() {
    for number in ["1e300", "18446744073709551615", "99999999999999999999999"] {
        let mut script = open(config().upgrade(false));
        script.out();
        let open = format!(
            r#"0{{"sid":"S","upgrades":["x"],"pingInterval":{number},"pingTimeout":{number},"maxPayload":{number}}}"#
        );
        assert_eq!(script.answer(0, &open), ["1 GET", "opened S"]);
        assert_eq!(script.timeout(), Some(2 * (i32::MAX as u64)));
        assert_eq!(script.session.handshake().unwrap().max_payload, Some(number.parse::<f64>().unwrap() as usize));
    }
}

#[test]
fn fractions_and_a_missing_max_payload_are_accepted() {
    for limit in ["", r#","maxPayload":null"#, r#","maxPayload":0"#] {
        let mut script = open(config().upgrade(false));
        script.out();
        let open = format!(r#"0{{"sid":"S","upgrades":[],"pingInterval":1000.5,"pingTimeout":1.0,"x":{{}}{limit}}}"#);
        assert_eq!(script.answer(0, &open), ["1 GET", "opened S"]);
        assert_eq!(script.timeout(), Some(1001));
        assert_eq!(script.session.handshake().unwrap().max_payload, None);
    }
}
