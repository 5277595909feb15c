//! Drivers that pause reading.

use super::*;

impl Script {
    fn pause(&mut self) -> Vec<String> {
        self.manager.pause_reading(self.now);
        self.out()
    }

    fn resume(&mut self) -> Vec<String> {
        self.manager.resume_reading(self.now);
        self.out()
    }
}

fn short() -> Script {
    joined_with(config().decoder(crate::Limits::default().reassembly_timeout(Duration::from_secs(5))), by_websocket())
}

const HALF: &str = r#"451-["file",{"_placeholder":true,"num":0}]"#;

#[test]
fn overdue_attachments_lose_the_connection() {
    let mut script = short();
    nothing(script.text(HALF));
    assert_eq!(script.deadline(), Some(5000));
    let out = script.at(5000);
    assert!(out[1].starts_with("undecodable: "), "{out:?}");
    assert_eq!(out[2..], ["closed: parse error", "disconnected 0: parse error", "attempt 1 in 1000 ms"]);
    assert_eq!(script.deadline(), Some(6000));
}

#[test]
fn attachments_are_not_overdue_while_reading_is_paused() {
    let mut script = short();
    script.text(HALF);
    nothing(script.pause());
    assert_eq!(script.deadline(), None);
    nothing(script.at(20_000));
    nothing(script.resume());
    assert_eq!(script.deadline(), Some(25_000));
    nothing(script.at(24_999));
    assert_eq!(script.binary(b"\x01").len(), 1);
    // The next packet has its own deadline.
    script.text(HALF);
    assert_eq!(script.deadline(), Some(29_999));
}

#[test]
fn a_ping_is_not_overdue_while_reading_is_paused() {
    let mut script = joined();
    nothing(script.pause());
    nothing(script.at(100_000));
    nothing(script.resume());
    assert_eq!(script.deadline(), Some(145_000));
    nothing(script.resume());
    assert_eq!(script.text("2"), ["1: 3"]);
}

#[test]
fn reading_stays_paused_on_the_next_connection() {
    let mut script = joined();
    nothing(script.pause());
    script.ws_closed(false);
    assert_eq!(script.reconnect(), ["opened 1 websocket", "authenticate 0"]);
    assert_eq!(script.deadline(), None);
    nothing(script.resume());
    assert_eq!(script.deadline(), Some(1000 + 45_000));
}

#[test]
fn an_attempt_does_not_time_out_while_reading_is_paused() {
    let mut script = idle_with(config(), engine());
    script.connect(A);
    nothing(script.pause());
    assert_eq!(script.open(), ["1: GET"]);
    assert_eq!(script.deadline(), None);
    // The response is not decoded while reading is paused.
    nothing(script.got(OPEN));
    nothing(script.at(30_000));
    assert_eq!(script.resume(), ["1: connect", "1: GET", "opened 0 polling", "authenticate 0"]);

    let mut script = idle_with(config(), engine());
    script.connect(A);
    script.open();
    script.pause();
    nothing(script.at(30_000));
    nothing(script.resume());
    assert_eq!(script.deadline(), Some(50_000));
    assert_eq!(script.at(50_000)[1], "attempt 0 failed: timeout");
}

#[test]
fn reconnection_pauses_end_while_reading_is_paused() {
    let mut script = joined();
    script.pause();
    script.ws_closed(false);
    assert_eq!(script.deadline(), Some(1000));
    assert_eq!(script.at(1000), ["attempt 1"]);
}

#[test]
fn acks_time_out_while_reading_is_paused() {
    let mut script = joined();
    script.ask(A, "ask", Some(100));
    nothing(script.pause());
    assert_eq!(script.deadline(), Some(100));
    assert_eq!(script.at(100), ["acked 0 0 operation has timed out"]);
}

#[test]
fn reading_can_be_paused_without_a_connection() {
    let mut script = idle();
    nothing(script.pause());
    nothing(script.resume());
    nothing(script.resume());
    assert_eq!(script.deadline(), None);
}
