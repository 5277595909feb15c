//! What the server wants of a connection.

use engineio_proto::{Data, Instant, Pressure, Sid};

use super::DisconnectReason;
use super::connection::{Connection, Phase};
use crate::{EmitError, Encoded, Json, SocketKey, encode};

/// Commands: the server's wishes.
impl Connection {
    /// Lets a pending socket join. CONNECT with the new socket id is queued before anything else of this socket.
    ///
    /// `entropy` becomes the id: 15 random bytes.
    ///
    /// # Errors
    /// The socket has not joined, and [`Event::Disconnected`](super::Event::Disconnected) follows if it has not gone before:
    /// [`EmitError::Disconnected`] if it is not pending (any more) because the client left meanwhile, or the connection is closing;
    /// [`EmitError::Full`] if the client has to read first, [`EmitError::TooLarge`] if that would not help: the connection is being closed.
    pub fn accept(&mut self, socket: SocketKey, entropy: [u8; 15]) -> Result<Sid, EmitError> {
        let member = self.pending(socket)?;
        let id = Sid::from_entropy(entropy);
        let packet = encode::connect(&member.namespace, Some(&Json::object([("sid", &*id)])));
        self.send_control(packet)?;
        if let Some(member) = self.member(socket) {
            member.phase = Phase::Connected;
        }
        self.connect_deadline = None;
        Ok(id)
    }

    /// Refuses a pending socket with a CONNECT_ERROR. `error` is what the client's `connect_error` shows: an object with
    /// `message` and perhaps `data`. The client may try again.
    ///
    /// # Errors
    /// As for [`accept`](Self::accept). If the refusal was queued, no `Disconnected` follows.
    pub fn refuse(&mut self, socket: SocketKey, error: &Json) -> Result<(), EmitError> {
        let member = self.pending(socket)?;
        let packet = encode::connect_error(&member.namespace, error);
        self.send_control(packet)?;
        self.members.retain(|member| member.key != socket);
        Ok(())
    }

    /// Queues a packet for a connected socket: an event, or the ack that the client asked for. It was encoded for the
    /// socket's namespace by [`encode::event`] or [`encode::ack`]. Give it away if it is for this socket alone, and by reference if
    /// it is shared.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`], [`EmitError::Full`] or [`EmitError::TooLarge`].
    pub fn emit(&mut self, socket: SocketKey, packet: impl Into<Encoded>) -> Result<Pressure, EmitError> {
        self.connected(socket)?;
        self.send(packet.into())
    }

    /// Queues a packet only if it can leave at once: nothing is queued, and no batch is under way. Answers whether it did.
    pub fn emit_volatile(&mut self, socket: SocketKey, packet: impl Into<Encoded>) -> bool {
        self.connected(socket).is_ok() && self.engine.writable() && self.send(packet.into()).is_ok()
    }

    /// Like [`emit`](Self::emit), for an event encoded with the ack id `id`. [`Event::Acked`](super::Event::Acked) follows exactly once: with
    /// the client's arguments, with [`AckError::Timeout`](crate::AckError::Timeout) at `deadline`, or with [`AckError::Disconnected`](crate::AckError::Disconnected).
    ///
    /// The driver picks the ids, because a broadcast carries one id to many connections.
    ///
    /// # Errors
    /// Any [`EmitError`]; then no `Acked` follows.
    pub fn emit_with_ack(
        &mut self,
        socket: SocketKey,
        packet: impl Into<Encoded>,
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
        let pressure = self.send(packet.into())?;
        self.acks.insert(socket, id, deadline);
        Ok(pressure)
    }

    /// Stops waiting for an ack. No [`Event::Acked`](super::Event::Acked) follows; a later ack is ignored.
    pub fn forget_ack(&mut self, socket: SocketKey, id: u64) {
        self.acks.settle(socket, id);
    }

    /// Disconnects one socket: DISCONNECT is queued, [`Event::Disconnected`](super::Event::Disconnected) follows, the connection
    /// stays (unless its outbox has no room for the packet). A pending socket is given up in the same way. Nothing happens for
    /// a socket that left.
    ///
    /// What the client says to the namespace before it hears of this is ignored, until it joins again.
    pub fn disconnect(&mut self, socket: SocketKey) {
        if let Some(member) = self.member(socket) {
            member.phase = Phase::Left;
            let packet = encode::disconnect(&member.namespace);
            self.removed(socket, DisconnectReason::ServerNamespaceDisconnect);
            // Full: the connection is being closed. Closing: the client learns it from that.
            _ = self.send_control(packet);
        }
    }

    /// Disconnects every socket, then closes the connection once that has been delivered.
    pub fn disconnect_all(&mut self, now: Instant) {
        self.clock(now);
        for member in &self.members {
            if member.phase == Phase::Connected {
                let packet = encode::disconnect(&member.namespace);
                // If it does not fit: the client learns it from the close.
                _ = self.engine.send(Data::Text(packet.text().clone()));
            }
        }
        self.remove_all(DisconnectReason::ServerNamespaceDisconnect);
        self.close_engine();
    }

    /// Closes the connection because the server stops: no DISCONNECT is sent, sockets leave with
    /// [`ServerShuttingDown`](DisconnectReason::ServerShuttingDown), and what was queued is delivered first.
    pub fn shut_down(&mut self, now: Instant) {
        self.clock(now);
        self.remove_all(DisconnectReason::ServerShuttingDown);
        self.close_engine();
    }

    /// Closes the engine session once what is queued has left; sockets leave with `forced close` at its end. Until then their
    /// acks may expire, and nothing can be emitted.
    pub fn close(&mut self, now: Instant) {
        self.clock(now);
        self.close_engine();
    }

    /// Closes the engine session at once. What is queued is lost.
    pub fn discard(&mut self, now: Instant) {
        let now = self.clock(now);
        self.engine.discard(now);
        self.process();
    }
}
