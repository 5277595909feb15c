//! What handlers say and a case hears, in order.

use std::collections::VecDeque;
use std::fmt::Display;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use socketio_runtime::client::{ConnectError, DisconnectReason as ClientDisconnectReason};
use socketio_runtime::server::{DisconnectReason, Event};
use socketio_runtime::{ClientSocket, HandlerError, Namespace, Runtime, Socket};

use super::journal::Journal;
use super::stage::Stage;

/// Handlers write, the case reads.
#[derive(Clone)]
pub(super) struct Log {
    /// Whose words they are.
    name: Arc<str>,
    journal: Journal,
    inner: Arc<Mutex<(VecDeque<String>, Option<Waker>)>>,
}

impl Default for Log {
    fn default() -> Self {
        Self::named("handlers")
    }
}

impl Log {
    fn named(name: &str) -> Self {
        Self { name: name.into(), journal: Journal::current(), inner: Arc::default() }
    }

    /// What becomes of a client's socket, and every event of it that has no handler.
    pub(super) fn of(socket: &ClientSocket) -> Self {
        let log = Self::named(&format!("client {}", socket.namespace_name()));
        let of = log.clone();
        socket.on_connect(move |_| of.saying("connect"));
        let of = log.clone();
        socket.on_disconnect(move |_, reason: ClientDisconnectReason| of.saying(reason.as_str()));
        let of = log.clone();
        socket.on_connect_error(move |_, error: ConnectError| of.saying(format!("connect_error: {error}")));
        let of = log.clone();
        socket.on_error(move |_, error: HandlerError| of.saying(format!("error: {error}")));
        let of = log.clone();
        socket.on_event(move |event: socketio_runtime::client::Event| {
            of.saying(format!("{} {}", event.name(), event.raw_args().json()))
        });
        log
    }

    /// What becomes of the sockets of a namespace, and every event of theirs that has no handler.
    pub(super) fn of_all(namespace: &Namespace) -> Self {
        let log = Self::named(&format!("server {}", namespace.name()));
        let of = log.clone();
        namespace.on_connect(move |_: Socket| of.saying("connect"));
        let of = log.clone();
        namespace.on_disconnect(move |_: Socket, reason: DisconnectReason| of.saying(reason.to_string()));
        let of = log.clone();
        namespace.on_error(move |_: Socket, error: HandlerError| of.saying(format!("error: {error}")));
        let of = log.clone();
        namespace.on_event(move |event: Event| of.saying(format!("{} {}", event.name(), event.raw_args().json())));
        log
    }

    pub(super) fn say(&self, what: impl Display) {
        self.journal.note(&self.name, &what);
        let mut inner = self.lock();
        inner.0.push_back(what.to_string());
        inner.1.take().into_iter().for_each(Waker::wake);
    }

    /// [`say`](Self::say) for the end of a handler.
    pub(super) fn saying(&self, what: impl Display) -> std::future::Ready<()> {
        self.say(what);
        std::future::ready(())
    }

    pub(super) async fn heard<R: Runtime + Clone>(&self, stage: &Stage<R>) -> String {
        self.hear(stage, "a word").await
    }

    async fn hear<R: Runtime + Clone>(&self, stage: &Stage<R>, what: &str) -> String {
        let word = poll_fn(|cx| {
            let mut inner = self.lock();
            match inner.0.pop_front() {
                Some(word) => Poll::Ready(word),
                None => {
                    inner.1 = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        });
        stage.soon(what, word).await
    }

    pub(super) async fn hears<R: Runtime + Clone>(&self, stage: &Stage<R>, expected: &str) {
        assert_eq!(self.hear(stage, &format!("the word {expected:?}")).await, expected);
    }

    /// All that was said and not heard.
    pub(super) fn all(&self) -> Vec<String> {
        self.lock().0.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, (VecDeque<String>, Option<Waker>)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
