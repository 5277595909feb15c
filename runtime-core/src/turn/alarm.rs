//! Timers with a grace period.
//!
//! An expired timer does not prove that no data arrived in time. After a process was suspended (stopped, swapped out, on a paused
//! machine), its timers have expired and its sockets are readable at the same moment, and a runtime may report the timers first. So
//! a deadline takes effect only after a grace period, in which data that arrived before is read. The grace period is as long as the
//! timer was late, but at least [`LEAST`] and at most [`MOST`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use engineio_proto::Instant;
use hyper::rt::{Sleep, Timer};

use crate::runtime::Runtime;

/// The minimum grace period: long enough for the runtime to poll its sockets once more before the timer fires.
const LEAST: Duration = Duration::from_millis(5);

/// The maximum grace period, and how much longer a peer that never stops sending can delay a deadline.
const MOST: Duration = Duration::from_secs(1);

/// The grace period for a timer that was due at `deadline` and is handled at `now`.
fn grace(deadline: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(deadline).clamp(LEAST, MOST)
}

/// The timer of a task that drives a machine.
#[derive(Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<dyn Sleep>>>,
    /// The deadline that `sleep` is set to.
    armed: Option<Instant>,
    /// The end of the grace period, if one is running.
    grace: Option<Instant>,
}

impl Alarm {
    /// Whether the armed deadline has passed.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.armed.is_some_and(|armed| armed <= now)
    }

    /// Whether passed deadlines take effect now. Called when the alarm is due, after all input of the turn has been passed on.
    ///
    /// `overdue`: a deadline has passed. `unread`: there may be more to read immediately.
    pub(crate) fn expires(&mut self, now: Instant, overdue: bool, unread: bool) -> bool {
        let Some(armed) = self.armed.filter(|_| overdue) else {
            (self.armed, self.grace) = (None, None);
            return false;
        };
        match self.grace {
            None => {
                self.grace = Some(now + grace(armed, now));
                false
            }
            Some(end) if end > now || unread && now < end + MOST => false,
            Some(_) => {
                (self.armed, self.grace) = (None, None);
                true
            }
        }
    }

    /// Whether a grace period is running: a deadline has passed and has not taken effect.
    pub(crate) fn in_grace(&self) -> bool {
        self.grace.is_some()
    }

    /// Whether the timer is armed.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// The deadline to arm, if that changes: `deadline` if it is earlier than the armed one, or the end of a running grace period.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Instant> {
        match self.grace {
            Some(end) => Some(end).filter(|_| self.armed != self.grace),
            None => deadline.filter(|deadline| self.armed.is_none_or(|armed| *deadline < armed)),
        }
    }

    /// Arms the timer. `true` if the deadline has already passed.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_>, runtime: &dyn Runtime, deadline: Instant) -> bool {
        self.armed = Some(deadline);
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                runtime.reset(sleep, deadline);
                sleep
            }
            None => self.sleep.insert(runtime.sleep_until(deadline)),
        };
        // Polled to register the waker. The next turn compares the deadline with the clock.
        sleep.as_mut().poll(cx).is_ready()
    }
}

/// A sleep that ends after the grace period of its deadline, for callers that poll their socket before it.
pub(crate) struct GraceSleep {
    sleep: Pin<Box<dyn Sleep>>,
    deadline: Instant,
    in_grace: bool,
}

impl GraceSleep {
    pub(crate) fn new(runtime: &dyn Runtime, deadline: Instant) -> Self {
        Self { sleep: runtime.sleep_until(deadline), deadline, in_grace: false }
    }

    /// Sets another deadline.
    fn reset(&mut self, runtime: &dyn Runtime, deadline: Instant) {
        (self.deadline, self.in_grace) = (deadline, false);
        runtime.reset(&mut self.sleep, deadline);
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, runtime: &dyn Runtime) -> Poll<()> {
        ready!(self.sleep.as_mut().poll(cx));
        if self.in_grace {
            return Poll::Ready(());
        }
        let now = runtime.now();
        self.in_grace = true;
        runtime.reset(&mut self.sleep, now + grace(self.deadline, now));
        self.sleep.as_mut().poll(cx)
    }
}

/// The runtime's timer for hyper, whose sleeps are [`GraceSleep`].
#[derive(Clone)]
pub(crate) struct GraceTimer(pub(crate) Arc<dyn Runtime>);

impl Timer for GraceTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(GraceTimerSleep { runtime: self.0.clone(), grace_sleep: GraceSleep::new(&*self.0, deadline) })
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<GraceTimerSleep>() {
            Some(sleep) => sleep.get_mut().grace_sleep.reset(&*self.0, deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

struct GraceTimerSleep {
    runtime: Arc<dyn Runtime>,
    grace_sleep: GraceSleep,
}

impl Future for GraceTimerSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { runtime, grace_sleep } = &mut *self;
        grace_sleep.poll(cx, &**runtime)
    }
}

impl Sleep for GraceTimerSleep {}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn armed(at: Instant) -> Alarm {
        Alarm { armed: Some(at), ..Alarm::default() }
    }

    #[test]
    fn a_deadline_takes_effect_after_a_grace_period_as_long_as_the_timer_was_late() {
        let start = Instant::now();
        for (late, grace) in [(0, 5), (1, 5), (20, 20), (600, 600), (70_000, 1000)] {
            let now = start + late * MS;
            let mut alarm = armed(start);
            assert!(alarm.is_due(now) && !alarm.expires(now, true, false));
            let end = now + grace * MS;
            assert_eq!((alarm.next(Some(start)), alarm.in_grace()), (Some(end), true));
            alarm.armed = Some(end);
            assert_eq!(alarm.next(Some(start)), None, "nothing is earlier");
            assert!(!alarm.is_due(end - MS));
            assert!(alarm.is_due(end) && alarm.expires(end, true, false));
            assert!(!alarm.in_grace() && !alarm.is_armed());
        }
    }

    #[test]
    fn a_deadline_that_was_moved_ends_the_grace_period() {
        let start = Instant::now();
        let mut alarm = armed(start);
        assert!(!alarm.expires(start, false, false) && !alarm.is_armed());
        // The pong is read in the grace period.
        let mut alarm = armed(start);
        assert!(!alarm.expires(start, true, false));
        assert!(!alarm.expires(start + 5 * MS, false, false) && !alarm.in_grace() && !alarm.is_armed());
        assert_eq!(alarm.next(Some(start + MS)), Some(start + MS));
    }

    #[test]
    fn unread_input_delays_a_deadline_up_to_a_bound() {
        let start = Instant::now();
        let mut alarm = armed(start);
        assert!(!alarm.expires(start, true, true));
        let end = start + 5 * MS;
        assert!(!alarm.expires(end, true, true) && !alarm.expires(end + MOST - MS, true, true));
        assert!(alarm.expires(end + MOST, true, true));
    }
}
