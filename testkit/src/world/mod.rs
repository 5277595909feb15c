//! A server and its clients in one thread, in virtual time.

mod app;
mod net;
mod pipe;
mod run;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::{Instant, RequestId, client};
use http::request::Parts;
use socketio_proto::server::{self, Connection, Hub, SocketKey};
use socketio_proto::{Encoded, Sid};

use crate::{Network, Random, RawClient, Step};
use pipe::Wire;

/// What a world is made of. The number of clients follows from the script.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The network.
    pub network: Network,
    /// The server's engine. Default: its defaults.
    pub engine: engineio_proto::Config,
    /// The server's connections. Default: their defaults.
    pub connection: server::Config,
    /// The clients' engine. Default: its defaults.
    pub client: client::Config,
    /// How long after the last step the world runs on before everybody closes. Default 3 s.
    pub settle: Duration,
    /// That nothing may be lost: the script has no faults, so at the end all has to be there. Default false.
    pub lossless: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            network: Network::default(),
            engine: engineio_proto::Config::default(),
            connection: server::Config::default(),
            client: client::Config::default(),
            settle: Duration::from_secs(3),
            lossless: false,
        }
    }
}

/// What came of a run, for statistics and for the checks of a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Inputs given to machines.
    pub inputs: u64,
    /// Events that the server's application got.
    pub up: u64,
    /// Events that the clients' applications got.
    pub down: u64,
    /// Sessions that the server opened.
    pub sessions: u64,
    /// Sessions that moved to WebSocket.
    pub upgrades: u64,
    /// Volatile events that did not leave.
    pub skipped: u64,
    /// Emits refused because the outbox was full.
    pub full: u64,
    /// Acks that came in time.
    pub acks: u64,
    /// Acks that timed out.
    pub late: u64,
    /// Sessions that the server ended by ping timeout.
    pub ping_timeouts: u64,
    /// Sessions that a client ended because no ping came.
    pub missed_pings: u64,
    /// How much time went by in the world.
    pub elapsed: Duration,
}

/// A world in the course of a run. See [`run`](World::run).
#[derive(Debug)]
pub struct World {
    settings: Settings,
    engine: Arc<engineio_proto::Config>,
    connection: Arc<server::Config>,
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
    by_sid: BTreeMap<Sid, usize>,
    exchanges: BTreeMap<u64, Exchange>,
    wires: BTreeMap<u64, Wire>,
    hub: Hub<(usize, SocketKey)>,
    shut_down: bool,
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
    /// The server hears that its client gave up a request.
    Aborted(u64),
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
    /// A handler is done: the client's, the server's.
    ClientAnswer(usize, u64, Encoded),
    ServerAnswer(usize, SocketKey, Encoded),
    Resume(usize),
}

/// A client and what it should see.
#[derive(Debug)]
struct Peer {
    machine: RawClient,
    /// The timer that is set.
    armed: Option<Instant>,
    stalled: Instant,
    gone: bool,
    /// Number of its present session, from 1.
    session: u64,
    emitted: u64,
    /// Its acks under way.
    asks: BTreeMap<u64, ()>,
    next_ask: u64,
    /// The server's side, once it is connected.
    conn: Option<usize>,
    wires: BTreeMap<u64, u64>,
    was_closed: bool,
}

/// The server's side of a session and what it should see.
#[derive(Debug)]
struct Conn {
    client: usize,
    session: u64,
    machine: Connection,
    armed: Option<Instant>,
    socket: Option<(SocketKey, Sid)>,
    /// The number of the next event from the client.
    next_up: u64,
    /// What was sent and is not there yet, by number.
    sent: VecDeque<u64>,
    asks: BTreeMap<u64, Instant>,
    paused: Option<Instant>,
    /// The network repeated a request of this session.
    repeated: bool,
    closed: bool,
}

/// An HTTP request under way.
#[derive(Debug)]
struct Exchange {
    client: usize,
    session: u64,
    id: RequestId,
    /// A copy that nobody waits for.
    copy: bool,
    parts: Parts,
    body: Bytes,
    conn: Option<usize>,
}
