//! The closures that provide the URL, the headers and the credentials.

use std::sync::Arc;
use std::task::{Context, Poll};

use socketio_proto::{Json, SocketKey};

use crate::client::auth::{Auth, AuthRequest};
use crate::client::error::BoxError;
use crate::client::options::Target;
use crate::client::shared::Shared;
use crate::handler::guarded;
use crate::runtime::BoxFuture;

/// A call of an application closure that has not returned yet.
type PendingAnswer<T> = BoxFuture<'static, Result<T, BoxError>>;

/// Calls of these closures, and their results.
#[derive(Default)]
pub(super) struct Questions {
    attempt: Option<PendingAnswer<Target>>,
    auths: Vec<(SocketKey, PendingAnswer<Option<Json>>)>,
    /// Results that were available immediately.
    answers: Vec<Answer>,
}

/// The result of a call.
pub(super) enum Answer {
    Target(Result<Box<Target>, BoxError>),
    Auth(SocketKey, Result<Option<Json>, BoxError>),
}

impl Questions {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Determines the URL and headers of an attempt.
    pub(super) fn target(&mut self, shared: &Arc<Shared>, attempt: u32) {
        // Drops the call for an earlier attempt, which has been given up.
        self.attempt = None;
        match shared.options.target() {
            Some(target) => self.answers.push(Answer::Target(Ok(Box::new(target)))),
            None => {
                let shared = shared.clone();
                self.attempt = Some(Box::pin(async move { shared.options.ask_target(attempt).await }));
            }
        }
    }

    /// Determines the credentials of a socket.
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

    /// Polls the calls and collects their results.
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

/// Polls user code, and turns a panic into an error.
fn poll_guarded<T>(future: &mut PendingAnswer<T>, cx: &mut Context<'_>) -> Poll<Result<T, BoxError>> {
    guarded(|| future.as_mut().poll(cx)).unwrap_or_else(|panic| Poll::Ready(Err(panic.into())))
}
