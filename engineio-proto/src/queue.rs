//! Bounds of the queues of a session.

use std::collections::VecDeque;

/// The largest capacity that an empty queue keeps, so that a steady flow of messages does not allocate.
pub(crate) const MAX_IDLE_CAPACITY: usize = 32;

/// How many events are decoded ahead of the driver. A body can have half a million packets; the rest of it stays encoded.
pub(crate) const READ_AHEAD: usize = 32;

/// Shrinks a queue to `capacity`, if it is empty and its capacity is above [`MAX_IDLE_CAPACITY`].
pub(crate) fn shrink_if_empty<T>(queue: &mut VecDeque<T>, capacity: usize) {
    if queue.is_empty() && queue.capacity() > MAX_IDLE_CAPACITY {
        queue.shrink_to(capacity);
    }
}
