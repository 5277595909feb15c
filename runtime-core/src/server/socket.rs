//! One client's membership of one namespace.

use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use engineio_proto::{Pressure, Sid, Text, TransportKind};
use futures_channel::oneshot;
use http::Extensions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use socketio_proto::server::{self, DisconnectReason, Target};
use socketio_proto::{Encoded, FromArgs, Json, SocketKey, encode};

use super::Event;
use super::broadcast::Broadcast;
use super::handlers::Handlers;
use crate::ack::IntoAck;
use crate::emit::{AckFuture, EmitError, Volatile, WithTimeout};
use crate::endpoint::{Awaited, Endpoint, sealed};
use crate::handler::{self, Answer, HandlerError};
use crate::rooms::IntoRooms;
use crate::runtime::BoxFuture;
use crate::server::conn::Conn;
use crate::server::handle::Overflow;
use crate::server::handshake::Handshake;
use crate::server::machine::Machine;
use crate::server::namespace::{Namespace, NamespaceInner};
use crate::trace;
use crate::turn::slot::NextSlot;

/// One client's membership of one namespace: a cheap handle that may be kept and used from anywhere.
///
/// ```no_run
/// # use socketio_runtime::{Namespace, Socket};
/// # fn example(namespace: Namespace) {
/// namespace.on_connect(async |socket: Socket| {
///     socket.join("lobby");
///     socket.to("lobby").emit("joined", (socket.id(),)).ok();
///     socket.emit("welcome", ("nice to see you", 1)).ok();
/// });
/// # }
/// ```
#[derive(Clone)]
pub struct Socket {
    inner: Arc<Inner>,
}

struct Inner {
    conn: Arc<Conn>,
    namespace: Arc<NamespaceInner>,
    key: SocketKey,
    id: Sid,
    auth: Option<Json>,
    connected: AtomicBool,
    /// Nobody is given an event any more: the server has disconnected the socket, or the client has and all events that it had
    /// sent are given out.
    drained: AtomicBool,
    /// Whether `own` holds handlers, or somebody waits for an event.
    attended: AtomicBool,
    own: Mutex<Own>,
}

/// What only this socket has.
#[derive(Default)]
struct Own {
    data: Extensions,
    handlers: Option<Box<Handlers>>,
    slot: Option<Box<NextSlot<Socket>>>,
    reason: Option<DisconnectReason>,
    /// Who waits for room in the outbox.
    ready: Vec<Waker>,
}

impl Socket {
    pub(crate) fn new(
        conn: Arc<Conn>,
        namespace: Arc<NamespaceInner>,
        key: SocketKey,
        id: Sid,
        auth: Option<Json>,
        data: Extensions,
    ) -> Self {
        let own = Own { data, ..Own::default() };
        let inner = Inner {
            conn,
            namespace,
            key,
            id,
            auth,
            connected: AtomicBool::new(true),
            drained: AtomicBool::new(false),
            attended: AtomicBool::new(false),
            own: Mutex::new(own),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The socket's id, which the client knows, too. It names a room of its own.
    pub fn id(&self) -> &Sid {
        &self.inner.id
    }

    /// The id of the engine session below, shared by all sockets of the client.
    pub fn session_id(&self) -> &Sid {
        &self.inner.conn.sid
    }

    /// The name of the namespace.
    pub fn namespace_name(&self) -> &Text {
        &self.inner.namespace.name
    }

    /// The namespace itself, for what is meant for everybody in it.
    pub fn namespace(&self) -> Namespace {
        Namespace::new(self.inner.namespace.clone())
    }

    /// The first request of the session.
    pub fn handshake(&self) -> &Handshake {
        &self.inner.conn.handshake
    }

    /// The payload of the client's CONNECT packet, an object, if there was one.
    pub fn auth(&self) -> Option<&Json> {
        self.inner.auth.as_ref()
    }

    /// The payload of the client's CONNECT packet as a type; `None` if there was none or it doesn't fit.
    pub fn auth_as<T: DeserializeOwned>(&self) -> Option<T> {
        self.auth().and_then(|auth| auth.parse().ok())
    }

    /// Whether the socket is connected.
    pub fn is_connected(&self) -> bool {
        self.inner.connected.load(Ordering::Acquire)
    }

    /// The transport in use now.
    pub fn transport(&self) -> TransportKind {
        self.inner.conn.lock().machine.engine().transport()
    }

    /// The application's state of type `T`, given to the server's builder.
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.inner.conn.shared.state.get::<T>()
    }

    /// Keeps a value with this socket, one of each type; the former one comes back.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        self.own().data.insert(value)
    }

    /// A copy of the value of type `T` kept with this socket.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.own().data.get::<T>().cloned()
    }

    /// Takes the value of type `T` out.
    pub fn take<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.own().data.remove::<T>()
    }

    // --- emitting ------------------------------------------------------------------------------------------------------

    /// Emits an event to this client. Never waits: the packet is queued. [`pressure`](Self::pressure) tells how full the queue is.
    ///
    /// A tuple is the list of arguments, `()` none, anything else one argument; bytes inside travel as binary.
    ///
    /// # Errors
    /// The event can't be encoded, the socket is disconnected, or the outbox is full.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        let packet = encode::event(self.namespace_name(), None, event, &args)?;
        self.answer(packet)
    }

    /// Emits an event now; the future is the client's ack: its arguments as a tuple, or its one argument as `T`. It waits for the
    /// server's [`ack_timeout`](crate::ServerBuilder::ack_timeout), 30 s by default; [`timeout`](Self::timeout) sets another time.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_runtime::Socket) -> Result<(), socketio_runtime::AckError> {
    /// let sum: i64 = socket.emit_with_ack("sum", (1, 2)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_with_ack<A: Serialize, T: FromArgs>(&self, event: &str, args: A) -> AckFuture<T, Self> {
        AckFuture::emit(self.clone(), event, &args, self.ack_timeout())
    }

    /// Sets how long to wait for the ack of the event that is emitted next.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_runtime::Socket) -> Result<(), socketio_runtime::AckError> {
    /// use std::time::Duration;
    /// let sum: i64 = socket.timeout(Duration::from_secs(1)).emit_with_ack("sum", (1, 2)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(&self, timeout: Duration) -> WithTimeout<'_, Self> {
        WithTimeout { socket: self, timeout }
    }

    /// Emits only what can leave at once.
    pub fn volatile(&self) -> Volatile<'_, Self> {
        Volatile { socket: self }
    }

    /// How full the client's outbox is. All sockets of a client share it.
    pub fn pressure(&self) -> Pressure {
        self.inner.conn.lock().machine.engine().pressure()
    }

    /// How many bytes wait in the client's outbox or are being written.
    pub fn queued_bytes(&self) -> usize {
        self.inner.conn.lock().machine.engine().buffered()
    }

    /// Waits until the outbox is no longer under pressure. `false` if the socket was disconnected.
    pub async fn ready(&self) -> bool {
        poll_fn(|cx| {
            let mut own = self.own();
            let pressure = self.inner.conn.lock().machine.engine().pressure();
            if !self.is_connected() {
                Poll::Ready(false)
            } else if pressure == Pressure::Low {
                Poll::Ready(true)
            } else {
                if !own.ready.iter().any(|waker| waker.will_wake(cx.waker())) {
                    own.ready.push(cx.waker().clone());
                }
                Poll::Pending
            }
        })
        .await
    }

    /// Everybody else in the namespace.
    pub fn broadcast(&self) -> Broadcast {
        let target = Target::all().except(self.id());
        Broadcast::new(self.inner.namespace.clone(), target)
    }

    /// Everybody else in one or more rooms: `to("a")`, `to(["a", "b"])`.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// Everybody else in the namespace who is not in one of these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    // --- rooms and the end ---------------------------------------------------------------------------------------------

    /// Joins one or more rooms. Nothing happens for a room that the socket is in, or if it is disconnected.
    pub fn join(&self, rooms: impl IntoRooms) {
        let mut hub = self.inner.namespace.rooms();
        rooms.for_each(|room| _ = hub.join(self.id(), room));
    }

    /// Leaves one or more rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let mut hub = self.inner.namespace.rooms();
        rooms.for_each(|room| _ = hub.leave(self.id(), &room));
    }

    /// The rooms that the socket is in, without its own.
    pub fn rooms(&self) -> Vec<Text> {
        self.inner.namespace.rooms().joined(self.id()).cloned().collect()
    }

    /// Disconnects this socket: the client sees `io server disconnect` and its other namespaces stay. Events that wait for
    /// a handler are dropped.
    pub fn disconnect(&self) {
        self.ignore_events();
        self.with_machine(|machine| machine.disconnect(self.inner.key));
    }

    /// Disconnects the client from every namespace and closes the connection. Events that wait for a handler are dropped.
    pub fn disconnect_all(&self) {
        self.ignore_events();
        let now = self.inner.conn.now();
        self.with_machine(|machine| machine.disconnect_all(now));
    }

    // --- receiving -----------------------------------------------------------------------------------------------------

    /// Waits for the next event of this socket, in order. `None` once it is disconnected, and all is taken that the client sent
    /// before it left.
    ///
    /// For a connect handler that reads better as a loop: while it runs, events wait for it instead of going to handlers. An
    /// event that arrives while nobody waits here and no handler runs goes to the handlers.
    pub async fn next(&self) -> Option<Event> {
        let _leave = LeaveSlot(self);
        poll_fn(|cx| {
            let mut own = self.own();
            let slot = own.slot.get_or_insert_with(Box::default);
            if let Some(event) = slot.take() {
                drop(own);
                if !self.is_connected() {
                    // The socket's end waits until the last event is taken.
                    self.inner.conn.turns.call();
                }
                return Poll::Ready(Some(event));
            }
            if self.is_drained() && !self.is_connected() {
                return Poll::Ready(None);
            }
            let first = slot.wait(cx.waker());
            drop(own);
            self.inner.attended.store(true, Ordering::Release);
            if first {
                self.inner.conn.notify();
            }
            Poll::Pending
        })
        .await
    }

    /// Sets a handler for an event of this socket alone; it goes before the namespace's. Usually
    /// [`Namespace::on`](crate::Namespace::on) is what you want: it is set once for all sockets.
    pub fn on<A, F, Fut>(&self, event: impl Into<Text>, handler: F) -> &Self
    where
        A: FromArgs + 'static,
        F: Fn(Self, A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        let event = event.into();
        self.handle(|handlers| handlers.events.insert(event.clone(), handler::on_event(event, handler)));
        self
    }

    /// Handles every event of this socket that has no handler of its own, neither here nor in the namespace; it goes before the
    /// namespace's [`on_event`](crate::Namespace::on_event).
    pub fn on_event<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| handlers.any.replace(Arc::new(move |event| handler::settle(handler(event)))));
        self
    }

    /// Called with the errors of this socket alone, in place of the namespace's [`on_error`](crate::Namespace::on_error).
    pub fn on_error<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self, HandlerError) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| {
            handlers.error.replace(Arc::new(move |socket, error| handler::settle(handler(socket, error))))
        });
        self
    }

    /// Sets a handler for the end of this socket alone, called after the namespace's.
    pub fn on_disconnect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self, DisconnectReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| {
            handlers.disconnect.replace(Arc::new(move |socket, reason| handler::settle(handler(socket, reason))))
        });
        self
    }

    /// Runs work in the background that must not hold up the socket's next event. A panic in it harms nobody and goes to the
    /// namespace's `on_error`.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.inner.conn.shared.runtime.spawn(handler::in_background(self.clone(), work));
    }

    /// Changes the socket's own handlers. What `set` replaces is the application's, so it is dropped without the lock.
    fn handle<T>(&self, set: impl FnOnce(&mut Handlers) -> T) {
        let mut own = self.own();
        // The end has dropped the handlers for good.
        if !self.is_drained() {
            let former = set(own.handlers.get_or_insert_with(Box::default));
            self.inner.attended.store(true, Ordering::Release);
            drop(own);
            drop(former);
        }
    }

    // --- for the rest of the crate -------------------------------------------------------------------------------------

    /// Whether nobody is given an event any more.
    pub(crate) fn is_drained(&self) -> bool {
        self.inner.drained.load(Ordering::Acquire)
    }

    pub(crate) fn ignore_events(&self) {
        self.inner.drained.store(true, Ordering::Release);
    }

    pub(crate) fn is_attended(&self) -> bool {
        self.inner.attended.load(Ordering::Acquire)
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.inner.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_machine<T>(&self, act: impl FnOnce(&mut server::Connection) -> T) -> Option<T> {
        let mut inner = self.inner.conn.lock();
        let Machine::Socket(machine) = &mut inner.machine else { return None };
        let result = act(machine);
        drop(inner);
        self.inner.conn.notify();
        Some(result)
    }

    pub(crate) fn send(&self, packet: impl Into<Encoded>) -> Result<Pressure, socketio_proto::EmitError> {
        let sent = self.with_machine(|machine| machine.emit(self.inner.key, packet));
        sent.unwrap_or(Err(socketio_proto::EmitError::Disconnected))
    }

    /// Sends a packet of a broadcast. Nobody is there to hear that the outbox is full, so the server's policy acts.
    pub(crate) fn send_broadcast(&self, packet: impl Into<Encoded>) -> bool {
        match self.send(packet) {
            Ok(_) => true,
            Err(socketio_proto::EmitError::Full | socketio_proto::EmitError::TooLarge) => {
                let shared = &self.inner.conn.shared;
                shared.overflows.fetch_add(1, Ordering::Relaxed);
                trace::overflow(self.namespace_name());
                if shared.overflow == Overflow::Disconnect {
                    let now = self.inner.conn.now();
                    self.with_machine(|machine| machine.discard(now));
                }
                false
            }
            Err(_) => false,
        }
    }

    /// Hands an event to who waits in `next`, if somebody does.
    pub(crate) fn deliver(&self, event: Event) -> Result<(), Event> {
        let mut own = self.own();
        match own.slot.as_mut() {
            Some(slot) => {
                let waker = slot.deliver(event)?;
                drop(own);
                waker.wake();
                Ok(())
            }
            None => Err(event),
        }
    }

    /// An event that was delivered and then not taken.
    pub(crate) fn take_back(&self) -> Option<Event> {
        if !self.is_attended() {
            return None;
        }
        self.own().slot.as_mut()?.take_back()
    }

    /// Whether there is an event for `take_back`.
    pub(crate) fn has_returned(&self) -> bool {
        self.is_attended() && self.own().slot.as_ref().is_some_and(|slot| slot.has_returned())
    }

    /// Whether there is an event that was delivered and is not taken yet.
    pub(crate) fn holds_event(&self) -> bool {
        self.is_attended() && self.own().slot.as_ref().is_some_and(|slot| slot.holds_event())
    }

    /// Whether somebody waits in `next`.
    pub(crate) fn is_awaited(&self) -> bool {
        self.is_attended() && self.own().slot.as_ref().is_some_and(|slot| slot.is_awaited())
    }

    /// Reads the socket's own handlers.
    pub(crate) fn with_handlers<T>(&self, read: impl FnOnce(&Handlers) -> Option<T>) -> Option<T> {
        if !self.is_attended() {
            return None;
        }
        self.own().handlers.as_deref().and_then(read)
    }

    /// Wakes who waits for room in the outbox.
    pub(crate) fn wake_ready(&self) {
        self.own().ready.drain(..).for_each(Waker::wake);
    }

    /// The machine has let go of the socket; events of before may still wait.
    pub(crate) fn disconnected(&self, reason: DisconnectReason) {
        let mut own = self.own();
        self.inner.connected.store(false, Ordering::Release);
        own.reason = Some(reason);
        let ready = std::mem::take(&mut own.ready);
        drop(own);
        ready.into_iter().for_each(Waker::wake);
    }

    /// No event follows. The socket's own handlers are dropped, so that one which holds the socket leaks nothing.
    pub(crate) fn drain(&self) {
        let mut own = self.own();
        self.inner.drained.store(true, Ordering::Release);
        let handlers = own.handlers.take();
        let waiting = own.slot.as_mut().and_then(|slot| slot.dismiss());
        let event = own.slot.as_mut().and_then(|slot| slot.take_back());
        drop(own);
        drop((handlers, event));
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Why the socket was disconnected, once it was.
    pub fn disconnect_reason(&self) -> Option<DisconnectReason> {
        self.own().reason
    }
}

/// Nobody waits in the slot any more.
struct LeaveSlot<'a>(&'a Socket);

impl Drop for LeaveSlot<'_> {
    fn drop(&mut self) {
        let mut own = self.0.own();
        let Some(slot) = &mut own.slot else { return };
        if !slot.leave() {
            return;
        }
        // It goes to whoever is next. Nobody is once the socket is deaf, and the event holds the socket.
        let event = match self.0.is_drained() {
            false => {
                slot.give_back();
                None
            }
            true => slot.take(),
        };
        drop(own);
        drop(event);
        // Somebody is to take it, or the end has waited for it.
        self.0.inner.conn.turns.call();
    }
}

impl sealed::Sealed for Socket {}

impl Endpoint for Socket {
    type Ticket = u64;

    fn namespace(&self) -> &Text {
        self.namespace_name()
    }

    fn report(&self, error: HandlerError) -> Option<BoxFuture<'static, Answer>> {
        let own = self.with_handlers(|handlers| handlers.error.clone());
        handler::report(self, own.or_else(|| self.inner.namespace.handlers().error.clone()).as_ref(), error)
    }

    fn answer(&self, packet: Encoded) -> Result<(), EmitError> {
        self.send(packet).map(|_| ()).map_err(EmitError::from)
    }

    fn send_volatile(&self, packet: &Encoded) -> bool {
        self.with_machine(|machine| machine.emit_volatile(self.inner.key, packet)).unwrap_or(false)
    }

    fn next_ack_id(&self) -> Option<u64> {
        Some(self.inner.namespace.next_ack_id())
    }

    fn ack_timeout(&self) -> Option<Duration> {
        Some(self.inner.conn.shared.ack_timeout)
    }

    fn send_with_ack(
        &self,
        packet: Encoded,
        id: Option<u64>,
        timeout: Option<Duration>,
    ) -> Result<Awaited<Self>, EmitError> {
        let id = id.unwrap_or_else(|| self.inner.namespace.next_ack_id());
        let deadline = timeout.and_then(|timeout| self.inner.conn.now().checked_add(timeout));
        let mut inner = self.inner.conn.lock();
        let Machine::Socket(machine) = &mut inner.machine else { return Err(EmitError::Disconnected) };
        machine.emit_with_ack(self.inner.key, packet, id, deadline)?;
        let (sender, receiver) = oneshot::channel();
        inner.acks.insert((self.inner.key, id), sender);
        drop(inner);
        self.inner.conn.notify();
        Ok((id, receiver))
    }

    fn forget_ack(&self, id: u64) {
        let mut inner = self.inner.conn.lock();
        inner.acks.remove(&(self.inner.key, id));
        if let Machine::Socket(machine) = &mut inner.machine {
            machine.forget_ack(self.inner.key, id);
        }
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Socket {}

impl Hash for Socket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.inner).hash(state);
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", self.id())
            .field("namespace", self.namespace_name())
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
