use super::*;

const UNKNOWN: &str = r#"400 {"code":1,"message":"Session ID unknown"}"#;

#[test]
fn a_poll_that_waits_is_told_of_the_close() {
    let mut script = polling();
    nothing(script.get(1));
    assert_eq!(script.close(), ["1 200 1", "closed forced close"]);
}

#[test]
fn without_a_poll_the_next_one_gets_a_noop_and_the_close() {
    let mut script = polling();
    nothing(script.close());
    assert_eq!(script.get(1), ["1 200 6|1", "closed forced close"]);
    assert_eq!(script.get(2), [format!("2 {UNKNOWN}")]);
}

#[test]
fn what_is_buffered_leaves_before_the_close() {
    let mut script = polling();
    nothing(script.send("bye"));
    nothing(script.close());
    assert_eq!(script.get(1), ["1 200 4bye"]);
    assert_eq!(script.get(2), ["2 200 6|1", "closed forced close"]);
}

#[test]
fn a_message_and_a_close_in_one_go_are_two_answers() {
    let mut script = polling();
    nothing(script.get(1));
    script.session.send(Data::from("bye")).unwrap();
    assert_eq!(script.close(), ["1 200 4bye"]);
    assert_eq!(script.get(2), ["2 200 6|1", "closed forced close"]);
}

#[test]
fn a_client_that_never_polls_is_closed_after_the_close_timeout() {
    let mut script = polling();
    nothing(script.send("bye"));
    script.sleep_until(1000);
    nothing(script.close());
    nothing(script.close());
    nothing(script.at(30_999));
    assert_eq!(script.at(31_000), ["closed forced close"]);
}

#[test]
fn a_client_that_is_to_go_is_not_pinged_any_more() {
    let mut script = polling();
    script.sleep_until(1000);
    nothing(script.close());
    nothing(script.at(25_000));
    assert_eq!(script.get(1), ["1 200 6|1", "closed forced close"]);
}

#[test]
fn a_post_that_is_being_received_is_ended_by_a_close() {
    let mut script = polling();
    script.post_head(1);
    assert_eq!(script.close(), ["1 abort"]);
    nothing(script.body(1, "4late"));
}

#[test]
fn packets_are_ignored_while_closing() {
    let mut script = polling();
    nothing(script.close());
    assert_eq!(script.post(1, "4a|3|2|X"), ["1 200 ok"]);
    assert_eq!(script.get(2), ["2 200 6|1", "closed forced close"]);
}

#[test]
fn a_client_may_close_while_the_server_does() {
    let mut script = polling();
    nothing(script.close());
    assert_eq!(script.post(1, "1"), ["1 200 ok", "closed transport close"]);
}

#[test]
fn a_websocket_with_nothing_queued_closes_at_once() {
    let mut script = websocket();
    assert_eq!(script.close(), ["ws1 close", "closed forced close"]);
    nothing(script.hung_up(WS, false));
}

#[test]
fn the_close_of_a_websocket_follows_its_last_batch() {
    let mut script = websocket();
    assert_eq!(script.send("a"), ["ws1 4a"]);
    assert_eq!(script.close(), ["ws1 close", "closed forced close"], "behind the batch under way");

    let mut script = websocket();
    script.session.send(Data::from("a")).unwrap();
    assert_eq!(script.close(), ["ws1 4a", "ws1 close", "closed forced close"]);

    let mut script = websocket();
    assert_eq!(script.send("a"), ["ws1 4a"]);
    nothing(script.send("b"));
    nothing(script.close());
    assert_eq!(script.session.send(Data::from("c")), Err(SendError::Closed));
    nothing(script.text(WS, "4late"));
    assert_eq!(script.flushed(WS), ["ws1 4b", "ws1 close", "closed forced close"]);
}

#[test]
fn a_websocket_that_does_not_take_its_last_batch_is_closed_after_the_close_timeout() {
    let mut script = websocket();
    script.send("a");
    script.send("b");
    nothing(script.close());
    nothing(script.at(29_999));
    assert_eq!(script.at(30_000), ["ws1 close", "closed forced close"]);
}

#[test]
fn a_discard_closes_at_once_and_loses_what_is_buffered() {
    let mut script = websocket();
    script.session.send(Data::from("lost")).unwrap();
    script.session.discard(script.now);
    assert_eq!(script.out(), ["ws1 close", "closed forced close"]);

    let mut script = polling();
    script.send("lost");
    script.post_head(1);
    script.session.close(script.now);
    script.session.discard(script.now);
    assert_eq!(script.out(), ["1 abort", "closed forced close"]);
}

#[test]
fn the_queue_is_dropped_when_the_client_goes() {
    let mut script = websocket();
    script.send("a");
    script.send("b");
    assert_eq!(script.hung_up(WS, false), ["closed transport close"]);
    assert_eq!(script.session.buffered(), 0);
}

#[test]
fn a_close_while_probing_lets_the_upgrade_finish() {
    let mut script = probed();
    nothing(script.send("bye"));
    nothing(script.close());
    assert_eq!(script.text(WS, "5"), ["ws1 4bye", "ws1 close", "upgraded", "closed forced close"]);

    let mut script = probed();
    nothing(script.close());
    assert_eq!(script.text(WS, "5"), ["ws1 close", "upgraded", "closed forced close"]);
}

#[test]
fn a_close_while_probing_closes_the_probe_with_the_poll() {
    let mut script = polling();
    nothing(script.get(1));
    script.attach(WS);
    assert_eq!(script.close(), ["ws1 close", "1 200 1", "closed forced close"]);
}

#[test]
fn after_the_end_inputs_are_ignored_and_requests_refused() {
    let mut script = websocket();
    script.session.discard(script.now);
    script.out();
    nothing(script.text(WS, "4a"));
    nothing(script.flushed(WS));
    nothing(script.hung_up(WS, true));
    nothing(script.at(100_000));
    nothing(script.close());
    script.session.discard(script.now);
    script.session.pause_reading(script.now);
    script.session.resume_reading(script.now);
    script.session.handle_body_too_large(RequestId(9), script.now);
    nothing(script.body(9, "4a"));
    nothing(script.aborted(9));
    assert_eq!(script.attach(WS2), ["ws2 close"]);
    for (id, method) in [(1, "GET"), (2, "POST"), (3, "PUT")] {
        assert_eq!(script.request(id, method, &[]), [format!("{id} {UNKNOWN}")]);
    }
    assert_eq!(script.deadline(), None);
    assert!(script.session.is_closed());
    assert_eq!(script.session.transport(), crate::TransportKind::WebSocket);
}
