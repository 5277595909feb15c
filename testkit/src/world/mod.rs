//! A server and its clients in one thread, in virtual time.

mod app;
mod attempts;
mod checks;
mod clients;
mod net;
mod peer;
mod pipe;
mod run;
mod serving;
mod settings;
mod watch;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use engineio_proto::{Instant, RequestId};
use http::request::Parts;
use socketio_proto::server::{self, Connection, Hub};
use socketio_proto::{Encoded, SocketKey};

use crate::{Random, Step};
use peer::Peer;
use pipe::Wire;
pub use settings::{Outcome, Settings};

/// The namespaces there are: two for everybody, one for nobody, one as the server likes.
const SPACES: [&str; 4] = ["/", "/news", "/closed", "/moody"];
const CLOSED: usize = 2;
const MOODY: usize = 3;

/// A world in the course of a run. See [`run`](World::run).
#[derive(Debug)]
pub struct World {
    settings: Settings,
    engine: Arc<engineio_proto::Config>,
    connection: Arc<server::Config>,
    client: Arc<engineio_proto::client::Config>,
    start: Instant,
    now: Instant,
    /// For the network, and apart from it for ids: what the one draws changes nothing for the other.
    random: Random,
    entropy: Random,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    items: BTreeMap<u64, Item>,
    serial: u64,
    clients: Vec<Peer>,
    conns: Vec<Conn>,
    joins: Vec<Join>,
    by_sid: BTreeMap<engineio_proto::Sid, usize>,
    by_socket: BTreeMap<String, usize>,
    exchanges: BTreeMap<u64, Exchange>,
    wires: BTreeMap<u64, Wire>,
    hub: Hub<usize>,
    shut_down: bool,
    /// Until when there is no server.
    down: Instant,
    /// It comes to its end: everybody is let in.
    ending: bool,
    /// Attempts to reconnect in each tenth of a second.
    crowds: BTreeMap<u128, u64>,
    failure: Option<String>,
    outcome: Outcome,
}

/// Something that is to happen.
#[derive(Debug)]
enum Item {
    Step(Step),
    /// A request arrives at the server; its body does.
    Request(u64),
    Body(u64),
    /// The server hears that its client gave up a request; that the connection broke, of which the client hears for itself.
    Aborted(u64),
    Severed(u64),
    Response(u64, Box<http::Response<Bytes>>),
    Failed(u64),
    /// The next of what is in a pipe arrives.
    Pipe {
        wire: u64,
        up: bool,
    },
    Flushed {
        wire: u64,
        up: bool,
    },
    ClientTimer(usize),
    ServerTimer(usize),
    /// The answers to questions: where to connect to, as whom to join, whether to let in.
    Open(usize, bool),
    Authenticate(usize, SocketKey, bool),
    Admit(usize, SocketKey, usize),
    /// A handler is done: the client's, for an event that came in a join; the server's.
    ClientAnswer(usize, usize, Encoded),
    ServerAnswer(usize, SocketKey, Encoded),
    Resume(usize),
}

/// The server's side of a session and what it should see.
#[derive(Debug)]
struct Conn {
    client: usize,
    machine: Connection,
    armed: Option<Instant>,
    /// Its sockets: their joins.
    sockets: BTreeMap<SocketKey, usize>,
    asks: BTreeMap<u64, Instant>,
    paused: Option<Instant>,
    /// The application was told to wait, and not yet to go on.
    full: bool,
    /// The network repeated a request of this session.
    repeated: bool,
    /// Its process is gone.
    lost: bool,
    closed: bool,
}

/// The time of a socket in its namespace, from the server's yes on.
#[derive(Debug)]
struct Join {
    conn: usize,
    client: usize,
    space: usize,
    key: SocketKey,
    sid: String,
    /// What the client handed to the connection and is not here yet, by number; the last that came.
    up: VecDeque<u64>,
    last_up: Option<u64>,
    /// The last that came from the retry queue.
    last_sure: Option<u64>,
    /// What was sent and is not there yet, by number.
    down: VecDeque<u64>,
}

/// An HTTP request under way.
#[derive(Debug)]
struct Exchange {
    client: usize,
    id: RequestId,
    /// A copy that nobody waits for.
    copy: bool,
    parts: Parts,
    body: Bytes,
    conn: Option<usize>,
}
