//! What the server wants of a connection.

use engineio_proto::{Instant, Pressure, Sid};

use super::connection::Connection;
use super::{DisconnectReason, EmitError, SocketKey};
use crate::{Encoded, Json, encode};

/// Commands: the server's wishes.
impl Connection {
    /// Lets a pending socket join. CONNECT with the new socket id is queued before anything else of this socket.
    ///
    /// `entropy` becomes the id: 15 random bytes.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`] if the socket is not pending (any more): the client left meanwhile.
    pub fn accept(&mut self, socket: SocketKey, entropy: [u8; 15]) -> Result<Sid, EmitError> {
        let member = self.pending(socket)?;
        let id = Sid::from_entropy(entropy);
        let packet = encode::connect(&member.namespace, Some(&Json::object([("sid", &*id)])));
        self.send(&packet)?;
        if let Some(member) = self.members.iter_mut().find(|member| member.key == socket) {
            member.connected = true;
        }
        self.connect_deadline = None;
        Ok(id)
    }

    /// Refuses a pending socket with a CONNECT_ERROR. `error` is what the client's `connect_error` shows: an object with
    /// `message` and perhaps `data`.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`] if the socket is not pending (any more).
    pub fn refuse(&mut self, socket: SocketKey, error: &Json) -> Result<(), EmitError> {
        let member = self.pending(socket)?;
        let packet = encode::connect_error(&member.namespace, error);
        self.members.retain(|member| member.key != socket);
        self.send(&packet).map(|_| ())
    }

    /// Queues a packet for a connected socket: an event, or the ack that the client asked for. It was encoded for the
    /// socket's namespace by [`encode::event`] or [`encode::ack`].
    ///
    /// # Errors
    /// [`EmitError::Disconnected`] or [`EmitError::Full`].
    pub fn emit(&mut self, socket: SocketKey, packet: &Encoded) -> Result<Pressure, EmitError> {
        self.connected(socket)?;
        self.send(packet)
    }

    /// Queues a packet only if it can leave at once: nothing is queued, and no batch is under way. Answers whether it did.
    pub fn emit_volatile(&mut self, socket: SocketKey, packet: &Encoded) -> bool {
        self.connected(socket).is_ok() && self.engine.writable() && self.send(packet).is_ok()
    }

    /// Like [`emit`](Self::emit), for an event encoded with the ack id `id`. [`Event::Acked`] follows exactly once: with
    /// the client's arguments, with [`AckError::Timeout`] at `deadline`, or with [`AckError::Disconnected`].
    ///
    /// The driver picks the ids, because a broadcast carries one id to many connections.
    ///
    /// # Errors
    /// Any [`EmitError`]; then no `Acked` follows.
    pub fn emit_with_ack(
        &mut self,
        socket: SocketKey,
        packet: &Encoded,
        id: u64,
        deadline: Option<Instant>,
    ) -> Result<Pressure, EmitError> {
        self.connected(socket)?;
        if self.acks.contains(socket, id) {
            return Err(EmitError::AckIdInUse);
        }
        if self.acks.len() >= self.config.max_pending_acks {
            return Err(EmitError::TooManyAcks);
        }
        let pressure = self.send(packet)?;
        self.acks.insert(socket, id, deadline);
        Ok(pressure)
    }

    /// Stops waiting for an ack. No [`Event::Acked`] follows; a later ack is ignored.
    pub fn forget_ack(&mut self, socket: SocketKey, id: u64) {
        self.acks.settle(socket, id);
    }

    /// Disconnects one socket: DISCONNECT is queued, [`Event::Disconnected`] follows, the connection stays. A pending
    /// socket is given up in the same way. Nothing happens for a socket that left.
    pub fn disconnect(&mut self, socket: SocketKey) {
        if let Some(member) = self.member(socket) {
            let packet = encode::disconnect(&member.namespace);
            // Full or closing: the client learns it from the close that follows.
            _ = self.send(&packet);
            self.remove(socket, DisconnectReason::ServerNamespaceDisconnect);
        }
    }

    /// Disconnects every socket, then closes the connection once that has been delivered.
    pub fn disconnect_all(&mut self, now: Instant) {
        for key in self.keys() {
            self.disconnect(key);
        }
        self.close_engine(now);
    }

    /// Closes the connection because the server stops: no DISCONNECT is sent, sockets leave with
    /// [`ServerShuttingDown`](DisconnectReason::ServerShuttingDown), and what was queued is delivered first.
    pub fn shut_down(&mut self, now: Instant) {
        self.remove_all(DisconnectReason::ServerShuttingDown);
        self.close_engine(now);
    }

    /// Closes the engine session once what is queued has left; sockets leave with `forced close` at its end.
    pub fn close(&mut self, now: Instant) {
        self.close_engine(now);
    }

    /// Closes the engine session at once. What is queued is lost.
    pub fn discard(&mut self, now: Instant) {
        self.engine.discard(now);
        self.process(now);
    }
}
