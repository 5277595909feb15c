use super::*;
use bytes::Bytes;

fn large(len: usize) -> Encoded {
    encode::event("/", None, "a", &"x".repeat(len)).unwrap()
}

#[test]
fn a_packet_and_its_attachments_stay_together() {
    let mut script = joined();
    let picture = Bytes::from_static(b"\x01\x02");
    script.emit(A, &encode::event("/", None, "file", &(&picture, &picture)).unwrap()).unwrap();
    assert_eq!(
        script.out(),
        [
            r#"ws 452-["file",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            r#"ws binary b"\x01\x02""#,
            r#"ws binary b"\x01\x02""#
        ]
    );

    let mut script = polled();
    script.emit(A, &encode::event("/", None, "file", &picture).unwrap()).unwrap();
    assert_eq!(script.get(1), [r#"1 200 451-["file",{"_placeholder":true,"num":0}]|bAQI="#]);
}

#[test]
fn a_volatile_packet_is_sent_only_if_nothing_is_queued_or_in_flight() {
    let mut script = joined();
    assert!(script.connection.emit_volatile(A, hello()));
    assert!(!script.connection.emit_volatile(A, hello()), "one is queued");
    assert_eq!(script.out(), [r#"ws 42["hello"]"#]);
    assert!(!script.connection.emit_volatile(A, hello()), "a batch is in flight");
    nothing(script.flushed());
    assert!(script.connection.emit_volatile(A, hello()));
    script.out();
    script.flushed();

    script.emit(A, &hello()).unwrap();
    assert!(!script.connection.emit_volatile(B, hello()), "another socket's packet is queued");
}

#[test]
fn a_volatile_packet_over_polling_needs_a_waiting_poll() {
    let mut script = polled();
    assert!(!script.connection.emit_volatile(A, hello()));
    nothing(script.get(1));
    assert!(script.connection.emit_volatile(A, hello()));
    assert!(!script.connection.emit_volatile(A, hello()));
    assert_eq!(script.out(), [r#"1 200 42["hello"]"#]);
    assert!(!script.connection.emit_volatile(A, hello()));
}

#[test]
fn a_volatile_packet_for_a_socket_that_left_is_dropped() {
    let mut script = joined();
    script.text("41");
    assert!(!script.connection.emit_volatile(A, hello()));
    nothing(script.out());
}

#[test]
fn the_outbox_is_bounded_and_reports_when_it_is_ready() {
    let mut script = joined_with(Config::default(), EngineConfig::builder().outbox_limit(1000));
    assert_eq!(script.emit(A, &large(300)), Ok(Pressure::Low));
    assert_eq!(script.emit(A, &large(300)), Ok(Pressure::High));
    assert_eq!(script.emit(A, &large(500)), Err(EmitError::Full));
    assert_eq!(script.out().len(), 2);
    assert_eq!(script.flushed(), ["ready"]);
    assert_eq!(script.emit(A, &large(300)), Ok(Pressure::Low));
}

#[test]
fn no_part_of_a_packet_that_does_not_fit_is_sent() {
    let mut script = joined_with(Config::default(), EngineConfig::builder().outbox_limit(1000));
    let bytes = Bytes::from(vec![0; 600]);
    let packet = encode::event("/", None, "a", &(&bytes, &bytes)).unwrap();
    assert_eq!(script.emit(A, &packet), Err(EmitError::TooLarge));
    nothing(script.out());
    assert_eq!(script.connection.engine().buffered(), 0);
    script.emit(A, &hello()).unwrap();
    assert_eq!(script.out(), [r#"ws 42["hello"]"#]);
    // `TooLarge` is not followed by `ready`.
    nothing(script.flushed());
}

#[test]
fn the_connection_survives_its_upgrade() {
    let mut script = polled();
    script.connection.handle_websocket(WS, &parts("GET"), script.now);
    nothing(script.out());
    assert_eq!(script.text("2probe"), ["ws 3probe"]);
    script.flushed();
    script.emit(A, &hello()).unwrap();
    nothing(script.out());
    assert_eq!(script.text("5"), [r#"ws 42["hello"]"#, "upgraded"]);
    script.flushed();
    assert_eq!(script.text(r#"42["a"]"#), ["received 0 a()"]);
    assert_eq!(script.ask(B, 1, None), [r#"ws 42/admin,1["ask"]"#]);
}

#[test]
fn attachments_may_arrive_in_several_bodies() {
    let mut script = polled();
    assert_eq!(script.post(r#"451-["a",{"_placeholder":true,"num":0}]"#), ["ok"]);
    assert_eq!(script.post("bAQI="), ["ok", r#"received 0 a({"_placeholder":true,"num":0}) [b"\x01\x02"]"#]);
}

#[test]
fn the_next_deadline_is_the_earliest_of_all() {
    let mut script = websocket_with(Config::default(), EngineConfig::builder());
    assert_eq!(script.deadline(), Some(25_000), "the first ping");
    assert_eq!(script.at(25_000), ["ws 2"]);
    assert_eq!(script.deadline(), Some(45_000), "pong and connect timeout");
    script.text("40");
    script.flushed();
    script.accept(A);
    script.flushed();
    script.text("3");
    assert_eq!(script.deadline(), Some(50_000), "the second ping");
    script.ask(A, 0, Some(40_000));
    assert_eq!(script.deadline(), Some(40_000), "the ack");
    script.text(r#"451-["a",{"_placeholder":true,"num":0}]"#);
    script.ask(A, 1, Some(90_000));
    assert_eq!(script.at(40_000), ["acked 0 0 operation has timed out"]);
    assert_eq!(script.deadline(), Some(50_000));
    script.flushed();
    script.flushed();
    script.close();
    assert_eq!(script.deadline(), None, "closed at once");
}
