//! One client, as everybody but its task sees it.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use engineio_proto::Instant;
use engineio_proto::Text;
use futures_channel::oneshot;
use socketio_proto::client::{Event, Manager, Refusal, RetryId};
use socketio_proto::{AckError, Args, SocketKey};

use super::error::{ConnectError, Story};
use super::member::{Member, lock};
use super::options::Options;
use super::state::Subscribers;
use super::task::ClientTask;
use crate::emit::EmitError;
use crate::runtime::Runtime;
use crate::turn::wake::Turns;

/// One client: its machine behind a lock, and the way to wake its task.
///
/// The lock is never held over user code, I/O or an await.
pub(super) struct Shared {
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) options: Options,
    pub(super) subscribers: Subscribers,
    pub(super) turns: Turns,
    inner: Mutex<Inner>,
    /// How many sockets there are.
    sockets: AtomicUsize,
}

pub(super) struct Inner {
    pub(super) machine: Manager,
    /// Who waits for the acks that the server owes.
    pub(super) acks: BTreeMap<(SocketKey, u64), Settle>,
    /// Who waits until a packet that is tried again is delivered.
    pub(super) deliveries: BTreeMap<(SocketKey, RetryId), Settle>,
    /// Who waits for a socket to be connected.
    pub(super) connecting: Vec<(SocketKey, oneshot::Sender<Result<(), ConnectError>>)>,
    /// Why credentials could not be made, until the machine has drawn its conclusion.
    pub(super) no_auth: Vec<(SocketKey, Arc<dyn Error + Send + Sync>)>,
    /// Why the last attempt failed.
    last_error: Option<ConnectError>,
    /// The latest engine session that has asked for anything.
    pub(super) session: u64,
    /// Who waits until everything has been sent and closed, of all engine sessions up to that one.
    pub(super) closing: Vec<(u64, oneshot::Sender<()>)>,
    /// Who waits for room in the buffers.
    pub(super) ready: Vec<oneshot::Sender<()>>,
    pub(super) stage: Stage,
}

/// What went wrong on the network.
pub(super) type Cause = Arc<dyn Error + Send + Sync>;

pub(super) type Settle = oneshot::Sender<Result<Args, AckError>>;

/// The task's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody has asked to connect yet, so nobody knows that we run within the runtime.
    NotStarted,
    Running,
    /// The last handle is gone, or the runtime is.
    Ended,
}

/// What all handles of a client hold, and nothing else does: when it is dropped, nobody can ask for anything any more.
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
        // No code of ours panics under the lock; were it to, the state is still one that the machine can be asked about.
        lock(&self.inner)
    }

    /// How many sockets there are.
    pub(super) fn sockets(&self) -> usize {
        self.sockets.load(Ordering::Acquire)
    }

    /// Does something to the machine that its task has to see.
    pub(super) fn with_machine<T>(&self, act: impl FnOnce(&mut Manager, Instant) -> T) -> T {
        let now = self.now();
        let result = act(&mut self.lock().machine, now);
        self.turns.notify();
        result
    }

    /// The same for what is to be sent, which nobody does any more once the task has ended.
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
    /// Passes on to those who wait what they wait for; any other event comes back.
    pub(super) fn settle(&mut self, event: Event, story: &Story, options: &Options) -> Option<Event> {
        match event {
            // Nobody waits any more: the answer is of no interest.
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
                let error = story.failed(error.clone(), options.timeout);
                match options.reconnection {
                    true => self.last_error = Some(error),
                    false => self.resolve(|_| true, Err(error)),
                }
            }
            Event::NotJoined { socket, reason } if !options.reconnection => {
                self.resolve(|key| key == socket, Err(story.lost(reason)));
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

    /// Those who wait for something that a socket that is over will not bring learn of it: deliveries, and room in the buffers. (The
    /// machine settles acks itself.) What is to be delivered stays, for the next connection.
    pub(super) fn release_waiting(&mut self) {
        let over: Vec<_> = self.deliveries.keys().filter(|(key, _)| self.machine.is_over(*key)).copied().collect();
        for delivery in over {
            _ = self.deliveries.remove(&delivery).map(|waiting| waiting.send(Err(AckError::Disconnected)));
        }
        // They look again.
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

    /// What a refusal is to the application: the server's, or that there are no credentials.
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

    /// Those who wait for this socket to be connected.
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

    /// The socket of a namespace, made if need be.
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

    /// Every socket may have been left for good.
    pub(super) fn recheck(&self) {
        lock(&self.members).values().for_each(|member| member.recheck());
    }

    /// Starts the task, if there was none yet.
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

/// A handle that does not count as one.
pub(super) type WeakClient = Weak<Alive>;
