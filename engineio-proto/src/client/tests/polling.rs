//! The GET and POST requests of polling.

use super::*;

#[test]
fn one_get_is_in_flight_at_a_time() {
    let mut script = polling();
    assert_eq!(script.answer(1, "4a|bAQI=|6|4"), ["2 GET", "message a", r#"binary b"\x01\x02""#, "message "]);
    assert_eq!(script.answer(2, "6"), ["3 GET"]);
}

#[test]
fn one_post_is_in_flight_at_a_time() {
    let mut script = polling();
    assert_eq!(script.send("a"), ["2 POST 4a"]);
    assert!(!script.session.writable());
    assert_eq!(script.send("b"), [""; 0]);
    assert_eq!(script.send(vec![1, 2]), [""; 0]);
    assert_eq!(script.answer(2, "ok"), ["3 POST 4b|bAQI="]);
    assert_eq!(script.answer(3, ""), [""; 0]);
    assert!(script.session.writable() && script.session.buffered() == 0);
}

/// The bodies are those of the reference for the same messages, sent as the session opens.
#[test]
fn bodies_are_split_at_the_servers_limit() {
    let mut script = polling();
    assert_eq!(script.send("a".repeat(30)), [format!("2 POST 4{}", "a".repeat(30))]);
    for size in [30, 35, 36, 62, 1] {
        script.send("a".repeat(size));
    }
    let mut sizes = Vec::new();
    for id in 2..5 {
        let body = script.answer(id, "ok").remove(0);
        sizes.push(body.strip_prefix(&format!("{} POST ", id + 1)).unwrap().len());
    }
    assert_eq!(sizes, [68, 37, 66]);
}

#[test]
fn a_body_may_be_as_long_as_the_limit() {
    let mut script = polling();
    script.send("x");
    for size in [30, 30, 35] {
        script.send("a".repeat(size));
    }
    assert_eq!(script.answer(2, "ok")[0].len() - "3 POST ".len(), 100);
    // Bytes are counted, not characters.
    script.send("\u{20ac}".repeat(33));
    script.send("a");
    assert_eq!(script.answer(3, "ok"), [format!("4 POST 4{}", "\u{20ac}".repeat(33))]);
    assert_eq!(script.answer(4, "ok"), ["5 POST 4a"]);
}

#[test]
fn binary_counts_as_base64() {
    let mut script = polling();
    script.send("x");
    // 1 + 88, a separator, 1 + 8: 99 bytes. With the reference's factor of 1.33 the next message would be added: 101 bytes.
    script.send(vec![0; 66]);
    script.send(vec![0; 4]);
    script.send("");
    assert_eq!(script.answer(2, "ok")[0].len() - "3 POST ".len(), 99);
    assert_eq!(script.answer(3, "ok"), ["4 POST 4"]);
}

#[test]
fn a_message_beyond_the_servers_limit_is_sent_and_refused() {
    let mut script = polling();
    assert_eq!(script.send("a".repeat(101)), [format!("2 POST 4{}", "a".repeat(101))]);
    assert_eq!(
        script.respond(2, 413, ""),
        ["1 cancel", "closed transport error: the POST request failed with status 413"]
    );
    assert_eq!(script.session.send("x".into()), Err(SendError::Closed));
}

/// Python's `engineio` server drops a POST with more than 16 packets, and answers `ok`.
#[test]
fn a_body_has_sixteen_packets_at_most() {
    let mut script = polling();
    script.send("x");
    for number in 0..20 {
        script.send(number.to_string());
    }
    // A batch may be split over two bodies, with nothing in between but a pong.
    script.session.send_batch((0..14).map(|_| vec![0].into())).unwrap();
    script.send("last");
    assert_eq!(script.answer(2, "ok"), ["3 POST 40|41|42|43|44|45|46|47|48|49|410|411|412|413|414|415"]);
    let binary = |count: usize| vec!["bAA=="; count].join("|");
    assert_eq!(script.answer(3, "ok"), [format!("4 POST 416|417|418|419|{}", binary(12))]);
    assert_eq!(script.answer(4, "ok"), [format!("5 POST {}|4last", binary(2))]);
    assert_eq!(script.answer(5, "ok"), [""; 0]);
    assert!(script.session.writable() && script.session.buffered() == 0);
}

#[test]
fn a_pong_precedes_queued_packets_by_polling() {
    let mut script = polling();
    for _ in 0..100 {
        script.send("a");
    }
    assert_eq!(script.answer(1, "2"), ["3 GET"]);
    assert_eq!(script.answer(2, "ok"), [format!("4 POST 3|{}", vec!["4a"; 15].join("|"))]);
}

#[test]
fn max_post_packets_bounds_a_body() {
    for (most, expected) in [(Some(1), vec![1; 40]), (Some(39), vec![39, 1]), (Some(40), vec![40]), (None, vec![40])] {
        let mut script = polling_with(config().max_post_packets(most));
        script.send("x");
        for _ in 0..40 {
            script.send("");
        }
        let mut counts = Vec::new();
        for id in 2.. {
            let Some(body) = script.answer(id, "ok").pop() else { break };
            counts.push(body.split('|').count());
        }
        assert_eq!(counts, expected, "{most:?}");
    }
    let error = config().max_post_packets(0).build().unwrap_err();
    assert_eq!(error, ConfigError::Zero { name: "max_post_packets" });
    assert_eq!(Config::default().max_post_packets(), Some(16));
}

/// All messages are sent before the close packet.
#[test]
fn a_close_waits_for_every_body() {
    let mut script = polling();
    for _ in 0..34 {
        script.send("a");
    }
    let start = script.now;
    script.session.close(start);
    assert_eq!(script.answer(2, "ok"), [format!("3 POST {}", vec!["4a"; 16].join("|"))]);
    assert_eq!(script.answer(3, "ok"), [format!("4 POST {}", vec!["4a"; 16].join("|"))]);
    assert_eq!(script.answer(4, "ok"), ["5 POST 4a"]);
    assert_eq!(script.answer(5, "ok"), ["6 POST 1", "closed forced close"]);
}

#[test]
fn a_body_without_limits_takes_the_whole_queue() {
    let mut script = open(config().upgrade(false).max_post_packets(None));
    script.out();
    script.answer(0, &OPEN.replace("100", "0"));
    script.send("x");
    for _ in 0..100 {
        script.send("a".repeat(100));
    }
    assert_eq!(script.answer(2, "ok")[0].matches('|').count(), 99);
}

#[test]
fn a_request_that_fails_ends_the_session() {
    let mut script = polling();
    script.send("a");
    assert_eq!(script.lost(1), ["2 cancel", "closed transport error: the GET request failed"]);
    assert_eq!((script.lost(2), script.answer(1, "4x"), script.timeout()), (vec![], vec![], None));

    let mut script = polling();
    script.send("a");
    assert_eq!(script.lost(2), ["1 cancel", "closed transport error: the POST request failed"]);

    let mut script = polling();
    assert_eq!(
        script.respond(1, 400, r#"{"code":1,"message":"Session ID unknown"}"#),
        ["closed transport error: the server refused the request with status 400: Session ID unknown (code 1)"]
    );
}

#[test]
fn a_request_can_have_a_deadline() {
    let mut script = polling_with(config().request_timeout(Some(Duration::from_secs(1))));
    assert_eq!(script.timeout(), Some(1000));
    assert_eq!(script.at(999), [""; 0]);
    script.send("a");
    assert_eq!(script.answer(1, "6"), ["3 GET"]);
    assert_eq!(script.at(1998), [""; 0]);
    assert_eq!(script.at(1999), ["3 cancel", "2 cancel", "closed transport error: a request had no response in time"]);

    let mut script = open(config().request_timeout(Some(Duration::from_secs(1))).try_all_transports(true));
    assert_eq!(script.out(), ["0 GET"]);
    assert_eq!(script.at(1000), ["0 cancel", "ws1 connect"]);
    assert_eq!(script.timeout(), None);
}

/// A body with many packets is decoded step by step; the next GET is sent at its end.
#[test]
fn a_body_is_decoded_as_its_events_are_taken() {
    let mut script = polling();
    let body = vec!["4x"; 1000].join("|");
    let response = http::Response::new(Bytes::from(body.replace('|', "\u{1e}")));
    script.session.handle_response(RequestId(1), response, script.now);
    assert!(script.session.events.len() <= 32 && script.session.has_events());
    assert!(script.session.poll_transmit().is_none());
    let mut count = 0;
    while let Some(event) = script.session.poll_event() {
        assert!(matches!(event, Event::Message(_)));
        count += 1;
    }
    assert_eq!(count, 1000);
    assert_eq!(script.out(), ["2 GET"]);
    assert!(!script.session.has_events());
}

#[test]
fn a_pause_stops_the_decoding_of_a_body() {
    let mut script = polling();
    let response = http::Response::new(Bytes::from(vec!["4x"; 100].join("\u{1e}")));
    script.session.handle_response(RequestId(1), response, script.now);
    script.session.pause_reading(script.now);
    assert_eq!(script.out().len(), 32);
    assert!(!script.session.has_events());
    assert_eq!(script.timeout(), None);
    script.session.resume_reading(script.now);
    assert!(script.session.has_events());
    assert_eq!(script.out().len(), 68 + 1);
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let mut script = polling_with(config().max_body(200));
    assert_eq!(script.answer(1, &format!("4{}", "x".repeat(199)))[0], "2 GET");
    assert_eq!(
        script.answer(2, &format!("4{}", "x".repeat(200))),
        ["closed transport error: a response or message of the server is longer than 200 bytes"]
    );
}
