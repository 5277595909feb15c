//! The pause before the next attempt.

use std::time::Duration;

use super::Backoff;

/// The longest pause: that of a timer in JavaScript.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// The pause before reconnection attempt `attempt`, counted from 1. `random` selects it from its range.
///
/// The range extends by the factor `randomization` around a value that doubles with each attempt. First the value is
/// limited to `delay_max`, then the range. Therefore the longest pauses are randomized, too, and no number of attempts
/// overflows.
pub(super) fn pause(backoff: &Backoff, attempt: u32, random: u64) -> Duration {
    let max = backoff.delay_max.min(LONGEST);
    let doublings = attempt.saturating_sub(1);
    // In two steps, because a factor has 32 bits. Both together exceed every maximum, even from a nanosecond.
    let factors = [doublings.min(31), doublings.saturating_sub(31).min(31)].map(|power| 1 << power);
    let middle = factors.into_iter().fold(backoff.delay.min(LONGEST), Duration::saturating_mul).min(max);
    // Invalid values, including NaN, mean no randomization, as in the reference.
    let share = if (0.0..=1.0).contains(&backoff.randomization) { backoff.randomization } else { 0.0 };
    let low = middle.mul_f64(1.0 - share);
    let high = middle.mul_f64(1.0 + share).min(max);
    let spread = high.saturating_sub(low);
    // 53 bits are exact in an f64, so the quotient is below 1.
    low + spread.mul_f64((random >> 11) as f64 / (1u64 << 53) as f64)
}

/// Pseudo-random numbers from a seed: SplitMix64. They randomize pauses and URLs; nothing secret is derived from them.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
