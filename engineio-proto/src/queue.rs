//! Queues give their memory back.

use std::collections::VecDeque;

/// A queue is given back beyond this many places, kept below: a steady flow does not allocate.
pub(crate) const KEPT: usize = 32;

/// So many events are read ahead from a body, which can hold half a million: the rest waits as the bytes that it is.
pub(crate) const AHEAD: usize = 32;

/// Returns the memory of a queue that was large and is empty, but for so many places.
pub(crate) fn give_back<T>(queue: &mut VecDeque<T>, places: usize) {
    if queue.is_empty() && queue.capacity() > KEPT {
        queue.shrink_to(places);
    }
}
