//! The machine of a session: bare Engine.IO, or Socket.IO on top of it.

use bytes::Bytes;
use engineio_proto::http::SessionView;
use engineio_proto::server::{Session, Transmit};
use engineio_proto::{Data, Instant, RequestId, WebSocketId};
use http::request::Parts;
use socketio_proto::server::Connection;

/// The machine of one session. Both kinds take the same inputs, so the I/O is written once.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each client, nearly always the larger one, and it never moves"
)]
pub(crate) enum Machine {
    Engine(Session),
    Socket(Connection),
}

/// An event of either kind of machine.
#[derive(Debug)]
pub(crate) enum Event {
    Engine(engineio_proto::server::Event),
    Socket(socketio_proto::server::Event),
}

impl Event {
    pub(crate) fn is_closed(&self) -> bool {
        matches!(
            self,
            Self::Engine(engineio_proto::server::Event::Closed { .. })
                | Self::Socket(socketio_proto::server::Event::Closed { .. })
        )
    }
}

macro_rules! inputs {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {
        $(pub(crate) fn $name(&mut self, $($arg: $type),*) {
            match self {
                Self::Engine(machine) => machine.$name($($arg),*),
                Self::Socket(machine) => machine.$name($($arg),*),
            }
        })*
    };
}

impl Machine {
    inputs! {
        handle_request(id: RequestId, parts: &Parts, now: Instant);
        handle_body(id: RequestId, body: Bytes, now: Instant);
        handle_body_progress(id: RequestId, now: Instant);
        handle_body_too_large(id: RequestId, now: Instant);
        handle_aborted(id: RequestId, now: Instant);
        handle_websocket(id: WebSocketId, parts: &Parts, now: Instant);
        handle_message(id: WebSocketId, data: Data, now: Instant);
        handle_progress(id: WebSocketId, now: Instant);
        handle_flushed(id: WebSocketId, now: Instant);
        handle_websocket_closed(id: WebSocketId, error: bool, now: Instant);
        handle_idle(now: Instant);
        handle_tick(now: Instant);
        handle_timeout(now: Instant);
        pause_reading(now: Instant);
        resume_reading(now: Instant);
        close(now: Instant);
        discard(now: Instant);
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        match self {
            Self::Engine(machine) => machine.poll_transmit(),
            Self::Socket(machine) => machine.poll_transmit(),
        }
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        match self {
            Self::Engine(machine) => machine.poll_event().map(Event::Engine),
            Self::Socket(machine) => machine.poll_event().map(Event::Socket),
        }
    }

    /// Whether `poll_event` may return an event.
    pub(crate) fn has_events(&self) -> bool {
        match self {
            Self::Engine(machine) => machine.has_events(),
            Self::Socket(machine) => machine.has_events(),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Engine(machine) => machine.poll_timeout(),
            Self::Socket(machine) => machine.poll_timeout(),
        }
    }

    pub(crate) fn engine(&self) -> &Session {
        match self {
            Self::Engine(machine) => machine,
            Self::Socket(machine) => machine.engine(),
        }
    }

    pub(crate) fn view(&self) -> SessionView {
        self.engine().view()
    }

    /// Ends the session because the server stops.
    pub(crate) fn shut_down(&mut self, now: Instant) {
        match self {
            Self::Engine(machine) => machine.close(now),
            Self::Socket(machine) => machine.shut_down(now),
        }
    }
}
