//! The application of the client. Numbers its events per socket.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use engineio_proto::Instant;
use engineio_proto::client::Config as EngineConfig;
use socketio_proto::client::{Backoff, Config, Event, Manager, RetryId, SocketConfig};
use socketio_proto::{AckError, EmitError, SocketKey, encode};

use crate::NAMES;

pub(crate) struct Client {
    pub(crate) manager: Manager,
    engine: Arc<EngineConfig>,
    pub(crate) sockets: [Socket; NAMES.len()],
    /// The numbers of events with a pending ack, and whether it has a deadline.
    asked: BTreeMap<(SocketKey, u64), (u64, bool)>,
}

pub(crate) struct Socket {
    key: SocketKey,
    /// While connected: its id, and the number of events received since.
    pub(crate) joined: Option<(String, u64)>,
    pub(crate) received: usize,
    sent: u64,
    /// The numbers of events whose ack timed out or failed with the socket; they may not have been sent.
    pub(crate) withdrawn: BTreeSet<u64>,
    reliable: u64,
    in_flight: VecDeque<(RetryId, u64)>,
    /// The numbers that the server acknowledged.
    pub(crate) delivered: Vec<u64>,
}

impl Client {
    pub(crate) fn new(engine: EngineConfig, now: Instant) -> Self {
        let ms = Duration::from_millis;
        let backoff = Backoff { delay: ms(20), delay_max: ms(80), ..Backoff::default() };
        let config = Config::default().backoff(backoff).connect_timeout(Some(ms(250)));
        let mut manager = Manager::new(config.into(), 7, now);
        let retries = SocketConfig::default().retries(Some(3)).ack_timeout(Some(ms(100)));
        let sockets = NAMES.map(|name| Socket {
            key: manager.socket(name, if name == "/retry" { retries } else { SocketConfig::default() }),
            joined: None,
            received: 0,
            sent: 0,
            withdrawn: BTreeSet::new(),
            reliable: 0,
            in_flight: VecDeque::new(),
            delivered: Vec::new(),
        });
        Self { manager, engine: engine.into(), sockets, asked: BTreeMap::new() }
    }

    pub(crate) fn connect(&mut self, socket: usize, now: Instant) {
        self.manager.connect(self.sockets[socket].key, now);
    }

    pub(crate) fn disconnect(&mut self, socket: usize, now: Instant) {
        self.manager.disconnect(self.sockets[socket].key, now);
    }

    pub(crate) fn emit(&mut self, index: usize, now: Instant) {
        let socket = &mut self.sockets[index];
        let packet = encode::event(NAMES[index], None, "plain", &socket.sent).unwrap();
        self.manager.emit(socket.key, packet, now).unwrap();
        socket.sent += 1;
    }

    pub(crate) fn ask(&mut self, index: usize, ms: Option<u64>, now: Instant) {
        let socket = &mut self.sockets[index];
        let id = self.manager.next_ack_id(socket.key);
        let packet = encode::event(NAMES[index], Some(id), "plain", &socket.sent).unwrap();
        let deadline = ms.map(|ms| now + Duration::from_millis(ms));
        match self.manager.emit_with_ack(socket.key, packet, id, deadline, now) {
            Err(EmitError::Disconnected) if ms.is_none() && self.manager.is_over(socket.key) => return,
            emitted => drop(emitted.unwrap()),
        }
        assert_eq!(self.asked.insert((socket.key, id), (socket.sent, ms.is_some())), None);
        socket.sent += 1;
    }

    pub(crate) fn emit_reliable(&mut self, index: usize, now: Instant) {
        let socket = &mut self.sockets[index];
        let packet = encode::event(NAMES[index], None, "reliable", &socket.reliable).unwrap();
        let retry = self.manager.emit_reliable(socket.key, packet, now).unwrap();
        socket.in_flight.push_back((retry, socket.reliable));
        socket.reliable += 1;
    }

    pub(crate) fn is_settled(&self) -> bool {
        let idle = self.manager.pending_acks() == 0 && self.manager.buffered() == 0;
        assert!(!idle || self.asked.is_empty() && self.sockets.iter().all(|socket| socket.in_flight.is_empty()));
        idle
    }

    pub(crate) fn handle_event(&mut self, event: Event, now: Instant) {
        let index = |key: SocketKey| key.0 as usize;
        match event {
            Event::Attempt { .. } => self.manager.open(self.engine.clone(), now),
            Event::Authenticate { socket } => self.manager.authenticate(socket, None, now),
            Event::Connected { socket, id } => {
                assert_eq!(self.sockets[index(socket)].joined.replace((id.to_string(), 0)), None);
            }
            Event::Disconnected { socket, .. } => assert!(self.sockets[index(socket)].joined.take().is_some()),
            Event::Received { socket: key, id, event } => {
                let socket = &mut self.sockets[index(key)];
                let (sid, received) = socket.joined.as_mut().expect("connected");
                let (to, number) = event.args.get::<(String, u64)>().unwrap();
                assert_eq!((&to, number), (&*sid, *received), "for another socket, lost, or duplicated");
                *received += 1;
                socket.received += 1;
                if let Some(id) = id {
                    // Fails if the socket has left since.
                    let ack = encode::ack(NAMES[index(key)], id, &number).unwrap();
                    let _ = self.manager.send_ack(key, ack, now);
                }
            }
            Event::Acked { socket, id, result } => {
                let (number, bounded) = self.asked.remove(&(socket, id)).expect("settled once");
                let over = self.manager.is_over(socket);
                match result {
                    Ok(args) => assert_eq!(args.get::<u64>().unwrap(), number),
                    Err(AckError::Timeout) => drop(self.sockets[index(socket)].withdrawn.insert(number)),
                    Err(_) if over && !bounded => drop(self.sockets[index(socket)].withdrawn.insert(number)),
                    Err(_) => {}
                }
            }
            Event::Delivered { socket, retry, result } => {
                let socket = &mut self.sockets[index(socket)];
                let (first, number) = socket.in_flight.pop_front().expect("settled once");
                assert_eq!(first, retry);
                if let Ok(args) = result {
                    assert_eq!(args.get::<u64>().unwrap(), number);
                    socket.delivered.push(number);
                }
            }
            Event::Undecodable(error) => panic!("{error}"),
            _ => {}
        }
    }

    /// Whether the client's view of a socket agrees with the server's.
    pub(crate) fn is_joined_as(&self, index: usize, sid: Option<&str>) -> bool {
        let Socket { key, joined, .. } = &self.sockets[index];
        let id = joined.as_ref().map(|(id, _)| &**id);
        assert_eq!(self.manager.id(*key), id);
        id == sid
    }
}
