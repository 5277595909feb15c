//! Scenarios, each with its share of as many seeds as `SEEDS` says (in total; 10,000 if it says nothing).
//!
//! A run that fails prints its seed, and a shortened script of what has to happen for it. `SEED` runs only that seed, `SCRIPT` puts such
//! a script in the place of the scenario's own; the settings and the network still follow from the seed:
//!
//! ```text
//! SEED=41 cargo test -p socketio-testkit --test scenarios anything
//! SEED=41 SCRIPT='120 c0 open 0; 900 c0 push 10' cargo test -p socketio-testkit --test scenarios anything
//! ```

use std::time::Duration;

use socketio_proto::client::{Backoff, SocketConfig};
use socketio_testkit::{Action, Network, Outcome, Random, Settings, Step, World, script};

/// Runs a scenario with its share of the seeds, of which there are ten thousand parts.
fn explore(name: &str, share: u64, scenario: impl Fn(&mut Random) -> (Settings, Vec<Step>)) -> Vec<Outcome> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..(number("SEEDS").unwrap_or(10_000) * share / 10_000).max(1),
    };
    let replayed = std::env::var("SCRIPT").ok().map(|text| script::parse(&text).expect("a script"));
    let run = |seed| {
        let (settings, script) = scenario(&mut Random::new(seed));
        World::check(name, &settings, seed, replayed.as_ref().unwrap_or(&script))
    };
    seeds.map(run).collect()
}

fn step(at: u64, client: usize, action: Action) -> Step {
    Step { at: Duration::from_millis(at), client, action }
}

fn sum(outcomes: &[Outcome], of: impl Fn(&Outcome) -> u64) -> u64 {
    outcomes.iter().map(of).sum()
}

fn replaying() -> bool {
    std::env::var_os("SEED").is_some()
}

/// A network that loses nothing.
fn sound(random: &mut Random) -> Network {
    let mut network = Network::any(random);
    (network.lost, network.duplicated) = (0, 0);
    network.bandwidth = if network.bandwidth > 0 { network.bandwidth.max(50_000) } else { 0 };
    network
}

/// Everything at once.
#[test]
fn anything() {
    let outcomes = explore("anything", 2896, |random| {
        let mut settings = Settings::default();
        settings.network = Network::any(random);
        settings.engine = quick(random);
        let clients = random.between(1, 3) as usize;
        (settings.late, settings.unwilling) = (random.below(300), random.below(50));
        settings.socket = SocketConfig::default().retries(Some(random.below(4) as u32));
        settings.socket.ack_timeout = random.chance(700).then(|| Duration::from_millis(random.between(100, 2000)));
        let patience = Duration::from_millis(random.between(2000, 20_000));
        settings.manager = settings.manager.connect_timeout(Some(patience));
        if random.chance(400) {
            (settings.network.lost, settings.network.duplicated) = (0, 0);
            (settings.recovers, settings.settle) = (true, Duration::from_secs(40));
        }
        let mut script: Vec<Step> =
            (0..clients).map(|client| step(random.below(200), client, Action::Open(0))).collect();
        for _ in 0..random.between(5, 60) {
            let (at, client) = (random.below(12_000), random.below(clients as u64) as usize);
            script.push(step(at, client, any_action(random)));
        }
        (settings, script)
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.up.min(outcome.down).min(outcome.upgrades)) > 0);
    assert!(replaying() || sum(&outcomes, |outcome| outcome.buffered.min(outcome.delivered).min(outcome.refused)) > 0);
}

fn any_action(random: &mut Random) -> Action {
    match random.below(100) {
        0..=21 => Action::Emit(random.below(2000)),
        22..=37 => Action::Push(random.below(2000)),
        38..=40 => Action::Whisper(random.below(200)),
        41..=45 => Action::Broadcast(random.below(200)),
        46..=49 => Action::Volatile(random.below(200)),
        50..=54 => Action::Ask(random.below(2000)),
        55..=60 => Action::AskServer(random.below(1000)),
        61..=65 => Action::EmitSure(random.below(2000)),
        66..=71 => Action::Open(0),
        72..=76 => Action::Open(random.below(4)),
        77..=80 => Action::Stall(random.below(6000)),
        81..=84 => Action::Reset(0),
        85 => Action::HalfClose(0),
        86 => Action::Mute(random.below(3)),
        87 => Action::Vanish(0),
        88..=90 => Action::Pause(random.below(6000)),
        91 => Action::Close(0),
        92..=93 => Action::Leave(random.below(4)),
        94 => Action::Drop(0),
        95..=96 => Action::Kick(random.below(4)),
        97..=98 => Action::Restart(random.below(5000)),
        _ => Action::Shutdown(0),
    }
}

/// Short timeouts and small bounds, so that all of them matter.
fn quick(random: &mut Random) -> engineio_proto::Config {
    let mut millis = |low, high| Duration::from_millis(random.between(low, high));
    let (interval, timeout) = (millis(300, 5000), millis(1000, 3000));
    let config = engineio_proto::Config::builder()
        .ping_interval(interval)
        .ping_timeout(timeout)
        .close_timeout(millis(500, 3000));
    config.upgrade_timeout(millis(200, 3000)).max_payload(3000).outbox_limit(20_000).build().expect("sound")
}

/// Nothing is lost, doubled or out of order while the transport changes under both senders.
#[test]
fn upgrade_while_both_sides_send() {
    let outcomes = explore("upgrade_while_both_sides_send", 1600, |random| {
        let mut settings = Settings::default();
        (settings.network, settings.lossless) = (sound(random), true);
        settings.settle = Duration::from_secs(20);
        let engine = engineio_proto::Config::builder().max_payload(random.between(1000, 10_000) as usize);
        settings.engine = if random.chance(500) {
            let interval = Duration::from_millis(random.between(300, 3000));
            engine.ping_interval(interval).ping_timeout(Duration::from_millis(2500))
        } else {
            engine
        }
        .build()
        .expect("sound");
        let mut script = vec![step(0, 0, Action::Open(0))];
        for _ in 0..random.between(10, 80) {
            let action = match random.below(10) {
                0..=4 => Action::Emit(random.below(500)),
                5 => Action::Whisper(random.below(500)),
                _ => Action::Push(random.below(500)),
            };
            script.push(step(random.below(1500), 0, action));
        }
        (settings, script)
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.upgrades) > 0);
}

/// Clients that are gone without a word leave nothing behind, wherever they were.
#[test]
fn abandoned_polling_sessions() {
    let outcomes = explore("abandoned_polling_sessions", 400, |random| {
        let mut settings = Settings::default();
        settings.network = Network::any(random);
        settings.settle = Duration::from_secs(60);
        let client = engineio_proto::client::Config::builder().upgrade(random.chance(200));
        settings.client = client.build().expect("sound");
        let script = (0..20).flat_map(|client| {
            let opened = random.below(1000);
            let gone = opened + random.below(600);
            [step(opened, client, Action::Open(0)), step(gone, client, Action::Vanish(0))]
        });
        (settings, script.collect())
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.sessions) > 0);
}

/// Heartbeats keep a session for a day, on either transport.
#[test]
fn a_day_of_heartbeats() {
    let outcomes = explore("a_day_of_heartbeats", 100, |random| {
        let mut settings = Settings::default();
        (settings.network, settings.lossless) = (sound(random), true);
        let client = engineio_proto::client::Config::builder().upgrade(random.chance(500));
        settings.client = client.build().expect("sound");
        let day = 24 * 3600 * 1000;
        (settings, vec![step(0, 0, Action::Open(0)), step(day, 0, Action::Emit(10)), step(day, 0, Action::Push(10))])
    });
    for outcome in outcomes.iter().filter(|_| !replaying()) {
        assert_eq!((outcome.sessions, outcome.ping_timeouts, outcome.up, outcome.down), (1, 0, 1, 1), "{outcome:?}");
        assert!(outcome.elapsed > Duration::from_secs(24 * 3600) && outcome.inputs > 3456 * 2);
    }
}

/// An ack settles exactly once, whichever comes first: it, its deadline, or the end. On both sides.
#[test]
fn ack_timeout_against_late_ack() {
    let outcomes = explore("ack_timeout_against_late_ack", 1200, |random| {
        let mut settings = Settings::default();
        settings.network = sound(random);
        let opened = if random.chance(500) { 0 } else { random.below(2000) };
        let mut script = vec![step(opened, 0, Action::Open(0))];
        for _ in 0..random.between(5, 30) {
            // Around the second that either side waits. What a client asks before it is connected waits for that, too.
            let (at, ms) = (random.between(100, 4000), random.between(700, 1050));
            let action = if random.chance(500) { Action::Ask(ms) } else { Action::AskServer(ms) };
            script.push(step(at, 0, action));
        }
        if random.chance(300) {
            let end = [Action::Reset(0), Action::Kick(0), Action::Close(0), Action::Stall(2000)];
            script.push(step(random.between(500, 5000), 0, end[random.below(4) as usize]));
        }
        (settings.recovers, settings.settle) = (true, Duration::from_secs(60));
        (settings, script)
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.acks.min(outcome.late).min(outcome.buffered)) > 0);
}

/// What the retry queue holds arrives in order, each at least once, and is told to be delivered once, whatever the network loses.
#[test]
fn retries_under_losses() {
    let outcomes = explore("retries_under_losses", 400, |random| {
        let mut settings = Settings::default();
        (settings.network, settings.engine, settings.manager) = (Network::any(random), quick(random), hurry());
        if random.chance(500) {
            settings.network.lost = random.between(1, 60);
        } else {
            (settings.network.lost, settings.network.duplicated, settings.recovers) = (0, 0, true);
        }
        settings.settle = Duration::from_secs(40);
        let patience = Duration::from_millis(random.between(400, 3000));
        settings.socket = SocketConfig::default().retries(Some(u32::MAX)).ack_timeout(Some(patience));
        let mut script = vec![step(random.below(2000), 0, Action::Open(0))];
        for _ in 0..random.between(5, 30) {
            script.push(step(random.below(8000), 0, Action::EmitSure(random.below(300))));
        }
        for _ in 0..random.between(1, 6) {
            let faults = [
                Action::Mute(random.below(2)),
                Action::Reset(0),
                Action::Drop(0),
                Action::Restart(random.below(2000)),
                Action::Stall(random.below(4000)),
            ];
            script.push(step(random.between(500, 9000), 0, faults[random.below(5) as usize]));
        }
        (settings, script)
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.repeated.min(outcome.delivered)) > 0);
    assert_eq!(sum(&outcomes, |outcome| outcome.abandoned), 0);
}

/// What is emitted while there is no connection waits for the next, and keeps its order: among itself, and with what is emitted then.
#[test]
fn offline_emits_keep_their_order() {
    let outcomes = explore("offline_emits_keep_their_order", 400, |random| {
        let mut settings = Settings::default();
        (settings.network, settings.manager, settings.recovers) = (sound(random), hurry(), true);
        settings.late = random.below(300);
        settings.settle = Duration::from_secs(60);
        let mut client = engineio_proto::client::Config::builder().upgrade(random.chance(700));
        let mut script = vec![step(random.below(1000), 0, Action::Open(0))];
        // Where several sockets wait for room, it can't be told whose turn it is.
        let scarce = random.chance(500);
        if scarce {
            client = client.outbox_limit(random.between(3000, 6000) as usize);
            settings.network.bandwidth = random.between(3000, 30_000);
        } else {
            script.push(step(1000, 0, Action::Open(1)));
        }
        settings.client = client.build().expect("sound");
        for cycle in 0..random.between(1, 4) {
            let at = 1500 + cycle * 6000;
            let fault = if random.chance(600) { Action::Restart(random.below(3000)) } else { Action::Reset(0) };
            script.push(step(at, 0, fault));
            for _ in 0..random.between(2, if scarce { 50 } else { 20 }) {
                let action = match random.below(10) {
                    0 => Action::AskServer(random.below(1200)),
                    1 if scarce => [Action::Open(0), Action::Leave(0)][random.below(2) as usize],
                    1 => Action::Open(random.below(2)),
                    2 => Action::Push(random.below(500)),
                    _ => Action::Emit(random.below(1000)),
                };
                let span = if scarce { 2500 } else { 6000 };
                script.push(step(at + random.below(span), 0, action));
            }
        }
        (settings, script)
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.buffered.min(outcome.up)) > 0);
}

/// A socket that was refused keeps what it has to say until it is let in; so it does when a later connection refuses it anew.
#[test]
fn refused_and_then_let_in() {
    let outcomes = explore("refused_and_then_let_in", 200, |random| {
        let mut settings = Settings::default();
        (settings.network, settings.manager, settings.recovers) = (sound(random), hurry(), true);
        (settings.late, settings.unwilling) = (random.below(300), random.below(200));
        settings.settle = Duration::from_secs(60);
        settings.socket = SocketConfig::default().retries(Some(u32::MAX));
        let mut script = vec![step(0, 0, Action::Open(3))];
        if random.chance(500) {
            script.push(step(random.below(1000), 0, Action::Open(0)));
        }
        if random.chance(500) {
            // It leaves and comes back, or the reverse, while the server speaks.
            let at = random.between(1000, 14_000);
            let (first, then) =
                [(Action::Leave(0), Action::Open(3)), (Action::Open(3), Action::Leave(0))][random.below(2) as usize];
            script.extend([step(at, 0, first), step(at + random.below(300), 0, then)]);
            script.extend((0..5).map(|_| step(at + random.below(400), 0, Action::Push(random.below(300)))));
        }
        for _ in 0..random.between(5, 40) {
            let action = match random.below(10) {
                0..=3 => Action::Open(3),
                4 => Action::Push(random.below(500)),
                5 => Action::EmitSure(random.below(100)),
                6 => [Action::Reset(0), Action::Drop(0), Action::Restart(500)][random.below(3) as usize],
                _ => Action::Emit(random.below(500)),
            };
            script.push(step(random.below(15_000), 0, action));
        }
        (settings, script)
    });
    let both = |outcome: &Outcome| outcome.refused.min(outcome.joined).min(outcome.up);
    assert!(replaying() || sum(&outcomes, both) > 0);
}

/// Short pauses, so that there is much to see in little time.
fn hurry() -> socketio_proto::client::Config {
    let (delay, delay_max) = (Duration::from_millis(200), Duration::from_secs(1));
    socketio_proto::client::Config::default().backoff(Backoff { delay, delay_max, ..Backoff::default() })
}

/// Volatile events leave only if nothing waits, so a stall makes them skip and never queue.
#[test]
fn volatile_under_stall() {
    let outcomes = explore("volatile_under_stall", 800, |random| {
        let mut settings = Settings::default();
        settings.network = sound(random);
        let mut script = vec![step(0, 0, Action::Open(0)), step(2000, 0, Action::Stall(3000))];
        for _ in 0..60 {
            let at = random.between(500, 7000);
            let action =
                if random.chance(800) { Action::Volatile(random.below(300)) } else { Action::Push(random.below(300)) };
            script.push(step(at, 0, action));
        }
        (settings, script)
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.skipped) > 0);
}

/// A client that takes little costs no more than its bound, and others nothing.
#[test]
fn slow_consumer() {
    let outcomes = explore("slow_consumer", 600, |random| {
        let mut settings = Settings::default();
        settings.network = sound(random);
        settings.network.bandwidth = random.between(2000, 20_000);
        settings.engine = engineio_proto::Config::builder().outbox_limit(20_000).build().expect("sound");
        (settings.recovers, settings.settle) = (true, Duration::from_secs(60));
        let mut script: Vec<Step> = (0..2).map(|client| step(0, client, Action::Open(0))).collect();
        script.push(step(1500, 0, Action::Stall(random.below(5000))));
        for _ in 0..100 {
            script.push(step(random.between(1500, 4000), 0, Action::Broadcast(random.between(100, 3000))));
        }
        (settings, script)
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.full) > 0);
}

/// While the server does not read, a client is not blamed for pongs that can't be seen.
#[test]
fn paused_reading_against_the_pong_deadline() {
    let outcomes = explore("paused_reading_against_the_pong_deadline", 700, |random| {
        let mut settings = Settings::default();
        settings.network = sound(random);
        settings.network.latency = settings.network.latency.min(Duration::from_millis(40));
        let engine = engineio_proto::Config::builder().ping_interval(Duration::from_secs(1));
        settings.engine = engine.ping_timeout(Duration::from_secs(2)).build().expect("sound");
        let mut script = vec![step(0, 0, Action::Open(0))];
        for at in 0..4 {
            script.push(step(1500 + at * 7000 + random.below(2000), 0, Action::Pause(random.between(500, 5000))));
            script.push(step(random.between(1000, 20_000), 0, Action::Emit(100)));
        }
        (settings, script)
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.sessions) > 0);
    // One that gave up itself meanwhile may not say so.
    assert!(outcomes.iter().all(|outcome| outcome.ping_timeouts <= outcome.missed_pings), "{outcomes:?}");
}

/// What was queued when the server shuts down is there before the end.
#[test]
fn shutdown_drain() {
    let outcomes = explore("shutdown_drain", 700, |random| {
        let mut settings = Settings::default();
        (settings.network, settings.lossless) = (sound(random), true);
        settings.settle = Duration::from_secs(40);
        let mut script: Vec<Step> = (0..3).map(|client| step(random.below(300), client, Action::Open(0))).collect();
        for _ in 0..random.between(5, 40) {
            let (at, client) = (random.between(300, 3000), random.below(3) as usize);
            let action = if random.chance(300) { Action::Broadcast(200) } else { Action::Push(random.below(1000)) };
            script.push(step(at, client, action));
        }
        let end = random.between(1000, 3000);
        script.extend(
            (0..random.below(6)).map(|_| step(end, random.below(3) as usize, Action::Push(random.below(1000)))),
        );
        script.push(step(end, 0, Action::Shutdown(0)));
        (settings, script)
    });
    assert!(replaying() || sum(&outcomes, |outcome| outcome.down) > 0);
}

/// A thousand clients lose their server at once, and come back each after pauses of its own.
#[test]
fn reconnect_storm() {
    let outcomes = explore("reconnect_storm", 4, |random| storm(random, Backoff::default().randomization));
    for outcome in outcomes.iter().filter(|_| !replaying()) {
        assert_eq!((outcome.joined, outcome.down), (2000, 1000), "{outcome:?}");
        assert!(is_spread(outcome), "{outcome:?}");
    }
    // Several attempts each, where the server stays away for long enough.
    assert!(replaying() || outcomes.iter().any(|outcome| outcome.attempts > 2000), "{outcomes:?}");
}

/// Without jitter they come all at once: [`is_spread`] can tell.
#[test]
fn reconnect_storm_without_jitter() {
    let (settings, script) = storm(&mut Random::new(0), 0.0);
    let outcome = World::check("reconnect_storm_without_jitter", &settings, 0, &script);
    assert_eq!((outcome.joined, outcome.down), (2000, 1000), "{outcome:?}");
    assert!(!is_spread(&outcome), "{outcome:?}");
}

fn storm(random: &mut Random, jitter: f64) -> (Settings, Vec<Step>) {
    let mut settings = Settings::default();
    settings.network = sound(random);
    settings.network.jitter = settings.network.jitter.min(Duration::from_millis(50));
    settings.manager = settings.manager.backoff(Backoff { randomization: jitter, ..Backoff::default() });
    let client = engineio_proto::client::Config::builder().upgrade(random.chance(500));
    settings.client = client.build().expect("sound");
    let mut script: Vec<Step> = (0..1000).map(|client| step(random.below(1000), client, Action::Open(0))).collect();
    if random.chance(750) {
        // An attempt that begins before the end of this does not find anybody.
        script.push(step(5000, 0, Action::Restart(random.between(1500, 8000))));
    } else {
        script.extend((0..1000).map(|client| step(5000, client, Action::Reset(0))));
    }
    // The longest pause is five seconds.
    script.push(step(20_000, 0, Action::Broadcast(100)));
    (settings, script)
}

/// The first pauses lie in a range of a second: a tenth of it should see a tenth of the thousand, give or take ten.
fn is_spread(outcome: &Outcome) -> bool {
    outcome.crowd <= 160
}
