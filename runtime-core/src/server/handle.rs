//! [`Server`] and its builder.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::http::{Cors, Reject, Response, matches_path};
use engineio_proto::server::Session;
use engineio_proto::{Config, ConfigBuilder, ConfigError, Data, Instant, Sid, Text};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use socketio_proto::server::{self, Connection, NamespaceError, namespace_name};

use super::broadcast::Broadcast;
use crate::ack::IntoAck;
use crate::chain::debug_as_text;
use crate::error::EmitError;
use crate::rooms::IntoRooms;
use crate::runtime::{BoxFuture, Runtime, random};
use crate::server::client_files::{ClientFiles, ClientFilesError};
use crate::server::engine::{EngineSocket, OnData, on_data};
use crate::server::handshake::{Handshake, Peer};
use crate::server::http_options::{HttpOptions, HttpSettings};
use crate::server::layer::Layer;
use crate::server::machine::Machine;
use crate::server::namespace::{Namespace, NamespaceInner};
use crate::server::service::Service;
use crate::server::sessions::Sessions;
use crate::server::signal::Signal;

/// What happens to a client whose outbox is full when a broadcast reaches it.
///
/// It concerns broadcasts only: an emit to one socket fails with [`EmitError`], and a volatile packet is skipped.
///
/// Exhaustive: a packet of a broadcast is dropped or its client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The client is disconnected, so that it notices that it missed a packet. The default.
    #[default]
    Disconnect,
    /// The packet is dropped for this client and counted in [`Server::overflows`].
    Drop,
}

/// Builds a [`Server`]. The adapter crates export it with their runtime as `R`.
///
/// Defaults are the reference's: path `/socket.io`, both transports, a ping every 25 s with 20 s to answer, payloads up to 1 MB,
/// 45 s to join a namespace. Compression, Engine.IO 3, WebTransport and connection state recovery are not supported.
#[must_use]
pub struct ServerBuilder<R> {
    runtime: R,
    engine: ConfigBuilder,
    connection: server::Config,
    pub(crate) http: HttpSettings,
    ack_timeout: Duration,
    overflow: Overflow,
    keep_handshake: bool,
    state: State,
    client_files: Option<PathBuf>,
    allow_request: Option<AllowRequest>,
    on_reject: Option<OnReject>,
    generate_id: Option<GenerateId>,
}

type AllowRequest = Box<dyn Fn(Handshake) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;
type OnReject = Box<dyn Fn(&Parts, &Reject) + Send + Sync>;
type GenerateId = Box<dyn Fn(&Parts) -> Sid + Send + Sync>;

/// Why a server can't be built.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An option of Engine.IO is out of its bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another option is out of its bounds.
    #[error("{option} has to be {allowed}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The folder given to [`serve_client`](ServerBuilder::serve_client) is not what it should be.
    #[error(transparent)]
    ClientFiles(#[from] ClientFilesError),
}

debug_as_text!(BuildError);

impl<R: Runtime + Default> ServerBuilder<R> {
    /// A builder with the defaults, on the default runtime.
    pub fn new() -> Self {
        Self::on(R::default())
    }
}

impl<R: Runtime + Default> Default for ServerBuilder<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Runtime> ServerBuilder<R> {
    /// A builder with the defaults, on `runtime`.
    pub fn on(runtime: R) -> Self {
        Self {
            runtime,
            engine: Config::builder().path("/socket.io"),
            connection: server::Config::default(),
            http: HttpSettings::default(),
            ack_timeout: Duration::from_secs(30),
            overflow: Overflow::default(),
            keep_handshake: true,
            state: State::default(),
            client_files: None,
            allow_request: None,
            on_reject: None,
            generate_id: None,
        }
    }

    /// The path to serve, beginning with `/`; a trailing slash is dropped. Default `/socket.io`.
    pub fn path(self, path: impl Into<String>) -> Self {
        self.engine(|engine| engine.path(path))
    }

    /// The time from the handshake or a pong to the next ping. 1 ms to 2^31-1 ms, default 25 s.
    pub fn ping_interval(self, interval: Duration) -> Self {
        self.engine(|engine| engine.ping_interval(interval))
    }

    /// The time within which a client must answer a ping. 1 ms to 2^31-1 ms, default 20 s.
    pub fn ping_timeout(self, timeout: Duration) -> Self {
        self.engine(|engine| engine.ping_timeout(timeout))
    }

    /// How long the bytes of one incomplete message count as signs of life, from its first byte on, because a client's pong has to
    /// wait for the end of the message. Until then the ping timeout does not end the session. 1 ms to 2^31-1 ms, default 60 s.
    pub fn message_timeout(self, timeout: Duration) -> Self {
        self.engine(|engine| engine.message_timeout(timeout))
    }

    /// The maximum size of a message or polling payload from a client, in bytes. At least 1, default 1,000,000. The reference's
    /// `maxHttpBufferSize`.
    pub fn max_payload(self, bytes: usize) -> Self {
        self.engine(|engine| engine.max_payload(bytes))
    }

    /// The rules for requests from other origins. Default: none, so no CORS headers are sent.
    pub fn cors(self, cors: Cors) -> Self {
        self.engine(|engine| engine.cors(cors))
    }

    /// Sets the other options of Engine.IO: transports, upgrades, timeouts, cookie, initial packet, the bound of the outbox, the
    /// packets in the response to a poll. Defaults and bounds are documented at [`ConfigBuilder`].
    pub fn engine(mut self, set: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        self.engine = set(self.engine);
        self
    }

    /// The time within which a client must join a namespace, otherwise its connection is closed. Default 45 s.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.connection(|connection| connection.connect_timeout(timeout))
    }

    /// The maximum nesting depth of arrays and objects in JSON that is parsed as a type or as a [`Value`](crate::Value):
    /// arguments of events and acks, and the auth payload. Default 128; a value above
    /// [`Limits::DEEPEST`](crate::Limits::DEEPEST) is lowered to it. Deeper JSON fails to parse, and nothing else fails:
    /// [`Limits::max_depth`](crate::Limits).
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.connection.decoder = self.connection.decoder.max_depth(depth);
        self
    }

    /// Sets the bounds of one connection: namespaces, auth payloads, pending acks, decoding. Defaults are documented at
    /// [`Config`](server::Config).
    pub fn connection(mut self, set: impl FnOnce(server::Config) -> server::Config) -> Self {
        self.connection = set(self.connection);
        self
    }

    /// How long [`emit_with_ack`](crate::Socket::emit_with_ack) waits without a [`timeout`](crate::Socket::timeout) of its own.
    /// Default 30 s.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.ack_timeout = timeout;
        self
    }

    /// What happens to a client whose outbox is full when a broadcast reaches it. Default: it is disconnected.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Whether the path, query and headers of a client's first request are kept for
    /// [`Socket::handshake`](crate::Socket::handshake). Default true; `false` saves their size in memory for each client.
    pub fn keep_handshake(mut self, keep: bool) -> Self {
        self.keep_handshake = keep;
        self
    }

    /// Stores a value of the application, one of each type; handlers read it with [`Socket::state`](crate::Socket::state).
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.state.0.insert(TypeId::of::<T>(), Box::new(value));
        self
    }

    /// Serves the official client under the server's path (`/socket.io/socket.io.js`, its variants and source maps), from the
    /// folder `client-dist` of the npm package `socket.io`. Default: not served. The files are read once, by
    /// [`build`](Self::build), which blocks meanwhile.
    pub fn serve_client(mut self, folder: impl Into<PathBuf>) -> Self {
        self.client_files = Some(folder.into());
        self
    }

    /// Called before a session is opened. After an `Err` the client gets 403 and its text (`""`: the reference's text). Default:
    /// every session is allowed. The reference's `allowRequest`.
    pub fn allow_request<F, Fut>(mut self, allow: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.allow_request = Some(Box::new(move |handshake| Box::pin(allow(handshake))));
        self
    }

    /// Called with every refused request and the reason. The reference's `connection_error` event.
    pub fn on_reject(mut self, handler: impl Fn(&Parts, &Reject) + Send + Sync + 'static) -> Self {
        self.on_reject = Some(Box::new(handler));
        self
    }

    /// Generates the session ids. They must be unguessable and unique: a handshake is refused if its id is empty or in use.
    /// Default: 20 characters from 15 random bytes. The reference's `generateId`.
    pub fn generate_id(mut self, generate: impl Fn(&Parts) -> Sid + Send + Sync + 'static) -> Self {
        self.generate_id = Some(Box::new(generate));
        self
    }

    /// Builds the server. It serves requests through [`Server::listen`], [`Server::layer`], [`Server::service`] or
    /// [`Server::serve_connection`].
    ///
    /// # Errors
    /// An option is out of bounds, or the client's files can't be read.
    pub fn build(self) -> Result<Server, BuildError> {
        self.build_app(App::Socket)
    }

    /// Builds a server of bare Engine.IO: `handler` gets each message, in order, one at a time per client. There are no events,
    /// and namespaces stay empty. The default path is `/socket.io` here, too.
    ///
    /// ```no_run
    /// # use socketio_runtime::{Runtime, Server, ServerBuilder};
    /// # use socketio_runtime::engine::EngineSocket;
    /// # use socketio_runtime::server::BuildError;
    /// # fn example<R: Runtime + Default>() -> Result<Server, BuildError> {
    /// ServerBuilder::<R>::new().path("/engine.io").build_engine(async |socket: EngineSocket, data| {
    ///     socket.send(data).ok(); // an echo
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_engine<F, Fut>(self, handler: F) -> Result<Server, BuildError>
    where
        F: Fn(EngineSocket, Data) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAck> + Send + 'static,
    {
        self.build_app(App::Engine(on_data(handler)))
    }

    fn build_app(self, app: App) -> Result<Server, BuildError> {
        let engine = self.engine.build()?;
        let http = self.http.build(&engine)?;
        let mut connection = self.connection;
        connection.decoder = connection.decoder.max_attachment_bytes(engine.max_payload());
        let shared = Shared {
            runtime: Arc::new(self.runtime),
            engine: Arc::new(engine),
            connection: Arc::new(connection),
            http,
            app,
            sessions: Sessions::default(),
            namespaces: RwLock::default(),
            state: self.state,
            ack_timeout: self.ack_timeout,
            overflow: self.overflow,
            overflows: AtomicU64::new(0),
            keep_handshake: self.keep_handshake,
            client_files: self.client_files.map(|folder| ClientFiles::load(&folder)).transpose()?,
            allow_request: self.allow_request,
            on_reject: self.on_reject,
            generate_id: self.generate_id,
            closing: Signal::default(),
            drained: Signal::default(),
        };
        let server = Server { shared: Arc::new(shared) };
        server.namespace("/");
        Ok(server)
    }
}

impl<R> fmt::Debug for ServerBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").field("engine", &self.engine).finish_non_exhaustive()
    }
}

/// A server. The handle is cheap to clone and can be used from any thread.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) engine: Arc<Config>,
    connection: Arc<server::Config>,
    pub(crate) http: HttpOptions,
    pub(crate) app: App,
    pub(crate) sessions: Sessions,
    namespaces: RwLock<BTreeMap<Text, Arc<NamespaceInner>>>,
    pub(crate) state: State,
    pub(crate) ack_timeout: Duration,
    pub(crate) overflow: Overflow,
    pub(crate) overflows: AtomicU64,
    pub(crate) keep_handshake: bool,
    client_files: Option<ClientFiles>,
    allow_request: Option<AllowRequest>,
    on_reject: Option<OnReject>,
    generate_id: Option<GenerateId>,
    /// `close` was called: no new sessions are opened, and the existing ones end.
    pub(crate) closing: Signal,
    /// Closing, and no session is left: HTTP connections end.
    pub(crate) drained: Signal,
}

/// The protocol of the sessions.
pub(crate) enum App {
    Socket,
    Engine(OnData),
}

/// Values of the application, one of each type.
#[derive(Default)]
pub(crate) struct State(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl State {
    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>()).and_then(|value| value.downcast_ref())
    }
}

impl Server {
    /// The namespace of that name, created if it does not exist; a missing leading `/` is added. `/` always exists.
    ///
    /// # Panics
    /// If no client could join it: the name contains a comma or U+001E, which the protocol can't transmit in a name, or is longer
    /// than [`max_namespace_bytes`](socketio_proto::server::Config::max_namespace_bytes). Use
    /// [`try_namespace`](Self::try_namespace) for names that come from input.
    #[track_caller]
    pub fn namespace(&self, name: impl Into<Text>) -> Namespace {
        #[expect(
            clippy::panic,
            reason = "documented; handlers of a namespace that no client can join are never called"
        )]
        self.try_namespace(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`namespace`](Self::namespace), for names that come from input.
    ///
    /// # Errors
    /// No client could join it: the name contains a comma or U+001E, or is too long.
    pub fn try_namespace(&self, name: impl Into<Text>) -> Result<Namespace, NamespaceError> {
        let name = namespace_name(name.into())?;
        let (length, most) = (name.len(), self.shared.connection.max_namespace_bytes);
        // "/" is allowed even if `max_namespace_bytes` is 0.
        if length > most.max(1) {
            return Err(NamespaceError::TooLong { length, most });
        }
        let mut namespaces = self.shared.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        let inner = namespaces.entry(name.clone()).or_insert_with(|| Arc::new(NamespaceInner::new(name)));
        Ok(Namespace::new(inner.clone()))
    }

    /// The sockets in one or more rooms of `/`.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.namespace("/").to(rooms)
    }

    /// The sockets of `/` that are in none of these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
        self.namespace("/").except(rooms)
    }

    /// Emits to all sockets of `/`.
    ///
    /// # Errors
    /// The event or its arguments can't be encoded.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        self.namespace("/").emit(event, args)
    }

    /// The application's state of type `T`, given to the builder.
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.shared.state.get()
    }

    /// Number of open sessions, including those that have not joined a namespace.
    pub fn sessions(&self) -> usize {
        self.shared.sessions.len()
    }

    /// How many packets of broadcasts were not queued because the client's outbox was full; counted once per client.
    pub fn overflows(&self) -> u64 {
        self.shared.overflows.load(Ordering::Relaxed)
    }

    /// The server as a tower service.
    pub fn service(&self) -> Service {
        Service::new(self.shared.clone())
    }

    /// The server as a tower layer: it answers requests for its path and passes all others to the inner service.
    ///
    /// In axum: `Router::new().route(..).layer(server.layer())`.
    pub fn layer(&self) -> Layer {
        Layer::new(self.shared.clone())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Stops the server: no new sessions are opened, every socket is disconnected with the reason `server shutting down`, and
    /// packets that are already queued are still sent. A session that has not ended after the engine's `close_timeout` (30 s by
    /// default) is closed without them. Returns when no session is left; [`listen`](Self::listen) returns then, too.
    pub async fn close(&self) {
        let shared = &self.shared;
        shared.closing.set();
        for conn in shared.sessions.all() {
            let mut inner = conn.lock();
            inner.machine.shut_down(conn.now());
            conn.settle(inner);
        }
        shared.check_drained();
        let deadline = shared.runtime.now() + shared.engine.close_timeout();
        let mut sleep = shared.runtime.sleep_until(deadline);
        let mut drained = pin!(shared.drained.wait());
        let timed_out = std::future::poll_fn(|cx| {
            if drained.as_mut().poll(cx).is_ready() {
                return Poll::Ready(false);
            }
            sleep.as_mut().poll(cx).map(|()| true)
        });
        if timed_out.await {
            for conn in shared.sessions.all() {
                let mut inner = conn.lock();
                inner.machine.discard(conn.now());
                conn.settle(inner);
            }
            drained.await;
        }
    }
}

impl Shared {
    /// Whether a request for this path is for the server.
    pub(crate) fn matches(&self, path: &str) -> bool {
        matches_path(&self.engine, path)
    }

    /// The response to a request that is not for the engine: a client file, or 404 for another path.
    pub(crate) fn outside(&self, parts: &Parts) -> Option<Response> {
        let path = parts.uri.path();
        if let (Some(files), Some(rest)) = (&self.client_files, path.strip_prefix(self.engine.path())) {
            if let Some(response) = files.respond(rest, &parts.headers) {
                return Some(response);
            }
        }
        (!self.matches(path)).then(|| status(StatusCode::NOT_FOUND))
    }

    pub(crate) async fn allow(&self, parts: &Parts, peer: Peer) -> Result<(), Reject> {
        let Some(allow) = &self.allow_request else { return Ok(()) };
        let handshake = Handshake::new(parts, peer, true, self.runtime.now());
        allow(handshake).await.map_err(|text| Reject::Forbidden { message: Some(text).filter(|text| !text.is_empty()) })
    }

    pub(crate) fn rejected(&self, parts: &Parts, reject: &Reject) {
        if let Some(handler) = &self.on_reject {
            handler(parts, reject);
        }
    }

    pub(crate) fn generate_id(&self, parts: &Parts) -> Sid {
        match &self.generate_id {
            Some(generate) => generate(parts),
            None => Sid::from_entropy(random(&*self.runtime)),
        }
    }

    pub(crate) fn machine(&self, session: Session, now: Instant) -> Machine {
        match self.app {
            App::Socket => Machine::Socket(Connection::new(session, self.connection.clone(), now)),
            App::Engine(_) => Machine::Engine(session),
        }
    }

    pub(crate) fn namespace(&self, name: &str) -> Option<Arc<NamespaceInner>> {
        self.namespaces.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Removes a session that has ended.
    pub(crate) fn session_ended(&self, sid: &Sid) {
        self.sessions.remove(sid);
        self.check_drained();
    }

    fn check_drained(&self) {
        if self.closing.is_set() && self.sessions.len() == 0 {
            self.drained.set();
        }
    }
}

/// A response without a body. Unless it is a 4xx, it closes the connection.
pub(crate) fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    if !status.is_client_error() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl Eq for Server {}

impl Hash for Server {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.shared).hash(state);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("path", &self.shared.engine.path()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("path", &self.engine.path()).finish_non_exhaustive()
    }
}
