//! The upgrade from polling to a WebSocket: `2probe`, `3probe`, `5`.

use super::{
    Event, Session, Transmit,
    session::{Socket, State},
};
use crate::{Data, Instant, Packet, Text, TransportKind, clock::after};
use std::time::Duration;

const PROBE: &str = "probe";

/// How long a poll may wait for data after the client has probed, before it is answered with a noop. The interval is the reference's.
pub(super) const HOLD: Duration = Duration::from_millis(100);

/// A WebSocket that is not yet the session's transport.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) socket: Socket,
    pub(super) deadline: Instant,
    /// `2probe` was received and answered.
    pub(super) probed: bool,
}

impl Session {
    pub(super) fn on_websocket(&mut self, socket: Socket) {
        let wanted = !self.config.upgrades(TransportKind::Polling).is_empty();
        if wanted && matches!(self.state, State::Polling) {
            let deadline = after(self.now, self.config.upgrade_timeout());
            self.state = State::Probing(Probe { socket, deadline, probed: false });
        } else {
            // The session probes one WebSocket at a time and upgrades once.
            self.transmits.push_back(Transmit::Close { id: socket.id });
        }
    }

    /// A message on the probing WebSocket. An unexpected one ends the probe, not the session.
    pub(super) fn on_probe_message(&mut self, data: Data) {
        let State::Probing(probe) = &mut self.state else {
            return;
        };
        let packet = match data {
            Data::Text(text) if text.len() <= self.config.max_payload() => Packet::decode_text(text).ok(),
            _ => None,
        };
        let socket = probe.socket;
        match packet {
            Some(Packet::Ping(text)) if text == PROBE && !probe.probed => {
                probe.probed = true;
                if let Some(get) = &mut self.polling.get {
                    get.hold(self.now);
                }
                self.outbox.spend();
                self.transmits.push_back(socket.frame(Packet::Pong(Text::from_static(PROBE))));
            }
            Some(Packet::Upgrade) if probe.probed => self.upgrade(socket),
            _ => {
                self.transmits.push_back(Transmit::Close { id: socket.id });
                self.end_probe();
            }
        }
    }

    /// Ends the probe; the session stays on polling.
    pub(super) fn end_probe(&mut self) {
        self.state = State::Polling;
    }

    fn upgrade(&mut self, socket: Socket) {
        self.state = State::WebSocket(socket);
        self.mark = None;
        if let Some(get) = self.polling.get.take() {
            // The client should have waited for the end of its poll.
            self.answer(get, &[Packet::Noop]);
        }
        self.heartbeat.restart(self.now, self.config.ping_interval());
        self.events.push_back(Event::Upgraded);
        let ready = self.outbox.arrived(self.config.outbox_limit());
        self.push_ready(ready);
    }
}
