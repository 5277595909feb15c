//! The state that the handles of one socket share with the client's task.

use socketio_proto::SocketKey;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use engineio_proto::Text;
use socketio_proto::client::DisconnectReason;

use super::auth::Auth;
use super::error::ConnectError;
use super::socket::ClientSocket;
use crate::endpoint::Answer;
use crate::event::Event;
use crate::handler::{OnAny, OnConnect, OnError, OnEvent};
use crate::runtime::BoxFuture;
use crate::turn::slot::NextSlot;

type OnDisconnect = Arc<dyn Fn(ClientSocket, DisconnectReason) -> BoxFuture<'static, Answer> + Send + Sync>;
type OnConnectError = Arc<dyn Fn(ClientSocket, ConnectError) -> BoxFuture<'static, Answer> + Send + Sync>;

/// The handlers of one socket. They stay registered when it disconnects.
#[derive(Clone, Default)]
pub(super) struct Handlers {
    pub(super) events: BTreeMap<Text, OnEvent<ClientSocket>>,
    pub(super) any: Option<OnAny<ClientSocket>>,
    pub(super) connect: Option<OnConnect<ClientSocket>>,
    pub(super) disconnect: Option<OnDisconnect>,
    pub(super) connect_error: Option<OnConnectError>,
    pub(super) error: Option<OnError<ClientSocket>>,
}

impl Handlers {
    /// Whether no event has a handler.
    pub(super) fn take_no_events(&self) -> bool {
        self.events.is_empty() && self.any.is_none()
    }
}

/// One socket of a client.
pub(super) struct Member {
    pub(super) key: SocketKey,
    pub(super) namespace: Text,
    handlers: Mutex<Arc<Handlers>>,
    /// Counts changes of `handlers`, so that the task updates its copy only if there is a newer one.
    version: AtomicU64,
    auth: Mutex<Option<Auth>>,
    slot: Mutex<Next>,
    /// Whether `next` was ever called.
    pulls: AtomicBool,
    /// The task has to check whether more events can arrive for `next`.
    recheck: AtomicBool,
}

#[derive(Default)]
struct Next {
    slot: NextSlot<ClientSocket>,
    /// Events may still arrive, or are queued in the task. Otherwise `next` returns `None`.
    open: bool,
}

impl Member {
    pub(super) fn new(key: SocketKey, namespace: Text) -> Self {
        Self {
            key,
            namespace,
            handlers: Mutex::default(),
            version: AtomicU64::new(1),
            auth: Mutex::default(),
            slot: Mutex::default(),
            pulls: AtomicBool::new(false),
            recheck: AtomicBool::new(false),
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(super) fn handlers(&self) -> Arc<Handlers> {
        lock(&self.handlers).clone()
    }

    /// Changes the handlers. The replaced handler is dropped without the lock, as that runs user code.
    pub(super) fn set<T>(&self, set: impl FnOnce(&mut Handlers) -> T) {
        let mut handlers = lock(&self.handlers);
        let former = set(Arc::make_mut(&mut handlers));
        self.version.fetch_add(1, Ordering::Release);
        drop(handlers);
        drop(former);
    }

    /// The socket's own credentials.
    pub(super) fn auth(&self) -> Option<Auth> {
        lock(&self.auth).clone()
    }

    pub(super) fn set_auth(&self, auth: Auth) {
        let former = lock(&self.auth).replace(auth);
        drop(former);
    }

    // --- next ----------------------------------------------------------------------------------------------------------

    /// Takes an event or waits for one. `true` with `Pending` if the task must be notified.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> (Poll<Option<Event<ClientSocket>>>, bool) {
        let mut next = self.next();
        if let Some(event) = next.slot.take() {
            return (Poll::Ready(Some(event)), false);
        }
        if !next.open {
            return (Poll::Ready(None), false);
        }
        let first = next.slot.wait(cx.waker());
        self.pulls.store(true, Ordering::Release);
        (Poll::Pending, first)
    }

    /// Ends the wait of `next`. `true` if the task must be notified, as an event was delivered and not taken.
    pub(super) fn leave(&self) -> bool {
        let mut next = self.next();
        let left = next.slot.leave();
        if left {
            next.slot.give_back();
        }
        left
    }

    /// Whether the application receives events with `next`.
    pub(super) fn pulls(&self) -> bool {
        self.pulls.load(Ordering::Acquire)
    }

    /// Whether a call of `next` waits for an event.
    pub(super) fn is_awaited(&self) -> bool {
        self.pulls() && self.next().slot.is_awaited()
    }

    pub(super) fn has_returned(&self) -> bool {
        self.pulls() && self.next().slot.has_returned()
    }

    pub(super) fn take_back(&self) -> Option<Event<ClientSocket>> {
        if self.pulls() { self.next().slot.take_back() } else { None }
    }

    /// Delivers an event to a waiting call of `next`; returns it if there is none.
    pub(super) fn deliver(&self, event: Event<ClientSocket>) -> Option<Event<ClientSocket>> {
        let delivered = self.next().slot.deliver(event);
        match delivered {
            Ok(waker) => {
                waker.wake();
                None
            }
            Err(event) => Some(event),
        }
    }

    /// Lets `next` wait, as events may arrive.
    pub(super) fn open(&self) {
        self.next().open = true;
    }

    /// Lets `next` return `None`, as no more events will arrive.
    pub(super) fn close(&self) {
        let mut next = self.next();
        next.open = false;
        let waiting = next.slot.dismiss();
        drop(next);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Makes the task check whether more events can arrive for `next`.
    pub(super) fn recheck(&self) {
        self.recheck.store(true, Ordering::Release);
    }

    pub(super) fn needs_recheck(&self) -> bool {
        self.recheck.load(Ordering::Acquire)
    }

    pub(super) fn take_recheck(&self) -> bool {
        self.needs_recheck() && self.recheck.swap(false, Ordering::AcqRel)
    }

    fn next(&self) -> MutexGuard<'_, Next> {
        lock(&self.slot)
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
