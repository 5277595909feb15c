//! What the packets of a client and the end of its session do to a connection.

use engineio_proto::server::SendError;
use engineio_proto::{CloseReason, Data, Instant, Pressure, Text};

use super::connection::{Connection, Member, State};
use super::{AckError, DisconnectReason, EmitError, Event, SocketKey};
use crate::{Body, DecodeError, Encoded, Json, Packet, encode};

impl Connection {
    pub(super) fn process(&mut self, now: Instant) {
        while let Some(event) = self.engine.poll_event() {
            match event {
                engineio_proto::server::Event::Message(data) if self.state == State::Open => self.receive(data, now),
                engineio_proto::server::Event::Message(_) => {}
                engineio_proto::server::Event::Upgraded => self.events.push_back(Event::Upgraded),
                engineio_proto::server::Event::Ready => self.events.push_back(Event::Ready),
                engineio_proto::server::Event::Closed { reason } => self.closed(reason),
            }
        }
    }

    fn receive(&mut self, data: Data, now: Instant) {
        match self.decoder.decode(data, now) {
            Ok(Some(packet)) => self.dispatch(packet, now),
            Ok(None) => {}
            Err(error) => self.undecodable(error, now),
        }
    }

    fn dispatch(&mut self, packet: Packet, now: Instant) {
        let Packet { namespace, body } = packet;
        let member = self.members.iter().find(|member| member.namespace == namespace);
        match (body, member.map(|member| (member.key, member.connected))) {
            (Body::Connect(auth), None) => self.connecting(namespace, auth),
            (Body::Event { id, event }, Some((socket, true))) => {
                self.events.push_back(Event::Received { socket, id, event });
            }
            (Body::Ack { id, args }, Some((socket, true))) => {
                if self.acks.settle(socket, id) {
                    self.events.push_back(Event::Acked { socket, id, result: Ok(args) });
                }
            }
            (Body::Disconnect, Some((socket, true))) => {
                self.remove(socket, DisconnectReason::ClientNamespaceDisconnect);
            }
            // A packet before its namespace is joined, a second CONNECT, an error from a client.
            _ => {
                self.close_engine(now);
                // Still draining: the reference disconnects the sockets before the session has ended.
                self.remove_all(DisconnectReason::ForcedServerClose);
            }
        }
    }

    fn connecting(&mut self, namespace: Text, auth: Option<Json>) {
        let socket = SocketKey(self.next_key);
        if self.members.len() >= self.config.max_namespaces {
            let error = Json::object([("message", "Too many namespaces")]);
            // A full outbox has its own consequences.
            _ = self.send(&encode::connect_error(&namespace, &error));
            return;
        }
        self.next_key = self.next_key.wrapping_add(1);
        self.members.push(Member { key: socket, namespace: namespace.clone(), connected: false });
        self.events.push_back(Event::Connecting { socket, namespace, auth });
    }

    pub(super) fn undecodable(&mut self, error: DecodeError, now: Instant) {
        self.events.push_back(Event::Undecodable(error));
        self.close_engine(now);
    }

    pub(super) fn close_engine(&mut self, now: Instant) {
        if self.state == State::Open {
            self.state = State::Deaf;
        }
        self.engine.close(now);
        self.process(now);
    }

    pub(super) fn closed(&mut self, reason: CloseReason) {
        self.remove_all(reason.into());
        self.decoder.reset();
        self.connect_deadline = None;
        self.state = State::Closed;
        self.events.push_back(Event::Closed { reason });
    }

    pub(super) fn send(&mut self, packet: &Encoded) -> Result<Pressure, EmitError> {
        let sent = match packet.single() {
            Some(text) => self.engine.send(Data::Text(text.clone())),
            None => self.engine.send_batch(packet.messages()),
        };
        sent.map_err(|error| match error {
            SendError::Full => EmitError::Full,
            _ => EmitError::Disconnected,
        })
    }

    pub(super) fn member(&self, socket: SocketKey) -> Option<&Member> {
        self.members.iter().find(|member| member.key == socket)
    }

    pub(super) fn pending(&self, socket: SocketKey) -> Result<&Member, EmitError> {
        self.member(socket).filter(|member| !member.connected).ok_or(EmitError::Disconnected)
    }

    pub(super) fn connected(&self, socket: SocketKey) -> Result<&Member, EmitError> {
        self.member(socket).filter(|member| member.connected).ok_or(EmitError::Disconnected)
    }

    pub(super) fn keys(&self) -> Vec<SocketKey> {
        self.members.iter().map(|member| member.key).collect()
    }

    pub(super) fn remove_all(&mut self, reason: DisconnectReason) {
        for key in self.keys() {
            self.remove(key, reason);
        }
    }

    pub(super) fn remove(&mut self, socket: SocketKey, reason: DisconnectReason) {
        self.members.retain(|member| member.key != socket);
        for id in self.acks.settle_all(socket) {
            self.events.push_back(Event::Acked { socket, id, result: Err(AckError::Disconnected) });
        }
        self.events.push_back(Event::Disconnected { socket, reason });
    }
}
