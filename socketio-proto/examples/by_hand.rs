//! Two clients in a chat room without a runtime: no socket, no clock, no task.
//!
//! A driver passes inputs to the state machines (`handle_..`), calls commands (`accept`, `emit`, ..), and carries out
//! their outputs (`poll_..`). Here WebSocket frames are printed, time is a variable, and entropy is a counter.
#![allow(clippy::print_stdout, reason = "prints the frames")]

use std::{error::Error, sync::Arc, time::Duration};

use engineio_proto::http::{Verdict, accept_websocket, verify};
use engineio_proto::server::{Session, Transmit};
use engineio_proto::{Config, Instant, WebSocketId};
use socketio_proto::server::{Connection, Event, Rooms, Target};
use socketio_proto::{Data, Sid, SocketKey, encode};

fn main() -> Result<(), Box<dyn Error>> {
    #[allow(clippy::disallowed_methods, reason = "the start; from here on the clock is manual")]
    let start = Instant::now();
    let mut server = Server { start, now: start, entropy: 0, people: Vec::new(), rooms: Rooms::new() };

    let ann = server.handshake("ann")?;
    let bob = server.handshake("bob")?;
    for person in [ann, bob] {
        server.receive(person, "40"); // CONNECT to the namespace `/`
        server.receive(person, r#"42["join","lobby"]"#);
    }
    server.receive(ann, r#"420["say","lobby","Hello, Bob!"]"#); // requests an ack with the id 0
    server.receive(bob, r#"430["Hello."]"#); // answers the server's request for an ack
    server.receive(bob, r#"42["say","lobby","Ann?"]"#);
    server.sleep(); // until Ann's ack is overdue
    server.sleep(); // until the heartbeat
    server.receive(ann, "3");
    server.receive(bob, "41"); // leaves the namespace, not the connection
    server.sleep(); // until Bob's pong is overdue
    Ok(())
}

/// The id of the only WebSocket of each connection.
const WS: WebSocketId = WebSocketId(0);

struct Person {
    name: &'static str,
    connection: Connection,
    /// Key and id of the socket, once it is accepted.
    socket: Option<(SocketKey, Sid)>,
}

struct Server {
    start: Instant,
    now: Instant,
    entropy: u8,
    people: Vec<Person>,
    /// The rooms; handles are indices into `people`.
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

    fn receive(&mut self, person: usize, frame: &str) {
        self.log(person, format!("> {frame}"));
        self.people[person].connection.handle_message(WS, Data::from(frame), self.now);
        self.drain();
    }

    fn sleep(&mut self) {
        self.now = self.people.iter().filter_map(|person| person.connection.poll_timeout()).min().unwrap_or(self.now);
        self.people.iter_mut().for_each(|person| person.connection.handle_timeout(self.now));
        self.drain();
    }

    /// Carries out the outputs of all machines, until there are none.
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
                    self.handle_event(person, event);
                    busy = true;
                }
            }
        }
    }

    /// The application.
    fn handle_event(&mut self, person: usize, event: Event) -> Option<()> {
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
                let packet = encode::event("/", Some(0), "said", &(*name, text)).ok()?; // encoded once, for all receivers
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
