//! What the packets of the server do.

use std::borrow::Cow;

use engineio_proto::client::Event as Engine;
use engineio_proto::{Data, Instant, Text};
use serde::Deserialize;

use super::link::Link;
use super::manager::Manager;
use super::member::Phase;
use super::{Config, DisconnectReason, Event, Refusal};
use crate::{AckError, Args, Body, DecodeError, Json, Packet, SocketKey};

/// So many events are held at a time: what the server sent beyond waits as it came.
const AHEAD: usize = 32;

impl Manager {
    /// Takes what happened below, as far as there is room for events: the rest may still be the bytes of a body, and small.
    pub(super) fn process(&mut self) {
        while self.events.len() < AHEAD {
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
                    self.relieved();
                    self.send_on();
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
        // Nobody there: the answer to something that is over.
        let Some((index, member)) = found else { return };
        let socket = member.key;
        // It can't answer what has not left. What else it says is for a socket that is no more.
        if self.is_behind(socket) {
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
            // A server of version 2 does not wait to be asked.
            (Body::Connect(None), Phase::Asking) => self.refused(index, Refusal::NoSid),
            (Body::ConnectError(error), Phase::Joining) => self.refused(index, refusal(&error)),
            (Body::Disconnect, Phase::Joining) => self.refused(index, Refusal::Disconnected),
            (Body::Disconnect, Phase::Connected(_)) => self.left(index, DisconnectReason::ServerDisconnect),
            (Body::Connect(_), Phase::Leaving) => {
                self.set_phase(index, Phase::Over);
                self.send_away(index);
            }
            (Body::ConnectError(_) | Body::Disconnect, Phase::Leaving) => self.set_phase(index, Phase::Over),
            // The answer comes although a DISCONNECT was taken for it, which had crossed ours. Nobody is here to be let in.
            (Body::Connect(Some(answer)), Phase::Idle | Phase::Over | Phase::Asking) if sid(&answer).is_some() => {
                self.send_away(index);
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
        // What waited is on its way before anything that the application does because of the event.
        self.send_waiting(index);
        self.events.push_back(Event::Connected { socket, id });
        self.events.extend(early.into_iter().map(|(id, event)| Event::Received { socket, id, event }));
    }

    /// The server let in whom nobody wants any more. It may have said something to it already.
    fn send_away(&mut self, index: usize) {
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

    /// A connected socket is not wanted any more, by the server or by the application.
    pub(super) fn left(&mut self, index: usize, reason: DisconnectReason) {
        self.set_phase(index, Phase::Over);
        self.disconnected(index, reason);
        self.leave_if_unused();
    }

    /// Tells of the end of a connected socket, and of the acks that will never come. What is still here will be sent another time.
    pub(super) fn disconnected(&mut self, index: usize, reason: DisconnectReason) {
        let Some(member) = self.members.get(index) else { return };
        let socket = member.key;
        let keeps = |deadline: Option<Instant>| member.is_active() || deadline.is_some();
        for id in self.acks.settle_all(socket, |id, deadline| member.buffer.holds(id) && keeps(deadline)) {
            self.settle(socket, id, Err(AckError::Disconnected));
        }
        self.events.push_back(Event::Disconnected { socket, reason });
    }

    /// The socket has no connection and will have none by itself: nobody would answer what waits for one. Acks with a deadline end by that.
    pub(super) fn abandon_acks(&mut self, index: usize) {
        let Some(socket) = self.members.get(index).map(|member| member.key) else { return };
        for id in self.acks.settle_all(socket, |_, deadline| deadline.is_some()) {
            self.settle(socket, id, Err(AckError::Disconnected));
        }
    }

    fn acked(&mut self, socket: SocketKey, id: u64, args: Args) {
        let Some(member) = self.member(socket) else { return };
        // Of a packet that is still here the server knows nothing.
        if !member.buffer.holds(id) && self.acks.settle(socket, id) {
            self.settle(socket, id, Ok(args));
        }
    }

    /// An ack came, or never will. It is out of the table already.
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
        // It may be for the socket that was here before, and crossed its DISCONNECT. What was missed comes with a new connection only.
        if member.last_epoch == self.epochs {
            return;
        }
        self.early = self.early.saturating_add(cost(&event));
        // As it came it would keep all of the body that it came in, and no limit counts that.
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

    /// Asks as whom to join, if the socket waits for that and the connection is open.
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

/// What an event that came early takes of the limit.
fn cost(event: &crate::Event) -> usize {
    event.name.len().saturating_add(event.args.byte_len()).saturating_add(Config::PACKET_COST)
}

/// The longest id of a socket, in bytes. The reference's has 20.
const LONGEST_ID: usize = 1024;

/// The id in the server's answer to a CONNECT.
fn sid(answer: &Json) -> Option<Text> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        sid: Cow<'a, str>,
    }
    // In memory of its own: it is kept.
    let Answer { sid } = answer.parse().ok()?;
    (1..=LONGEST_ID).contains(&sid.len()).then(|| Text::from(&*sid))
}

/// What the server says against a socket: an object, or a mere text, which the reference loses.
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
            // In memory of its own: who keeps the refusal would keep all of the body that it came in.
            let data = data.map(|data| data.copied());
            Refusal::Server { message: message.as_ref().and_then(text).unwrap_or_default(), data }
        }
        Err(_) => Refusal::Server { message: text(error).unwrap_or_default(), data: None },
    }
}
