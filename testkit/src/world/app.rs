//! The script.

use std::time::Duration;

use bytes::Bytes;
use socketio_proto::{EncodeError, Encoded, Value, encode};

use super::pipe::Load;
use super::{Item, SPACES, World};
use crate::script::{Action, Step};

/// How long both sides wait for an ack.
pub(super) const ACK_TIMEOUT: Duration = Duration::from_secs(1);

/// An event that tells whose it is and its number, and brings so many bytes: as an attachment, if that is odd.
pub(super) fn numbered(
    space: &str,
    id: Option<u64>,
    name: &str,
    (of, number): (u64, u64),
    bytes: u64,
) -> Result<Encoded, EncodeError> {
    let bytes = bytes as usize;
    match bytes % 2 {
        0 => encode::event(space, id, name, &(of, number, "x".repeat(bytes))),
        _ => encode::event(space, id, name, &(of, number, Bytes::from(vec![7; bytes]))),
    }
}

/// How long a handler takes for an event with this filling.
pub(super) fn handling(filling: &Value<'_>) -> Duration {
    match filling {
        Value::String(text) => Duration::from_millis(text.len() as u64 / 2),
        _ => Duration::ZERO,
    }
}

impl World {
    pub(super) fn fail(&mut self, what: String) {
        let at = self.now - self.start;
        self.failure.get_or_insert_with(|| format!("at {} ms: {what}", at.as_millis()));
    }

    pub(super) fn act(&mut self, step: Step) {
        let (client, now) = (step.client, self.now);
        if self.clients[client].gone {
            return;
        }
        match step.action {
            Action::Open(space) => self.open(client, space as usize % SPACES.len()),
            Action::Emit(bytes) => self.emit(client, bytes, None),
            Action::Whisper(bytes) => self.whisper(client, bytes),
            Action::EmitSure(bytes) => self.emit_sure(client, bytes),
            Action::AskServer(ms) => self.emit(client, ms * 2, Some(ms % 2 == 0)),
            Action::Push(bytes) => _ = self.any_join(client, bytes / 2).map(|join| self.push(join, false, bytes)),
            Action::Broadcast(bytes) => self.broadcast(bytes),
            Action::Volatile(bytes) => _ = self.any_join(client, bytes / 2).map(|join| self.volatile(join, bytes)),
            Action::Ask(ms) => _ = self.any_join(client, ms).map(|join| self.push(join, true, ms * 2)),
            Action::Stall(ms) => {
                let peer = &mut self.clients[client];
                peer.stalled = peer.stalled.max(now + Duration::from_millis(ms));
            }
            Action::Reset(_) => self.reset(client),
            Action::Mute(which) => self.mute(client, which == 1),
            Action::HalfClose(_) => {
                for wire in self.clients[client].wires.clone().into_values() {
                    self.send(wire, false, Load::Closed { error: false });
                }
            }
            Action::Vanish(_) => self.clients[client].gone = true,
            Action::Pause(ms) => {
                let conn = self.clients[client].here.last().map(|join| self.joins[*join].conn);
                if let Some(conn) = conn.filter(|conn| self.conns[*conn].paused.is_none()) {
                    let until = now + Duration::from_millis(ms);
                    self.conns[conn].paused = Some(until);
                    self.server(conn, |machine| machine.pause_reading(now));
                    self.schedule(until, Item::Resume(conn));
                }
            }
            Action::Close(_) => {
                self.clients[client].machine.close(now);
                self.drain_client(client);
            }
            Action::Leave(socket) => self.leave(client, socket),
            Action::Drop(_) => {
                self.clients[client].machine.close_engine(now);
                self.drain_client(client);
            }
            Action::Kick(socket) => {
                if let Some(join) = self.any_join(client, socket) {
                    let (conn, key) = (self.joins[join].conn, self.joins[join].key);
                    self.server(conn, |machine| machine.disconnect(key));
                }
            }
            Action::Shutdown(_) => {
                self.shut_down = true;
                for conn in 0..self.conns.len() {
                    if !self.conns[conn].closed {
                        self.server(conn, |machine| machine.shut_down(now));
                    }
                }
            }
            Action::Restart(ms) => self.restart(Duration::from_millis(ms)),
        }
    }

    /// Breaks all connections of a client.
    fn reset(&mut self, client: usize) {
        for wire in self.clients[client].wires.clone().into_values() {
            self.break_wire(wire);
        }
        let of = |number: &u64| self.exchanges[number].client == client;
        let numbers: Vec<u64> = self.exchanges.keys().copied().filter(of).collect();
        for number in numbers {
            // Either end may see it first.
            self.later(Item::Severed(number));
            self.later(Item::Failed(number));
        }
    }

    /// Nothing gets through on the connections of a client any more.
    fn mute(&mut self, client: usize, websockets: bool) {
        for wire in self.clients[client].wires.clone().into_values() {
            if let Some(wire) = self.wires.get_mut(&wire) {
                wire.mute = true;
            }
        }
        if !websockets {
            self.exchanges.retain(|_, exchange| exchange.client != client);
        }
    }

    /// The server's process ends without a word, and another one begins, which knows nothing.
    fn restart(&mut self, pause: Duration) {
        self.down = self.down.max(self.now + pause);
        for conn in &mut self.conns {
            (conn.closed, conn.lost) = (true, true);
            conn.sockets.clear();
            conn.asks.clear();
        }
        self.hub = socketio_proto::server::Hub::new();
        self.by_sid.clear();
        for client in 0..self.clients.len() {
            self.clients[client].here.clear();
            self.reset(client);
        }
    }
}
