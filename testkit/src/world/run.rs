//! The loop: the next thing that happens, until nothing does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use engineio_proto::{Instant, WebSocketId};
use socketio_proto::client::Manager;
use socketio_proto::server::Hub;

use super::peer::Peer;
use super::{Item, Outcome, Settings, World};
use crate::script::{Action, Step, print, shrink};
use crate::{Network, Random};

/// So many things at one point in time are a machine that spins.
const SPIN: u32 = 100_000;

/// How long everybody is away before the end, and how long all that is left may take to arrive then.
const PAUSE: Duration = Duration::from_secs(1);
const DELIVERY: Duration = Duration::from_secs(60);

/// How long everything may take to end after everybody has closed: longer than any timeout of the defaults.
const END: Duration = Duration::from_secs(200);

impl World {
    /// Runs a script in a world of that seed.
    ///
    /// # Errors
    /// What was wrong: the first promise that a machine broke.
    pub fn run(settings: &Settings, seed: u64, script: &[Step]) -> Result<Outcome, String> {
        let run = AssertUnwindSafe(|| Self::new(settings.clone(), seed, script).finish(script));
        catch_unwind(run).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            Err(format!("a panic: {text}"))
        })
    }

    /// Like [`run`](Self::run), for tests: a failing script is shortened, and the panic tells seed, script and how to replay both.
    ///
    /// # Panics
    /// A machine broke a promise.
    pub fn check(name: &str, settings: &Settings, seed: u64, script: &[Step]) -> Outcome {
        match Self::run(settings, seed, script) {
            Ok(outcome) => outcome,
            Err(first) => {
                let short = shrink(script, |script| Self::run(settings, seed, script).is_err());
                let error = Self::run(settings, seed, &short).err().unwrap_or_default();
                let (long, script) = (script.len(), print(&short));
                panic!(
                    "{name}, seed {seed}: {first}\n\
                     shortened from {long} steps to {}: {error}\n  {}\n\
                     replay: SEED={seed} cargo test -p socketio-testkit {name}\n\
                     or only this: SEED={seed} SCRIPT='{script}' cargo test -p socketio-testkit {name}",
                    short.len(),
                    script.replace("; ", "\n  "),
                );
            }
        }
    }

    fn new(settings: Settings, seed: u64, script: &[Step]) -> Self {
        let mut random = Random::new(seed);
        let entropy = random.fork();
        let start = epoch();
        let manager = Arc::new(settings.manager);
        let count = script.iter().map(|step| step.client + 1).max().unwrap_or(0);
        let clients =
            (0..count).map(|_| Peer::new(Manager::new(manager.clone(), random.next(), start), start)).collect();
        Self {
            engine: Arc::new(settings.engine.clone()),
            connection: Arc::new(settings.connection),
            client: Arc::new(settings.client.clone()),
            settings,
            start,
            now: start,
            random,
            entropy,
            queue: BinaryHeap::new(),
            items: BTreeMap::new(),
            serial: 0,
            clients,
            conns: Vec::new(),
            joins: Vec::new(),
            by_sid: BTreeMap::new(),
            by_socket: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            wires: BTreeMap::new(),
            hub: Hub::new(),
            shut_down: false,
            down: start,
            ending: false,
            crowds: BTreeMap::new(),
            failure: None,
            outcome: Outcome::default(),
        }
    }

    fn finish(mut self, script: &[Step]) -> Result<Outcome, String> {
        for step in script {
            self.schedule(self.start + step.at, Item::Step(*step));
        }
        let last = script.iter().map(|step| step.at).max().unwrap_or_default();
        self.advance(self.start + last + self.settings.settle)?;
        self.check_settled();
        self.outcome.elapsed = self.now - self.start;
        let outcome = self.outcome;
        // From now on network, server and clients are sound. Everybody goes, comes once more for what is still to be sent, and goes.
        self.settings.network = Network { bandwidth: 0, lost: 0, duplicated: 0, refused: 0, ..self.settings.network };
        (self.settings.late, self.settings.unwilling) = (0, 0);
        (self.ending, self.shut_down) = (true, false);
        (self.settings.lossless, self.settings.recovers) = (false, false);
        self.close_all();
        self.advance(self.now + PAUSE)?;
        for client in 0..self.clients.len() {
            for at in 0..self.clients[client].members.len() {
                let space = self.clients[client].members[at].space;
                self.act(Step { at: Duration::ZERO, client, action: Action::Open(space as u64) });
            }
        }
        self.advance(self.now + DELIVERY)?;
        self.check_delivered();
        self.close_all();
        self.advance(self.now + END)?;
        self.check_ended();
        self.failure.map_or(Ok(outcome), Err)
    }

    fn close_all(&mut self) {
        for client in 0..self.clients.len() {
            self.act(Step { at: Duration::ZERO, client, action: Action::Close(0) });
        }
    }

    fn advance(&mut self, until: Instant) -> Result<(), String> {
        let mut spin = 0;
        while let Some(Reverse((at, serial))) = self.queue.peek().copied().filter(|Reverse((at, _))| *at <= until) {
            self.queue.pop();
            spin = if at > self.now { 0 } else { spin + 1 };
            self.now = at;
            if let Some(item) = self.items.remove(&serial) {
                self.happen(item);
            }
            if spin > SPIN {
                self.fail("it spins".into());
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
        }
        self.now = until;
        Ok(())
    }

    fn happen(&mut self, item: Item) {
        let now = self.now;
        match item {
            Item::Step(step) => self.act(step),
            Item::Request(number) => match self.held(number) {
                Some(later) => self.schedule(later, Item::Request(number)),
                None => self.on_request(number),
            },
            Item::Body(number) => {
                let Some(exchange) = self.exchanges.get(&number) else { return };
                let (Some(conn), body) = (exchange.conn, exchange.body.clone()) else { return };
                let id = engineio_proto::RequestId(number);
                match body.len() > self.engine.max_payload() {
                    true => self.server(conn, |machine| machine.handle_body_too_large(id, now)),
                    false => self.server(conn, |machine| machine.handle_body(id, body, now)),
                }
            }
            Item::Aborted(number) => {
                if let Some(conn) = self.exchanges.remove(&number).and_then(|exchange| exchange.conn) {
                    self.server(conn, |machine| machine.handle_aborted(engineio_proto::RequestId(number), now));
                }
            }
            Item::Severed(number) => {
                if let Some(conn) = self.exchanges.get_mut(&number).and_then(|exchange| exchange.conn.take()) {
                    self.server(conn, |machine| machine.handle_aborted(engineio_proto::RequestId(number), now));
                }
            }
            Item::Response(number, response) => match self.held(number) {
                Some(later) => self.schedule(later, Item::Response(number, response)),
                None => {
                    let Some(exchange) = self.exchanges.remove(&number).filter(|exchange| !exchange.copy) else {
                        return;
                    };
                    self.client(exchange.client, |machine| machine.handle_response(exchange.id, *response, now));
                }
            },
            Item::Failed(number) => {
                // The server's end breaks, too, some time later.
                self.later(Item::Aborted(number));
                let Some(exchange) = self.exchanges.get(&number).filter(|exchange| !exchange.copy) else { return };
                let (client, id) = (exchange.client, exchange.id);
                self.client(client, |machine| machine.handle_request_failed(id, now));
            }
            Item::Pipe { wire, up } => self.arrive(wire, up),
            Item::Flushed { wire, up } => {
                let Some(found) = self.wires.get(&wire) else { return };
                match (up, found.client, found.id, found.conn) {
                    (true, client, id, _) => self.client(client, |machine| machine.handle_flushed(id, now)),
                    (false, _, _, Some(conn)) => {
                        self.server(conn, |machine| machine.handle_flushed(WebSocketId(wire), now));
                    }
                    (false, ..) => {}
                }
            }
            Item::ClientTimer(client) => {
                // One that was armed for a later time may still come.
                self.clients[client].armed = None;
                self.client(client, |machine| machine.handle_timeout(now));
                let left = self.clients[client].machine.poll_timeout().is_some_and(|due| due <= now);
                if left && !self.clients[client].gone {
                    self.fail(format!("c{client}: its timeout stays in the past"));
                }
            }
            Item::ServerTimer(conn) => {
                self.conns[conn].armed = None;
                self.server(conn, |machine| machine.handle_timeout(now));
                let state = &self.conns[conn];
                if !state.lost && state.machine.poll_timeout().is_some_and(|due| due <= now) {
                    self.fail(format!("connection {conn}: its timeout stays in the past"));
                }
            }
            Item::Open(client, willing) => self.answer(client, None, willing),
            Item::Authenticate(client, socket, willing) => self.answer(client, Some(socket), willing),
            Item::Admit(conn, socket, space) => self.admit(conn, socket, space),
            Item::ClientAnswer(client, join, packet) => self.client_answers(client, join, packet),
            Item::ServerAnswer(conn, socket, packet) => {
                // Refused if the client left meanwhile, or if there is no room.
                _ = self.conns[conn].machine.emit(socket, &packet);
                self.drain_server(conn);
            }
            Item::Resume(conn) => {
                self.conns[conn].paused = None;
                self.server(conn, |machine| machine.resume_reading(now));
            }
        }
    }

    /// Until when a request's client is stalled.
    fn held(&self, number: u64) -> Option<Instant> {
        let client = self.exchanges.get(&number)?.client;
        Some(self.clients[client].stalled).filter(|later| *later > self.now)
    }
}

/// Any point in time; only differences count.
fn epoch() -> Instant {
    Instant::now()
}
