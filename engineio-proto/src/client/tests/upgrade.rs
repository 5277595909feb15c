//! The upgrade from polling to a WebSocket.

use super::*;
use TransportKind::{Polling, WebSocket};

#[test]
fn a_session_moves_to_a_websocket() {
    let mut script = upgraded();
    assert_eq!(script.session.transport(), WebSocket);
    assert_eq!(script.send("a"), ["ws1 4a"]);
    assert_eq!(script.text(1, "4b"), ["message b"]);
}

#[test]
fn an_upgrade_is_tried_only_if_enabled_and_offered() {
    for (config, open) in [
        (config().upgrade(false), OPEN),
        (config().transports([Polling]), OPEN),
        (config(), OPEN_WS),
        (config(), &OPEN.replace("websocket", "webtransport")),
    ] {
        let mut script = super::open(config);
        script.out();
        assert_eq!(script.answer(0, open), ["1 GET", "opened S"]);
    }
}

#[test]
fn polling_goes_on_until_the_probe_is_answered() {
    let mut script = dialling();
    assert_eq!(script.send("a"), ["3 POST 4a"]);
    assert_eq!(script.connected(1), ["ws1 2probe"]);
    assert_eq!(script.answer(2, "4b"), ["4 GET", "message b"]);
    assert_eq!(script.answer(3, "ok"), [""; 0]);
    assert_eq!(script.send("c"), ["5 POST 4c"]);
    assert_eq!(script.session.transport(), Polling);
}

#[test]
fn both_requests_end_before_the_upgrade() {
    let mut script = probing();
    assert_eq!(script.send("a"), ["3 POST 4a"]);
    assert_eq!(script.text(1, "3probe"), ["upgrading"]);
    assert!(script.session.upgrading() && !script.session.writable());
    assert_eq!(script.send("b"), [""; 0]);
    assert_eq!(script.answer(2, "4c|6"), ["message c"]);
    assert_eq!(script.send("d"), [""; 0]);
    assert_eq!(script.answer(3, "ok"), ["ws1 5", "ws1 4b", "ws1 4d", "upgraded"]);
    assert!(!script.session.upgrading());
    assert_eq!(script.send("e"), [""; 0]);
    assert_eq!(script.flushed(1), ["ws1 4e"]);
}

#[test]
fn the_post_may_end_before_the_get() {
    let mut script = probing();
    assert_eq!(script.send("a"), ["3 POST 4a"]);
    assert_eq!(script.text(1, "3probe"), ["upgrading"]);
    assert_eq!(script.answer(3, "ok"), [""; 0]);
    assert_eq!(script.answer(2, "6"), ["ws1 5", "upgraded"]);
}

/// Otherwise the messages of the WebSocket could overtake those of the body.
#[test]
fn a_polling_body_is_processed_before_the_upgrade() {
    let mut script = pausing();
    let response = http::Response::new(Bytes::from(vec!["4x"; 40].join("\u{1e}")));
    script.session.handle_response(RequestId(2), response, script.now);
    assert!(script.session.poll_transmit().is_none());
    let out = script.out();
    assert_eq!((out.len(), &out[39..]), (42, &["message x".into(), "upgraded".into(), "ws1 5".to_string()][..]));
}

/// `5` waits until the write of the probe is reported.
#[test]
fn the_upgrade_waits_until_the_probe_is_flushed() {
    let mut script = dialling();
    assert_eq!(script.connected(1), ["ws1 2probe"]);
    assert_eq!(script.text(1, "3probe"), ["upgrading"]);
    assert_eq!(script.answer(2, "6"), ["upgraded"]);
    assert_eq!(script.send("a"), [""; 0]);
    assert_eq!(script.flushed(1), ["ws1 5", "ws1 4a"]);
}

#[test]
fn a_ping_before_the_upgrade_is_answered_after_it() {
    let mut script = pausing();
    assert_eq!(script.answer(2, "2|6"), ["ws1 5", "ws1 3", "upgraded"]);
}

#[test]
fn polling_goes_on_after_a_failed_probe() {
    let failed = |text: &str| format!("upgrade failed: {text}");
    let refused = failed("the WebSocket failed with status 400");
    assert_eq!(dialling().refused(1, Some(400)), [refused]);
    assert_eq!(probing().gone(1, true), [failed("the WebSocket failed")]);
    assert_eq!(probing().gone(1, false), [failed("the WebSocket failed")]);
    let unanswered = failed("the probe was not answered with `3probe`");
    for text in ["3", "3probes", "2probe", "4x", "6", "x", "", "0{}", "1"] {
        let mut script = probing();
        assert_eq!(script.text(1, text), ["ws1 close", &unanswered], "{text}");
        assert!(!script.session.prior_websocket());
        assert_eq!(script.answer(2, "4a"), ["3 GET", "message a"]);
        assert_eq!(script.send("b"), ["4 POST 4b"]);
        // There is no second probe, and inputs of the closed WebSocket are ignored.
        assert_eq!((script.text(1, "3probe"), script.gone(1, false)), (vec![], vec![]));
    }
    assert_eq!(probing().binary(1, b"3probe"), ["ws1 close", &unanswered]);
    // A probe answer before the WebSocket is open.
    assert_eq!(dialling().text(1, "3probe"), ["ws1 close", &unanswered]);
}

#[test]
fn polling_resumes_after_the_loss_of_a_probed_websocket() {
    let mut script = pausing();
    script.send("a");
    assert_eq!(script.gone(1, true), ["3 POST 4a", "upgrade failed: the WebSocket failed"]);
    assert_eq!(script.answer(2, "4b"), ["4 GET", "message b"]);
    assert!(!script.session.prior_websocket());

    let mut script = probing();
    script.send("a");
    script.text(1, "3probe");
    script.answer(2, "6");
    assert_eq!(
        script.text(1, "4early"),
        ["ws1 close", "4 GET", "upgrade failed: the probe was not answered with `3probe`"]
    );
}

#[test]
fn a_request_that_fails_during_the_upgrade_ends_the_session() {
    assert_eq!(pausing().lost(2), ["ws1 close", "closed transport error: the GET request failed"]);
    assert_eq!(pausing().answer(2, "1"), ["ws1 close", "closed transport close"]);
    assert_eq!(dialling().lost(2), ["ws1 close", "closed transport error: the GET request failed"]);
}

#[test]
fn a_repeated_open_of_the_websocket_is_ignored() {
    let mut script = probing();
    assert_eq!(script.connected(1), [""; 0]);
    assert_eq!(script.text(1, "3probe"), ["upgrading"]);
    assert_eq!(script.connected(1), [""; 0]);
}
