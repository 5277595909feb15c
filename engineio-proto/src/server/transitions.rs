//! The transitions of a session: by packets, and to its end.

use super::{Event, Session, Transmit, probe::Probe, session::State};
use crate::{CloseReason, Data, Packet};

impl Session {
    #[inline]
    pub(super) fn on_frame(&mut self, data: Data) {
        if data.len() > self.config.max_payload() {
            return self.finish(CloseReason::TransportError);
        }
        match data {
            Data::Text(text) => match Packet::decode_text(text) {
                Ok(packet) => self.on_packet(packet),
                Err(_) => self.on_malformed(),
            },
            Data::Binary(bytes) => self.on_packet(Packet::decode_binary(bytes)),
        }
    }

    /// Processes a packet from any transport.
    #[inline]
    pub(super) fn on_packet(&mut self, packet: Packet) {
        if self.closing.is_some() && packet != Packet::Close {
            return;
        }
        self.heartbeat.extend(self.now, self.config.ping_timeout());
        match packet {
            Packet::Message(data) => {
                self.handling = true;
                self.events.push_back(Event::Message(data));
            }
            Packet::Pong(_) => self.heartbeat.restart(self.now, self.config.ping_interval()),
            // Only the server sends pings.
            Packet::Ping(_) => self.finish(CloseReason::TransportError),
            Packet::Close => {
                if let Some(get) = self.polling.get.take() {
                    self.answer(get, &[Packet::Noop]);
                }
                self.finish(CloseReason::TransportClose);
            }
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => {}
        }
    }

    pub(super) fn on_malformed(&mut self) {
        if self.closing.is_none() {
            self.finish(CloseReason::ParseError);
        }
    }

    pub(super) fn push_ready(&mut self, ready: bool) {
        if ready {
            self.events.push_back(Event::Ready);
        }
    }

    /// Ends a graceful close, if the outbox is empty and the client can be notified.
    pub(super) fn finish_close(&mut self) {
        let can_notify = match self.state {
            State::WebSocket(_) => true,
            State::Polling | State::Probing(_) => self.polling.get.is_some(),
            State::Closed(_) => false,
        };
        if can_notify && self.closing.is_some() && self.outbox.is_empty() {
            self.finish(CloseReason::ForcedClose);
        }
    }

    /// Closes the transports, then ends the session.
    pub(super) fn finish(&mut self, reason: CloseReason) {
        if let State::Probing(Probe { socket, .. }) | State::WebSocket(socket) = self.state {
            self.transmits.push_back(Transmit::Close { id: socket.id });
        }
        if let Some(get) = self.polling.get.take() {
            self.answer(get, &[Packet::Close]);
        }
        self.end(reason);
    }

    /// Ends the session; the transport is already closed.
    pub(super) fn end(&mut self, reason: CloseReason) {
        self.end_post();
        self.state = State::Closed(self.transport());
        self.outbox.clear();
        self.events.push_back(Event::Closed { reason });
    }
}
