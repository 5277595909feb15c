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

/// What a subscriber that does not look keeps; older news are dropped for newer ones.
const KEPT: usize = 64;

/// What became of the connection that all sockets of a [`Client`](super::Client) share.
///
/// The events of the JavaScript client's manager are these: `reconnect_attempt` is `Connecting` with an `attempt` above 0,
/// `reconnect` is `Connected` with one, `reconnect_error` is `AttemptFailed` with one, and `reconnect_failed` is `ReconnectFailed`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum State {
    /// An attempt to connect begins: 0 is the one that the application asked for, those after it are counted from 1.
    Connecting {
        /// Which one.
        attempt: u32,
    },
    /// The connection stands, and sockets join their namespaces.
    Connected {
        /// The attempt that succeeded.
        attempt: u32,
        /// How the connection began.
        transport: TransportKind,
    },
    /// The connection moved to another transport.
    Upgraded {
        /// Which one.
        transport: TransportKind,
    },
    /// An attempt failed.
    AttemptFailed {
        /// Which one.
        attempt: u32,
        /// Why.
        error: ConnectError,
    },
    /// A pause before the next attempt.
    Waiting {
        /// The attempt that follows.
        attempt: u32,
        /// How long the pause is.
        delay: Duration,
    },
    /// All attempts have failed. Nothing more is tried until a socket is told to [connect](super::ClientSocket::connect).
    ReconnectFailed {
        /// How many there were.
        attempts: u32,
    },
    /// The connection ended.
    Closed {
        /// Why.
        reason: CloseReason,
        /// What was wrong, if anything was.
        fault: Option<Fault>,
    },
}

impl State {
    /// Tells `tracing`.
    pub(super) fn trace(&self) {
        #[cfg(feature = "tracing")]
        match self {
            Self::AttemptFailed { attempt, error } => tracing::warn!(attempt, %error, "connecting failed"),
            Self::ReconnectFailed { attempts } => tracing::warn!(attempts, "reconnecting was given up"),
            state => tracing::debug!(?state, "connection"),
        }
    }
}

/// The news of a connection, from the time of [`Client::states`](super::Client::states) on. A [`Stream`], too.
///
/// Up to 64 wait for who does not look; then the oldest are dropped. It does not keep the client alive.
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
    /// The next state. `None` once the client is gone.
    pub async fn next(&mut self) -> Option<State> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The next state, if there is one already.
    pub fn try_next(&mut self) -> Option<State> {
        lock(&self.queue).states.pop_front()
    }

    /// How many states were dropped because nobody looked.
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

/// Who hears of the states.
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

    pub(super) fn tell(&self, state: &State) {
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
    fn who_does_not_look_keeps_the_newest_and_learns_how_many_are_missing() {
        let subscribers = Subscribers::default();
        let mut states = subscribers.join(false);
        for attempt in 0..100 {
            subscribers.tell(&State::Connecting { attempt });
        }
        assert_eq!((states.missed(), attempts(&mut states)), (36, (36..100).collect()));
        subscribers.tell(&State::Connecting { attempt: 7 });
        subscribers.end();
        assert_eq!(attempts(&mut states), [7]);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(Pin::new(&mut states).poll_next(&mut cx), Poll::Ready(None)));
    }

    #[test]
    fn a_subscriber_that_is_gone_leaves_nothing_behind() {
        let subscribers = Subscribers::default();
        (0..10).for_each(|_| drop(subscribers.join(false)));
        let _last = subscribers.join(false);
        assert_eq!(lock(&subscribers.queues).len(), 1);
    }
}
