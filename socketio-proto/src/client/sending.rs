//! What the application sends, and what waits until it can be sent.

use engineio_proto::client::Session;
use engineio_proto::{Data, Instant, Pressure, SendError};

use super::link::Link;
use super::manager::{Manager, Room};
use super::{Emitted, Event, RetryId, buffer};
use crate::{AckError, EmitError, Encoded, SocketKey, encode};

/// A packet that tells the server which sockets there are.
#[derive(Debug)]
pub(super) struct Control {
    socket: SocketKey,
    packet: Encoded,
    /// DISCONNECT; otherwise CONNECT.
    leaves: bool,
}

/// Commands: sockets send.
///
/// The packet of each was encoded for the socket's namespace by [`encode::event`](crate::encode::event) or
/// [`encode::ack`](crate::encode::ack).
impl Manager {
    /// Sends an event, or keeps it until the socket is connected. What was emitted first leaves first.
    ///
    /// What has been handed to a connection is lost with it. So is what was kept and turns out to be larger than all that the engine
    /// session takes (`outbox_limit`): an ack that it asked for is settled with
    /// [`AckError::Disconnected`](crate::AckError::Disconnected).
    ///
    /// # Errors
    /// [`EmitError::Full`], [`EmitError::TooLarge`], or [`EmitError::Disconnected`] if there is no such socket.
    pub fn emit(&mut self, socket: SocketKey, packet: impl Into<Encoded>, now: Instant) -> Result<Emitted, EmitError> {
        self.elapse(now);
        let emitted = self.put(socket, packet.into(), None);
        self.watch_pressure();
        emitted
    }

    /// Sends an event only if it can leave at once: the socket is connected, nothing is queued, and no batch is under way. Answers
    /// whether it did.
    pub fn emit_volatile(&mut self, socket: SocketKey, packet: impl Into<Encoded>, now: Instant) -> bool {
        self.elapse(now);
        let free = self.member(socket).is_some_and(|member| member.is_connected() && member.buffer.is_empty());
        let writable = self.engine().is_some_and(|engine| engine.writable());
        free && writable && !self.doubtful && self.send(&packet.into()).is_ok()
    }

    /// An ack id that the socket has not used yet. They count from 0, and on from one connection to the next; one that was chosen
    /// otherwise and is still owed is passed over. 0 if there is no such socket.
    pub fn next_ack_id(&mut self, socket: SocketKey) -> u64 {
        let Some(index) = self.index(socket) else { return 0 };
        let id = self.free_ack_id(index);
        self.used_ack_id(index, id);
        id
    }

    /// Like [`emit`](Self::emit), for an event encoded with the ack id `id`. [`Event::Acked`] follows exactly once: with the server's
    /// arguments, with [`AckError::Timeout`](crate::AckError::Timeout) at `deadline`, connected or not, or with [`AckError::Disconnected`](crate::AckError::Disconnected) when the connection
    /// to which it was handed is lost. Without a deadline it is that, too, when the socket [is over](Self::is_over) before the event was
    /// sent, and the event is not sent any more.
    ///
    /// # Errors
    /// Any [`EmitError`]; then no `Acked` follows. [`EmitError::Disconnected`] also for an event without a deadline of a socket that
    /// [is over](Self::is_over): nothing would end the waiting.
    pub fn emit_with_ack(
        &mut self,
        socket: SocketKey,
        packet: impl Into<Encoded>,
        id: u64,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Result<Emitted, EmitError> {
        self.elapse(now);
        if deadline.is_none() && self.is_over(socket) {
            return Err(EmitError::Disconnected);
        }
        if self.acks.contains(socket, id) {
            return Err(EmitError::AckIdInUse);
        }
        if self.acks.len() >= self.config.max_pending_acks {
            return Err(EmitError::TooManyAcks);
        }
        let emitted = self.put(socket, packet.into(), Some(id))?;
        self.acks.insert(socket, id, deadline);
        self.watch_pressure();
        Ok(emitted)
    }

    /// Stops waiting for an ack. No [`Event::Acked`] follows; a later ack is ignored. The event is sent all the same.
    pub fn forget_ack(&mut self, socket: SocketKey, id: u64) {
        let Some(member) = self.member_mut(socket) else { return };
        // That of a retry queue is not the caller's.
        if !member.retries.awaits(id) {
            member.buffer.forget(id);
            self.acks.settle(socket, id);
        }
    }

    /// Sends an event until the server acknowledges it: at least once if the connection ever lasts, perhaps several times.
    ///
    /// One is under way at a time, so that their order is kept. It is sent again when
    /// [`SocketConfig::ack_timeout`](super::SocketConfig::ack_timeout) has passed and when the connection was lost,
    /// [`SocketConfig::retries`](super::SocketConfig::retries) times at most, each time with an ack id of its own. [`Event::Delivered`]
    /// follows exactly once.
    ///
    /// # Errors
    /// [`EmitError::Full`], [`EmitError::TooLarge`], or [`EmitError::Disconnected`] if there is no such socket.
    pub fn emit_reliable(
        &mut self,
        socket: SocketKey,
        packet: impl Into<Encoded>,
        now: Instant,
    ) -> Result<RetryId, EmitError> {
        self.elapse(now);
        let packet = packet.into();
        let index = self.index(socket).ok_or(EmitError::Disconnected)?;
        self.reserve(&packet)?;
        let retry = RetryId(self.next_retry);
        self.next_retry += 1;
        if let Some(member) = self.members.get_mut(index) {
            member.retries.push(retry, packet);
        }
        self.send_waiting(index);
        self.watch_pressure();
        Ok(retry)
    }

    /// Sends the ack that the server asked for. One for an event of an earlier connection has no receiver any more: it is the driver's to
    /// see that it is not sent.
    ///
    /// # Errors
    /// [`EmitError::Full`], [`EmitError::TooLarge`], or [`EmitError::Disconnected`] if the socket is not connected.
    pub fn send_ack(
        &mut self,
        socket: SocketKey,
        packet: impl Into<Encoded>,
        now: Instant,
    ) -> Result<Pressure, EmitError> {
        self.clock(now);
        if !self.is_connected(socket) {
            return Err(EmitError::Disconnected);
        }
        let sent = self.send(&packet.into()).map_err(|error| match error {
            SendError::Full => self.full(),
            SendError::TooLarge => EmitError::TooLarge,
            SendError::Closed => EmitError::Disconnected,
        });
        self.watch_pressure();
        sent
    }
}

impl Manager {
    /// Sees whether the connection may be gone at this time, although nobody has judged it: a process that stood still may emit before
    /// its timers fire, and before it reads what has arrived. What it emits waits then, so that it is not lost with the connection.
    pub(super) fn elapse(&mut self, now: Instant) -> Instant {
        let now = self.clock(now);
        self.doubtful |= self.is_overdue();
        now
    }

    fn is_overdue(&self) -> bool {
        self.engine().and_then(Session::poll_timeout).is_some_and(|due| due <= self.now)
    }

    /// Sends what waited while the connection was in doubt, if it is no longer, or if it is to be sent in any case.
    pub(super) fn trust(&mut self, in_any_case: bool) {
        if self.doubtful && (in_any_case || !self.is_overdue()) {
            self.doubtful = false;
            self.send_on();
        }
    }

    fn put(&mut self, socket: SocketKey, packet: Encoded, id: Option<u64>) -> Result<Emitted, EmitError> {
        let member = self.member(socket).ok_or(EmitError::Disconnected)?;
        if member.is_connected() && member.buffer.is_empty() && !self.doubtful {
            match self.send(&packet) {
                Ok(pressure) => return Ok(Emitted::Sent(pressure)),
                Err(SendError::Full) => return Err(self.full()),
                Err(SendError::TooLarge) => return Err(EmitError::TooLarge),
                // There will be another session.
                Err(SendError::Closed) => {}
            }
        }
        self.reserve(&packet)?;
        if let Some(member) = self.member_mut(socket) {
            member.buffer.push(packet, id);
        }
        Ok(Emitted::Buffered(self.pressure()))
    }

    /// Makes room for a packet in the buffers.
    fn reserve(&mut self, packet: &Encoded) -> Result<(), EmitError> {
        let cost = buffer::cost(packet);
        if cost > self.config.send_buffer_limit || self.never_fits(packet) {
            return Err(EmitError::TooLarge);
        }
        let buffered = self.buffered.saturating_add(cost);
        if buffered > self.config.send_buffer_limit {
            return Err(self.full());
        }
        self.buffered = buffered;
        Ok(())
    }

    /// A packet has left the buffers.
    pub(super) fn release(&mut self, packet: &Encoded) {
        self.buffered -= buffer::cost(packet);
        self.relieved();
    }

    /// Hands a packet to the engine session.
    fn send(&mut self, packet: &Encoded) -> Result<Pressure, SendError> {
        let Link::Open(engine) = &mut self.link else { return Err(SendError::Closed) };
        match packet.single() {
            Some(text) => engine.session.send(Data::Text(text.clone())),
            None => engine.session.send_batch(packet.messages()),
        }
    }

    /// Tells the server that a socket comes. It can't be left out: it waits for room.
    pub(super) fn send_connect(&mut self, socket: SocketKey, packet: Encoded) {
        self.control(Control { socket, packet, leaves: false });
    }

    /// Tells the server that a socket leaves.
    pub(super) fn send_disconnect(&mut self, socket: SocketKey, namespace: &str) {
        self.control(Control { socket, packet: encode::disconnect(namespace), leaves: true });
    }

    fn control(&mut self, control: Control) {
        if !self.controls.is_empty() || self.try_control(&control) == Err(SendError::Full) {
            self.controls.push_back(control);
        }
    }

    fn try_control(&mut self, control: &Control) -> Result<Pressure, SendError> {
        match (control.packet.single(), &mut self.link) {
            // The reference's server forgets the events that it reads together with a DISCONNECT, and closes the connection if it
            // reads a CONNECT together with one.
            (Some(text), Link::Open(engine)) if control.leaves => engine.session.send_alone(Data::Text(text.clone())),
            _ => self.send(&control.packet),
        }
    }

    /// Whether the server has not been told all of what became of a socket.
    pub(super) fn is_behind(&self, socket: SocketKey) -> bool {
        self.controls.iter().any(|control| control.socket == socket)
    }

    /// The engine session has room again.
    pub(super) fn send_on(&mut self) {
        while let Some(control) = self.controls.pop_front() {
            if self.try_control(&control) == Err(SendError::Full) {
                self.controls.push_front(control);
                return;
            }
        }
        for index in 0..self.members.len() {
            self.send_waiting(index);
        }
    }

    /// Sends what waits for a connected socket, as far as there is room.
    pub(super) fn send_waiting(&mut self, index: usize) {
        if self.doubtful {
            return;
        }
        while let Some(member) = self.members.get(index).filter(|member| member.is_connected()) {
            let Some(packet) = member.buffer.front().cloned() else { return self.send_next_try(index) };
            let lost = self.never_fits(&packet);
            if !lost && self.send(&packet).is_err() {
                return;
            }
            self.release(&packet);
            let Some(member) = self.members.get_mut(index) else { return };
            let (socket, id) = (member.key, member.buffer.pop().and_then(|(_, id)| id));
            if let Some(id) = id.filter(|id| lost && self.acks.settle(socket, *id)) {
                self.events.push_back(Event::Acked { socket, id, result: Err(AckError::Disconnected) });
            }
        }
    }

    /// Sends the first packet of the retry queue, if it is not under way.
    fn send_next_try(&mut self, index: usize) {
        while let Some(packet) = self.members.get(index).and_then(|member| member.retries.next()).cloned() {
            let id = self.free_ack_id(index);
            let Some(member) = self.members.get_mut(index) else { return };
            let (socket, timeout) = (member.key, member.config.ack_timeout);
            let packet = packet.with_id(&member.namespace, id);
            if self.never_fits(&packet) {
                self.give_up_retry(index);
            } else if self.send(&packet).is_err() {
                return;
            } else {
                self.used_ack_id(index, id);
                let deadline = timeout.and_then(|timeout| self.now.checked_add(timeout));
                self.acks.insert(socket, id, deadline);
                if let Some(member) = self.members.get_mut(index) {
                    member.retries.sent(id);
                }
            }
        }
    }

    fn give_up_retry(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else { return };
        let socket = member.key;
        if let Some((retry, packet)) = member.retries.give_up() {
            self.release(&packet);
            self.events.push_back(Event::Delivered { socket, retry, result: Err(AckError::Disconnected) });
        }
    }

    /// Whether a packet is larger than all that the connection takes, although it was not known when it was emitted. It can't be sent,
    /// and must not hold up those behind it.
    fn never_fits(&self, packet: &Encoded) -> bool {
        buffer::engine_cost(packet) > self.outbox_limit
    }

    /// The next ack id of a socket that is not owed.
    fn free_ack_id(&self, index: usize) -> u64 {
        let Some(member) = self.members.get(index) else { return 0 };
        let mut id = member.next_ack;
        while self.acks.contains(member.key, id) {
            id = id.wrapping_add(1);
        }
        id
    }

    fn used_ack_id(&mut self, index: usize, id: u64) {
        if let Some(member) = self.members.get_mut(index) {
            member.next_ack = id.wrapping_add(1);
        }
    }

    /// A packet is refused.
    fn full(&mut self) -> EmitError {
        self.room = Room::Refused;
        EmitError::Full
    }

    /// Something has left.
    pub(super) fn relieved(&mut self) {
        if self.room == Room::Refused {
            self.room = Room::Scarce;
        }
    }

    /// Tells when the pressure is low again.
    pub(super) fn watch_pressure(&mut self) {
        if self.pressure() == Pressure::High {
            self.room = Room::Scarce;
        } else if self.room == Room::Scarce {
            self.room = Room::Ample;
            self.events.push_back(Event::Ready);
        }
    }
}
