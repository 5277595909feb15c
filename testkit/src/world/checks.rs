//! What has to be true when nothing happens any more.

use engineio_proto::{Pressure, TransportKind};

use super::attempts::Attempts;
use super::peer::{Member, Peer};
use super::pipe::Wire;
use super::{CLOSED, Conn, SPACES, World};

/// A ping or a pong may be under way at any time.
const FEW: usize = 200;

impl World {
    /// Where nothing may be lost, all is there; where the faults are over, everybody is.
    pub(super) fn check_settled(&mut self) {
        if self.settings.lossless {
            self.look_at(|_, member| member.joined.is_some());
        }
        if self.settings.recovers && !self.shut_down {
            if let Some(what) = self.look_below() {
                self.fail(what);
            }
            self.look_at(|peer, member| peer.machine.is_active(member.key));
        }
    }

    /// Everything that waited was sent, and is there.
    pub(super) fn check_delivered(&mut self) {
        self.look_at(|_, member| member.space != CLOSED);
    }

    /// Where the faults are over, the server has nobody whom the client does not know of, and nothing is left half done.
    fn look_below(&mut self) -> Option<String> {
        for (client, peer) in self.clients.iter().enumerate().filter(|(_, peer)| !peer.gone) {
            let stranger = |join: &&usize| !peer.members.iter().any(|member| member.joined == Some(**join));
            if let Some(join) = peer.here.iter().find(stranger) {
                return Some(format!("c{client} does not know of join {join}"));
            }
            let held = peer.machine.engine().map_or(0, |engine| engine.buffered());
            if held > FEW {
                return Some(format!("c{client} has {held} bytes in its outbox"));
            }
            if peer.full && peer.machine.pressure() == Pressure::Low {
                return Some(format!("c{client} was not told that there is room"));
            }
        }
        for (at, conn) in
            self.conns.iter().enumerate().filter(|(_, conn)| !(conn.closed || self.clients[conn.client].gone))
        {
            let engine = conn.machine.engine();
            if engine.buffered() > FEW {
                return Some(format!("connection {at} has {} bytes in its outbox", engine.buffered()));
            }
            if conn.full && engine.pressure() == Pressure::Low {
                return Some(format!("connection {at} was not told that there is room"));
            }
            let probes = |wire: &&Wire| wire.conn == Some(at) && !wire.server_done;
            if engine.transport() == TransportKind::Polling && self.wires.values().find(probes).is_some() {
                return Some(format!("connection {at} still waits for an upgrade"));
            }
        }
        None
    }

    /// Checks sockets from which everything should be there by now.
    fn look_at(&mut self, which: impl Fn(&Peer, &Member) -> bool) {
        let mut late = Vec::new();
        for (client, peer) in self.clients.iter().enumerate().filter(|(_, peer)| !peer.gone) {
            if matches!(peer.attempts, Attempts::Open) {
                let asks = peer.members.iter().filter(|member| member.joined.is_none() && member.space != CLOSED);
                late.extend(
                    asks.filter(|member| peer.machine.is_active(member.key))
                        .map(|member| format!("c{client}: no answer to CONNECT for {}", SPACES[member.space])),
                );
            }
            for member in peer.members.iter().filter(|member| which(peer, member)) {
                let Some(join) = member.joined.map(|join| &self.joins[join]) else {
                    late.push(format!("c{client} is not in {}", SPACES[member.space]));
                    continue;
                };
                let (unsent, under_way) = (member.waiting.len() + member.sure.len(), join.up.len());
                let (missing, asks) = (join.down.len(), member.asks.len());
                if unsent + under_way + missing > 0 {
                    late.push(format!(
                        "c{client}: {unsent} events wait, {under_way} are missing at the server and {missing} here"
                    ));
                }
                if (self.ending || self.settings.recovers) && asks > 0 {
                    late.push(format!("c{client}: {asks} acks are missing"));
                }
            }
        }
        if let Some(first) = late.into_iter().next() {
            self.fail(first);
        }
    }

    /// Everything is back where it was.
    pub(super) fn check_ended(&mut self) {
        let open = self.conns.iter().filter(|conn| !conn.closed).count();
        let rooms: usize =
            SPACES.iter().map(|space| self.hub.create(*space).expect("a name without a comma").len()).sum();
        let acks: usize = self.conns.iter().map(|conn| conn.asks.len()).sum();
        let buffered = |conn: &Conn| if conn.lost { 0 } else { conn.machine.engine().buffered() };
        let buffered: usize = self.conns.iter().map(buffered).sum();
        if open + rooms + acks + buffered > 0 {
            self.fail(format!("left: {open} connections, {rooms} members of rooms, {acks} acks, {buffered} bytes"));
        }
        for client in 0..self.clients.len() {
            let Peer { machine, members, gone, .. } = &self.clients[client];
            // What is for a namespace that nobody can join waits for ever.
            let waits = members.iter().any(|member| member.waiting.len() + member.sure.len() > 0);
            let clear = waits || machine.buffered() + machine.pending_acks() == 0;
            let idle = machine.is_idle() && machine.poll_timeout().is_none();
            if !(*gone || idle && clear) {
                self.fail(format!("c{client} is left with something: {machine:?}"));
            }
        }
    }
}
