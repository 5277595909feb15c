//! The state that a client's handles share with its task.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use engineio_proto::Instant;
use engineio_proto::Text;
use futures_channel::oneshot;
use socketio_proto::client::{Event, Manager, Refusal, RetryId};
use socketio_proto::{AckError, Args, SocketKey};

use super::error::{Attempt, ConnectError};
use super::member::{Member, lock};
use super::options::Options;
use super::state::Subscribers;
use super::task::ClientTask;
use crate::error::EmitError;
use crate::runtime::Runtime;
use crate::turn::wake::Turns;

/// One client: its machine in a mutex, and what wakes its task.
///
/// The lock is never held over user code, I/O or an await.
pub(super) struct Shared {
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) options: Options,
    pub(super) subscribers: Subscribers,
    pub(super) turns: Turns,
    inner: Mutex<Inner>,
    /// Number of sockets.
    sockets: AtomicUsize,
}

pub(super) struct Inner {
    pub(super) machine: Manager,
    /// Waiters for pending acks.
    pub(super) acks: BTreeMap<(SocketKey, u64), Settle>,
    /// Waiters for the delivery of packets that are sent again until they are acknowledged (`retries`).
    pub(super) deliveries: BTreeMap<(SocketKey, RetryId), Settle>,
    /// Waiters for a socket to connect.
    pub(super) connecting: Vec<(SocketKey, oneshot::Sender<Result<(), ConnectError>>)>,
    /// Errors of the application's credentials closures, until the machine reports the refusal that follows.
    pub(super) no_auth: Vec<(SocketKey, Arc<dyn Error + Send + Sync>)>,
    /// Why the last attempt failed.
    last_error: Option<ConnectError>,
    /// The newest engine session that has sent a request.
    pub(super) session: u64,
    /// Waiters of `close`: until all engine sessions up to that one have sent everything and closed.
    pub(super) closing: Vec<(u64, oneshot::Sender<()>)>,
    /// Waiters for room in the send buffers.
    pub(super) ready: Vec<oneshot::Sender<()>>,
    pub(super) stage: Stage,
}

/// The network error that failed an attempt.
pub(super) type Cause = Arc<dyn Error + Send + Sync>;

pub(super) type Settle = oneshot::Sender<Result<Args, AckError>>;

/// The stages of the client's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The task is spawned by the first `connect`: only then is the caller known to be within the runtime.
    NotStarted,
    Running,
    /// The last handle was dropped, or the runtime was shut down.
    Ended,
}

/// Held by the handles of a client only, so that its drop ends the client.
pub(super) struct Alive {
    pub(super) shared: Arc<Shared>,
    members: Mutex<BTreeMap<Text, Arc<Member>>>,
}

impl Shared {
    pub(super) fn new(runtime: Arc<dyn Runtime>, options: Options, machine: Manager) -> Self {
        let inner = Inner {
            machine,
            acks: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            connecting: Vec::new(),
            no_auth: Vec::new(),
            last_error: None,
            session: 0,
            closing: Vec::new(),
            ready: Vec::new(),
            stage: Stage::NotStarted,
        };
        Self {
            runtime,
            options,
            subscribers: Subscribers::default(),
            turns: Turns::new(),
            inner: Mutex::new(inner),
            sockets: AtomicUsize::new(0),
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.runtime.now()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code panics under the lock; if it did, the machine would still be in a usable state.
        lock(&self.inner)
    }

    /// Number of sockets.
    pub(super) fn sockets(&self) -> usize {
        self.sockets.load(Ordering::Acquire)
    }

    /// Runs `act` on the machine and notifies the task.
    pub(super) fn with_machine<T>(&self, act: impl FnOnce(&mut Manager, Instant) -> T) -> T {
        let now = self.now();
        let result = act(&mut self.lock().machine, now);
        self.turns.notify();
        result
    }

    /// Like [`with_machine`](Self::with_machine) for sending, which fails once the task has ended.
    pub(super) fn send<T, E>(&self, act: impl FnOnce(&mut Inner, Instant) -> Result<T, E>) -> Result<T, EmitError>
    where
        E: Into<EmitError>,
    {
        let now = self.now();
        let mut inner = self.lock();
        if inner.stage == Stage::Ended {
            return Err(EmitError::Disconnected);
        }
        let result = act(&mut inner, now);
        drop(inner);
        self.turns.notify();
        result.map_err(Into::into)
    }
}

impl Inner {
    /// Resolves the waiters that an event concerns. Returns the event unless it was for a waiter alone.
    pub(super) fn settle(&mut self, event: Event, attempt: &Attempt, options: &Options) -> Option<Event> {
        match event {
            // A waiter that was dropped is ignored.
            Event::Acked { socket, id, result } => {
                _ = self.acks.remove(&(socket, id)).map(|waiting| waiting.send(result));
                return None;
            }
            Event::Delivered { socket, retry, result } => {
                _ = self.deliveries.remove(&(socket, retry)).map(|waiting| waiting.send(result));
                return None;
            }
            _ => {}
        }
        if let Event::Disconnected { .. }
        | Event::Refused { .. }
        | Event::NotJoined { .. }
        | Event::AttemptFailed { .. }
        | Event::ReconnectFailed { .. } = event
        {
            self.release_waiting();
        }
        match event {
            _ if self.connecting.is_empty() => {}
            Event::Connected { socket, .. } => self.resolve(|key| key == socket, Ok(())),
            Event::Refused { socket, ref error } => {
                let error = self.refusal(socket, error.clone());
                self.resolve(|key| key == socket, Err(error));
            }
            Event::AttemptFailed { ref error, .. } => {
                let error = attempt.failed(error.clone(), options.timeout);
                match options.reconnection {
                    true => self.last_error = Some(error),
                    false => self.resolve(|_| true, Err(error)),
                }
            }
            Event::NotJoined { socket, reason } if !options.reconnection => {
                self.resolve(|key| key == socket, Err(attempt.lost(reason)));
            }
            Event::ReconnectFailed { .. } => {
                let error = self.last_error.take().unwrap_or(ConnectError::Disconnected);
                self.resolve(|_| true, Err(error));
            }
            Event::Disconnected { socket, .. } if !self.machine.is_active(socket) => {
                self.resolve(|key| key == socket, Err(ConnectError::Disconnected));
            }
            _ => {}
        }
        Some(event)
    }

    /// Releases waiters of sockets that will not connect again by themselves: for deliveries and for room in the buffers. (The
    /// machine settles acks itself.) The packets to deliver stay buffered for the next connection.
    pub(super) fn release_waiting(&mut self) {
        let over: Vec<_> = self.deliveries.keys().filter(|(key, _)| self.machine.is_over(*key)).copied().collect();
        for delivery in over {
            _ = self.deliveries.remove(&delivery).map(|waiting| waiting.send(Err(AckError::Disconnected)));
        }
        // Dropping the senders wakes `ready`, which checks again.
        self.ready.clear();
    }

    fn resolve(&mut self, meant: impl Fn(SocketKey) -> bool, answer: Result<(), ConnectError>) {
        for (key, waiting) in std::mem::take(&mut self.connecting) {
            match meant(key) {
                true => _ = waiting.send(answer.clone()),
                false => self.connecting.push((key, waiting)),
            }
        }
    }

    /// Converts a refusal: by the server, or for lack of credentials.
    pub(super) fn refusal(&self, socket: SocketKey, error: Refusal) -> ConnectError {
        match error {
            Refusal::Server { message, data } => ConnectError::Refused { message, data },
            Refusal::NoCredentials => match self.no_auth.iter().find(|(key, _)| *key == socket) {
                Some((_, cause)) => ConnectError::Auth(cause.clone()),
                None => ConnectError::Disconnected,
            },
            Refusal::Disconnected => ConnectError::Disconnected,
            other => ConnectError::Refused { message: other.to_string().into(), data: None },
        }
    }

    /// Removes and returns the waiters for this socket to connect.
    pub(super) fn take_connecting(&mut self, key: SocketKey) -> Vec<oneshot::Sender<Result<(), ConnectError>>> {
        let (taken, kept) = std::mem::take(&mut self.connecting).into_iter().partition(|(waiting, _)| *waiting == key);
        self.connecting = kept;
        let taken: Vec<(SocketKey, _)> = taken;
        taken.into_iter().map(|(_, waiting)| waiting).collect()
    }
}

impl Alive {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared), members: Mutex::default() }
    }

    /// The socket of a namespace, created on first use.
    pub(super) fn member(&self, namespace: Text) -> Arc<Member> {
        let mut members = lock(&self.members);
        let member = members.entry(namespace).or_insert_with_key(|namespace| {
            let key = self.shared.lock().machine.socket(namespace, self.shared.options.socket);
            self.shared.sockets.fetch_add(1, Ordering::Release);
            Arc::new(Member::new(key, namespace.clone()))
        });
        member.clone()
    }

    /// All sockets, in the order of their namespaces.
    pub(super) fn members(&self) -> Vec<Arc<Member>> {
        lock(&self.members).values().cloned().collect()
    }

    /// Makes the task check for every socket whether more events can arrive.
    pub(super) fn recheck(&self) {
        lock(&self.members).values().for_each(|member| member.recheck());
    }

    /// Spawns the task unless that has been done.
    pub(super) fn start(self: &Arc<Self>) {
        let mut inner = self.shared.lock();
        let former = inner.stage;
        if former == Stage::NotStarted {
            inner.stage = Stage::Running;
        }
        drop(inner);
        if former == Stage::NotStarted {
            let task = ClientTask::new(self.shared.clone(), Arc::downgrade(self));
            self.shared.runtime.spawn(Box::pin(task));
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let mut inner = self.shared.lock();
        if inner.stage == Stage::NotStarted {
            inner.stage = Stage::Ended;
            drop(inner);
            self.shared.subscribers.end();
        } else {
            drop(inner);
            self.shared.turns.call();
        }
    }
}

/// A reference that does not keep the client alive.
pub(super) type WeakClient = Weak<Alive>;
