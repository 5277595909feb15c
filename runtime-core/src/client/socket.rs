//! A client's socket: its handle for one namespace.

use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use engineio_proto::{Pressure, Sid, Text};
use futures_channel::oneshot;
use serde::Serialize;
use socketio_proto::client::{DisconnectReason, RetryId};
use socketio_proto::{Encoded, FromArgs, encode};

use super::auth::{Auth, AuthError, AuthRequest, IntoAuth};
use super::error::ConnectError;
use super::member::Member;
use super::shared::{Alive, Stage};
use crate::ack::IntoAck;
use crate::emit::{AckFuture, Volatile, WithTimeout};
use crate::endpoint::Answer;
use crate::endpoint::{Awaited, Endpoint, sealed};
use crate::error::EmitError;
use crate::error::HandlerError;
use crate::event::Event;
use crate::handler;
use crate::runtime::BoxFuture;

/// A client's membership of one namespace, which it can leave and join again. A handle that is cheap to clone and can be used from
/// any thread. Created by [`Client::socket`](super::Client::socket).
///
/// The handlers of a socket (for events, connects and disconnects) run in order, one at a time. They stay registered when the
/// socket disconnects.
///
/// A handler is a closure that returns a future. An `async` closure works as long as it captures nothing by value. To use a clone
/// of a value, put an `async` block inside: `move |socket, args| { let db = db.clone(); async move { .. } }`.
///
/// ```no_run
/// # use std::time::Duration;
/// # use socketio_runtime::Client;
/// # async fn example(client: Client) -> Result<(), Box<dyn std::error::Error>> {
/// let chat = client.socket("/chat");
/// chat.on("said", async |_, (who, text): (String, String)| println!("{who}: {text}"));
/// chat.on("sum", async |_, (a, b): (i64, i64)| a + b); // the value answers the server's ack
/// chat.connect().await?;
/// chat.emit("say", ("hello",))?;
/// let members: Vec<String> = chat.timeout(Duration::from_secs(1)).emit_with_ack("members", ()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientSocket {
    member: Arc<Member>,
    alive: Arc<Alive>,
    /// Socket id when the event arrived that this handle was created for; an ack is dropped if the id has changed since.
    id: Option<Text>,
}

impl ClientSocket {
    pub(super) fn new(member: Arc<Member>, alive: Arc<Alive>, id: Option<Text>) -> Self {
        Self { member, alive, id }
    }

    /// The socket's id when the event arrived that this handle was created for.
    pub(super) fn event_id(&self) -> Option<&Text> {
        self.id.as_ref()
    }

    /// The name of the namespace.
    pub fn namespace_name(&self) -> &Text {
        &self.member.namespace
    }

    /// The client that the socket belongs to.
    pub fn client(&self) -> super::Client {
        super::Client::of(self.alive.clone())
    }

    /// The socket's id, assigned by the server; it changes with each reconnection. `None` while the socket is not connected.
    pub fn id(&self) -> Option<Sid> {
        self.alive.shared.lock().machine.id(self.member.key).map(Sid::new)
    }

    /// Whether the socket is connected.
    pub fn is_connected(&self) -> bool {
        self.alive.shared.lock().machine.is_connected(self.member.key)
    }

    /// Whether the socket is connected, connecting or reconnecting. `false` after a disconnect by either side, after a refusal,
    /// after a reconnection has run out of attempts, and, without reconnection, after the connection is lost.
    pub fn is_active(&self) -> bool {
        self.alive.shared.lock().machine.is_active(self.member.key)
    }

    // --- connecting ----------------------------------------------------------------------------------------------------

    /// Sets the credentials of this socket, which replace the client's. Takes effect with the next CONNECT. The value must
    /// serialize to an object, or to null for no credentials.
    ///
    /// # Errors
    /// The value serializes to anything else, or can't be encoded.
    pub fn auth<T: Serialize>(&self, value: T) -> Result<&Self, AuthError> {
        self.member.set_auth(Auth::value(&value)?);
        Ok(self)
    }

    /// Sets a closure that provides the credentials of this socket, in place of the client's. It is called each time the socket
    /// joins its namespace. If it returns an error, or a value that is not an object, connecting fails with [`ConnectError::Auth`].
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use socketio_runtime::ClientSocket;
    /// # use socketio_runtime::client::AuthRequest;
    /// # struct Store;
    /// # impl Store { async fn token(&self) -> Result<String, std::io::Error> { Ok(String::new()) } }
    /// # fn example(socket: ClientSocket, store: Arc<Store>) {
    /// socket.auth_with(move |_request: AuthRequest| {
    ///     let store = store.clone();
    ///     async move { store.token().await.map(|token| serde_json::json!({ "token": token })) }
    /// });
    /// # }
    /// ```
    pub fn auth_with<F, Fut>(&self, ask: F) -> &Self
    where
        F: Fn(AuthRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAuth> + Send + 'static,
    {
        self.member.set_auth(Auth::ask(ask));
        self
    }

    /// Starts to connect, whether or not the returned future is awaited. Must be called from within the runtime. Does nothing if
    /// the socket is connected or connecting.
    ///
    /// The future resolves when the server has accepted the socket (before its `on_connect` has run), when it has refused it, when
    /// [`disconnect`](Self::disconnect) is called, or when no further attempt will be made: after the first failure without
    /// reconnection, after the last one with it. With an unlimited number of attempts (the default) it may never resolve.
    ///
    /// # Errors
    /// [`ConnectError`] says why the socket did not connect.
    pub fn connect(&self) -> Connecting {
        self.alive.start();
        let (sender, receiver) = oneshot::channel();
        let shared = &self.alive.shared;
        let mut inner = shared.lock();
        // Checked under the lock: the runtime may shut down at any time and drop the task.
        if inner.stage == Stage::Ended {
            return Connecting { answer: Err(Some(ConnectError::Ended)) };
        }
        inner.connecting.retain(|(_, waiting)| !waiting.is_canceled());
        if inner.machine.is_connected(self.member.key) {
            _ = sender.send(Ok(()));
        } else {
            inner.machine.connect(self.member.key, shared.now());
            inner.connecting.push((self.member.key, sender));
            self.member.open();
        }
        drop(inner);
        shared.turns.notify();
        Connecting { answer: Ok(receiver) }
    }

    /// Leaves the namespace and stops reconnecting this socket. The connection closes when the last socket has left. The server
    /// sees the reason `client namespace disconnect`, after everything that was emitted before. Pending acks fail with
    /// [`Disconnected`](crate::AckError::Disconnected).
    ///
    /// Events buffered while there was no connection stay buffered and are sent when the socket connects again. The exception are
    /// events that wait for an ack without a timeout: they are discarded, and their acks fail with `Disconnected`.
    pub fn disconnect(&self) {
        let shared = &self.alive.shared;
        let mut inner = shared.lock();
        inner.machine.disconnect(self.member.key, shared.now());
        inner.release_waiting();
        let waiting = inner.take_connecting(self.member.key);
        drop(inner);
        waiting.into_iter().for_each(|waiting| _ = waiting.send(Err(ConnectError::Disconnected)));
        self.member.recheck();
        shared.turns.call();
    }

    /// Disconnects every socket of the client and closes the connection once the queued packets have been written. Does not wait
    /// for that; [`Client::close`](super::Client::close) does.
    pub fn disconnect_all(&self) {
        for member in self.alive.members() {
            Self::new(member, self.alive.clone(), None).disconnect();
        }
    }

    // --- emitting ------------------------------------------------------------------------------------------------------

    /// Emits an event. Never waits: the packet is queued for the connection, or buffered until there is one.
    /// [`pressure`](Self::pressure) says how full the buffers are. With [`retries`](super::ClientBuilder::retries) the event is
    /// sent again until the server acknowledges it.
    ///
    /// A tuple is the list of arguments, `()` is an empty list, any other value is one argument. [`Bytes`](crate::Bytes) in them
    /// are sent as binary attachments.
    ///
    /// # Errors
    /// The event can't be encoded, the buffer is full, or the client has ended.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        let packet = encode::event(&self.member.namespace, None, event, &args)?;
        let key = self.member.key;
        let reliable = self.alive.shared.options.retries();
        self.alive.shared.send(|inner, now| match reliable {
            true => inner.machine.emit_reliable(key, packet, now).map(|_| ()),
            false => inner.machine.emit(key, packet, now).map(|_| ()),
        })
    }

    /// Emits an event immediately and returns a future for the server's ack: its arguments as a tuple, or its only argument as `T`.
    /// The future waits for the client's [`ack_timeout`](super::ClientBuilder::ack_timeout), by default without a limit.
    /// [`timeout`](Self::timeout) sets another time.
    ///
    /// If the event was sent and the socket disconnects, the ack fails with [`Disconnected`](crate::AckError::Disconnected).
    ///
    /// Without a timeout it also fails that way when the socket will not connect again by itself: it was disconnected by either
    /// side, was refused, has run out of reconnection attempts, or the client was [closed](super::Client::close). A buffered event
    /// is then discarded, unless the client has [`retries`](super::ClientBuilder::retries), and an event emitted after that fails
    /// at once with [`EmitError::Disconnected`], until [`connect`](Self::connect) is called. A socket on which `connect` was never
    /// called buffers the event and waits.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_runtime::ClientSocket) -> Result<(), socketio_runtime::AckError> {
    /// let sum: i64 = socket.emit_with_ack("sum", (1, 2)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_with_ack<A: Serialize, T: FromArgs>(&self, event: &str, args: A) -> AckFuture<T, Self> {
        AckFuture::emit(self.clone(), event, &args, self.ack_timeout())
    }

    /// Sets how long to wait for the ack of an event emitted through the returned value.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_runtime::ClientSocket) -> Result<(), socketio_runtime::AckError> {
    /// use std::time::Duration;
    /// let sum: i64 = socket.timeout(Duration::from_secs(1)).emit_with_ack("sum", (1, 2)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(&self, timeout: Duration) -> WithTimeout<'_, Self> {
        WithTimeout { socket: self, timeout }
    }

    /// Emits through the returned value are dropped unless they can be sent immediately; without a connection all are dropped.
    pub fn volatile(&self) -> Volatile<'_, Self> {
        Volatile { socket: self }
    }

    /// How full the client's send buffers are. All sockets of a client share them.
    pub fn pressure(&self) -> Pressure {
        self.alive.shared.lock().machine.pressure()
    }

    /// Bytes queued in the client's send buffers, including those being written and those buffered until there is a connection.
    pub fn queued_bytes(&self) -> usize {
        let inner = self.alive.shared.lock();
        let engine = inner.machine.engine().map_or(0, |engine| engine.buffered());
        inner.machine.buffered() + engine
    }

    /// Waits until the send buffers are no longer under pressure, whether or not the socket is connected. Returns `false` if the
    /// client has ended, or if the buffers are under pressure and this socket is no longer [active](Self::is_active), so that they
    /// would never drain.
    pub async fn ready(&self) -> bool {
        loop {
            let relief = {
                let mut inner = self.alive.shared.lock();
                if inner.stage == Stage::Ended {
                    return false;
                }
                if inner.machine.pressure() == Pressure::Low {
                    return true;
                }
                if inner.machine.is_over(self.member.key) {
                    return false;
                }
                let (sender, receiver) = oneshot::channel();
                inner.ready.retain(|waiting| !waiting.is_canceled());
                inner.ready.push(sender);
                receiver
            };
            // The sender is always dropped unused: there may be room, or the client has ended. The loop checks which.
            _ = relief.await;
        }
    }

    // --- receiving -----------------------------------------------------------------------------------------------------

    /// Waits for the next event, in order: a loop as an alternative to handlers. Only one task may wait at a time. Waiting
    /// continues over reconnections. Returns `None` when no more events can arrive: the socket was disconnected by either side, was
    /// refused, has run out of reconnection attempts, or [`connect`](Self::connect) was never called.
    ///
    /// A socket without event handlers queues events for `next`: up to 64 events or 256 KiB. Beyond that the oldest are dropped if
    /// `next` was never called; otherwise reading from the server pauses until it is called again. A socket with event handlers
    /// delivers an event to `next` only if a call is waiting at that moment.
    pub async fn next(&self) -> Option<Event<Self>> {
        let _leave = Leave(self);
        poll_fn(|cx| {
            let (event, first) = self.member.poll_next(cx);
            if first {
                self.alive.shared.turns.notify();
            }
            event
        })
        .await
    }

    /// Sets the handler of an event, in place of the previous one. The arguments are a tuple of types, one type, or `()`; surplus
    /// arguments are ignored, and a missing one is `None` if its type is an `Option`. The handler's return value is sent as the
    /// ack, if the server asked for one; an error goes to [`on_error`](Self::on_error).
    ///
    /// Names reserved by the protocol (`connect`, `connect_error`, `disconnect`, ..) are never received as events, so a handler for
    /// one is never called: use [`on_connect`](Self::on_connect), [`on_connect_error`](Self::on_connect_error) and
    /// [`on_disconnect`](Self::on_disconnect).
    ///
    /// ```no_run
    /// # use socketio_runtime::ClientSocket;
    /// # use std::sync::{Arc, Mutex};
    /// # fn example(socket: ClientSocket, prices: Arc<Mutex<Vec<u64>>>) {
    /// socket.on("sum", async |_, (a, b): (i64, i64)| a + b);
    /// socket.on("price", move |_, (price,): (u64,)| {
    ///     let prices = prices.clone(); // one for each call
    ///     async move { prices.lock().unwrap().push(price) }
    /// });
    /// # }
    /// ```
    pub fn on<A, F, Fut>(&self, event: impl Into<Text>, handler: F) -> &Self
    where
        A: FromArgs + 'static,
        F: Fn(Self, A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        let event = event.into();
        self.handle(|handlers| handlers.events.insert(event.clone(), handler::on_event(event, handler)))
    }

    /// Sets the handler of all events without a handler of their own. It receives the event's name and undecoded arguments, and can
    /// acknowledge it at any time, or not at all.
    ///
    /// ```no_run
    /// # use socketio_runtime::ClientSocket;
    /// # use socketio_runtime::client::Event;
    /// # fn example(socket: ClientSocket) {
    /// socket.on_event(async |mut event: Event| {
    ///     if let Some(ack) = event.ack() {
    ///         ack.send(event.raw_args()).ok(); // an echo, attachments included
    ///     }
    /// });
    /// # }
    /// ```
    pub fn on_event<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Event<Self>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| handlers.any.replace(Arc::new(move |event| handler::settle(handler(event)))))
    }

    /// Sets the handler called each time the socket has connected, including after a reconnection. Buffered events have been sent
    /// by then. Received events wait until the handler has returned or receives them with [`next`](Self::next).
    pub fn on_connect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| handlers.connect.replace(Arc::new(move |socket| handler::settle(handler(socket)))))
    }

    /// Sets the handler called each time the socket has disconnected: once per connect, after the handlers of all earlier events.
    pub fn on_disconnect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self, DisconnectReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| {
            handlers.disconnect.replace(Arc::new(move |socket, reason| handler::settle(handler(socket, reason))))
        })
    }

    /// Sets the handler called each time an attempt to connect has failed or the server has refused the socket.
    pub fn on_connect_error<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self, ConnectError) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| {
            handlers.connect_error.replace(Arc::new(move |socket, error| handler::settle(handler(socket, error))))
        })
    }

    /// Sets the handler of errors: of handlers that failed or panicked, of [spawned work](Self::spawn) that panicked, and of
    /// packets that can't be decoded. If it is not set, errors are logged with `tracing` (feature `tracing`, on by default in the
    /// adapters).
    pub fn on_error<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self, HandlerError) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| {
            handlers.error.replace(Arc::new(move |socket, error| handler::settle(handler(socket, error))))
        })
    }

    /// Runs a future in the background, so that it does not delay the socket's next event. A panic in it is caught and goes to
    /// [`on_error`](Self::on_error). Must be called from within the runtime. The client stays alive until the future ends.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.alive.shared.runtime.spawn(handler::in_background(self.clone(), work));
    }

    fn handle<T>(&self, set: impl FnOnce(&mut super::member::Handlers) -> T) -> &Self {
        self.member.set(set);
        // Queued events may have a handler now.
        self.alive.shared.turns.call();
        self
    }
}

/// Ends the wait of `next` when its future is dropped.
struct Leave<'a>(&'a ClientSocket);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.0.member.leave() {
            self.0.alive.shared.turns.notify();
            if self.0.alive.shared.lock().stage == Stage::Ended {
                // There is no task to take the event back.
                drop(self.0.member.take_back());
            }
        }
    }
}

/// The result of [`ClientSocket::connect`]. Dropping it does not stop the socket from connecting.
#[derive(Debug)]
pub struct Connecting {
    answer: Result<oneshot::Receiver<Result<(), ConnectError>>, Option<ConnectError>>,
}

impl Future for Connecting {
    type Output = Result<(), ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.answer {
            Ok(receiver) => Pin::new(receiver).poll(cx).map(|answer| answer.unwrap_or(Err(ConnectError::Ended))),
            Err(error) => Poll::Ready(Err(error.take().unwrap_or(ConnectError::Ended))),
        }
    }
}

/// A pending ack.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[expect(unnameable_types, reason = "only used through `Endpoint`")]
pub enum Ticket {
    Ack(u64),
    Retry(RetryId),
}

impl sealed::Sealed for ClientSocket {}

impl Endpoint for ClientSocket {
    type Ticket = Ticket;

    fn namespace(&self) -> &Text {
        &self.member.namespace
    }

    fn report(&self, error: HandlerError) -> Option<BoxFuture<'static, Answer>> {
        handler::report(self, self.member.handlers().error.as_ref(), error)
    }

    fn answer(&self, packet: Encoded) -> Result<(), EmitError> {
        let (key, id) = (self.member.key, self.id.as_deref());
        self.alive.shared.send(|inner, now| {
            if inner.machine.id(key) != id {
                return Err(EmitError::Disconnected);
            }
            inner.machine.send_ack(key, packet, now).map(|_| ()).map_err(EmitError::from)
        })
    }

    fn send_volatile(&self, packet: &Encoded) -> bool {
        self.alive.shared.with_machine(|machine, now| machine.emit_volatile(self.member.key, packet, now))
    }

    fn next_ack_id(&self) -> Option<u64> {
        let shared = &self.alive.shared;
        (!shared.options.retries()).then(|| shared.lock().machine.next_ack_id(self.member.key))
    }

    fn ack_timeout(&self) -> Option<Duration> {
        self.alive.shared.options.ack_timeout()
    }

    fn send_with_ack(
        &self,
        packet: Encoded,
        id: Option<u64>,
        timeout: Option<Duration>,
    ) -> Result<Awaited<Self>, EmitError> {
        let shared = &self.alive.shared;
        let key = self.member.key;
        // The task runs the timeout, which applies even if `connect` was never called.
        self.alive.start();
        let (sender, receiver) = oneshot::channel();
        let ticket = shared.send(|inner, now| match id {
            Some(id) => {
                let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
                inner.machine.emit_with_ack(key, packet, id, deadline, now)?;
                inner.acks.insert((key, id), sender);
                Ok::<_, socketio_proto::EmitError>(Ticket::Ack(id))
            }
            None if inner.machine.is_over(key) => Err(socketio_proto::EmitError::Disconnected),
            None => {
                let id = inner.machine.emit_reliable(key, packet, now)?;
                inner.deliveries.insert((key, id), sender);
                Ok(Ticket::Retry(id))
            }
        })?;
        Ok((ticket, receiver))
    }

    fn forget_ack(&self, ticket: Ticket) {
        let key = self.member.key;
        let mut inner = self.alive.shared.lock();
        match ticket {
            Ticket::Ack(id) => {
                inner.acks.remove(&(key, id));
                inner.machine.forget_ack(key, id);
            }
            // The event is still delivered.
            Ticket::Retry(id) => _ = inner.deliveries.remove(&(key, id)),
        }
    }
}

impl PartialEq for ClientSocket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.member, &other.member)
    }
}

impl Eq for ClientSocket {}

impl Hash for ClientSocket {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.member).hash(state);
    }
}

impl fmt::Debug for ClientSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSocket")
            .field("namespace", self.namespace_name())
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
