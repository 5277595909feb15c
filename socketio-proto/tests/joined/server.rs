//! The application of the server, for one connection. Numbers its events per socket.

use std::collections::BTreeMap;
use std::time::Duration;

use engineio_proto::Instant;
use engineio_proto::server::Session;
use socketio_proto::server::{Connection, Event};
use socketio_proto::{Json, Sid, SocketKey, encode};

use crate::NAMES;

pub(crate) struct Server {
    pub(crate) connection: Connection,
    /// All sockets, including those that left.
    pub(crate) sockets: BTreeMap<SocketKey, Socket>,
    /// The numbers of events with a pending ack.
    asked: BTreeMap<(SocketKey, u64), u64>,
    next_id: u64,
    /// The ack deadline of the next event.
    deadline: Option<Instant>,
    /// The number of the connection.
    number: u8,
}

#[derive(Default)]
pub(crate) struct Socket {
    pub(crate) index: usize,
    /// Set once it is accepted.
    sid: Option<Sid>,
    gone: bool,
    sent: u64,
    /// The numbers of the events received, by kind.
    pub(crate) plain: Vec<u64>,
    pub(crate) reliable: Vec<u64>,
}

impl Server {
    pub(crate) fn new(session: Session, number: u8, now: Instant) -> Self {
        let connection = Connection::new(session, Default::default(), now);
        Self { connection, sockets: BTreeMap::new(), asked: BTreeMap::new(), next_id: 0, deadline: None, number }
    }

    fn current(&mut self, index: usize) -> Option<(SocketKey, &mut Socket)> {
        let mut sockets = self.sockets.iter_mut();
        sockets.find(|(_, socket)| socket.index == index && !socket.gone).map(|(key, socket)| (*key, socket))
    }

    pub(crate) fn sid(&mut self, index: usize) -> Option<&str> {
        self.current(index)?.1.sid.as_deref()
    }

    /// Accepts or refuses a pending socket.
    pub(crate) fn answer(&mut self, index: usize, accepts: bool) {
        let number = self.number;
        let Some((key, _)) = self.current(index).filter(|(_, socket)| socket.sid.is_none()) else { return };
        let mut entropy = [key.0 as u8; 15];
        entropy[0] = number;
        if accepts {
            let sid = self.connection.accept(key, entropy).ok();
            self.sockets.get_mut(&key).unwrap().sid = sid;
        } else if self.connection.refuse(key, &Json::object([("message", "no")])).is_ok() {
            self.sockets.get_mut(&key).unwrap().gone = true;
        }
    }

    pub(crate) fn say(&mut self, index: usize, id: Option<u64>) -> Option<SocketKey> {
        let (key, socket) = self.current(index)?;
        let packet = encode::event(NAMES[index], id, "say", &(&**socket.sid.as_ref()?, socket.sent)).unwrap();
        match id {
            Some(id) => self.connection.emit_with_ack(key, packet, id, self.deadline).ok()?,
            None => self.connection.emit(key, packet).ok()?,
        };
        self.sockets.get_mut(&key).unwrap().sent += 1;
        Some(key)
    }

    pub(crate) fn inquire(&mut self, index: usize, ms: Option<u64>, now: Instant) {
        self.deadline = ms.map(|ms| now + Duration::from_millis(ms));
        let (id, number) = (self.next_id, self.current(index).map(|(_, socket)| socket.sent));
        if let Some(key) = self.say(index, Some(id)) {
            self.asked.insert((key, id), number.unwrap());
            self.next_id += 1;
        }
    }

    pub(crate) fn disconnect(&mut self, index: usize) {
        if let Some((key, _)) = self.current(index) {
            self.connection.disconnect(key);
        }
    }

    pub(crate) fn handle_event(&mut self, event: Event) {
        match event {
            Event::Connecting { socket, namespace, .. } => {
                let index = NAMES.iter().position(|name| namespace == *name).unwrap();
                assert!(self.current(index).is_none());
                self.sockets.insert(socket, Socket { index, ..Socket::default() });
            }
            Event::Disconnected { socket, .. } => {
                assert!(self.asked.keys().all(|(key, _)| *key != socket));
                assert!(!std::mem::replace(&mut self.sockets.get_mut(&socket).unwrap().gone, true));
            }
            Event::Received { socket: key, id, event } => {
                let socket = self.sockets.get_mut(&key).unwrap();
                assert!(socket.sid.is_some() && !socket.gone);
                let number = event.args.get::<u64>().unwrap();
                if &*event.name == "plain" { &mut socket.plain } else { &mut socket.reliable }.push(number);
                if let Some(id) = id {
                    // Fails if the socket has left since.
                    let _ = self.connection.emit(key, encode::ack(NAMES[socket.index], id, &number).unwrap());
                }
            }
            Event::Acked { socket, id, result } => {
                let number = self.asked.remove(&(socket, id)).expect("settled once");
                assert!(result.is_err() || result.unwrap().get::<u64>().unwrap() == number);
            }
            Event::Closed { .. } => assert!(self.asked.is_empty() && self.sockets.values().all(|socket| socket.gone)),
            Event::Undecodable(error) => panic!("{error}"),
            _ => {}
        }
    }
}
