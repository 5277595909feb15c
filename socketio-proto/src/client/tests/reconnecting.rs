//! Attempts and reconnection.

use super::*;

#[test]
fn attempts_follow_each_other_after_pauses_up_to_the_limit() {
    let mut script = idle_with(config().reconnection_attempts(Some(5)), by_websocket());
    assert_eq!(script.connect(A), ["attempt 0"]);
    let mut clock = 0;
    for (attempt, pause) in [1000, 2000, 4000, 5000, 5000].into_iter().enumerate() {
        assert_eq!(script.open(), [format!("{}: connect", attempt + 1)]);
        let out = script.refused(Some(503));
        assert!(out[0].starts_with(&format!("attempt {attempt} failed: ")), "{out:?}");
        assert_eq!(out[1..], [format!("attempt {} in {pause} ms", attempt + 1)]);
        clock += pause;
        assert_eq!(script.deadline(), Some(clock));
        nothing(script.at(clock - 1));
        assert_eq!(script.at(clock), [format!("attempt {}", attempt + 1)]);
        assert_eq!(script.deadline(), None);
    }
    script.manager.fail_attempt(script.now);
    assert_eq!(script.out(), ["attempt 5 failed: the attempt was called off", "given up after 5"]);
    assert!(script.manager.is_idle() && !script.manager.is_active(A) && script.manager.is_wanted(A));
    assert_eq!(script.deadline(), None);

    // `connect` starts again.
    assert_eq!(script.connect(A), ["attempt 0"]);
    assert_eq!(script.establish(), ["opened 0 websocket", "authenticate 0"]);
}

#[test]
fn pauses_restart_after_a_success() {
    let mut script = joined();
    script.ws_closed(false);
    for pause in [2000, 4000] {
        let deadline = script.deadline().unwrap();
        script.at(deadline);
        script.manager.fail_attempt(script.now);
        assert_eq!(script.out()[1..], [format!("attempt {} in {pause} ms", pause / 2000 + 1)]);
    }
    assert_eq!(script.reconnect(), ["opened 3 websocket", "authenticate 0"]);
    let lost = ["closed: transport close", "not joined 0: transport close", "attempt 1 in 1000 ms"];
    assert_eq!(script.ws_closed(false), lost);
}

#[test]
fn an_attempt_times_out() {
    let mut script = idle_with(config().connect_timeout(Some(Duration::from_secs(3))), by_websocket());
    script.connect(A);
    // The timeout starts when the driver has answered, not before.
    nothing(script.at(10_000));
    assert_eq!(script.open(), ["1: connect"]);
    nothing(script.at(12_999));
    assert_eq!(script.at(13_000), ["1: close", "attempt 0 failed: timeout", "attempt 1 in 1000 ms"]);
    let late = script.ws;
    script.at(14_000);
    assert_eq!(script.open(), ["2: connect"]);
    nothing(script.text_on(late, OPEN));
    script.accepted();
    assert_eq!(script.text(OPEN), ["opened 1 websocket", "authenticate 0"]);
    // Joining a namespace has no timeout.
    script.authenticate(A);
    assert_eq!(script.deadline(), Some(14_000 + 45_000));
}

#[test]
fn a_connect_timeout_of_zero_fails_at_once() {
    let config = config().connect_timeout(Some(Duration::ZERO)).reconnection_attempts(Some(2));
    let mut script = idle_with(config, by_websocket());
    assert_eq!(script.connect(A), ["attempt 0"]);
    assert_eq!(script.open(), ["attempt 0 failed: timeout", "attempt 1 in 1000 ms"]);
    assert_eq!(script.at(1000), ["attempt 1"]);
    assert_eq!(script.open(), ["attempt 1 failed: timeout", "attempt 2 in 2000 ms"]);
    assert_eq!(script.at(3000), ["attempt 2"]);
    assert_eq!(script.open(), ["attempt 2 failed: timeout", "given up after 2"]);
    nothing(script.at(100_000));
}

#[test]
fn an_attempt_may_have_no_timeout() {
    let mut script = idle_with(config().connect_timeout(None), by_websocket());
    script.connect(A);
    script.open();
    assert_eq!(script.deadline(), None);
    let mut script = idle_with(config().connect_timeout(Some(Duration::MAX)), by_websocket());
    script.connect(A);
    script.open();
    assert_eq!(script.deadline(), None);
}

#[test]
fn without_reconnection_there_is_no_second_attempt() {
    let mut script = idle_with(config().reconnection(false), by_websocket());
    script.connect(A);
    script.manager.fail_attempt(script.now);
    assert_eq!(script.out(), ["attempt 0 failed: the attempt was called off"]);
    assert!(script.manager.is_idle() && !script.manager.is_active(A) && script.manager.is_wanted(A));
    assert_eq!(script.connect(A), ["attempt 0"]);
    script.establish();
    assert_eq!(script.authenticate(A), ["1: 40"]);
    script.text(r#"40{"sid":"S"}"#);
    assert_eq!(script.ws_closed(false), ["closed: transport close", "disconnected 0: transport close"]);
    assert!(script.manager.is_idle() && !script.manager.is_active(A) && script.manager.is_wanted(A));
    assert_eq!(script.connect(A), ["attempt 0"]);
}

#[test]
fn reconnection_may_have_zero_attempts() {
    let mut script = idle_with(config().reconnection_attempts(Some(0)), by_websocket());
    script.connect(A);
    script.manager.fail_attempt(script.now);
    assert_eq!(script.out(), ["attempt 0 failed: the attempt was called off", "given up after 0"]);
}

#[test]
fn a_configuration_without_transports_fails_at_once() {
    let mut script = idle_with(config(), engine().transports([]));
    script.connect(A);
    let out = script.open();
    assert!(out[0].starts_with("attempt 0 failed: ") && out[1] == "attempt 1 in 1000 ms", "{out:?}");
    assert_eq!(script.manager.closing.len(), 0);
}

#[test]
fn a_disconnect_stops_every_phase_of_an_attempt() {
    // While the driver has not answered.
    let mut script = idle();
    script.connect(A);
    nothing(script.disconnect(A));
    assert!(script.manager.is_idle());
    nothing(script.open());

    // While the session is being opened.
    assert_eq!(script.connect(A), ["attempt 0"]);
    assert_eq!(script.open(), ["1: connect"]);
    assert_eq!(script.disconnect(A), ["1: close"]);
    assert!(script.manager.is_idle() && script.deadline().is_none());
    nothing(script.accepted());
    nothing(script.text(OPEN));

    // During a pause; the count of attempts restarts.
    script.connect(A);
    script.manager.fail_attempt(script.now);
    assert_eq!(script.out()[1..], ["attempt 1 in 1000 ms"]);
    nothing(script.disconnect(A));
    assert_eq!(script.deadline(), None);
    nothing(script.at(5000));
    assert_eq!(script.connect(A), ["attempt 0"]);

    // While the credentials are requested, and while the socket joins.
    script.establish();
    assert_eq!(script.disconnect(A), ["2: close", "closed: forced close"]);
    script.connect(A);
    script.establish();
    assert_eq!(script.authenticate(A), ["3: 40"]);
    assert_eq!(script.disconnect(A), ["3: close", "closed: forced close"]);
    assert!(script.manager.is_idle());
}

#[test]
fn close_disconnects_all_sockets() {
    let mut script = both();
    let third = script.socket("/bar");
    script.connect(third);
    script.manager.close(script.now);
    let out = [
        "1: 41",
        "disconnected 0: io client disconnect",
        "disconnected 1: io client disconnect",
        "closed: forced close",
        "1: 41/foo,",
        "1: close",
    ];
    assert_eq!(script.out(), out);
    assert!(script.manager.is_idle());
}

#[test]
fn a_new_attempt_replaces_an_unanswered_one() {
    let mut script = idle();
    script.connect(A);
    script.disconnect(A);
    assert_eq!(script.connect(A), ["attempt 0"]);
    assert_eq!(script.open(), ["1: connect"]);
    nothing(script.open());
}

#[test]
fn close_engine_fails_an_attempt_in_progress() {
    let mut script = idle();
    script.connect(A);
    script.open();
    let out = script.close_engine();
    assert_eq!(out[0], "1: close");
    assert!(out[1].starts_with("attempt 0 failed: the connection was closed before it was open"), "{out:?}");
    assert_eq!(out[2..], ["attempt 1 in 1000 ms"]);
    // Without a session, `close_engine` does nothing.
    nothing(script.close_engine());
    assert_eq!(script.at(1000), ["attempt 1"]);
    nothing(script.close_engine());
}
