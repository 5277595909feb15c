use super::*;

const UNKNOWN: &str = r#"400 {"code":1,"message":"Session ID unknown"}"#;

#[test]
fn a_close_answers_the_pending_poll() {
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
fn buffered_messages_leave_before_the_close() {
    let mut script = polling();
    nothing(script.send("bye"));
    nothing(script.close());
    assert_eq!(script.get(1), ["1 200 4bye"]);
    assert_eq!(script.get(2), ["2 200 6|1", "closed forced close"]);
}

#[test]
fn a_message_and_a_close_are_two_responses() {
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
fn a_closing_session_sends_no_ping() {
    let mut script = polling();
    script.sleep_until(1000);
    nothing(script.close());
    nothing(script.at(25_000));
    assert_eq!(script.get(1), ["1 200 6|1", "closed forced close"]);
}

#[test]
fn a_close_aborts_a_post_without_its_body() {
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
    nothing(script.websocket_closed(WS, false));
}

#[test]
fn the_close_of_a_websocket_follows_its_last_batch() {
    let mut script = websocket();
    assert_eq!(script.send("a"), ["ws1 4a"]);
    assert_eq!(script.close(), ["ws1 close", "closed forced close"], "after the batch in flight");

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
fn a_discard_closes_at_once_and_drops_buffered_messages() {
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
fn a_closed_websocket_drops_the_queue() {
    let mut script = websocket();
    script.send("a");
    script.send("b");
    assert_eq!(script.websocket_closed(WS, false), ["closed transport close"]);
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
fn a_close_while_probing_closes_the_websocket_and_answers_the_poll() {
    let mut script = polling();
    nothing(script.get(1));
    script.attach(WS);
    assert_eq!(script.close(), ["ws1 close", "1 200 1", "closed forced close"]);
}

#[test]
fn a_closed_session_ignores_inputs_and_refuses_requests() {
    let mut script = websocket();
    script.session.discard(script.now);
    script.out();
    nothing(script.text(WS, "4a"));
    nothing(script.flushed(WS));
    nothing(script.websocket_closed(WS, true));
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
