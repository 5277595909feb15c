//! The state of one client that its session task shares with requests and handles.

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

/// The machine's answer to an HTTP request.
#[derive(Debug)]
pub(crate) enum Answer {
    Respond(Box<engineio_proto::http::Response>),
    /// Read the body, up to this many bytes.
    Receive(usize),
    /// Close the connection without a response.
    Abort,
}

/// A machine's output for a WebSocket, which the session task writes.
#[derive(Debug)]
pub(crate) enum Output {
    Frame(WebSocketId, engineio_proto::Frame),
    Close(WebSocketId),
}

/// One client: its machine under a lock, and the waker of its session task.
///
/// While the lock is held, no user code, I/O or await runs, and no hub is locked: if both locks are needed, the hub's is taken first.
pub(crate) struct Conn {
    pub(crate) shared: Arc<Shared>,
    pub(crate) sid: Sid,
    /// Number of the session on its server, so that visiting all sessions has an order that does not depend on hashes.
    pub(crate) serial: u64,
    pub(crate) handshake: Handshake,
    inner: Mutex<Inner>,
    /// Wakes the session task.
    pub(crate) turns: Turns,
}

pub(crate) struct Inner {
    pub(crate) machine: Machine,
    /// Requests that wait for an answer.
    requests: Vec<(RequestId, oneshot::Sender<Answer>)>,
    /// Outputs taken from the machine outside the session task.
    pub(crate) outputs: VecDeque<Output>,
    /// Accepted WebSockets that the session task has not taken yet.
    pub(crate) upgrades: Vec<(WebSocketId, OnUpgrade)>,
    /// The waiting ends of pending acks.
    pub(crate) acks: BTreeMap<(SocketKey, u64), oneshot::Sender<Result<Args, AckError>>>,
    /// While reading is paused: the requests that wait for its end.
    pub(crate) paused: Option<Vec<Waker>>,
    /// The deadline that the session task sleeps for, or that it is about to handle.
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
        // No code here panics under the lock. If it did, the machine would still be in a valid state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the session task to take what the machine has.
    pub(crate) fn notify(&self) {
        self.turns.notify();
    }

    /// Finishes an input from outside the session task: answers requests, and wakes the task if there is work for it.
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

/// The id of the handshake's request or WebSocket; later ids are greater.
pub(crate) const FIRST_ID: u64 = 1;

impl Inner {
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Registers a request that waits for an answer.
    pub(crate) fn expect_answer(&mut self, id: RequestId) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.requests.push((id, sender));
        receiver
    }

    /// Removes a waiting request; `false` if it is answered already.
    pub(crate) fn forget_request(&mut self, id: RequestId) -> bool {
        let before = self.requests.len();
        self.requests.retain(|(waiting, _)| *waiting != id);
        self.requests.len() < before
    }

    /// Takes the machine's transmits: answers go to their requests, the rest to `outputs`.
    pub(crate) fn answer(&mut self) {
        while let Some(transmit) = self.machine.poll_transmit() {
            let output = self.route(transmit);
            self.outputs.extend(output);
        }
    }

    /// The next output for the session task; answers go to their requests on the way.
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

    /// Passes a settled ack to its waiting future; any other event comes back.
    pub(crate) fn settle_ack(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Socket(server::Event::Acked { socket, id, result }) => {
                if let Some(waiting) = self.acks.remove(&(socket, id)) {
                    // The future may be dropped meanwhile.
                    _ = waiting.send(result);
                }
                None
            }
            event => Some(event),
        }
    }

    /// Passes an answer to its request; any other transmit comes back as an output for the session task.
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
            // A request that is dropped meanwhile notifies the machine itself.
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
