use super::*;
use SendError::{Closed, Full, TooLarge};

const SLOT: usize = size_of::<Packet>();

#[test]
fn a_batch_leaves_only_when_the_one_before_is_flushed() {
    let mut script = websocket();
    assert_eq!(script.send("a"), ["ws1 4a"]);
    nothing(script.send("b"));
    nothing(script.send("c"));
    assert_eq!(script.flushed(WS), ["ws1 4b", "ws1 4c"]);
    nothing(script.flushed(WS));
    assert_eq!(script.send("d"), ["ws1 4d"]);
}

#[test]
fn the_handshake_is_a_batch_too() {
    let mut session = Session::open_websocket(Config::default().into(), Sid::new("S"), WS, &parts("GET", &[]), start());
    assert!(!session.writable());
    assert!(session.poll_transmit().is_some() && session.poll_transmit().is_none());
    assert!(!session.writable());
    session.send(Data::from("a")).unwrap();
    assert_eq!(session.poll_transmit(), None);
    session.handle_flushed(WS, start());
    assert!(session.poll_transmit().is_some() && session.poll_transmit().is_none());
}

#[test]
fn a_session_is_writable_if_a_message_would_leave_at_once() {
    let mut script = websocket();
    assert!(script.session.writable());
    script.session.send(Data::from("a")).unwrap();
    assert!(!script.session.writable(), "queued");
    script.out();
    assert!(!script.session.writable(), "in flight");
    script.flushed(WS);
    assert!(script.session.writable());

    let mut script = polling();
    assert!(!script.session.writable(), "no poll");
    script.get(1);
    assert!(script.session.writable());
    script.send("a");
    assert!(!script.session.writable());
}

#[test]
fn bytes_are_counted_until_they_are_flushed() {
    let mut script = websocket();
    assert_eq!(script.session.buffered(), 0);
    script.send("hello");
    assert_eq!(script.session.buffered(), 5 + SLOT, "in flight");
    script.send("");
    assert_eq!(script.session.buffered(), 5 + 2 * SLOT);
    script.flushed(WS);
    assert_eq!(script.session.buffered(), SLOT);
    script.flushed(WS);
    assert_eq!(script.session.buffered(), 0);

    let mut script = polling();
    script.get(1);
    script.send("hello");
    assert_eq!(script.session.buffered(), 5 + SLOT, "answered, but not known to be delivered");
    script.get(2);
    assert_eq!(script.session.buffered(), 0);
}

#[test]
fn the_outbox_is_bounded_and_reports_room() {
    let mut script = websocket_with(Config::builder().outbox_limit(4 * SLOT));
    let mut send = || script.session.send(Data::from(""));
    assert_eq!(
        [send(), send(), send(), send()],
        [Ok(Pressure::Low), Ok(Pressure::Low), Ok(Pressure::High), Ok(Pressure::High)]
    );
    assert_eq!((send(), script.session.pressure()), (Err(Full), Pressure::High));
    assert_eq!(script.out(), ["ws1 4", "ws1 4", "ws1 4", "ws1 4"]);
    assert_eq!(script.session.send(Data::from("")), Err(Full), "bytes in flight count");
    assert_eq!(script.flushed(WS), ["ready"]);
    assert_eq!(script.session.pressure(), Pressure::Low);
    nothing(script.flushed(WS));
}

#[test]
fn the_next_poll_reports_room_in_the_outbox() {
    let mut script = polling_with(Config::builder().outbox_limit(SLOT));
    assert_eq!(script.session.send(Data::from("")), Ok(Pressure::High));
    assert_eq!(script.get(1), ["1 200 4"]);
    assert_eq!(script.session.send(Data::from("")), Err(Full));
    assert_eq!(script.get(2), ["ready"]);
}

#[test]
fn ready_follows_only_high_pressure() {
    let mut script = websocket();
    script.send("a");
    nothing(script.flushed(WS));
}

#[test]
fn a_batch_is_taken_whole_or_not_at_all() {
    let mut script = websocket_with(Config::builder().outbox_limit(3 * SLOT));
    script.session.send(Data::from("")).unwrap();
    let batch = || ["", "", ""].map(Data::from);
    assert_eq!(script.session.send_batch(batch()), Err(Full));
    assert_eq!(script.session.buffered(), SLOT);
    assert_eq!(script.session.send_batch(batch().into_iter().take(2)), Ok(Pressure::High));
    assert_eq!(script.out(), ["ws1 4", "ws1 4", "ws1 4"]);
}

#[test]
fn too_large_is_distinguished_from_full() {
    let mut script = websocket_with(Config::builder().outbox_limit(3 * SLOT));
    let batch = |count| vec![Data::from(""); count];
    script.session.send(Data::from("")).unwrap();
    assert_eq!(script.session.send_batch(batch(4)), Err(TooLarge));
    assert_eq!(script.session.send("x".repeat(2 * SLOT + 1).into()), Err(TooLarge));
    assert_eq!(script.out(), ["ws1 4"]);
    nothing(script.flushed(WS));
    assert_eq!(script.session.send_batch(batch(4)), Err(TooLarge));
    nothing(script.flushed(WS));

    script.session.send(Data::from("")).unwrap();
    assert_eq!(script.session.send("x".repeat(2 * SLOT).into()), Err(Full));
    assert_eq!(script.session.send_batch(batch(3)), Err(Full));
    assert_eq!(script.out(), ["ws1 4"]);
    assert_eq!(script.flushed(WS), ["ready"]);
    assert_eq!(script.session.send_batch(batch(3)), Ok(Pressure::High));
}

#[test]
fn a_ping_always_has_room() {
    let mut script = websocket_with(Config::builder().outbox_limit(SLOT));
    script.session.send(Data::from("")).unwrap();
    assert_eq!(script.session.send(Data::from("")), Err(Full));
    assert_eq!(script.at(25_000), ["ws1 4", "ws1 2"]);
}

#[test]
fn a_closed_session_buffers_nothing() {
    let mut script = websocket();
    script.send("a");
    script.send("b");
    script.session.discard(script.now);
    assert_eq!(script.session.buffered(), 0);
    assert_eq!(script.session.send(Data::from("")), Err(Closed));
    assert!(!script.session.writable());
}

#[test]
fn the_memory_of_a_long_queue_is_released() {
    let mut script = websocket();
    for _ in 0..1000 {
        script.session.send(Data::from("x")).unwrap();
    }
    assert_eq!(script.out().len(), 1000);
    assert!(script.session.outbox.capacity() <= 32);
    let mut script = polling();
    assert_eq!(script.post(1, &vec!["4"; 1000].join("|")).len(), 1001);
    for _ in 0..1000 {
        script.session.handle_message(WS, Data::from("4"), script.now);
    }
    script.out();
    assert!(script.session.events.capacity() <= 32);
}
