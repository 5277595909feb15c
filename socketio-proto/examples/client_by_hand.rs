//! A client with two namespaces and its server, without a runtime: no socket, no clock, no task.
//!
//! A driver passes inputs to the manager (`handle_..`), calls commands for the application (`connect`, `emit`, ..), and
//! carries out the outputs (`poll_..`). Here WebSocket frames are printed, time is a variable, and the server is this
//! crate's other state machine, driven in the same way.
#![allow(clippy::print_stdout, reason = "prints the frames")]

use std::{error::Error, fmt::Display, sync::Arc, time::Duration};

use engineio_proto::server::{Session, Transmit as ServerTransmit};
use engineio_proto::{Frame, Instant, TransportKind, WebSocketId, client};
use socketio_proto::client::{Backoff, Config, Emitted, Event, Manager, SocketConfig};
use socketio_proto::server::{Connection, Event as ServerEvent};
use socketio_proto::{Data, Json, Sid, SocketKey, encode};

fn main() -> Result<(), Box<dyn Error>> {
    #[allow(clippy::disallowed_methods, reason = "the start; from here on the clock is manual")]
    let start = Instant::now();
    let engine = client::Config::builder().path("/socket.io").transports([TransportKind::WebSocket]).build()?;
    let backoff = Backoff { randomization: 0.0, ..Backoff::default() };
    let manager = Manager::new(Arc::new(Config::default().backoff(backoff)), 42, start);
    let mut world =
        World { start, now: start, manager, engine: engine.into(), server: None, down: false, received: Vec::new() };

    // Two sockets share a connection. An event emitted offline is sent as soon as its socket is connected.
    let chat = world.manager.socket("/", SocketConfig::default());
    let news = world.manager.socket("/news", SocketConfig::default());
    let emitted = world.manager.emit(chat, encode::event("/", None, "hello", &"Ann")?, world.now)?;
    assert!(matches!(emitted, Emitted::Buffered(_)));
    world.manager.connect(chat, world.now);
    world.manager.connect(news, world.now);
    world.drain();
    assert!(world.manager.is_connected(chat) && world.manager.is_connected(news));
    assert_eq!(world.take(), ["connected /", "connected /news", "/ welcome \"Ann\""]);

    // The server acknowledges one event, and the other one not in time.
    for name in ["time", "riddle"] {
        let id = world.manager.next_ack_id(chat);
        let deadline = world.now + Duration::from_secs(3);
        world.manager.emit_with_ack(chat, encode::event("/", Some(id), name, &())?, id, Some(deadline), world.now)?;
    }
    world.drain();
    assert_eq!(world.take(), ["ack 0: \"noon\""]);
    world.sleep();
    assert_eq!(world.take(), ["ack 1: operation has timed out"]);

    // The server is down for a while: the first attempt fails, the second one follows after twice the pause.
    world.crash();
    assert_eq!(world.take(), ["disconnected /: transport error", "disconnected /news: transport error", "wait 1s"]);
    world.manager.emit(chat, encode::event("/", None, "hello", &"Ann again")?, world.now)?;
    world.sleep();
    assert_eq!(world.take(), ["attempt 1 failed", "wait 2s"]);
    world.down = false;
    world.sleep();
    assert_eq!(world.take(), ["connected /", "connected /news", "/ welcome \"Ann again\""]);
    assert_eq!(world.now - world.start, Duration::from_secs(6));

    world.manager.close(world.now);
    world.drain();
    assert!(world.manager.is_idle() && world.manager.poll_timeout().is_none());
    Ok(())
}

struct World {
    start: Instant,
    now: Instant,
    manager: Manager,
    engine: Arc<client::Config>,
    /// The server's end of the only WebSocket.
    server: Option<(WebSocketId, Connection)>,
    down: bool,
    /// The events of the application, as text.
    received: Vec<String>,
}

impl World {
    fn sleep(&mut self) {
        let server = self.server.as_ref().and_then(|(_, server)| server.poll_timeout());
        self.now = [self.manager.poll_timeout(), server].into_iter().flatten().min().unwrap_or(self.now);
        self.manager.handle_timeout(self.now);
        self.server.iter_mut().for_each(|(_, server)| server.handle_timeout(self.now));
        self.drain();
    }

    fn crash(&mut self) {
        self.log("(crash)");
        self.down = true;
        if let Some((id, _)) = self.server.take() {
            self.manager.handle_websocket_closed(id, true, self.now);
        }
        self.drain();
    }

    /// Carries out the outputs of both machines, until there are none.
    fn drain(&mut self) {
        while self.drain_client() | self.drain_server() {}
    }

    fn drain_client(&mut self) -> bool {
        let (mut busy, mut batch) = (false, None);
        while let Some(transmit) = self.manager.poll_transmit() {
            busy = true;
            match transmit {
                client::Transmit::Connect { id, request } => self.dial(id, *request),
                client::Transmit::Frame { id, frame } => {
                    batch = Some(id);
                    self.log(format!("> {}", text(&frame)));
                    if let Some((_, server)) = &mut self.server {
                        server.handle_message(id, Data::from(text(&frame)), self.now);
                    }
                }
                client::Transmit::Barrier { .. } => {} // The server reads each frame separately.
                client::Transmit::Close { id } => {
                    self.log("> (close)");
                    if let Some((_, mut server)) = self.server.take() {
                        server.handle_websocket_closed(id, false, self.now);
                    }
                }
                client::Transmit::Request { .. } | client::Transmit::Cancel { .. } => {} // only used by polling
            }
        }
        if let Some(id) = batch {
            self.manager.handle_flushed(id, self.now);
        }
        while let Some(event) = self.manager.poll_event() {
            busy = true;
            self.handle_event(event);
        }
        busy
    }

    fn dial(&mut self, id: WebSocketId, request: http::Request<()>) {
        self.log(format!("> {} {}", request.method(), request.uri()));
        if self.down {
            return self.manager.handle_websocket_failed(id, None, self.now);
        }
        let request = request.into_parts().0;
        let session = Session::open_websocket(Arc::default(), Sid::from_entropy([1; 15]), id, &request, self.now);
        self.server = Some((id, Connection::new(session, Arc::default(), self.now)));
        let accepted = http::Response::builder().status(101).body(()).unwrap_or_default().into_parts().0;
        self.manager.handle_websocket(id, &accepted, self.now);
    }

    /// The application of the client.
    fn handle_event(&mut self, event: Event) {
        let name = |socket| if socket == SocketKey(0) { "/" } else { "/news" };
        let received = match event {
            Event::Attempt { .. } => return self.manager.open(self.engine.clone(), self.now),
            Event::Authenticate { socket } => {
                let auth = Json::object([("name", "Ann")]);
                return self.manager.authenticate(socket, Some(&auth), self.now);
            }
            Event::Connected { socket, .. } => format!("connected {}", name(socket)),
            Event::Disconnected { socket, reason } => format!("disconnected {}: {reason}", name(socket)),
            Event::Received { socket, event, .. } => format!("{} {} {}", name(socket), &*event.name, event.args.json()),
            Event::Acked { id, result: Ok(args), .. } => format!("ack {id}: {}", args.json()),
            Event::Acked { id, result: Err(error), .. } => format!("ack {id}: {error}"),
            Event::AttemptFailed { attempt, .. } => format!("attempt {attempt} failed"),
            Event::Waiting { delay, .. } => format!("wait {delay:?}"),
            other => return self.log(format!("  {other:?}")),
        };
        self.log(format!("  {received}"));
        self.received.push(received);
    }

    fn drain_server(&mut self) -> bool {
        let Some((id, server)) = &mut self.server else { return false };
        let (id, mut sent) = (*id, Vec::new());
        while let Some(event) = server.poll_event() {
            answer(server, event);
        }
        while let Some(transmit) = server.poll_transmit() {
            if let ServerTransmit::Frame { frame, .. } = transmit {
                sent.push(text(&frame));
            }
        }
        server.handle_flushed(id, self.now);
        for text in &sent {
            self.log(format!("< {text}"));
            self.manager.handle_message(id, Data::from(text.clone()), self.now);
        }
        !sent.is_empty()
    }

    fn log(&self, what: impl Display) {
        println!("{:>2} s  {what}", (self.now - self.start).as_secs());
    }

    fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.received)
    }
}

/// The application of the server.
fn answer(server: &mut Connection, event: ServerEvent) -> Option<()> {
    match event {
        ServerEvent::Connecting { socket, .. } => _ = server.accept(socket, [socket.0 as u8; 15]).ok()?,
        ServerEvent::Received { socket, event, .. } if &*event.name == "hello" => {
            _ = server.emit(socket, encode::event("/", None, "welcome", &event.args).ok()?).ok()?;
        }
        ServerEvent::Received { socket, id: Some(id), event } if &*event.name == "time" => {
            _ = server.emit(socket, encode::ack("/", id, &"noon").ok()?).ok()?;
        }
        _ => {}
    }
    Some(())
}

/// The text of a frame; this example sends no binary data.
fn text(frame: &Frame) -> String {
    String::from_utf8_lossy(&[frame.prefix.as_slice(), &frame.body].concat()).into_owned()
}
