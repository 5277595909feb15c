//! The applications on both sides, and the model of what each should see.

use std::time::Duration;

use bytes::Bytes;
use engineio_proto::CloseReason;
use socketio_proto::server::{AckError, DisconnectReason, EmitError, Event, Target};
use socketio_proto::{Args, EncodeError, Encoded, encode};

use super::{Item, World};
use crate::Happened;
use crate::script::{Action, Step};

/// How long the server waits for an ack.
const ACK_TIMEOUT: Duration = Duration::from_secs(1);

/// An event that carries its session and its number, and so many bytes: as an attachment, if that is odd.
fn numbered(id: Option<u64>, name: &str, session: u64, number: u64, bytes: u64) -> Result<Encoded, EncodeError> {
    let bytes = bytes as usize;
    match bytes % 2 {
        0 => encode::event("/", id, name, &(session, number, "x".repeat(bytes))),
        _ => encode::event("/", id, name, &(session, number, Bytes::from(vec![7; bytes]))),
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
        let conn = self.clients[client].conn.filter(|conn| !self.conns[*conn].closed);
        match step.action {
            Action::Open(_) => {
                let peer = &mut self.clients[client];
                if peer.machine.session().is_none_or(|session| session.is_closed()) {
                    peer.session += 1;
                    (peer.emitted, peer.was_closed) = (0, false);
                    peer.machine.open(now);
                    self.drain_client(client);
                }
            }
            Action::Emit(bytes) => self.emit(client, None, bytes),
            Action::AskServer(ms) => {
                let peer = &mut self.clients[client];
                peer.next_ask += 1;
                let id = peer.next_ask;
                self.emit(client, Some(id), ms * 2);
            }
            Action::Push(bytes) => _ = conn.map(|conn| self.push(conn, None, bytes)),
            Action::Broadcast(bytes) => {
                let all = self.hub.create("/").select(&Target::all());
                for (conn, _) in all {
                    self.push(conn, None, bytes);
                }
            }
            Action::Volatile(bytes) => _ = conn.map(|conn| self.volatile(conn, bytes)),
            Action::Ask(ms) => _ = conn.map(|conn| self.push(conn, Some(()), ms * 2)),
            Action::Stall(ms) => {
                let peer = &mut self.clients[client];
                peer.stalled = peer.stalled.max(now + Duration::from_millis(ms));
            }
            Action::Reset(_) => self.reset(client),
            Action::HalfClose(_) => {
                for wire in self.clients[client].wires.clone().into_values() {
                    self.send(wire, false, super::pipe::Load::Closed { error: false });
                }
            }
            Action::Vanish(_) => self.clients[client].gone = true,
            Action::Pause(ms) => {
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
            Action::Kick(_) => {
                if let Some((conn, (socket, _))) = conn.and_then(|conn| Some((conn, self.conns[conn].socket.clone()?)))
                {
                    self.server(conn, |machine| machine.disconnect(socket));
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
        }
    }

    fn reset(&mut self, client: usize) {
        for wire in self.clients[client].wires.clone().into_values() {
            self.break_wire(wire);
        }
        let of = |number: &u64| self.exchanges[number].client == client;
        let numbers: Vec<u64> = self.exchanges.keys().copied().filter(of).collect();
        for number in numbers {
            self.later(Item::Aborted(number));
            self.later(Item::Failed(number));
        }
    }

    fn emit(&mut self, client: usize, id: Option<u64>, bytes: u64) {
        let peer = &mut self.clients[client];
        match numbered(id, "up", peer.session, peer.emitted, bytes) {
            Ok(packet) if peer.machine.emit(&packet) => {
                peer.emitted += 1;
                peer.asks.extend(id.map(|id| (id, ())));
                self.drain_client(client);
            }
            Ok(_) => {}
            Err(error) => self.fail(error.to_string()),
        }
    }

    /// Emits to the socket of a connection, with an ack if asked for.
    fn push(&mut self, conn: usize, ask: Option<()>, bytes: u64) {
        let deadline = self.now + ACK_TIMEOUT;
        let conn_state = &mut self.conns[conn];
        let Some((socket, _)) = conn_state.socket.clone() else { return };
        let number = self.serial;
        self.serial += 1;
        let session = conn_state.session;
        let packet = match numbered(ask.map(|()| number), "down", session, number, bytes) {
            Ok(packet) => packet,
            Err(error) => return self.fail(error.to_string()),
        };
        let sent = match ask {
            None => conn_state.machine.emit(socket, &packet),
            Some(()) => conn_state.machine.emit_with_ack(socket, &packet, number, Some(deadline)),
        };
        match sent {
            Ok(_) => {
                conn_state.sent.push_back(number);
                if ask.is_some() {
                    conn_state.asks.insert(number, deadline);
                }
            }
            Err(EmitError::Full) => self.outcome.full += 1,
            // It closes, and the end has not come out yet.
            Err(EmitError::Disconnected) => {}
            Err(error) => self.fail(format!("emit: {error}")),
        }
        self.drain_server(conn);
    }

    fn volatile(&mut self, conn: usize, bytes: u64) {
        let Some((socket, _)) = self.conns[conn].socket.clone() else { return };
        let number = self.serial;
        self.serial += 1;
        let state = &mut self.conns[conn];
        match numbered(None, "down", state.session, number, bytes) {
            Ok(packet) => {
                let (writable, left) =
                    (state.machine.engine().writable(), state.machine.emit_volatile(socket, &packet));
                if left {
                    state.sent.push_back(number);
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

    pub(super) fn on_client(&mut self, client: usize, happened: Happened) {
        let peer = &mut self.clients[client];
        if peer.was_closed {
            return self.fail(format!("c{client}: {happened:?} after the end"));
        }
        match happened {
            Happened::Connected => {
                let sid = peer.machine.session().and_then(|session| session.sid().cloned());
                peer.conn = sid.and_then(|sid| self.by_sid.get(&sid).copied());
            }
            Happened::Upgraded => {}
            Happened::Received(id, event) => self.on_down(client, id, &event.args),
            Happened::Acked(id, args) => {
                if self.clients[client].asks.remove(&id).is_none() || args.parse::<(u64,)>().ok() != Some((id,)) {
                    self.fail(format!("c{client}: an ack {id} {args:?} that it did not ask for"));
                }
            }
            Happened::Kicked => {}
            Happened::Closed(reason) => {
                peer.was_closed = true;
                peer.asks.clear();
                self.outcome.missed_pings += u64::from(reason == CloseReason::PingTimeout);
                let missing = peer.conn.take().map_or(0, |conn| self.conns[conn].sent.len());
                let bad = missing > 0 || reason != CloseReason::TransportClose && reason != CloseReason::ForcedClose;
                if self.settings.lossless && bad && reason != CloseReason::TransportError {
                    self.fail(format!("c{client}: {reason}, {missing} events are missing"));
                }
            }
            Happened::Broken(what) => {
                let sid = peer.machine.session().and_then(|session| session.sid().cloned());
                let conn = sid.and_then(|sid| self.by_sid.get(&sid)).map(|conn| &self.conns[*conn]);
                // The copy of a GET may have taken the answer to CONNECT, or half of a packet.
                if !conn.is_some_and(|conn| conn.repeated) {
                    self.fail(format!("c{client} was told {what}"));
                }
            }
        }
    }

    fn on_down(&mut self, client: usize, id: Option<u64>, args: &Args) {
        self.outcome.down += 1;
        let Some(conn) = self.clients[client].conn else {
            return self.fail(format!("c{client}: an event before CONNECT"));
        };
        let Ok((session, number, filling)) = args.parse::<(u64, u64, socketio_proto::Value<'_>)>() else {
            return self.fail(format!("c{client}: {args:?}"));
        };
        let state = &mut self.conns[conn];
        if state.repeated {
            // The copy of a GET may have taken what nobody reads now.
            let at = state.sent.iter().position(|sent| *sent == number);
            state.sent.drain(..at.unwrap_or(0));
        }
        let expected = state.sent.pop_front();
        if expected != Some(number) || session != self.clients[client].session {
            self.fail(format!("c{client}: event {number} of session {session} instead of {expected:?}"));
        }
        if let Some(id) = id {
            let wait = match filling {
                socketio_proto::Value::String(text) => text.len() as u64 / 2,
                _ => 0,
            };
            match encode::ack("/", id, &id) {
                Ok(packet) => {
                    self.schedule(self.now + Duration::from_millis(wait), Item::ClientAnswer(client, session, packet))
                }
                Err(error) => self.fail(error.to_string()),
            }
        }
    }

    pub(super) fn on_server(&mut self, conn: usize, event: Event) {
        if self.conns[conn].closed {
            return self.fail(format!("connection {conn}: {event:?} after the end"));
        }
        match event {
            Event::Connecting { socket, .. } => {
                let entropy = self.entropy.bytes();
                if let Ok(sid) = self.conns[conn].machine.accept(socket, entropy) {
                    self.conns[conn].socket = Some((socket, sid.clone()));
                    self.hub.create("/").insert(sid, (conn, socket));
                }
            }
            Event::Received { socket, id, event } => self.on_up(conn, socket, id, &event.args),
            Event::Acked { id, result, .. } => {
                let Some(deadline) = self.conns[conn].asks.remove(&id) else {
                    return self.fail(format!("connection {conn}: ack {id} settled twice"));
                };
                let in_time = match &result {
                    Ok(args) => self.now <= deadline && args.parse::<(u64,)>().ok() == Some((id,)),
                    Err(AckError::Timeout) => self.now >= deadline,
                    Err(_) => true,
                };
                self.outcome.acks += u64::from(result.is_ok());
                self.outcome.late += u64::from(result == Err(AckError::Timeout));
                if !in_time {
                    self.fail(format!("connection {conn}: ack {id}, due at {deadline:?}: {result:?}"));
                }
            }
            Event::Disconnected { reason, .. } => self.on_left(conn, reason),
            Event::Upgraded => self.outcome.upgrades += 1,
            Event::Ready => {}
            Event::Closed { reason } => {
                self.outcome.ping_timeouts += u64::from(reason == CloseReason::PingTimeout);
                let state = &mut self.conns[conn];
                state.closed = true;
                let (asks, joined) = (state.asks.len(), state.socket.is_some());
                if asks > 0 || joined || state.machine.pending_acks() > 0 {
                    self.fail(format!("connection {conn} ended with {asks} acks under way, joined: {joined}"));
                }
                if reason == CloseReason::PingTimeout && self.conns[conn].paused.is_some() {
                    self.fail(format!("connection {conn}: ping timeout, while it is the server that does not read"));
                }
            }
            other => self.fail(format!("connection {conn}: {other:?}")),
        }
    }

    fn on_up(&mut self, conn: usize, socket: socketio_proto::server::SocketKey, id: Option<u64>, args: &Args) {
        self.outcome.up += 1;
        let state = &mut self.conns[conn];
        let (session, expected) = (state.session, state.next_up);
        state.next_up += 1;
        match args.parse::<(u64, u64, socketio_proto::Value<'_>)>() {
            // The copy of a POST brings its events once more: Engine.IO can't tell.
            Ok((of, number, filling))
                if of == session && (number == expected || state.repeated && number < expected) =>
            {
                state.next_up = number.max(expected.saturating_sub(1)) + 1;
                let wait = match filling {
                    socketio_proto::Value::String(text) => text.len() as u64 / 2,
                    _ => 0,
                };
                if let Some(Ok(packet)) = id.map(|id| encode::ack("/", id, &id)) {
                    self.schedule(self.now + Duration::from_millis(wait), Item::ServerAnswer(conn, socket, packet));
                }
            }
            other => {
                self.fail(format!("connection {conn}: {other:?} instead of event {expected} of session {session}"))
            }
        }
    }

    fn on_left(&mut self, conn: usize, reason: DisconnectReason) {
        let Some((_, sid)) = self.conns[conn].socket.take() else {
            // It was never let in.
            return;
        };
        if self.hub.create("/").remove(&sid).is_none() {
            self.fail(format!("connection {conn}: {reason} of a socket that is not there"));
        }
    }
}
