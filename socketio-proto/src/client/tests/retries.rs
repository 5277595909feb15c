//! Packets that are sent until they are acknowledged.

use super::*;

/// Socket [`B`] in `/foo`, connected, with a number of retries and an ack timeout of 100 ms.
fn retrying(retries: u32) -> Script {
    retrying_with(SocketConfig::default().retries(Some(retries)).ack_timeout(Some(Duration::from_millis(100))))
}

fn retrying_with(config: SocketConfig) -> Script {
    let mut script = joined();
    assert_eq!(script.socket_with("/foo", config), B);
    script.connect(B);
    script.authenticate(B);
    script.text(r#"40/foo,{"sid":"T"}"#);
    script
}

fn rejoin(script: &mut Script) -> Vec<String> {
    script.reconnect();
    script.authenticate(B);
    let mut out = script.text(r#"40/foo,{"sid":"T2"}"#);
    assert_eq!(out.pop().unwrap(), "connected 1 T2");
    out
}

#[test]
fn one_reliable_packet_is_in_flight_at_a_time() {
    let mut script = retrying(3);
    assert_eq!(script.reliable(B, "echo", 1), [r#"1: 42/foo,0["echo",1]"#]);
    nothing(script.reliable(B, "echo", 2));
    nothing(script.reliable(B, "echo", 3));
    let out = [r#"1: 42/foo,1["echo",2]"#, "delivered 1 #0 (1)"];
    assert_eq!(script.text("43/foo,0[1]"), out);
    let out = [r#"1: 42/foo,2["echo",3]"#, "delivered 1 #1 (2)"];
    assert_eq!(script.text("43/foo,1[2]"), out);
    assert_eq!(script.text("43/foo,2[3]"), ["delivered 1 #2 (3)"]);
    assert_eq!((script.manager.buffered(), script.manager.pending_acks()), (0, 0));
}

#[test]
fn an_unacknowledged_packet_fails_after_its_retries() {
    let mut script = retrying(2);
    assert_eq!(script.reliable(B, "m", 1), [r#"1: 42/foo,0["m",1]"#]);
    nothing(script.reliable(B, "n", 2));
    assert_eq!(script.deadline(), Some(100));
    assert_eq!(script.at(100), [r#"1: 42/foo,1["m",1]"#]);
    assert_eq!(script.at(200), [r#"1: 42/foo,2["m",1]"#]);
    // Each try has its own id: this ack is for an earlier try.
    nothing(script.text("43/foo,1[]"));
    assert_eq!(script.at(300), [r#"1: 42/foo,3["n",2]"#, "delivered 1 #0 operation has timed out"]);
    assert_eq!(script.at(400), [r#"1: 42/foo,4["n",2]"#]);
    assert_eq!(script.at(500), [r#"1: 42/foo,5["n",2]"#]);
    assert_eq!(script.at(600), ["delivered 1 #1 operation has timed out"]);
    assert_eq!((script.manager.buffered(), script.manager.pending_acks()), (0, 0));
    // The next packet has all its retries.
    assert_eq!(script.reliable(B, "o", ()), [r#"1: 42/foo,6["o"]"#]);
    assert_eq!(script.at(700), [r#"1: 42/foo,7["o"]"#]);
    assert_eq!(script.text("43/foo,7[]"), ["delivered 1 #2 ()"]);
}

#[test]
fn reliable_packets_wait_for_the_connection() {
    let mut script = retrying(2);
    script.disconnect(B);
    nothing(script.reliable(B, "m", ()));
    nothing(script.at(1000));
    script.connect(B);
    script.authenticate(B);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), [r#"1: 42/foo,0["m"]"#, "connected 1 T"]);
}

#[test]
fn a_packet_in_flight_is_sent_again_on_the_next_connection() {
    let mut script = retrying_with(SocketConfig::default().retries(Some(1)));
    assert_eq!(script.reliable(B, "m", ()), [r#"1: 42/foo,0["m"]"#]);
    nothing(script.reliable(B, "n", ()));
    let out = script.ws_closed(false);
    assert!(!out.iter().any(|line| line.starts_with("delivered")), "{out:?}");
    assert_eq!(rejoin(&mut script), [r#"2: 42/foo,1["m"]"#]);
    nothing(script.text("43/foo,0[]"));
    // The packet has no retries left.
    let out = script.ws_closed(false);
    assert!(out.contains(&"delivered 1 #0 socket has been disconnected".to_owned()), "{out:?}");
    assert_eq!(rejoin(&mut script), [r#"3: 42/foo,2["n"]"#]);
    assert_eq!(script.text("43/foo,2[]"), ["delivered 1 #1 ()"]);
}

#[test]
fn without_retries_there_is_one_try() {
    let mut script = retrying_with(SocketConfig::default().ack_timeout(Some(Duration::from_millis(100))));
    script.reliable(B, "m", ());
    assert_eq!(script.at(100), ["delivered 1 #0 operation has timed out"]);
    script.reliable(B, "m", ());
    let out = script.ws_closed(false);
    assert_eq!(out[2..4], ["delivered 1 #1 socket has been disconnected", "disconnected 1: transport close"]);
}

#[test]
fn a_disconnect_is_a_failed_try() {
    let mut script = retrying(0);
    script.reliable(B, "m", ());
    nothing(script.reliable(B, "n", ()));
    let out = ["1: 41/foo,", "delivered 1 #0 socket has been disconnected", "disconnected 1: io client disconnect"];
    assert_eq!(script.disconnect(B), out);
    script.connect(B);
    script.authenticate(B);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), [r#"1: 42/foo,1["n"]"#, "connected 1 T"]);
}

#[test]
fn reliable_packets_are_sent_after_the_send_buffer() {
    let mut script = idle();
    nothing(script.reliable(A, "reliable", ()));
    nothing(script.emit(A, "plain", ()));
    script.connect(A);
    script.establish();
    script.authenticate(A);
    let out = [r#"1: 42["plain"]"#, r#"1: 420["reliable"]"#, "connected 0 S"];
    assert_eq!(script.text(r#"40{"sid":"S"}"#), out);
    // What the application emits in reaction is sent afterwards, and once.
    nothing(script.reliable(A, "echo", ()));
    assert_eq!(script.text("430[]"), [r#"1: 421["echo"]"#, "delivered 0 #0 ()"]);
}

#[test]
fn the_ack_id_of_a_retry_is_inserted_into_every_kind_of_packet() {
    let mut script = retrying(0);
    let bytes = Bytes::from_static(b"\x01");
    let packet = encode::event("/", None, "b", &(1, &bytes)).unwrap();
    script.manager.emit_reliable(A, packet, script.now).unwrap();
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    assert_eq!(script.out(), [format!(r#"1: 451-0["b",1,{placeholder}]"#), r#"1: binary b"\x01""#.into()]);
    // An existing id is replaced.
    let packet = encode::event("/foo", Some(77), "b-1", &(&bytes, "2,3")).unwrap();
    script.manager.emit_reliable(B, packet, script.now).unwrap();
    let out = [format!(r#"1: 451-/foo,0["b-1",{placeholder},"2,3"]"#), r#"1: binary b"\x01""#.into()];
    assert_eq!(script.out(), out);
    nothing(script.reliable(A, "", ()));
    assert_eq!(script.text("430[]"), [r#"1: 421[""]"#, "delivered 0 #0 ()"]);
}

#[test]
fn an_ack_timeout_of_zero_uses_up_the_retries() {
    let mut script = retrying_with(SocketConfig::default().retries(Some(3)).ack_timeout(Some(Duration::ZERO)));
    assert_eq!(script.reliable(B, "m", ()), [r#"1: 42/foo,0["m"]"#]);
    let out =
        [r#"1: 42/foo,1["m"]"#, r#"1: 42/foo,2["m"]"#, r#"1: 42/foo,3["m"]"#, "delivered 1 #0 operation has timed out"];
    assert_eq!(script.at(0), out);
    let mut script = retrying_with(SocketConfig::default().ack_timeout(Some(Duration::MAX)));
    script.reliable(B, "m", ());
    assert_eq!(script.deadline(), Some(45_000));
}

#[test]
fn the_retry_queue_counts_towards_the_buffer_limit() {
    let mut script = idle_with(config().send_buffer_limit(300), by_websocket());
    let packet = script.event(A, None, "m", "x".repeat(100));
    let first = script.manager.emit_reliable(A, &packet, script.now).unwrap();
    assert!(script.manager.buffered() > 100);
    assert_eq!(script.manager.emit_reliable(A, &packet, script.now), Err(EmitError::Full));
    assert_eq!(script.manager.emit(A, &packet, script.now), Err(EmitError::Full));
    nothing(script.out());
    script.connect(A);
    script.establish();
    script.authenticate(A);
    script.text(r#"40{"sid":"S"}"#);
    // The packet stays buffered until it is acknowledged.
    assert!(script.manager.buffered() > 100);
    assert_eq!(script.text("430[]"), [&format!("delivered 0 #{} ()", first.0), "ready"]);
    assert_eq!(script.manager.buffered(), 0);
}

#[test]
fn the_retry_queue_shrinks_when_empty() {
    let mut script = retrying(0);
    for number in 0..1000 {
        script.reliable(B, "m", number);
    }
    for number in 0..1000 {
        assert!(script.text(&format!("43/foo,{number}[]")).contains(&format!("delivered 1 #{number} ()")));
    }
    assert!(script.manager.member(B).unwrap().retries.capacity() <= 64);
}
