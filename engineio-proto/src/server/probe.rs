//! The upgrade from polling to a WebSocket: `2probe`, `3probe`, `5`.

use super::{
    Event, Session, Transmit,
    session::{Socket, State},
};
use crate::{Data, Instant, Packet, Text, TransportKind, clock::after};
use std::time::Duration;

const PROBE: &str = "probe";

/// How long a poll may wait for data once the client has probed, before it is let go with a noop: the reference's interval.
pub(super) const HOLD: Duration = Duration::from_millis(100);

/// A WebSocket that is not yet the session's transport.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) socket: Socket,
    pub(super) deadline: Instant,
    /// `2probe` came and was answered.
    pub(super) probed: bool,
}

impl Session {
    pub(super) fn on_websocket(&mut self, socket: Socket) {
        let wanted = !self.config.upgrades(TransportKind::Polling).is_empty();
        if wanted && matches!(self.state, State::Polling) {
            let deadline = after(self.now, self.config.upgrade_timeout());
            self.state = State::Probing(Probe { socket, deadline, probed: false });
        } else {
            // One at a time, and only once: the first goes on.
            self.transmits.push_back(Transmit::Close { id: socket.id });
        }
    }

    /// A message on the WebSocket that probes. Anything out of order ends the probe, not the session.
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

    /// Back to polling alone.
    pub(super) fn end_probe(&mut self) {
        self.state = State::Polling;
    }

    fn upgrade(&mut self, socket: Socket) {
        self.state = State::WebSocket(socket);
        if let Some(get) = self.polling.get.take() {
            // The client should have waited for it.
            self.answer(get, &[Packet::Noop]);
        }
        self.heartbeat.restart(self.now, self.config.ping_interval());
        self.events.push_back(Event::Upgraded);
        let relieved = self.outbox.arrived(self.config.outbox_limit());
        self.relieve(relieved);
    }
}
