//! A way to a server that can be cut, held and narrowed.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper::rt::Write;
use socketio_runtime::{BoxStream, Runtime};

use super::wire::poll_read;

/// Listens on a port of its own and passes on what comes, to and fro. It ends when it is dropped, and its connections with it.
pub(super) struct Relay {
    pub(super) addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

struct State {
    /// Bytes that are passed on at once, at most.
    width: usize,
    held: bool,
    refusing: bool,
    stopped: bool,
    /// Connections from before this number are cut.
    alive_from: u64,
    next: u64,
    wakers: HashMap<u64, Waker>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            width: 64 * 1024,
            held: false,
            refusing: false,
            stopped: false,
            alive_from: 0,
            next: 1,
            wakers: HashMap::new(),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_values().for_each(Waker::wake);
    }
}

impl Relay {
    pub(super) async fn bind<R: Runtime + Clone>(runtime: &R, to: SocketAddr) -> Self {
        let mut accept = runtime.bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let addr = accept.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let relay = Self { addr, shared: shared.clone() };
        let spawner = runtime.clone();
        runtime.spawn(Box::pin(async move {
            loop {
                let accepted = poll_fn(|cx| {
                    let mut state = shared.lock();
                    state.wakers.insert(0, cx.waker().clone());
                    if state.stopped { Poll::Ready(None) } else { accept.poll_accept(cx).map(Some) }
                });
                let Some(accepted) = accepted.await else { return };
                let Ok((near, _)) = accepted else { continue };
                let mut state = shared.lock();
                let number = state.next;
                state.next += 1;
                if !state.refusing {
                    let connecting = spawner.connect(&to.ip().to_string(), to.port());
                    let shared = shared.clone();
                    drop(state);
                    spawner.spawn(Box::pin(async move {
                        let Ok(far) = connecting.await else { return };
                        let mut pump = Pump { near, far, up: Pipe::default(), down: Pipe::default() };
                        // Whatever goes wrong is the end of both connections.
                        _ = poll_fn(|cx| pump.poll(&shared, number, cx)).await;
                    }));
                }
            }
        }));
        relay
    }

    /// Passes on so many bytes at once from now on.
    pub(super) fn narrow(&self, width: usize) {
        self.shared.change(|state| state.width = width);
    }

    /// Every connection ends, on both sides.
    pub(super) fn cut(&self) {
        self.shared.change(|state| state.alive_from = state.next);
    }

    /// Every connection ends, and new ones end at once.
    pub(super) fn refuse(&self) {
        self.shared.change(|state| {
            state.refusing = true;
            state.alive_from = state.next;
        });
    }

    /// New connections are accepted again.
    pub(super) fn accept(&self) {
        self.shared.change(|state| state.refusing = false);
    }

    /// Nothing comes through any more, and nobody is told.
    pub(super) fn hold(&self) {
        self.shared.change(|state| state.held = true);
    }

    /// Everything comes through again.
    pub(super) fn release(&self) {
        self.shared.change(|state| state.held = false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.change(|state| state.stopped = true);
    }
}

struct Pump {
    near: BoxStream,
    far: BoxStream,
    up: Pipe,
    down: Pipe,
}

impl Pump {
    fn poll(&mut self, shared: &Shared, number: u64, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = shared.lock();
        if state.stopped || number < state.alive_from {
            return Poll::Ready(Ok(()));
        }
        state.wakers.insert(number, cx.waker().clone());
        let (held, width) = (state.held, state.width);
        drop(state);
        if held {
            return Poll::Pending;
        }
        let up = self.up.poll(&mut self.near, &mut self.far, width, cx)?;
        let down = self.down.poll(&mut self.far, &mut self.near, width, cx)?;
        if up.is_ready() && down.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

/// One direction.
#[derive(Default)]
struct Pipe {
    buffer: Vec<u8>,
    ended: bool,
    shut: bool,
}

impl Pipe {
    /// Passes on what is there, and the end.
    fn poll(
        &mut self,
        from: &mut BoxStream,
        to: &mut BoxStream,
        width: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        // Now and then the other direction has its turn.
        for _ in 0..64 {
            while !self.buffer.is_empty() {
                match Pin::new(&mut *to).poll_write(cx, &self.buffer)? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(length) => _ = self.buffer.drain(..length),
                    Poll::Pending => return Poll::Pending,
                }
            }
            if self.shut {
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                std::task::ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                self.shut = true;
                return Poll::Ready(Ok(()));
            }
            self.buffer.resize(width, 0);
            let read = poll_read(from, cx, &mut self.buffer);
            self.buffer.truncate(if let Poll::Ready(Ok(length)) = read { length } else { 0 });
            self.ended = std::task::ready!(read)? == 0;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
