//! Points in time.

use crate::Instant;
use std::time::Duration;

/// A point in time which, beyond what the clock can express, is now: durations are bounded where they come from.
pub(crate) fn after(now: Instant, duration: Duration) -> Instant {
    now.checked_add(duration).unwrap_or(now)
}
