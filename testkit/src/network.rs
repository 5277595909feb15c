//! What a simulated network does to what travels over it.

use std::time::Duration;

use crate::Random;

/// The properties of a network. Faults that happen at a point in time (a stall, a reset) are
/// [actions](crate::Action) of the script instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// The least time from one end to the other. Default 5 ms.
    pub latency: Duration,
    /// Up to so much is added to the latency, anew for each thing that travels. What is one stream stays in order; requests overtake
    /// each other. Default 20 ms.
    pub jitter: Duration,
    /// Bytes per second and direction of one connection. 0: without bound, the default.
    pub bandwidth: u64,
    /// How many of a thousand HTTP requests get lost: on the way there or back. Default 0.
    pub lost: u64,
    /// How many of a thousand HTTP requests arrive twice, as a proxy may repeat them. Default 0.
    pub duplicated: u64,
    /// How many of a thousand WebSockets are refused. Default 0.
    pub refused: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(5),
            jitter: Duration::from_millis(20),
            bandwidth: 0,
            lost: 0,
            duplicated: 0,
            refused: 0,
        }
    }
}

impl Network {
    /// One of the networks there are: near, far, slow, lossy.
    pub fn any(random: &mut Random) -> Self {
        let mut network = Self {
            latency: Duration::from_micros(random.between(50, 80_000)),
            jitter: Duration::from_micros(random.between(0, 120_000)),
            ..Self::default()
        };
        if random.chance(300) {
            network.bandwidth = random.between(4_000, 1_000_000);
        }
        if random.chance(250) {
            network.lost = random.between(1, 40);
        }
        if random.chance(150) {
            network.duplicated = random.between(1, 20);
        }
        if random.chance(150) {
            network.refused = random.between(100, 1000);
        }
        network
    }

    /// How long something is under way.
    pub fn delay(&self, random: &mut Random) -> Duration {
        self.latency + Duration::from_nanos(random.between(0, self.jitter.as_nanos() as u64))
    }

    /// How long so many bytes take to leave.
    pub fn transfer(&self, bytes: usize) -> Duration {
        match self.bandwidth {
            0 => Duration::ZERO,
            bandwidth => Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / bandwidth),
        }
    }
}
