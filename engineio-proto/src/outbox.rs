//! The packets to send to the peer, bounded in bytes, and the credit of one batch in flight.

use crate::{Data, Packet, Pressure, SendError, queue};
use std::collections::VecDeque;

/// Packets in order, from `send` until the driver reports them flushed.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<Packet>,
    /// The cost of all queued packets, `later` included.
    queued: usize,
    /// The cost of the packets that were handed out and are not flushed.
    in_flight: usize,
    credit: Credit,
    /// A `send` returned `High` or `Full`, so the end of the pressure is reported.
    ready_owed: bool,
    /// The parts that follow once the queue is empty, one after the other.
    later: Vec<Part>,
    /// The current part is complete: a new message begins another part, even if the queue is empty.
    sealed: bool,
}

/// Packets that do not share a batch with others.
#[derive(Debug, Default)]
struct Part {
    queue: VecDeque<Packet>,
    /// The part is complete: a new message begins another part.
    sealed: bool,
}

/// Whether a batch may be handed out for a WebSocket. (Polling does not need it: a pending GET or the end of a POST is its credit.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credit {
    Free,
    /// A batch is being handed out, packet by packet.
    Batching,
    /// A batch has been handed out and is not flushed.
    Spent,
}

/// How much of the limit a packet takes: its data and its slot in the queue, so that empty messages are bounded, too.
fn cost(packet: &Packet) -> usize {
    packet.body().len() + size_of::<Packet>()
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            queued: 0,
            in_flight: 0,
            credit: Credit::Free,
            ready_owed: false,
            later: Vec::new(),
            sealed: false,
        }
    }

    /// Queues a packet of the protocol, such as a ping, regardless of the limit.
    pub(crate) fn push(&mut self, packet: Packet) {
        self.queued += cost(&packet);
        self.queue.push_back(packet);
    }

    /// Queues all messages of the batch, or none.
    #[inline]
    pub(crate) fn send(&mut self, batch: impl IntoIterator<Item = Data>, limit: usize) -> Result<Pressure, SendError> {
        let begins_part = self.later.last().map_or(self.sealed, |part| part.sealed);
        self.send_in(batch, limit, begins_part)
    }

    /// Queues a message in a part of its own.
    pub(crate) fn send_alone(&mut self, data: Data, limit: usize) -> Result<Pressure, SendError> {
        let pressure = self.send_in([data], limit, true)?;
        if let Some(part) = self.later.last_mut() {
            part.sealed = true;
        }
        Ok(pressure)
    }

    #[inline]
    fn send_in(
        &mut self,
        batch: impl IntoIterator<Item = Data>,
        limit: usize,
        begins_part: bool,
    ) -> Result<Pressure, SendError> {
        if begins_part {
            self.later.push(Part::default());
        }
        let queue = self.later.last_mut().map_or(&mut self.queue, |part| &mut part.queue);
        let (length, queued) = (queue.len(), self.queued);
        let mut batch = batch.into_iter();
        while let Some(data) = batch.next() {
            let packet = Packet::Message(data);
            self.queued += cost(&packet);
            queue.push_back(packet);
            if self.queued + self.in_flight > limit {
                let size = batch.fold(self.queued - queued, |size, data| size + cost(&Packet::Message(data)));
                queue.truncate(length);
                if begins_part {
                    self.later.pop();
                }
                self.queued = queued;
                self.ready_owed |= size <= limit;
                return Err(if size <= limit { SendError::Full } else { SendError::TooLarge });
            }
        }
        let pressure = self.pressure(limit);
        self.ready_owed |= pressure == Pressure::High;
        Ok(pressure)
    }

    /// Begins the next part, if the current one is empty. Call it only while no batch is in flight.
    pub(crate) fn begin_part(&mut self) -> bool {
        let begins = self.queue.is_empty() && !self.later.is_empty();
        if begins {
            Part { queue: self.queue, sealed: self.sealed } = self.later.remove(0);
        }
        begins
    }

    /// The next packet of a batch for the WebSocket. `None` ends the batch; no other begins before [`Outbox::free`].
    pub(crate) fn pop(&mut self) -> Option<Packet> {
        if self.credit == Credit::Spent {
            return None;
        }
        let packet = self.queue.pop_front();
        match &packet {
            Some(packet) => {
                let cost = cost(packet);
                self.queued -= cost;
                self.in_flight += cost;
                self.credit = Credit::Batching;
            }
            None => {
                self.trim();
                if self.credit == Credit::Batching {
                    self.credit = Credit::Spent;
                }
            }
        }
        packet
    }

    /// Takes the whole queue, for the pending GET. (A server has no other parts.)
    pub(crate) fn take(&mut self, write: impl FnOnce(&VecDeque<Packet>) -> bytes::Bytes) -> bytes::Bytes {
        let body = write(&self.queue);
        self.queue.clear();
        self.trim();
        self.in_flight += std::mem::take(&mut self.queued);
        body
    }

    /// Takes the first packets, for the next POST or for the pending GET; `write` returns how many, and their encoded form.
    pub(crate) fn take_some(&mut self, write: impl FnOnce(&VecDeque<Packet>) -> (usize, bytes::Bytes)) -> bytes::Bytes {
        self.begin_part();
        let (count, body) = write(&self.queue);
        let taken: usize = self.queue.drain(..count.min(self.queue.len())).map(|packet| cost(&packet)).sum();
        self.queued -= taken;
        self.in_flight += taken;
        self.trim();
        body
    }

    /// Queues a packet of the protocol before all others, regardless of the limit.
    pub(crate) fn push_front(&mut self, packet: Packet) {
        self.queued += cost(&packet);
        self.queue.push_front(packet);
    }

    /// A batch that did not come from the queue, such as a probe packet, was handed out for the WebSocket.
    pub(crate) fn spend(&mut self) {
        self.credit = Credit::Spent;
    }

    /// The batch for the WebSocket was flushed, so the next one may follow.
    pub(crate) fn free(&mut self) {
        self.credit = Credit::Free;
    }

    /// The packets in flight were delivered. Returns whether a `Ready` event is due.
    pub(crate) fn arrived(&mut self, limit: usize) -> bool {
        self.in_flight = 0;
        let ready = self.ready_owed && self.pressure(limit) == Pressure::Low;
        self.ready_owed &= !ready;
        ready
    }

    /// Drops all packets and frees the memory.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.later.is_empty()
    }

    /// Whether no batch for the WebSocket is in flight.
    pub(crate) fn is_free(&self) -> bool {
        self.credit == Credit::Free
    }

    pub(crate) fn buffered(&self) -> usize {
        self.queued + self.in_flight
    }

    pub(crate) fn pressure(&self, limit: usize) -> Pressure {
        if self.buffered() > limit / 2 { Pressure::High } else { Pressure::Low }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    fn trim(&mut self) {
        queue::shrink_if_empty(&mut self.queue, queue::MAX_IDLE_CAPACITY / 2);
    }
}
