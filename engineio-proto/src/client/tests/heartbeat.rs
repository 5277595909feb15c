//! The server's pings, and their absence.

use super::*;

#[test]
fn a_ping_is_answered() {
    let mut script = polling();
    assert_eq!(script.answer(1, "2"), ["2 GET", "3 POST 3"]);
    let mut script = websocket();
    assert_eq!(script.text(0, "2"), ["ws0 3"]);
}

#[test]
fn a_silent_server_is_gone() {
    for mut script in [polling(), websocket()] {
        assert_eq!(script.timeout(), Some(45_000));
        assert_eq!(script.at(44_999), [""; 0]);
        assert_eq!(script.at(45_000)[1..], ["closed ping timeout"]);
        assert_eq!(script.timeout(), None);
    }
}

#[test]
fn only_a_ping_begins_the_time_anew() {
    let mut script = websocket();
    script.at(10_000);
    assert_eq!(script.text(0, "4a"), ["message a"]);
    assert_eq!(script.timeout(), Some(45_000));
    assert_eq!(script.text(0, "2"), ["ws0 3"]);
    assert_eq!(script.timeout(), Some(55_000));
}

#[test]
fn the_move_to_a_websocket_begins_the_time_anew() {
    let mut script = pausing();
    script.at(10_000);
    script.answer(2, "6");
    assert_eq!(script.timeout(), Some(55_000));
}

#[test]
fn a_paused_reader_cannot_miss_a_ping() {
    let mut script = websocket();
    script.session.pause_reading(script.now);
    assert_eq!(script.timeout(), None);
    assert_eq!(script.at(100_000), [""; 0]);
    script.session.resume_reading(script.now);
    assert_eq!(script.timeout(), Some(145_000));
    // A second time is not a new beginning.
    script.at(101_000);
    script.session.resume_reading(script.now);
    assert_eq!(script.timeout(), Some(145_000));
}

#[test]
fn pings_without_end_are_one_pong() {
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
fn time_that_goes_backwards_stands_still() {
    let mut script = websocket();
    script.at(45_000 - 1);
    script.now = script.start;
    assert_eq!(script.text(0, "2"), ["ws0 3"]);
    assert_eq!(script.timeout(), Some(45_000 - 1 + 45_000));
}
