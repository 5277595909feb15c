//! A runtime without sockets and without sleeping.

mod stream;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use socketio_runtime::{Accept, BoxFuture, BoxStream, Runtime};

use crate::{Network, Random};
use stream::{Half, SimStream};

/// More polls than this at one point in time are a task that spins.
const SPIN: u32 = 1_000_000;

/// How long a [`run`](SimRuntime::run) may take unless told otherwise.
const LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The task that is [`run`](SimRuntime::run)'s own.
const MAIN: u64 = 0;

/// A runtime in virtual time: streams are in memory, over a seeded [`Network`] that cuts them into pieces; tasks run in one thread, in
/// an order that the seed decides; when all wait, the clock jumps to the next deadline.
///
/// Servers and clients of an application run on it unchanged: build them with [`ServerBuilder::on`](socketio_runtime::ServerBuilder::on).
/// A clone is a handle of the same runtime. Time, order, ids, keys and jitter follow from the seed alone, so two runs of one seed are equal
/// to the byte, but for the `Date` header of HTTP responses.
///
/// **Handlers take their time from the runtime**, too: by [`Timer`](crate::Timer), which is hyper's. Another runtime's timers and
/// sockets are not there; a `tokio::time::sleep` panics for want of a reactor, and a `std::thread::sleep` sleeps indeed.
///
/// **A handler that panics**, for that reason or another, harms nobody and is told to `on_error` alone. Without one, what a test sees
/// of it is an ack that does not come before its timeout. So set
/// [`Namespace::on_error`](socketio_runtime::Namespace::on_error) and
/// [`ClientSocket::on_error`](socketio_runtime::ClientSocket::on_error) in a test, and print what they are told.
///
/// ```
/// use std::time::Duration;
/// use socketio_runtime::{ClientBuilder, HandlerError, Runtime, ServerBuilder, Socket};
/// use socketio_testkit::{SimRuntime, Timer};
///
/// let sim = SimRuntime::new(7);
/// let (server, start) = (ServerBuilder::on(sim.clone()).build()?, sim.now());
/// let root = server.namespace("/");
/// root.on_error(async |_: Socket, error: HandlerError| eprintln!("{error}"));
/// let timer = sim.clone(); // an application's own is generic, or an `Arc<dyn Timer + Send + Sync>`
/// root.on("brew", move |_: Socket, (minutes,): (u64,)| {
///     let timer = timer.clone();
///     async move {
///         timer.sleep(Duration::from_secs(60 * minutes)).await;
///         "tea"
///     }
/// });
/// let client = ClientBuilder::on(sim.clone(), "http://localhost:3000").build()?;
/// let drink: String = sim.run(async {
///     sim.spawn(Box::pin(server.bind("127.0.0.1:3000").await?.serve()));
///     let socket = client.socket("/");
///     socket.connect().await?;
///     Ok::<_, Box<dyn std::error::Error>>(socket.emit_with_ack("brew", (5,)).await?)
/// })?;
/// assert_eq!(drink, "tea");
/// assert!(sim.now() - start >= Duration::from_secs(300));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SimRuntime {
    state: Arc<Mutex<State>>,
    ready: Arc<Mutex<Vec<u64>>>,
}

struct State {
    seed: u64,
    now: Instant,
    /// When the latest run has begun, and how long it may take.
    begun: Instant,
    limit: Duration,
    random: Random,
    /// Apart from `random`, so that how much entropy is used does not change the order of tasks.
    entropy: Random,
    network: Network,
    next: u64,
    tasks: BTreeMap<u64, BoxFuture<'static, ()>>,
    timers: BTreeMap<(Instant, u64), Waker>,
    listeners: BTreeMap<u16, Port>,
    halves: BTreeMap<u64, Half>,
    stalled: Instant,
}

/// Where somebody listens.
#[derive(Default)]
struct Port {
    waiting: Vec<(SimStream, SocketAddr)>,
    acceptor: Option<Waker>,
}

struct Task {
    id: u64,
    ready: Arc<Mutex<Vec<u64>>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.contains(&self.id) {
            ready.push(self.id);
        }
    }
}

impl SimRuntime {
    /// A runtime over the default network.
    pub fn new(seed: u64) -> Self {
        Self::with_network(seed, Network::default())
    }

    /// A runtime over this network. Its lost and repeated requests have no meaning here, where bytes travel; `refused` is for
    /// connections.
    pub fn with_network(seed: u64, network: Network) -> Self {
        let now = Instant::now();
        let state = State {
            seed,
            now,
            begun: now,
            limit: LIMIT,
            random: Random::new(seed),
            entropy: Random::new(seed).fork(),
            network,
            next: MAIN + 1,
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            listeners: BTreeMap::new(),
            halves: BTreeMap::new(),
            stalled: now,
        };
        Self { state: Arc::new(Mutex::new(state)), ready: Arc::default() }
    }

    /// Runs a scenario with each seed, or only with that of the variable `SEED`.
    ///
    /// # Panics
    /// The scenario does: with its seed in front, and how to play it again.
    pub fn explore(seeds: impl IntoIterator<Item = u64>, scenario: impl Fn(Self)) {
        let only = std::env::var("SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
        let seeds: Vec<u64> = only.map_or_else(|| seeds.into_iter().collect(), |seed| vec![seed]);
        for seed in seeds {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| scenario(Self::new(seed)))) {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
                panic!("seed {seed}: {text}\nreplay: SEED={seed}");
            }
        }
    }

    /// How much virtual time a [`run`](Self::run) may take, also the one that is under way. Default 7 days; `Duration::MAX` is for ever.
    ///
    /// Where there is a connection, there are heartbeats: time never stops to pass, and a test that waits for what never comes would
    /// not end.
    pub fn limit(&self, limit: Duration) {
        self.lock().limit = limit;
    }

    /// Runs until the future is done. What was spawned ends with it.
    ///
    /// # Panics
    /// With the seed: when nothing is left that could ever wake anybody, when a task spins, and when more virtual time would pass
    /// than the [`limit`](Self::limit).
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let begun = self.now();
        self.lock().begun = begun;
        let mut main = pin!(future);
        let mut polls = 0;
        self.waker(MAIN).wake();
        let result = loop {
            let Some(id) = self.pick() else {
                polls = 0;
                self.jump();
                continue;
            };
            polls += 1;
            if polls >= SPIN {
                self.fail("a task spins");
            }
            let waker = self.waker(id);
            let mut cx = Context::from_waker(&waker);
            if id == MAIN {
                if let Poll::Ready(result) = main.as_mut().poll(&mut cx) {
                    break result;
                }
                continue;
            }
            let task = self.lock().tasks.remove(&id);
            if let Some(mut task) = task {
                if task.as_mut().poll(&mut cx).is_pending() {
                    self.lock().tasks.insert(id, task);
                }
            }
        };
        loop {
            // A task that ends may still use the runtime, or spawn.
            let tasks = std::mem::take(&mut self.lock().tasks);
            if tasks.is_empty() {
                return result;
            }
        }
    }

    /// Nothing arrives for so long, on any connection.
    pub fn stall(&self, duration: Duration) {
        let mut state = self.lock();
        state.stalled = state.stalled.max(state.now + duration);
    }

    /// The process stands still for so long, as one that is stopped or whose machine is paused: nothing runs. Then the timers that have
    /// expired meanwhile fire, and what has arrived can be read a millisecond later.
    pub fn stand_still(&self, duration: Duration) {
        let mut state = self.lock();
        state.now += duration;
        state.stalled = state.stalled.max(state.now + Duration::from_millis(1));
    }

    /// Breaks all connections there are; what is under way is lost.
    pub fn reset(&self) {
        self.lock().halves.values_mut().for_each(Half::reset);
    }

    /// Ends one direction of all connections there are: from those that accepted to those that connected.
    pub fn half_close(&self) {
        let now = self.now();
        self.lock().halves.values_mut().filter(|half| half.down).for_each(|half| half.finish(now));
    }

    /// How many connections are open, at either end.
    pub fn connections(&self) -> usize {
        self.lock().halves.values().filter(|half| half.down).count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waker(&self, id: u64) -> Waker {
        Arc::new(Task { id, ready: self.ready.clone() }).into()
    }

    /// One of the tasks that may go on.
    fn pick(&self) -> Option<u64> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.is_empty() {
            return None;
        }
        let at = self.lock().random.below(ready.len() as u64) as usize;
        Some(ready.swap_remove(at))
    }

    /// On to the next deadline.
    fn jump(&self) {
        let mut state = self.lock();
        let Some(((at, _), waker)) = state.timers.pop_first() else {
            drop(state);
            self.fail("all tasks wait, and for nothing that could happen");
        };
        let limit = state.limit;
        if at.saturating_duration_since(state.begun) > limit {
            drop(state);
            self.fail(&format!("what is waited for did not come in {limit:?} of virtual time"));
        }
        state.now = state.now.max(at);
        drop(state);
        waker.wake();
    }

    fn fail(&self, what: &str) -> ! {
        let seed = self.lock().seed;
        panic!("{what} (SimRuntime::new({seed}))");
    }
}

impl State {
    fn name(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

struct SimSleep {
    runtime: SimRuntime,
    deadline: Instant,
    timer: Option<(Instant, u64)>,
}

impl Future for SimSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (runtime, deadline) = (self.runtime.clone(), self.deadline);
        let mut state = runtime.lock();
        if state.now >= deadline {
            return Poll::Ready(());
        }
        let timer = self.timer.unwrap_or_else(|| (deadline, state.name()));
        self.timer = Some(timer);
        state.timers.insert(timer, cx.waker().clone());
        Poll::Pending
    }
}

impl Sleep for SimSleep {}

impl Drop for SimSleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.runtime.lock().timers.remove(&timer);
        }
    }
}

impl Timer for SimRuntime {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(SimSleep { runtime: self.clone(), deadline, timer: None })
    }

    fn now(&self) -> Instant {
        self.lock().now
    }
}

impl Runtime for SimRuntime {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        let mut state = self.lock();
        let id = state.name();
        state.tasks.insert(id, future);
        drop(state);
        self.waker(id).wake();
    }

    fn entropy(&self, bytes: &mut [u8]) {
        let mut state = self.lock();
        bytes.fill_with(|| state.entropy.next() as u8);
    }

    fn bind(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>> {
        let runtime = self.clone();
        Box::pin(async move {
            let mut state = runtime.lock();
            let free = || (1024..=u16::MAX).find(|port| !state.listeners.contains_key(port)).unwrap_or_default();
            let port = if addr.port() == 0 { free() } else { addr.port() };
            if state.listeners.contains_key(&port) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            state.listeners.insert(port, Port::default());
            drop(state);
            Ok(Box::new(Listening { runtime, addr: SocketAddr::new(addr.ip(), port) }) as Box<dyn Accept>)
        })
    }

    fn connect(&self, _host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        let runtime = self.clone();
        Box::pin(async move {
            let (arrives, refused) = {
                let state = &mut *runtime.lock();
                let (delay, refused) =
                    (state.network.delay(&mut state.random), state.random.chance(state.network.refused));
                ((state.now + delay).max(state.stalled), refused)
            };
            runtime.sleep_until(arrives).await;
            if refused || !runtime.lock().listeners.contains_key(&port) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far) = SimStream::pair(&runtime);
            let mut state = runtime.lock();
            let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 1024 + (state.name() % 60_000) as u16));
            if let Some(listener) = state.listeners.get_mut(&port) {
                listener.waiting.push((far, from));
                if let Some(acceptor) = listener.acceptor.take() {
                    acceptor.wake();
                }
            }
            Ok(Box::new(near) as BoxStream)
        })
    }
}

struct Listening {
    runtime: SimRuntime,
    addr: SocketAddr,
}

impl Accept for Listening {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxStream, SocketAddr)>> {
        let mut state = self.runtime.lock();
        let Some(port) = state.listeners.get_mut(&self.addr.port()) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if port.waiting.is_empty() {
            port.acceptor = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let (stream, addr) = port.waiting.remove(0);
        Poll::Ready(Ok((Box::new(stream), addr)))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let port = self.runtime.lock().listeners.remove(&self.addr.port());
        // Those who wait see their connection end, which takes the lock again.
        drop(port);
    }
}

impl fmt::Debug for SimRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimRuntime").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
