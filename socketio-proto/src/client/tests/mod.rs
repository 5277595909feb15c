//! Scripts: inputs, and their outputs as lines of text.

mod acks;
mod backoff;
mod buffers;
mod connecting;
mod early;
mod hostile;
mod leaving;
mod losing;
mod outbox;
mod polling;
mod reading;
mod reconnecting;
mod refusing;
mod retries;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::client::{Config as EngineConfig, ConfigBuilder, Transmit};
use engineio_proto::{Data, Instant, Pressure, RequestId, TransportKind, WebSocketId};
use serde::Serialize;

use super::*;
use crate::{AckError, Args, EmitError, Encoded, Json, SocketKey, encode};

/// A manager and a manual clock.
struct Script {
    manager: Manager,
    engine: Arc<EngineConfig>,
    /// The namespaces of the sockets, in the order of their creation.
    namespaces: Vec<String>,
    start: Instant,
    now: Instant,
    /// The last WebSocket, GET and POST that were requested.
    ws: WebSocketId,
    get: RequestId,
    post: RequestId,
    /// Batches on the WebSocket are not flushed.
    stuck: bool,
}

const A: SocketKey = SocketKey(0);
const B: SocketKey = SocketKey(1);

const OPEN: &str = r#"0{"sid":"E","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;

/// Pauses without jitter: 1, 2, 4, 5, 5 .. seconds.
fn config() -> Config {
    Config::default().backoff(Backoff { randomization: 0.0, ..Backoff::default() })
}

fn engine() -> ConfigBuilder {
    EngineConfig::builder().path("/socket.io").timestamp_requests(Some(false))
}

fn by_websocket() -> ConfigBuilder {
    engine().transports([TransportKind::WebSocket])
}

/// A manager with socket [`A`] in `/`, idle.
fn idle() -> Script {
    idle_with(config(), by_websocket())
}

fn idle_with(config: Config, engine: ConfigBuilder) -> Script {
    #[allow(clippy::disallowed_methods, reason = "a test needs a point in time")]
    let start = Instant::now();
    let mut script = Script {
        manager: Manager::new(Arc::new(config), 1, start),
        engine: engine.build().unwrap().into(),
        namespaces: Vec::new(),
        start,
        now: start,
        ws: WebSocketId(0),
        get: RequestId(0),
        post: RequestId(0),
        stuck: false,
    };
    assert_eq!(script.socket("/"), A);
    script
}

/// As [`idle`], with the first connection open and the credentials of [`A`] requested.
fn opened() -> Script {
    opened_with(config(), by_websocket())
}

fn opened_with(config: Config, engine: ConfigBuilder) -> Script {
    let mut script = idle_with(config, engine);
    assert_eq!(script.connect(A), ["attempt 0"]);
    assert_eq!(script.establish(), ["opened 0 websocket", "authenticate 0"]);
    script
}

/// As [`opened`], with CONNECT sent.
fn joining() -> Script {
    let mut script = opened();
    assert_eq!(script.authenticate(A), ["1: 40"]);
    script
}

/// As [`joining`], with CONNECT answered.
fn joined() -> Script {
    joined_with(config(), by_websocket())
}

fn joined_with(config: Config, engine: ConfigBuilder) -> Script {
    let mut script = opened_with(config, engine);
    assert_eq!(script.authenticate(A), ["1: 40"]);
    assert_eq!(script.text(r#"40{"sid":"S"}"#), ["connected 0 S"]);
    script
}

/// As [`joined`], with socket [`B`] in `/foo`.
fn both() -> Script {
    both_with(config(), by_websocket())
}

fn both_with(config: Config, engine: ConfigBuilder) -> Script {
    let mut script = joined_with(config, engine);
    assert_eq!(script.socket("/foo"), B);
    assert_eq!(script.connect(B), ["authenticate 1"]);
    assert_eq!(script.authenticate(B), ["1: 40/foo,"]);
    assert_eq!(script.text(r#"40/foo,{"sid":"T"}"#), ["connected 1 T"]);
    script
}

/// The application.
impl Script {
    fn socket(&mut self, namespace: &str) -> SocketKey {
        self.socket_with(namespace, SocketConfig::default())
    }

    fn socket_with(&mut self, namespace: &str, config: SocketConfig) -> SocketKey {
        let key = self.manager.socket(namespace, config);
        if key.0 == self.namespaces.len() as u64 {
            self.namespaces.push(namespace.to_owned());
        }
        key
    }

    fn connect(&mut self, socket: SocketKey) -> Vec<String> {
        self.manager.connect(socket, self.now);
        self.out()
    }

    fn disconnect(&mut self, socket: SocketKey) -> Vec<String> {
        self.manager.disconnect(socket, self.now);
        self.out()
    }

    fn close_engine(&mut self) -> Vec<String> {
        self.manager.close_engine(self.now);
        self.out()
    }

    fn authenticate(&mut self, socket: SocketKey) -> Vec<String> {
        self.manager.authenticate(socket, None, self.now);
        self.out()
    }

    fn authenticate_with(&mut self, socket: SocketKey, auth: &str) -> Vec<String> {
        self.manager.authenticate(socket, Some(&Json::check(auth.into()).unwrap()), self.now);
        self.out()
    }

    fn event<T: Serialize>(&self, socket: SocketKey, id: Option<u64>, name: &str, args: T) -> Encoded {
        encode::event(&self.namespaces[socket.0 as usize], id, name, &args).unwrap()
    }

    fn try_emit<T: Serialize>(&mut self, socket: SocketKey, name: &str, args: T) -> Result<Emitted, EmitError> {
        let packet = self.event(socket, None, name, args);
        self.manager.emit(socket, packet, self.now)
    }

    fn emit<T: Serialize>(&mut self, socket: SocketKey, name: &str, args: T) -> Vec<String> {
        self.try_emit(socket, name, args).unwrap();
        self.out()
    }

    fn volatile(&mut self, socket: SocketKey, name: &str) -> bool {
        let packet = self.event(socket, None, name, ());
        self.manager.emit_volatile(socket, packet, self.now)
    }

    fn try_ask(&mut self, socket: SocketKey, name: &str, deadline: Option<u64>) -> Result<Emitted, EmitError> {
        let id = self.manager.next_ack_id(socket);
        let deadline = deadline.map(|ms| self.start + Duration::from_millis(ms));
        let packet = self.event(socket, Some(id), name, ());
        self.manager.emit_with_ack(socket, packet, id, deadline, self.now)
    }

    /// Emits with an ack, whose deadline is given in milliseconds after the start.
    fn ask(&mut self, socket: SocketKey, name: &str, deadline: Option<u64>) -> Vec<String> {
        self.try_ask(socket, name, deadline).unwrap();
        self.out()
    }

    fn reliable<T: Serialize>(&mut self, socket: SocketKey, name: &str, args: T) -> Vec<String> {
        let packet = self.event(socket, None, name, args);
        self.manager.emit_reliable(socket, packet, self.now).unwrap();
        self.out()
    }
}

/// The driver.
impl Script {
    /// Answers an attempt.
    fn open(&mut self) -> Vec<String> {
        self.manager.open(self.engine.clone(), self.now);
        self.out()
    }

    /// Answers an attempt; the server opens the session at once.
    fn establish(&mut self) -> Vec<String> {
        let dialled = self.open();
        assert!(matches!(&*dialled, [line] if line.ends_with(": connect")), "{dialled:?}");
        nothing(self.accepted());
        self.text(OPEN)
    }

    fn accepted(&mut self) -> Vec<String> {
        let (parts, ()) = http::Response::builder().status(101).body(()).unwrap().into_parts();
        self.manager.handle_websocket(self.ws, &parts, self.now);
        self.out()
    }

    fn text(&mut self, text: &str) -> Vec<String> {
        self.text_on(self.ws, text)
    }

    fn text_on(&mut self, ws: WebSocketId, text: &str) -> Vec<String> {
        self.manager.handle_message(ws, Data::from(text), self.now);
        self.out()
    }

    fn binary(&mut self, bytes: &'static [u8]) -> Vec<String> {
        self.manager.handle_message(self.ws, Data::Binary(bytes.into()), self.now);
        self.out()
    }

    fn flushed(&mut self) -> Vec<String> {
        self.manager.handle_flushed(self.ws, self.now);
        self.out()
    }

    fn refused(&mut self, status: Option<u16>) -> Vec<String> {
        self.manager.handle_websocket_failed(self.ws, status, self.now);
        self.out()
    }

    fn ws_closed(&mut self, error: bool) -> Vec<String> {
        self.manager.handle_websocket_closed(self.ws, error, self.now);
        self.out()
    }

    fn answer(&mut self, request: RequestId, body: &str) -> Vec<String> {
        let body = Bytes::from(body.replace('|', "\u{1e}"));
        self.manager.handle_response(request, http::Response::new(body), self.now);
        self.out()
    }

    /// Answers the last GET.
    fn got(&mut self, body: &str) -> Vec<String> {
        self.answer(self.get, body)
    }

    /// Answers the last POST.
    fn posted(&mut self) -> Vec<String> {
        self.answer(self.post, "ok")
    }

    /// Sets the clock to a number of milliseconds after the start.
    fn sleep_until(&mut self, ms: u64) {
        self.now = self.start + Duration::from_millis(ms);
    }

    /// Sets the clock and fires the timer.
    fn at(&mut self, ms: u64) -> Vec<String> {
        self.sleep_until(ms);
        self.manager.handle_timeout(self.now);
        self.out()
    }

    /// Waits for the end of the pause and answers the next attempt; the server opens the session at once.
    fn reconnect(&mut self) -> Vec<String> {
        let deadline = self.deadline().unwrap();
        let asked = self.at(deadline);
        assert!(matches!(&*asked, [line] if line.starts_with("attempt ")), "{asked:?}");
        self.establish()
    }

    /// The deadline in milliseconds after the start.
    fn deadline(&self) -> Option<u64> {
        let deadline = self.manager.poll_timeout()?;
        Some((deadline - self.start).as_millis() as u64)
    }

    /// All outputs, one line each: transmits, then events, until there are no more.
    fn out(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        loop {
            let (before, mut batch) = (out.len(), None);
            while let Some(transmit) = self.manager.poll_transmit() {
                if let Transmit::Frame { id, .. } = &transmit {
                    batch = Some(*id);
                }
                // There is one before each DISCONNECT; the flush below is enough here.
                if !matches!(transmit, Transmit::Barrier { .. }) {
                    out.push(self.describe_transmit(transmit));
                }
            }
            if let Some(id) = batch.filter(|_| !self.stuck) {
                self.manager.handle_flushed(id, self.now);
            }
            while let Some(event) = self.manager.poll_event() {
                out.push(describe_event(event));
            }
            if out.len() == before {
                assert!(!self.manager.has_events());
                return out;
            }
        }
    }

    /// The number of the engine session and its transmit, as text.
    fn describe_transmit(&mut self, transmit: Transmit) -> String {
        match transmit {
            Transmit::Request { id, request } => {
                let body = String::from_utf8(request.body().to_vec()).unwrap().replace('\u{1e}', "|");
                match request.method().as_str() {
                    "POST" => self.post = id,
                    _ => self.get = id,
                }
                format!("{}: {} {body}", id.0 >> 32, request.method()).trim_end().to_owned()
            }
            Transmit::Cancel { id } => format!("{}: cancel", id.0 >> 32),
            Transmit::Connect { id, .. } => {
                self.ws = id;
                format!("{}: connect", id.0 >> 32)
            }
            Transmit::Frame { id, frame } if frame.binary => format!("{}: binary {:?}", id.0 >> 32, frame.body),
            Transmit::Frame { id, frame } => {
                let prefix = frame.prefix.map(char::from).map(String::from).unwrap_or_default();
                format!("{}: {prefix}{}", id.0 >> 32, String::from_utf8_lossy(&frame.body))
            }
            Transmit::Barrier { id } => format!("{}: barrier", id.0 >> 32),
            Transmit::Close { id } => format!("{}: close", id.0 >> 32),
        }
    }
}

fn describe_event(event: Event) -> String {
    match event {
        Event::Attempt { attempt } => format!("attempt {attempt}"),
        Event::AttemptFailed { attempt, error } => format!("attempt {attempt} failed: {error}"),
        Event::Waiting { attempt, delay } => format!("attempt {attempt} in {} ms", delay.as_millis()),
        Event::ReconnectFailed { attempts } => format!("given up after {attempts}"),
        Event::Opened { attempt, transport } => format!("opened {attempt} {transport}"),
        Event::Upgraded { transport } => format!("upgraded {transport}"),
        Event::UpgradeFailed(fault) => format!("upgrade failed: {fault}"),
        Event::Authenticate { socket } => format!("authenticate {}", socket.0),
        Event::Connected { socket, id } => format!("connected {} {id}", socket.0),
        Event::Refused { socket, error: Refusal::Server { message, data: Some(data) } } => {
            format!("refused {}: {message} {}", socket.0, data.as_str())
        }
        Event::Refused { socket, error } => format!("refused {}: {error}", socket.0),
        Event::NotJoined { socket, reason } => format!("not joined {}: {reason}", socket.0),
        Event::Received { socket, id, event } => {
            let id = id.map(|id| format!(" ack {id}")).unwrap_or_default();
            format!("received {} {}({}){}{id}", socket.0, event.name, event.args.json(), attached(&event.args))
        }
        Event::Acked { socket, id, result } => format!("acked {} {id} {}", socket.0, settled(result)),
        Event::Delivered { socket, retry, result } => {
            format!("delivered {} #{} {}", socket.0, retry.0, settled(result))
        }
        Event::Disconnected { socket, reason } => format!("disconnected {}: {reason}", socket.0),
        Event::Undecodable(error) => format!("undecodable: {error}"),
        Event::Ready => "ready".into(),
        Event::Closed { reason, fault: None } => format!("closed: {reason}"),
        Event::Closed { reason, fault: Some(fault) } => format!("closed: {reason}, {fault}"),
    }
}

fn settled(result: Result<Args, AckError>) -> String {
    match result {
        Ok(args) => format!("({}){}", args.json(), attached(&args)),
        Err(error) => error.to_string(),
    }
}

fn attached(args: &Args) -> String {
    match args.attachments() {
        [] => String::new(),
        attachments => format!(" {attachments:?}"),
    }
}

/// Asserts that there is no output.
#[track_caller]
fn nothing(out: Vec<String>) {
    assert!(out.is_empty(), "{out:?}");
}
