use super::*;

#[test]
fn a_get_waits_until_there_is_data() {
    let mut script = polling();
    nothing(script.get(1));
    assert_eq!(script.send("hello"), ["1 200 4hello"]);
    nothing(script.send("later"));
    assert_eq!(script.get(2), ["2 200 4later"]);
}

#[test]
fn a_get_takes_all_buffered_packets_in_one_body() {
    let mut script = polling();
    for text in ["test1", "test2"] {
        nothing(script.send(text));
    }
    script.session.send(Data::from(vec![1, 2, 3, 4])).unwrap();
    assert_eq!(script.get(1), ["1 200 4test1|4test2|bAQIDBA=="]);
}

/// Python's `engineio` client drops the connection if a response has more than 16 packets.
#[test]
fn max_poll_packets_bounds_a_response() {
    let mut script = polling_with(Config::builder().max_poll_packets(3));
    for text in ["a", "b"] {
        nothing(script.send(text));
    }
    script.session.send_batch([Data::from("c"), Data::from(vec![0]), Data::from(vec![0])]).unwrap();
    assert_eq!(script.get(1), ["1 200 4a|4b|4c"]);
    assert!(!script.session.writable());
    assert_eq!(script.get(2), ["2 200 bAA==|bAA=="]);
    nothing(script.get(3));
    assert!(script.session.writable() && script.session.buffered() == 0);
}

#[test]
fn a_ping_precedes_queued_packets_by_polling() {
    let mut script = polling_with(Config::builder().max_poll_packets(2));
    for text in ["a", "b", "c"] {
        nothing(script.send(text));
    }
    nothing(script.at(25_000));
    assert_eq!(script.get(1), ["1 200 2|4a"]);
    assert_eq!(script.get(2), ["2 200 4b|4c"]);
}

#[test]
fn a_close_waits_for_every_response() {
    let mut script = polling_with(Config::builder().max_poll_packets(2));
    for text in ["a", "b", "c"] {
        nothing(script.send(text));
    }
    script.session.close(script.now);
    assert_eq!(script.get(1), ["1 200 4a|4b"]);
    assert_eq!(script.get(2), ["2 200 4c"]);
    assert_eq!(script.get(3), ["3 200 6|1", "closed forced close"]);
}

#[test]
fn an_upgrade_takes_the_rest_of_the_queue() {
    let mut script = polling_with(Config::builder().max_poll_packets(1));
    for text in ["a", "b", "c"] {
        nothing(script.send(text));
    }
    assert_eq!(script.get(1), ["1 200 4a"]);
    script.attach(WS);
    script.text(WS, "2probe");
    script.flushed(WS);
    assert_eq!(script.get(2), ["2 200 4b"]);
    assert_eq!(script.text(WS, "5"), ["ws1 4c", "upgraded"]);
}

#[test]
fn a_poll_is_answered_with_the_references_headers() {
    let mut script = polling();
    nothing(script.request(1, "GET", &[("user-agent", "x;MSIE 8")]));
    script.session.send(Data::from("€")).unwrap();
    let Some(Transmit::Respond { response, .. }) = script.session.poll_transmit() else { panic!() };
    assert_eq!(response.headers().len(), 4);
    assert_eq!(response.headers()["content-type"], "text/plain; charset=UTF-8");
    assert_eq!(response.headers()["content-length"], "4");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["x-xss-protection"], "0");
}

#[test]
fn a_post_is_answered_ok_with_the_references_headers() {
    let mut script = polling();
    script.post_head(1);
    script.session.handle_body(RequestId(1), "4hello".into(), script.now);
    let Some(Transmit::Respond { response, .. }) = script.session.poll_transmit() else { panic!() };
    assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"ok"[..]));
    assert_eq!(response.headers().len(), 3);
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.headers()["content-length"], "2");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(script.out(), ["message hello"]);
}

#[test]
fn a_post_brings_several_packets_in_order() {
    let mut script = polling();
    let out = script.post(1, "4test1|bAQIDBA==|4|4tést3");
    assert_eq!(out, ["1 200 ok", "message test1", r#"binary b"\x01\x02\x03\x04""#, "message ", "message tést3"]);
    assert_eq!(script.post(2, "4again"), ["2 200 ok", "message again"]);
}

#[test]
fn meaningless_packets_from_a_client_are_ignored() {
    let mut script = polling();
    assert_eq!(script.post(1, "0|0{}|3|5|6|6x"), ["1 200 ok"]);
    assert_eq!(script.post(2, "4x"), ["2 200 ok", "message x"]);
}

#[test]
fn overlapping_polls_end_the_session() {
    let mut script = polling();
    nothing(script.get(1));
    assert_eq!(script.get(2), ["1 200 1", "2 400 ", "closed transport error"]);
    assert_eq!(script.get(3), [r#"3 400 {"code":1,"message":"Session ID unknown"}"#]);
}

#[test]
fn an_answered_poll_does_not_overlap_the_next() {
    let mut script = polling();
    nothing(script.get(1));
    // The driver has not taken the response yet.
    script.session.send(Data::from("a")).unwrap();
    assert_eq!(script.get(2), ["1 200 4a"]);
}

#[test]
fn overlapping_posts_end_the_session() {
    let mut script = polling();
    nothing(script.get(1));
    script.post_head(2);
    let out = script.request(3, "POST", &[]);
    assert_eq!(out, ["1 200 1", "2 abort", "3 400 ", "closed transport error"]);
    nothing(script.body(2, "4late"));
}

#[test]
fn a_poll_and_a_post_do_not_overlap() {
    let mut script = polling();
    nothing(script.get(1));
    assert_eq!(script.post(2, "4a"), ["2 200 ok", "message a"]);
    assert_eq!(script.send("b"), ["1 200 4b"]);
}

/// CVE-2026-59725.
#[test]
fn a_binary_post_is_refused_and_ends_the_session() {
    for kind in ["application/octet-stream", "Application/Octet-Stream; x=y"] {
        let mut script = polling();
        nothing(script.get(1));
        let out = script.request(2, "POST", &[("content-type", kind)]);
        assert_eq!(out, ["1 200 1", "2 400 ", "closed transport error"]);
    }
}

#[test]
fn a_post_that_is_too_large_is_refused_and_the_session_goes_on() {
    let mut script = polling_with(Config::builder().max_payload(5));
    script.session.handle_request(RequestId(1), &parts("POST", &[]), script.now);
    assert_eq!(script.session.poll_transmit(), Some(Transmit::Receive { id: RequestId(1), limit: 5 }));
    script.session.handle_body_too_large(RequestId(1), script.now);
    assert_eq!(script.out(), ["1 413 "]);
    // The session also checks the limit itself.
    assert_eq!(script.post(2, "412345"), ["2 413 "]);
    assert_eq!(script.post(3, "41234"), ["3 200 ok", "message 1234"]);
}

#[test]
fn other_methods_are_answered_500() {
    let mut script = polling();
    nothing(script.get(1));
    for (id, method) in [(2, "PUT"), (3, "HEAD"), (4, "DELETE"), (5, "OPTIONS"), (6, "PATCH")] {
        assert_eq!(script.request(id, method, &[]), [format!("{id} 500 ")]);
    }
    assert_eq!(script.send("a"), ["1 200 4a"]);
}

#[test]
fn error_responses_have_no_headers() {
    let mut script = polling();
    script.session.handle_request(RequestId(1), &parts("PUT", &[]), script.now);
    let Some(Transmit::Respond { response, .. }) = script.session.poll_transmit() else { panic!() };
    assert!(response.headers().is_empty());
}

#[test]
fn an_aborted_poll_ends_the_session() {
    let mut script = polling();
    nothing(script.get(1));
    assert_eq!(script.aborted(1), ["closed transport error"]);
}

#[test]
fn an_aborted_post_ends_the_session() {
    let mut script = polling();
    nothing(script.get(1));
    script.post_head(2);
    assert_eq!(script.aborted(2), ["1 200 1", "closed transport error"]);
}

#[test]
fn the_abort_of_an_answered_request_is_ignored() {
    let mut script = polling();
    nothing(script.get(1));
    assert_eq!(script.send("a"), ["1 200 4a"]);
    nothing(script.aborted(1));
    assert_eq!(script.post(2, "4b"), ["2 200 ok", "message b"]);
    nothing(script.aborted(2));
    nothing(script.get(3));
}

#[test]
fn a_malformed_packet_ends_the_session_after_the_packets_before_it() {
    for (body, delivered) in [("4a|4b|X|4c", 2), ("4a|", 1), ("", 0), ("abc", 0), ("4a|b!", 1)] {
        let mut script = polling();
        nothing(script.get(1));
        let out = script.post(2, body);
        let mut expected = vec!["2 200 ok", "1 200 1", "message a", "message b", "closed parse error"];
        expected.drain(2 + delivered..4);
        assert_eq!(out, expected, "{body}");
        assert_eq!(script.get(3), [r#"3 400 {"code":1,"message":"Session ID unknown"}"#]);
    }
}

#[test]
fn a_body_that_is_not_utf8_is_malformed() {
    let mut script = polling();
    script.post_head(1);
    script.session.handle_body(RequestId(1), b"4a\x1e4\xff"[..].into(), script.now);
    assert_eq!(script.out(), ["1 200 ok", "closed parse error"]);
}

#[test]
fn a_close_packet_releases_the_poll_with_a_noop() {
    let mut script = polling();
    nothing(script.get(1));
    assert_eq!(script.post(2, "4a|1|4b"), ["1 200 6", "2 200 ok", "message a", "closed transport close"]);
}

#[test]
fn a_close_packet_without_a_poll_ends_the_session() {
    let mut script = polling();
    assert_eq!(script.post(1, "1"), ["1 200 ok", "closed transport close"]);
}

#[test]
fn a_ping_from_the_client_ends_the_session() {
    let mut script = polling();
    assert_eq!(script.post(1, "2"), ["1 200 ok", "closed transport error"]);
}

#[test]
fn a_batch_stays_together_in_one_body() {
    let mut script = polling();
    let batch = ["51-[]", "a", "b"].map(Data::from);
    script.session.send_batch(batch).unwrap();
    nothing(script.send("next"));
    assert_eq!(script.get(1), ["1 200 451-[]|4a|4b|4next"]);
}
