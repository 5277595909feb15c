//! The handle of a client.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use engineio_proto::{Sid, Text, TransportKind};
use futures_channel::oneshot;
use socketio_proto::server::{NamespaceError, namespace_name};

use super::shared::{Alive, Stage};
use super::socket::ClientSocket;
use super::state::States;

/// One connection to a server, shared by its sockets, and reconnected when it is lost. A handle that is cheap to clone. Created by
/// a [`ClientBuilder`](super::ClientBuilder).
///
/// The connection opens when the first socket connects and closes when the last one disconnects. When all handles of the client and
/// its sockets are dropped, every socket is disconnected, the connection closes once the queued packets have been written, and the
/// client's task ends. A handler that captures its own socket prevents this; use the socket it receives as an argument.
///
/// ```no_run
/// # use socketio_runtime::{ClientBuilder, Runtime};
/// # use socketio_runtime::client::BuildError;
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

    /// The socket of a namespace; the same one for each call with the same name. A missing leading `/` is added. The socket does
    /// not connect until [`connect`](ClientSocket::connect) is called.
    ///
    /// # Panics
    /// The name contains a comma or U+001E, which the protocol can't represent. For names that are not fixed in the program use
    /// [`try_socket`](Self::try_socket).
    #[track_caller]
    pub fn socket(&self, namespace: impl Into<Text>) -> ClientSocket {
        #[expect(
            clippy::panic,
            reason = "documented; the socket would join another namespace than the one that was named"
        )]
        self.try_socket(namespace).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Like [`socket`](Self::socket), but returns an error for an invalid name.
    ///
    /// # Errors
    /// The name contains a comma or U+001E.
    pub fn try_socket(&self, namespace: impl Into<Text>) -> Result<ClientSocket, NamespaceError> {
        let member = self.alive.member(namespace_name(namespace.into())?);
        Ok(ClientSocket::new(member, self.alive.clone(), None))
    }

    /// A stream of the connection's state changes from now on. Each stream receives every change.
    pub fn states(&self) -> States {
        let ended = self.alive.shared.lock().stage == Stage::Ended;
        self.alive.shared.subscribers.join(ended)
    }

    /// The transport in use now; `None` if there is no connection.
    pub fn transport(&self) -> Option<TransportKind> {
        let inner = self.alive.shared.lock();
        inner.machine.engine().filter(|engine| engine.is_open()).map(|engine| engine.transport())
    }

    /// The id of the Engine.IO session, shared by all sockets; `None` if there is no connection.
    pub fn session_id(&self) -> Option<Sid> {
        self.alive.shared.lock().machine.engine().and_then(|engine| engine.sid().cloned())
    }

    /// Closes the Engine.IO connection as if it had been lost: every socket is disconnected, and the client reconnects if
    /// [`reconnection`](super::ClientBuilder::reconnection) is on.
    pub fn close_engine(&self) {
        self.alive.shared.with_machine(|machine, now| machine.close_engine(now));
    }

    /// Disconnects every socket, stops reconnecting, and waits until the queued packets and the DISCONNECT packets after them have
    /// been written and the connection is closed. A socket may [connect](ClientSocket::connect) again at any time; this call does
    /// not wait for that new connection.
    ///
    /// A program that exits right after its last emit should wait for this; other programs don't need to.
    ///
    /// Events buffered while there was no connection are not delivered by this: they stay buffered until their socket connects
    /// again, and are discarded with the last handle. Without a connection this returns at once.
    ///
    /// If the server does not read, this waits for the engine's `close_timeout` (default 30 s, set with `.engine(|engine|
    /// engine.close_timeout(..))`) and 5 s more for the last request or write. Then the connection is dropped, and whatever was not
    /// written is lost.
    ///
    /// Only an ack proves that the server has handled an event. The official server drops events that it reads together with the
    /// DISCONNECT packet, so that packet is sent separately: once the server has read everything before it, or after 5 s.
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
        // An error means that there is no task, so everything is closed.
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
