//! The model of a client's connection: which attempt may follow which, and when.

use std::time::Duration;

use engineio_proto::Instant;
use socketio_proto::client::{Config, Event};

/// Where a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Attempts {
    /// None is wanted, or all attempts failed.
    #[default]
    None,
    /// This one failed, or a connection was lost: 0.
    Failed(u32),
    Pausing(u32, Instant),
    Trying(u32),
    Open,
}

impl Attempts {
    /// What happened next; `false` if it may not.
    pub(super) fn follow(&mut self, event: &Event, config: &Config, now: Instant) -> bool {
        let next = match (*self, event) {
            (Self::None, Event::Attempt { attempt: 0 }) => Self::Trying(0),
            (Self::Pausing(next, due), Event::Attempt { attempt }) if next == *attempt && due == now => {
                Self::Trying(next)
            }
            (Self::Trying(tried), Event::AttemptFailed { attempt, .. }) if tried == *attempt => Self::Failed(tried),
            (Self::Trying(tried), Event::Opened { attempt, .. }) if tried == *attempt => Self::Open,
            (Self::Open, Event::Closed { .. }) => Self::Failed(0),
            (Self::Failed(failed), Event::Waiting { attempt, delay })
                if *attempt == failed + 1 && in_range(config, *attempt, *delay) =>
            {
                Self::Pausing(*attempt, now + *delay)
            }
            (Self::Failed(failed), Event::ReconnectFailed { attempts })
                if failed == *attempts && config.reconnection_attempts == Some(failed) =>
            {
                Self::None
            }
            _ => return false,
        };
        *self = next;
        true
    }
}

/// Whether the pause before an attempt is as the backoff wants it.
fn in_range(config: &Config, attempt: u32, delay: Duration) -> bool {
    let backoff = &config.backoff;
    let most = backoff.delay_max.as_secs_f64();
    let middle = (backoff.delay.as_secs_f64() * 2f64.powi(attempt as i32 - 1)).min(most);
    let most = (middle * (1.0 + backoff.randomization)).min(most);
    let least = middle * (1.0 - backoff.randomization);
    (least - 0.001..=most + 0.001).contains(&delay.as_secs_f64())
}
