//! When a deadline is judged.
//!
//! A timer says that time has passed, not that nothing has come: a process that stood still (stopped, swapped, on a paused machine)
//! finds its timers expired and its sockets readable at the same moment, and a runtime may tell of the timers first. So a
//! deadline that has passed is judged a little later, when what had arrived before has been read: after a grace as long as the
//! timer was late, within [`LEAST`] and [`MOST`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use engineio_proto::Instant;
use hyper::rt::{Sleep, Timer};

use crate::runtime::Runtime;

/// The shortest grace: any timer fires in a later pass of the runtime over its sockets than the one before.
const LEAST: Duration = Duration::from_millis(5);

/// The longest grace, and how much longer a peer that never stops sending can delay the verdict.
const MOST: Duration = Duration::from_secs(1);

/// The grace for a timer that was due at `deadline` and is seen now.
fn grace(deadline: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(deadline).clamp(LEAST, MOST)
}

/// The one sleep of a task with a machine.
#[derive(Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<dyn Sleep>>>,
    /// What the sleep waits for.
    armed: Option<Instant>,
    /// The end of the grace, while there is one.
    grace: Option<Instant>,
}

impl Alarm {
    /// Whether the time slept for has come.
    pub(crate) fn rings(&self, now: Instant) -> bool {
        self.armed.is_some_and(|armed| armed <= now)
    }

    /// Whether deadlines that have passed are to be judged now. Called when the alarm rings, behind everything that was read.
    ///
    /// `overdue` says whether there are any, `unread` that there may be more to read at once.
    pub(crate) fn judges(&mut self, now: Instant, overdue: bool, unread: bool) -> bool {
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

    /// Whether a deadline has passed and is not judged yet.
    pub(crate) fn in_grace(&self) -> bool {
        self.grace.is_some()
    }

    /// Whether there is something to sleep for.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    /// What to sleep for, if that changes: the next deadline, if it is earlier than the one slept for; in a grace, its end.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Instant> {
        match self.grace {
            Some(end) => Some(end).filter(|_| self.armed != self.grace),
            None => deadline.filter(|deadline| self.armed.is_none_or(|armed| *deadline < armed)),
        }
    }

    /// Sleeps until then. `true` if that time has come already.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_>, runtime: &dyn Runtime, deadline: Instant) -> bool {
        self.armed = Some(deadline);
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                runtime.reset(sleep, deadline);
                sleep
            }
            None => self.sleep.insert(runtime.sleep_until(deadline)),
        };
        // This sets the waker; whether the deadline has come, the next turn sees by its own clock.
        sleep.as_mut().poll(cx).is_ready()
    }
}

/// A sleep that ends when its deadline is to be judged, for those who look at their socket before they poll it.
pub(crate) struct Patient {
    sleep: Pin<Box<dyn Sleep>>,
    deadline: Instant,
    in_grace: bool,
}

impl Patient {
    pub(crate) fn new(runtime: &dyn Runtime, deadline: Instant) -> Self {
        Self { sleep: runtime.sleep_until(deadline), deadline, in_grace: false }
    }

    /// Begins anew.
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

/// The runtime's timer for hyper, whose sleeps are [`Patient`].
#[derive(Clone)]
pub(crate) struct PatientTimer(pub(crate) Arc<dyn Runtime>);

impl Timer for PatientTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(PatientSleep { runtime: self.0.clone(), patient: Patient::new(&*self.0, deadline) })
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<PatientSleep>() {
            Some(sleep) => sleep.get_mut().patient.reset(&*self.0, deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

struct PatientSleep {
    runtime: Arc<dyn Runtime>,
    patient: Patient,
}

impl Future for PatientSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { runtime, patient } = &mut *self;
        patient.poll(cx, &**runtime)
    }
}

impl Sleep for PatientSleep {}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn armed(at: Instant) -> Alarm {
        Alarm { armed: Some(at), ..Alarm::default() }
    }

    #[test]
    fn a_deadline_is_judged_after_a_grace_as_long_as_the_timer_was_late() {
        let start = Instant::now();
        for (late, grace) in [(0, 5), (1, 5), (20, 20), (600, 600), (70_000, 1000)] {
            let now = start + late * MS;
            let mut alarm = armed(start);
            assert!(alarm.rings(now) && !alarm.judges(now, true, false));
            let end = now + grace * MS;
            assert_eq!((alarm.next(Some(start)), alarm.in_grace()), (Some(end), true));
            alarm.armed = Some(end);
            assert_eq!(alarm.next(Some(start)), None, "nothing is earlier");
            assert!(!alarm.rings(end - MS));
            assert!(alarm.rings(end) && alarm.judges(end, true, false));
            assert!(!alarm.in_grace() && !alarm.is_armed());
        }
    }

    #[test]
    fn what_is_not_overdue_any_more_needs_no_grace() {
        let start = Instant::now();
        let mut alarm = armed(start);
        assert!(!alarm.judges(start, false, false) && !alarm.is_armed());
        // The pong is read in the grace.
        let mut alarm = armed(start);
        assert!(!alarm.judges(start, true, false));
        assert!(!alarm.judges(start + 5 * MS, false, false) && !alarm.in_grace() && !alarm.is_armed());
        assert_eq!(alarm.next(Some(start + MS)), Some(start + MS));
    }

    #[test]
    fn what_is_still_being_read_delays_the_verdict_up_to_a_bound() {
        let start = Instant::now();
        let mut alarm = armed(start);
        assert!(!alarm.judges(start, true, true));
        let end = start + 5 * MS;
        assert!(!alarm.judges(end, true, true) && !alarm.judges(end + MOST - MS, true, true));
        assert!(alarm.judges(end + MOST, true, true));
    }
}
