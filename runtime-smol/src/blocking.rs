//! The client for programs without async: the same handles, with methods that wait.
//!
//! ```no_run
//! use std::time::Duration;
//! use socketio_smol::blocking;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let client = blocking::Client::new("http://127.0.0.1:3000")?;
//!     let socket = client.socket("/");
//!     socket.on("said", |_, (text,): (String,)| println!("{text}"));
//!     socket.on("sum", |_, (a, b): (i64, i64)| a + b); // the value answers the server's ack
//!     socket.connect()?;
//!     socket.emit("say", ("hello",))?;
//!     let sum: i64 = socket.timeout(Duration::from_secs(1)).emit_with_ack("sum", (1, 2)).wait()?;
//!     println!("1 + 2 = {sum}");
//!     client.close(); // waits until everything has left
//!     Ok(())
//! }
//! ```
//!
//! The connection lives on smol's global executor, whose thread starts by itself. Handlers are plain closures and run on threads
//! of their own, so they may wait, too: for an ack, or for a file. Those of one socket still run in order, one at a time; one that
//! waits for what only the next handler of its socket brings waits for ever.
//!
//! **Never call what waits from async code**, nor from a handler that is async ([`ClientSocket::inner`] has such ones): it stops
//! the thread that it waits for.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use serde::Serialize;

use crate::client::{ConnectError, DisconnectReason, State};
use crate::server::{BuildError, NamespaceError};
use crate::{AckError, ClientBuilder, EmitError, FromArgs, HandlerError, IntoAck, Pressure, Sid, Text};

/// An event that the server emitted.
pub type Event = crate::Event<crate::ClientSocket>;

/// The value of a future, if it comes in time.
fn in_time<T>(timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
    smol::block_on(smol::future::or(async { Some(future.await) }, async {
        smol::Timer::after(timeout).await;
        None
    }))
}

fn received<T>(received: Option<Option<T>>) -> Result<T, RecvTimeoutError> {
    received.ok_or(RecvTimeoutError::Timeout)?.ok_or(RecvTimeoutError::Disconnected)
}

/// Calls a handler on a thread where it may wait. A panic comes back.
fn aside<F, T>(handler: &Arc<F>, call: impl FnOnce(&F) -> T + Send + 'static) -> smol::Task<T>
where
    F: Send + Sync + 'static,
    T: Send + 'static,
{
    let handler = handler.clone();
    smol::unblock(move || call(&handler))
}

/// One connection to a server, shared by its sockets: [`Client`](crate::Client) with methods that wait.
///
/// Every option of the [`ClientBuilder`] can be set:
///
/// ```
/// use socketio_smol::{ClientBuilder, TransportKind, blocking};
///
/// let builder = ClientBuilder::new("http://127.0.0.1:3000").transports([TransportKind::WebSocket]);
/// let client = blocking::Client::from(builder.build()?);
/// assert!(!client.socket("/").is_connected());
/// # Ok::<(), socketio_smol::server::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client(crate::Client);

impl From<crate::Client> for Client {
    fn from(client: crate::Client) -> Self {
        Self(client)
    }
}

impl Client {
    /// A client with default options. It connects when one of its sockets is told to.
    ///
    /// # Errors
    /// The URL is none.
    pub fn new(url: impl Into<String>) -> Result<Self, BuildError> {
        Ok(Self(ClientBuilder::new(url).build()?))
    }

    /// The socket of a namespace, the same one each time.
    ///
    /// # Panics
    /// The name contains a comma or U+001E, which can't be sent within one. For names that are not known when the program is written
    /// there is [`try_socket`](Self::try_socket).
    #[track_caller]
    pub fn socket(&self, namespace: impl Into<Text>) -> ClientSocket {
        ClientSocket(self.0.socket(namespace))
    }

    /// Like [`socket`](Self::socket), for names that come from elsewhere.
    ///
    /// # Errors
    /// The name can't be sent.
    pub fn try_socket(&self, namespace: impl Into<Text>) -> Result<ClientSocket, NamespaceError> {
        self.0.try_socket(namespace).map(ClientSocket)
    }

    /// The connection's state from now on.
    pub fn states(&self) -> States {
        States(self.0.states())
    }

    /// Disconnects every socket and waits until what was sent has left. A program that ends right after its last emit calls
    /// this.
    pub fn close(&self) {
        smol::block_on(self.0.close());
    }

    /// The async handle of the same client, for everything else.
    pub fn inner(&self) -> &crate::Client {
        &self.0
    }
}

/// One namespace of a client: [`ClientSocket`](crate::ClientSocket) with methods that wait.
///
/// ```no_run
/// use std::time::Duration;
/// use socketio_smol::blocking::Client;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let socket = Client::new("http://127.0.0.1:3000")?.socket("/news");
/// socket.connect()?;
/// while let Ok(event) = socket.next_timeout(Duration::from_secs(60)) {
///     println!("{}: {:?}", event.name(), event.args::<(String,)>()?);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSocket(crate::ClientSocket);

impl ClientSocket {
    /// Connects, and waits for the answer. With reconnection, as by default, and without a bound of attempts this waits as
    /// long as there is no server.
    ///
    /// # Errors
    /// The server has refused the socket, or no further attempt will be made.
    pub fn connect(&self) -> Result<(), ConnectError> {
        smol::block_on(self.0.connect())
    }

    /// The same for so long at most. `None` if there is no answer yet: it goes on connecting.
    pub fn connect_timeout(&self, timeout: Duration) -> Option<Result<(), ConnectError>> {
        in_time(timeout, self.0.connect())
    }

    /// Leaves the namespace; the connection closes with its last one.
    pub fn disconnect(&self) {
        self.0.disconnect();
    }

    /// Whether the socket is connected.
    pub fn is_connected(&self) -> bool {
        self.0.is_connected()
    }

    /// The socket's id, which the server knows, too. `None` while it is not connected.
    pub fn id(&self) -> Option<Sid> {
        self.0.id()
    }

    /// Emits an event: a tuple is the list of arguments, anything else one argument. Never waits.
    ///
    /// # Errors
    /// The event can't be encoded, or the buffer is full.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        self.0.emit(event, args)
    }

    /// Emits an event now. Its ack is [waited for](PendingAck::wait) apart, as long as the builder's `ack_timeout` says: without a
    /// limit by default.
    pub fn emit_with_ack<A: Serialize, T: FromArgs>(&self, event: &str, args: A) -> PendingAck<T> {
        PendingAck(self.0.emit_with_ack(event, args))
    }

    /// Sets how long to wait for the ack of the event that is emitted next.
    pub fn timeout(&self, timeout: Duration) -> WithTimeout<'_> {
        WithTimeout { socket: self, timeout }
    }

    /// How full the client's buffers are.
    pub fn pressure(&self) -> Pressure {
        self.0.pressure()
    }

    /// Waits until the buffers are no longer under pressure. `false` if the client has ended.
    pub fn ready(&self) -> bool {
        smol::block_on(self.0.ready())
    }

    /// Waits for the next event, for who likes a loop better than handlers. `None` when no more can come.
    /// [`ClientSocket::next`](crate::ClientSocket::next) says what is kept for it.
    pub fn next(&self) -> Option<Event> {
        smol::block_on(self.0.next())
    }

    /// The same for so long at most.
    ///
    /// # Errors
    /// Nothing came in time, or no more can come.
    pub fn next_timeout(&self, timeout: Duration) -> Result<Event, RecvTimeoutError> {
        received(in_time(timeout, self.0.next()))
    }

    /// The events from now on, until no more can come.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_smol::blocking::ClientSocket) {
    /// for event in socket.events() {
    ///     println!("{}", event.name());
    /// }
    /// # }
    /// ```
    pub fn events(&self) -> impl Iterator<Item = Event> + use<> {
        let socket = self.clone();
        std::iter::from_fn(move || socket.next())
    }

    /// Handles an event. What the closure returns answers the ack, if the server asked for one; an error goes to
    /// [`on_error`](Self::on_error).
    pub fn on<A, T, F>(&self, event: impl Into<Text>, handler: F) -> &Self
    where
        A: FromArgs + Send + 'static,
        T: IntoAck + 'static,
        F: Fn(Self, A) -> T + Send + Sync + 'static,
    {
        let handler = Arc::new(handler);
        self.0.on(event, move |socket, args| aside(&handler, move |handler| handler(Self(socket), args)));
        self
    }

    /// Handles every event that has no handler of its own.
    pub fn on_event(&self, handler: impl Fn(Event) + Send + Sync + 'static) -> &Self {
        let handler = Arc::new(handler);
        self.0.on_event(move |event| aside(&handler, move |handler| handler(event)));
        self
    }

    /// Called whenever the socket has been connected, after a reconnection, too.
    pub fn on_connect(&self, handler: impl Fn(Self) + Send + Sync + 'static) -> &Self {
        let handler = Arc::new(handler);
        self.0.on_connect(move |socket| aside(&handler, move |handler| handler(Self(socket))));
        self
    }

    /// Called whenever the socket has been disconnected.
    pub fn on_disconnect(&self, handler: impl Fn(Self, DisconnectReason) + Send + Sync + 'static) -> &Self {
        let handler = Arc::new(handler);
        self.0.on_disconnect(move |socket, reason| aside(&handler, move |handler| handler(Self(socket), reason)));
        self
    }

    /// Called whenever an attempt to connect has failed, and when the server has refused the socket.
    pub fn on_connect_error(&self, handler: impl Fn(Self, ConnectError) + Send + Sync + 'static) -> &Self {
        let handler = Arc::new(handler);
        self.0.on_connect_error(move |socket, error| aside(&handler, move |handler| handler(Self(socket), error)));
        self
    }

    /// Hears of every handler that failed or panicked, and of packets that can't be decoded.
    pub fn on_error(&self, handler: impl Fn(Self, HandlerError) + Send + Sync + 'static) -> &Self {
        let handler = Arc::new(handler);
        self.0.on_error(move |socket, error| aside(&handler, move |handler| handler(Self(socket), error)));
        self
    }

    /// The async handle of the same socket, for everything else.
    pub fn inner(&self) -> &crate::ClientSocket {
        &self.0
    }
}

/// A socket with a time to wait for acks. Made by [`ClientSocket::timeout`].
#[derive(Debug)]
#[must_use = "this does nothing until it emits"]
pub struct WithTimeout<'a> {
    socket: &'a ClientSocket,
    timeout: Duration,
}

impl WithTimeout<'_> {
    /// Emits an event now. Its ack is [waited for](PendingAck::wait) apart.
    pub fn emit_with_ack<A: Serialize, T: FromArgs>(&self, event: &str, args: A) -> PendingAck<T> {
        PendingAck(self.socket.0.timeout(self.timeout).emit_with_ack(event, args))
    }
}

/// The ack of an event that has been emitted. Made by [`ClientSocket::emit_with_ack`]. Dropping it stops the waiting only.
#[derive(Debug)]
#[must_use = "the event has been emitted, but nothing waits for its ack; use `emit` if none is needed"]
pub struct PendingAck<T>(crate::AckFuture<T, crate::ClientSocket>);

impl<T: FromArgs> PendingAck<T> {
    /// Waits for the ack.
    ///
    /// # Errors
    /// The event was not emitted, or the ack did not come in time or does not fit.
    pub fn wait(self) -> Result<T, AckError> {
        smol::block_on(self.0)
    }
}

/// The news of a connection: an iterator that waits for the next one, and ends with the client.
#[derive(Debug)]
pub struct States(crate::client::States);

impl States {
    /// The next state, if it comes in time.
    ///
    /// # Errors
    /// Nothing came in time, or the client is gone.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<State, RecvTimeoutError> {
        received(in_time(timeout, self.0.next()))
    }
}

impl Iterator for States {
    type Item = State;

    fn next(&mut self) -> Option<State> {
        smol::block_on(self.0.next())
    }
}
