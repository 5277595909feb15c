//! Logging with [`tracing`]. Without the feature `tracing` these functions do nothing.
//!
//! Levels: `error` for errors of handlers without `on_error`, `warn` for what ends connections early, `debug` for the lifecycle of
//! sessions and sockets, `trace` for the name of each event. Arguments and credentials are never logged. A session is logged by a
//! number, as its id would allow anyone to act for it.

use std::fmt;

use engineio_proto::Text;

use crate::error::HandlerError;

/// The span that a task or a handler runs in.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl Span {
    /// The span of a server's session.
    pub(crate) fn session(number: u64) -> Self {
        #[cfg(not(feature = "tracing"))]
        let _ = number;
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::debug_span!("session", number),
        }
    }

    /// The span of a socket of either role, a child of the current span.
    pub(crate) fn socket(namespace: &Text) -> Self {
        #[cfg(not(feature = "tracing"))]
        let _ = namespace;
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::debug_span!("socket", %namespace, id = tracing::field::Empty),
        }
    }

    /// Records the socket's id, once it has one.
    pub(crate) fn record_id(&self, id: &str) {
        #[cfg(feature = "tracing")]
        self.span.record("id", id);
        #[cfg(not(feature = "tracing"))]
        let _ = id;
    }

    /// Runs code in this span.
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
        // Messages of serde quote the value, so they are logged at `trace` only.
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

/// An `on_error` handler failed.
pub(crate) fn on_error_failed(error: &HandlerError) {
    #[cfg(feature = "tracing")]
    tracing::error!(%error, "`on_error` failed");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// A packet of a broadcast does not fit into the outbox of a client, which is disconnected or misses it, as the policy says.
pub(crate) fn overflow(namespace: &Text) {
    #[cfg(feature = "tracing")]
    tracing::warn!(%namespace, "the outbox had no room for a packet of a broadcast");
    #[cfg(not(feature = "tracing"))]
    let _ = namespace;
}

/// A step in the lifecycle of a session, a socket or a client's connection.
pub(crate) fn step(what: &str, detail: impl fmt::Display) {
    #[cfg(feature = "tracing")]
    tracing::debug!(%detail, "{what}");
    #[cfg(not(feature = "tracing"))]
    let _ = (what, detail);
}

/// An event is passed to its handler.
pub(crate) fn event(name: &str) {
    #[cfg(feature = "tracing")]
    tracing::trace!(name, "event");
    #[cfg(not(feature = "tracing"))]
    let _ = name;
}
