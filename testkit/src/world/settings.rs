//! What a world is made of, and what comes of it.

use std::time::Duration;

use socketio_proto::{client, server};

use crate::Network;

/// What a world is made of. The number of clients follows from the script.
///
/// A client with several sockets needs an outbox in which all that waits has room: which of its sockets has handed over what could
/// not be told otherwise.
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
    pub client: engineio_proto::client::Config,
    /// The clients. Default: their defaults.
    pub manager: client::Config,
    /// The clients' sockets. Default: their defaults.
    pub socket: client::SocketConfig,
    /// How many of a thousand questions (where to connect to, as whom to join, whom to let in) are answered late. Default 0.
    pub late: u64,
    /// How many of a thousand questions of clients are answered with a no. Default 0.
    pub unwilling: u64,
    /// How long after the last step the world runs on before everybody closes. Default 3 s.
    pub settle: Duration,
    /// That nothing may be lost: the script has no faults, so at the end all has to be there. Default false.
    pub lossless: bool,
    /// That the faults of script and network are over when the last step is: once the world has settled, who wants to be connected has
    /// to be, and nothing may be under way. Default false.
    pub recovers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            network: Network::default(),
            engine: engineio_proto::Config::default(),
            connection: server::Config::default(),
            client: engineio_proto::client::Config::default(),
            manager: client::Config::default(),
            socket: client::SocketConfig::default(),
            late: 0,
            unwilling: 0,
            settle: Duration::from_secs(3),
            lossless: false,
            recovers: false,
        }
    }
}

/// What came of a run, for statistics and for the checks of a scenario: as it was before everybody closed.
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
    /// Attempts of clients to reconnect.
    pub attempts: u64,
    /// The most attempts to reconnect within a tenth of a second, over all clients.
    pub crowd: u64,
    /// Sockets that joined their namespace.
    pub joined: u64,
    /// Sockets that were not let in.
    pub refused: u64,
    /// Events that waited for a connection.
    pub buffered: u64,
    /// Events of the retry queues that were acknowledged.
    pub delivered: u64,
    /// Events of the retry queues that were given up.
    pub abandoned: u64,
    /// Events of the retry queues that the server got once more.
    pub repeated: u64,
    /// How much time went by in the world.
    pub elapsed: Duration,
}
