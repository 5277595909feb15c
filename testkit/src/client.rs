//! A client as raw as it can be: the engine's session, and one socket in `/` by hand.

use std::sync::Arc;

use engineio_proto::client::{Config, Event as Engine, Session, Start};
use engineio_proto::{CloseReason, Instant, TransportKind};
use socketio_proto::{Args, Body, Decoder, Encoded, Event, Limits, Packet, encode};

/// What happened to a client.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Happened {
    /// The server let its socket in.
    Connected,
    /// The session moved to WebSocket.
    Upgraded,
    /// An event, with the id of the ack that the server wants.
    Received(Option<u64>, Event),
    /// The answer to an event of its own.
    Acked(u64, Args),
    /// The server disconnected the socket; the session goes on.
    Kicked,
    /// The session ended.
    Closed(CloseReason),
    /// The server said something that it must not.
    Broken(String),
}

/// A client that does nothing by itself: no reconnection, no buffer.
#[derive(Debug)]
pub struct RawClient {
    config: Arc<Config>,
    session: Option<Session>,
    decoder: Decoder,
    next_id: u64,
    connected: bool,
}

impl RawClient {
    /// A client that is not connected.
    pub fn new(config: Arc<Config>) -> Self {
        Self { config, session: None, decoder: Decoder::new(Limits::default()), next_id: 0, connected: false }
    }

    /// Opens a session, unless there is one.
    pub fn open(&mut self, now: Instant) {
        if self.session.as_ref().is_none_or(Session::is_closed) {
            let start = Start { first_id: self.next_id, ..Start::default() };
            self.session = Some(Session::open(self.config.clone(), start, now));
            self.decoder.reset();
        }
    }

    /// The session, to be told what happened.
    pub fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    /// Whether the socket is connected.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether the session goes by WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.transport() == TransportKind::WebSocket)
    }

    /// Bytes that wait for the server.
    pub fn buffered(&self) -> usize {
        self.session.as_ref().map_or(0, Session::buffered)
    }

    /// When the session wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.session.as_ref().and_then(Session::poll_timeout)
    }

    /// Sends a packet; whether it was taken.
    pub fn emit(&mut self, packet: &Encoded) -> bool {
        let session = self.session.as_mut().filter(|_| self.connected);
        session.is_some_and(|session| session.send_batch(packet.messages()).is_ok())
    }

    /// Closes the session.
    pub fn close(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.close(now);
        }
    }

    /// The next thing that happened.
    pub fn poll(&mut self, now: Instant) -> Option<Happened> {
        loop {
            let session = self.session.as_mut()?;
            self.next_id = session.next_id();
            return Some(match session.poll_event()? {
                Engine::Opened(_) => {
                    // Refused only if the session is closing.
                    _ = session.send_batch(encode::connect("/", None).messages());
                    continue;
                }
                Engine::Message(data) => match self.decoder.decode(data, now) {
                    Ok(None) => continue,
                    Ok(Some(packet)) => self.on_packet(packet),
                    Err(error) => Happened::Broken(error.to_string()),
                },
                Engine::Upgraded => Happened::Upgraded,
                Engine::Closed { reason, .. } => {
                    self.connected = false;
                    Happened::Closed(reason)
                }
                Engine::Upgrading | Engine::UpgradeFailed(_) | Engine::Ready => continue,
            });
        }
    }

    fn on_packet(&mut self, packet: Packet) -> Happened {
        match packet.body {
            Body::Connect(_) if !self.connected => {
                self.connected = true;
                Happened::Connected
            }
            Body::Event { id, event } if self.connected => Happened::Received(id, event),
            Body::Ack { id, args } if self.connected => Happened::Acked(id, args),
            Body::Disconnect if self.connected => {
                self.connected = false;
                Happened::Kicked
            }
            body => Happened::Broken(format!("{body:?}")),
        }
    }
}
