//! What waits for the peer, bounded in bytes, and the one credit that lets it leave.

use crate::{Data, Packet, Pressure, SendError, queue};
use std::collections::VecDeque;

/// Packets in order, from `send` until the driver has reported them flushed.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<Packet>,
    /// The cost of what is in the queue.
    queued: usize,
    /// The cost of what left and is not flushed.
    under_way: usize,
    credit: Credit,
    /// Somebody was told to wait.
    awaited: bool,
    /// What leaves once all of the queue has, part by part.
    later: Vec<Part>,
    /// Nothing may be added to the queue, nor to what has left of it.
    full: bool,
}

/// Packets that share no batch with others.
#[derive(Debug, Default)]
struct Part {
    queue: VecDeque<Packet>,
    /// Nothing may be added.
    full: bool,
}

/// Whether a WebSocket takes a batch. (Polling has its own credit: a GET that waits.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credit {
    Free,
    /// A batch is being handed out.
    Lending,
    /// A batch has been handed out and is not flushed.
    Spent,
}

/// What a packet takes of the limit: its data and its place in the queue, so that empty messages are bounded, too.
fn cost(packet: &Packet) -> usize {
    packet.body().len() + size_of::<Packet>()
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            queued: 0,
            under_way: 0,
            credit: Credit::Free,
            awaited: false,
            later: Vec::new(),
            full: false,
        }
    }

    /// Queues a packet of the protocol's own, for which there is always room.
    pub(crate) fn push(&mut self, packet: Packet) {
        self.queued += cost(&packet);
        self.queue.push_back(packet);
    }

    /// Queues all or nothing.
    #[inline]
    pub(crate) fn send(&mut self, batch: impl IntoIterator<Item = Data>, limit: usize) -> Result<Pressure, SendError> {
        let begins = self.later.last().map_or(self.full, |part| part.full);
        self.send_in(batch, limit, begins)
    }

    /// Queues a message that shares its batch with no other.
    pub(crate) fn send_alone(&mut self, data: Data, limit: usize) -> Result<Pressure, SendError> {
        let pressure = self.send_in([data], limit, true)?;
        if let Some(part) = self.later.last_mut() {
            part.full = true;
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
            if self.queued + self.under_way > limit {
                let size = batch.fold(self.queued - queued, |size, data| size + cost(&Packet::Message(data)));
                queue.truncate(length);
                if begins_part {
                    self.later.pop();
                }
                self.queued = queued;
                self.awaited |= size <= limit;
                return Err(if size <= limit { SendError::Full } else { SendError::TooLarge });
            }
        }
        let pressure = self.pressure(limit);
        self.awaited |= pressure == Pressure::High;
        Ok(pressure)
    }

    /// Goes on to the next part, if all before it has left: nothing is under way.
    pub(crate) fn begin_part(&mut self) -> bool {
        let begins = self.queue.is_empty() && !self.later.is_empty();
        if begins {
            Part { queue: self.queue, full: self.full } = self.later.remove(0);
        }
        begins
    }

    /// The next packet for the WebSocket, if it takes one.
    pub(crate) fn lend(&mut self) -> Option<Packet> {
        if self.credit == Credit::Spent {
            return None;
        }
        let packet = self.queue.pop_front();
        match &packet {
            Some(packet) => {
                let cost = cost(packet);
                self.queued -= cost;
                self.under_way += cost;
                self.credit = Credit::Lending;
            }
            None => {
                self.trim();
                if self.credit == Credit::Lending {
                    self.credit = Credit::Spent;
                }
            }
        }
        packet
    }

    /// Everything, for the GET that waits. (Servers send nothing alone.)
    pub(crate) fn take(&mut self, write: impl FnOnce(&VecDeque<Packet>) -> bytes::Bytes) -> bytes::Bytes {
        let body = write(&self.queue);
        self.queue.clear();
        self.trim();
        self.under_way += std::mem::take(&mut self.queued);
        body
    }

    /// The first packets, for a POST when none is under way, or for the GET that waits; `write` says how many and what they are written
    /// as.
    pub(crate) fn take_some(&mut self, write: impl FnOnce(&VecDeque<Packet>) -> (usize, bytes::Bytes)) -> bytes::Bytes {
        self.begin_part();
        let (count, body) = write(&self.queue);
        let taken: usize = self.queue.drain(..count.min(self.queue.len())).map(|packet| cost(&packet)).sum();
        self.queued -= taken;
        self.under_way += taken;
        self.trim();
        body
    }

    /// Queues a packet of the protocol's own in front of all.
    pub(crate) fn push_front(&mut self, packet: Packet) {
        self.queued += cost(&packet);
        self.queue.push_front(packet);
    }

    /// A batch that did not come from the queue left for the WebSocket.
    pub(crate) fn spend(&mut self) {
        self.credit = Credit::Spent;
    }

    /// The WebSocket takes the next batch.
    pub(crate) fn free(&mut self) {
        self.credit = Credit::Free;
    }

    /// What was under way has arrived. Answers whether somebody waits for that and need not any longer.
    pub(crate) fn arrived(&mut self, limit: usize) -> bool {
        self.under_way = 0;
        let relieved = self.awaited && self.pressure(limit) == Pressure::Low;
        self.awaited &= !relieved;
        relieved
    }

    /// Drops all, memory included.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.later.is_empty()
    }

    /// Whether the WebSocket would take a batch.
    pub(crate) fn is_free(&self) -> bool {
        self.credit == Credit::Free
    }

    pub(crate) fn buffered(&self) -> usize {
        self.queued + self.under_way
    }

    pub(crate) fn pressure(&self, limit: usize) -> Pressure {
        if self.buffered() > limit / 2 { Pressure::High } else { Pressure::Low }
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    fn trim(&mut self) {
        queue::give_back(&mut self.queue, queue::KEPT / 2);
    }
}
