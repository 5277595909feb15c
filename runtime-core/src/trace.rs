//! What is told to [`tracing`], behind the feature of that name; without the feature these functions do nothing.
//!
//! Errors of handlers that no `on_error` takes are errors, what ends connections early are warnings, the life of sessions and
//! sockets is debug, each event's name is trace. Arguments are never told, nor are credentials: an engine session's id lets
//! anybody act for it, so a session is told by its number.

use std::fmt;

use engineio_proto::Text;

use crate::handler::HandlerError;

/// The context of what a task or a handler does.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl Span {
    /// A server's session.
    pub(crate) fn session(number: u64) -> Self {
        #[cfg(not(feature = "tracing"))]
        let _ = number;
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::debug_span!("session", number),
        }
    }

    /// A socket of either role. It is in the current span, if there is one.
    pub(crate) fn socket(namespace: &Text) -> Self {
        #[cfg(not(feature = "tracing"))]
        let _ = namespace;
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::debug_span!("socket", %namespace, id = tracing::field::Empty),
        }
    }

    /// The socket's id, once it has one.
    pub(crate) fn record_id(&self, id: &str) {
        #[cfg(feature = "tracing")]
        self.span.record("id", id);
        #[cfg(not(feature = "tracing"))]
        let _ = id;
    }

    /// Runs code in this context.
    pub(crate) fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        #[cfg(feature = "tracing")]
        let _entered = self.span.enter();
        run()
    }
}

/// A handler failed, and there is no `on_error`.
pub(crate) fn unhandled(namespace: &Text, error: &HandlerError) {
    #[cfg(feature = "tracing")]
    match error {
        // What serde says of a value quotes it.
        HandlerError::Args { event, error } => {
            let index = error.index();
            tracing::error!(%namespace, ?event, index, "the arguments of an event do not fit its handler, and `on_error` is not set");
            tracing::trace!(%error, "why they do not fit");
        }
        error => tracing::error!(%namespace, %error, "a handler failed, and `on_error` is not set"),
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (namespace, error);
}

/// A handler of errors failed itself.
pub(crate) fn on_error_failed(error: &HandlerError) {
    #[cfg(feature = "tracing")]
    tracing::error!(%error, "`on_error` failed");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// A client is disconnected because it does not keep up.
pub(crate) fn overflow(namespace: &Text) {
    #[cfg(feature = "tracing")]
    tracing::warn!(%namespace, "the outbox had no room for a packet of a broadcast");
    #[cfg(not(feature = "tracing"))]
    let _ = namespace;
}

/// A step in the life of a session, a socket or a client's connection.
pub(crate) fn step(what: &str, detail: impl fmt::Display) {
    #[cfg(feature = "tracing")]
    tracing::debug!(%detail, "{what}");
    #[cfg(not(feature = "tracing"))]
    let _ = (what, detail);
}

/// An event goes to its handler.
pub(crate) fn event(name: &str) {
    #[cfg(feature = "tracing")]
    tracing::trace!(name, "event");
    #[cfg(not(feature = "tracing"))]
    let _ = name;
}
