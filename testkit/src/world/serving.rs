//! The server's application: what it does, and whether it sees what it should.

use std::collections::VecDeque;

use engineio_proto::{CloseReason, Pressure};
use socketio_proto::server::{DisconnectReason, Event, Target};
use socketio_proto::{AckError, Args, EmitError, Json, SocketKey, Value, encode};

use super::app::{ACK_TIMEOUT, handling, numbered};
use super::{CLOSED, Item, Join, MOODY, SPACES, World};

impl World {
    /// One of the sockets of a client that the server has.
    pub(super) fn any_join(&self, client: usize, number: u64) -> Option<usize> {
        let here = &self.clients[client].here;
        here.get(number as usize % here.len().max(1)).copied()
    }

    pub(super) fn broadcast(&mut self, bytes: u64) {
        for space in SPACES {
            for join in self.hub.create(space).expect("a name without a comma").select(&Target::all()) {
                self.push(join, false, bytes);
            }
        }
    }

    /// Emits to a socket, with an ack if asked for.
    pub(super) fn push(&mut self, join: usize, ask: bool, bytes: u64) {
        let deadline = self.now + ACK_TIMEOUT;
        self.serial += 1;
        let number = self.serial;
        let Join { conn, space, key, .. } = self.joins[join];
        let packet = match numbered(SPACES[space], ask.then_some(number), "down", (join as u64, number), bytes) {
            Ok(packet) => packet,
            Err(error) => return self.fail(error.to_string()),
        };
        let state = &mut self.conns[conn];
        let sent = match ask {
            false => state.machine.emit(key, packet),
            true => state.machine.emit_with_ack(key, packet, number, Some(deadline)),
        };
        match sent {
            Ok(pressure) => {
                state.full |= pressure == Pressure::High;
                self.joins[join].down.push_back(number);
                if ask {
                    state.asks.insert(number, deadline);
                }
            }
            Err(EmitError::Full) => {
                state.full = true;
                self.outcome.full += 1;
            }
            // It closes, and the end has not come out yet.
            Err(EmitError::Disconnected) => {}
            Err(error) => self.fail(format!("emit: {error}")),
        }
        self.drain_server(conn);
    }

    pub(super) fn volatile(&mut self, join: usize, bytes: u64) {
        self.serial += 1;
        let number = self.serial;
        let Join { conn, space, key, .. } = self.joins[join];
        match numbered(SPACES[space], None, "down", (join as u64, number), bytes) {
            Ok(packet) => {
                let machine = &mut self.conns[conn].machine;
                let (writable, left) = (machine.engine().writable(), machine.emit_volatile(key, packet));
                if left {
                    self.joins[join].down.push_back(number);
                } else {
                    self.outcome.skipped += 1;
                }
                if left && !writable {
                    self.fail("a volatile event was queued".into());
                }
            }
            Err(error) => self.fail(error.to_string()),
        }
        self.drain_server(conn);
    }

    pub(super) fn on_server(&mut self, conn: usize, event: Event) {
        if self.conns[conn].closed {
            return self.fail(format!("connection {conn}: {event:?} after the end"));
        }
        match event {
            Event::Connecting { socket, namespace, .. } => match SPACES.iter().position(|space| namespace == *space) {
                Some(space) => self.question(Item::Admit(conn, socket, space)),
                None => self.fail(format!("connection {conn}: nobody wanted to join {namespace}")),
            },
            Event::Received { socket, id, event } => self.on_up(conn, socket, id, &event),
            Event::Acked { id, result, .. } => {
                let Some(deadline) = self.conns[conn].asks.remove(&id) else {
                    return self.fail(format!("connection {conn}: ack {id} settled twice"));
                };
                let in_time = match &result {
                    Ok(args) => self.now <= deadline && args.parse::<(u64,)>().ok() == Some((id,)),
                    Err(AckError::Timeout) => self.now == deadline,
                    Err(_) => true,
                };
                self.outcome.acks += u64::from(result.is_ok());
                self.outcome.late += u64::from(result == Err(AckError::Timeout));
                if !in_time {
                    self.fail(format!("connection {conn}: ack {id}, due at {deadline:?}: {result:?}"));
                }
            }
            Event::Disconnected { socket, reason } => self.on_left(conn, socket, reason),
            Event::Upgraded => self.outcome.upgrades += 1,
            Event::Ready => self.conns[conn].full = false,
            Event::Closed { reason } => {
                self.outcome.ping_timeouts += u64::from(reason == CloseReason::PingTimeout);
                let state = &mut self.conns[conn];
                state.closed = true;
                let (asks, sockets) = (state.asks.len(), state.sockets.len());
                if asks + sockets + state.machine.pending_acks() > 0 {
                    self.fail(format!("connection {conn} ended with {asks} acks under way and {sockets} sockets"));
                }
                if reason == CloseReason::PingTimeout && self.conns[conn].paused.is_some() {
                    self.fail(format!("connection {conn}: ping timeout, while it is the server that does not read"));
                }
            }
            other => self.fail(format!("connection {conn}: {other:?}")),
        }
    }

    /// Answers a CONNECT.
    pub(super) fn admit(&mut self, conn: usize, key: SocketKey, space: usize) {
        if self.conns[conn].closed {
            return;
        }
        let moody = space == MOODY && !self.ending && self.random.chance(400);
        let entropy = self.entropy.bytes();
        let machine = &mut self.conns[conn].machine;
        if space == CLOSED || moody {
            // It may have left meanwhile.
            _ = machine.refuse(key, &Json::object([("message", "no")]));
        } else if let Ok(sid) = machine.accept(key, entropy) {
            let (join, client) = (self.joins.len(), self.conns[conn].client);
            self.by_socket.insert(sid.to_string(), join);
            self.hub.create(SPACES[space]).expect("a name without a comma").insert(sid.clone(), join);
            self.conns[conn].sockets.insert(key, join);
            self.clients[client].here.push(join);
            let (up, down) = (VecDeque::new(), VecDeque::new());
            let sid = sid.to_string();
            self.joins.push(Join { conn, client, space, key, sid, up, last_up: None, last_sure: None, down });
        }
        self.drain_server(conn);
    }

    fn on_up(&mut self, conn: usize, socket: SocketKey, id: Option<u64>, event: &socketio_proto::Event) {
        self.outcome.up += 1;
        let Some(at) = self.conns[conn].sockets.get(&socket).copied() else {
            return self.fail(format!("connection {conn}: {event:?} of a socket that is not there"));
        };
        let (client, space) = (self.joins[at].client, self.joins[at].space);
        let filling = match event.args.parse::<(u64, u64, Value<'_>)>() {
            Ok((of, number, filling)) if of == client as u64 => {
                let fits = match &*event.name {
                    "up" => self.on_numbered(at, number),
                    _ => self.on_sure(at, number),
                };
                if let Err(what) = fits {
                    self.fail(format!("connection {conn}: {what}"));
                }
                handling(&filling)
            }
            other => return self.fail(format!("connection {conn}: {other:?} from c{client}")),
        };
        let answer = id.and_then(|id| match self.number_of(&event.args) {
            Some(number) if &*event.name == "sure" => encode::ack(SPACES[space], id, &number).ok(),
            _ => encode::ack(SPACES[space], id, &id).ok(),
        });
        if let Some(packet) = answer {
            self.schedule(self.now + filling, Item::ServerAnswer(conn, socket, packet));
        }
    }

    fn number_of(&self, args: &Args) -> Option<u64> {
        args.parse::<(u64, u64)>().ok().map(|(_, number)| number)
    }

    /// Whether it is this event's turn.
    fn on_numbered(&mut self, at: usize, number: u64) -> Result<(), String> {
        let repeated = self.conns[self.joins[at].conn].repeated;
        let join = &mut self.joins[at];
        let member = self.clients[join.client].members.iter_mut().find(|member| member.space == join.space);
        if join.up.front() == Some(&number) {
            join.up.pop_front();
        } else if member.is_some_and(|member| member.maybe.remove(&number)) && join.last_up < Some(number) {
        } else if repeated {
            // The copy of a POST brings its events once more, and CONNECT: Engine.IO can't tell.
            join.up.retain(|waiting| *waiting != number);
        } else {
            return Err(format!("event {number} instead of {:?}", join.up.front()));
        }
        join.last_up = join.last_up.max(Some(number));
        Ok(())
    }

    /// Whether it is this event's turn in the retry queue.
    fn on_sure(&mut self, at: usize, number: u64) -> Result<(), String> {
        let repeated = self.conns[self.joins[at].conn].repeated;
        let most = if repeated { u32::MAX } else { self.settings.socket.retries.unwrap_or(0).saturating_add(1) };
        let join = &mut self.joins[at];
        if join.last_sure > Some(number) && !repeated {
            return Err(format!("event {number} after {:?}", join.last_sure));
        }
        join.last_sure = join.last_sure.max(Some(number));
        let member = self.clients[join.client].members.iter_mut().find(|member| member.space == join.space);
        if member.map_or(Ok(false), |member| member.arrive(number, most))? {
            self.outcome.repeated += 1;
        }
        Ok(())
    }

    fn on_left(&mut self, conn: usize, socket: SocketKey, reason: DisconnectReason) {
        // One that was never let in is not there.
        let Some(at) = self.conns[conn].sockets.remove(&socket) else { return };
        let join = &self.joins[at];
        self.clients[join.client].here.retain(|here| *here != at);
        if self.hub.create(SPACES[join.space]).expect("a name without a comma").remove(&join.sid) != Some(at) {
            self.fail(format!("connection {conn}: {reason} of a socket that is not there"));
        }
    }
}
