//! What the application is asked before it connects: where to, with which headers, as whom.

use std::sync::Arc;
use std::task::{Context, Poll};

use socketio_proto::{Json, SocketKey};

use crate::client::auth::{Auth, AuthRequest};
use crate::client::error::BoxError;
use crate::client::options::Target;
use crate::client::shared::Shared;
use crate::handler::guarded;
use crate::runtime::BoxFuture;

/// The application makes up its mind.
type PendingAnswer<T> = BoxFuture<'static, Result<T, BoxError>>;

/// Questions without an answer yet.
#[derive(Default)]
pub(super) struct Questions {
    attempt: Option<PendingAnswer<Target>>,
    auths: Vec<(SocketKey, PendingAnswer<Option<Json>>)>,
    /// Those that needed no thought.
    answers: Vec<Answer>,
}

/// An answer of the application.
pub(super) enum Answer {
    Target(Result<Box<Target>, BoxError>),
    Auth(SocketKey, Result<Option<Json>, BoxError>),
}

impl Questions {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Asks where to connect to.
    pub(super) fn target(&mut self, shared: &Arc<Shared>, attempt: u32) {
        // An attempt that was given up meanwhile has nothing to ask for any more.
        self.attempt = None;
        match shared.options.target() {
            Some(target) => self.answers.push(Answer::Target(Ok(Box::new(target)))),
            None => {
                let shared = shared.clone();
                self.attempt = Some(Box::pin(async move { shared.options.ask_target(attempt).await }));
            }
        }
    }

    /// Asks for credentials.
    pub(super) fn auth(&mut self, key: SocketKey, auth: &Auth, request: AuthRequest) {
        self.auths.retain(|(asked, _)| *asked != key);
        match auth {
            Auth::Value(value) => self.answers.push(Answer::Auth(key, Ok(value.clone()))),
            Auth::Ask(ask) => match guarded(|| ask(request)) {
                Ok(answer) => self.auths.push((key, answer)),
                Err(panic) => self.answers.push(Answer::Auth(key, Err(panic.into()))),
            },
        }
    }

    /// Collects the answers.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, answers: &mut Vec<Answer>) {
        answers.append(&mut self.answers);
        if let Some(attempt) = &mut self.attempt {
            if let Poll::Ready(target) = poll_guarded(attempt, cx) {
                self.attempt = None;
                answers.push(Answer::Target(target.map(Box::new)));
            }
        }
        self.auths.retain_mut(|(key, auth)| match poll_guarded(auth, cx) {
            Poll::Ready(auth) => {
                answers.push(Answer::Auth(*key, auth));
                false
            }
            Poll::Pending => true,
        });
    }
}

/// Polls user code; a panic becomes an error.
fn poll_guarded<T>(future: &mut PendingAnswer<T>, cx: &mut Context<'_>) -> Poll<Result<T, BoxError>> {
    guarded(|| future.as_mut().poll(cx)).unwrap_or_else(|panic| Poll::Ready(Err(panic.into())))
}
