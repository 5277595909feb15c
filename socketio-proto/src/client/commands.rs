//! The commands that connect and disconnect sockets.

use engineio_proto::{Instant, Text};

use super::buffer::engine_cost;
use super::link::Link;
use super::manager::Manager;
use super::member::{Member, Phase};
use super::{DisconnectReason, Refusal, SocketConfig};
use crate::{Json, SocketKey, encode};

/// Commands: connecting and disconnecting sockets.
impl Manager {
    /// The socket of a namespace: the existing one, or a new one, which is idle. `""` means `/`. The name is sent
    /// unchanged: check it with [`namespace_name`](crate::server::namespace_name).
    pub fn socket(&mut self, namespace: &str, config: SocketConfig) -> SocketKey {
        let namespace = if namespace.is_empty() { "/" } else { namespace };
        if let Some(member) = self.members.iter().find(|member| member.namespace == namespace) {
            return member.key;
        }
        let key = SocketKey(self.next_key);
        self.next_key += 1;
        // Most clients have one socket; `push` alone would allocate space for four.
        self.members.reserve_exact(1);
        self.members.push(Member::new(key, Text::from(namespace), config));
        key
    }

    /// Connects a socket: it joins its namespace, now or as soon as there is a connection. Does nothing if the socket
    /// is connected or connecting, and does not shorten a pause before the next attempt.
    pub fn connect(&mut self, socket: SocketKey, now: Instant) {
        self.clock(now);
        let Some(index) = self.index(socket) else { return };
        let Some(member) = self.members.get_mut(index) else { return };
        match member.phase {
            Phase::Idle | Phase::Over => member.phase = Phase::Waiting,
            // The CONNECT has been sent, and its answer is pending.
            Phase::Leaving => member.phase = Phase::Joining,
            Phase::Waiting | Phase::Asking | Phase::Joining | Phase::Connected(_) => {}
        }
        match self.link {
            Link::Idle => self.attempt(),
            Link::Open(_) => self.ask(index),
            Link::Asking | Link::Pausing { .. } | Link::Opening { .. } => {}
        }
    }

    /// Disconnects a socket. The last active socket also closes the connection or ends the attempts to connect.
    /// DISCONNECT is sent after all packets emitted before. Buffered packets are kept for the next connection, except
    /// events with an ack that has no deadline: their acks fail, and they are not sent.
    ///
    /// If the socket was connected, [`Event::Disconnected`](super::Event::Disconnected) follows.
    pub fn disconnect(&mut self, socket: SocketKey, now: Instant) {
        self.clock(now);
        self.end_hold(true);
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

    /// Closes the underlying engine session once queued packets have been sent. The connection counts as lost then:
    /// connected sockets are disconnected with [`DisconnectReason::ForcedClose`], and the reconnection starts. An
    /// attempt in progress fails.
    pub fn close_engine(&mut self, now: Instant) {
        let now = self.clock(now);
        self.end_hold(true);
        if let Some(engine) = self.link.engine_mut() {
            engine.session.close(now);
        }
        self.process();
    }

    /// Answers [`Event::Authenticate`](super::Event::Authenticate): joins the namespace with this auth object, or
    /// without one. Ignored if the socket does not wait for an answer. An object that exceeds the engine session's
    /// `outbox_limit` counts as [`refuse_authentication`](Self::refuse_authentication).
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

    /// Answers [`Event::Authenticate`](super::Event::Authenticate) when there are no credentials: the socket does not
    /// join and is no longer active. [`Event::Refused`](super::Event::Refused) follows.
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
