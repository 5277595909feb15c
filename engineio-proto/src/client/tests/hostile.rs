//! Servers that violate the protocol.

use super::*;

#[test]
fn a_second_open_packet_ends_the_session() {
    let closed = r#"closed transport error: a packet of type "open" is not expected here"#;
    assert_eq!(polling().answer(1, &format!("{OPEN}|4a")), [closed]);
    assert_eq!(websocket().text(0, OPEN), ["ws0 close", closed]);
}

#[test]
fn meaningless_packets_from_a_server_are_ignored() {
    let out = polling().answer(1, "3|3probe|5|4a");
    assert!(
        out.iter().any(|line| line == "message a") && !out.iter().any(|line| line.starts_with("closed")),
        "{out:?}"
    );
    let mut websocket = websocket();
    for packet in ["3", "3probe", "5"] {
        assert!(websocket.text(0, packet).is_empty());
    }
    assert_eq!(websocket.text(0, "4a"), ["message a"]);
}

#[test]
fn a_malformed_packet_ends_the_session() {
    for body in ["", "x", "4a|", "4a||4b", "b!", "\u{e4}"] {
        let out = polling().answer(1, body);
        assert!(out.last().unwrap().starts_with("closed transport error: malformed packet: "), "{body} {out:?}");
    }
    let mut script = polling();
    script.session.handle_response(RequestId(1), http::Response::new(Bytes::from_static(b"4\xff")), script.now);
    assert_eq!(script.out(), ["closed transport error: malformed packet: the payload is not valid UTF-8"]);
    for text in ["", "7", "b="] {
        let out = websocket().text(0, text);
        assert!(out[1].starts_with("closed transport error: malformed packet: "), "{out:?}");
    }
}

#[test]
fn a_noop_is_harmless() {
    assert_eq!(websocket().text(0, "6"), [""; 0]);
}

#[test]
fn a_message_beyond_the_limit_ends_the_session() {
    let mut script = websocket_with(config().max_body(200));
    assert_eq!(script.text(0, &"4".repeat(200)).len(), 1);
    assert_eq!(
        script.text(0, &"4".repeat(201)),
        ["ws0 close", "closed transport error: a response or message of the server is longer than 200 bytes"]
    );
}

#[test]
fn binary_before_the_handshake_is_refused() {
    let mut script = open(config().transports([TransportKind::WebSocket]));
    script.out();
    script.connected(0);
    assert_eq!(
        script.binary(0, b"0{}"),
        ["ws0 close", "closed transport error: bad handshake: the first packet must be an open packet"]
    );
}

#[test]
fn inputs_for_unknown_ids_are_ignored() {
    for mut script in [polling(), websocket(), probing(), pausing(), upgraded()] {
        assert_eq!((script.answer(99, "4a"), script.lost(99), script.respond(99, 500, "")), (vec![], vec![], vec![]));
        assert_eq!((script.text(99, "4a"), script.flushed(99), script.gone(99, true)), (vec![], vec![], vec![]));
        assert_eq!((script.connected(99), script.refused(99, None)), (vec![], vec![]));
        assert!(!script.session.is_closed());
    }
}

#[test]
fn a_long_error_page_is_not_parsed() {
    let mut script = polling();
    let page = format!(r#"{{"code":1,"message":"{}"}}"#, "x".repeat(5000));
    assert_eq!(script.respond(1, 503, &page), ["closed transport error: the GET request failed with status 503"]);
}
