//! The commands of a connection.

use engineio_proto::{Data, Instant, Pressure, Sid};

use super::DisconnectReason;
use super::connection::{Connection, Phase};
use crate::{EmitError, Encoded, Json, SocketKey, encode};

/// Commands: what the server does with the connection and its sockets.
impl Connection {
    /// Accepts a pending socket. Queues CONNECT with the new socket id, before any other packet of this socket. Returns
    /// the id.
    ///
    /// The id is derived from `entropy`: 15 random bytes.
    ///
    /// # Errors
    /// The socket has not joined, and [`Event::Disconnected`](super::Event::Disconnected) follows unless it came
    /// before:
    ///
    /// - [`EmitError::Disconnected`]: the socket is not pending (any more), because the client left or the connection is
    ///   closing.
    /// - [`EmitError::Full`], [`EmitError::TooLarge`]: the outbox has no space for the packet, so the connection is closed.
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

    /// Refuses a pending socket with a CONNECT_ERROR. `error` is passed to the client's `connect_error` handlers: an
    /// object with `message` and optionally `data`. The client may try again.
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

    /// Queues a packet for a connected socket: an event, or an ack that the client requested. The packet must have been
    /// encoded for the socket's namespace by [`encode::event`] or [`encode::ack`]. Pass it by value if it is for this
    /// socket alone, and by reference if it is shared. Returns the pressure of the outbox.
    ///
    /// # Errors
    /// [`EmitError::Disconnected`], [`EmitError::Full`] or [`EmitError::TooLarge`].
    pub fn emit(&mut self, socket: SocketKey, packet: impl Into<Encoded>) -> Result<Pressure, EmitError> {
        self.connected(socket)?;
        self.send(packet.into())
    }

    /// Queues a packet only if it can be sent at once: nothing is queued and no batch is in flight. Returns whether it
    /// was queued; otherwise it is dropped.
    pub fn emit_volatile(&mut self, socket: SocketKey, packet: impl Into<Encoded>) -> bool {
        self.connected(socket).is_ok() && self.engine.writable() && self.send(packet.into()).is_ok()
    }

    /// Like [`emit`](Self::emit), for an event encoded with the ack id `id`. [`Event::Acked`](super::Event::Acked)
    /// follows exactly once: with the client's arguments, with [`AckError::Timeout`](crate::AckError::Timeout) at
    /// `deadline`, or with [`AckError::Disconnected`](crate::AckError::Disconnected).
    ///
    /// The driver chooses the ids, because a broadcast uses one id for many connections.
    ///
    /// # Errors
    /// Any [`EmitError`]. No `Acked` follows then.
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

    /// Disconnects one socket, connected or pending: queues DISCONNECT, and
    /// [`Event::Disconnected`](super::Event::Disconnected) follows. The connection stays open, unless the outbox has no
    /// space for the packet. Does nothing for a socket that has left.
    ///
    /// Packets that the client sends to the namespace before it receives the DISCONNECT are ignored, until it joins
    /// again.
    pub fn disconnect(&mut self, socket: SocketKey) {
        if let Some(member) = self.member(socket) {
            member.phase = Phase::Left;
            let packet = encode::disconnect(&member.namespace);
            self.removed(socket, DisconnectReason::ServerNamespaceDisconnect);
            // If the outbox is full, this closes the connection. If the connection is closing, no DISCONNECT is needed.
            _ = self.send_control(packet);
        }
    }

    /// Disconnects every socket, then closes the connection once the DISCONNECTs have been delivered.
    pub fn disconnect_all(&mut self, now: Instant) {
        self.clock(now);
        for member in &self.members {
            if member.phase == Phase::Connected {
                let packet = encode::disconnect(&member.namespace);
                // No DISCONNECT is needed if it does not fit: the connection is closed anyway.
                _ = self.engine.send(Data::Text(packet.text().clone()));
            }
        }
        self.remove_all(DisconnectReason::ServerNamespaceDisconnect);
        self.close_engine();
    }

    /// Closes the connection because the server shuts down: queued packets are delivered first, no DISCONNECT is sent,
    /// and the sockets are disconnected with [`ServerShuttingDown`](DisconnectReason::ServerShuttingDown).
    pub fn shut_down(&mut self, now: Instant) {
        self.clock(now);
        self.remove_all(DisconnectReason::ServerShuttingDown);
        self.close_engine();
    }

    /// Closes the engine session once queued packets have been sent; its end disconnects the sockets with `forced
    /// close`. Until then nothing can be emitted, and acks may time out.
    pub fn close(&mut self, now: Instant) {
        self.clock(now);
        self.close_engine();
    }

    /// Closes the engine session at once. Queued packets are dropped.
    pub fn discard(&mut self, now: Instant) {
        let now = self.clock(now);
        self.engine.discard(now);
        self.process();
    }
}
