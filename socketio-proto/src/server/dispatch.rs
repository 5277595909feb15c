//! Handles a client's packets and the end of its session.

use engineio_proto::server::SendError;
use engineio_proto::{CloseReason, Data, Pressure, Text};

use super::connection::{Connection, Member, Phase, State};
use super::{DisconnectReason, Event};
use crate::{AckError, Body, DecodeError, EmitError, Encoded, Json, Packet, SocketKey, encode};

/// The number of queued events from which decoding stops; further messages stay encoded in the engine session.
const MAX_EVENTS: usize = 32;

impl Connection {
    /// Takes the engine session's events, as far as the queue has space: undecoded messages take less memory than
    /// events.
    pub(super) fn process(&mut self) {
        use engineio_proto::server::Event as Engine;
        while self.events.len() < MAX_EVENTS || self.state != State::Open {
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
                // If the session is still draining: the reference disconnects the sockets before the session has ended.
                self.remove_all(DisconnectReason::ForcedServerClose);
            }
        }
    }

    fn connecting(&mut self, namespace: &str, auth: Option<Json>) {
        if namespace.len() > self.config.max_namespace_bytes {
            // No namespace with such a long name can exist.
            return self.refuse_without_event(namespace, "Invalid namespace");
        }
        if auth.as_ref().is_some_and(|auth| auth.as_str().len() > self.config.max_auth_bytes) {
            return self.refuse_without_event(namespace, "Auth payload too large");
        }
        if self.members.len() >= self.config.max_namespaces {
            match self.members.iter().position(|member| member.phase == Phase::Left) {
                Some(left) => drop(self.members.remove(left)),
                None => return self.refuse_without_event(namespace, "Too many namespaces"),
            }
        }
        let socket = SocketKey(self.next_key);
        self.next_key += 1;
        // Copied, so that keeping them does not pin the received buffer.
        let namespace = owned(namespace);
        let auth = auth.map(|auth| auth.copied());
        // Most clients are in one namespace; `push` alone would allocate space for four.
        self.members.reserve_exact(1);
        self.members.push(Member { key: socket, namespace: namespace.clone(), phase: Phase::Pending });
        self.events.push_back(Event::Connecting { socket, namespace, auth });
    }

    fn refuse_without_event(&mut self, namespace: &str, message: &str) {
        let error = Json::object([("message", message)]);
        // If the outbox is full, this closes the connection.
        _ = self.send_control(encode::connect_error(namespace, &error));
    }

    pub(super) fn undecodable(&mut self, error: DecodeError) {
        self.events.push_back(Event::Undecodable(error));
        self.close_engine();
    }

    pub(super) fn close_engine(&mut self) {
        if self.state == State::Open {
            self.state = State::Closing;
            // These timeouts no longer apply.
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

    /// Queues CONNECT, CONNECT_ERROR or DISCONNECT. If the packet does not fit, closes the connection: without the
    /// packet the two sides would disagree on the state of the namespace.
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

    /// A pending or connected socket.
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

    /// Removes all sockets and reports those that have not left.
    pub(super) fn remove_all(&mut self, reason: DisconnectReason) {
        for member in std::mem::take(&mut self.members) {
            if member.phase != Phase::Left {
                self.removed(member.key, reason);
            }
        }
    }

    /// Reports the end of a socket and of its pending acks.
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
