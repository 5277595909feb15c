//! The client itself.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use engineio_proto::{Sid, Text, TransportKind};
use futures_channel::oneshot;
use socketio_proto::server::{NamespaceError, namespace_name};

use super::shared::{Alive, Stage};
use super::socket::ClientSocket;
use super::state::States;

/// One connection to a server, shared by its sockets, and reconnected when it breaks: a cheap handle. Made by a
/// [`ClientBuilder`](super::ClientBuilder).
///
/// It connects when the first of its sockets does, and closes with the last. When all handles are gone, those of the client and
/// of its sockets, every socket is disconnected, the connection is closed once what was sent has left, and no task remains. A
/// handler that captured its own socket keeps it for ever; handlers get their socket as an argument.
///
/// ```no_run
/// # use socketio_runtime::{ClientBuilder, Runtime};
/// # use socketio_runtime::server::BuildError;
/// # async fn example<R: Runtime + Default>() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ClientBuilder::<R>::new("http://localhost:3000").build()?;
/// let (root, admin) = (client.socket("/"), client.socket("/admin"));
/// root.connect().await?;
/// admin.connect().await?; // over the same connection
/// client.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    alive: Arc<Alive>,
}

impl Client {
    pub(super) fn of(alive: Arc<Alive>) -> Self {
        Self { alive }
    }

    /// The socket of a namespace, the same one each time; a missing leading `/` is added. It is not connected before
    /// [`connect`](ClientSocket::connect).
    ///
    /// # Panics
    /// The name contains a comma or U+001E, which can't be sent within one. For names that are not known when the program is written
    /// there is [`try_socket`](Self::try_socket).
    #[track_caller]
    pub fn socket(&self, namespace: impl Into<Text>) -> ClientSocket {
        #[expect(
            clippy::panic,
            reason = "documented; the socket would join another namespace than the one that was named"
        )]
        self.try_socket(namespace).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`socket`](Self::socket), for names that come from elsewhere.
    ///
    /// # Errors
    /// The name can't be sent.
    pub fn try_socket(&self, namespace: impl Into<Text>) -> Result<ClientSocket, NamespaceError> {
        let member = self.alive.member(namespace_name(namespace.into())?);
        Ok(ClientSocket::new(member, self.alive.clone(), None))
    }

    /// The connection's state from now on. Each caller hears of every change.
    pub fn states(&self) -> States {
        let ended = self.alive.shared.lock().stage == Stage::Ended;
        self.alive.shared.subscribers.join(ended)
    }

    /// The transport in use now; `None` if there is no connection.
    pub fn transport(&self) -> Option<TransportKind> {
        let inner = self.alive.shared.lock();
        inner.machine.engine().filter(|engine| engine.is_open()).map(|engine| engine.transport())
    }

    /// The id of the engine session below, shared by all sockets; `None` if there is no connection.
    pub fn session_id(&self) -> Option<Sid> {
        self.alive.shared.lock().machine.engine().and_then(|engine| engine.sid().cloned())
    }

    /// Closes the connection as if the network had: every socket sees a disconnect, and reconnection applies.
    pub fn close_engine(&self) {
        self.alive.shared.with_machine(|machine, now| machine.close_engine(now));
    }

    /// Disconnects every socket, stops a reconnection, and waits until what was handed to the connection has left and the goodbye
    /// behind it. A socket may [connect](ClientSocket::connect) again, at once if it likes: that connection is not waited for.
    ///
    /// A program that ends right after its last emit waits for this; nobody else has to.
    ///
    /// What was kept for want of a connection is not delivered by this: it waits until its socket is
    /// connected again, and goes with the last handle. Without a connection there is nothing to wait for.
    ///
    /// A server that does not read is waited for no longer than the engine's `close_timeout`, 30 s unless
    /// `.engine(|engine| engine.close_timeout(..))` says otherwise, and 5 s more for the last request or write. Then the
    /// connection is dropped, and what has not left is lost without a word.
    ///
    /// That the server has handled an event is proved by an ack alone. The official server drops events that it reads together with
    /// the goodbye; so that goes by itself when the server has read what was before it, or after 5 s.
    pub async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        let shared = &self.alive.shared;
        let connecting = {
            let mut inner = shared.lock();
            inner.machine.close(shared.now());
            inner.release_waiting();
            match inner.stage {
                Stage::Running => {
                    let session = inner.session;
                    inner.closing.push((session, sender));
                }
                Stage::NotStarted | Stage::Ended => drop(sender),
            }
            std::mem::take(&mut inner.connecting)
        };
        connecting.into_iter().for_each(|(_, waiting)| _ = waiting.send(Err(super::ConnectError::Disconnected)));
        self.alive.recheck();
        shared.turns.call();
        // An error: there is no task, so all is closed.
        _ = receiver.await;
    }
}

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.alive, &other.alive)
    }
}

impl Eq for Client {}

impl Hash for Client {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.alive).hash(state);
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("transport", &self.transport()).finish_non_exhaustive()
    }
}
