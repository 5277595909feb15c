//! Where somebody waits for the next event of a socket.

use std::task::Waker;

use crate::event::Event;

/// Where `next` waits.
pub(crate) struct Mailbox<S> {
    waiting: Option<Waker>,
    event: Option<Event<S>>,
    /// Who waited for `event` went away without it.
    returned: bool,
}

impl<S> Default for Mailbox<S> {
    fn default() -> Self {
        Self { waiting: None, event: None, returned: false }
    }
}

impl<S> Mailbox<S> {
    /// The event that was delivered.
    pub(crate) fn take(&mut self) -> Option<Event<S>> {
        let event = self.event.take()?;
        self.returned = false;
        Some(event)
    }

    /// Begins or goes on to wait. `true` if nobody did before.
    pub(crate) fn wait(&mut self, waker: &Waker) -> bool {
        self.waiting.replace(waker.clone()).is_none()
    }

    /// Whether somebody waits.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiting.is_some() && self.event.is_none()
    }

    /// Hands an event to who waits, if somebody does; the waker is to be woken without the lock.
    pub(crate) fn deliver(&mut self, event: Event<S>) -> Result<Waker, Event<S>> {
        if self.event.is_some() {
            return Err(event);
        }
        match self.waiting.take() {
            Some(waker) => {
                self.event = Some(event);
                Ok(waker)
            }
            None => Err(event),
        }
    }

    /// Nobody waits any more. `true` if an event was delivered and not taken.
    pub(crate) fn leave(&mut self) -> bool {
        self.waiting = None;
        self.event.is_some()
    }

    /// The event that was not taken goes to whoever is next.
    pub(crate) fn give_back(&mut self) {
        self.returned = self.event.is_some();
    }

    /// Whether there is an event that was delivered and is not taken yet.
    pub(crate) fn holds_event(&self) -> bool {
        self.event.is_some()
    }

    /// Whether there is an event for `take_back`.
    pub(crate) fn has_returned(&self) -> bool {
        self.returned
    }

    /// An event that was delivered and then not taken.
    pub(crate) fn take_back(&mut self) -> Option<Event<S>> {
        if std::mem::take(&mut self.returned) { self.event.take() } else { None }
    }

    /// Who waits, to be told that nothing will come.
    pub(crate) fn dismiss(&mut self) -> Option<Waker> {
        self.waiting.take()
    }
}
