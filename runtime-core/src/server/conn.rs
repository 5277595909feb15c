//! One client, as everybody but its session task sees it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use engineio_proto::server::Transmit;
use engineio_proto::{Instant, RequestId, Sid, WebSocketId};
use futures_channel::oneshot;
use hyper::upgrade::OnUpgrade;
use socketio_proto::server::{self};
use socketio_proto::{AckError, Args, SocketKey};

use crate::server::handle::Shared;
use crate::server::handshake::Handshake;
use crate::server::machine::{Event, Machine};
use crate::turn::wake::Turns;

/// What an HTTP request is told.
#[derive(Debug)]
pub(crate) enum Answer {
    Respond(Box<engineio_proto::http::Response>),
    /// Read the body, up to this many bytes.
    Receive(usize),
    /// Hang up without a response.
    Abort,
}

/// Something for the session task to do with a WebSocket.
#[derive(Debug)]
pub(crate) enum Output {
    Frame(WebSocketId, engineio_proto::Frame),
    Close(WebSocketId),
}

/// One client: its machine behind a lock, and the way to wake its session task.
///
/// The lock is never held over user code, I/O, an await or the hub.
pub(crate) struct Conn {
    pub(crate) shared: Arc<Shared>,
    pub(crate) sid: Sid,
    /// Counts the sessions of a server: what visits them all has an order that does not depend on hashes.
    pub(crate) serial: u64,
    pub(crate) handshake: Handshake,
    inner: Mutex<Inner>,
    /// The session task's.
    pub(crate) turns: Turns,
}

pub(crate) struct Inner {
    pub(crate) machine: Machine,
    /// Requests without an answer yet, by whom they wait.
    requests: Vec<(RequestId, oneshot::Sender<Answer>)>,
    /// Outputs that came up while somebody else than the session task had the machine.
    pub(crate) outputs: VecDeque<Output>,
    /// Accepted WebSockets on their way to the session task.
    pub(crate) upgrades: Vec<(WebSocketId, OnUpgrade)>,
    /// Who waits for the acks that the client owes.
    pub(crate) acks: BTreeMap<(SocketKey, u64), oneshot::Sender<Result<Args, AckError>>>,
    /// Requests that wait until the session reads again.
    pub(crate) paused: Option<Vec<Waker>>,
    /// The deadline that the session task sleeps for, or that it is about to judge.
    pub(crate) armed: Option<Instant>,
    last_id: u64,
}

impl Conn {
    pub(crate) fn new(shared: Arc<Shared>, sid: Sid, handshake: Handshake, machine: Machine) -> Self {
        let inner = Inner {
            machine,
            requests: Vec::new(),
            outputs: VecDeque::new(),
            upgrades: Vec::new(),
            acks: BTreeMap::new(),
            paused: None,
            armed: None,
            last_id: FIRST_ID,
        };
        let serial = shared.sessions.next_serial();
        Self { shared, sid, serial, handshake, inner: Mutex::new(inner), turns: Turns::new() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.shared.runtime.now()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code of ours panics under the lock; were it to, the state is still one that the machine can be asked about.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the session task that there is something to do.
    pub(crate) fn notify(&self) {
        self.turns.notify();
    }

    /// What follows an input from outside of the session task: requests are answered, and the task is woken if there is
    /// something for it to do.
    pub(crate) fn settle(&self, mut inner: MutexGuard<'_, Inner>) {
        inner.answer();
        let earlier = match (inner.machine.poll_timeout(), inner.armed) {
            (Some(deadline), Some(armed)) => deadline < armed,
            (deadline, armed) => deadline.is_some() && armed.is_none(),
        };
        let work = earlier || !inner.outputs.is_empty() || inner.machine.has_events();
        drop(inner);
        if work {
            self.notify();
        }
    }
}

/// The ids of the handshake's own request or WebSocket; those given out later are greater.
pub(crate) const FIRST_ID: u64 = 1;

impl Inner {
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Waits for an answer to a request.
    pub(crate) fn expect_answer(&mut self, id: RequestId) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.requests.push((id, sender));
        receiver
    }

    /// Stops waiting; `false` if the answer has come already.
    pub(crate) fn forget_request(&mut self, id: RequestId) -> bool {
        let before = self.requests.len();
        self.requests.retain(|(waiting, _)| *waiting != id);
        self.requests.len() < before
    }

    /// Takes what the machine has to transmit: answers go to their requests, the rest to `outputs`.
    pub(crate) fn answer(&mut self) {
        while let Some(transmit) = self.machine.poll_transmit() {
            let output = self.route(transmit);
            self.outputs.extend(output);
        }
    }

    /// The next thing for the session task to write.
    pub(crate) fn next_output(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        while let Some(transmit) = self.machine.poll_transmit() {
            if let Some(output) = self.route(transmit) {
                return Some(output);
            }
        }
        None
    }

    /// Passes a settled ack on to who waits for it; any other event comes back.
    pub(crate) fn settle_ack(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Socket(server::Event::Acked { socket, id, result }) => {
                if let Some(waiting) = self.acks.remove(&(socket, id)) {
                    // Nobody waits any more: the answer is of no interest.
                    _ = waiting.send(result);
                }
                None
            }
            event => Some(event),
        }
    }

    /// Delivers an answer; anything else is the session task's.
    pub(crate) fn route(&mut self, transmit: Transmit) -> Option<Output> {
        let (id, answer) = match transmit {
            Transmit::Frame { id, frame } => return Some(Output::Frame(id, frame)),
            Transmit::Close { id } => return Some(Output::Close(id)),
            Transmit::Respond { id, response } => (id, Answer::Respond(response)),
            Transmit::Receive { id, limit } => (id, Answer::Receive(limit)),
            Transmit::Abort { id } => (id, Answer::Abort),
        };
        if let Some(index) = self.requests.iter().position(|(waiting, _)| *waiting == id) {
            let (_, sender) = self.requests.swap_remove(index);
            // A request that was dropped meanwhile tells the machine itself.
            _ = sender.send(answer);
        }
        None
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn").field("sid", &self.sid).finish_non_exhaustive()
    }
}
