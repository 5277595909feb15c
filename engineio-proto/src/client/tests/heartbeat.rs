//! The server's pings, and their timeout.

use super::*;

#[test]
fn a_ping_is_answered() {
    let mut script = polling();
    assert_eq!(script.answer(1, "2"), ["2 GET", "3 POST 3"]);
    let mut script = websocket();
    assert_eq!(script.text(0, "2"), ["ws0 3"]);
}

#[test]
fn a_missing_ping_ends_the_session() {
    for mut script in [polling(), websocket()] {
        assert_eq!(script.timeout(), Some(45_000));
        assert_eq!(script.at(44_999), [""; 0]);
        assert_eq!(script.at(45_000)[1..], ["closed ping timeout"]);
        assert_eq!(script.timeout(), None);
    }
}

#[test]
fn only_a_ping_restarts_the_deadline() {
    let mut script = websocket();
    script.at(10_000);
    assert_eq!(script.text(0, "4a"), ["message a"]);
    assert_eq!(script.timeout(), Some(45_000));
    assert_eq!(script.text(0, "2"), ["ws0 3"]);
    assert_eq!(script.timeout(), Some(55_000));
}

#[test]
fn an_upgrade_restarts_the_deadline() {
    let mut script = pausing();
    script.at(10_000);
    script.answer(2, "6");
    assert_eq!(script.timeout(), Some(55_000));
}

#[test]
fn a_pause_suspends_the_ping_deadline() {
    let mut script = websocket();
    script.session.pause_reading(script.now);
    assert_eq!(script.timeout(), None);
    assert_eq!(script.at(100_000), [""; 0]);
    script.session.resume_reading(script.now);
    assert_eq!(script.timeout(), Some(145_000));
    // A second resume does not restart the time.
    script.at(101_000);
    script.session.resume_reading(script.now);
    assert_eq!(script.timeout(), Some(145_000));
}

#[test]
fn many_pings_queue_one_pong() {
    let mut script = websocket();
    assert_eq!(script.text(0, "2"), ["ws0 3"]);
    for _ in 0..1000 {
        assert_eq!(script.text(0, "2"), [""; 0]);
    }
    assert_eq!(script.flushed(0), ["ws0 3"]);
    assert_eq!(script.flushed(0), [""; 0]);

    let mut script = polling();
    assert_eq!(script.answer(1, &vec!["2"; 1000].join("|")), ["2 GET", "3 POST 3"]);
    assert_eq!(script.answer(2, &vec!["2"; 1000].join("|")), ["4 GET"]);
    assert_eq!(script.answer(3, "ok"), ["5 POST 3"]);
}

#[test]
fn time_that_goes_backwards_is_clamped() {
    let mut script = websocket();
    script.at(45_000 - 1);
    script.now = script.start;
    assert_eq!(script.text(0, "2"), ["ws0 3"]);
    assert_eq!(script.timeout(), Some(45_000 - 1 + 45_000));
}

impl Script {
    fn progress(&mut self, ms: u64) -> Option<u128> {
        self.now = self.start + Duration::from_millis(ms);
        self.session.handle_progress(WebSocketId(0), self.now);
        self.session.handle_response_progress(RequestId(1), self.now);
        assert_eq!(self.out(), [""; 0]);
        self.timeout().map(u128::from)
    }
}

#[test]
fn bytes_of_a_message_extend_the_deadline_within_a_bound() {
    let limit = || config().message_timeout(Duration::from_secs(60));
    for mut script in [polling_with(limit()), websocket_with(limit())] {
        assert_eq!(script.progress(20_000), Some(45_000), "never shorter than without them");
        assert_eq!(script.progress(44_000), Some(64_000));
        assert_eq!(script.progress(63_000), Some(80_000), "a minute after the first bytes");
        assert_eq!(script.progress(79_999), Some(80_000));
        assert_eq!(script.at(80_000).last().unwrap(), "closed ping timeout");
    }
}

#[test]
fn each_message_of_the_server_has_its_own_time() {
    let limit = || config().message_timeout(Duration::from_secs(60));
    let mut script = websocket_with(limit());
    script.progress(10_000);
    assert_eq!(script.text(0, "4a"), ["message a"]);
    assert_eq!(script.progress(44_000), Some(64_000));
    assert_eq!(script.progress(63_000), Some(83_000));
    let mut script = polling_with(limit());
    script.progress(10_000);
    assert_eq!(script.answer(1, "4a"), ["2 GET", "message a"]);
    assert_eq!(script.progress(20_000), Some(45_000), "GET 1 has ended");
    script.session.handle_response_progress(RequestId(2), script.start + Duration::from_secs(44));
    assert_eq!(script.timeout().map(u128::from), Some(64_000));
    script.session.handle_response_progress(RequestId(2), script.start + Duration::from_secs(63));
    assert_eq!(script.timeout().map(u128::from), Some(83_000));
}

#[test]
fn the_time_of_a_message_restarts_after_a_pause() {
    let mut script = websocket_with(config().message_timeout(Duration::from_secs(60)));
    script.progress(1000);
    script.session.pause_reading(script.now);
    script.now = script.start + Duration::from_secs(100);
    script.session.resume_reading(script.now);
    assert_eq!(script.progress(144_000), Some(160_000));
}
