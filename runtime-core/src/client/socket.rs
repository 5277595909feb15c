//! One namespace of a client.

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
use crate::emit::{AckFuture, EmitError, Volatile, WithTimeout};
use crate::endpoint::{Awaited, Endpoint, sealed};
use crate::event::Event;
use crate::handler::{self, Answer, HandlerError};
use crate::runtime::BoxFuture;

/// A client's membership of one namespace, which it may leave and join again: a cheap handle, used from anywhere. Made by
/// [`Client::socket`](super::Client::socket).
///
/// Handlers of one socket run in order, one at a time: those of events, of connects and of disconnects alike. They stay over
/// disconnects.
///
/// A handler is a closure that returns a future; an `async` closure will do as long as it captures nothing by value. To use a
/// clone of something, write the block inside: `move |socket, args| { let db = db.clone(); async move { .. } }`.
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
    /// The id that the socket had when the event came whose handler this handle was made for: an answer to it is nobody's under
    /// another one.
    id: Option<Text>,
}

impl ClientSocket {
    pub(super) fn new(member: Arc<Member>, alive: Arc<Alive>, id: Option<Text>) -> Self {
        Self { member, alive, id }
    }

    /// The socket's id when the event came that this handle was made for.
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

    /// The socket's id, which the server knows, too; another one after each reconnection. `None` while it is not connected.
    pub fn id(&self) -> Option<Sid> {
        self.alive.shared.lock().machine.id(self.member.key).map(Sid::new)
    }

    /// Whether the socket is connected.
    pub fn is_connected(&self) -> bool {
        self.alive.shared.lock().machine.is_connected(self.member.key)
    }

    /// Whether the socket is connected, or will be without being told to: while it connects or reconnects. Not so once it was
    /// disconnected or refused, once a reconnection has failed for good, and without reconnection once the connection is lost.
    pub fn is_active(&self) -> bool {
        self.alive.shared.lock().machine.is_active(self.member.key)
    }

    // --- connecting ----------------------------------------------------------------------------------------------------

    /// Sets the credentials of this socket, in place of the client's, from the next attempt on: a value that serializes to an
    /// object, or to null for none.
    ///
    /// # Errors
    /// The value is something else, or can't be encoded.
    pub fn auth<T: Serialize>(&self, value: T) -> Result<&Self, AuthError> {
        self.member.set_auth(Auth::value(&value)?);
        Ok(self)
    }

    /// Sets the credentials of this socket, in place of the client's: asked for anew whenever it joins its namespace. An error, or
    /// something else than an object, fails it with [`ConnectError::Auth`].
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

    /// Connects, from this call on, whether or not the answer is waited for. Call it from within the runtime. Nothing happens if
    /// the socket is connected, or about to be.
    ///
    /// The answer comes when the server has let the socket in (before its `on_connect` has run), when it has refused, when the
    /// socket is disconnected by hand, or when no further attempt will be made: the first failure without reconnection, the last one
    /// with it. Without a bound of attempts (the default) it may take for ever.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(&self) -> Connecting {
        self.alive.start();
        let (sender, receiver) = oneshot::channel();
        let shared = &self.alive.shared;
        let mut inner = shared.lock();
        // Under the lock: the runtime may end at any time, and drops a task that it does not take.
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

    /// Leaves the namespace; the connection closes with its last one, and a reconnection of this socket stops. The server sees
    /// `client namespace disconnect`, after what was emitted before. Acks that it owes end with
    /// [`Disconnected`](crate::AckError::Disconnected).
    ///
    /// What was kept for want of a connection stays: it is sent when the socket is connected again. But not events whose ack is
    /// waited for without a timeout: that ends with `Disconnected`, too.
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

    /// Disconnects every socket of the client and closes the connection once what was sent has left. Nothing waits for that; for
    /// the end of the connection see [`Client::close`](super::Client::close).
    pub fn disconnect_all(&self) {
        for member in self.alive.members() {
            Self::new(member, self.alive.clone(), None).disconnect();
        }
    }

    // --- emitting ------------------------------------------------------------------------------------------------------

    /// Emits an event. Never waits: the packet is queued for the connection, or kept until there is one.
    /// [`pressure`](Self::pressure) tells how full the buffers are. With [`retries`](super::ClientBuilder::retries) it is sent until
    /// the server acknowledges it.
    ///
    /// A tuple is the list of arguments, `()` none, anything else one argument; bytes inside travel as binary.
    ///
    /// # Errors
    /// The event can't be encoded, or the buffer is full.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        let packet = encode::event(&self.member.namespace, None, event, &args)?;
        let key = self.member.key;
        let reliable = self.alive.shared.options.retries();
        self.alive.shared.send(|inner, now| match reliable {
            true => inner.machine.emit_reliable(key, packet, now).map(|_| ()),
            false => inner.machine.emit(key, packet, now).map(|_| ()),
        })
    }

    /// Emits an event now; the future is the server's ack: its arguments as a tuple, or its one argument as `T`. It waits as long as
    /// the client's [`ack_timeout`](super::ClientBuilder::ack_timeout) says, without a limit by default.
    /// [`timeout`](Self::timeout) sets another time.
    ///
    /// A disconnect ends it with [`Disconnected`](crate::AckError::Disconnected). Without a timeout so does all that leaves the socket
    /// without a connection until it is told to [`connect`](Self::connect) again: being disconnected by either side or refused, a
    /// reconnection that has failed for good, [`Client::close`](super::Client::close). An event that was kept until then is not sent
    /// any more, unless the client has [`retries`](super::ClientBuilder::retries). Emitted after that it ends at once with
    /// [`EmitError::Disconnected`]. A socket that was never told to connect keeps the event, and the ack is waited for.
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

    /// Sets how long to wait for the ack of the event that is emitted next.
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

    /// Emits only what can leave at once: nothing while there is no connection.
    pub fn volatile(&self) -> Volatile<'_, Self> {
        Volatile { socket: self }
    }

    /// How full the client's buffers are. All sockets of a client share them.
    pub fn pressure(&self) -> Pressure {
        self.alive.shared.lock().machine.pressure()
    }

    /// How many bytes wait for the server or for a connection, or are being written.
    pub fn queued_bytes(&self) -> usize {
        let inner = self.alive.shared.lock();
        let engine = inner.machine.engine().map_or(0, |engine| engine.buffered());
        inner.machine.buffered() + engine
    }

    /// Waits until the buffers are no longer under pressure, connected or not. `false` if the client has ended, or if they are under
    /// pressure and this socket is not [active](Self::is_active) any more, so that nothing would relieve them.
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
            // Dropped in any case: there may be room, or the client has ended.
            _ = relief.await;
        }
    }

    // --- receiving -----------------------------------------------------------------------------------------------------

    /// Waits for the next event, in order, for who likes a loop better than handlers; one task at a time. It goes on over a
    /// reconnection. `None` when no more can come: the socket was disconnected by hand or by the server, was refused, was given up,
    /// or was never told to connect.
    ///
    /// A socket without handlers of events keeps what comes for `next`: up to 64 events or 256 KiB. Beyond that the oldest are
    /// dropped as long as `next` was never called; once it was, reading pauses until it is called again. A socket with handlers gives
    /// an event to `next` only if it waits at that time.
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

    /// Handles an event. The arguments are a tuple of types, one type, or `()`; surplus ones are ignored and missing ones are
    /// `None` for an `Option`. What the handler returns answers the ack, if the server asked for one; an error goes to
    /// [`on_error`](Self::on_error). Setting a handler again replaces the former one.
    ///
    /// Names that the protocol reserves (`connect`, `connect_error`, `disconnect`, ..) never come as events, so a handler for one is not
    /// called: see [`on_connect`](Self::on_connect), [`on_connect_error`](Self::on_connect_error) and
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

    /// Handles every event that has no handler of its own: by name, with raw arguments, answered now, later or never.
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

    /// Called whenever the socket has been connected, after a reconnection, too. What was kept while there was no connection has
    /// been sent before; events wait until the handler has returned or asks for them by [`next`](Self::next).
    pub fn on_connect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| handlers.connect.replace(Arc::new(move |socket| handler::settle(handler(socket)))))
    }

    /// Called whenever the socket has been disconnected, once for each time it was connected, behind the handlers of what came before.
    pub fn on_disconnect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self, DisconnectReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| {
            handlers.disconnect.replace(Arc::new(move |socket, reason| handler::settle(handler(socket, reason))))
        })
    }

    /// Called whenever an attempt to connect has failed, and when the server has refused the socket.
    pub fn on_connect_error<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self, ConnectError) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| {
            handlers.connect_error.replace(Arc::new(move |socket, error| handler::settle(handler(socket, error))))
        })
    }

    /// Called with the error of every handler that failed or panicked, of [spawned work](Self::spawn) that panicked, and of packets that
    /// can't be decoded. If it is not set, they go to `tracing` (feature `tracing`, on by default in the adapters).
    pub fn on_error<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Self, HandlerError) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.handle(|handlers| {
            handlers.error.replace(Arc::new(move |socket, error| handler::settle(handler(socket, error))))
        })
    }

    /// Runs work in the background that must not hold up the socket's next event. A panic in it harms nobody and goes to
    /// [`on_error`](Self::on_error). Called from within the runtime; until it ends, the work keeps the client.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.alive.shared.runtime.spawn(handler::in_background(self.clone(), work));
    }

    fn handle<T>(&self, set: impl FnOnce(&mut super::member::Handlers) -> T) -> &Self {
        self.member.set(set);
        // Events that were kept may have found their handler.
        self.alive.shared.turns.call();
        self
    }
}

/// Nobody waits in the slot any more.
struct Leave<'a>(&'a ClientSocket);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.0.member.leave() {
            self.0.alive.shared.turns.notify();
            if self.0.alive.shared.lock().stage == Stage::Ended {
                // There is no task any more to take it back.
                drop(self.0.member.take_back());
            }
        }
    }
}

/// The answer to [`ClientSocket::connect`]. Dropping it changes nothing: the socket connects.
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

/// An ack that is waited for.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[expect(unnameable_types, reason = "nobody else names an ack")]
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
        // The deadline counts whether or not anybody has asked to connect.
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
            // It is delivered all the same.
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
