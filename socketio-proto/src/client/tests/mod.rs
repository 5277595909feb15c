//! What a manager does without a server.

use std::sync::Arc;
use std::time::Duration;

use engineio_proto::Instant;

use super::*;

#[allow(clippy::disallowed_methods)] // Any point in time will do.
fn manager(config: Config) -> (Manager, Instant) {
    let now = Instant::now();
    (Manager::new(Arc::new(config), 1, now), now)
}

#[test]
fn attempts_follow_each_other_after_pauses_until_they_are_given_up() {
    let backoff = Backoff { randomization: 0.0, ..Backoff::default() };
    let (mut manager, mut now) = manager(Config::default().reconnection_attempts(Some(4)).backoff(backoff));
    let socket = manager.socket("/", SocketConfig::default());
    manager.connect(socket, now);
    let mut pauses = Vec::new();
    for attempt in 0..=4 {
        assert_eq!(manager.poll_event(), Some(Event::Attempt { attempt }));
        manager.fail_attempt(now);
        assert_eq!(manager.poll_event(), Some(Event::AttemptFailed { attempt, error: AttemptError::CalledOff }));
        if attempt < 4 {
            let Some(Event::Waiting { attempt: next, delay }) = manager.poll_event() else { panic!() };
            assert_eq!((next, manager.poll_timeout()), (attempt + 1, Some(now + delay)));
            pauses.push(delay.as_millis());
            now += delay;
            manager.handle_timeout(now);
        }
    }
    assert_eq!(pauses, [1000, 2000, 4000, 5000]);
    assert_eq!(manager.poll_event(), Some(Event::ReconnectFailed { attempts: 4 }));
    assert!(manager.is_idle() && manager.is_active(socket) && manager.poll_timeout().is_none());

    // By hand it begins anew.
    manager.connect(socket, now);
    assert_eq!(manager.poll_event(), Some(Event::Attempt { attempt: 0 }));
    manager.disconnect(socket, now);
    assert!(manager.is_idle() && !manager.is_active(socket));
    assert_eq!(manager.poll_event(), None);
    // The answer comes too late.
    manager.fail_attempt(now + Duration::from_secs(1));
    assert_eq!(manager.poll_event(), None);
}
