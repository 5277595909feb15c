//! The handler queue of one socket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use engineio_proto::Text;
use socketio_proto::client::DisconnectReason;
use socketio_proto::{Args, SocketKey};

use crate::client::error::ConnectError;
use crate::client::member::{Handlers, Member};
use crate::client::shared::{Shared, WeakClient};
use crate::client::socket::ClientSocket;
use crate::endpoint::Answer;
use crate::endpoint::Endpoint;
use crate::error::HandlerError;
use crate::event::Event;
use crate::handler::{guarded, poll_guarded, reported};
use crate::runtime::BoxFuture;
use crate::trace::{self, Span};

/// Handlers started in one turn for one socket, before the task yields to other tasks.
const BUDGET: usize = 128;

/// Failed attempts queued for the connect error handler; further ones are dropped.
const FAILURES: usize = 16;

/// Whether a pass over the handlers changed anything that makes another pass worthwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Moved,
    Waiting,
}

/// Handlers that run outside the queue's order.
pub(super) type Beside = Vec<BoxFuture<'static, Answer>>;

/// One socket: its queue of events, and the running handler.
pub(super) struct Lane {
    pub(super) key: SocketKey,
    pub(super) member: Arc<Member>,
    /// A copy of the socket's handlers, as of `version`.
    handlers: Arc<Handlers>,
    version: u64,
    span: Span,
    /// The socket's id while it is connected.
    id: Option<Text>,
    current: Option<Running>,
    queue: VecDeque<Entry>,
    events: usize,
    bytes: usize,
}

struct Running {
    handler: BoxFuture<'static, Answer>,
    /// The socket that sends the ack.
    socket: ClientSocket,
}

/// A queued event, connect, disconnect or failed attempt.
enum Entry {
    Event(Queued),
    Connected,
    Disconnected(DisconnectReason),
    Failed(ConnectError),
}

struct Queued {
    /// The socket's id when the event arrived.
    socket: Option<Text>,
    id: Option<u64>,
    name: Text,
    args: Args,
    bytes: usize,
}

impl Queued {
    fn new(socket: Option<Text>, name: Text, args: Args, id: Option<u64>) -> Self {
        // Includes the size of the queue entry, so that the number of small events is bounded, too.
        let bytes = name.len() + args.byte_len() + size_of::<Entry>();
        Self { socket, id, name, args, bytes }
    }
}

impl Lane {
    pub(super) fn new(member: Arc<Member>) -> Self {
        Self {
            key: member.key,
            version: member.version(),
            handlers: member.handlers(),
            span: Span::socket(&member.namespace),
            member,
            id: None,
            current: None,
            queue: VecDeque::new(),
            events: 0,
            bytes: 0,
        }
    }

    // --- events of the machine -----------------------------------------------------------------------------------------

    pub(super) fn connected(&mut self, id: Text) {
        self.span.record_id(&id);
        self.span.within(|| trace::step("the socket is connected", &id));
        self.id = Some(id);
        // A connection opened for another socket connects this one, too, so its slot may be closed.
        self.member.open();
        self.queue.push_back(Entry::Connected);
    }

    pub(super) fn disconnected(&mut self, reason: DisconnectReason) {
        self.id = None;
        self.span.within(|| trace::step("the socket is disconnected", reason));
        self.queue.push_back(Entry::Disconnected(reason));
    }

    pub(super) fn failed(&mut self, error: ConnectError) {
        let waiting = self.queue.iter().filter(|entry| matches!(entry, Entry::Failed(_)));
        if waiting.count() < FAILURES {
            self.queue.push_back(Entry::Failed(error));
        }
    }

    pub(super) fn received(&mut self, id: Option<u64>, event: socketio_proto::Event) {
        let socketio_proto::Event { name, args } = event;
        let queued = Queued::new(self.id.clone(), name.into(), args, id);
        self.events += 1;
        self.bytes += queued.bytes;
        self.queue.push_back(Entry::Event(queued));
    }

    pub(super) fn report(&self, error: HandlerError, alive: &WeakClient, beside: &mut Beside) {
        beside.extend(self.socket(alive, None).and_then(|socket| socket.report(error)));
    }

    // --- state, for the task -------------------------------------------------------------------------------------------

    /// Events queued for a handler or for `next`, and their bytes.
    pub(super) fn inbox(&self) -> (usize, usize) {
        if self.keeps() { (0, 0) } else { (self.queue.len(), self.bytes) }
    }

    /// Whether no handler is running, nothing is queued, and `next` needs no attention.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_idle() && self.queue.is_empty() && !self.member.has_returned() && !self.member.needs_recheck()
    }

    /// Whether no handler is running.
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none()
    }

    /// Whether, since the handlers ran, `next` has begun to wait for a queued event, or was dropped without taking one.
    pub(super) fn is_called(&self) -> bool {
        self.events > 0 && self.member.is_awaited() || self.member.has_returned()
    }

    /// Whether events are kept although there are no handlers and `next` was never called, as either may follow.
    fn keeps(&self) -> bool {
        self.current.is_none() && self.handlers.take_no_events() && !self.member.pulls()
    }

    fn socket(&self, alive: &WeakClient, id: Option<Text>) -> Option<ClientSocket> {
        Some(ClientSocket::new(self.member.clone(), alive.upgrade()?, id))
    }

    // --- running -------------------------------------------------------------------------------------------------------

    /// Polls the running handler and starts those that can start.
    pub(super) fn run(
        &mut self,
        shared: &Shared,
        alive: &WeakClient,
        limit: (usize, usize),
        beside: &mut Beside,
        cx: &mut Context<'_>,
    ) -> Step {
        self.span.clone().within(|| self.run_all(shared, alive, limit, beside, cx))
    }

    fn run_all(
        &mut self,
        shared: &Shared,
        alive: &WeakClient,
        limit: (usize, usize),
        beside: &mut Beside,
        cx: &mut Context<'_>,
    ) -> Step {
        for _ in 0..BUDGET {
            if let Some(event) = self.member.take_back() {
                self.push_front(event);
            }
            if let Some(running) = &mut self.current {
                match poll_guarded(&mut running.handler, cx) {
                    Poll::Ready(answer) => self.finish(answer, beside),
                    // The handler may be waiting in `next` itself.
                    Poll::Pending if !self.pass(shared, alive, beside) => return Step::Waiting,
                    Poll::Pending => {}
                }
                continue;
            }
            let moved = match self.queue.front() {
                None => {
                    self.recheck(shared);
                    return Step::Waiting;
                }
                Some(Entry::Event(_)) => {
                    self.deliver(alive)
                        || self.start(alive, limit, beside)
                        // Events queued for `next` don't delay connect and disconnect handlers.
                        || self.queue.len() > self.events && self.turn_point(shared, alive, beside)
                }
                Some(_) => self.turn_point(shared, alive, beside),
            };
            if !moved {
                return Step::Waiting;
            }
        }
        Step::Moved
    }

    /// Serves a waiting `next` while a handler is running; the handler itself may be the caller.
    fn pass(&mut self, shared: &Shared, alive: &WeakClient, beside: &mut Beside) -> bool {
        if !self.member.is_awaited() {
            return false;
        }
        match self.queue.front() {
            None => {
                self.recheck(shared);
                false
            }
            Some(Entry::Event(_)) => self.deliver(alive),
            // The handler runs outside the queue's order, as it would delay the events that `next` waits for.
            Some(_) => {
                if let Some(Running { handler, socket }) = self.take_turn_point(shared, alive, beside) {
                    beside.push(reported(socket, handler));
                }
                true
            }
        }
    }

    /// Ends a waiting `next` if no more events can arrive.
    fn recheck(&self, shared: &Shared) {
        if self.member.take_recheck() {
            let inner = shared.lock();
            if inner.machine.has_events() {
                self.member.recheck();
            } else if !inner.machine.is_active(self.key) {
                // Under the lock, so that a concurrent `connect` opens the slot after this.
                self.member.close();
            }
        }
    }

    fn turn_point(&mut self, shared: &Shared, alive: &WeakClient, beside: &mut Beside) -> bool {
        self.current = self.take_turn_point(shared, alive, beside);
        true
    }

    /// Takes the first connect, disconnect or failure from the queue, and starts its handler.
    fn take_turn_point(&mut self, shared: &Shared, alive: &WeakClient, beside: &mut Beside) -> Option<Running> {
        let index = self.queue.iter().position(|entry| !matches!(entry, Entry::Event(_)))?;
        let entry = self.queue.remove(index)?;
        self.refresh();
        let handlers = self.handlers.clone();
        let socket = self.socket(alive, None)?;
        let asked = socket.clone();
        let handler = match entry {
            Entry::Event(_) => None,
            Entry::Connected => handlers.connect.as_ref().map(|handler| guarded(|| handler(asked))),
            Entry::Disconnected(reason) => {
                self.member.recheck();
                handlers.disconnect.as_ref().map(|handler| guarded(|| handler(asked, reason)))
            }
            Entry::Failed(error) => {
                self.member.recheck();
                handlers.connect_error.as_ref().map(|handler| guarded(|| handler(asked, error)))
            }
        };
        if self.queue.is_empty() {
            self.recheck(shared);
        }
        match handler? {
            Ok(handler) => Some(Running { handler, socket }),
            Err(error) => {
                beside.extend(socket.report(error));
                None
            }
        }
    }

    /// Delivers the next event to a waiting `next`.
    fn deliver(&mut self, alive: &WeakClient) -> bool {
        if !self.member.is_awaited() {
            return false;
        }
        let Some(queued) = self.pop_event() else { return false };
        let Some(socket) = self.socket(alive, queued.socket) else { return true };
        match self.member.deliver(Event::new(socket, queued.name, queued.args, queued.id)) {
            None => true,
            // The call of `next` was dropped.
            Some(event) => {
                self.push_front(event);
                false
            }
        }
    }

    /// Starts the handler of the next event. `false` if the event stays for `next`.
    fn start(&mut self, alive: &WeakClient, limit: (usize, usize), beside: &mut Beside) -> bool {
        self.refresh();
        if self.handlers.take_no_events() && alive.strong_count() > 0 {
            // Keep the newest events, as `next` may be called later. Reading must not pause for a client that never calls it.
            while !self.member.pulls() && (self.events > limit.0 || self.bytes > limit.1) {
                if self.pop_event().is_none() {
                    break;
                }
            }
            return !matches!(self.queue.front(), Some(Entry::Event(_)));
        }
        let Some(Queued { socket, id, name, args, .. }) = self.pop_event() else { return false };
        let handlers = self.handlers.clone();
        let (handler, any) = (handlers.events.get(&name), &handlers.any);
        if handler.is_none() && any.is_none() {
            return true;
        }
        let Some(socket) = self.socket(alive, socket) else { return true };
        trace::event(&name);
        let asked = socket.clone();
        let started = match (handler, any) {
            (Some(handler), _) => guarded(|| handler(asked, args, id)),
            (None, Some(handler)) => guarded(|| handler(Event::new(asked, name, args, id))),
            (None, None) => return true,
        };
        match started {
            Ok(handler) => self.current = Some(Running { handler, socket }),
            Err(error) => beside.extend(socket.report(error)),
        }
        true
    }

    fn finish(&mut self, answer: Answer, beside: &mut Beside) {
        let Some(Running { socket, .. }) = self.current.take() else { return };
        let error = match answer {
            Ok(None) => return,
            // Fails if the socket is disconnected or its buffer is full: the ack is dropped.
            Ok(Some(packet)) => {
                _ = socket.answer(packet);
                return;
            }
            Err(error) => error,
        };
        beside.extend(socket.report(error));
    }

    fn refresh(&mut self) {
        let version = self.member.version();
        if version != self.version {
            self.version = version;
            self.handlers = self.member.handlers();
        }
    }

    // --- the queue -----------------------------------------------------------------------------------------------------

    fn pop(&mut self) -> Option<Entry> {
        let entry = self.queue.pop_front()?;
        if let Entry::Event(queued) = &entry {
            self.events -= 1;
            self.bytes -= queued.bytes;
        }
        Some(entry)
    }

    fn pop_event(&mut self) -> Option<Queued> {
        match self.pop()? {
            Entry::Event(queued) => Some(queued),
            entry => {
                self.queue.push_front(entry);
                None
            }
        }
    }

    /// Puts back an event that was not taken.
    fn push_front(&mut self, event: Event<ClientSocket>) {
        let socket = event.socket().event_id().cloned();
        let (name, args, id) = event.into_parts();
        let queued = Queued::new(socket, name, args, id);
        self.events += 1;
        self.bytes += queued.bytes;
        self.queue.push_front(Entry::Event(queued));
    }
}
