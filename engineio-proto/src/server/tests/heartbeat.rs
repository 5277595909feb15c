use super::*;

fn fast() -> ConfigBuilder {
    let ms = Duration::from_millis;
    Config::builder().ping_interval(ms(300)).ping_timeout(ms(200))
}

#[test]
fn pings_and_pongs_repeat_over_polling() {
    let mut script = polling_with(fast());
    let mut ms = 0;
    for id in 0..3 {
        assert_eq!(script.deadline(), Some(ms + 300));
        nothing(script.get(2 * id));
        ms += 300;
        assert_eq!(script.at(ms as u64), [format!("{} 200 2", 2 * id)]);
        assert_eq!(script.deadline(), Some(ms + 200));
        ms += 100;
        script.sleep_until(ms as u64);
        assert_eq!(script.post(2 * id + 1, "3"), [format!("{} 200 ok", 2 * id + 1)]);
    }
}

#[test]
fn pings_and_pongs_repeat_over_websocket() {
    let mut script = websocket_with(fast());
    for ms in [300, 700, 1100] {
        assert_eq!(script.at(ms), ["ws1 2"]);
        script.flushed(WS);
        script.sleep_until(ms + 100);
        nothing(script.text(WS, "3"));
        assert_eq!(script.deadline(), Some(u128::from(ms) + 400));
    }
}

#[test]
fn a_missing_pong_ends_the_session() {
    let mut script = websocket_with(fast());
    assert_eq!(script.at(300), ["ws1 2"]);
    nothing(script.at(499));
    assert_eq!(script.at(500), ["ws1 close", "closed ping timeout"]);
    assert_eq!(script.deadline(), None);

    let mut script = polling_with(fast());
    nothing(script.get(1));
    assert_eq!(script.at(300), ["1 200 2"]);
    nothing(script.get(2));
    assert_eq!(script.at(500), ["2 200 1", "closed ping timeout"]);
}

#[test]
fn an_abandoned_polling_session_ends() {
    let mut script = polling_with(fast());
    nothing(script.at(300));
    assert_eq!(script.at(500), ["closed ping timeout"]);
    assert_eq!(script.get(1), [r#"1 400 {"code":1,"message":"Session ID unknown"}"#]);
}

#[test]
fn the_first_other_packet_extends_the_pong_deadline_once() {
    let mut script = websocket_with(fast());
    script.at(300);
    script.sleep_until(340);
    script.text(WS, "4a");
    assert_eq!(script.deadline(), Some(540));
    script.sleep_until(500);
    script.text(WS, "4b");
    assert_eq!(script.deadline(), Some(540));
    assert_eq!(script.at(540), ["ws1 close", "closed ping timeout"]);
}

#[test]
fn the_pong_deadline_of_every_ping_can_be_extended() {
    let mut script = websocket_with(fast());
    script.at(300);
    script.text(WS, "6");
    script.text(WS, "3");
    script.flushed(WS);
    assert_eq!(script.at(600), ["ws1 2"]);
    script.sleep_until(700);
    script.text(WS, "4a");
    assert_eq!(script.deadline(), Some(900));
}

#[test]
fn a_packet_before_the_ping_extends_nothing() {
    let mut script = websocket_with(fast());
    script.sleep_until(200);
    script.text(WS, "4a");
    assert_eq!(script.deadline(), Some(300));
    script.at(300);
    assert_eq!(script.deadline(), Some(500));
}

#[test]
fn a_packet_in_a_post_extends_the_pong_deadline() {
    let mut script = polling_with(fast());
    script.at(300);
    script.sleep_until(400);
    script.post(1, "4a");
    assert_eq!(script.deadline(), Some(600));
}

#[test]
fn a_pause_suspends_the_pong_deadline() {
    let mut script = websocket_with(fast());
    script.session.pause_reading(script.now);
    assert_eq!(script.at(300), ["ws1 2"], "pings continue");
    assert_eq!(script.deadline(), None);
    nothing(script.at(10_000));
    script.session.resume_reading(script.now);
    assert_eq!(script.deadline(), Some(10_200), "in full");
    nothing(script.text(WS, "3"));
    assert_eq!(script.deadline(), Some(10_300));
}

#[test]
fn a_resume_restarts_the_pong_timeout_in_full() {
    let mut script = websocket_with(fast());
    script.at(300);
    script.sleep_until(490);
    script.session.pause_reading(script.now);
    nothing(script.at(600));
    script.session.resume_reading(script.now);
    assert_eq!(script.deadline(), Some(800));
    script.session.resume_reading(script.now);
    assert_eq!(script.deadline(), Some(800), "not paused");
    assert_eq!(script.at(800), ["ws1 close", "closed ping timeout"]);
}

/// After a suspension of the process, its timer fires before it reads the input that had arrived.
#[test]
fn a_tick_pings_but_enforces_no_deadline() {
    let mut script = websocket_with(fast());
    assert_eq!(script.tick(5000), ["ws1 2"]);
    assert_eq!(script.deadline(), Some(5200));
    script.flushed(WS);
    nothing(script.tick(9000));
    assert_eq!(script.deadline(), Some(5200));
    assert_eq!(script.text(WS, "4a"), ["message a"]);
    assert_eq!(script.deadline(), Some(9200));
    nothing(script.at(9000));
}

#[test]
fn a_pong_read_after_its_deadline_is_followed_by_a_ping_at_once() {
    let mut script = websocket_with(fast());
    assert_eq!(script.at(300), ["ws1 2"]);
    script.flushed(WS);
    nothing(script.tick(700));
    nothing(script.text(WS, "3"));
    assert_eq!(script.deadline(), Some(700));
    assert_eq!(script.tick(700), ["ws1 2"]);
    assert_eq!(script.deadline(), Some(900));
    assert_eq!(script.at(900), ["ws1 close", "closed ping timeout"]);
}

#[test]
fn an_early_timeout_is_harmless() {
    let mut script = websocket_with(fast());
    for ms in [0, 100, 299] {
        nothing(script.at(ms));
    }
    assert_eq!(script.deadline(), Some(300));
}

#[test]
fn a_late_timeout_leaves_the_full_pong_timeout() {
    let mut script = websocket_with(fast());
    assert_eq!(script.at(5000), ["ws1 2"]);
    assert_eq!(script.deadline(), Some(5200));
}

#[test]
fn time_that_goes_backwards_is_clamped() {
    let mut script = websocket_with(fast());
    script.at(300);
    script.sleep_until(0);
    nothing(script.text(WS, "3"));
    assert_eq!(script.deadline(), Some(600));
}

/// The reference's heartbeat stops in this case.
#[test]
fn the_heartbeat_restarts_at_an_upgrade() {
    let mut script = polling_with(fast());
    nothing(script.get(1));
    assert_eq!(script.at(300), ["1 200 2"]);
    script.attach(WS);
    script.text(WS, "2probe");
    script.sleep_until(400);
    assert_eq!(script.text(WS, "5"), ["upgraded"]);
    script.flushed(WS);
    assert_eq!(script.deadline(), Some(700), "the pong by polling may never come");
    assert_eq!(script.at(700), ["ws1 2"]);
    assert_eq!(script.at(900), ["ws1 close", "closed ping timeout"]);
}

#[test]
fn the_pong_to_a_ping_by_polling_may_come_by_websocket() {
    let mut script = polling_with(fast());
    nothing(script.get(1));
    script.at(300);
    script.attach(WS);
    script.text(WS, "2probe");
    script.text(WS, "5");
    nothing(script.text(WS, "3"));
    assert_eq!(script.deadline(), Some(600));
}

#[test]
fn a_closing_session_ends_without_a_pong() {
    let mut script = polling_with(fast());
    nothing(script.at(300));
    nothing(script.close());
    assert_eq!(script.post(1, "3"), ["1 200 ok"], "ignored, as all packets are");
    assert_eq!(script.at(500), ["closed ping timeout"]);
}

#[test]
fn a_resume_without_a_pause_changes_no_deadline() {
    let mut script = websocket();
    assert_eq!(script.at(25_000), ["ws1 2"]);
    script.sleep_until(30_000);
    script.session.resume_reading(script.now);
    assert_eq!(script.deadline(), Some(45_000));
}

/// The bytes of a message count for a second.
fn slow() -> ConfigBuilder {
    fast().message_timeout(Duration::from_secs(1))
}

impl Script {
    fn progress(&mut self, ms: u64) -> Option<u128> {
        self.sleep_until(ms);
        self.session.handle_progress(WS, self.now);
        assert!(self.out().iter().all(|line| line == "ws1 2"), "only pings");
        self.deadline()
    }

    fn body_progress(&mut self, id: u64, ms: u64) -> Option<u128> {
        self.sleep_until(ms);
        self.session.handle_body_progress(RequestId(id), self.now);
        nothing(self.out());
        self.deadline()
    }
}

#[test]
fn bytes_of_a_message_extend_the_deadline_repeatedly() {
    let mut script = websocket_with(slow());
    script.at(300);
    script.flushed(WS);
    for ms in [400, 590, 780, 970, 1160] {
        assert_eq!(script.progress(ms), Some(u128::from(ms) + 200));
    }
    assert_eq!(script.text(WS, "4large"), ["message large"]);
    nothing(script.text(WS, "3"));
    assert_eq!(script.deadline(), Some(1460));
}

/// The pong is queued after the message, but the client waits for the next ping at most for interval plus timeout.
#[test]
fn a_client_that_sends_a_large_message_is_pinged_once_an_interval() {
    let mut script = websocket_with(slow());
    assert_eq!(script.at(300), ["ws1 2"]);
    script.flushed(WS);
    let mut pings = Vec::new();
    for ms in (400..1300).step_by(50) {
        script.sleep_until(ms);
        script.session.handle_progress(WS, script.now);
        pings.extend(script.out().into_iter().map(|line| (ms, line)));
        script.flushed(WS);
    }
    assert_eq!(pings, [(400, "ws1 2".into()), (650, "ws1 2".into()), (950, "ws1 2".into())]);

    // By polling only one ping is queued while there is no GET.
    let mut script = polling_with(slow());
    script.sleep_until(250);
    script.post_head(1);
    nothing(script.at(300));
    for ms in (350..1200).step_by(50) {
        script.body_progress(1, ms);
    }
    assert_eq!(script.get(2), ["2 200 2"]);
    script.body_progress(1, 1240);
    assert_eq!(script.body(1, "4a"), ["1 200 ok", "message a"]);
}

#[test]
fn bytes_of_a_message_count_for_the_message_timeout_from_the_first_on() {
    let mut script = websocket_with(slow());
    assert_eq!(script.progress(200), Some(300), "before the ping they extend no deadline, but their time starts");
    script.at(300);
    for ms in (350..1000).step_by(50) {
        assert_eq!(script.progress(ms), Some(u128::from(ms) + 200));
    }
    for ms in (1000..1200).step_by(50) {
        assert_eq!(script.progress(ms), Some(1200));
    }
    assert_eq!(script.at(1200), ["ws1 close", "closed ping timeout"]);
}

#[test]
fn each_message_has_its_own_time() {
    let mut script = websocket_with(slow());
    script.progress(100);
    script.at(300);
    script.progress(450);
    script.sleep_until(600);
    script.text(WS, "4a");
    assert_eq!(script.progress(700), Some(900));
    assert_eq!(script.progress(1500), Some(1700), "since 700");
    assert_eq!(script.progress(1699), Some(1700));
}

#[test]
fn bytes_never_shorten_the_deadline() {
    let mut script = websocket_with(fast().message_timeout(Duration::from_millis(10)));
    script.at(300);
    assert_eq!(script.progress(310), Some(500));
    assert_eq!(script.progress(499), Some(500));
}

#[test]
fn bytes_of_another_websocket_are_ignored() {
    let mut script = websocket_with(slow());
    script.at(300);
    script.sleep_until(400);
    script.session.handle_progress(WS2, script.now);
    script.session.handle_body_progress(RequestId(1), script.now);
    assert_eq!(script.deadline(), Some(500));
}

#[test]
fn bytes_of_a_body_extend_the_deadline_within_a_bound() {
    let mut script = polling_with(slow());
    script.sleep_until(200);
    script.post_head(1);
    script.at(300);
    assert_eq!(script.body_progress(1, 490), Some(690));
    assert_eq!(script.body_progress(2, 600), Some(690), "an unknown id");
    assert_eq!(script.body_progress(1, 680), Some(880));
    assert_eq!(script.body_progress(1, 870), Some(1070));
    assert_eq!(script.body_progress(1, 1060), Some(1200));
    assert_eq!(script.at(1200), ["1 abort", "closed ping timeout"]);

    let mut script = polling_with(slow());
    script.post_head(1);
    script.at(300);
    script.body_progress(1, 490);
    assert_eq!(script.body(1, "4large"), ["1 200 ok", "message large"]);
    assert_eq!(script.body_progress(1, 600), Some(690), "the body is complete");
}

#[test]
fn the_time_of_a_message_restarts_after_a_pause() {
    let mut script = websocket_with(slow());
    script.progress(100);
    script.at(300);
    script.session.pause_reading(script.now);
    script.sleep_until(5000);
    script.session.resume_reading(script.now);
    assert_eq!(script.progress(5100), Some(5300));
    assert_eq!(script.progress(5290), Some(5490));
    assert_eq!(script.progress(5400), Some(5600));
}
