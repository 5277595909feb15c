//! How a client is set up.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use engineio_proto::TransportKind;
use engineio_proto::client::{Config, ConfigBuilder};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use socketio_proto::client::{self, Manager, SocketConfig};

use super::auth::{Auth, AuthError, AuthRequest, IntoAuth};
use super::handle::Client;
use super::options::{AskHeaders, AskUrl, Options, Target, parse_url};
use super::shared::{Alive, Shared};
use crate::client::dial::{Connector, DialOptions, Dialer, Proxy};
use crate::runtime::{Runtime, random};
use crate::server::BuildError;
use crate::turn::deadline::WriteTimeout;

/// Sets up a [`Client`]. The adapter crates name it with their runtime filled in.
///
/// Defaults are the JavaScript client's: path `/socket.io`, polling and then an upgrade to WebSocket, reconnection without end after
/// pauses of 1 s to 5 s, 20 s for an attempt to connect, no time limit for acks. What is not here (compression, WebTransport, other
/// parsers, connection state recovery) can't be asked for.
///
/// By polling, HTTP connections are kept alive for up to 4 s between two requests. If the server ends one before the first byte of an
/// answer, a GET is sent once more by a fresh connection. A POST is not, as the server may have read it: it takes a connection that was
/// used before only from a server that has shown to keep them, and if that one ends all the same, the session is lost. No event
/// arrives twice.
///
/// ```no_run
/// # use std::time::Duration;
/// # use socketio_runtime::{Client, ClientBuilder, Runtime, TransportKind};
/// # use socketio_runtime::server::BuildError;
/// # fn example<R: Runtime + Default>() -> Result<Client, BuildError> {
/// ClientBuilder::<R>::new("https://example.com")
///     .transports([TransportKind::WebSocket])
///     .auth(serde_json::json!({ "token": "abc" }))
///     .reconnection_delay(Duration::from_millis(200))
///     .ack_timeout(Duration::from_secs(10))
///     .build()
/// # }
/// ```
#[must_use]
pub struct ClientBuilder<R> {
    runtime: R,
    url: String,
    engine: ConfigBuilder,
    manager: client::Config,
    socket: SocketConfig,
    dial: DialOptions,
    headers: HeaderMap,
    query: Option<Vec<(String, String)>>,
    auth: Result<Auth, AuthError>,
    ask_url: Option<AskUrl>,
    ask_headers: Option<AskHeaders>,
    /// The first header that is none.
    broken: Option<http::Error>,
}

impl<R: Runtime + Default> ClientBuilder<R> {
    /// Begins with the defaults. The URL names scheme (`http`, `https`, `ws`, `wss`), host and port of the server, and may bring a
    /// query.
    pub fn new(url: impl Into<String>) -> Self {
        Self::on(R::default(), url)
    }
}

impl<R: Runtime> ClientBuilder<R> {
    /// Begins with the defaults, on a runtime that has to be made first.
    pub fn on(runtime: R, url: impl Into<String>) -> Self {
        Self {
            runtime,
            url: url.into(),
            engine: Config::builder().path("/socket.io"),
            manager: client::Config::default(),
            socket: SocketConfig::default(),
            dial: DialOptions::default(),
            headers: HeaderMap::new(),
            query: None,
            auth: Ok(Auth::NONE),
            ask_url: None,
            ask_headers: None,
            broken: None,
        }
    }

    // --- the connection ------------------------------------------------------------------------------------------------

    /// The path of the server, without a trailing slash. Default `/socket.io`.
    pub fn path(self, path: impl Into<String>) -> Self {
        self.engine(|engine| engine.path(path))
    }

    /// The transports to use: the first one is connected with. Default polling, WebSocket.
    pub fn transports(self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.engine(|engine| engine.transports(transports))
    }

    /// Whether to move from polling to WebSocket once connected. Default true.
    pub fn upgrade(self, upgrade: bool) -> Self {
        self.engine(|engine| engine.upgrade(upgrade))
    }

    /// Whether to begin by WebSocket once one has worked. Default false.
    pub fn remember_upgrade(self, remember: bool) -> Self {
        self.engine(|engine| engine.remember_upgrade(remember))
    }

    /// Whether to try the next transport at once if one does not connect. Default false.
    pub fn try_all_transports(self, all: bool) -> Self {
        self.engine(|engine| engine.try_all_transports(all))
    }

    /// Whether binary data travels as base64, for networks that spoil it. Default false.
    pub fn force_base64(self, force: bool) -> Self {
        self.engine(|engine| engine.force_base64(force))
    }

    /// Time for which the bytes of one message count as signs of life, from the first of them on: on a slow line the server's ping
    /// has to wait for the end of the message. 1 ms to 2^31-1 ms, default 10 minutes.
    pub fn message_timeout(self, timeout: Duration) -> Self {
        self.engine(|engine| engine.message_timeout(timeout))
    }

    /// The most packets in one POST of polling; an event is one, and so is each of its attachments. At least 1, or the
    /// [`build`](Self::build) fails; `None` for no bound. Default 16, as servers of Python drop all of a POST that has more.
    pub fn max_post_packets(self, packets: impl Into<Option<usize>>) -> Self {
        self.engine(|engine| engine.max_post_packets(packets))
    }

    /// Whether cookies that the server sets are sent back, which many load balancers count on. Default false.
    pub fn cookies(self, keep: bool) -> Self {
        self.engine(|engine| engine.cookies(keep))
    }

    /// Parameters of every request. They stand in place of those in the URL.
    pub fn query<K, V>(mut self, query: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.query = Some(query.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// Adds a header to every request and to the opening of every WebSocket. One that is not allowed fails the
    /// [`build`](Self::build).
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        let name = name.try_into().map_err(Into::into);
        let value = value.try_into().map_err(Into::into);
        match name.and_then(|name| Ok((name, value?))) {
            Ok((name, value)) => _ = self.headers.append(name, value),
            Err(error) => _ = self.broken.get_or_insert(error),
        }
        self
    }

    /// Adds headers to every request and to the opening of every WebSocket.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Asks for further headers before each attempt to connect; an error fails the attempt.
    ///
    /// ```no_run
    /// # use socketio_runtime::{ClientBuilder, Runtime};
    /// # async fn token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # fn example<R: Runtime>(builder: ClientBuilder<R>) -> ClientBuilder<R> {
    /// builder.headers_with(async |_attempt| {
    ///     let mut headers = http::HeaderMap::new();
    ///     headers.insert("authorization", format!("Bearer {}", token().await?).parse()?);
    ///     Ok(headers)
    /// })
    /// # }
    /// ```
    pub fn headers_with<F, Fut>(mut self, ask: F) -> Self
    where
        F: Fn(u32) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<HeaderMap, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.ask_headers = Some(Box::new(move |attempt| Box::pin(ask(attempt))));
        self
    }

    /// Asks for the URL before each attempt to connect, so that each may go to another server; an error fails the attempt. The
    /// builder's own URL has to be right all the same.
    pub fn url_with<F, Fut>(mut self, ask: F) -> Self
    where
        F: Fn(u32) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.ask_url = Some(Box::new(move |attempt| Box::pin(ask(attempt))));
        self
    }

    /// Every other option of Engine.IO: trailing slash, timestamps, subprotocols, timeouts, bounds.
    pub fn engine(mut self, set: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        self.engine = set(self.engine);
        self
    }

    /// Opens streams by something else than the runtime's TCP: a Unix socket, a tunnel, a network of a test.
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.dial.connector = Some(Arc::new(connector));
        self
    }

    /// Goes through a proxy. Default: none, whatever the environment says.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.dial.proxy = Some(proxy);
        self
    }

    /// Whom to trust for `https` and `wss`. Default: whom the platform trusts.
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, tls: crate::client::dial::Tls) -> Self {
        self.dial.tls = Some(tls);
        self
    }

    // --- reconnection --------------------------------------------------------------------------------------------------

    /// Whether to connect again after a failed attempt and after a connection was lost. Default true.
    pub fn reconnection(self, reconnection: bool) -> Self {
        self.manager(|manager| manager.reconnection(reconnection))
    }

    /// How many attempts a reconnection has before it is given up; the one that the application asked for is not counted, so 0 is
    /// none behind it. Default `None`: no bound.
    pub fn reconnection_attempts(self, attempts: impl Into<Option<u32>>) -> Self {
        self.manager(|manager| manager.reconnection_attempts(attempts.into()))
    }

    /// The pause before the first attempt of a reconnection; each one after it is twice as long, up to
    /// [`reconnection_delay_max`](Self::reconnection_delay_max), and each [differs by chance](Self::randomization_factor).
    ///
    /// 1 ms to 2^31-1 ms, default 1 s. One that is longer than the longest fails the [`build`](Self::build), too: who sets more than
    /// 5 s sets both.
    pub fn reconnection_delay(self, delay: Duration) -> Self {
        self.backoff(|backoff| backoff.delay = delay)
    }

    /// The longest pause, whatever chance adds. 1 ms to 2^31-1 ms, and not less than
    /// [`reconnection_delay`](Self::reconnection_delay), or the [`build`](Self::build) fails. Default 5 s.
    pub fn reconnection_delay_max(self, delay: Duration) -> Self {
        self.backoff(|backoff| backoff.delay_max = delay)
    }

    /// How far a pause may differ by chance, as a share of it, so that not all clients come back at once: with 0.5 a pause of 2 s
    /// takes 1 s to 3 s. 0 to 1, or the [`build`](Self::build) fails; default 0.5.
    pub fn randomization_factor(self, factor: f64) -> Self {
        self.backoff(|backoff| backoff.randomization = factor)
    }

    /// How long an attempt to connect may take; `None` for any time. What [`url_with`](Self::url_with) and
    /// [`headers_with`](Self::headers_with) take before is not counted. Any time is allowed; zero fails each attempt. Default 20 s.
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.manager(|manager| manager.connect_timeout(timeout.into()))
    }

    /// How long a write may go without any progress because the server does not read. Then the connection is given up with
    /// `transport error`. 1 ms to 2^31-1 ms, default the server's ping interval and ping timeout together, as its handshake says.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.dial.write_timeout = Arc::new(WriteTimeout::set(timeout));
        self
    }

    fn backoff(mut self, set: impl FnOnce(&mut client::Backoff)) -> Self {
        set(&mut self.manager.backoff);
        self
    }

    /// How many arrays and objects may lie in each other in what is read as a type or as a [`Value`](crate::Value): arguments of
    /// events and acks, and the data of a refusal. Default 128, at most [`Limits::DEEPEST`](crate::Limits::DEEPEST); more counts as
    /// that. What lies deeper fails that reading only: [`Limits::max_depth`](crate::Limits).
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.manager.decoder = self.manager.decoder.max_depth(depth);
        self
    }

    /// Every other option of the manager: the bounds of its buffers, of pending acks and of binary packets.
    pub fn manager(mut self, set: impl FnOnce(client::Config) -> client::Config) -> Self {
        self.manager = set(self.manager);
        self
    }

    // --- sockets -------------------------------------------------------------------------------------------------------

    /// What sockets say when they join their namespace: a value that serializes to an object, or to null for none. Something
    /// else fails the [`build`](Self::build). A socket may have [its own](crate::ClientSocket::auth).
    pub fn auth<T: Serialize>(mut self, value: T) -> Self {
        self.auth = Auth::value(&value);
        self
    }

    /// Asks what a socket is to say, each time that it joins its namespace; an error, or something else than an object, fails it.
    ///
    /// ```no_run
    /// # use socketio_runtime::{ClientBuilder, Runtime};
    /// # use socketio_runtime::client::AuthRequest;
    /// # async fn token() -> String { String::new() }
    /// # fn example<R: Runtime>(builder: ClientBuilder<R>) -> ClientBuilder<R> {
    /// builder.auth_with(async |_request: AuthRequest| serde_json::json!({ "token": token().await }))
    /// # }
    /// ```
    pub fn auth_with<F, Fut>(mut self, ask: F) -> Self
    where
        F: Fn(AuthRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAuth> + Send + 'static,
    {
        self.auth = Ok(Auth::ask(ask));
        self
    }

    /// How long `emit_with_ack` waits unless it is told otherwise, and each try with [`retries`](Self::retries). Default: for ever.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.socket.ack_timeout = Some(timeout);
        self
    }

    /// Sends each event until the server has acknowledged it, one after the other, and again so many times at most when
    /// [`ack_timeout`](Self::ack_timeout) has passed, and after each reconnection. The server may see one twice. Default: each is
    /// sent once.
    pub fn retries(mut self, retries: u32) -> Self {
        self.socket.retries = Some(retries);
        self
    }

    // --- the end -------------------------------------------------------------------------------------------------------

    /// Builds the client. It connects when one of its sockets is told to.
    ///
    /// # Errors
    /// [`BuildError`] says which option is out of its bounds: the URL, a header, the credentials, the transports (there are none), the
    /// pauses of a reconnection, TLS, or one of the engine's.
    pub fn build(self) -> Result<Client, BuildError> {
        if let Some(error) = self.broken {
            return Err(BuildError::Header(error));
        }
        check(&self.manager)?;
        if !is_allowed(self.dial.write_timeout.get()) {
            return Err(BuildError::Client { option: "write_timeout", allowed: "1 ms to 2^31-1 ms" });
        }
        let (base, query) = parse_url(&self.url)?;
        let engine = self.engine.query(self.query.unwrap_or(query));
        let config = Arc::new(engine.clone().headers(self.headers.clone()).build()?);
        if config.transports().is_empty() {
            return Err(BuildError::NoTransports);
        }
        let runtime: Arc<dyn Runtime> = Arc::new(self.runtime);
        let dialer = Dialer::new(runtime.clone(), base, &self.dial)?;
        let options = Options {
            runtime: runtime.clone(),
            dial: self.dial,
            engine,
            headers: self.headers,
            target: Target { engine: config, dialer },
            ask_url: self.ask_url,
            ask_headers: self.ask_headers,
            auth: self.auth?,
            socket: self.socket,
            reconnection: self.manager.reconnection,
            timeout: self.manager.connect_timeout,
        };
        // For the jitter of pauses and the timestamps of URLs.
        let seed = u64::from_le_bytes(random(&*runtime));
        let machine = Manager::new(Arc::new(self.manager), seed, runtime.now());
        Ok(Client::of(Arc::new(Alive::new(Shared::new(runtime, options, machine)))))
    }
}

/// Pauses are bounded as the JavaScript client's: by what its timers can do.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

fn is_allowed(duration: Duration) -> bool {
    (Duration::from_millis(1)..=LONGEST).contains(&duration)
}

fn check(manager: &client::Config) -> Result<(), BuildError> {
    let backoff = &manager.backoff;
    let wrong = |option, allowed| Err(BuildError::Client { option, allowed });
    if !is_allowed(backoff.delay) || !is_allowed(backoff.delay_max) {
        return wrong("reconnection_delay", "1 ms to 2^31-1 ms, as reconnection_delay_max");
    }
    if backoff.delay > backoff.delay_max {
        return wrong("reconnection_delay", "at most reconnection_delay_max");
    }
    if !(0.0..=1.0).contains(&backoff.randomization) {
        return wrong("randomization_factor", "0 to 1");
    }
    Ok(())
}

impl<R> fmt::Debug for ClientBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("url", &self.url).finish_non_exhaustive()
    }
}
