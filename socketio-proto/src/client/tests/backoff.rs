//! The pauses between attempts.

use proptest::prelude::*;

use super::super::backoff::{Random, pause};
use super::*;

const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

fn backoff() -> impl Strategy<Value = Backoff> {
    let duration = || {
        prop_oneof![
            4 => (0..20_000_u64).prop_map(Duration::from_millis),
            1 => any::<Duration>(),
            1 => prop_oneof![Just(Duration::ZERO), Just(Duration::from_nanos(1)), Just(LONGEST), Just(Duration::MAX)],
        ]
    };
    let share = prop_oneof![4 => 0.0..=1.0, 1 => prop::num::f64::ANY, 1 => Just(f64::NAN), 1 => Just(1.0)];
    (duration(), duration(), share).prop_map(|(delay, delay_max, randomization)| Backoff {
        delay,
        delay_max,
        randomization,
    })
}

fn attempt() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..20_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

proptest! {
    #[test]
    fn a_pause_is_within_its_range(backoff in backoff(), attempt in attempt(), random in any::<u64>()) {
        let pause = pause(&backoff, attempt, random);
        let max = backoff.delay_max.min(LONGEST);
        // Computed in floats, which can't overflow.
        let doublings = attempt.saturating_sub(1).min(100);
        let middle = (backoff.delay.as_secs_f64() * 2f64.powi(doublings as i32)).min(max.as_secs_f64());
        let share = backoff.randomization;
        let share = if share.is_finite() && (0.0..=1.0).contains(&share) { share } else { 0.0 };
        let close = 1e-8 + middle * 1e-9;
        prop_assert!(pause <= max);
        prop_assert!(pause.as_secs_f64() >= middle * (1.0 - share) - close);
        prop_assert!(pause.as_secs_f64() <= middle * (1.0 + share) + close);
    }

    #[test]
    fn pauses_are_determined_by_the_seed(seed in any::<u64>(), backoff in backoff(), attempt in attempt()) {
        let numbers = |seed| { let mut random = Random::new(seed); [(); 4].map(|()| random.next()) };
        prop_assert_eq!(numbers(seed), numbers(seed));
        prop_assert_ne!(numbers(seed), numbers(seed ^ 1));
        prop_assert_eq!(pause(&backoff, attempt, numbers(seed)[0]), pause(&backoff, attempt, numbers(seed)[0]));
    }
}

#[test]
fn a_pause_of_a_nanosecond_grows_to_the_longest() {
    let backoff = Backoff { delay: Duration::from_nanos(1), randomization: 0.0, ..Backoff::default() };
    assert_eq!(pause(&backoff, 33, 0), Duration::from_nanos(1 << 32));
    assert_eq!(pause(&backoff, u32::MAX, 0), Duration::from_secs(5));
}

#[test]
fn the_longest_pauses_are_randomized_too() {
    let backoff = Backoff::default();
    let mut random = Random::new(7);
    let pauses: Vec<Duration> = (0..100).map(|_| pause(&backoff, u32::MAX, random.next())).collect();
    let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
    assert!(*least < Duration::from_millis(3000) && *most > Duration::from_millis(4500), "{least:?} {most:?}");
    assert!(*least >= Duration::from_millis(2500) && *most <= Duration::from_millis(5000));
}

#[test]
fn the_range_is_reached_at_both_ends() {
    let backoff = Backoff { randomization: 0.5, ..Backoff::default() };
    assert_eq!(pause(&backoff, 1, 0), Duration::from_millis(500));
    assert!(pause(&backoff, 1, u64::MAX) > Duration::from_millis(1499));
    assert_eq!(pause(&Backoff { randomization: 1.0, ..backoff }, 1, 0), Duration::ZERO);
    let plain = Backoff { randomization: f64::NAN, ..backoff };
    assert_eq!(pause(&plain, 1, u64::MAX), Duration::from_secs(1));
    assert_eq!(pause(&Backoff { randomization: 1.5, ..backoff }, 2, u64::MAX), Duration::from_secs(2));
}
