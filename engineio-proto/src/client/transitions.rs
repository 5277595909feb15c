//! The transitions of a session: by packets, by faults, and to its end.

use super::{
    Event, Fault, Handshake, Session, Transmit,
    session::{Rest, State},
    upgrade::Probe,
};
use crate::{CloseReason, Data, Packet, Text, TransportKind, WebSocketId, payload};
use http::response::Parts;

impl Session {
    #[inline]
    pub(super) fn on_frame(&mut self, data: Data) {
        if data.len() > self.config.max_body() {
            return self.fail(Fault::TooLarge { limit: self.config.max_body() });
        }
        match data {
            Data::Text(text) => match Packet::decode_text(text) {
                Ok(packet) => self.on_packet(packet),
                Err(_) if self.handshake.is_none() => self.fail(Fault::NotEngineIo { content_type: None }),
                Err(error) => self.fail(Fault::Decode(error)),
            },
            Data::Binary(bytes) => self.on_packet(Packet::decode_binary(bytes)),
        }
    }

    /// Processes a packet from any transport.
    #[inline]
    pub(super) fn on_packet(&mut self, packet: Packet) {
        if self.handshake.is_none() {
            return self.on_first(packet);
        }
        match packet {
            Packet::Message(data) if self.closing.is_none() => self.events.push_back(Event::Message(data)),
            // The session is closing, so the message is dropped.
            Packet::Message(_) => {}
            Packet::Ping(_) => {
                self.heartbeat.restart(self.now);
                if !std::mem::replace(&mut self.pong_queued, true) {
                    let pong = Packet::Pong(Text::new());
                    match self.transport() {
                        // First: the queue may take many bodies.
                        TransportKind::Polling => self.outbox.push_front(pong),
                        TransportKind::WebSocket => self.outbox.push(pong),
                    }
                }
            }
            Packet::Close => self.finish(CloseReason::TransportClose, None),
            // A server has no reason to send the last two; the reference ignores them, too.
            Packet::Noop | Packet::Pong(_) | Packet::Upgrade => {}
            Packet::Open(_) => self.fail(Fault::Unexpected("open")),
        }
    }

    fn on_first(&mut self, packet: Packet) {
        let Packet::Open(text) = packet else {
            return self.fail(Fault::Handshake("the first packet must be an open packet"));
        };
        let handshake = match Handshake::parse(&text) {
            Ok(handshake) => handshake,
            Err(fault) => return self.fail(fault),
        };
        self.heartbeat.start(self.now, handshake.ping_interval + handshake.ping_timeout);
        self.handshake = Some(handshake.clone());
        self.events.push_back(Event::Opened(handshake));
        if let State::WebSocketOpening(id, _) = self.state {
            self.prior_websocket = true;
            self.state = State::WebSocket(id);
        } else {
            self.prior_websocket = false;
            self.state = State::Polling;
            self.probe();
        }
    }

    pub(super) fn on_websocket(&mut self, id: WebSocketId, parts: &Parts) {
        let known = match &self.state {
            State::WebSocketOpening(known, _) => *known == id,
            State::Probing(probe) => probe.id == id,
            _ => false,
        };
        if known {
            if self.config.cookies() {
                self.requests.jar.store(&parts.headers, self.now);
            }
            self.on_probe_open();
        }
    }

    /// A WebSocket was closed, or could not be opened.
    pub(super) fn on_websocket_lost(&mut self, id: WebSocketId, fault: Option<Fault>) {
        let default = Fault::WebSocket { status: None };
        match &self.state {
            State::WebSocket(known) if *known == id => match fault {
                Some(fault) => self.end(CloseReason::TransportError, Some(fault)),
                None => self.end(CloseReason::TransportClose, None),
            },
            State::WebSocketOpening(known, _) if *known == id => self.fail_opening(fault.unwrap_or(default)),
            State::Probing(Probe { id: known, .. }) | State::Pausing(known) if *known == id => {
                self.on_probe_lost(fault.unwrap_or(default));
            }
            _ => {}
        }
    }

    /// The packets in flight were delivered.
    pub(super) fn on_arrived(&mut self) {
        if self.outbox.arrived(self.config.outbox_limit()) {
            self.events.push_back(Event::Ready);
        }
    }

    /// The transport failed, or the server violated the protocol.
    pub(super) fn fail(&mut self, fault: Fault) {
        if self.is_closed() {
            return;
        }
        self.drop_transport();
        self.fail_opening(fault);
    }

    /// The transport failed and is closed. A session that is not open yet may try the next one.
    fn fail_opening(&mut self, fault: Fault) {
        self.prior_websocket = false;
        let rest = match &mut self.state {
            State::PollingOpening(rest) | State::WebSocketOpening(_, rest) => std::mem::take(rest),
            _ => Rest::new(),
        };
        if !self.config.try_all_transports() || !self.try_next(rest) {
            self.end(CloseReason::TransportError, Some(fault));
        }
    }

    /// Ends a graceful close, if the outbox is empty and neither a POST nor an upgrade is in progress.
    pub(super) fn finish_close(&mut self) {
        if self.closing.is_none() || !self.outbox.is_empty() {
            return;
        }
        match &self.state {
            State::Pausing(_) | State::Closed(_) => {}
            State::PollingOpening(_) | State::WebSocketOpening(..) | State::WebSocket(_) => {
                self.finish(CloseReason::ForcedClose, None);
            }
            State::Polling | State::Probing(_) if self.polling.has_post() => {}
            State::Polling | State::Probing(_) => {
                self.drop_websocket();
                self.send_post(payload::encode([Packet::Close]));
                self.end(CloseReason::ForcedClose, None);
            }
        }
    }

    /// Closes the transports, then ends the session.
    pub(super) fn finish(&mut self, reason: CloseReason, fault: Option<Fault>) {
        self.drop_transport();
        self.end(reason, fault);
    }

    fn drop_transport(&mut self) {
        self.drop_websocket();
        for id in self.polling.clear() {
            self.transmits.push_back(Transmit::Cancel { id });
        }
    }

    fn drop_websocket(&mut self) {
        if let State::WebSocketOpening(id, _)
        | State::Probing(Probe { id, .. })
        | State::Pausing(id)
        | State::WebSocket(id) = self.state
        {
            self.transmits.push_back(Transmit::Close { id });
        }
    }

    /// Ends the session without closing the transports.
    pub(super) fn end(&mut self, reason: CloseReason, fault: Option<Fault>) {
        let transport: TransportKind = self.transport();
        // The requests in flight are not cancelled: the driver completes them.
        drop(self.polling.clear());
        self.state = State::Closed(transport);
        self.outbox.clear();
        self.events.push_back(Event::Closed { reason, fault });
    }
}
