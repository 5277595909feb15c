//! The slot in which `next` waits for a socket's next event.

use std::mem;
use std::task::Waker;

use crate::event::Event;

/// ```text
///  Empty --wait--> Waiting --deliver--> Delivered --take--> Empty
///    ^               | dismiss, leave       | give_back
///    '---------------'                      v
///    ^---------- take, take_back ------- Returned
/// ```
#[derive(Default)]
pub(crate) enum NextSlot<S> {
    #[default]
    Empty,
    Waiting(Waker),
    /// Delivered to `next`, which has not taken it yet.
    Delivered(Event<S>),
    /// `next` was dropped before it took the event: the event belongs to the next `next`, or to a handler.
    Returned(Event<S>),
}

impl<S> NextSlot<S> {
    /// Takes the event that was delivered.
    pub(crate) fn take(&mut self) -> Option<Event<S>> {
        match mem::take(self) {
            Self::Delivered(event) | Self::Returned(event) => Some(event),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Begins or goes on to wait; there is no event. `true` if nothing waited before.
    pub(crate) fn wait(&mut self, waker: &Waker) -> bool {
        !matches!(mem::replace(self, Self::Waiting(waker.clone())), Self::Waiting(_))
    }

    pub(crate) fn is_awaited(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    /// Delivers an event if `next` waits; the waker is to be woken without the lock.
    pub(crate) fn deliver(&mut self, event: Event<S>) -> Result<Waker, Event<S>> {
        match mem::take(self) {
            Self::Waiting(waker) => {
                *self = Self::Delivered(event);
                Ok(waker)
            }
            other => {
                *self = other;
                Err(event)
            }
        }
    }

    /// `next` was dropped. `true` if an event was delivered and not taken.
    pub(crate) fn leave(&mut self) -> bool {
        _ = self.dismiss();
        self.holds_event()
    }

    /// Returns an event that was not taken.
    pub(crate) fn give_back(&mut self) {
        if let Some(event) = self.take() {
            *self = Self::Returned(event);
        }
    }

    /// Whether an event was delivered and not taken yet.
    pub(crate) fn holds_event(&self) -> bool {
        matches!(self, Self::Delivered(_) | Self::Returned(_))
    }

    /// Whether there is an event for [`take_back`](Self::take_back).
    pub(crate) fn has_returned(&self) -> bool {
        matches!(self, Self::Returned(_))
    }

    /// Takes an event that was returned.
    pub(crate) fn take_back(&mut self) -> Option<Event<S>> {
        if self.has_returned() { self.take() } else { None }
    }

    /// Ends the waiting: nothing more will come.
    pub(crate) fn dismiss(&mut self) -> Option<Waker> {
        match mem::take(self) {
            Self::Waiting(waker) => Some(waker),
            other => {
                *self = other;
                None
            }
        }
    }
}
