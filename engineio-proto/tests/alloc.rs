//! Counts the allocations of the hot paths: none, once the queues of a session have their capacity.

use allocation_counter::measure;
use engineio_proto::{
    Config, Data, Instant, Packet, RequestId, Sid, Text, TransportKind, WebSocketId, client, payload,
    server::{Event, Session, Transmit},
};
use http::request::Parts;

const WS: WebSocketId = WebSocketId(1);

#[allow(clippy::disallowed_methods, reason = "any point in time will do")]
fn now() -> Instant {
    Instant::now()
}

fn parts(method: &str) -> Parts {
    http::Request::builder().method(method).uri("/engine.io/").body(()).unwrap().into_parts().0
}

/// A session on WebSocket whose handshake has been flushed.
fn websocket(now: Instant) -> Session {
    let mut session = Session::open_websocket(Config::default().into(), Sid::new("S"), WS, &parts("GET"), now);
    while session.poll_transmit().is_some() {}
    session.handle_flushed(WS, now);
    session
}

/// The allocations of the second run; the first one allocates the queues.
fn steady(mut run: impl FnMut()) -> u64 {
    run();
    measure(run).count_total
}

/// Takes a batch and returns the number of its frames.
fn take_batch(session: &mut Session) -> usize {
    let mut frames = 0;
    while let Some(transmit) = session.poll_transmit() {
        assert!(matches!(transmit, Transmit::Frame { .. }));
        frames += 1;
    }
    frames
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(Text::from("x".to_owned()))).count_total, 1);
}

#[test]
fn receiving_a_message_does_not_allocate() {
    let now = now();
    let mut session = websocket(now);
    let text = Text::from("4hello".to_owned());
    // The first clone of `Bytes` allocates its reference count.
    let shared = text.clone();
    let allocations = steady(|| {
        for _ in 0..20 {
            session.handle_message(WS, Data::Text(text.clone()), now);
            assert_eq!(session.poll_transmit(), None);
            let event = session.poll_event();
            assert!(matches!(event, Some(Event::Message(Data::Text(text))) if text == "hello"));
            assert_eq!(session.poll_event(), None);
        }
    });
    assert_eq!(allocations, 0);
    drop(shared);
}

#[test]
fn sending_a_message_does_not_allocate() {
    let now = now();
    let mut session = websocket(now);
    let data = [Data::from(Text::from_static("hello")), Data::from(bytes::Bytes::from_static(b"\x01"))];
    let allocations = steady(|| {
        for _ in 0..20 {
            for data in &data {
                session.send(data.clone()).unwrap();
            }
            session.send_batch(data.iter().cloned()).unwrap();
            assert_eq!(take_batch(&mut session), 4);
            session.handle_flushed(WS, now);
        }
    });
    assert_eq!(allocations, 0);
}

#[test]
fn a_heartbeat_does_not_allocate() {
    let mut now = now();
    let mut session = websocket(now);
    let pong = Text::from_static("3");
    let interval = Config::default().ping_interval();
    let allocations = steady(|| {
        now += interval;
        session.handle_timeout(now);
        assert_eq!(take_batch(&mut session), 1);
        session.handle_flushed(WS, now);
        session.handle_message(WS, Data::Text(pong.clone()), now);
        assert_eq!(session.poll_event(), None);
    });
    assert_eq!(allocations, 0);
}

/// Sending to a slow client: the queued messages leave in one batch.
#[test]
fn queued_messages_do_not_allocate() {
    let now = now();
    let mut session = websocket(now);
    let data = Data::from(Text::from_static("hello"));
    let allocations = steady(|| {
        for _ in 0..16 {
            session.send(data.clone()).unwrap();
        }
        assert_eq!(take_batch(&mut session), 16);
        session.handle_flushed(WS, now);
    });
    assert_eq!(allocations, 0);
}

/// Each message is a slice of the body. The response (body, headers, box) takes the same allocations for any number of messages.
#[test]
fn a_body_is_split_without_copies() {
    let now = now();
    let mut session = Session::open_polling(Config::default().into(), Sid::new("S"), RequestId(0), &parts("GET"), now);
    while session.poll_transmit().is_some() {}
    let post = parts("POST");
    let mut count = |messages: usize| {
        let body = bytes::Bytes::from(vec!["4hello"; messages].join("\u{1e}"));
        let shared = body.clone();
        let allocations = steady(|| {
            session.handle_request(RequestId(1), &post, now);
            assert!(matches!(session.poll_transmit(), Some(Transmit::Receive { .. })));
            session.handle_body(RequestId(1), body.clone(), now);
            let mut events = 0;
            while session.poll_event().is_some() {
                events += 1;
            }
            assert_eq!(events, messages);
            assert!(matches!(session.poll_transmit(), Some(Transmit::Respond { .. })));
        });
        drop(shared);
        allocations
    };
    assert_eq!(count(1000), count(1));
}

#[test]
fn a_payload_is_encoded_in_one_allocation() {
    let packets = [Packet::Message(Data::from("hello")), Packet::Message(Data::from(vec![7; 1000])), Packet::Noop];
    assert_eq!(steady(|| drop(payload::encode(&packets))), 1);
}

/// A client's session on WebSocket.
fn client(now: Instant) -> client::Session {
    let config = client::Config::builder().transports([TransportKind::WebSocket]).build().unwrap();
    let mut session = client::Session::open(config.into(), client::Start { first_id: WS.0, ..Default::default() }, now);
    while session.poll_transmit().is_some() {}
    let (parts, ()) = http::Response::builder().status(101).body(()).unwrap().into_parts();
    session.handle_websocket(WS, &parts, now);
    let open = r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    session.handle_message(WS, Data::from(open), now);
    assert!(matches!(session.poll_event(), Some(client::Event::Opened(_))));
    session
}

#[test]
fn a_client_receives_sends_and_answers_pings_without_allocating() {
    let now = now();
    let mut session = client(now);
    let (text, ping) = (Text::from("4hello".to_owned()), Text::from_static("2"));
    let data = [Data::from(Text::from_static("hello")), Data::from(bytes::Bytes::from_static(b"\x01"))];
    // The first clone of `Bytes` allocates its reference count.
    let shared = text.clone();
    let allocations = steady(|| {
        for _ in 0..20 {
            session.handle_message(WS, Data::Text(text.clone()), now);
            session.handle_message(WS, Data::Text(ping.clone()), now);
            assert!(matches!(session.poll_event(), Some(client::Event::Message(Data::Text(text))) if text == "hello"));
            assert_eq!(session.poll_event(), None);
            for data in &data {
                session.send(data.clone()).unwrap();
            }
            let mut frames = 0;
            while let Some(transmit) = session.poll_transmit() {
                assert!(matches!(transmit, client::Transmit::Frame { .. }));
                frames += 1;
            }
            assert_eq!(frames, 3);
            session.handle_flushed(WS, now);
        }
    });
    assert_eq!(allocations, 0);
    drop(shared);
}

/// Each message is a slice of the body. The next GET takes the same allocations for any number of messages.
#[test]
fn a_clients_body_is_split_without_copies() {
    let now = now();
    let mut session = client::Session::open(
        client::Config::builder().upgrade(false).build().unwrap().into(),
        client::Start::default(),
        now,
    );
    let next = |session: &mut client::Session| match session.poll_transmit() {
        Some(client::Transmit::Request { id, .. }) => id,
        other => panic!("{other:?}"),
    };
    let mut id = next(&mut session);
    let open = r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    session.handle_response(id, http::Response::new(open.into()), now);
    while session.poll_event().is_some() {}
    id = next(&mut session);
    let mut count = |messages: usize| {
        let body = bytes::Bytes::from(vec!["4hello"; messages].join("\u{1e}"));
        let shared = body.clone();
        let allocations = steady(|| {
            session.handle_response(id, http::Response::new(body.clone()), now);
            let mut events = 0;
            while session.poll_event().is_some() {
                events += 1;
            }
            assert_eq!(events, messages);
            id = next(&mut session);
        });
        drop(shared);
        allocations
    };
    assert_eq!(count(1000), count(1));
}
