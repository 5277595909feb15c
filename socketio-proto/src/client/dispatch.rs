//! Handles the server's packets.

use std::borrow::Cow;

use engineio_proto::client::Event as Engine;
use engineio_proto::{Data, Instant, Text};
use serde::Deserialize;

use super::link::Link;
use super::manager::Manager;
use super::member::Phase;
use super::{Config, DisconnectReason, Event, Refusal};
use crate::{AckError, Args, Body, DecodeError, Json, Packet, SocketKey};

/// The number of queued events from which decoding stops; further messages stay encoded in the engine session.
const MAX_EVENTS: usize = 32;

impl Manager {
    /// Takes the engine session's events, as far as the queue has space: undecoded messages take less memory than
    /// events.
    pub(super) fn process(&mut self) {
        while self.events.len() < MAX_EVENTS {
            let Some(engine) = self.link.engine_mut() else { break };
            let Some(event) = engine.session.poll_event() else { break };
            match event {
                Engine::Message(data) => self.receive(data),
                Engine::Opened(_) => self.opened(),
                Engine::Upgrading => {}
                Engine::Upgraded => {
                    let transport = engine.session.transport();
                    self.events.push_back(Event::Upgraded { transport });
                }
                Engine::UpgradeFailed(fault) => self.events.push_back(Event::UpgradeFailed(fault)),
                Engine::Ready => {
                    self.space_released();
                    self.resume_sending();
                }
                Engine::Closed { reason, fault } => self.ended(reason, fault),
            }
        }
        self.watch_pressure();
    }

    fn receive(&mut self, data: Data) {
        match self.decoder.decode(data, self.now) {
            Ok(Some(packet)) => self.dispatch(packet),
            Ok(None) => {}
            Err(error) => self.undecodable(error),
        }
    }

    pub(super) fn undecodable(&mut self, error: DecodeError) {
        self.events.push_back(Event::Undecodable(error));
        self.violated();
    }

    fn dispatch(&mut self, packet: Packet) {
        let Packet { namespace, body } = packet;
        let found = self.members.iter().enumerate().find(|(_, member)| member.namespace == namespace);
        // Without a socket, the packet is ignored.
        let Some((index, member)) = found else { return };
        let socket = member.key;
        // The server has not received the queued CONNECT or DISCONNECT, so the packet is not for the socket's present
        // state.
        if self.has_queued_control(socket) {
            return;
        }
        match (body, &member.phase) {
            (Body::Event { id, event }, Phase::Connected(_)) => {
                self.events.push_back(Event::Received { socket, id, event });
            }
            (Body::Event { id, event }, Phase::Joining) => self.keep_early(index, id, event),
            (Body::Ack { id, args }, Phase::Connected(_)) => self.acked(socket, id, args),
            (Body::Connect(answer), Phase::Joining) => match answer.as_ref().and_then(sid) {
                Some(id) => self.joined(index, id),
                None => self.refused(index, Refusal::NoSid),
            },
            // A Socket.IO v2 server sends CONNECT without a request.
            (Body::Connect(None), Phase::Asking) => self.refused(index, Refusal::NoSid),
            (Body::ConnectError(error), Phase::Joining) => self.refused(index, refusal(&error)),
            (Body::Disconnect, Phase::Joining) => self.refused(index, Refusal::Disconnected),
            (Body::Disconnect, Phase::Connected(_)) => self.left(index, DisconnectReason::ServerDisconnect),
            (Body::Connect(_), Phase::Leaving) => {
                self.set_phase(index, Phase::Over);
                self.disconnect_unwanted(index);
            }
            (Body::ConnectError(_) | Body::Disconnect, Phase::Leaving) => self.set_phase(index, Phase::Over),
            // A late answer: a DISCONNECT that crossed ours was taken for it before. The socket is not wanted any more.
            (Body::Connect(Some(answer)), Phase::Idle | Phase::Over | Phase::Asking) if sid(&answer).is_some() => {
                self.disconnect_unwanted(index);
            }
            _ => {}
        }
    }

    fn joined(&mut self, index: usize, id: Text) {
        let Some(member) = self.members.get_mut(index) else { return };
        let socket = member.key;
        member.phase = Phase::Connected(id.clone());
        member.last_epoch = self.epochs;
        let early = std::mem::take(&mut member.early);
        self.early -= early.iter().map(|(_, event)| cost(event)).sum::<usize>();
        // Buffered packets are sent before anything that the application emits because of the event.
        self.send_waiting(index);
        self.events.push_back(Event::Connected { socket, id });
        self.events.extend(early.into_iter().map(|(id, event)| Event::Received { socket, id, event }));
    }

    /// Disconnects a socket that the server accepted although it is not wanted any more. The server may have sent
    /// events to it, so the epoch is recorded.
    fn disconnect_unwanted(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else { return };
        member.last_epoch = self.epochs;
        let (socket, namespace) = (member.key, member.namespace.clone());
        self.send_disconnect(socket, &namespace);
    }

    pub(super) fn refused(&mut self, index: usize, error: Refusal) {
        self.forget_early(index);
        self.set_phase(index, Phase::Over);
        self.abandon_acks(index);
        if let Some(member) = self.members.get(index) {
            self.events.push_back(Event::Refused { socket: member.key, error });
        }
        self.leave_if_unused();
    }

    /// Handles the disconnect of a connected socket, by the server or by the application.
    pub(super) fn left(&mut self, index: usize, reason: DisconnectReason) {
        self.set_phase(index, Phase::Over);
        self.disconnected(index, reason);
        self.leave_if_unused();
    }

    /// Reports the end of a connected socket and of its pending acks. Acks of buffered packets are kept if the packets
    /// will be sent later.
    pub(super) fn disconnected(&mut self, index: usize, reason: DisconnectReason) {
        let Some(member) = self.members.get(index) else { return };
        let socket = member.key;
        let keeps = |deadline: Option<Instant>| member.is_active() || deadline.is_some();
        for id in self.acks.settle_all(socket, |id, deadline| member.buffer.holds(id) && keeps(deadline)) {
            self.settle(socket, id, Err(AckError::Disconnected));
        }
        self.events.push_back(Event::Disconnected { socket, reason });
    }

    /// Fails the acks without a deadline of a socket that is not going to connect by itself; nothing else would end
    /// them.
    pub(super) fn abandon_acks(&mut self, index: usize) {
        let Some(socket) = self.members.get(index).map(|member| member.key) else { return };
        for id in self.acks.settle_all(socket, |_, deadline| deadline.is_some()) {
            self.settle(socket, id, Err(AckError::Disconnected));
        }
    }

    fn acked(&mut self, socket: SocketKey, id: u64, args: Args) {
        let Some(member) = self.member(socket) else { return };
        // The server can't acknowledge a packet that has not been sent.
        if !member.buffer.holds(id) && self.acks.settle(socket, id) {
            self.settle(socket, id, Ok(args));
        }
    }

    /// Reports an ack that arrived or failed. It has been removed from the table before.
    pub(super) fn settle(&mut self, socket: SocketKey, id: u64, result: Result<Args, AckError>) {
        let Some((index, member)) = self.members.iter_mut().enumerate().find(|(_, member)| member.key == socket) else {
            return;
        };
        if !member.retries.settle(id) {
            if let Some(packet) = member.buffer.remove(id) {
                self.release(&packet);
            }
            self.events.push_back(Event::Acked { socket, id, result });
        } else {
            if let Some((retry, packet)) = member.retries.finish(result.is_ok(), member.config.retries.unwrap_or(0)) {
                self.release(&packet);
                self.events.push_back(Event::Delivered { socket, retry, result });
            }
            self.send_waiting(index);
        }
    }

    fn keep_early(&mut self, index: usize, id: Option<u64>, event: crate::Event) {
        let Some(member) = self.members.get_mut(index) else { return };
        // The event may be for the socket's previous membership and have crossed its DISCONNECT. Events missed before a
        // recovery only arrive on a new connection.
        if member.last_epoch == self.epochs {
            return;
        }
        self.early = self.early.saturating_add(cost(&event));
        // Copied, because a slice would pin the whole received body, which no limit counts.
        let event = crate::Event { name: event.name.copied(), args: event.args.copied() };
        member.early.push((id, event));
        if self.early > self.config.receive_buffer_limit {
            self.violated();
        }
    }

    pub(super) fn forget_early(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else { return };
        let early = std::mem::take(&mut member.early);
        self.early -= early.iter().map(|(_, event)| cost(event)).sum::<usize>();
    }

    /// Requests credentials for a waiting socket if the connection is open.
    pub(super) fn ask(&mut self, index: usize) {
        let open = matches!(self.link, Link::Open(_));
        if let Some(member) = self.members.get_mut(index).filter(|member| open && member.phase == Phase::Waiting) {
            member.phase = Phase::Asking;
            self.events.push_back(Event::Authenticate { socket: member.key });
        }
    }

    pub(super) fn set_phase(&mut self, index: usize, phase: Phase) {
        if let Some(member) = self.members.get_mut(index) {
            member.phase = phase;
        }
    }
}

/// What an early event counts towards the limit, in bytes.
fn cost(event: &crate::Event) -> usize {
    event.name.len().saturating_add(event.args.byte_len()).saturating_add(Config::PACKET_COST)
}

/// Maximum length of a socket id in bytes. The reference's ids have 20.
const LONGEST_ID: usize = 1024;

/// The id in the server's answer to a CONNECT.
fn sid(answer: &Json) -> Option<Text> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        sid: Cow<'a, str>,
    }
    // Copied, because the id is kept as long as the socket is connected.
    let Answer { sid } = answer.parse().ok()?;
    (1..=LONGEST_ID).contains(&sid.len()).then(|| Text::from(&*sid))
}

/// The payload of a CONNECT_ERROR: an object, or a string, which the reference drops.
fn refusal(error: &Json) -> Refusal {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Error {
        message: Option<Json>,
        data: Option<Json>,
    }
    let text = |json: &Json| json.parse::<Cow<'_, str>>().ok().map(|text| Text::from(&*text));
    match error.parse::<Error>() {
        Ok(Error { message, data }) => {
            // Copied, because a slice would pin the whole received message.
            let data = data.map(|data| data.copied());
            Refusal::Server { message: message.as_ref().and_then(text).unwrap_or_default(), data }
        }
        Err(_) => Refusal::Server { message: text(error).unwrap_or_default(), data: None },
    }
}
