//! The handlers of one client: the queued events and the running handlers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use engineio_proto::{CloseReason, Text};
use http::Extensions;
use socketio_proto::server::{self, DisconnectReason};
use socketio_proto::{Args, Json, SocketKey};

use crate::endpoint::Answer;
use crate::endpoint::Endpoint;
use crate::error::HandlerError;
use crate::handler::{guarded, poll_all, poll_guarded, reported};
use crate::runtime::{BoxFuture, random};
use crate::server::Event;
use crate::server::conn::Conn;
use crate::server::handlers::Handlers;
use crate::server::machine::{self, Machine};
use crate::server::namespace::{ConnectRequest, NamespaceInner, Refusal};
use crate::server::socket::Socket;
use crate::server::task::messages::Messages;
use crate::trace::{self, Span};

/// The maximum number of handlers started in one turn for one socket, so that the task yields to others.
pub(super) const BUDGET: usize = 128;

/// The bytes that a running handler without a queued event counts in the inbox.
const RUNNING_BYTES: usize = 4096;

/// The result of a pass over the handlers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Its budget is used up: another pass may start more.
    Moved,
    /// All handlers wait.
    Waiting,
}

/// All handlers of a client.
pub(super) struct Runners {
    conn: Arc<Conn>,
    sockets: Vec<Runner>,
    messages: Messages,
    span: Span,
    /// Running handlers of disconnects and errors, which run concurrently with all others.
    beside: Vec<BoxFuture<'static, Answer>>,
}

/// One socket: its queued events, and its running handler.
struct Runner {
    key: SocketKey,
    namespace: Arc<NamespaceInner>,
    /// A copy of the namespace's handlers, as of `version`.
    handlers: Arc<Handlers>,
    version: u64,
    socket: Option<Socket>,
    span: Span,
    current: Current,
    queue: VecDeque<Queued>,
    bytes: usize,
    presence: Presence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Present,
    /// The socket is disconnected; the disconnect handler runs after the events that the client sent before.
    Leaving(DisconnectReason),
    Gone,
}

enum Current {
    Idle,
    /// A middleware checks whether the client may join.
    Checking(BoxFuture<'static, Result<(), Refusal>>, Admission),
    Running(BoxFuture<'static, Answer>),
}

/// A client that is joining a namespace.
struct Admission {
    auth: Option<Json>,
    data: Arc<Mutex<Extensions>>,
    /// Number of middlewares passed.
    passed: usize,
}

struct Queued {
    id: Option<u64>,
    name: Text,
    args: Args,
    bytes: usize,
}

impl Queued {
    fn new(id: Option<u64>, name: Text, args: Args) -> Self {
        // Includes the queue entry, so that the number of small events is bounded, too.
        let bytes = name.len() + args.byte_len() + size_of::<Self>();
        Self { id, name, args, bytes }
    }
}

impl Runners {
    pub(super) fn new(conn: Arc<Conn>) -> Self {
        let span = Span::session(conn.serial);
        Self { conn, sockets: Vec::new(), messages: Messages::default(), span, beside: Vec::new() }
    }

    /// The number of queued events and their bytes. Handlers of disconnected sockets, of disconnects and of errors count as queued
    /// events, because a client could otherwise start an unbounded number of them.
    pub(super) fn inbox(&self) -> (usize, usize) {
        let running = self.beside.len() + self.sockets.iter().filter(|runner| !runner.is_present()).count();
        let (events, bytes) = self.messages.inbox();
        let messages = (events + running, bytes + running * RUNNING_BYTES);
        let sockets = self.sockets.iter().map(|runner| (runner.queue.len(), runner.bytes));
        sockets.fold(messages, |sum, runner| (sum.0 + runner.0, sum.1 + runner.1))
    }

    /// Whether no handler runs or can be started, and no socket waits to be removed.
    pub(super) fn is_quiet(&self) -> bool {
        self.beside.is_empty() && self.messages.is_quiet() && self.sockets.iter().all(Runner::is_quiet)
    }

    /// Whether `Socket::next` waits for an event that is queued, or returned one that it did not take.
    pub(super) fn is_called(&self) -> bool {
        self.sockets.iter().any(Runner::is_called)
    }

    /// Whether all handlers have ended and all sockets are removed.
    pub(super) fn is_idle(&self) -> bool {
        self.sockets.is_empty() && self.beside.is_empty() && self.messages.is_quiet()
    }

    /// Handles an event of the machine.
    pub(super) fn take(&mut self, event: machine::Event) {
        match event {
            machine::Event::Engine(engineio_proto::server::Event::Message(data)) => {
                self.messages.push(data);
            }
            machine::Event::Engine(engineio_proto::server::Event::Closed { reason: CloseReason::ForcedClose }) => {
                self.messages.clear();
            }
            machine::Event::Engine(_) => {}
            machine::Event::Socket(event) => self.take_socket(event),
        }
    }

    fn take_socket(&mut self, event: server::Event) {
        match event {
            server::Event::Received { socket, id, event } => {
                if let Some(runner) = self.sockets.iter_mut().find(|runner| runner.key == socket) {
                    runner.push(id, event);
                }
            }
            server::Event::Connecting { socket, namespace, auth } => self.connecting(socket, &namespace, auth),
            server::Event::Disconnected { socket, reason } => {
                if let Some(runner) = self.sockets.iter_mut().find(|runner| runner.key == socket) {
                    runner.leave(reason, &mut self.beside);
                }
            }
            server::Event::Undecodable(error) => {
                for runner in &mut self.sockets {
                    runner.report(HandlerError::Undecodable(error), &mut self.beside);
                }
            }
            server::Event::Closed { reason } => self.span.within(|| trace::step("the session is closed", reason)),
            server::Event::Ready => {
                self.sockets.iter().filter_map(|runner| runner.socket.as_ref()).for_each(Socket::wake_ready)
            }
            _ => {}
        }
    }

    fn connecting(&mut self, key: SocketKey, name: &Text, auth: Option<Json>) {
        match self.conn.shared.namespace(name) {
            Some(namespace) => {
                // Most clients have one socket, and a vector would reserve room for four.
                self.sockets.reserve_exact(1);
                self.sockets.push(self.span.within(|| Runner::new(key, namespace, auth)));
            }
            None => refuse(&self.conn, key, &Refusal::new("Invalid namespace")),
        }
    }

    /// Handles an event of the machine when handlers are no longer run.
    pub(super) fn abandon(&mut self, event: machine::Event) {
        if let machine::Event::Socket(server::Event::Disconnected { socket, reason }) = event {
            self.sockets.iter_mut().filter(|runner| runner.key == socket).for_each(|runner| runner.depart(reason));
        }
    }

    /// Ends all sockets without running their disconnect handlers.
    pub(super) fn abandon_all(&mut self) {
        self.sockets.iter_mut().for_each(Runner::abandon);
    }

    /// Polls running handlers and starts those of queued events.
    pub(super) fn run(&mut self, cx: &mut Context<'_>) -> Step {
        self.span.clone().within(|| self.run_all(cx))
    }

    fn run_all(&mut self, cx: &mut Context<'_>) -> Step {
        let mut step = self.messages.run(&self.conn, cx);
        for runner in &mut self.sockets {
            let span = runner.span.clone();
            if span.within(|| runner.run(&self.conn, &mut self.beside, cx)) == Step::Moved {
                step = Step::Moved;
            }
        }
        self.sockets.retain(|runner| !runner.is_over());
        poll_all(&mut self.beside, cx);
        step
    }
}

impl Runner {
    fn new(key: SocketKey, namespace: Arc<NamespaceInner>, auth: Option<Json>) -> Self {
        let version = namespace.version();
        let admission = Admission { auth, data: Arc::default(), passed: 0 };
        let span = Span::socket(&namespace.name);
        Self {
            key,
            span,
            handlers: namespace.handlers(),
            namespace,
            version,
            socket: None,
            // The first step of `run` begins the checks.
            current: Current::Checking(Box::pin(std::future::ready(Ok(()))), admission),
            queue: VecDeque::new(),
            bytes: 0,
            presence: Presence::Present,
        }
    }

    fn push(&mut self, id: Option<u64>, event: socketio_proto::Event) {
        let socketio_proto::Event { name, args } = event;
        let queued = Queued::new(id, name.into(), args);
        self.bytes += queued.bytes;
        self.queue.push_back(queued);
    }

    /// Puts back an event that was delivered but not taken.
    fn push_front(&mut self, event: Event) {
        let (name, args, id) = event.into_parts();
        let queued = Queued::new(id, name, args);
        self.bytes += queued.bytes;
        self.queue.push_front(queued);
    }

    fn pop(&mut self) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.bytes -= queued.bytes;
        Some(queued)
    }

    fn is_quiet(&self) -> bool {
        matches!(self.current, Current::Idle) && self.queue.is_empty() && self.is_present() && !self.has_returned()
    }

    fn is_present(&self) -> bool {
        self.presence == Presence::Present
    }

    fn has_returned(&self) -> bool {
        self.socket.as_ref().is_some_and(Socket::has_returned)
    }

    fn is_called(&self) -> bool {
        let awaited = !self.queue.is_empty() && self.socket.as_ref().is_some_and(Socket::is_awaited);
        awaited || self.has_returned()
    }

    fn is_over(&self) -> bool {
        self.presence == Presence::Gone && matches!(self.current, Current::Idle)
    }

    fn run(&mut self, conn: &Arc<Conn>, beside: &mut Vec<BoxFuture<'static, Answer>>, cx: &mut Context<'_>) -> Step {
        for _ in 0..BUDGET {
            if let Some(event) = self.socket.as_ref().and_then(Socket::take_back) {
                self.push_front(event);
            }
            if self.socket.as_ref().is_some_and(Socket::is_drained) {
                self.clear();
            }
            match std::mem::replace(&mut self.current, Current::Idle) {
                Current::Checking(mut check, admission) => {
                    match guarded(|| check.as_mut().poll(cx)).unwrap_or_else(|_| Poll::Ready(Err(internal_error()))) {
                        Poll::Pending => {
                            self.current = Current::Checking(check, admission);
                            return Step::Waiting;
                        }
                        Poll::Ready(Ok(())) => self.check(conn, admission, beside),
                        Poll::Ready(Err(refusal)) => {
                            trace::step("a middleware refused the socket", &self.namespace.name);
                            refuse(conn, self.key, &refusal);
                            self.presence = Presence::Gone;
                        }
                    }
                }
                Current::Running(mut handler) => match poll_guarded(&mut handler, cx) {
                    Poll::Pending => {
                        self.current = Current::Running(handler);
                        // The handler may wait in `Socket::next`.
                        if !self.deliver() {
                            self.end(beside);
                            return Step::Waiting;
                        }
                    }
                    Poll::Ready(answer) => self.finish(answer, beside),
                },
                Current::Idle if self.queue.is_empty() => {
                    self.end(beside);
                    return Step::Waiting;
                }
                Current::Idle => {
                    if !self.deliver() {
                        self.start(beside);
                    }
                }
            }
        }
        Step::Moved
    }

    /// Starts the next check, or accepts the client.
    fn check(&mut self, conn: &Arc<Conn>, mut admission: Admission, beside: &mut Vec<BoxFuture<'static, Answer>>) {
        if self.presence == Presence::Gone {
            return;
        }
        if let Some(middleware) = self.handlers.middlewares.get(admission.passed) {
            let request = ConnectRequest {
                conn: conn.clone(),
                namespace: self.namespace.name.clone(),
                auth: admission.auth.clone(),
                data: admission.data.clone(),
            };
            admission.passed += 1;
            let check = guarded(|| middleware(request));
            let check = check.unwrap_or_else(|_| Box::pin(std::future::ready(Err(internal_error()))));
            self.current = Current::Checking(check, admission);
            return;
        }
        let data = std::mem::take(&mut *admission.data.lock().unwrap_or_else(PoisonError::into_inner));
        let socket = {
            // Under both locks, so that no broadcast reaches the client before its CONNECT.
            let mut rooms = self.namespace.rooms();
            let mut inner = conn.lock();
            let Machine::Socket(machine) = &mut inner.machine else { return };
            let Ok(id) = machine.accept(self.key, random(&*conn.shared.runtime)) else {
                self.presence = Presence::Gone;
                return;
            };
            drop(inner);
            let socket = Socket::new(conn.clone(), self.namespace.clone(), self.key, id.clone(), admission.auth, data);
            rooms.insert(id, socket.clone());
            socket
        };
        self.socket = Some(socket.clone());
        self.span.record_id(socket.id());
        trace::step("the socket is connected", socket.id());
        let connect = self.handlers.connect.as_ref().map(|connect| guarded(|| connect(socket)));
        match connect {
            Some(Ok(handler)) => self.current = Current::Running(handler),
            Some(Err(error)) => self.report(error, beside),
            None => {}
        }
    }

    /// Passes the next event to a task that waits in `Socket::next`.
    fn deliver(&mut self) -> bool {
        let Some(socket) = self.socket.clone().filter(Socket::is_awaited) else { return false };
        let Some(Queued { id, name, args, .. }) = self.pop() else { return false };
        let event = Event::new(socket.clone(), name, args, id);
        match socket.deliver(event) {
            Ok(()) => true,
            // The task stopped waiting meanwhile.
            Err(event) => {
                self.push_front(event);
                false
            }
        }
    }

    /// Starts the handler of the next event.
    fn start(&mut self, beside: &mut Vec<BoxFuture<'static, Answer>>) {
        let Some(Queued { id, name, args, .. }) = self.pop() else { return };
        let Some(socket) = self.socket.clone() else { return };
        let version = self.namespace.version();
        if version != self.version {
            self.version = version;
            self.handlers = self.namespace.handlers();
        }
        trace::event(&name);
        let own = socket.with_handlers(|own| Some((own.events.get(&name).cloned(), own.any.clone())));
        let (own, own_any) = own.unwrap_or_default();
        let any = own_any.as_ref().or(self.handlers.any.as_ref());
        let started = match (own.as_ref().or_else(|| self.handlers.events.get(&name)), any) {
            (Some(handler), _) => guarded(|| handler(socket, args, id)),
            (None, Some(handler)) => guarded(|| handler(Event::new(socket, name, args, id))),
            (None, None) => return,
        };
        match started {
            Ok(handler) => self.current = Current::Running(handler),
            Err(error) => self.report(error, beside),
        }
    }

    fn finish(&mut self, answer: Answer, beside: &mut Vec<BoxFuture<'static, Answer>>) {
        match answer {
            Ok(Some(packet)) => {
                // There is no caller to get an error, so the overflow policy applies as for a broadcast.
                self.socket.as_ref().map(|socket| socket.send_broadcast(packet));
            }
            Ok(None) => {}
            Err(error) => self.report(error, beside),
        }
    }

    fn report(&mut self, error: HandlerError, beside: &mut Vec<BoxFuture<'static, Answer>>) {
        beside.extend(self.socket.as_ref().and_then(|socket| socket.report(error)));
    }

    /// Handles the disconnect. Events that the client sent before it left are still handled.
    fn leave(&mut self, reason: DisconnectReason, beside: &mut Vec<BoxFuture<'static, Answer>>) {
        self.depart(reason);
        // Otherwise they were sent before the client left, so they are still handled, however far the queue has advanced.
        if matches!(reason, DisconnectReason::ServerNamespaceDisconnect | DisconnectReason::ServerShuttingDown) {
            self.socket.as_ref().map(Socket::ignore_events);
            self.clear();
        }
        self.end(beside);
    }

    /// Removes the socket from the namespace.
    fn depart(&mut self, reason: DisconnectReason) {
        // A check that still runs has no effect any more.
        let Some(socket) = &self.socket else { return self.presence = Presence::Gone };
        self.presence = Presence::Leaving(reason);
        self.span.within(|| trace::step("the socket is disconnected", reason));
        self.namespace.rooms().remove(socket.id());
        socket.disconnected(reason);
    }

    /// Starts the disconnect handlers, once all events before are delivered.
    fn end(&mut self, beside: &mut Vec<BoxFuture<'static, Answer>>) {
        let Presence::Leaving(reason) = self.presence else { return };
        let Some(socket) = self.socket.clone() else { return };
        if !self.queue.is_empty() || !socket.is_drained() && socket.holds_event() {
            return;
        }
        self.presence = Presence::Gone;
        let own = socket.with_handlers(|own| own.disconnect.clone());
        socket.drain();
        let handlers = self.namespace.handlers();
        for handler in handlers.disconnect.iter().chain(&own) {
            match guarded(|| handler(socket.clone(), reason)) {
                Ok(handler) => beside.push(reported(socket.clone(), handler)),
                Err(error) => beside.extend(socket.report(error)),
            }
        }
    }

    /// Ends the socket without running its disconnect handler.
    fn abandon(&mut self) {
        self.presence = Presence::Gone;
        self.clear();
        self.socket.as_ref().map(Socket::drain);
    }

    fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }
}

fn internal_error() -> Refusal {
    Refusal::new("Internal server error")
}

fn refuse(conn: &Conn, key: SocketKey, refusal: &Refusal) {
    let mut inner = conn.lock();
    if let Machine::Socket(machine) = &mut inner.machine {
        // Fails if the client has left meanwhile, or if its outbox is full, which closes it.
        _ = machine.refuse(key, refusal.as_json());
    }
}
