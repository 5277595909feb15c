//! What a case runs with: a runtime that is watched, servers, clients and relays on it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Timer;
use socketio_runtime::{ClientBuilder, Runtime, Server, ServerBuilder, TransportKind};

use super::journal::Journal;
use super::relay::Relay;
use super::watched::Watched;
use super::wire::Wire;

/// How long anything may take that is waited for. Nothing takes so long, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often is looked for what can't be awaited.
const LOOK: Duration = Duration::from_millis(2);

/// What a case runs with. Made by [`run`].
pub struct Stage<R> {
    pub(super) runtime: Watched<R>,
    servers: Mutex<Vec<Server>>,
    journal: Journal,
}

/// Runs one case of the suite on a runtime, and then checks that every task it spawned comes to its end.
///
/// # Panics
/// The case does, or what it waits for does not come.
///
/// ```no_run
/// # use socketio_runtime::Runtime;
/// use socketio_testkit::conformance::{acks, run};
///
/// # async fn example<R: Runtime + Clone>(runtime: R) {
/// run(runtime, async |stage| acks::come_from_either_side(stage).await).await;
/// # }
/// ```
pub async fn run<R: Runtime + Clone>(runtime: R, case: impl AsyncFnOnce(&Stage<R>)) {
    let stage = Stage { runtime: Watched::new(runtime), servers: Mutex::default(), journal: Journal::begin() };
    case(&stage).await;
    // Clients ended with the case, for their handles are gone.
    let servers = std::mem::take(&mut *stage.servers());
    for server in servers {
        stage.soon("a server's end", server.close()).await;
    }
    stage.until("the end of all tasks", || stage.runtime.tasks() == 0).await;
}

impl<R: Runtime + Clone> Stage<R> {
    /// Sets up a server.
    pub(super) fn server(&self) -> ServerBuilder<Watched<R>> {
        ServerBuilder::on(self.runtime.clone())
    }

    /// Sets up a client of the server there that comes back soon. It ends with its handles.
    pub(super) fn client(&self, addr: SocketAddr) -> ClientBuilder<Watched<R>> {
        ClientBuilder::on(self.runtime.clone(), format!("http://{addr}")).reconnection_delay(Duration::from_millis(20))
    }

    /// The same by WebSocket alone, for what does not care how it travels.
    pub(super) fn websocket(&self, addr: SocketAddr) -> ClientBuilder<Watched<R>> {
        self.client(addr).transports([TransportKind::WebSocket])
    }

    /// Lets a server listen on a free port until the case is over.
    pub(super) async fn serve(&self, server: &Server) -> SocketAddr {
        self.serve_at(server, ([127, 0, 0, 1], 0).into()).await
    }

    /// Lets a server listen there until the case is over.
    pub(super) async fn serve_at(&self, server: &Server, addr: SocketAddr) -> SocketAddr {
        let listener = self.soon("a port", server.bind(addr)).await.expect("the address is free");
        let addr = listener.local_addr();
        self.runtime.spawn(Box::pin(listener.serve()));
        self.servers().push(server.clone());
        addr
    }

    /// A way to that address that can be cut, held and narrowed.
    pub(super) async fn relay(&self, to: SocketAddr) -> Relay {
        Relay::bind(&self.runtime, to).await
    }

    /// A bare connection to that address.
    pub(super) async fn wire(&self, addr: SocketAddr) -> Wire {
        let connecting = self.runtime.connect(&addr.ip().to_string(), addr.port());
        Wire::new(self.soon("a connection", connecting).await.expect("somebody listens"))
    }

    /// Two ends of a connection.
    pub(super) async fn pair(&self) -> (Wire, Wire) {
        let mut accept = self.soon("a port", self.runtime.bind(([127, 0, 0, 1], 0).into())).await.expect("a free port");
        let near = self.wire(accept.local_addr().expect("it is bound")).await;
        let far = self.soon("the other end", poll_fn(|cx| accept.poll_accept(cx))).await.expect("it was connected");
        (near, Wire::new(far.0))
    }

    /// Waits for something that is to happen.
    pub(super) async fn soon<T>(&self, what: &str, happens: impl Future<Output = T>) -> T {
        let (mut happens, before) = (pin!(happens), self.journal.len());
        let mut sleep = self.runtime.sleep(PATIENCE);
        let happened = poll_fn(|cx| match happens.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
        });
        happened.await.unwrap_or_else(|| self.give_up(what, before))
    }

    /// Waits until something that can't be awaited has become true.
    pub(super) async fn until(&self, what: &str, mut is_true: impl FnMut() -> bool) {
        let (deadline, before) = (self.runtime.now() + PATIENCE, self.journal.len());
        while !is_true() {
            if self.runtime.now() >= deadline {
                self.give_up(what, before);
            }
            self.runtime.sleep(LOOK).await;
        }
    }

    fn give_up(&self, what: &str, before: usize) -> ! {
        let (seen, tasks) = (self.journal.since(before), self.runtime.tasks());
        let sessions: Vec<usize> = self.servers().iter().map(Server::sessions).collect();
        panic!("waited in vain for {what}; {tasks} tasks, sessions of the servers: {sessions:?}{seen}");
    }

    /// Lets others do something. How much is theirs to say: no case counts on it.
    pub(super) async fn pause(&self) {
        self.runtime.sleep(LOOK).await;
    }

    fn servers(&self) -> MutexGuard<'_, Vec<Server>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> fmt::Debug for Stage<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("tasks", &self.runtime.tasks()).finish_non_exhaustive()
    }
}

/// A gate that handlers wait at until it is opened.
#[derive(Clone, Default)]
pub(super) struct Gate {
    inner: Arc<Mutex<(bool, Vec<std::task::Waker>)>>,
}

impl Gate {
    pub(super) fn open(&self) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 = true;
        inner.1.drain(..).for_each(std::task::Waker::wake);
    }

    pub(super) async fn pass(&self) {
        poll_fn(|cx| {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            match inner.0 {
                true => Poll::Ready(()),
                false => {
                    inner.1.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
    }
}
