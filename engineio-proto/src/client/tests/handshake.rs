//! How a session begins.

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
fn what_is_sent_before_the_handshake_leaves_behind_it() {
    let mut script = open(config().upgrade(false));
    assert_eq!(script.send("a"), ["0 GET"]);
    assert_eq!(script.answer(0, OPEN), ["1 GET", "2 POST 4a", "opened S"]);
}

#[test]
fn without_transports_there_is_no_session() {
    let mut script = open(config().transports([]));
    assert_eq!(script.out(), ["closed transport error: no transports available"]);
    assert!(script.session.is_closed());
}

#[test]
fn a_failed_handshake_closes() {
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
fn a_refusal_is_told_in_the_servers_words() {
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
fn an_answer_that_is_no_handshake_is_told_with_its_type() {
    for (kind, body, told) in [
        ("text/html", "<!doctype html>", "the answer of type text/html is no Engine.IO handshake"),
        ("", "hello", "the answer is no Engine.IO handshake"),
        ("", "", "the answer is no Engine.IO handshake"),
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
        assert_eq!(script.out(), [format!("closed transport error: {told}")]);
    }
    let mut script = open(config().transports([WebSocket]));
    script.out();
    script.connected(0);
    let told = "closed transport error: the answer is no Engine.IO handshake";
    assert_eq!(script.text(0, r#"{"type":"hello"}"#), ["ws0 close", told]);
}

#[test]
fn a_redirect_is_told_with_its_location() {
    for (status, location, told) in [
        (301, "https://example.org/", "the GET request was redirected with status 301 to https://example.org/"),
        (308, &"x".repeat(3000), "the GET request failed with status 308"),
        (304, "", "the GET request failed with status 304"),
    ] {
        let mut script = open(config());
        script.out();
        let response = http::Response::builder().status(status);
        let response = if location.is_empty() { response } else { response.header("location", location) };
        script.session.handle_response(RequestId(0), response.body(Bytes::new()).unwrap(), script.now);
        assert_eq!(script.out(), [format!("closed transport error: {told}")]);
    }
}

#[test]
fn half_a_surrogate_pair_in_the_servers_words_is_read_as_a_replacement_character() {
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
fn all_transports_are_tried_where_that_is_wanted() {
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
fn a_bad_handshake_lets_the_next_transport_try() {
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
    // It does not work any more.
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
fn a_remembered_websocket_that_fails_gives_way() {
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
fn absurd_intervals_are_cut() {
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
fn fractions_are_numbers_and_no_limit_is_none() {
    for limit in ["", r#","maxPayload":null"#, r#","maxPayload":0"#] {
        let mut script = open(config().upgrade(false));
        script.out();
        let open = format!(r#"0{{"sid":"S","upgrades":[],"pingInterval":1000.5,"pingTimeout":1.0,"x":{{}}{limit}}}"#);
        assert_eq!(script.answer(0, &open), ["1 GET", "opened S"]);
        assert_eq!(script.timeout(), Some(1001));
        assert_eq!(script.session.handshake().unwrap().max_payload, None);
    }
}
