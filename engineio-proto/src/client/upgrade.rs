//! The upgrade from polling to a WebSocket: `2probe`, `3probe`, `5`.

use super::{Event, Fault, Session, Transmit, session::State};
use crate::{Data, Packet, Text, TransportKind, WebSocketId};

const PROBE: &str = "probe";

/// A WebSocket that is not yet the session's transport.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) id: WebSocketId,
    /// The WebSocket is open, and `2probe` was sent.
    open: bool,
}

impl Session {
    /// Opens a WebSocket for an upgrade, if the client is configured for it and the server offers it.
    pub(super) fn probe(&mut self) {
        let wanted = self.config.upgrade() && self.config.transports().contains(&TransportKind::WebSocket);
        let offered = |session: &Self| {
            session.handshake.as_ref().is_some_and(|handshake| handshake.upgrades.contains(&TransportKind::WebSocket))
        };
        if wanted && self.closing.is_none() && offered(self) {
            self.prior_websocket = false;
            let id = self.connect();
            self.state = State::Probing(Probe { id, open: false });
        }
    }

    /// The probing WebSocket is open.
    pub(super) fn on_probe_open(&mut self) {
        if let State::Probing(probe @ Probe { open: false, .. }) = &mut self.state {
            probe.open = true;
            let id = probe.id;
            self.outbox.spend();
            let transmit = self.frame(id, Packet::Ping(Text::from_static(PROBE)));
            self.transmits.push_back(transmit);
        }
    }

    /// A message on the probing WebSocket, which must be `3probe`. Any other one ends the probe, not the session.
    pub(super) fn on_probe_message(&mut self, data: Data) {
        let State::Probing(Probe { id, open }) = self.state else {
            return;
        };
        let answered = open && matches!(&data, Data::Text(text) if text.strip_prefix('3') == Some(PROBE));
        if !answered {
            return self.end_probe(id, Fault::Probe);
        }
        self.prior_websocket = true;
        self.state = State::Pausing(id);
        self.events.push_back(Event::Upgrading);
        self.settle();
    }

    /// Closes the probing WebSocket; the session stays on polling.
    pub(super) fn end_probe(&mut self, id: WebSocketId, fault: Fault) {
        self.transmits.push_back(Transmit::Close { id });
        self.on_probe_lost(fault);
    }

    /// The probing WebSocket is closed; the session stays on polling.
    pub(super) fn on_probe_lost(&mut self, fault: Fault) {
        self.prior_websocket = false;
        self.outbox.free();
        self.state = State::Polling;
        self.events.push_back(Event::UpgradeFailed(fault));
    }

    /// Upgrades to the WebSocket, once polling has ended: `5` is sent before the queued packets.
    pub(super) fn move_to(&mut self, id: WebSocketId) {
        self.state = State::WebSocket(id);
        self.outbox.push_front(Packet::Upgrade);
        self.heartbeat.restart(self.now);
        self.events.push_back(Event::Upgraded);
    }
}
