//! Scripted tests: each line is one input and its exact outputs.

mod closing;
mod cookies;
mod handshake;
mod heartbeat;
mod hostile;
mod messages;
mod polling;
mod requests;
mod upgrade;

use super::*;
use crate::{ConfigError, Instant, Packet, Text, TransportKind};
use std::time::Duration;

/// A session and a clock that the test sets.
struct Script {
    session: Session,
    start: Instant,
    now: Instant,
}

const OPEN: &str = r#"0{"sid":"S","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;
const OPEN_WS: &str = r#"0{"sid":"S","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;

#[allow(clippy::disallowed_methods, reason = "any point in time will do")]
fn start() -> Instant {
    Instant::now()
}

/// A configuration without timestamps, for predictable URLs.
fn config() -> ConfigBuilder {
    Config::builder().timestamp_requests(Some(false))
}

fn open_with(config: ConfigBuilder, begin: Start) -> Script {
    let start = start();
    Script { session: Session::open(config.build().unwrap().into(), begin, start), start, now: start }
}

fn open(config: ConfigBuilder) -> Script {
    open_with(config, Start::default())
}

/// A session without upgrade, whose GET 1 is pending.
fn polling() -> Script {
    polling_with(config())
}

fn polling_with(config: ConfigBuilder) -> Script {
    let mut script = open(config.upgrade(false));
    assert_eq!(script.out(), ["0 GET"]);
    assert_eq!(script.answer(0, OPEN), ["1 GET", "opened S"]);
    script
}

/// An open session on the WebSocket 0.
fn websocket() -> Script {
    websocket_with(config())
}

fn websocket_with(config: ConfigBuilder) -> Script {
    let mut script = open(config.transports([TransportKind::WebSocket]));
    assert_eq!(script.out(), ["ws0 connect"]);
    assert_eq!(script.connected(0), [""; 0]);
    assert_eq!(script.text(0, OPEN_WS), ["opened S"]);
    script
}

/// A session on polling whose GET 2 is pending, and which opens the WebSocket 1.
fn dialling() -> Script {
    let mut script = open(config());
    assert_eq!(script.out(), ["0 GET"]);
    assert_eq!(script.answer(0, OPEN), ["ws1 connect", "2 GET", "opened S"]);
    script
}

/// As [`dialling`], with the WebSocket open and the probe sent.
fn probing() -> Script {
    let mut script = dialling();
    assert_eq!(script.connected(1), ["ws1 2probe"]);
    assert_eq!(script.flushed(1), [""; 0]);
    script
}

/// As [`probing`], with the probe answered; GET 2 is still pending.
fn pausing() -> Script {
    let mut script = probing();
    assert_eq!(script.text(1, "3probe"), ["upgrading"]);
    script
}

/// A session upgraded from polling to the WebSocket 1.
fn upgraded() -> Script {
    let mut script = pausing();
    assert_eq!(script.answer(2, "6"), ["ws1 5", "upgraded"]);
    assert_eq!(script.flushed(1), [""; 0]);
    script
}

impl Script {
    /// All outputs, one line each: transmits, then events, until both are drained.
    fn out(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        loop {
            let before = out.len();
            while let Some(transmit) = self.session.poll_transmit() {
                out.push(transmit_line(transmit));
            }
            while let Some(event) = self.session.poll_event() {
                out.push(event_line(event));
            }
            if out.len() == before {
                return out;
            }
        }
    }

    /// The request that the next transmit must be.
    fn request(&mut self) -> http::Request<Bytes> {
        let Some(Transmit::Request { request, .. }) = self.session.poll_transmit() else { panic!("no request") };
        *request
    }

    fn respond(&mut self, id: u64, status: u16, body: &str) -> Vec<String> {
        let body = Bytes::from(body.replace('|', "\u{1e}"));
        let response = http::Response::builder().status(status).body(body).unwrap();
        self.session.handle_response(RequestId(id), response, self.now);
        self.out()
    }

    fn answer(&mut self, id: u64, body: &str) -> Vec<String> {
        self.respond(id, 200, body)
    }

    fn lost(&mut self, id: u64) -> Vec<String> {
        self.session.handle_request_failed(RequestId(id), self.now);
        self.out()
    }

    fn connected(&mut self, id: u64) -> Vec<String> {
        let (parts, ()) = http::Response::builder().status(101).body(()).unwrap().into_parts();
        self.session.handle_websocket(WebSocketId(id), &parts, self.now);
        self.out()
    }

    fn refused(&mut self, id: u64, status: Option<u16>) -> Vec<String> {
        self.session.handle_websocket_failed(WebSocketId(id), status, self.now);
        self.out()
    }

    fn text(&mut self, id: u64, text: &str) -> Vec<String> {
        self.session.handle_message(WebSocketId(id), Data::from(text), self.now);
        self.out()
    }

    fn binary(&mut self, id: u64, bytes: &'static [u8]) -> Vec<String> {
        self.session.handle_message(WebSocketId(id), Data::from(Bytes::from_static(bytes)), self.now);
        self.out()
    }

    fn flushed(&mut self, id: u64) -> Vec<String> {
        self.session.handle_flushed(WebSocketId(id), self.now);
        self.out()
    }

    fn gone(&mut self, id: u64, error: bool) -> Vec<String> {
        self.session.handle_websocket_closed(WebSocketId(id), error, self.now);
        self.out()
    }

    fn send(&mut self, data: impl Into<Data>) -> Vec<String> {
        self.session.send(data.into()).unwrap();
        self.out()
    }

    fn close(&mut self) -> Vec<String> {
        self.session.close(self.now);
        self.out()
    }

    /// Sets the clock, in milliseconds since the start, and calls `handle_timeout`.
    fn at(&mut self, ms: u64) -> Vec<String> {
        self.now = self.start + Duration::from_millis(ms);
        self.session.handle_timeout(self.now);
        self.out()
    }

    /// The deadline, in milliseconds since the start.
    fn timeout(&self) -> Option<u64> {
        let at = self.session.poll_timeout()?;
        Some(at.saturating_duration_since(self.start).as_millis().try_into().unwrap())
    }
}

fn transmit_line(transmit: Transmit) -> String {
    match transmit {
        Transmit::Request { id, request } => {
            let body = String::from_utf8(request.body().to_vec()).unwrap().replace('\u{1e}', "|");
            format!("{} {} {body}", id.0, request.method()).trim_end().to_owned()
        }
        Transmit::Cancel { id } => format!("{} cancel", id.0),
        Transmit::Connect { id, .. } => format!("ws{} connect", id.0),
        Transmit::Frame { id, frame } => {
            let prefix = frame.prefix.map(char::from).map(String::from).unwrap_or("binary ".into());
            format!("ws{} {prefix}{}", id.0, String::from_utf8_lossy(&frame.body))
        }
        Transmit::Barrier { id } => format!("ws{} barrier", id.0),
        Transmit::Close { id } => format!("ws{} close", id.0),
    }
}

fn event_line(event: Event) -> String {
    match event {
        Event::Opened(handshake) => format!("opened {}", handshake.sid),
        Event::Message(Data::Text(text)) => format!("message {text}"),
        Event::Message(Data::Binary(bytes)) => format!("binary {bytes:?}"),
        Event::Upgrading => "upgrading".into(),
        Event::Upgraded => "upgraded".into(),
        Event::UpgradeFailed(fault) => format!("upgrade failed: {fault}"),
        Event::Ready => "ready".into(),
        Event::Closed { reason, fault: None } => format!("closed {reason}"),
        Event::Closed { reason, fault: Some(fault) } => format!("closed {reason}: {fault}"),
    }
}
