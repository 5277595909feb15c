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
use crate::emit::{AckFuture, Volatile, WithTimeout};
use crate::endpoint::Answer;
use crate::endpoint::{Awaited, Endpoint, sealed};
use crate::error::EmitError;
use crate::error::HandlerError;
use crate::handler;
use crate::rooms::IntoRooms;
use crate::runtime::BoxFuture;
use crate::server::conn::Conn;
use crate::server::handle::Overflow;
use crate::server::handshake::Handshake;
use crate::server::machine::Machine;
use crate::server::namespace::{Namespace, NamespaceInner};
use crate::trace;
use crate::turn::slot::NextSlot;

/// One client's membership of one namespace. The handle is cheap to clone and can be used from any thread.
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
    /// No more events are delivered: the server disconnected, or the client did and its queue is drained.
    drained: AtomicBool,
    /// Whether `own` holds handlers or a slot for `next`; checked before its lock is taken.
    attended: AtomicBool,
    own: Mutex<Own>,
}

/// The socket's own data and handlers.
#[derive(Default)]
struct Own {
    data: Extensions,
    handlers: Option<Box<Handlers>>,
    slot: Option<Box<NextSlot<Socket>>>,
    reason: Option<DisconnectReason>,
    /// Tasks that wait for room in the outbox.
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

    /// The socket's id, the same as on the client. It is also the name of a room with this socket alone.
    pub fn id(&self) -> &Sid {
        &self.inner.id
    }

    /// The id of the engine session, shared by all sockets of the client.
    pub fn session_id(&self) -> &Sid {
        &self.inner.conn.sid
    }

    /// The name of the namespace.
    pub fn namespace_name(&self) -> &Text {
        &self.inner.namespace.name
    }

    /// The namespace, for example to emit to all its sockets.
    pub fn namespace(&self) -> Namespace {
        Namespace::new(self.inner.namespace.clone())
    }

    /// The first request of the session.
    pub fn handshake(&self) -> &Handshake {
        &self.inner.conn.handshake
    }

    /// The payload of the client's CONNECT packet, a JSON object; `None` if it had none.
    pub fn auth(&self) -> Option<&Json> {
        self.inner.auth.as_ref()
    }

    /// The payload of the client's CONNECT packet as a `T`; `None` if it had none or it can't be parsed.
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

    /// The application's state of type `T`, from [`ServerBuilder::state`](crate::ServerBuilder::state).
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.inner.conn.shared.state.get::<T>()
    }

    /// Stores a value in this socket, one of each type. Returns the former value of that type.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        self.own().data.insert(value)
    }

    /// A clone of the stored value of type `T`.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.own().data.get::<T>().cloned()
    }

    /// Removes the stored value of type `T` and returns it.
    pub fn take<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.own().data.remove::<T>()
    }

    // --- emitting ------------------------------------------------------------------------------------------------------

    /// Emits an event to this client. Never waits: the packet is queued in the client's outbox; see [`pressure`](Self::pressure).
    ///
    /// `args` is a tuple of arguments, `()` for none, or a single argument. Bytes in them are sent as binary attachments.
    ///
    /// # Errors
    /// The event can't be encoded, the socket is disconnected, or the outbox is full.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        let packet = encode::event(self.namespace_name(), None, event, &args)?;
        self.answer(packet)
    }

    /// Emits an event now and returns a future of the client's ack: `T` is a tuple of its arguments, or the type of its only
    /// argument. The future waits at most for the server's [`ack_timeout`](crate::ServerBuilder::ack_timeout), 30 s by default;
    /// [`timeout`](Self::timeout) sets another time.
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

    /// Sets how long the next emit waits for its ack.
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

    /// Makes the next emit volatile: the packet is dropped if it can't be sent at once.
    pub fn volatile(&self) -> Volatile<'_, Self> {
        Volatile { socket: self }
    }

    /// How full the client's outbox is. All sockets of a client share one outbox.
    pub fn pressure(&self) -> Pressure {
        self.inner.conn.lock().machine.engine().pressure()
    }

    /// The number of bytes in the client's outbox, queued or being written.
    pub fn queued_bytes(&self) -> usize {
        self.inner.conn.lock().machine.engine().buffered()
    }

    /// Waits until the pressure of the outbox is [low](Pressure::Low). `false` if the socket is disconnected.
    pub async fn ready(&self) -> bool {
        poll_fn(|cx| {
            let mut own = self.own();
            let inner = self.inner.conn.lock();
            // Asked of the machine, in which the socket is gone as soon as its acks have failed and its outbox is cleared.
            let joined =
                matches!(&inner.machine, Machine::Socket(machine) if machine.namespace(self.inner.key).is_some());
            let pressure = inner.machine.engine().pressure();
            drop(inner);
            if !joined {
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

    /// All other sockets of the namespace.
    pub fn broadcast(&self) -> Broadcast {
        let target = Target::all().except(self.id());
        Broadcast::new(self.inner.namespace.clone(), target)
    }

    /// The other sockets in one or more rooms: `to("a")`, `to(["a", "b"])`.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// The other sockets that are in none of these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    // --- rooms and disconnecting ---------------------------------------------------------------------------------------------

    /// Joins one or more rooms. Has no effect for a room that the socket is already in, or if it is disconnected.
    pub fn join(&self, rooms: impl IntoRooms) {
        let mut hub = self.inner.namespace.rooms();
        rooms.for_each(|room| _ = hub.join(self.id(), room));
    }

    /// Leaves one or more rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let mut hub = self.inner.namespace.rooms();
        rooms.for_each(|room| _ = hub.leave(self.id(), &room));
    }

    /// The rooms that the socket is in, without the room named by its id.
    pub fn rooms(&self) -> Vec<Text> {
        self.inner.namespace.rooms().joined(self.id()).cloned().collect()
    }

    /// Disconnects this socket; the client's reason is `io server disconnect`. Its sockets of other namespaces stay connected.
    /// Events that wait for a handler are dropped.
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

    /// Waits for the next event of this socket, in order. `None` when the socket is disconnected and all events that the client
    /// sent before it left are taken.
    ///
    /// It suits a connect handler that is written as a loop: while that handler runs, events wait for `next` instead of going to
    /// handlers. An event that arrives while no `next` waits and no handler runs goes to the handlers.
    pub async fn next(&self) -> Option<Event> {
        let _leave = LeaveSlot(self);
        poll_fn(|cx| {
            let mut own = self.own();
            let slot = own.slot.get_or_insert_with(Box::default);
            if let Some(event) = slot.take() {
                drop(own);
                if !self.is_connected() {
                    // The disconnect handler is due after the last event is taken.
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

    /// Sets the handler of an event for this socket only; it is called instead of the namespace's. Prefer
    /// [`Namespace::on`](crate::Namespace::on), which is set once for all sockets. Has no effect after the disconnect.
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

    /// Sets the handler of this socket's events that have no handler of their own, neither here nor in the namespace; it is called
    /// instead of the namespace's [`on_event`](crate::Namespace::on_event).
    pub fn on_event<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| handlers.any.replace(Arc::new(move |event| handler::settle(handler(event)))));
        self
    }

    /// Sets the handler of this socket's errors; it is called instead of the namespace's
    /// [`on_error`](crate::Namespace::on_error).
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

    /// Sets the handler of this socket's disconnect, called after the namespace's
    /// [`on_disconnect`](crate::Namespace::on_disconnect).
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

    /// Spawns `work` as a task of its own, so that it does not delay the socket's next event. A panic in it is caught and goes to
    /// `on_error`.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.inner.conn.shared.runtime.spawn(handler::in_background(self.clone(), work));
    }

    /// Changes the socket's own handlers. The replaced one is dropped after the lock is released, because its drop may run user code.
    fn handle<T>(&self, set: impl FnOnce(&mut Handlers) -> T) {
        let mut own = self.own();
        // `drain` has dropped the handlers for good.
        if !self.is_drained() {
            let former = set(own.handlers.get_or_insert_with(Box::default));
            self.inner.attended.store(true, Ordering::Release);
            drop(own);
            drop(former);
        }
    }

    // --- for the rest of the crate -------------------------------------------------------------------------------------

    /// Whether no more events are delivered.
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

    /// Sends a packet of a broadcast. Its caller gets no error for a full outbox, so the server's [`Overflow`] applies.
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

    /// Passes an event to the task that waits in `next`. The event comes back if none does.
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

    /// Takes back an event that was delivered to a `next` that was dropped.
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

    /// Whether an event was delivered to `next` and is not taken yet.
    pub(crate) fn holds_event(&self) -> bool {
        self.is_attended() && self.own().slot.as_ref().is_some_and(|slot| slot.holds_event())
    }

    /// Whether a task waits in `next`.
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

    /// Wakes the tasks that wait for room in the outbox.
    pub(crate) fn wake_ready(&self) {
        self.own().ready.drain(..).for_each(Waker::wake);
    }

    /// Marks the socket as disconnected. Events that arrived before may still wait.
    pub(crate) fn disconnected(&self, reason: DisconnectReason) {
        let mut own = self.own();
        self.inner.connected.store(false, Ordering::Release);
        own.reason = Some(reason);
        let ready = std::mem::take(&mut own.ready);
        drop(own);
        ready.into_iter().for_each(Waker::wake);
    }

    /// Ends the delivery of events. Drops the socket's own handlers, because a handler that holds the socket would leak it.
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

    /// Why the socket was disconnected; `None` while it is connected.
    pub fn disconnect_reason(&self) -> Option<DisconnectReason> {
        self.own().reason
    }
}

/// Marks the slot as no longer waited for when `next` returns or is dropped.
struct LeaveSlot<'a>(&'a Socket);

impl Drop for LeaveSlot<'_> {
    fn drop(&mut self) {
        let mut own = self.0.own();
        let Some(slot) = &mut own.slot else { return };
        if !slot.leave() {
            return;
        }
        // The next `next` or a handler gets the event. After `drain` neither will, and the event would leak the socket it holds.
        let event = match self.0.is_drained() {
            false => {
                slot.give_back();
                None
            }
            true => slot.take(),
        };
        drop(own);
        drop(event);
        // A handler may take the event now, or the disconnect handler has waited for it.
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
