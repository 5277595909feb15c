//! The builder of a client.

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
use super::error::BuildError;
use super::handle::Client;
use super::options::{AskHeaders, AskUrl, Options, Target, parse_url};
use super::shared::{Alive, Shared};
use crate::client::dial::{Connector, DialOptions, Dialer, Proxy};
use crate::runtime::{Runtime, random};
use crate::turn::deadline::WriteTimeout;

/// Configures and builds a [`Client`]. The adapter crates define an alias of it for their runtime.
///
/// The defaults are the JavaScript client's: path `/socket.io`, polling followed by an upgrade to WebSocket, unlimited reconnection
/// attempts after delays of 1 s to 5 s, 20 s for an attempt to connect, no timeout for acks. Compression, WebTransport, other
/// parsers and connection state recovery are not supported.
///
/// With polling, HTTP connections are reused for up to 4 s between two requests. If the server closes a reused connection before
/// the first byte of a response, a GET is retried once on a new connection. A POST is not retried, as the server may have read it.
/// It is sent on a reused connection only if the server is known to keep them open; if that connection closes anyway, the session
/// is lost. No event is delivered twice.
///
/// ```no_run
/// # use std::time::Duration;
/// # use socketio_runtime::{Client, ClientBuilder, Runtime, TransportKind};
/// # use socketio_runtime::client::BuildError;
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
    /// The first invalid header.
    broken: Option<http::Error>,
}

impl<R: Runtime + Default> ClientBuilder<R> {
    /// A builder with the defaults. The URL consists of the scheme (`http`, `https`, `ws` or `wss`), host and port of the server,
    /// and an optional query.
    pub fn new(url: impl Into<String>) -> Self {
        Self::on(R::default(), url)
    }
}

impl<R: Runtime> ClientBuilder<R> {
    /// A builder with the defaults and the given runtime.
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

    /// The transports to use, in order; the client connects with the first. Default polling, WebSocket.
    pub fn transports(self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.engine(|engine| engine.transports(transports))
    }

    /// Whether to move from polling to WebSocket once connected. Default true.
    pub fn upgrade(self, upgrade: bool) -> Self {
        self.engine(|engine| engine.upgrade(upgrade))
    }

    /// Whether to connect by WebSocket directly once a WebSocket connection has succeeded. Default false.
    pub fn remember_upgrade(self, remember: bool) -> Self {
        self.engine(|engine| engine.remember_upgrade(remember))
    }

    /// Whether to try the next transport immediately if one fails to connect. Default false.
    pub fn try_all_transports(self, all: bool) -> Self {
        self.engine(|engine| engine.try_all_transports(all))
    }

    /// Whether to send binary data as base64, for networks that corrupt binary data. Default false.
    pub fn force_base64(self, force: bool) -> Self {
        self.engine(|engine| engine.force_base64(force))
    }

    /// Time for which the bytes of one message count as signs of life, from the first of them on: on a slow line the server's ping
    /// has to wait for the end of the message. 1 ms to 2^31-1 ms, default 10 minutes.
    pub fn message_timeout(self, timeout: Duration) -> Self {
        self.engine(|engine| engine.message_timeout(timeout))
    }

    /// The maximum number of packets in one POST request; an event is one packet, and so is each of its binary attachments. `None`
    /// for no maximum; 0 fails the [`build`](Self::build). Default 16, as python-socketio servers drop a POST that has more.
    pub fn max_post_packets(self, packets: impl Into<Option<usize>>) -> Self {
        self.engine(|engine| engine.max_post_packets(packets))
    }

    /// Whether to send back cookies that the server sets, as many load balancers require. Default false.
    pub fn cookies(self, keep: bool) -> Self {
        self.engine(|engine| engine.cookies(keep))
    }

    /// Query parameters of every request. They replace those in the URL.
    pub fn query<K, V>(mut self, query: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<String>,
        V: Into<String>,
    {
        self.query = Some(query.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
        self
    }

    /// Adds a header to every HTTP request and WebSocket handshake. An invalid one fails the [`build`](Self::build).
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

    /// Adds headers to every HTTP request and WebSocket handshake.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Sets a closure that provides additional headers. It is called before each attempt to connect, with the number of the
    /// attempt; an error fails the attempt.
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

    /// Sets a closure that provides the URL, so that attempts can go to different servers. It is called before each attempt to
    /// connect, with the number of the attempt; an error fails the attempt. The builder's own URL must be valid nevertheless.
    pub fn url_with<F, Fut>(mut self, ask: F) -> Self
    where
        F: Fn(u32) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.ask_url = Some(Box::new(move |attempt| Box::pin(ask(attempt))));
        self
    }

    /// Sets other Engine.IO options: trailing slash, timestamps, subprotocols, timeouts, bounds.
    pub fn engine(mut self, set: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        self.engine = set(self.engine);
        self
    }

    /// Opens streams with the connector instead of the runtime's TCP: for Unix sockets, tunnels or tests.
    pub fn connector(mut self, connector: impl Connector) -> Self {
        self.dial.connector = Some(Arc::new(connector));
        self
    }

    /// Connects through a proxy. Default none; environment variables are ignored.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.dial.proxy = Some(proxy);
        self
    }

    /// Which certificates to trust for `https` and `wss`. Default: those that the platform trusts.
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, tls: crate::client::dial::Tls) -> Self {
        self.dial.tls = Some(tls);
        self
    }

    // --- reconnection --------------------------------------------------------------------------------------------------

    /// Whether to reconnect after a failed attempt or a lost connection. Default true.
    pub fn reconnection(self, reconnection: bool) -> Self {
        self.manager(|manager| manager.reconnection(reconnection))
    }

    /// The maximum number of reconnection attempts. The first attempt, started by `connect`, is not counted, so 0 means only that
    /// one. Default `None`: no maximum.
    pub fn reconnection_attempts(self, attempts: impl Into<Option<u32>>) -> Self {
        self.manager(|manager| manager.reconnection_attempts(attempts.into()))
    }

    /// The delay before the first reconnection attempt. It doubles with each attempt, up to
    /// [`reconnection_delay_max`](Self::reconnection_delay_max), and is [randomized](Self::randomization_factor).
    ///
    /// 1 ms to 2^31-1 ms, default 1 s. A delay above `reconnection_delay_max` fails the [`build`](Self::build), so for more than 5
    /// s set both.
    pub fn reconnection_delay(self, delay: Duration) -> Self {
        self.backoff(|backoff| backoff.delay = delay)
    }

    /// The maximum reconnection delay, after randomization. 1 ms to 2^31-1 ms, and not less than
    /// [`reconnection_delay`](Self::reconnection_delay), or the [`build`](Self::build) fails. Default 5 s.
    pub fn reconnection_delay_max(self, delay: Duration) -> Self {
        self.backoff(|backoff| backoff.delay_max = delay)
    }

    /// How much a reconnection delay is randomized, as a fraction of it, so that not all clients reconnect at the same time: with
    /// 0.5 a delay of 2 s becomes 1 s to 3 s. 0 to 1, or the [`build`](Self::build) fails; default 0.5.
    pub fn randomization_factor(self, factor: f64) -> Self {
        self.backoff(|backoff| backoff.randomization = factor)
    }

    /// How long an attempt to connect may take; `None` for no limit. The time that [`url_with`](Self::url_with) and
    /// [`headers_with`](Self::headers_with) take is not counted. Any duration is allowed; zero fails each attempt. Default 20 s.
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        self.manager(|manager| manager.connect_timeout(timeout.into()))
    }

    /// How long a write may make no progress because the server does not read. Then the connection is closed with the reason
    /// `transport error`. 1 ms to 2^31-1 ms; default the sum of the ping interval and ping timeout in the server's handshake.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.dial.write_timeout = Arc::new(WriteTimeout::set(timeout));
        self
    }

    fn backoff(mut self, set: impl FnOnce(&mut client::Backoff)) -> Self {
        set(&mut self.manager.backoff);
        self
    }

    /// The maximum nesting depth of arrays and objects when arguments of events and acks, or the data of a refusal, are decoded
    /// into a type or a [`Value`](crate::Value). Default 128, at most [`Limits::DEEPEST`](crate::Limits::DEEPEST); larger values
    /// are reduced to that. A value nested deeper fails to decode; nothing else is affected: see
    /// [`Limits::max_depth`](crate::Limits).
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.manager.decoder = self.manager.decoder.max_depth(depth);
        self
    }

    /// Sets other options of the manager: the bounds of its buffers, of pending acks and of binary packets.
    pub fn manager(mut self, set: impl FnOnce(client::Config) -> client::Config) -> Self {
        self.manager = set(self.manager);
        self
    }

    // --- sockets -------------------------------------------------------------------------------------------------------

    /// The credentials that sockets send when they join their namespace: a value that serializes to an object, or to null for none.
    /// Any other value fails the [`build`](Self::build). A socket can have [its own](crate::ClientSocket::auth).
    pub fn auth<T: Serialize>(mut self, value: T) -> Self {
        self.auth = Auth::value(&value);
        self
    }

    /// Sets a closure that provides the credentials, called each time a socket joins its namespace. If it returns an error, or a
    /// value that is not an object, the socket fails to connect.
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

    /// How long `emit_with_ack` waits for the ack by default, and how long each try with [`retries`](Self::retries) waits. Any
    /// duration is allowed. Default: no limit.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.socket.ack_timeout = Some(timeout);
        self
    }

    /// Sends events one at a time, each until the server has acknowledged it. An event is sent again after
    /// [`ack_timeout`](Self::ack_timeout) has passed and after a reconnection, at most this many times, so the server may receive
    /// it more than once. Default: each event is sent once.
    pub fn retries(mut self, retries: u32) -> Self {
        self.socket.retries = Some(retries);
        self
    }

    // --- building ------------------------------------------------------------------------------------------------------

    /// Builds the client. It connects when [`connect`](crate::ClientSocket::connect) is called on one of its sockets.
    ///
    /// # Errors
    /// [`BuildError`] says which option is invalid: the URL, a header, the credentials, the transports (an empty list), the
    /// reconnection delays, TLS, or an Engine.IO option.
    pub fn build(self) -> Result<Client, BuildError> {
        if let Some(error) = self.broken {
            return Err(BuildError::Header(error));
        }
        check(&self.manager)?;
        if !is_allowed(self.dial.write_timeout.get()) {
            return Err(BuildError::Option { option: "write_timeout", allowed: "1 ms to 2^31-1 ms" });
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
        // For the jitter of reconnection delays and the timestamps in URLs.
        let seed = u64::from_le_bytes(random(&*runtime));
        let machine = Manager::new(Arc::new(self.manager), seed, runtime.now());
        Ok(Client::of(Arc::new(Alive::new(Shared::new(runtime, options, machine)))))
    }
}

/// The longest delay of the JavaScript client's timers.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

fn is_allowed(duration: Duration) -> bool {
    (Duration::from_millis(1)..=LONGEST).contains(&duration)
}

fn check(manager: &client::Config) -> Result<(), BuildError> {
    let backoff = &manager.backoff;
    let wrong = |option, allowed| Err(BuildError::Option { option, allowed });
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
