//! A server that sends anything and reads at any time, and an application that repeats everything at once.

use proptest::prelude::*;

use super::*;

const SAYS: [&str; 30] = [
    r#"40{"sid":"S"}"#,
    r#"40/foo,{"sid":"T"}"#,
    "40",
    "40/foo,",
    r#"40{"sid":7}"#,
    r#"40/nobody,{"sid":"U"}"#,
    r#"44{"message":"no"}"#,
    r#"44/foo,"no""#,
    "44",
    "41",
    "41/foo,",
    r#"42["e"]"#,
    r#"427["e",1]"#,
    r#"42/foo,["e"]"#,
    r#"42/foo,9007199254740993["e",{"a":[]}]"#,
    r#"451-["b",{"_placeholder":true,"num":0}]"#,
    r#"452-/foo,1["b",{"_placeholder":true,"num":1}]"#,
    "bAQID",
    "430[]",
    "431[1]",
    "43/foo,0[]",
    "43/foo,2[]",
    "2",
    "6",
    "4",
    "4{",
    "1",
    "5",
    "3probe",
    OPEN,
];

#[derive(Debug, Clone)]
enum Step {
    Say(usize),
    /// In one body, over polling.
    Body(Vec<usize>),
    Many(usize),
    Binary,
    Accept,
    Refuse,
    Flush,
    Post,
    Fail,
    HangUp(bool),
    Wait(u64),
    Leave(u64),
    Close,
    Pause(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let say = || prop_oneof![3 => 0..2usize, 3 => 0..SAYS.len() - 8, 1 => 0..SAYS.len()];
    prop_oneof![
        12 => say().prop_map(Step::Say),
        8 => prop::collection::vec(say(), 1..9).prop_map(Step::Body),
        2 => say().prop_map(Step::Many),
        2 => Just(Step::Binary),
        6 => Just(Step::Accept),
        1 => Just(Step::Refuse),
        3 => Just(Step::Flush),
        3 => Just(Step::Post),
        1 => Just(Step::Fail),
        1 => any::<bool>().prop_map(Step::HangUp),
        4 => (0..3000u64).prop_map(Step::Wait),
        2 => (0..2u64).prop_map(Step::Leave),
        1 => Just(Step::Close),
        1 => any::<bool>().prop_map(Step::Pause),
    ]
}

impl Script {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Say(say) => self.manager.handle_message(self.ws, Data::from(SAYS[*say]), self.now),
            Step::Many(say) => (0..50).for_each(|_| self.apply(&Step::Say(*say))),
            Step::Body(says) => {
                let body = says.iter().map(|say| SAYS[*say]).collect::<Vec<_>>().join("\u{1e}");
                self.manager.handle_response(self.get, http::Response::new(body.into()), self.now);
            }
            Step::Binary => self.manager.handle_message(self.ws, Data::Binary(Bytes::from_static(b"\x01")), self.now),
            Step::Accept => {
                let (parts, ()) = http::Response::builder().status(101).body(()).unwrap().into_parts();
                self.manager.handle_websocket(self.ws, &parts, self.now);
                self.manager.handle_message(self.ws, Data::from(OPEN), self.now);
                self.manager.handle_response(self.get, http::Response::new(Bytes::from(OPEN)), self.now);
            }
            Step::Refuse => self.manager.handle_websocket_failed(self.ws, Some(400), self.now),
            Step::Flush => self.manager.handle_flushed(self.ws, self.now),
            Step::Post => self.manager.handle_response(self.post, http::Response::new("ok".into()), self.now),
            Step::Fail => self.manager.handle_request_failed(self.get, self.now),
            Step::HangUp(error) => self.manager.handle_websocket_closed(self.ws, *error, self.now),
            Step::Wait(ms) => {
                self.now += Duration::from_millis(*ms);
                self.manager.handle_timeout(self.now);
            }
            Step::Leave(socket) => self.manager.disconnect(SocketKey(*socket), self.now),
            Step::Close => self.manager.close_engine(self.now),
            Step::Pause(true) => self.manager.pause_reading(self.now),
            Step::Pause(false) => self.manager.resume_reading(self.now),
        }
        self.respond();
    }

    /// Answers all events, and repeats everything that failed.
    fn respond(&mut self) {
        for turn in 0.. {
            assert!(turn < 1000, "the events do not end");
            while let Some(transmit) = self.manager.poll_transmit() {
                self.describe_transmit(transmit);
            }
            let Some(event) = self.manager.poll_event() else { break };
            match event {
                Event::Attempt { .. } => self.manager.open(self.engine.clone(), self.now),
                Event::Authenticate { socket } => self.manager.authenticate(socket, None, self.now),
                Event::Refused { socket, .. } | Event::Disconnected { socket, .. } => {
                    self.manager.connect(socket, self.now);
                }
                Event::ReconnectFailed { .. } => {
                    [A, B].iter().for_each(|socket| self.manager.connect(*socket, self.now))
                }
                Event::Received { socket, id: Some(id), .. } => {
                    let ack = encode::ack(&self.namespaces[socket.0 as usize], id, &()).unwrap();
                    let _ = self.manager.send_ack(socket, ack, self.now);
                }
                Event::Acked { socket, .. } => self.emit_ask(socket),
                Event::Delivered { socket, .. } => {
                    let packet = self.event(socket, None, "m", ());
                    let _ = self.manager.emit_reliable(socket, packet, self.now);
                }
                Event::Ready => [A, B].iter().for_each(|socket| {
                    let _ = self.try_emit(*socket, "x", "x".repeat(100));
                }),
                _ => {}
            }
        }
        let manager = &self.manager;
        assert!(manager.poll_timeout().is_none_or(|due| due > self.now) || manager.link.deadline(false).is_some());
        assert!(manager.buffered <= manager.config.send_buffer_limit);
        assert!(manager.early <= manager.config.receive_buffer_limit);
        assert!(manager.acks.len() <= manager.config.max_pending_acks + manager.members.len());
        assert!(manager.controls.len() <= 2 * manager.members.len());
        assert!(manager.closing.len() <= 8 && manager.events.is_empty());
        assert!(manager.engine().is_none_or(|engine| engine.buffered() <= self.engine.outbox_limit() + 100));
    }

    fn emit_ask(&mut self, socket: SocketKey) {
        let id = self.manager.next_ack_id(socket);
        let packet = self.event(socket, Some(id), "ask", ());
        let deadline = self.now + Duration::from_millis(500);
        let _ = self.manager.emit_with_ack(socket, packet, id, Some(deadline), self.now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn memory_and_work_are_bounded_whatever_the_server_sends(steps in prop::collection::vec(step(), 0..200), polling in any::<bool>()) {
        let config = config().send_buffer_limit(2000).receive_buffer_limit(500).max_pending_acks(5);
        let engine = if polling { engine() } else { by_websocket() };
        let mut script = idle_with(config.reconnection_attempts(Some(3)), engine.outbox_limit(1000));
        let retries = SocketConfig::default().retries(Some(2)).ack_timeout(Some(Duration::from_millis(100)));
        script.socket_with("/foo", retries);
        for socket in [A, B] {
            script.manager.connect(socket, script.now);
            (0..3).for_each(|_| script.emit_ask(socket));
            let packet = script.event(socket, None, "m", ());
            script.manager.emit_reliable(socket, packet, script.now).unwrap();
        }
        script.respond();
        for step in &steps {
            script.apply(step);
        }
    }
}
