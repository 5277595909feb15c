//! A WebSocket: two pipes that keep their order.

use std::collections::VecDeque;

use engineio_proto::{Data, Frame, Instant, WebSocketId};
use http::request::Parts;

use super::{Item, World};

/// A WebSocket between a client and the server.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) client: usize,
    /// As the client names it; the server's name is the world's number.
    pub(super) id: WebSocketId,
    pub(super) conn: Option<usize>,
    pub(super) up: Pipe,
    pub(super) down: Pipe,
    /// Which end knows that it is over.
    pub(super) client_done: bool,
    pub(super) server_done: bool,
    /// What is sent goes nowhere.
    pub(super) mute: bool,
}

#[derive(Debug)]
pub(super) struct Pipe {
    queue: VecDeque<Load>,
    /// When what was sent last has left, and when it arrives.
    free: Instant,
    last: Instant,
}

/// What a pipe carries.
#[derive(Debug)]
pub(super) enum Load {
    Connect(Box<Parts>),
    Accepted,
    Refused,
    Data(Data),
    Closed { error: bool },
}

impl Pipe {
    pub(super) fn new(now: Instant) -> Self {
        Self { queue: VecDeque::new(), free: now, last: now }
    }
}

impl World {
    /// Sends on a wire; answers when it has left.
    pub(super) fn send(&mut self, number: u64, up: bool, load: Load) -> Instant {
        let size = match &load {
            Load::Data(data) => data.len() + 8,
            _ => 64,
        };
        let (transfer, delay) = (self.settings.network.transfer(size), self.settings.network.delay(&mut self.random));
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&number) else { return now };
        let stalled = self.clients[wire.client].stalled;
        let pipe = if up { &mut wire.up } else { &mut wire.down };
        pipe.free = pipe.free.max(now).max(stalled) + transfer;
        pipe.last = pipe.last.max(pipe.free + delay);
        pipe.queue.push_back(load);
        let (left, arrives) = (pipe.free, pipe.last);
        self.schedule(arrives, Item::Pipe { wire: number, up });
        left
    }

    /// Loses what is under way and breaks both ends.
    pub(super) fn break_wire(&mut self, number: u64) {
        if let Some(wire) = self.wires.get_mut(&number) {
            wire.up.queue.clear();
            wire.down.queue.clear();
            self.send(number, true, Load::Closed { error: true });
            self.send(number, false, Load::Closed { error: true });
        }
    }

    /// What is first in a pipe has arrived.
    pub(super) fn arrive(&mut self, number: u64, up: bool) {
        let Some(wire) = self.wires.get_mut(&number) else { return };
        let held = self.clients[wire.client].stalled;
        let paused = wire.conn.filter(|_| up).and_then(|conn| self.conns[conn].paused);
        if let Some(later) = [Some(held), paused].into_iter().flatten().max().filter(|later| *later > self.now) {
            return self.schedule(later, Item::Pipe { wire: number, up });
        }
        let pipe = if up { &mut wire.up } else { &mut wire.down };
        // None: it was lost at a reset.
        let Some(load) = pipe.queue.pop_front().filter(|_| !wire.mute) else { return };
        if up {
            self.arrive_up(number, load)
        } else {
            self.arrive_down(number, load)
        }
        if self.wires.get(&number).is_some_and(|wire| {
            let unsaid = wire.up.queue.is_empty() && wire.down.queue.is_empty();
            wire.client_done && wire.server_done && unsaid
        }) {
            if let Some(wire) = self.wires.remove(&number) {
                self.clients[wire.client].wires.remove(&wire.id.0);
            }
        }
    }

    fn arrive_up(&mut self, number: u64, load: Load) {
        let (now, id) = (self.now, WebSocketId(number));
        let Some(wire) = self.wires.get_mut(&number) else { return };
        if wire.server_done {
            return;
        }
        match load {
            Load::Connect(parts) => self.on_connect(number, &parts),
            Load::Data(data) => {
                if let Some(conn) = wire.conn {
                    self.server(conn, |machine| machine.handle_message(id, data, now));
                }
            }
            Load::Closed { error } => {
                wire.server_done = true;
                if let Some(conn) = wire.conn {
                    self.server(conn, |machine| machine.handle_websocket_closed(id, error, now));
                }
                // The driver lets go of what is over.
                self.send(number, false, Load::Closed { error });
            }
            Load::Accepted | Load::Refused => {}
        }
    }

    fn arrive_down(&mut self, number: u64, load: Load) {
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&number) else { return };
        let (client, id) = (wire.client, wire.id);
        if wire.client_done || self.clients[client].gone {
            wire.client_done = true;
            return;
        }
        match load {
            Load::Accepted => {
                let response = http::Response::builder().status(101).body(()).map(http::Response::into_parts);
                if let Ok((parts, ())) = response {
                    self.client(client, |machine| machine.handle_websocket(id, &parts, now));
                }
            }
            Load::Refused => {
                (wire.client_done, wire.server_done) = (true, true);
                self.client(client, |machine| machine.handle_websocket_failed(id, Some(400), now));
            }
            Load::Data(data) => self.client(client, |machine| machine.handle_message(id, data, now)),
            Load::Closed { error } => {
                wire.client_done = true;
                self.client(client, |machine| machine.handle_websocket_closed(id, error, now));
                self.send(number, true, Load::Closed { error });
            }
            Load::Connect(_) => {}
        }
    }
}

/// A frame as it arrives.
pub(super) fn data(frame: Frame) -> Option<Data> {
    let bytes: Vec<u8> = frame.prefix.into_iter().chain(frame.body).collect();
    if frame.binary { Some(Data::from(bytes)) } else { String::from_utf8(bytes).ok().map(Data::from) }
}
