//! A namespace: its handlers and its sockets.

use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engineio_proto::Text;
use http::Extensions;
use serde::Serialize;
use serde::de::DeserializeOwned;
use socketio_proto::server::{DisconnectReason, Rooms, Target};
use socketio_proto::{EncodeError, FromArgs, Json};

use super::Event;
use super::broadcast::Broadcast;
use super::handlers::Handlers;
use crate::ack::IntoAck;
use crate::error::EmitError;
use crate::error::HandlerError;
use crate::handler;
use crate::rooms::IntoRooms;
use crate::server::conn::Conn;
use crate::server::handshake::Handshake;
use crate::server::socket::Socket;

/// A namespace of a server: it registers handlers and broadcasts to its sockets. The handle is cheap to clone.
///
/// Handlers are shared by all sockets of the namespace. The events of one socket are handled in order, one at a time; different
/// sockets are handled concurrently. Setting a handler again replaces the former one, also for connected sockets.
///
/// A handler is a closure that returns a future. An `async` closure works as long as it captures nothing by value. To use a clone
/// of something, use an `async` block: `move |socket, args| { let db = db.clone(); async move { .. } }`, or store the value as
/// [state](crate::ServerBuilder::state).
#[derive(Clone)]
pub struct Namespace {
    inner: Arc<NamespaceInner>,
}

pub(crate) struct NamespaceInner {
    pub(crate) name: Text,
    rooms: Mutex<Rooms<Socket>>,
    handlers: Mutex<Arc<Handlers>>,
    /// Number of changes of `handlers`, so that a session task copies them only after a change.
    version: AtomicU64,
    ack_ids: AtomicU64,
}

impl NamespaceInner {
    pub(crate) fn new(name: Text) -> Self {
        Self {
            name,
            rooms: Mutex::default(),
            handlers: Mutex::default(),
            version: AtomicU64::new(1),
            ack_ids: AtomicU64::new(0),
        }
    }

    pub(crate) fn rooms(&self) -> MutexGuard<'_, Rooms<Socket>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_ack_id(&self) -> u64 {
        self.ack_ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn handlers(&self) -> Arc<Handlers> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the handlers. The replaced one is dropped after the lock is released, because its drop may run user code.
    fn set<T>(&self, set: impl FnOnce(&mut Handlers) -> T) {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        let former = set(Arc::make_mut(&mut handlers));
        self.version.fetch_add(1, Ordering::Release);
        drop(handlers);
        drop(former);
    }
}

impl Namespace {
    pub(crate) fn new(inner: Arc<NamespaceInner>) -> Self {
        Self { inner }
    }

    /// Its name, with the leading `/`.
    pub fn name(&self) -> &Text {
        &self.inner.name
    }

    /// Sets the handler of an event. The arguments are a tuple of types, one type, or `()`. Surplus arguments are ignored; a
    /// missing one is `None` if its type is an `Option`, and an error otherwise. The value that the handler returns is sent as the
    /// ack if the client requested one; an error goes to [`on_error`](Self::on_error).
    ///
    /// The protocol reserves the names `connect`, `connect_error`, `disconnect`, `disconnecting`, `newListener` and
    /// `removeListener`: no event has such a name, so its handler is never called. Use [`on_connect`](Self::on_connect) and
    /// [`on_disconnect`](Self::on_disconnect).
    ///
    /// ```no_run
    /// # fn example(root: socketio_runtime::Namespace) {
    /// root.on("sum", async |_, (a, b): (i64, i64)| a + b);
    /// root.on("say", async |socket, (text,): (String,)| {
    ///     socket.broadcast().emit("said", (text,)).ok();
    /// });
    /// # }
    /// ```
    pub fn on<A, F, Fut>(&self, event: impl Into<Text>, handler: F) -> &Self
    where
        A: FromArgs + 'static,
        F: Fn(Socket, A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        let event = event.into();
        self.inner.set(|handlers| handlers.events.insert(event.clone(), handler::on_event(event, handler)));
        self
    }

    /// Sets the handler of every event that has no handler of its own. It gets the name and the raw arguments, and may send the
    /// ack at any time or not at all.
    ///
    /// ```no_run
    /// # use socketio_runtime::server::Event;
    /// # fn example(root: socketio_runtime::Namespace) {
    /// root.on_event(async |mut event: Event| {
    ///     if let Some(ack) = event.ack() {
    ///         ack.send(event.raw_args()).ok(); // an echo, attachments included
    ///     }
    /// });
    /// # }
    /// ```
    pub fn on_event<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.inner.set(|handlers| handlers.any.replace(Arc::new(move |event| handler::settle(handler(event)))));
        self
    }

    /// Sets the handler of new sockets, called after the client has joined the namespace. Events of the socket wait until the
    /// handler returns or takes them with [`Socket::next`].
    pub fn on_connect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.inner.set(|handlers| handlers.connect.replace(Arc::new(move |socket| handler::settle(handler(socket)))));
        self
    }

    /// Sets the handler of disconnects, called once for every socket, whatever the reason. Events that the client sent before it
    /// left are handled first, one at a time; the handler of the last one may still be running, because this does not wait for it.
    /// If the server disconnected the socket, events that wait for a handler are dropped.
    pub fn on_disconnect<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Socket, DisconnectReason) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.inner.set(|handlers| {
            handlers.disconnect.replace(Arc::new(move |socket, reason| handler::settle(handler(socket, reason))))
        });
        self
    }

    /// Sets the handler of errors: of handlers that fail or panic, of [spawned work](Socket::spawn) that panics, and of packets
    /// that can't be decoded. If it is not set, errors go to `tracing` (feature `tracing`, on by default in the adapters).
    ///
    /// A middleware that panics is not reported here, because there is no socket yet; its client is refused with
    /// `Internal server error`.
    pub fn on_error<F, Fut>(&self, handler: F) -> &Self
    where
        F: Fn(Socket, HandlerError) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.inner.set(|handlers| {
            handlers.error.replace(Arc::new(move |socket, error| handler::settle(handler(socket, error))))
        });
        self
    }

    /// Adds a check that a client must pass before it joins. Checks run in the order in which they were added. After the first
    /// refusal no further check runs, and the client gets the refusal as `connect_error`.
    ///
    /// ```no_run
    /// # use socketio_runtime::server::{ConnectRequest, Refusal};
    /// # fn example(admin: socketio_runtime::Namespace) {
    /// admin.middleware(async |request: ConnectRequest| {
    ///     let token = request.auth_as::<(String,)>();
    ///     if token.is_some() { Ok(()) } else { Err(Refusal::new("not authorized")) }
    /// });
    /// # }
    /// ```
    pub fn middleware<F, Fut>(&self, check: F) -> &Self
    where
        F: Fn(ConnectRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        self.inner.set(|handlers| handlers.middlewares.push(Arc::new(move |request| Box::pin(check(request)))));
        self
    }

    // --- its sockets ------------------------------------------------------------------------------------------------

    /// All sockets of the namespace.
    pub fn broadcast(&self) -> Broadcast {
        Broadcast::new(self.inner.clone(), Target::all())
    }

    /// The sockets in one or more rooms: `to("a")`, `to(["a", "b"])`.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// The sockets that are in none of these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// Emits to all sockets of the namespace.
    ///
    /// # Errors
    /// The event or its arguments can't be encoded.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        self.broadcast().emit(event, args)
    }

    /// The connected socket of that id.
    pub fn socket(&self, id: &str) -> Option<Socket> {
        self.inner.rooms().get(id).cloned()
    }

    /// All connected sockets, in the order in which they joined.
    pub fn sockets(&self) -> Vec<Socket> {
        self.broadcast().sockets()
    }

    /// Number of connected sockets.
    pub fn len(&self) -> usize {
        self.inner.rooms().len()
    }

    /// Whether no socket is connected.
    pub fn is_empty(&self) -> bool {
        self.inner.rooms().is_empty()
    }

    /// The rooms that have sockets, each with the number of its sockets, sorted by name.
    pub fn rooms(&self) -> Vec<(Text, usize)> {
        self.inner.rooms().rooms().map(|(name, count)| (name.clone(), count)).collect()
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Namespace {}

impl Hash for Namespace {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.inner).hash(state);
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Debug for NamespaceInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The request of a client to join a namespace, given to a [middleware](Namespace::middleware).
#[derive(Clone)]
pub struct ConnectRequest {
    pub(crate) conn: Arc<Conn>,
    pub(crate) namespace: Text,
    pub(crate) auth: Option<Json>,
    pub(crate) data: Arc<Mutex<Extensions>>,
}

impl ConnectRequest {
    /// The name of the namespace.
    pub fn namespace_name(&self) -> &Text {
        &self.namespace
    }

    /// The first request of the session.
    pub fn handshake(&self) -> &Handshake {
        &self.conn.handshake
    }

    /// The payload of the client's CONNECT packet, a JSON object; `None` if it had none.
    pub fn auth(&self) -> Option<&Json> {
        self.auth.as_ref()
    }

    /// The payload of the client's CONNECT packet as a `T`; `None` if it had none or it can't be parsed.
    pub fn auth_as<T: DeserializeOwned>(&self) -> Option<T> {
        self.auth().and_then(|auth| auth.parse().ok())
    }

    /// The application's state of type `T`, from [`ServerBuilder::state`](crate::ServerBuilder::state).
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.conn.shared.state.get::<T>()
    }

    /// Stores a value in the future socket, one of each type; read it with [`Socket::get`].
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) {
        self.data.lock().unwrap_or_else(PoisonError::into_inner).insert(value);
    }
}

impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Why a client may not join a namespace; the client gets it as `connect_error`.
///
/// ```
/// use socketio_runtime::server::Refusal;
///
/// let refusal = Refusal::new("not authorized").data(("code", 42)).unwrap();
/// assert_eq!(refusal.as_json().as_str(), r#"{"message":"not authorized","data":["code",42]}"#);
/// assert_eq!(Refusal::from("not authorized").as_json().as_str(), r#"{"message":"not authorized"}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    message: Text,
    json: Json,
}

impl Refusal {
    /// A refusal with a message.
    pub fn new(message: impl Into<Text>) -> Self {
        let message = message.into();
        Self { json: Json::object([("message", &*message)]), message }
    }

    /// Adds data, which the client reads as `err.data`.
    ///
    /// # Errors
    /// The data can't be encoded.
    pub fn data<T: Serialize>(self, data: T) -> Result<Self, EncodeError> {
        #[derive(Serialize)]
        struct Body<'a, T> {
            message: &'a str,
            data: T,
        }
        let json = Json::encode(&Body { message: &self.message, data })?;
        Ok(Self { json, ..self })
    }

    /// The object that is sent to the client.
    pub fn as_json(&self) -> &Json {
        &self.json
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}
