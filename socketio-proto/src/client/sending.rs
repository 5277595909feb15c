//! Sending packets, and the buffers for those that can't be sent yet.

use engineio_proto::client::Session;
use engineio_proto::{Data, Instant, Pressure, SendError};

use super::link::Link;
use super::manager::{Manager, ReadyEvent};
use super::{Emitted, Event, RetryId, buffer};
use crate::{AckError, EmitError, Encoded, SocketKey, encode};

/// A CONNECT or DISCONNECT.
#[derive(Debug)]
pub(super) struct Control {
    socket: SocketKey,
    packet: Encoded,
    /// Whether it is a DISCONNECT.
    leaves: bool,
}

/// Commands: sending.
///
/// The packet passed to each must have been encoded for the socket's namespace by
/// [`encode::event`](crate::encode::event) or [`encode::ack`](crate::encode::ack).
impl Manager {
    /// Sends an event, or buffers it until the socket is connected. Events are sent in emit order.
    ///
    /// An event passed to a connection is lost with it. A buffered event that exceeds the `outbox_limit` of the engine
    /// session is dropped; its ack, if any, fails with [`AckError::Disconnected`](crate::AckError::Disconnected).
    ///
    /// # Errors
    /// [`EmitError::Full`], [`EmitError::TooLarge`], or [`EmitError::Disconnected`] if the socket is unknown.
    pub fn emit(&mut self, socket: SocketKey, packet: impl Into<Encoded>, now: Instant) -> Result<Emitted, EmitError> {
        self.elapse(now);
        let emitted = self.put(socket, packet.into(), None);
        self.watch_pressure();
        emitted
    }

    /// Sends an event only if it can be sent at once: the socket is connected, nothing is queued, and no batch is in
    /// flight. Returns whether it was sent; otherwise it is dropped.
    pub fn emit_volatile(&mut self, socket: SocketKey, packet: impl Into<Encoded>, now: Instant) -> bool {
        self.elapse(now);
        let free = self.member(socket).is_some_and(|member| member.is_connected() && member.buffer.is_empty());
        let writable = self.engine().is_some_and(|engine| engine.writable());
        free && writable && !self.holding && self.send(&packet.into()).is_ok()
    }

    /// Returns an ack id that the socket has not used yet. The ids count from 0 and are not reset by a new connection;
    /// pending ids chosen by the caller are skipped. Returns 0 if the socket is unknown.
    pub fn next_ack_id(&mut self, socket: SocketKey) -> u64 {
        let Some(index) = self.index(socket) else { return 0 };
        let id = self.free_ack_id(index);
        self.used_ack_id(index, id);
        id
    }

    /// Like [`emit`](Self::emit), for an event encoded with the ack id `id`. [`Event::Acked`] follows exactly once:
    ///
    /// - with the server's arguments;
    /// - with [`AckError::Timeout`](crate::AckError::Timeout) at `deadline`, connected or not;
    /// - with [`AckError::Disconnected`](crate::AckError::Disconnected) if the connection is lost after the event was
    ///   passed to it;
    /// - without a deadline, also with `Disconnected` if the socket [is over](Self::is_over) before. The event is not
    ///   sent then.
    ///
    /// # Errors
    /// Any [`EmitError`]. No `Acked` follows then. [`EmitError::Disconnected`] also without a deadline if the socket
    /// [is over](Self::is_over), because nothing would settle the ack.
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

    /// Stops waiting for an ack. No [`Event::Acked`] follows; a later ack is ignored. A buffered event is still sent.
    pub fn forget_ack(&mut self, socket: SocketKey, id: u64) {
        let Some(member) = self.member_mut(socket) else { return };
        // The acks of the retry queue are not the caller's.
        if !member.retries.awaits(id) {
            member.buffer.forget(id);
            self.acks.settle(socket, id);
        }
    }

    /// Sends an event until the server acknowledges it: at least once, possibly several times.
    ///
    /// One packet is in flight at a time, so that their order is kept. It is sent again after
    /// [`SocketConfig::ack_timeout`](super::SocketConfig::ack_timeout) and after the loss of the connection, at most
    /// [`SocketConfig::retries`](super::SocketConfig::retries) times, each time with its own ack id.
    /// [`Event::Delivered`] follows exactly once.
    ///
    /// # Errors
    /// [`EmitError::Full`], [`EmitError::TooLarge`], or [`EmitError::Disconnected`] if the socket is unknown.
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

    /// Sends an ack that the server requested. The driver must not send an ack for an event of an earlier connection.
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
    /// Advances the clock before a packet is emitted. If a deadline of the engine session has expired unhandled,
    /// emitted packets are held: a process that was suspended may emit before its timers fire and before it reads what
    /// has arrived, and the packets would be lost with the connection.
    pub(super) fn elapse(&mut self, now: Instant) -> Instant {
        let now = self.clock(now);
        self.holding |= self.is_overdue();
        now
    }

    fn is_overdue(&self) -> bool {
        self.engine().and_then(Session::poll_timeout).is_some_and(|due| due <= self.now)
    }

    /// Ends the hold and sends the buffered packets, if the deadline is no longer expired or `force` is set.
    pub(super) fn end_hold(&mut self, force: bool) {
        if self.holding && (force || !self.is_overdue()) {
            self.holding = false;
            self.resume_sending();
        }
    }

    fn put(&mut self, socket: SocketKey, packet: Encoded, id: Option<u64>) -> Result<Emitted, EmitError> {
        let member = self.member(socket).ok_or(EmitError::Disconnected)?;
        if member.is_connected() && member.buffer.is_empty() && !self.holding {
            match self.send(&packet) {
                Ok(pressure) => return Ok(Emitted::Sent(pressure)),
                Err(SendError::Full) => return Err(self.full()),
                Err(SendError::TooLarge) => return Err(EmitError::TooLarge),
                // Buffered for the next session.
                Err(SendError::Closed) => {}
            }
        }
        self.reserve(&packet)?;
        if let Some(member) = self.member_mut(socket) {
            member.buffer.push(packet, id);
        }
        Ok(Emitted::Buffered(self.pressure()))
    }

    /// Reserves space for a packet in the buffers.
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

    /// Releases the space of a packet that left the buffers.
    pub(super) fn release(&mut self, packet: &Encoded) {
        self.buffered -= buffer::cost(packet);
        self.space_released();
    }

    /// Passes a packet to the engine session.
    fn send(&mut self, packet: &Encoded) -> Result<Pressure, SendError> {
        let Link::Open(engine) = &mut self.link else { return Err(SendError::Closed) };
        match packet.single() {
            Some(text) => engine.session.send(Data::Text(text.clone())),
            None => engine.session.send_batch(packet.messages()),
        }
    }

    /// Sends CONNECT, or queues it if the engine session is full: a control packet can't be dropped.
    pub(super) fn send_connect(&mut self, socket: SocketKey, packet: Encoded) {
        self.control(Control { socket, packet, leaves: false });
    }

    /// Sends DISCONNECT, or queues it if the engine session is full.
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
            // The reference's server drops events that it reads together with a DISCONNECT, and closes the connection
            // if it reads a CONNECT together with one.
            (Some(text), Link::Open(engine)) if control.leaves => engine.session.send_alone(Data::Text(text.clone())),
            _ => self.send(&control.packet),
        }
    }

    /// Whether a CONNECT or DISCONNECT of the socket is queued.
    pub(super) fn has_queued_control(&self, socket: SocketKey) -> bool {
        self.controls.iter().any(|control| control.socket == socket)
    }

    /// Sends queued packets when the engine session has space again.
    pub(super) fn resume_sending(&mut self) {
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

    /// Sends the buffered packets of a connected socket, as far as they fit.
    pub(super) fn send_waiting(&mut self, index: usize) {
        if self.holding {
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

    /// Sends the first packet of the retry queue, if it is not in flight.
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

    /// Whether a packet exceeds the outbox limit of the connection, which may be unknown when it is emitted. Such a
    /// packet must not block those after it.
    fn never_fits(&self, packet: &Encoded) -> bool {
        buffer::engine_cost(packet) > self.outbox_limit
    }

    /// The next ack id of a socket that is not pending.
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

    /// A packet is refused: schedules [`Event::Ready`].
    fn full(&mut self) -> EmitError {
        self.ready = ReadyEvent::AfterRelease;
        EmitError::Full
    }

    /// The buffers have shrunk: a refused packet may fit now.
    pub(super) fn space_released(&mut self) {
        if self.ready == ReadyEvent::AfterRelease {
            self.ready = ReadyEvent::AtLowPressure;
        }
    }

    /// Reports [`Event::Ready`] when the pressure is low again.
    pub(super) fn watch_pressure(&mut self) {
        if self.pressure() == Pressure::High {
            self.ready = ReadyEvent::AtLowPressure;
        } else if self.ready == ReadyEvent::AtLowPressure {
            self.ready = ReadyEvent::NotDue;
            self.events.push_back(Event::Ready);
        }
    }
}
