//! Sockets that are refused.

use super::*;

/// The event after a CONNECT with this answer.
fn answered(answer: &str) -> String {
    let mut script = joining();
    let out = script.text(answer);
    assert_eq!([&*out[0], &*out[2]], ["1: close", "closed: forced close"], "{out:?}");
    assert!(!script.manager.is_active(A) && script.manager.is_idle());
    assert_eq!(script.deadline(), None);
    out[1].clone()
}

#[test]
fn a_refusal_has_the_message_and_data_of_the_server() {
    assert_eq!(answered(r#"44{"message":"no","data":{"code":1}}"#), r#"refused 0: no {"code":1}"#);
    assert_eq!(answered(r#"44{"message":"n\"o"}"#), "refused 0: n\"o");
    assert_eq!(answered(r#"44{"message":"no","data":null}"#), "refused 0: no");
    assert_eq!(answered(r#"44"mere text""#), "refused 0: mere text");
    assert_eq!(answered(r#"44{"data":[1]}"#), "refused 0:  [1]");
    assert_eq!(answered("44{}"), "refused 0: ");
}

#[test]
fn a_refusal_without_a_message_that_is_text_keeps_its_data() {
    assert_eq!(answered(r#"44{"message":null,"data":1}"#), "refused 0:  1");
    assert_eq!(answered(r#"44{"message":{"a":1},"data":1}"#), "refused 0:  1");
}

#[test]
fn a_lone_surrogate_in_a_refusal_is_read_as_a_replacement_character() {
    let refused = answered(r#"44{"message":"cut \ud83d","data":"\ud83d","\ude00":1}"#);
    assert_eq!(refused, "refused 0: cut \u{FFFD} \"\\ud83d\"");
    assert_eq!(answered(r#"44"cut \ud83d""#), "refused 0: cut \u{FFFD}");
}

#[test]
fn a_connect_without_a_sid_is_refused() {
    let old = "refused 0: the server accepted the socket without a sid: it seems to be a Socket.IO v2 server";
    assert_eq!(answered("40"), old);
    assert_eq!(answered("40{}"), old);
    assert_eq!(answered(r#"40{"sid":""}"#), old);
    assert_eq!(answered(r#"40{"sid":1}"#), old);
    // The same for an id of more than 1,024 bytes, which is too long to be kept.
    assert_eq!(answered(&format!(r#"40{{"sid":"{}"}}"#, "x".repeat(1025))), old);
    let longest = "x".repeat(1024);
    assert_eq!(joining().text(&format!(r#"40{{"sid":"{longest}"}}"#)), [format!("connected 0 {longest}")]);
    // An old server also sends CONNECT without a request.
    let mut script = opened();
    assert_eq!(script.text("40"), ["1: close", old, "closed: forced close"]);
}

/// Applications may keep refusals.
#[test]
fn a_refusal_does_not_pin_the_received_message() {
    let mut script = joining();
    let body = Bytes::from(format!(r#"44{{"message":"no","data":[1],"more":"{}"}}"#, "x".repeat(100_000)));
    let text = engineio_proto::Text::try_from(body.clone()).unwrap();
    script.manager.handle_message(script.ws, Data::Text(text), script.now);
    let refused = std::iter::from_fn(|| script.manager.poll_event()).find_map(|event| match event {
        Event::Refused { error: Refusal::Server { message, data }, .. } => Some((message, data)),
        _ => None,
    });
    let Some((message, Some(data))) = refused else { panic!("{refused:?}") };
    assert_eq!((&*message, data.as_str()), ("no", "[1]"));
    assert!(body.is_unique());
}

#[test]
fn a_socket_id_may_have_escapes() {
    let mut script = joining();
    assert_eq!(script.text(r#"40{"sid":"a\u002fb","more":{}}"#), ["connected 0 a/b"]);
    let mut script = joining();
    assert_eq!(script.text(r#"40{"sid":"a\ud83d"}"#), ["connected 0 a\u{FFFD}"]);
}

#[test]
fn a_driver_without_credentials_refuses_the_socket() {
    let mut script = opened();
    script.manager.refuse_authentication(A, script.now);
    assert_eq!(script.out(), ["1: close", "refused 0: there are no credentials", "closed: forced close"]);
    assert!(script.manager.is_idle() && !script.manager.is_active(A));
}

#[test]
fn a_refused_socket_joins_again_only_after_connect() {
    let mut script = both();
    let third = script.socket("/bar");
    script.connect(third);
    script.authenticate(third);
    assert_eq!(script.text(r#"44/bar,{"message":"no"}"#), ["refused 2: no"]);
    assert!(!script.manager.is_active(third));
    // The other sockets stay connected, and reconnect without it.
    assert_eq!(script.ws_closed(true).len(), 4);
    assert_eq!(script.reconnect(), ["opened 1 websocket", "authenticate 0", "authenticate 1"]);
    assert_eq!(script.connect(third), ["authenticate 2"]);
    assert_eq!(script.authenticate(third), ["2: 40/bar,"]);
    assert_eq!(script.text(r#"40/bar,{"sid":"U"}"#), ["connected 2 U"]);
}

#[test]
fn a_disconnect_in_answer_to_connect_is_a_refusal() {
    assert_eq!(answered("41"), "refused 0: the server disconnected the socket before it had joined");
}

#[test]
fn a_refusal_without_a_payload_is_a_parse_error_and_retried() {
    let mut script = joining();
    let out = [
        "1: close",
        "undecodable: the payload is missing",
        "closed: parse error",
        "not joined 0: parse error",
        "attempt 1 in 1000 ms",
    ];
    assert_eq!(script.text("44"), out);
    assert!(script.manager.is_active(A));
}
