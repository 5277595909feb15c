//! A blocking client for programs without async: the same handles, with methods that wait.
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
//! The connection runs on smol's global executor, whose thread starts automatically. Handlers are plain closures that run on a
//! thread pool, so they may block: for an ack, or for a file. The handlers of one socket still run in order, one at a time; a
//! handler that waits for something that only a later handler of the same socket does waits forever.
//!
//! **Never call a blocking method from async code**, such as an async handler set on [`ClientSocket::inner`]: it blocks the thread
//! that would complete it.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use serde::Serialize;

use crate::NamespaceError;
use crate::client::BuildError;
use crate::client::{ConnectError, DisconnectReason, State};
use crate::{AckError, ClientBuilder, EmitError, FromArgs, HandlerError, IntoAck, Pressure, Sid, Text};

/// An event that the server emitted.
pub type Event = crate::Event<crate::ClientSocket>;

/// Blocks on a future; `None` if the timeout passes first.
fn in_time<T>(timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
    smol::block_on(smol::future::or(async { Some(future.await) }, async {
        smol::Timer::after(timeout).await;
        None
    }))
}

fn received<T>(received: Option<Option<T>>) -> Result<T, RecvTimeoutError> {
    received.ok_or(RecvTimeoutError::Timeout)?.ok_or(RecvTimeoutError::Disconnected)
}

/// Calls a handler on the thread pool, where it may block. A panic is passed on to the task.
fn aside<F, T>(handler: &Arc<F>, call: impl FnOnce(&F) -> T + Send + 'static) -> smol::Task<T>
where
    F: Send + Sync + 'static,
    T: Send + 'static,
{
    let handler = handler.clone();
    smol::unblock(move || call(&handler))
}

/// One connection to a server, shared by its sockets: [`Client`](crate::Client) with blocking methods.
///
/// To set options, use the [`ClientBuilder`]:
///
/// ```
/// use socketio_smol::{ClientBuilder, TransportKind, blocking};
///
/// let builder = ClientBuilder::new("http://127.0.0.1:3000").transports([TransportKind::WebSocket]);
/// let client = blocking::Client::from(builder.build()?);
/// assert!(!client.socket("/").is_connected());
/// # Ok::<(), socketio_smol::client::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client(crate::Client);

impl From<crate::Client> for Client {
    fn from(client: crate::Client) -> Self {
        Self(client)
    }
}

impl Client {
    /// A client with default options. It connects when [`connect`](ClientSocket::connect) is called on one of its sockets.
    ///
    /// # Errors
    /// The URL is invalid.
    pub fn new(url: impl Into<String>) -> Result<Self, BuildError> {
        Ok(Self(ClientBuilder::new(url).build()?))
    }

    /// The socket of a namespace; the same one for each call with the same name. A missing leading `/` is added.
    ///
    /// # Panics
    /// The name contains a comma or U+001E, which the protocol can't represent. For names that are not fixed in the program use
    /// [`try_socket`](Self::try_socket).
    #[track_caller]
    pub fn socket(&self, namespace: impl Into<Text>) -> ClientSocket {
        ClientSocket(self.0.socket(namespace))
    }

    /// Like [`socket`](Self::socket), but returns an error for an invalid name.
    ///
    /// # Errors
    /// The name contains a comma or U+001E.
    pub fn try_socket(&self, namespace: impl Into<Text>) -> Result<ClientSocket, NamespaceError> {
        self.0.try_socket(namespace).map(ClientSocket)
    }

    /// An iterator over the connection's state changes from now on.
    pub fn states(&self) -> States {
        States(self.0.states())
    }

    /// Disconnects every socket and waits until the queued packets have been written and the connection is closed. A program that
    /// exits right after its last emit should call this.
    pub fn close(&self) {
        smol::block_on(self.0.close());
    }

    /// The async handle of the same client, for everything else.
    pub fn inner(&self) -> &crate::Client {
        &self.0
    }
}

/// A client's membership of one namespace: [`ClientSocket`](crate::ClientSocket) with blocking methods.
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
    /// Connects, and waits for the result. With the default options, which have no maximum of attempts, this waits as long as there
    /// is no server.
    ///
    /// # Errors
    /// The server has refused the socket, or no further attempt will be made.
    pub fn connect(&self) -> Result<(), ConnectError> {
        smol::block_on(self.0.connect())
    }

    /// Like [`connect`](Self::connect), but waits at most `timeout`. `None` if there is no result by then; the socket continues to
    /// connect.
    pub fn connect_timeout(&self, timeout: Duration) -> Option<Result<(), ConnectError>> {
        in_time(timeout, self.0.connect())
    }

    /// Leaves the namespace. The connection closes when the last socket has left.
    pub fn disconnect(&self) {
        self.0.disconnect();
    }

    /// Whether the socket is connected.
    pub fn is_connected(&self) -> bool {
        self.0.is_connected()
    }

    /// The socket's id, assigned by the server. `None` while the socket is not connected.
    pub fn id(&self) -> Option<Sid> {
        self.0.id()
    }

    /// Emits an event: a tuple is the list of arguments, `()` is an empty list, any other value is one argument. Never waits.
    ///
    /// # Errors
    /// The event can't be encoded, the buffer is full, or the client has ended.
    pub fn emit<A: Serialize>(&self, event: &str, args: A) -> Result<(), EmitError> {
        self.0.emit(event, args)
    }

    /// Emits an event immediately. [`PendingAck::wait`] waits for its ack, for the builder's `ack_timeout`: by default without a
    /// limit.
    pub fn emit_with_ack<A: Serialize, T: FromArgs>(&self, event: &str, args: A) -> PendingAck<T> {
        PendingAck(self.0.emit_with_ack(event, args))
    }

    /// Sets how long to wait for the ack of an event emitted through the returned value.
    pub fn timeout(&self, timeout: Duration) -> WithTimeout<'_> {
        WithTimeout { socket: self, timeout }
    }

    /// How full the client's send buffers are.
    pub fn pressure(&self) -> Pressure {
        self.0.pressure()
    }

    /// Waits until the send buffers are no longer under pressure. `false` if they would never drain: see
    /// [`ClientSocket::ready`](crate::ClientSocket::ready).
    pub fn ready(&self) -> bool {
        smol::block_on(self.0.ready())
    }

    /// Waits for the next event: a loop as an alternative to handlers. `None` when no more events can arrive. See
    /// [`ClientSocket::next`](crate::ClientSocket::next) for the events that are queued for it.
    pub fn next(&self) -> Option<Event> {
        smol::block_on(self.0.next())
    }

    /// Like [`next`](Self::next), but waits at most `timeout`.
    ///
    /// # Errors
    /// `Timeout` if no event arrived in time, `Disconnected` if no more events can arrive.
    pub fn next_timeout(&self, timeout: Duration) -> Result<Event, RecvTimeoutError> {
        received(in_time(timeout, self.0.next()))
    }

    /// An iterator over the events from now on, until no more can arrive.
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

    /// Sets the handler of an event. Its return value is sent as the ack, if the server asked for one; an error goes to
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

    /// Sets the handler of all events without a handler of their own.
    pub fn on_event(&self, handler: impl Fn(Event) + Send + Sync + 'static) -> &Self {
        let handler = Arc::new(handler);
        self.0.on_event(move |event| aside(&handler, move |handler| handler(event)));
        self
    }

    /// Sets the handler called each time the socket has connected, including after a reconnection.
    pub fn on_connect(&self, handler: impl Fn(Self) + Send + Sync + 'static) -> &Self {
        let handler = Arc::new(handler);
        self.0.on_connect(move |socket| aside(&handler, move |handler| handler(Self(socket))));
        self
    }

    /// Sets the handler called each time the socket has disconnected.
    pub fn on_disconnect(&self, handler: impl Fn(Self, DisconnectReason) + Send + Sync + 'static) -> &Self {
        let handler = Arc::new(handler);
        self.0.on_disconnect(move |socket, reason| aside(&handler, move |handler| handler(Self(socket), reason)));
        self
    }

    /// Sets the handler called each time an attempt to connect has failed or the server has refused the socket.
    pub fn on_connect_error(&self, handler: impl Fn(Self, ConnectError) + Send + Sync + 'static) -> &Self {
        let handler = Arc::new(handler);
        self.0.on_connect_error(move |socket, error| aside(&handler, move |handler| handler(Self(socket), error)));
        self
    }

    /// Sets the handler of errors: of handlers that failed or panicked, and of packets that can't be decoded.
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

/// A socket with a timeout for acks. Created by [`ClientSocket::timeout`].
#[derive(Debug)]
#[must_use = "this does nothing until it emits"]
pub struct WithTimeout<'a> {
    socket: &'a ClientSocket,
    timeout: Duration,
}

impl WithTimeout<'_> {
    /// Emits an event immediately. [`PendingAck::wait`] waits for its ack.
    pub fn emit_with_ack<A: Serialize, T: FromArgs>(&self, event: &str, args: A) -> PendingAck<T> {
        PendingAck(self.socket.0.timeout(self.timeout).emit_with_ack(event, args))
    }
}

/// The pending ack of an emitted event. Returned by [`ClientSocket::emit_with_ack`]. Dropping it does not take the event back.
#[derive(Debug)]
#[must_use = "the event has been emitted, but nothing waits for its ack; use `emit` if none is needed"]
pub struct PendingAck<T>(crate::AckFuture<T, crate::ClientSocket>);

impl<T: FromArgs> PendingAck<T> {
    /// Waits for the ack.
    ///
    /// # Errors
    /// The event was not emitted, the ack did not arrive in time, or its arguments don't fit `T`.
    pub fn wait(self) -> Result<T, AckError> {
        smol::block_on(self.0)
    }
}

/// The state changes of a connection: a blocking iterator that ends with the client.
#[derive(Debug)]
pub struct States(crate::client::States);

impl States {
    /// Waits for the next state, at most `timeout`.
    ///
    /// # Errors
    /// `Timeout` if none arrived in time, `Disconnected` if the client has ended.
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
