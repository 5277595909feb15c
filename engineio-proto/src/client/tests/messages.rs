//! Sending, and the bounds of the outbox.

use super::*;

#[test]
fn one_batch_is_in_flight_at_a_time() {
    let mut script = websocket();
    script.session.send("a".into()).unwrap();
    script.session.send_batch(["b".into(), vec![1].into()]).unwrap();
    assert!(!script.session.writable());
    assert_eq!(script.out(), ["ws0 4a", "ws0 4b", "ws0 binary \u{1}"]);
    assert_eq!(script.send("c"), [""; 0]);
    assert_eq!(script.flushed(0), ["ws0 4c"]);
    assert_eq!(script.flushed(0), [""; 0]);
    assert!(script.session.writable());
}

#[test]
fn base64_can_be_forced() {
    let mut script = websocket_with(config().force_base64(true));
    assert_eq!(script.send(vec![1, 2, 3, 4]), ["ws0 bAQIDBA=="]);
    assert_eq!(script.text(0, "bAQI="), [r#"binary b"\x01\x02""#]);
}

#[test]
fn the_outbox_is_bounded_and_reports_room() {
    let slot = size_of::<Packet>();
    for websocket in [true, false] {
        let config = config().outbox_limit(2 * (slot + 10));
        let mut script = if websocket { websocket_with(config) } else { polling_with(config) };
        let id = if websocket { 0 } else { 2 };
        assert_eq!(script.session.send(Text::from("x".repeat(10)).into()), Ok(Pressure::Low));
        assert_eq!(script.out().len(), 1);
        assert_eq!(script.session.send(Text::from("y".repeat(10)).into()), Ok(Pressure::High));
        assert_eq!(script.session.send("z".into()), Err(SendError::Full));
        assert_eq!(script.session.buffered(), 2 * (slot + 10));
        let out = if websocket { script.flushed(id) } else { script.answer(id, "ok") };
        assert_eq!(out.len(), 2);
        assert!(out.contains(&"ready".to_string()));
        assert_eq!(script.session.pressure(), Pressure::Low);
    }
}

#[test]
fn a_batch_is_queued_whole_or_not_at_all() {
    let mut script = websocket_with(config().outbox_limit(3 * (size_of::<Packet>() + 1)));
    let batch = || ["a".into(), "b".into()];
    script.session.send_batch(batch()).unwrap();
    assert_eq!(script.session.send_batch(batch()), Err(SendError::Full));
    assert_eq!(script.out(), ["ws0 4a", "ws0 4b"]);
}

#[test]
fn the_memory_of_a_burst_is_released() {
    let mut script = websocket();
    for _ in 0..10_000 {
        script.session.send("a".into()).unwrap();
    }
    script.out();
    assert!(script.session.outbox.capacity() <= 32);
    for _ in 0..10_000 {
        script.session.handle_message(WebSocketId(0), Data::from("4a"), script.now);
    }
    assert_eq!(script.out().len(), 10_000);
    assert!(script.session.events.capacity() <= 32);
}

#[test]
fn a_message_alone_shares_its_batch_with_no_other() {
    let mut script = websocket();
    script.session.send("a".into()).unwrap();
    script.session.send_alone("b".into()).unwrap();
    script.session.send_alone("c".into()).unwrap();
    script.session.send("d".into()).unwrap();
    script.session.send("e".into()).unwrap();
    assert_eq!(script.out(), ["ws0 4a"]);
    assert_eq!(script.flushed(0), ["ws0 barrier", "ws0 4b"]);
    assert_eq!(script.text(0, "2"), [""; 0], "the pong waits for the batch in flight");
    assert_eq!(script.flushed(0), ["ws0 3"], "and precedes the next part");
    assert_eq!(script.flushed(0), ["ws0 barrier", "ws0 4c"]);
    assert!(!script.session.writable());
    assert_eq!(script.flushed(0), ["ws0 barrier", "ws0 4d", "ws0 4e"]);
    assert_eq!(script.flushed(0), [""; 0]);
    assert!(script.session.writable());
    assert_eq!(script.session.buffered(), 0);

    // Sent at once, if nothing is queued.
    script.session.send_alone("f".into()).unwrap();
    assert_eq!(script.out(), ["ws0 barrier", "ws0 4f"]);
    // Later messages do not share its batch either.
    assert_eq!(script.send("g"), [""; 0]);
    assert_eq!(script.flushed(0), ["ws0 barrier", "ws0 4g"]);
    script.flushed(0);
    assert_eq!(script.send("h"), ["ws0 4h"]);
}

#[test]
fn a_message_alone_has_a_post_of_its_own() {
    let mut script = polling();
    script.session.send("a".into()).unwrap();
    script.session.send_alone("b".into()).unwrap();
    script.session.send("c".into()).unwrap();
    script.session.close(script.now);
    assert_eq!(script.out(), ["2 POST 4a"]);
    assert_eq!(script.answer(2, "ok"), ["3 POST 4b"]);
    assert_eq!(script.answer(3, "ok"), ["4 POST 4c"]);
    assert_eq!(script.answer(4, "ok"), ["5 POST 1", "closed forced close"]);
}

#[test]
fn a_message_alone_counts_like_any_other() {
    let slot = size_of::<Packet>();
    let mut script = websocket_with(config().outbox_limit(2 * slot + 2));
    script.session.send("a".into()).unwrap();
    assert_eq!(script.session.send_alone("bb".into()), Err(SendError::Full));
    assert_eq!(script.session.send_alone(Text::from("b".repeat(slot + 3)).into()), Err(SendError::TooLarge));
    assert_eq!(script.session.send("b".into()), Ok(Pressure::High));
    assert_eq!(script.out(), ["ws0 4a", "ws0 4b"], "the refused message begins no part");
    assert_eq!(script.flushed(0), ["ready"]);
    script.session.close(script.now);
    assert_eq!(script.session.send_alone("c".into()), Err(SendError::Closed));
}
