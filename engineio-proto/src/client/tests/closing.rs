//! Closing a session.

use super::*;

#[test]
fn a_polling_session_closes_with_a_close_packet() {
    let mut script = polling();
    assert_eq!(script.close(), ["2 POST 1", "closed forced close"]);
    assert_eq!((script.answer(2, "ok"), script.answer(1, "6"), script.timeout()), (vec![], vec![], None));
}

#[test]
fn a_websocket_is_closed() {
    let mut script = websocket();
    assert_eq!(script.close(), ["ws0 close", "closed forced close"]);
}

#[test]
fn buffered_messages_leave_before_the_close() {
    let mut script = polling();
    script.send("a");
    script.send("b");
    assert_eq!(script.close(), [""; 0]);
    assert_eq!(script.session.send("c".into()), Err(SendError::Closed));
    assert_eq!(script.timeout(), Some(30_000));
    assert_eq!(script.answer(2, "ok"), ["3 POST 4b"]);
    assert_eq!(script.answer(3, "ok"), ["4 POST 1", "closed forced close"]);

    let mut script = websocket();
    script.session.send("a".into()).unwrap();
    assert_eq!(script.close(), ["ws0 4a", "ws0 close", "closed forced close"]);

    let mut script = websocket();
    script.send("a");
    script.send("b");
    assert_eq!(script.close(), [""; 0]);
    assert_eq!(script.flushed(0), ["ws0 4b", "ws0 close", "closed forced close"]);
}

#[test]
fn a_closing_session_answers_pings_but_delivers_no_messages() {
    let mut script = websocket();
    script.send("a");
    script.send("b");
    script.close();
    assert_eq!(script.text(0, "4x"), [""; 0]);
    assert_eq!(script.text(0, "2"), [""; 0]);
    assert_eq!(script.flushed(0), ["ws0 4b", "ws0 3", "ws0 close", "closed forced close"]);
}

#[test]
fn a_close_waits_for_an_upgrade() {
    let mut script = pausing();
    script.send("a");
    assert_eq!(script.close(), [""; 0]);
    assert_eq!(script.answer(2, "6"), ["ws1 5", "ws1 4a", "ws1 close", "upgraded", "closed forced close"]);
}

#[test]
fn a_close_waits_for_an_upgrade_that_fails() {
    let mut script = pausing();
    script.send("a");
    assert_eq!(script.close(), [""; 0]);
    assert_eq!(script.gone(1, false), ["3 POST 4a", "upgrade failed: the WebSocket failed"]);
    assert_eq!(script.answer(3, "ok"), ["4 POST 1", "closed forced close"]);
}

#[test]
fn a_close_waits_for_an_upgrade_until_the_close_timeout() {
    let mut script = pausing();
    assert_eq!(script.close(), [""; 0]);
    assert_eq!(script.at(29_999), [""; 0]);
    assert_eq!(script.at(30_000), ["ws1 close", "2 cancel", "closed forced close"]);
}

#[test]
fn a_probe_does_not_delay_a_close() {
    assert_eq!(probing().close(), ["ws1 close", "3 POST 1", "closed forced close"]);
    assert_eq!(dialling().close(), ["ws1 close", "3 POST 1", "closed forced close"]);
}

#[test]
fn a_session_that_is_not_open_is_given_up() {
    let mut script = open(config());
    assert_eq!(script.out(), ["0 GET"]);
    assert_eq!(script.close(), ["0 cancel", "closed forced close"]);
    let mut script = open(config().transports([TransportKind::WebSocket]));
    assert_eq!(script.out(), ["ws0 connect"]);
    assert_eq!(script.close(), ["ws0 close", "closed forced close"]);
}

#[test]
fn a_message_sent_before_the_handshake_delays_the_close() {
    let mut script = open(config());
    script.send("a");
    assert_eq!(script.close(), [""; 0]);
    // A closing session starts no upgrade.
    assert_eq!(script.answer(0, OPEN), ["1 GET", "2 POST 4a", "opened S"]);
    assert_eq!(script.answer(2, "ok"), ["3 POST 1", "closed forced close"]);
}

#[test]
fn a_discard_drops_buffered_messages() {
    let mut script = polling();
    script.send("a");
    script.session.discard(script.now);
    assert_eq!(script.out(), ["1 cancel", "2 cancel", "closed forced close"]);
    assert_eq!(script.session.buffered(), 0);
    let mut script = pausing();
    script.session.discard(script.now);
    assert_eq!(script.out(), ["ws1 close", "2 cancel", "closed forced close"]);
    let mut script = open(config());
    script.session.discard(script.now);
    assert_eq!(script.out(), ["0 GET", "0 cancel", "closed forced close"]);
}

#[test]
fn a_close_by_the_server_ends_the_session() {
    assert_eq!(polling().answer(1, "4a|1|4b"), ["message a", "closed transport close"]);
    assert_eq!(websocket().text(0, "1"), ["ws0 close", "closed transport close"]);
    assert_eq!(websocket().gone(0, false), ["closed transport close"]);
    assert_eq!(websocket().gone(0, true), ["closed transport error: the WebSocket failed"]);
}

#[test]
fn a_closed_session_ignores_inputs() {
    let mut script = upgraded();
    script.gone(1, false);
    assert_eq!((script.text(1, "4a"), script.flushed(1), script.close()), (vec![], vec![], vec![]));
    assert_eq!((script.at(100_000), script.connected(1), script.gone(1, true)), (vec![], vec![], vec![]));
    script.session.discard(script.now);
    assert_eq!(script.out(), [""; 0]);
    assert!(script.session.is_closed() && !script.session.is_open() && !script.session.writable());
    assert_eq!(script.session.transport(), TransportKind::WebSocket);
}
