use super::*;
use crate::TransportKind;

#[test]
fn a_session_moves_to_a_websocket() {
    let mut script = polling();
    nothing(script.get(1));
    nothing(script.attach(WS));
    assert_eq!(script.session.transport(), TransportKind::Polling);
    assert_eq!(script.text(WS, "2probe"), ["ws1 3probe", "1 200 6"], "the poll is released");
    script.flushed(WS);
    assert_eq!(script.text(WS, "5"), ["upgraded"]);
    assert_eq!(script.session.view(), crate::http::SessionView::new(TransportKind::WebSocket));
    assert_eq!(script.text(WS, "4hello"), ["message hello"]);
    assert_eq!(script.send("world"), ["ws1 4world"]);
}

#[test]
fn the_upgrading_websocket_decides_on_base64() {
    let mut script = polling();
    script.session.handle_websocket(WS, &base64_parts(), script.now);
    assert_eq!(script.text(WS, "2probe"), ["ws1 3probe"]);
    script.flushed(WS);
    script.session.send(Data::from(vec![1])).unwrap();
    assert_eq!(script.text(WS, "5"), ["ws1 bAQ==", "upgraded"]);
}

#[test]
fn a_poll_after_the_probe_is_released_too() {
    let mut script = probed();
    assert_eq!(script.get(1), ["1 200 6"]);
    assert_eq!(script.get(2), ["2 200 6"]);
}

#[test]
fn a_poll_waits_for_the_probe_packet() {
    let mut script = polling();
    script.attach(WS);
    nothing(script.get(1));
    assert_eq!(script.text(WS, "2probe"), ["ws1 3probe", "1 200 6"]);
}

/// An idle session on polling, to which [`WS`] was attached after 1 s.
fn attached() -> Script {
    let mut script = polling();
    script.sleep_until(1000);
    nothing(script.attach(WS));
    script
}

#[test]
fn a_poll_is_held_while_a_post_is_read() {
    let mut script = attached();
    nothing(script.get(1));
    script.post_head(2);
    assert_eq!(script.text(WS, "2probe"), ["ws1 3probe"]);
    assert_eq!(script.deadline(), Some(1100));
    script.sleep_until(1050);
    assert_eq!(script.body(2, "4a"), ["2 200 ok", "message a"]);
    assert_eq!(script.send("b"), ["1 200 4b"]);
}

#[test]
fn a_poll_is_held_while_a_message_is_handled() {
    let mut script = attached();
    assert_eq!(script.post(1, "4a"), ["1 200 ok", "message a"]);
    script.sleep_until(2000);
    nothing(script.get(2));
    assert_eq!(script.text(WS, "2probe"), ["ws1 3probe"]);
    nothing(script.at(2099));
    assert_eq!(script.send("b"), ["2 200 4b"]);
}

#[test]
fn a_poll_is_released_once_all_messages_are_handled() {
    let mut script = attached();
    assert_eq!(script.post(1, "4a"), ["1 200 ok", "message a"]);
    script.sleep_until(2000);
    nothing(script.get(2));
    assert_eq!(script.text(WS, "2probe"), ["ws1 3probe"]);
    script.sleep_until(2010);
    assert_eq!(script.idle(), ["2 200 6"]);
}

#[test]
fn a_poll_is_held_for_100_ms_at_most() {
    let mut script = attached();
    assert_eq!(script.post(1, "4a"), ["1 200 ok", "message a"]);
    script.sleep_until(2000);
    assert_eq!(script.text(WS, "2probe"), ["ws1 3probe"]);
    script.sleep_until(2050);
    nothing(script.get(2));
    assert_eq!(script.deadline(), Some(2150), "since its arrival");
    // Another message does not extend the hold.
    script.post_head(3);
    nothing(script.at(2149));
    assert_eq!(script.at(2150), ["2 200 6"]);
    assert_eq!(script.deadline(), Some(11_000), "the upgrade timeout");
}

#[test]
fn a_poll_is_held_in_the_first_half_of_the_upgrade_only() {
    let mut script = polling_with(Config::builder().upgrade_timeout(Duration::from_millis(200)));
    nothing(script.attach(WS));
    nothing(script.get(1));
    script.post_head(2);
    script.sleep_until(60);
    assert_eq!(script.text(WS, "2probe"), ["ws1 3probe"]);
    nothing(script.at(99));
    assert_eq!(script.at(100), ["1 200 6"]);
    nothing(script.get(3)[1..].to_vec());
}

/// A reaction to the payload may be on its way.
#[test]
fn a_poll_is_held_shortly_after_a_payload() {
    for from_client in [false, true] {
        let mut script = attached();
        nothing(script.get(1));
        match from_client {
            true => assert_eq!(script.post(2, "4a"), ["2 200 ok", "message a"]),
            false => assert_eq!(script.send("a"), ["1 200 4a"]),
        }
        script.session.handle_idle(script.now);
        if !from_client {
            nothing(script.get(3));
        }
        script.sleep_until(1030);
        assert_eq!(script.text(WS, "2probe"), ["ws1 3probe"]);
        assert_eq!(script.deadline(), Some(1100), "100 ms after the payload");
        nothing(script.at(1099));
        assert_eq!(script.at(1100), [if from_client { "1 200 6" } else { "3 200 6" }]);
    }
}

#[test]
fn a_poll_that_is_not_held_for_a_probe_has_no_deadline() {
    let mut script = attached();
    script.post_head(1);
    nothing(script.get(2));
    script.text(WS, "2probe");
    assert_eq!(script.deadline(), Some(1100));
    nothing(script.websocket_closed(WS, false));
    assert_eq!(script.deadline(), Some(25_000));
    nothing(script.at(1100));
}

#[test]
fn messages_go_by_polling_until_the_upgrade_is_confirmed() {
    let mut script = polling();
    nothing(script.get(1));
    script.attach(WS);
    assert_eq!(script.send("a"), ["1 200 4a"]);
    script.text(WS, "2probe");
    nothing(script.send("b"));
    assert_eq!(script.get(2), ["2 200 4b"]);
    assert_eq!(script.post(3, "4c"), ["3 200 ok", "message c"]);
    nothing(script.send("d"));
    script.flushed(WS);
    assert_eq!(script.text(WS, "5"), ["ws1 4d", "upgraded"]);
}

#[test]
fn queued_messages_wait_until_the_probe_pong_is_flushed() {
    let mut script = polling();
    script.attach(WS);
    script.text(WS, "2probe");
    nothing(script.send("a"));
    assert_eq!(script.text(WS, "5"), ["upgraded"]);
    assert_eq!(script.flushed(WS), ["ws1 4a"]);
}

/// The reference upgrades without a probe.
#[test]
fn an_upgrade_without_a_probe_is_refused() {
    let mut script = polling();
    script.attach(WS);
    assert_eq!(script.text(WS, "5"), ["ws1 close"]);
    nothing(script.get(1));
    assert_eq!(script.send("a"), ["1 200 4a"], "polling goes on");
}

#[test]
fn any_other_packet_ends_the_probe_but_not_the_session() {
    for text in ["", "2", "2x", "3probe", "4hello", "1", "6", "x", "bAQ=="] {
        let mut script = polling();
        script.attach(WS);
        assert_eq!(script.text(WS, text), ["ws1 close"], "{text}");
        nothing(script.text(WS, "2probe"));
        assert_eq!(script.post(1, "4a"), ["1 200 ok", "message a"]);
    }
    let mut script = polling();
    script.attach(WS);
    assert_eq!(script.binary(WS, b"2probe"), ["ws1 close"]);
    let mut script = probed();
    assert_eq!(script.text(WS, "4early"), ["ws1 close"]);
    nothing(script.get(1));
}

/// The reference answers each probe packet, so the answers could grow without bound.
#[test]
fn a_second_probe_packet_ends_the_probe() {
    assert_eq!(probed().text(WS, "2probe"), ["ws1 close"]);
}

#[test]
fn a_probe_packet_that_is_too_large_ends_the_probe() {
    let mut script = polling_with(Config::builder().max_payload(5));
    script.attach(WS);
    assert_eq!(script.text(WS, "2probe"), ["ws1 close"]);
}

#[test]
fn polling_goes_on_after_a_failed_probe() {
    for error in [false, true] {
        let mut script = probed();
        nothing(script.websocket_closed(WS, error));
        nothing(script.get(1));
        assert_eq!(script.send("a"), ["1 200 4a"]);
    }
}

#[test]
fn a_failed_probe_may_be_tried_again() {
    let mut script = probed();
    nothing(script.websocket_closed(WS, true));
    nothing(script.attach(WS2));
    assert_eq!(script.text(WS2, "2probe"), ["ws2 3probe"]);
    nothing(script.flushed(WS));
    assert_eq!(script.text(WS2, "5"), ["upgraded"]);
    nothing(script.send("a"));
    assert_eq!(script.flushed(WS2), ["ws2 4a"]);
}

#[test]
fn a_probe_that_takes_too_long_is_closed() {
    let mut script = polling();
    script.sleep_until(1000);
    script.attach(WS);
    assert_eq!(script.deadline(), Some(11_000));
    nothing(script.at(10_999));
    assert_eq!(script.at(11_000), ["ws1 close"]);
    assert_eq!(script.deadline(), Some(25_000));
    nothing(script.text(WS, "2probe"));
    nothing(script.get(1));
}

#[test]
fn a_second_websocket_while_one_probes_is_closed() {
    let mut script = probed();
    assert_eq!(script.attach(WS2), ["ws2 close"]);
    nothing(script.websocket_closed(WS2, false));
    assert_eq!(script.text(WS, "5"), ["upgraded"], "the first goes on");
}

#[test]
fn a_second_websocket_after_the_upgrade_is_closed() {
    let mut script = upgraded();
    assert_eq!(script.attach(WS2), ["ws2 close"]);
    nothing(script.text(WS2, "2probe"));
    assert_eq!(script.text(WS, "4a"), ["message a"]);
    let mut script = websocket();
    assert_eq!(script.attach(WS2), ["ws2 close"]);
}

/// The reference does not offer the upgrade, but accepts it.
#[test]
fn an_upgrade_that_is_not_allowed_is_closed() {
    let mut script = polling_with(Config::builder().allow_upgrades(false));
    assert_eq!(script.attach(WS), ["ws1 close"]);
}

#[test]
fn a_poll_after_the_upgrade_is_a_mismatch() {
    let mut script = upgraded();
    assert_eq!(script.get(1), [r#"1 400 {"code":3,"message":"Bad request"}"#]);
    assert_eq!(script.text(WS, "4a"), ["message a"], "the WebSocket goes on");
}

#[test]
fn a_poll_still_pending_at_the_upgrade_is_released() {
    let mut script = polling();
    nothing(script.get(1));
    script.attach(WS);
    // Both packets arrive before the driver drains the outputs.
    script.session.handle_message(WS, Data::from("2probe"), script.now);
    assert_eq!(script.text(WS, "5"), ["ws1 3probe", "1 200 6", "upgraded"]);
    nothing(script.aborted(1));
}

#[test]
fn a_post_still_in_progress_at_the_upgrade_is_delivered() {
    let mut script = probed();
    script.post_head(1);
    script.text(WS, "5");
    assert_eq!(script.body(1, "4a"), ["1 200 ok", "message a"]);

    let mut script = probed();
    script.post_head(1);
    script.text(WS, "5");
    nothing(script.aborted(1));
    assert_eq!(script.text(WS, "4b"), ["message b"]);
}

#[test]
fn the_end_of_the_session_closes_the_probing_websocket() {
    let mut script = probed();
    assert_eq!(script.post(1, "1"), ["1 200 ok", "ws1 close", "closed transport close"]);
    let mut script = polling();
    nothing(script.get(1));
    script.attach(WS);
    assert_eq!(script.get(2), ["ws1 close", "1 200 1", "2 400 ", "closed transport error"]);
}

#[test]
fn fifty_messages_each_way_cross_an_upgrade_in_order() {
    let mut script = polling();
    let (mut sent, mut request) = (Vec::new(), 0);
    let mut received = Vec::new();
    for n in 0..50 {
        let mut out = Vec::new();
        script.session.send(Data::from(format!("s{n}"))).unwrap();
        match n {
            10 => out.extend(script.attach(WS)),
            20 => out.extend(script.text(WS, "2probe")),
            30 => out.extend(script.text(WS, "5")),
            _ => {}
        }
        if n < 25 {
            request += 2;
            out.extend(script.get(request));
        }
        if n < 30 {
            out.extend(script.post(request + 1000 + n, &format!("4c{n}")));
        } else {
            out.extend(script.text(WS, &format!("4c{n}")));
        }
        out.extend(script.flushed(WS));
        for line in out {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["message", text] => received.push(text.to_owned()),
                ["ws1", text] => sent.push(text.to_owned()),
                [_, "200", body] => sent.extend(body.split('|').map(str::to_owned)),
                _ => {}
            }
        }
    }
    sent.retain(|packet| packet.starts_with("4s"));
    assert_eq!(sent, (0..50).map(|n| format!("4s{n}")).collect::<Vec<_>>());
    assert_eq!(received, (0..50).map(|n| format!("c{n}")).collect::<Vec<_>>());
}
