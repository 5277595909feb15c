//! Two people in a chat room and no runtime: no socket, no clock, no task.
//!
//! A driver tells the machines what happened (`handle_..`) and what it wishes (`accept`, `emit`, ..), and does what they
//! want (`poll_..`). Here a WebSocket is a line on the screen, time is a variable, and entropy is a counter.
#![allow(clippy::print_stdout, reason = "it shows what travels")]

use std::{error::Error, sync::Arc, time::Duration};

use engineio_proto::http::{Verdict, accept_websocket, verify};
use engineio_proto::server::{Session, Transmit};
use engineio_proto::{Config, Instant, WebSocketId};
use socketio_proto::server::{Connection, Event, Rooms, Target};
use socketio_proto::{Data, Sid, SocketKey, encode};

fn main() -> Result<(), Box<dyn Error>> {
    #[allow(clippy::disallowed_methods, reason = "a point to begin at; from here on time goes when told to")]
    let start = Instant::now();
    let mut server = Server { start, now: start, entropy: 0, people: Vec::new(), rooms: Rooms::new() };

    let ann = server.handshake("ann")?;
    let bob = server.handshake("bob")?;
    for person in [ann, bob] {
        server.hear(person, "40"); // CONNECT to the namespace `/`
        server.hear(person, r#"42["join","lobby"]"#);
    }
    server.hear(ann, r#"420["say","lobby","Hello, Bob!"]"#); // she wants an ack, with the id 0
    server.hear(bob, r#"430["Hello."]"#); // so does the server of him
    server.hear(bob, r#"42["say","lobby","Ann?"]"#);
    server.sleep(); // until the ack of Ann is overdue
    server.sleep(); // until the heartbeat
    server.hear(ann, "3");
    server.hear(bob, "41"); // he leaves the namespace, not the connection
    server.sleep(); // until his pong is overdue
    Ok(())
}

/// The name of each one's only WebSocket.
const WS: WebSocketId = WebSocketId(0);

struct Person {
    name: &'static str,
    connection: Connection,
    /// In the namespace, once accepted.
    socket: Option<(SocketKey, Sid)>,
}

struct Server {
    start: Instant,
    now: Instant,
    entropy: u8,
    people: Vec<Person>,
    /// Who is in which room, by place in `people`.
    rooms: Rooms<usize>,
}

impl Server {
    fn handshake(&mut self, name: &'static str) -> Result<usize, Box<dyn Error>> {
        let config = Arc::new(Config::builder().path("/socket.io").build()?);
        let request = http::Request::get("/socket.io/?EIO=4&transport=websocket")
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let parts = request.body(())?.into_parts().0;
        let Verdict::Handshake(_) = verify(&parts, &config, |_sid| None) else { return Err("refused".into()) };
        let response = accept_websocket(&parts).map_err(|_| "not a WebSocket")?;

        let session = Session::open_websocket(config, Sid::from_entropy(self.entropy()), WS, &parts, self.now);
        let connection = Connection::new(session, Arc::default(), self.now);
        let person = self.people.len();
        self.people.push(Person { name, connection, socket: None });
        self.log(person, format!("< {}", response.status()));
        self.drain();
        Ok(person)
    }

    fn hear(&mut self, person: usize, frame: &str) {
        self.log(person, format!("> {frame}"));
        self.people[person].connection.handle_message(WS, Data::from(frame), self.now);
        self.drain();
    }

    fn sleep(&mut self) {
        self.now = self.people.iter().filter_map(|person| person.connection.poll_timeout()).min().unwrap_or(self.now);
        self.people.iter_mut().for_each(|person| person.connection.handle_timeout(self.now));
        self.drain();
    }

    /// Does what the machines want, until they want nothing more.
    fn drain(&mut self) {
        let mut busy = true;
        while std::mem::take(&mut busy) {
            for person in 0..self.people.len() {
                while let Some(transmit) = self.people[person].connection.poll_transmit() {
                    let text = match transmit {
                        Transmit::Frame { frame, .. } => [frame.prefix.as_slice(), &frame.body].concat(),
                        _ => b"(close)".into(),
                    };
                    self.log(person, format!("< {}", String::from_utf8_lossy(&text)));
                }
                self.people[person].connection.handle_flushed(WS, self.now);
                while let Some(event) = self.people[person].connection.poll_event() {
                    self.react(person, event);
                    busy = true;
                }
            }
        }
    }

    /// The application.
    fn react(&mut self, person: usize, event: Event) -> Option<()> {
        let (entropy, deadline) = (self.entropy(), self.now + Duration::from_secs(1));
        let Person { name, connection, socket } = &mut self.people[person];
        match event {
            Event::Connecting { socket: key, .. } => {
                let id = connection.accept(key, entropy).ok()?;
                self.rooms.insert(id.clone(), person);
                *socket = Some((key, id));
            }
            Event::Received { event, .. } if &*event.name == "join" => {
                self.rooms.join(&socket.as_ref()?.1, event.args.get::<String>().ok()?);
            }
            Event::Received { socket: key, id, event } if &*event.name == "say" => {
                let (room, text) = event.args.parse::<(&str, &str)>().ok()?;
                let packet = encode::event("/", Some(0), "said", &(*name, text)).ok()?; // once, for everybody
                let others = self.rooms.select(&Target::all().to(room).except(&*socket.as_ref()?.1));
                if let Some(id) = id {
                    _ = connection.emit(key, &encode::ack("/", id, &others.len()).ok()?);
                }
                for other in others {
                    let Person { connection, socket, .. } = &mut self.people[other];
                    _ = connection.emit_with_ack(socket.as_ref()?.0, &packet, 0, Some(deadline));
                }
            }
            Event::Disconnected { .. } => _ = self.rooms.remove(&socket.take()?.1),
            other => self.log(person, format!("  {other:?}")),
        }
        Some(())
    }

    fn entropy(&mut self) -> [u8; 15] {
        self.entropy += 1;
        [self.entropy; 15]
    }

    fn log(&self, person: usize, what: String) {
        println!("{:>2} s  {} {what}", (self.now - self.start).as_secs(), self.people[person].name);
    }
}
