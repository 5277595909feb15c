//! What the application wants of its sockets.

use engineio_proto::{Instant, Text};

use super::buffer::engine_cost;
use super::link::Link;
use super::manager::Manager;
use super::member::{Member, Phase};
use super::{DisconnectReason, Refusal, SocketConfig};
use crate::{Json, SocketKey, encode};

/// Commands: sockets come and go.
impl Manager {
    /// The socket of a namespace: the one there is, or a new one, which is idle. `""` means `/`.
    /// The name is sent as it is: check it by [`namespace_name`](crate::server::namespace_name).
    pub fn socket(&mut self, namespace: &str, config: SocketConfig) -> SocketKey {
        let namespace = if namespace.is_empty() { "/" } else { namespace };
        if let Some(member) = self.members.iter().find(|member| member.namespace == namespace) {
            return member.key;
        }
        let key = SocketKey(self.next_key);
        self.next_key += 1;
        // Most clients have one socket; a vector would make room for four.
        self.members.reserve_exact(1);
        self.members.push(Member::new(key, Text::from(namespace), config));
        key
    }

    /// Connects a socket: it joins its namespace, now or as soon as there is a connection. Nothing happens if it is connected or
    /// about to be; a pause before the next attempt goes on.
    pub fn connect(&mut self, socket: SocketKey, now: Instant) {
        self.clock(now);
        let Some(index) = self.index(socket) else { return };
        let Some(member) = self.members.get_mut(index) else { return };
        match member.phase {
            Phase::Idle | Phase::Over => member.phase = Phase::Waiting,
            // The server's answer to the CONNECT that was sent will do.
            Phase::Leaving => member.phase = Phase::Joining,
            Phase::Waiting | Phase::Asking | Phase::Joining | Phase::Connected(_) => {}
        }
        match self.link {
            Link::Idle => self.attempt(),
            Link::Open(_) => self.ask(index),
            Link::Asking | Link::Pausing { .. } | Link::Opening { .. } => {}
        }
    }

    /// Disconnects a socket, and with the last active one the connection, or the attempts to get one. DISCONNECT leaves when what was
    /// emitted before has left. What waits for a connection is kept for the next time, but for events that ask for an ack without a
    /// deadline: their acks fail, and they are not sent.
    ///
    /// If it was connected, [`Event::Disconnected`](super::Event::Disconnected) follows.
    pub fn disconnect(&mut self, socket: SocketKey, now: Instant) {
        self.clock(now);
        self.trust(true);
        let Some((index, member)) = self.members.iter_mut().enumerate().find(|(_, member)| member.key == socket) else {
            return;
        };
        match member.phase {
            Phase::Connected(_) => {
                let namespace = member.namespace.clone();
                self.send_disconnect(socket, &namespace);
                return self.left(index, DisconnectReason::ClientDisconnect);
            }
            Phase::Joining => member.phase = Phase::Leaving,
            Phase::Waiting | Phase::Asking | Phase::Idle => member.phase = Phase::Over,
            Phase::Over | Phase::Leaving => return,
        }
        self.abandon_acks(index);
        self.forget_early(index);
        self.leave_if_unused();
    }

    /// Disconnects all sockets.
    pub fn close(&mut self, now: Instant) {
        let sockets: Vec<SocketKey> = self.members.iter().map(|member| member.key).collect();
        for socket in sockets {
            self.disconnect(socket, now);
        }
    }

    /// Closes the engine session below once what was sent has left, as if the connection were lost then: sockets that are connected are
    /// disconnected with [`DisconnectReason::ForcedClose`], and the reconnection begins. An attempt that is under way fails.
    pub fn close_engine(&mut self, now: Instant) {
        let now = self.clock(now);
        self.trust(true);
        if let Some(engine) = self.link.engine_mut() {
            engine.session.close(now);
        }
        self.process();
    }

    /// An answer to [`Event::Authenticate`](super::Event::Authenticate): joins the namespace with this object, or with nothing. Nothing
    /// happens if the socket does not wait for it. An object that is larger than the engine session's `outbox_limit` is none.
    pub fn authenticate(&mut self, socket: SocketKey, auth: Option<&Json>, now: Instant) {
        self.clock(now);
        let mut members = self.members.iter_mut().enumerate();
        let asking = members.find(|(_, member)| member.key == socket && member.phase == Phase::Asking);
        if let Some((index, member)) = asking {
            let packet = encode::connect(&member.namespace, auth);
            if self.outbox_limit < engine_cost(&packet) {
                return self.refused(index, Refusal::NoCredentials);
            }
            member.phase = Phase::Joining;
            self.send_connect(socket, packet);
        }
    }

    /// The other answer: the socket can't join. It is idle then, and [`Event::Refused`](super::Event::Refused) says so.
    pub fn refuse_authentication(&mut self, socket: SocketKey, now: Instant) {
        self.clock(now);
        let asking = self.members.iter().position(|member| member.key == socket && member.phase == Phase::Asking);
        if let Some(index) = asking {
            self.refused(index, Refusal::NoCredentials);
        }
    }

    pub(super) fn index(&self, socket: SocketKey) -> Option<usize> {
        self.members.iter().position(|member| member.key == socket)
    }
}
