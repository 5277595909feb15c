//! What the packets of a client and the end of its session do to a connection.

use engineio_proto::server::SendError;
use engineio_proto::{CloseReason, Data, Pressure, Text};

use super::connection::{Connection, Member, Phase, State};
use super::{DisconnectReason, Event};
use crate::{AckError, Body, DecodeError, EmitError, Encoded, Json, Packet, SocketKey, encode};

/// So many events are held at a time: what the client sent beyond waits as it came.
const AHEAD: usize = 32;

impl Connection {
    /// Takes what happened below, as far as there is room for events: the rest may still be the bytes of a body, and small.
    pub(super) fn process(&mut self) {
        use engineio_proto::server::Event as Engine;
        while self.events.len() < AHEAD || self.state != State::Open {
            let Some(event) = self.engine.poll_event() else { return };
            match event {
                Engine::Message(data) if self.state == State::Open => self.receive(data),
                Engine::Message(_) => {}
                Engine::Upgraded => self.events.push_back(Event::Upgraded),
                Engine::Ready => self.events.push_back(Event::Ready),
                Engine::Closed { reason } => self.closed(reason),
            }
        }
    }

    fn receive(&mut self, data: Data) {
        match self.decoder.decode(data, self.now) {
            Ok(Some(packet)) => self.dispatch(packet),
            Ok(None) => {}
            Err(error) => self.undecodable(error),
        }
    }

    fn dispatch(&mut self, packet: Packet) {
        let Packet { namespace, body } = packet;
        let member = self.members.iter().find(|member| member.namespace == namespace);
        match (body, member.map(|member| (member.key, member.phase))) {
            (Body::Event { id, event }, Some((socket, Phase::Connected))) => {
                self.events.push_back(Event::Received { socket, id, event });
            }
            (Body::Ack { id, args }, Some((socket, Phase::Connected))) => {
                if self.acks.settle(socket, id) {
                    self.events.push_back(Event::Acked { socket, id, result: Ok(args) });
                }
            }
            (Body::Disconnect, Some((socket, Phase::Connected))) => {
                self.members.retain(|member| member.key != socket);
                self.removed(socket, DisconnectReason::ClientNamespaceDisconnect);
            }
            (Body::Connect(auth), None) => self.connecting(&namespace, auth),
            (Body::Connect(auth), Some((socket, Phase::Left))) => {
                self.members.retain(|member| member.key != socket);
                self.connecting(&namespace, auth);
            }
            (Body::Event { .. } | Body::Ack { .. } | Body::Disconnect, Some((_, Phase::Left))) => {}
            // A packet before its namespace is joined, a second CONNECT, an error from a client.
            _ => {
                self.close_engine();
                // Still draining: the reference disconnects the sockets before the session has ended.
                self.remove_all(DisconnectReason::ForcedServerClose);
            }
        }
    }

    fn connecting(&mut self, namespace: &str, auth: Option<Json>) {
        if namespace.len() > self.config.max_namespace_bytes {
            // What is so long can't exist.
            return self.refuse_unasked(namespace, "Invalid namespace");
        }
        if auth.as_ref().is_some_and(|auth| auth.as_str().len() > self.config.max_auth_bytes) {
            return self.refuse_unasked(namespace, "Auth payload too large");
        }
        if self.members.len() >= self.config.max_namespaces {
            match self.members.iter().position(|member| member.phase == Phase::Left) {
                Some(left) => drop(self.members.remove(left)),
                None => return self.refuse_unasked(namespace, "Too many namespaces"),
            }
        }
        let socket = SocketKey(self.next_key);
        self.next_key += 1;
        // Who keeps them keeps no more than them: they leave the buffer in which they came.
        let namespace = owned(namespace);
        let auth = auth.map(|auth| auth.copied());
        // Most clients are in one namespace; a vector would make room for four.
        self.members.reserve_exact(1);
        self.members.push(Member { key: socket, namespace: namespace.clone(), phase: Phase::Pending });
        self.events.push_back(Event::Connecting { socket, namespace, auth });
    }

    fn refuse_unasked(&mut self, namespace: &str, message: &str) {
        let error = Json::object([("message", message)]);
        // Full: the connection is being closed.
        _ = self.send_control(encode::connect_error(namespace, &error));
    }

    pub(super) fn undecodable(&mut self, error: DecodeError) {
        self.events.push_back(Event::Undecodable(error));
        self.close_engine();
    }

    pub(super) fn close_engine(&mut self) {
        if self.state == State::Open {
            self.state = State::Deaf;
            // Nobody waits for them any more.
            self.connect_deadline = None;
            self.decoder.reset();
        }
        self.engine.close(self.now);
        self.process();
    }

    fn closed(&mut self, reason: CloseReason) {
        self.remove_all(reason.into());
        self.decoder.reset();
        self.connect_deadline = None;
        self.state = State::Closed;
        self.events.push_back(Event::Closed { reason });
    }

    /// Queues a packet that tells the client where it is: CONNECT, CONNECT_ERROR, DISCONNECT. One that does not fit can't be
    /// left out, or the two sides would think differently of the namespace: it closes the connection.
    pub(super) fn send_control(&mut self, packet: Encoded) -> Result<(), EmitError> {
        let sent = self.send(packet);
        if matches!(sent, Err(EmitError::Full | EmitError::TooLarge)) {
            self.close_engine();
        }
        sent.map(drop)
    }

    pub(super) fn send(&mut self, packet: Encoded) -> Result<Pressure, EmitError> {
        let sent = match packet.into_single() {
            Ok(text) => self.engine.send(Data::Text(text)),
            Err(packet) => self.engine.send_batch(packet.messages()),
        };
        sent.map_err(|error| match error {
            SendError::Full => EmitError::Full,
            SendError::TooLarge => EmitError::TooLarge,
            SendError::Closed => EmitError::Disconnected,
        })
    }

    /// A socket that is pending or connected.
    pub(super) fn member(&mut self, socket: SocketKey) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.key == socket && member.phase != Phase::Left)
    }

    pub(super) fn pending(&mut self, socket: SocketKey) -> Result<&mut Member, EmitError> {
        self.member(socket).filter(|member| member.phase == Phase::Pending).ok_or(EmitError::Disconnected)
    }

    pub(super) fn connected(&mut self, socket: SocketKey) -> Result<(), EmitError> {
        let connected = self.member(socket).is_some_and(|member| member.phase == Phase::Connected);
        if connected { Ok(()) } else { Err(EmitError::Disconnected) }
    }

    /// Takes out all sockets that have not left.
    pub(super) fn remove_all(&mut self, reason: DisconnectReason) {
        for member in std::mem::take(&mut self.members) {
            if member.phase != Phase::Left {
                self.removed(member.key, reason);
            }
        }
    }

    /// Tells of the end of a socket.
    pub(super) fn removed(&mut self, socket: SocketKey, reason: DisconnectReason) {
        for id in self.acks.settle_all(socket, |_, _| false) {
            self.events.push_back(Event::Acked { socket, id, result: Err(AckError::Disconnected) });
        }
        self.events.push_back(Event::Disconnected { socket, reason });
    }
}

fn owned(namespace: &str) -> Text {
    if namespace == "/" { Text::from_static("/") } else { Text::from(namespace) }
}
