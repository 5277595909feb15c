//! Drivers that do not read, because nobody takes what comes.

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
fn attachments_have_their_time() {
    let mut script = short();
    nothing(script.text(HALF));
    assert_eq!(script.deadline(), Some(5000));
    let out = script.at(5000);
    assert!(out[1].starts_with("undecodable: "), "{out:?}");
    assert_eq!(out[2..], ["closed: parse error", "disconnected 0: parse error", "attempt 1 in 1000 ms"]);
    assert_eq!(script.deadline(), Some(6000));
}

#[test]
fn attachments_are_not_overdue_while_nobody_reads() {
    let mut script = short();
    script.text(HALF);
    nothing(script.pause());
    assert_eq!(script.deadline(), None);
    nothing(script.at(20_000));
    nothing(script.resume());
    assert_eq!(script.deadline(), Some(25_000));
    nothing(script.at(24_999));
    assert_eq!(script.binary(b"\x01").len(), 1);
    // The next one has its own time.
    script.text(HALF);
    assert_eq!(script.deadline(), Some(29_999));
}

#[test]
fn a_ping_is_not_overdue_while_nobody_reads() {
    let mut script = joined();
    nothing(script.pause());
    nothing(script.at(100_000));
    nothing(script.resume());
    assert_eq!(script.deadline(), Some(145_000));
    nothing(script.resume());
    assert_eq!(script.text("2"), ["1: 3"]);
}

#[test]
fn the_next_connection_is_not_read_either() {
    let mut script = joined();
    nothing(script.pause());
    script.hung_up(false);
    assert_eq!(script.again(), ["opened 1 websocket", "authenticate 0"]);
    assert_eq!(script.deadline(), None);
    nothing(script.resume());
    assert_eq!(script.deadline(), Some(1000 + 45_000));
}

#[test]
fn a_connection_is_not_late_while_nobody_reads() {
    let mut script = idle_with(config(), engine());
    script.connect(A);
    nothing(script.pause());
    assert_eq!(script.open(), ["1: GET"]);
    assert_eq!(script.deadline(), None);
    // Its answer is not read either.
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
fn pauses_end_while_nobody_reads() {
    let mut script = joined();
    script.pause();
    script.hung_up(false);
    assert_eq!(script.deadline(), Some(1000));
    assert_eq!(script.at(1000), ["attempt 1"]);
}

#[test]
fn acks_are_overdue_all_the_same() {
    let mut script = joined();
    script.ask(A, "ask", Some(100));
    nothing(script.pause());
    assert_eq!(script.deadline(), Some(100));
    assert_eq!(script.at(100), ["acked 0 0 operation has timed out"]);
}

#[test]
fn pausing_before_there_is_anything() {
    let mut script = idle();
    nothing(script.pause());
    nothing(script.resume());
    nothing(script.resume());
    assert_eq!(script.deadline(), None);
}
