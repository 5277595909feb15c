//! Arithmetic with points in time.

use crate::Instant;
use std::time::Duration;

/// `now + duration`, or `now` if the sum overflows. It does not in practice: all durations are bounded where they are set.
pub(crate) fn after(now: Instant, duration: Duration) -> Instant {
    now.checked_add(duration).unwrap_or(now)
}
