//! The clients' applications: what they do, and what they answer.

use std::time::Duration;

use engineio_proto::Pressure;
use socketio_proto::client::{Config, Emitted};
use socketio_proto::{EmitError, Encoded, SocketKey};

use super::app::{ACK_TIMEOUT, numbered};
use super::peer::{Ask, Member, Sure, Waiting};
use super::{Item, SPACES, World};

impl World {
    /// The socket of a namespace.
    fn socket(&mut self, client: usize, space: usize) -> SocketKey {
        let peer = &mut self.clients[client];
        let key = peer.machine.socket(SPACES[space], self.settings.socket);
        if peer.member(key).is_none() {
            peer.members.push(Member::new(key, space));
        }
        key
    }

    pub(super) fn open(&mut self, client: usize, space: usize) {
        let key = self.socket(client, space);
        self.clients[client].machine.connect(key, self.now);
        self.drain_client(client);
    }

    pub(super) fn leave(&mut self, client: usize, socket: u64) {
        let at = self.any_member(client, socket);
        let peer = &mut self.clients[client];
        peer.machine.disconnect(peer.members[at].key, self.now);
        self.drain_client(client);
    }

    /// One of a client's sockets; the first one, if there is none yet.
    fn any_member(&mut self, client: usize, number: u64) -> usize {
        if self.clients[client].members.is_empty() {
            self.socket(client, 0);
        }
        number as usize % self.clients[client].members.len()
    }

    /// The next event of a client, for one of its sockets.
    fn compose(&mut self, client: usize, at: usize, name: &str, id: Option<u64>, bytes: u64) -> Option<(u64, Encoded)> {
        let peer = &self.clients[client];
        let number = peer.next;
        match numbered(SPACES[peer.members[at].space], id, name, (client as u64, number), bytes) {
            Ok(packet) => Some((number, packet)),
            Err(error) => {
                self.fail(error.to_string());
                None
            }
        }
    }

    /// Emits, and asks for an ack (with a deadline, or without one) if that is wanted.
    pub(super) fn emit(&mut self, client: usize, bytes: u64, ask: Option<bool>) {
        let (at, now) = (self.any_member(client, bytes / 2), self.now);
        let key = self.clients[client].members[at].key;
        let id = ask.map(|_| self.clients[client].machine.next_ack_id(key));
        let Some((number, packet)) = self.compose(client, at, "up", id, bytes) else { return };
        let cost = packet.byte_len() + Config::PACKET_COST;
        let deadline = ask.filter(|hurry| *hurry).map(|_| now + ACK_TIMEOUT);
        let peer = &mut self.clients[client];
        let emitted = match id {
            None => peer.machine.emit(key, packet, now),
            Some(id) => peer.machine.emit_with_ack(key, packet, id, deadline, now),
        };
        match emitted {
            Err(EmitError::Full) => {
                peer.full = true;
                self.outcome.full += 1;
            }
            Err(EmitError::Disconnected) if deadline.is_none() && id.is_some() && peer.machine.is_over(key) => {}
            Err(error) => self.fail(format!("c{client}: emit: {error}")),
            Ok(emitted) => {
                let (Emitted::Sent(pressure) | Emitted::Buffered(pressure)) = emitted;
                peer.full |= pressure == Pressure::High;
                peer.next += 1;
                let member = &mut peer.members[at];
                member.asks.extend(id.map(|id| (id, Ask { number, deadline })));
                if let Emitted::Buffered(_) = emitted {
                    member.waiting.push_back(Waiting { number, cost });
                    self.outcome.buffered += 1;
                }
            }
        }
        self.drain_client(client);
        if let Ok(Emitted::Sent(_)) = emitted {
            match self.clients[client].members[at].joined {
                Some(join) => self.joins[join].up.push_back(number),
                None => self.fail(format!("c{client}: sent without a connection")),
            }
        }
    }

    pub(super) fn emit_sure(&mut self, client: usize, bytes: u64) {
        let (at, now) = (self.any_member(client, bytes / 2), self.now);
        let Some((number, packet)) = self.compose(client, at, "sure", None, bytes) else { return };
        let cost = packet.byte_len() + Config::PACKET_COST;
        let peer = &mut self.clients[client];
        match peer.machine.emit_reliable(peer.members[at].key, packet, now) {
            Ok(retry) => {
                peer.next += 1;
                peer.members[at].sure.push_back(Sure { retry, number, cost, tries: 0 });
            }
            Err(EmitError::Full) => {
                peer.full = true;
                self.outcome.full += 1;
            }
            Err(error) => self.fail(format!("c{client}: emit: {error}")),
        }
        self.drain_client(client);
    }

    /// Emits an event that leaves at once or never.
    pub(super) fn whisper(&mut self, client: usize, bytes: u64) {
        let (at, now) = (self.any_member(client, bytes / 2), self.now);
        let Some((number, packet)) = self.compose(client, at, "up", None, bytes) else { return };
        let peer = &mut self.clients[client];
        let writable = peer.machine.engine().is_some_and(|engine| engine.writable());
        let left = peer.machine.emit_volatile(peer.members[at].key, packet, now);
        peer.next += 1;
        self.outcome.skipped += u64::from(!left);
        let join = peer.members[at].joined;
        self.drain_client(client);
        match join.filter(|_| writable) {
            Some(join) if left => self.joins[join].up.push_back(number),
            _ if left => self.fail(format!("c{client}: a volatile event was queued")),
            _ => {}
        }
    }

    /// Answers a question, at once or some time later.
    pub(super) fn question(&mut self, item: Item) {
        let late = self.random.chance(self.settings.late);
        let wait = if late { self.random.below(3000) } else { 0 };
        self.schedule(self.now + Duration::from_millis(wait), item);
    }

    /// Answers a question of a client.
    pub(super) fn answer(&mut self, client: usize, socket: Option<SocketKey>, willing: bool) {
        let (now, peer) = (self.now, &mut self.clients[client]);
        if peer.gone {
            return;
        }
        match (socket, willing) {
            (None, true) => peer.machine.open(self.client.clone(), now),
            (None, false) => peer.machine.fail_attempt(now),
            (Some(socket), true) => peer.machine.authenticate(socket, None, now),
            (Some(socket), false) => peer.machine.refuse_authentication(socket, now),
        }
        self.drain_client(client);
    }

    /// A handler of a client is done. Its answer has a receiver only as long as the socket was not disconnected.
    pub(super) fn client_answers(&mut self, client: usize, join: usize, packet: Encoded) {
        let peer = &mut self.clients[client];
        let member = peer.members.iter().find(|member| member.joined == Some(join));
        if let Some(key) = member.filter(|_| !peer.gone).map(|member| member.key) {
            // Refused if there is no room.
            _ = peer.machine.send_ack(key, packet, self.now);
            self.drain_client(client);
        }
    }
}
