//! The connection's state, as a stream.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use engineio_proto::client::Fault;
use engineio_proto::{CloseReason, TransportKind};
use futures_core::Stream;

use super::error::ConnectError;

/// States queued for a subscriber; beyond that the oldest are dropped.
const KEPT: usize = 64;

/// A change of the connection that all sockets of a [`Client`](super::Client) share.
///
/// They correspond to the manager's events in JavaScript: `reconnect_attempt` is `Connecting` with an `attempt` above 0,
/// `reconnect` is `Connected` and `reconnect_error` is `AttemptFailed` with such an `attempt`, and `reconnect_failed` is
/// `ReconnectFailed`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum State {
    /// An attempt to connect begins.
    Connecting {
        /// 0 for the attempt that `connect` started; those of a reconnection are counted from 1.
        attempt: u32,
    },
    /// The connection is open, and sockets join their namespaces.
    Connected {
        /// The attempt that succeeded.
        attempt: u32,
        /// The transport that the connection was opened with.
        transport: TransportKind,
    },
    /// The connection moved to another transport.
    Upgraded {
        /// The new transport.
        transport: TransportKind,
    },
    /// An attempt failed.
    AttemptFailed {
        /// The attempt that failed.
        attempt: u32,
        /// Why it failed.
        error: ConnectError,
    },
    /// The client waits before the next attempt.
    Waiting {
        /// The attempt that follows.
        attempt: u32,
        /// How long it waits.
        delay: Duration,
    },
    /// All attempts have failed. The client does not try again until [`connect`](super::ClientSocket::connect) is called.
    ReconnectFailed {
        /// How many there were.
        attempts: u32,
    },
    /// The connection was closed.
    Closed {
        /// Why it was closed.
        reason: CloseReason,
        /// The error that caused it, if there was one.
        fault: Option<Fault>,
    },
}

impl State {
    /// Logs the state.
    pub(super) fn trace(&self) {
        #[cfg(feature = "tracing")]
        match self {
            Self::AttemptFailed { attempt, error } => tracing::warn!(attempt, %error, "connecting failed"),
            Self::ReconnectFailed { attempts } => tracing::warn!(attempts, "reconnecting was given up"),
            state => tracing::debug!(?state, "connection"),
        }
    }
}

/// The state changes of a connection from the call of [`Client::states`](super::Client::states) on. Also a [`Stream`].
///
/// Up to 64 states are queued; beyond that the oldest are dropped and counted as [`missed`](Self::missed). It does not keep the
/// client alive.
///
/// ```no_run
/// # use socketio_runtime::Client;
/// # use socketio_runtime::client::State;
/// # async fn example(client: Client) {
/// let mut states = client.states();
/// while let Some(state) = states.next().await {
///     if let State::Waiting { attempt, delay } = state {
///         println!("attempt {attempt} in {delay:?}");
///     }
/// }
/// # }
/// ```
pub struct States {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    states: VecDeque<State>,
    missed: u64,
    ended: bool,
    waker: Option<Waker>,
}

impl States {
    /// Waits for the next state. `None` once the client has ended.
    pub async fn next(&mut self) -> Option<State> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The next state if one is queued.
    pub fn try_next(&mut self) -> Option<State> {
        lock(&self.queue).states.pop_front()
    }

    /// How many states were dropped because the queue was full.
    pub fn missed(&self) -> u64 {
        lock(&self.queue).missed
    }
}

impl Stream for States {
    type Item = State;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<State>> {
        let mut queue = lock(&self.queue);
        match queue.states.pop_front() {
            Some(state) => Poll::Ready(Some(state)),
            None if queue.ended => Poll::Ready(None),
            None => {
                let former = queue.waker.replace(cx.waker().clone());
                drop(queue);
                drop(former);
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("States").field("waiting", &lock(&self.queue).states.len()).finish_non_exhaustive()
    }
}

/// The open [`States`] streams of a client.
#[derive(Default)]
pub(super) struct Subscribers {
    queues: Mutex<Vec<Weak<Mutex<Queue>>>>,
}

impl Subscribers {
    pub(super) fn join(&self, ended: bool) -> States {
        let queue = Arc::new(Mutex::new(Queue { ended, ..Queue::default() }));
        let mut queues = lock(&self.queues);
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&queue));
        States { queue }
    }

    pub(super) fn publish(&self, state: &State) {
        self.each(|queue| {
            if queue.states.len() == KEPT {
                queue.states.pop_front();
                queue.missed += 1;
            }
            queue.states.push_back(state.clone());
        });
    }

    pub(super) fn end(&self) {
        self.each(|queue| queue.ended = true);
    }

    fn each(&self, change: impl Fn(&mut Queue)) {
        let queues: Vec<_> = lock(&self.queues).iter().filter_map(Weak::upgrade).collect();
        for queue in queues {
            let mut queue = lock(&queue);
            change(&mut queue);
            let waker = queue.waker.take();
            drop(queue);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(states: &mut States) -> Vec<u32> {
        let states = std::iter::from_fn(|| states.try_next());
        states
            .filter_map(|state| if let State::Connecting { attempt } = state { Some(attempt) } else { None })
            .collect()
    }

    #[test]
    fn a_slow_subscriber_keeps_the_newest_states_and_counts_the_missed() {
        let subscribers = Subscribers::default();
        let mut states = subscribers.join(false);
        for attempt in 0..100 {
            subscribers.publish(&State::Connecting { attempt });
        }
        assert_eq!((states.missed(), attempts(&mut states)), (36, (36..100).collect()));
        subscribers.publish(&State::Connecting { attempt: 7 });
        subscribers.end();
        assert_eq!(attempts(&mut states), [7]);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(Pin::new(&mut states).poll_next(&mut cx), Poll::Ready(None)));
    }

    #[test]
    fn a_dropped_subscriber_is_removed() {
        let subscribers = Subscribers::default();
        (0..10).for_each(|_| drop(subscribers.join(false)));
        let _last = subscribers.join(false);
        assert_eq!(lock(&subscribers.queues).len(), 1);
    }
}
