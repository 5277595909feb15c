//! Scripted tests: each line is one input and its exact outputs.

mod closing;
mod handshake;
mod heartbeat;
mod messages;
mod polling;
mod pressure;
mod reading;
mod upgrade;

use super::*;
use crate::{Config, ConfigBuilder, Instant, Packet, Sid};
use http::request::Parts;
use std::time::Duration;

/// A session and a clock that the test sets.
struct Script {
    session: Session,
    start: Instant,
    now: Instant,
}

const REQUEST: RequestId = RequestId(0);
const WS: WebSocketId = WebSocketId(1);
const WS2: WebSocketId = WebSocketId(2);

/// A session on polling whose handshake has been answered.
fn polling() -> Script {
    polling_with(Config::builder())
}

fn polling_with(config: ConfigBuilder) -> Script {
    let start = start();
    let config = config.build().unwrap().into();
    let session = Session::open_polling(config, Sid::new("S"), REQUEST, &parts("GET", &[]), start);
    let mut script = Script { session, start, now: start };
    assert_eq!(script.out().len(), 1);
    script
}

/// A session on WebSocket whose handshake has been flushed.
fn websocket() -> Script {
    websocket_with(Config::builder())
}

fn websocket_with(config: ConfigBuilder) -> Script {
    let start = start();
    let session = Session::open_websocket(config.build().unwrap().into(), Sid::new("S"), WS, &parts("GET", &[]), start);
    let mut script = Script { session, start, now: start };
    assert_eq!(script.out().len(), 1);
    script.flushed(WS);
    script
}

/// A session on polling that was probed by the WebSocket [`WS`].
fn probed() -> Script {
    let mut script = polling();
    assert_eq!(script.attach(WS), [""; 0]);
    assert_eq!(script.text(WS, "2probe"), ["ws1 3probe"]);
    script.flushed(WS);
    script
}

/// A session upgraded from polling to the WebSocket [`WS`].
fn upgraded() -> Script {
    let mut script = probed();
    assert_eq!(script.text(WS, "5"), ["upgraded"]);
    script
}

#[allow(clippy::disallowed_methods, reason = "any point in time will do")]
fn start() -> Instant {
    Instant::now()
}

fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri("/engine.io/?EIO=4&transport=polling&sid=S");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// The upgrade request of a client that takes text frames only.
fn base64_parts() -> Parts {
    http::Request::get("/engine.io/?EIO=4&transport=websocket&b64=1").body(()).unwrap().into_parts().0
}

impl Script {
    /// All outputs, one line each: transmits, then events, until both are drained.
    fn out(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        loop {
            let before = out.len();
            self.transmits(&mut out);
            self.events(&mut out, usize::MAX);
            if out.len() == before {
                return out;
            }
        }
    }

    fn transmits(&mut self, out: &mut Vec<String>) {
        while let Some(transmit) = self.session.poll_transmit() {
            out.push(match transmit {
                Transmit::Respond { id, response } => {
                    let body = String::from_utf8(response.body().to_vec()).unwrap().replace('\u{1e}', "|");
                    format!("{} {} {body}", id.0, response.status().as_u16())
                }
                Transmit::Receive { id, .. } => format!("{} receive", id.0),
                Transmit::Abort { id } => format!("{} abort", id.0),
                Transmit::Frame { id, frame } => {
                    let prefix = frame.prefix.map(char::from).map(String::from).unwrap_or("binary ".into());
                    format!("ws{} {prefix}{}", id.0, String::from_utf8_lossy(&frame.body))
                }
                Transmit::Close { id } => format!("ws{} close", id.0),
            });
        }
    }

    fn events(&mut self, out: &mut Vec<String>, max: usize) {
        for _ in 0..max {
            let Some(event) = self.session.poll_event() else { return };
            out.push(match event {
                Event::Message(Data::Text(text)) => format!("message {text}"),
                Event::Message(Data::Binary(bytes)) => format!("binary {bytes:?}"),
                Event::Upgraded => "upgraded".into(),
                Event::Ready => "ready".into(),
                Event::Closed { reason } => format!("closed {reason}"),
            });
        }
    }

    fn request(&mut self, id: u64, method: &str, headers: &[(&str, &str)]) -> Vec<String> {
        self.session.handle_request(RequestId(id), &parts(method, headers), self.now);
        self.out()
    }

    fn get(&mut self, id: u64) -> Vec<String> {
        self.request(id, "GET", &[])
    }

    /// The head of a POST.
    fn post_head(&mut self, id: u64) {
        let expected = [format!("{id} receive")];
        assert_eq!(self.request(id, "POST", &[("content-type", "text/plain;charset=UTF-8")]), expected);
    }

    fn body(&mut self, id: u64, body: &str) -> Vec<String> {
        self.session.handle_body(RequestId(id), body.replace('|', "\u{1e}").into(), self.now);
        self.out()
    }

    fn post(&mut self, id: u64, body: &str) -> Vec<String> {
        self.post_head(id);
        self.body(id, body)
    }

    fn aborted(&mut self, id: u64) -> Vec<String> {
        self.session.handle_aborted(RequestId(id), self.now);
        self.out()
    }

    fn attach(&mut self, id: WebSocketId) -> Vec<String> {
        self.session.handle_websocket(id, &parts("GET", &[]), self.now);
        self.out()
    }

    fn text(&mut self, id: WebSocketId, text: &str) -> Vec<String> {
        self.session.handle_message(id, Data::from(text), self.now);
        self.out()
    }

    fn binary(&mut self, id: WebSocketId, bytes: &'static [u8]) -> Vec<String> {
        self.session.handle_message(id, Data::Binary(bytes.into()), self.now);
        self.out()
    }

    fn flushed(&mut self, id: WebSocketId) -> Vec<String> {
        self.session.handle_flushed(id, self.now);
        self.out()
    }

    fn websocket_closed(&mut self, id: WebSocketId, error: bool) -> Vec<String> {
        self.session.handle_websocket_closed(id, error, self.now);
        self.out()
    }

    /// Sets the clock, in milliseconds since the start.
    fn sleep_until(&mut self, ms: u64) {
        self.now = self.start + Duration::from_millis(ms);
    }

    /// Sets the clock and calls `handle_timeout`.
    fn at(&mut self, ms: u64) -> Vec<String> {
        self.sleep_until(ms);
        self.session.handle_timeout(self.now);
        self.out()
    }

    /// Sets the clock and calls `handle_tick`.
    fn tick(&mut self, ms: u64) -> Vec<String> {
        self.sleep_until(ms);
        self.session.handle_tick(self.now);
        self.out()
    }

    /// The deadline, in milliseconds since the start.
    fn deadline(&self) -> Option<u128> {
        self.session.poll_timeout().map(|deadline| (deadline - self.start).as_millis())
    }

    fn send(&mut self, text: &str) -> Vec<String> {
        self.session.send(Data::from(text)).unwrap();
        self.out()
    }

    /// The application has handled all messages.
    fn idle(&mut self) -> Vec<String> {
        self.session.handle_idle(self.now);
        self.out()
    }

    fn close(&mut self) -> Vec<String> {
        self.session.close(self.now);
        self.out()
    }
}

/// Asserts that there are no outputs.
#[track_caller]
fn nothing(out: Vec<String>) {
    assert_eq!(out, [""; 0]);
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 384, "{}", size_of::<Session>());
    assert!(size_of::<Packet>() <= 48 && size_of::<Transmit>() <= 56 && size_of::<Event>() <= 48);
}
