//! Whether the clients' applications see what they should.

use engineio_proto::CloseReason;
use socketio_proto::client::{DisconnectReason, Event};
use socketio_proto::{AckError, Args, SocketKey, encode};

use super::app::handling;
use super::attempts::Attempts;
use super::peer::Waiting;
use super::{Item, SPACES, World};

impl World {
    pub(super) fn on_client(&mut self, client: usize, event: Event) {
        self.follow(client, &event);
        let peer = &mut self.clients[client];
        match event {
            Event::Attempt { attempt } => {
                if attempt > 0 {
                    self.outcome.attempts += 1;
                    let crowd = self.crowds.entry((self.now - self.start).as_millis() / 100).or_default();
                    *crowd += 1;
                    self.outcome.crowd = self.outcome.crowd.max(*crowd);
                }
                let willing = !self.random.chance(self.settings.unwilling);
                self.question(Item::Open(client, willing));
            }
            Event::Authenticate { socket } => {
                let willing = !self.random.chance(self.settings.unwilling);
                self.question(Item::Authenticate(client, socket, willing));
            }
            Event::Connected { socket, id } => {
                self.outcome.joined += 1;
                let join = self.by_socket.get(&*id).copied().filter(|join| self.joins[*join].client == client);
                match (peer.member(socket), join) {
                    (Some(member), Some(_)) if member.joined.is_none() => {
                        (member.joined, member.last, member.fresh) = (join, join, true);
                    }
                    other => {
                        let what = format!("c{client}: connected as {id}: {other:?}");
                        self.fail(what);
                    }
                }
            }
            Event::Refused { socket, .. } | Event::NotJoined { socket, .. } => {
                self.outcome.refused += u64::from(matches!(event, Event::Refused { .. }));
                if peer.member(socket).is_none_or(|member| member.joined.is_some()) {
                    self.fail(format!("c{client}: {event:?} of a socket that is connected"));
                }
            }
            Event::Received { socket, id, event } => self.on_down(client, socket, id, &event.args),
            Event::Acked { socket, id, result } => self.on_ack(client, socket, id, result),
            Event::Delivered { socket, retry, result } => {
                let first = peer.member(socket).and_then(|member| Some((member.sure.pop_front()?, member)));
                let Some((sure, member)) = first.filter(|(sure, _)| sure.retry == retry) else {
                    return self.fail(format!("c{client}: {retry:?} delivered out of order, or twice"));
                };
                let fits = match &result {
                    Ok(args) => {
                        self.outcome.delivered += 1;
                        args.parse::<(u64,)>().ok() == Some((sure.number,)) && member.arrived >= Some(sure.number)
                    }
                    Err(_) => {
                        self.outcome.abandoned += 1;
                        let patient = self.settings.socket.retries == Some(u32::MAX);
                        member.abandoned.insert(sure.number) && !patient
                    }
                };
                if !fits {
                    self.fail(format!("c{client}: {sure:?} delivered: {result:?}"));
                }
            }
            Event::Disconnected { socket, reason } => self.on_disconnected(client, socket, reason),
            Event::Ready => peer.full = false,
            Event::Closed { reason, .. } => {
                self.outcome.missed_pings += u64::from(reason == CloseReason::PingTimeout);
            }
            // The copy of a GET may have taken half of a packet.
            Event::Undecodable(error) if self.settings.network.duplicated == 0 => {
                self.fail(format!("c{client} was told {error}"));
            }
            _ => {}
        }
    }

    /// Sees whether a connection comes and goes as it may.
    fn follow(&mut self, client: usize, event: &Event) {
        if let Event::Attempt { .. }
        | Event::AttemptFailed { .. }
        | Event::Waiting { .. }
        | Event::ReconnectFailed { .. }
        | Event::Opened { .. }
        | Event::Closed { .. } = event
        {
            let attempts = &mut self.clients[client].attempts;
            let before = *attempts;
            if !attempts.follow(event, &self.settings.manager, self.now) {
                self.fail(format!("c{client}: {event:?} after {before:?}"));
            }
        }
    }

    fn on_disconnected(&mut self, client: usize, socket: SocketKey, reason: DisconnectReason) {
        let Some(join) = self.clients[client].member(socket).and_then(|member| member.joined.take()) else {
            return self.fail(format!("c{client}: {reason} of a socket that is not connected"));
        };
        let missing = self.joins[join].down.len();
        let told = matches!(reason, DisconnectReason::TransportClose | DisconnectReason::ServerDisconnect);
        let own = matches!(reason, DisconnectReason::ForcedClose | DisconnectReason::ClientDisconnect);
        // A server that shuts down may be gone before a request of the client has arrived.
        let own = own || self.shut_down && reason == DisconnectReason::TransportError;
        if self.settings.lossless && !own && (missing > 0 || !told) {
            self.fail(format!("c{client}: {reason}, {missing} events are missing"));
        }
    }

    fn on_ack(&mut self, client: usize, socket: SocketKey, id: u64, result: Result<Args, AckError>) {
        let now = self.now;
        let over = self.clients[client].machine.is_over(socket);
        let Some(member) = self.clients[client].member(socket) else { return };
        let Some(ask) = member.asks.remove(&id) else {
            return self.fail(format!("c{client}: ack {id} settled twice: {result:?}"));
        };
        let fits = match &result {
            Ok(args) => {
                let in_time = ask.deadline.is_none_or(|deadline| now <= deadline);
                member.joined.is_some() && in_time && args.parse::<(u64,)>().ok() == Some((id,))
            }
            Err(AckError::Timeout) => {
                // If there was a connection, it may have left at the last moment.
                if member.withdraw(ask.number) && member.joined.is_some() {
                    member.maybe.insert(ask.number);
                }
                ask.deadline.is_some_and(|deadline| now == deadline)
            }
            // It is not sent any more either.
            Err(AckError::Disconnected) if ask.deadline.is_none() && over && member.withdraw(ask.number) => true,
            Err(_) => {
                member.lost.push(ask.number);
                result == Err(AckError::Disconnected)
            }
        };
        self.outcome.acks += u64::from(result.is_ok());
        self.outcome.late += u64::from(result == Err(AckError::Timeout));
        if !fits {
            self.fail(format!("c{client}: ack {id}, {ask:?}: {result:?}"));
        }
    }

    fn on_down(&mut self, client: usize, socket: SocketKey, id: Option<u64>, args: &Args) {
        self.outcome.down += 1;
        let Some(joined) = self.clients[client].member(socket).and_then(|member| member.joined) else {
            return self.fail(format!("c{client}: an event before CONNECT"));
        };
        let (conn, space) = (self.joins[joined].conn, self.joins[joined].space);
        let Ok((of, number, filling)) = args.parse::<(u64, u64, socketio_proto::Value<'_>)>() else {
            return self.fail(format!("c{client}: {args:?}"));
        };
        let of = of as usize;
        let repeated = self.conns[conn].repeated;
        let Some(join) = self.joins.get_mut(of) else { return self.fail(format!("c{client}: {args:?}")) };
        // The socket left and came back. Of what was sent before the server knew it must not hear: unless a repeated GET brings it late.
        let stale = of != joined && join.conn == conn && join.space == space && repeated;
        if repeated || stale {
            // The copy of a GET may have taken what nobody reads now.
            let at = join.down.iter().position(|sent| *sent == number);
            join.down.drain(..at.unwrap_or(0));
        }
        let expected = join.down.pop_front();
        if expected != Some(number) || of != joined && !stale {
            return self.fail(format!("c{client}: event {number} of join {of} in {joined} instead of {expected:?}"));
        }
        if let Some(id) = id.filter(|_| !stale) {
            match encode::ack(SPACES[space], id, &id) {
                Ok(packet) => self.schedule(self.now + handling(&filling), Item::ClientAnswer(client, joined, packet)),
                Err(error) => self.fail(error.to_string()),
            }
        }
    }

    /// Compares a client with its model: what its manager no longer holds was handed to the connection, in order; the rest is there.
    pub(super) fn compare(&mut self, client: usize) {
        let peer = &mut self.clients[client];
        if !peer.is_active() && peer.attempts != Attempts::Open {
            peer.attempts = Attempts::None;
        }
        let held = peer.machine.buffered();
        let mut modelled = peer.buffered();
        let mut wrong = None;
        for member in &mut peer.members {
            let fresh = std::mem::take(&mut member.fresh);
            let join = member.joined.or(member.last.filter(|_| fresh));
            while let Some(join) = join.filter(|_| modelled > held) {
                let Some(Waiting { number, cost }) = member.waiting.pop_front() else { break };
                modelled -= cost;
                self.joins[join].up.push_back(number);
            }
            for number in std::mem::take(&mut member.lost) {
                if member.waiting.iter().any(|waiting| waiting.number == number) {
                    wrong = Some(format!("the ack of event {number} is lost, which has not left"));
                }
            }
        }
        let asks: usize = peer.members.iter().map(|member| member.asks.len()).sum();
        let sure = peer.members.iter().filter(|member| !member.sure.is_empty()).count();
        let pending = peer.machine.pending_acks();
        if modelled != held {
            wrong = Some(format!("{held} bytes are buffered instead of {modelled}"));
        }
        if pending < asks || pending > asks + sure {
            wrong = Some(format!("{pending} acks are under way instead of {asks}, and {sure} of retries"));
        }
        if let Some(wrong) = wrong {
            self.fail(format!("c{client}: {wrong}"));
        }
    }
}
