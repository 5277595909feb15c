use super::*;
use bytes::Bytes;

#[test]
fn messages_go_both_ways() {
    let mut script = websocket();
    assert_eq!(script.text(WS, "4hello"), ["message hello"]);
    assert_eq!(script.text(WS, "4"), ["message "]);
    assert_eq!(script.binary(WS, b"4\xff"), [r#"binary b"4\xff""#]);
    script.session.send(Data::from("a")).unwrap();
    script.session.send(Data::from(b"bin".to_vec())).unwrap();
    script.session.send(Data::from("")).unwrap();
    assert_eq!(script.out(), ["ws1 4a", "ws1 binary bin", "ws1 4"]);
}

#[test]
fn a_message_shares_the_bytes_of_its_frame() {
    let mut script = websocket();
    let wire = Bytes::from("4hello".to_owned());
    let text = crate::Text::try_from(wire.clone()).unwrap();
    script.session.handle_message(WS, Data::Text(text), script.now);
    let Some(Event::Message(Data::Text(text))) = script.session.poll_event() else { panic!() };
    assert_eq!(text.as_ptr(), wire[1..].as_ptr());
}

#[test]
fn base64_is_decoded_in_a_text_frame_too() {
    assert_eq!(websocket().text(WS, "bAQ=="), [r#"binary b"\x01""#]);
}

#[test]
fn a_client_that_asks_for_base64_gets_text_frames_only() {
    let config = Config::builder().initial_packet(vec![0xff]).build().unwrap();
    let session = Session::open_websocket(config.into(), Sid::new("S"), WS, &base64_parts(), start());
    let mut script = Script { session, start: start(), now: start() };
    assert_eq!(script.out()[1..], ["ws1 b/w=="]);
    script.flushed(WS);
    script.session.send(Data::from(vec![1, 2, 3, 4])).unwrap();
    script.session.send(Data::from(vec![])).unwrap();
    assert_eq!(script.send("text"), ["ws1 bAQIDBA==", "ws1 b", "ws1 4text"]);
    assert_eq!(script.binary(WS, b"\x01"), [r#"binary b"\x01""#], "its own frames may be binary");
}

#[test]
fn meaningless_packets_from_a_client_are_ignored() {
    let mut script = websocket();
    for text in ["0", "0{}", "3", "3x", "5", "6"] {
        nothing(script.text(WS, text));
    }
}

#[test]
fn a_malformed_frame_ends_the_session() {
    for text in ["", "abc", "7", "4".replace('4', "\u{20ac}").as_str(), "b!"] {
        let mut script = websocket();
        assert_eq!(script.text(WS, text), ["ws1 close", "closed parse error"], "{text}");
        nothing(script.text(WS, "4late"));
    }
}

#[test]
fn a_message_that_is_too_large_ends_the_session() {
    let mut script = websocket_with(Config::builder().max_payload(5));
    assert_eq!(script.text(WS, "41234"), ["message 1234"]);
    assert_eq!(script.text(WS, "412345"), ["ws1 close", "closed transport error"]);
    let mut script = websocket_with(Config::builder().max_payload(5));
    assert_eq!(script.binary(WS, b"123456"), ["ws1 close", "closed transport error"]);
}

/// The reference ignores the packet; the session ends by the ping timeout.
#[test]
fn a_close_packet_ends_the_session() {
    let mut script = websocket();
    assert_eq!(script.text(WS, "1"), ["ws1 close", "closed transport close"]);
}

#[test]
fn a_ping_from_the_client_ends_the_session() {
    for text in ["2", "2probe"] {
        assert_eq!(websocket().text(WS, text), ["ws1 close", "closed transport error"]);
    }
}

#[test]
fn a_closed_websocket_ends_the_session() {
    assert_eq!(websocket().websocket_closed(WS, false), ["closed transport close"]);
    assert_eq!(websocket().websocket_closed(WS, true), ["closed transport error"]);
}

#[test]
fn inputs_for_an_unknown_websocket_are_ignored() {
    let mut script = websocket();
    nothing(script.text(WS2, "1"));
    nothing(script.websocket_closed(WS2, true));
    nothing(script.flushed(WS2));
    assert_eq!(script.text(WS, "4a"), ["message a"]);
}

#[test]
fn a_polling_request_on_websocket_is_a_mismatch() {
    for method in ["GET", "POST", "PUT"] {
        let mut script = websocket();
        assert_eq!(script.request(1, method, &[]), [r#"1 400 {"code":3,"message":"Bad request"}"#]);
        assert_eq!(script.text(WS, "4a"), ["message a"]);
    }
}
