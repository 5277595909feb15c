//! Scripts: inputs, and their outputs as lines of text.

mod acks;
mod closing;
mod joining;
mod leaving;
mod limits;
mod rooms;
mod sending;
mod upgrading;
mod violations;

use std::sync::Arc;
use std::time::Duration;

use engineio_proto::server::{Session, Transmit};
use engineio_proto::{Config as EngineConfig, ConfigBuilder, Data, Instant, Pressure, RequestId, Sid, WebSocketId};
use http::request::Parts;

use super::*;
use crate::{EmitError, Encoded, Json, SocketKey, encode};

/// A connection and a manual clock.
struct Script {
    connection: Connection,
    start: Instant,
    now: Instant,
}

const WS: WebSocketId = WebSocketId(1);
/// The sockets in the order of their CONNECTs.
const A: SocketKey = SocketKey(0);
const B: SocketKey = SocketKey(1);
const C: SocketKey = SocketKey(2);

/// A connection over WebSocket whose handshake has been written.
fn websocket() -> Script {
    websocket_with(Config::default(), EngineConfig::builder())
}

fn websocket_with(config: Config, engine: ConfigBuilder) -> Script {
    let start = start();
    let session = Session::open_websocket(engine.build().unwrap().into(), Sid::new("E"), WS, &parts("GET"), start);
    let mut script = Script { connection: Connection::new(session, Arc::new(config), start), start, now: start };
    assert_eq!(script.out().len(), 1);
    script.flushed();
    script
}

/// A connection over polling whose handshake has been answered.
fn polling() -> Script {
    polling_with(Config::default(), EngineConfig::builder())
}

fn polling_with(config: Config, engine: ConfigBuilder) -> Script {
    let start = start();
    let request = RequestId(0);
    let session = Session::open_polling(engine.build().unwrap().into(), Sid::new("E"), request, &parts("GET"), start);
    let mut script = Script { connection: Connection::new(session, Arc::new(config), start), start, now: start };
    assert_eq!(script.out().len(), 1);
    script
}

/// A connection over WebSocket with socket [`A`] in `/` and socket [`B`] in `/admin`.
fn joined() -> Script {
    joined_with(Config::default(), EngineConfig::builder())
}

fn joined_with(config: Config, engine: ConfigBuilder) -> Script {
    let mut script = websocket_with(config, engine);
    assert_eq!(script.text("40"), ["connecting 0 /"]);
    assert_eq!(script.text("40/admin,"), ["connecting 1 /admin"]);
    assert_eq!(script.accept(A), [r#"ws 40{"sid":"S0"}"#]);
    script.flushed();
    assert_eq!(script.accept(B), [r#"ws 40/admin,{"sid":"S1"}"#]);
    script.flushed();
    script
}

/// A connection over polling with socket [`A`] in `/` and socket [`B`] in `/admin`, without a waiting GET.
fn polled() -> Script {
    polled_with(EngineConfig::builder())
}

fn polled_with(engine: ConfigBuilder) -> Script {
    let mut script = polling_with(Config::default(), engine);
    assert_eq!(script.post("40|40/admin,"), ["ok", "connecting 0 /", "connecting 1 /admin"]);
    nothing(script.accept(A));
    nothing(script.accept(B));
    assert_eq!(script.get(1), [r#"1 200 40{"sid":"S0"}|40/admin,{"sid":"S1"}"#]);
    script
}

#[allow(clippy::disallowed_methods, reason = "a test needs a point in time")]
fn start() -> Instant {
    Instant::now()
}

fn parts(method: &str) -> Parts {
    let request = http::Request::builder().method(method).uri("/socket.io/?EIO=4&transport=polling&sid=E");
    request.body(()).unwrap().into_parts().0
}

impl Script {
    /// All outputs, one line each: transmits, then events, until there are no more.
    fn out(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        loop {
            let before = out.len();
            while let Some(transmit) = self.connection.poll_transmit() {
                out.push(describe_transmit(transmit));
            }
            while let Some(event) = self.connection.poll_event() {
                out.push(describe_event(event));
            }
            if out.len() == before {
                assert!(!self.connection.has_events());
                return out;
            }
        }
    }

    fn text(&mut self, text: &str) -> Vec<String> {
        self.connection.handle_message(WS, Data::from(text), self.now);
        self.out()
    }

    fn binary(&mut self, bytes: &'static [u8]) -> Vec<String> {
        self.connection.handle_message(WS, Data::Binary(bytes.into()), self.now);
        self.out()
    }

    fn flushed(&mut self) -> Vec<String> {
        self.connection.handle_flushed(WS, self.now);
        self.out()
    }

    fn ws_closed(&mut self, error: bool) -> Vec<String> {
        self.connection.handle_websocket_closed(WS, error, self.now);
        self.out()
    }

    fn get(&mut self, id: u64) -> Vec<String> {
        self.connection.handle_request(RequestId(id), &parts("GET"), self.now);
        self.out()
    }

    /// A POST, its head and its body; `|` separates packets.
    fn post(&mut self, body: &str) -> Vec<String> {
        let id = RequestId(99);
        self.connection.handle_request(id, &parts("POST"), self.now);
        assert_eq!(self.out(), ["receive"]);
        self.connection.handle_body(id, body.replace('|', "\u{1e}").into(), self.now);
        self.out()
    }

    fn accept(&mut self, socket: SocketKey) -> Vec<String> {
        let id = self.connection.accept(socket, [socket.0 as u8; 15]).unwrap();
        assert_eq!(id, Sid::from_entropy([socket.0 as u8; 15]));
        self.out()
    }

    fn refuse(&mut self, socket: SocketKey, error: &str) -> Vec<String> {
        self.connection.refuse(socket, &Json::check(error.into()).unwrap()).unwrap();
        self.out()
    }

    fn emit(&mut self, socket: SocketKey, packet: &Encoded) -> Result<Pressure, EmitError> {
        self.connection.emit(socket, packet)
    }

    /// Emits `ask` with an ack, whose deadline is given in milliseconds after the start.
    fn ask(&mut self, socket: SocketKey, id: u64, deadline: Option<u64>) -> Vec<String> {
        let deadline = deadline.map(|ms| self.start + Duration::from_millis(ms));
        let namespace = self.connection.namespace(socket).unwrap().clone();
        let packet = encode::event(&namespace, Some(id), "ask", &()).unwrap();
        self.connection.emit_with_ack(socket, &packet, id, deadline).unwrap();
        self.out()
    }

    fn disconnect(&mut self, socket: SocketKey) -> Vec<String> {
        self.connection.disconnect(socket);
        self.out()
    }

    fn disconnect_all(&mut self) -> Vec<String> {
        self.connection.disconnect_all(self.now);
        self.out()
    }

    fn shut_down(&mut self) -> Vec<String> {
        self.connection.shut_down(self.now);
        self.out()
    }

    fn close(&mut self) -> Vec<String> {
        self.connection.close(self.now);
        self.out()
    }

    fn discard(&mut self) -> Vec<String> {
        self.connection.discard(self.now);
        self.out()
    }

    /// Sets the clock to a number of milliseconds after the start.
    fn sleep_until(&mut self, ms: u64) {
        self.now = self.start + Duration::from_millis(ms);
    }

    /// Sets the clock and fires the timer.
    fn at(&mut self, ms: u64) -> Vec<String> {
        self.sleep_until(ms);
        self.connection.handle_timeout(self.now);
        self.out()
    }

    /// The deadline in milliseconds after the start.
    fn deadline(&self) -> Option<u128> {
        self.connection.poll_timeout().map(|deadline| (deadline - self.start).as_millis())
    }
}

fn describe_transmit(transmit: Transmit) -> String {
    match transmit {
        Transmit::Respond { id: RequestId(99), response } => String::from_utf8(response.body().to_vec()).unwrap(),
        Transmit::Respond { id, response } => {
            let body = String::from_utf8(response.body().to_vec()).unwrap().replace('\u{1e}', "|");
            format!("{} {} {}", id.0, response.status().as_u16(), short(body))
        }
        Transmit::Receive { .. } => "receive".into(),
        Transmit::Abort { .. } => "abort".into(),
        Transmit::Frame { frame, .. } if frame.binary => format!("ws binary {:?}", frame.body),
        Transmit::Frame { frame, .. } => {
            let body = String::from_utf8(frame.body.to_vec()).unwrap();
            format!("ws {}{}", frame.prefix.map(char::from).map(String::from).unwrap_or_default(), short(body))
        }
        Transmit::Close { .. } => "ws close".into(),
    }
}

fn describe_event(event: Event) -> String {
    match event {
        Event::Connecting { socket, namespace, auth: None } => format!("connecting {} {namespace}", socket.0),
        Event::Connecting { socket, namespace, auth: Some(auth) } => {
            format!("connecting {} {namespace} {}", socket.0, auth.as_str())
        }
        Event::Received { socket, id, event } => {
            let id = id.map(|id| format!(" ack {id}")).unwrap_or_default();
            let attachments = match event.args.attachments() {
                [] => String::new(),
                attachments => format!(" {attachments:?}"),
            };
            format!("received {} {}({}){attachments}{id}", socket.0, event.name, event.args.json())
        }
        Event::Acked { socket, id, result: Ok(args) } => format!("acked {} {id} ({})", socket.0, args.json()),
        Event::Acked { socket, id, result: Err(error) } => format!("acked {} {id} {error}", socket.0),
        Event::Disconnected { socket, reason } => format!("disconnected {} {reason}", socket.0),
        Event::Undecodable(error) => format!("undecodable: {error}"),
        Event::Upgraded => "upgraded".into(),
        Event::Ready => "ready".into(),
        Event::Closed { reason } => format!("closed {reason}"),
    }
}

/// Replaces the id of socket 0 by `S0`, and so on.
fn short(mut text: String) -> String {
    for socket in 0..3u8 {
        text = text.replace(&*Sid::from_entropy([socket; 15]), &format!("S{socket}"));
    }
    text
}

/// Asserts that there is no output.
#[track_caller]
fn nothing(out: Vec<String>) {
    assert!(out.is_empty(), "{out:?}");
}

fn hello() -> Encoded {
    encode::event("/", None, "hello", &()).unwrap()
}
