//! Protocol violations by a client, and their consequences.

use super::*;

/// A connection over WebSocket with a socket in `/` and `/slow` pending.
fn pending() -> Script {
    let mut script = websocket();
    script.text("40");
    script.accept(A);
    script.flushed();
    assert_eq!(script.text("40/slow,"), ["connecting 1 /slow"]);
    script
}

const BOTH: [&str; 4] =
    ["ws close", "disconnected 0 forced close", "disconnected 1 forced close", "closed forced close"];

#[test]
fn a_second_connect_closes() {
    assert_eq!(joined().text("40"), BOTH);
    assert_eq!(joined().text("40/admin,"), BOTH);
}

#[test]
fn a_second_connect_of_a_pending_namespace_closes() {
    let mut script = pending();
    assert_eq!(script.text("40/slow,"), BOTH);
    assert_eq!(script.connection.accept(B, [1; 15]), Err(EmitError::Disconnected));
    nothing(script.out());
}

#[test]
fn anything_for_a_pending_namespace_closes_without_an_answer() {
    for packet in [r#"42/slow,["a"]"#, "43/slow,0[]", "41/slow,", r#"44/slow,{"message":"a"}"#] {
        assert_eq!(pending().text(packet), BOTH, "{packet}");
    }
}

#[test]
fn anything_for_a_namespace_not_joined_closes() {
    for packet in [r#"42/other,["a"]"#, "43/other,0[]", "41/other,", r#"44/other,{"message":"a"}"#] {
        assert_eq!(joined().text(packet), BOTH, "{packet}");
    }
    for packet in [r#"42["a"]"#, "430[]", "41", r#"44{"message":"a"}"#] {
        assert_eq!(websocket().text(packet), ["ws close", "closed forced close"], "{packet}");
    }
}

#[test]
fn anything_for_a_namespace_that_the_client_left_closes() {
    let mut script = joined();
    script.text("41/admin,");
    assert_eq!(script.text(r#"42/admin,["a"]"#), ["ws close", "disconnected 0 forced close", "closed forced close"]);
}

/// The reference closes the connection, and with it all namespaces.
#[test]
fn packets_that_cross_a_disconnect_of_the_server_are_ignored() {
    let mut script = joined();
    script.ask(B, 0, None);
    script.disconnect(B);
    nothing(script.text(r#"42/admin,["a"]"#));
    nothing(script.text("43/admin,0[]"));
    nothing(script.text("41/admin,"));
    nothing(script.text("41/admin,"));
    assert_eq!(script.text(r#"42["a"]"#), ["received 0 a()"]);

    assert_eq!(script.text("40/admin,"), ["connecting 2 /admin"]);
    script.connection.accept(C, [2; 15]).unwrap();
    assert_eq!(script.text("41/admin,"), [r#"disconnected 2 client namespace disconnect"#]);
    assert_eq!(script.text("41/admin,")[0], "disconnected 0 forced server close");
}

#[test]
fn a_connect_error_from_a_client_closes() {
    assert_eq!(joined().text(r#"44{"message":"a"}"#), BOTH);
}

#[test]
fn connect_and_an_event_in_one_payload_close_without_an_answer() {
    let mut script = polling();
    let out = script.post(r#"40|42["a"]"#);
    assert_eq!(out, ["ok", "connecting 0 /", "disconnected 0 forced server close"]);
    assert_eq!(script.connection.accept(A, [0; 15]), Err(EmitError::Disconnected));
    assert_eq!(script.get(1), ["1 200 6|1", "closed forced close"]);
}

#[test]
fn a_violation_over_polling_without_a_poll_is_a_forced_server_close() {
    for violation in ["40", r#"42/other,["a"]"#, r#"44{"message":"a"}"#] {
        let mut script = polled();
        let gone = ["ok", "disconnected 0 forced server close", "disconnected 1 forced server close"];
        assert_eq!(script.post(violation), gone, "{violation}");
        assert_eq!(script.emit(A, &hello()), Err(EmitError::Disconnected));
        assert_eq!(script.get(1), ["1 200 6|1", "closed forced close"]);
    }
}

#[test]
fn a_violation_over_polling_with_a_waiting_poll_is_a_forced_close() {
    let mut script = polled();
    nothing(script.get(1));
    let gone = ["ok", "1 200 1", "disconnected 0 forced close", "disconnected 1 forced close", "closed forced close"];
    assert_eq!(script.post("40"), gone);
}

#[test]
fn a_violation_while_a_websocket_is_busy_is_a_forced_server_close() {
    let mut script = joined();
    script.emit(A, &hello()).unwrap();
    assert_eq!(script.out(), [r#"ws 42["hello"]"#]);
    script.emit(A, &hello()).unwrap();
    let gone = ["disconnected 0 forced server close", "disconnected 1 forced server close"];
    assert_eq!(script.text("40"), gone);
    assert_eq!(script.flushed(), [r#"ws 42["hello"]"#, "ws close", "closed forced close"]);
}

#[test]
fn an_undecodable_packet_is_reported_and_closes() {
    for (packet, rule) in [
        ("4abc", "'a' is not a packet type; a packet begins with a digit from 0 to 6"),
        ("4", "the packet is empty; it must begin with its type, a digit from 0 to 6"),
        ("4 0", "' ' is not a packet type; a packet begins with a digit from 0 to 6"),
        ("42{}", "the payload of an event or an ack must be a JSON array, directly after the header"),
        ("42", "the payload is missing"),
        (r#"42["disconnect"]"#, "the event name is reserved"),
        ("45woooot", "a binary packet must name the number of its attachments, from 1, followed by `-`"),
    ] {
        let undecodable = format!("undecodable: {rule}");
        let out = [
            "ws close",
            &undecodable,
            "disconnected 0 forced close",
            "disconnected 1 forced close",
            "closed forced close",
        ];
        assert_eq!(joined().text(packet), out, "{packet}");
        assert_eq!(websocket().text(packet), ["ws close", &undecodable, "closed forced close"], "{packet}");
    }
}

#[test]
fn a_lone_surrogate_is_no_violation() {
    let mut script = joined();
    assert_eq!(script.text(r#"427["cut \ud83d","\ud83d"]"#), ["received 0 cut \u{FFFD}(\"\\ud83d\") ack 7"]);
    assert_eq!(script.text(r#"42["\ude00\ud83d"]"#), ["received 0 \u{FFFD}\u{FFFD}()"]);
    let connecting = websocket().text(r#"40{"\ud83d":"\ud83d"}"#);
    assert_eq!(connecting, [r#"connecting 0 / {"\ud83d":"\ud83d"}"#]);
}

#[test]
fn an_undecodable_packet_over_polling_is_a_forced_close() {
    let mut script = polled();
    assert_eq!(
        script.post(r#"42["before"]|4abc|42["after"]"#),
        [
            "ok",
            "received 0 before()",
            "undecodable: 'a' is not a packet type; a packet begins with a digit from 0 to 6"
        ]
    );
    assert_packets_are_ignored(&mut script);
    assert_eq!(
        script.get(1),
        ["1 200 6|1", "disconnected 0 forced close", "disconnected 1 forced close", "closed forced close"]
    );
}

#[test]
fn attachments_and_text_must_not_mix() {
    let undecodable = |text: &str| [text.into(), BOTH[1].to_owned(), BOTH[2].to_owned(), BOTH[3].to_owned()];
    let mut script = joined();
    let unannounced = undecodable("undecodable: binary data arrived that no packet announced");
    assert_eq!(script.binary(b"x")[1..], unannounced);

    let mut script = joined();
    nothing(script.text(r#"451-["a",{"_placeholder":true,"num":0}]"#));
    let between = undecodable("undecodable: text arrived while the attachments of a packet were expected");
    assert_eq!(script.text(r#"42["b"]"#)[1..], between);
}

#[test]
fn packets_are_ignored_while_the_connection_closes() {
    let mut script = polled();
    nothing(script.close());
    assert_packets_are_ignored(&mut script);
    let gone = ["1 200 6|1", "disconnected 0 forced close", "disconnected 1 forced close", "closed forced close"];
    assert_eq!(script.get(1), gone);
}

fn assert_packets_are_ignored(script: &mut Script) {
    assert_eq!(script.post(r#"42["a"]|41|4abc|40/new,"#), ["ok"]);
}

/// The reference accepts each of these packets.
#[test]
fn malformed_packets_that_the_reference_accepts_are_refused() {
    let empty_or_blank = ["4", "4 ", "4\u{a0}", "4 4{}"];
    let without_a_payload = ["42", "43", "430", "44", "451-"];
    let ids = [r#"42 ["a"]"#, r#"421 ["a"]"#, r#"4218446744073709551616["a"]"#];
    let misplaced_ids = ["405", "415", "41 ", "43[]"];
    let counts = [r#"451e1-["a"]"#, r#"450x1-["a"]"#, r#"45+1-["a"]"#, r#"4501-["a"]"#];
    let placeholders = [r#"451-["a",{"_placeholder":true,"num":0.5}]"#];
    for packet in [&empty_or_blank[..], &without_a_payload, &ids, &misplaced_ids, &counts, &placeholders].concat() {
        let out = joined().text(packet);
        assert!(out.iter().any(|line| line.starts_with("undecodable")), "{packet}: {out:?}");
        assert_eq!(out.last().map(String::as_str), Some("closed forced close"));
    }
}

/// As in the reference.
#[test]
fn an_attachment_may_be_used_twice_or_not_at_all() {
    let mut script = joined();
    nothing(script.text(r#"451-["a"]"#));
    assert_eq!(script.binary(b"x"), [r#"received 0 a() [b"x"]"#]);

    nothing(script.text(r#"451-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#));
    script.connection.handle_message(WS, Data::Binary(b"x"[..].into()), script.now);
    let Some(Event::Received { event, .. }) = script.connection.poll_event() else { panic!() };
    let x = bytes::Bytes::from_static(b"x");
    assert_eq!(event.args.get::<(bytes::Bytes, bytes::Bytes)>(), Ok((x.clone(), x)));
}
