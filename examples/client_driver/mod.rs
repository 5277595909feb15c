//! What `client_driver` does, the same on every runtime: the program that includes it brings its adapter as `socketio`.

#![allow(clippy::print_stderr, reason = "this is a program")]
#![allow(unreachable_pub, reason = "a program has no public items")]

mod command;
mod connection;
mod values;

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as AnyJson, json};

use crate::socketio::{AckError, Args, ClientSocket, Runtime};
use crate::support::Arguments;
use command::{Command, Opts};
use connection::{Connection, print};
use values::{List, Plain, packed};

const HELP: &str = "\
< COMMANDS

A client under remote control: commands are JSON lines on stdin, answers and events JSON lines on stdout;
interop/README.md describes them. Ends with stdin.
";

type Answer = Result<AnyJson, Box<dyn std::error::Error>>;

/// A handle: one socket, on a connection that it may share.
struct Handle {
    connection: Arc<Connection>,
    socket: ClientSocket,
    replies: Replies,
}

/// What events that ask for an ack are answered with.
type Replies = Arc<Mutex<BTreeMap<String, Args>>>;

struct Program<R> {
    handles: BTreeMap<String, Handle>,
    runtime: R,
}

/// Reads commands until there are no more. This thread is within the runtime, and blocks.
pub fn run<R: Runtime + Default>() -> io::Result<()> {
    Arguments::new(HELP).none();
    let mut program = Program { handles: BTreeMap::new(), runtime: R::default() };
    print(&json!({ "ev": "hello", "protocol": 1, "caps": ["polling", "websocket", "upgrade", "retries", "cookies"] }));
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let number = |line: &str| Some(serde_json::from_str::<AnyJson>(line).ok()?.get("n")?.clone());
        let (n, name, answer) = match serde_json::from_str::<Command>(&line) {
            Ok(command) => (command.n.clone(), command.cmd.clone(), program.obey(command)),
            Err(error) => (number(&line).unwrap_or_default(), String::new(), Err(error.into())),
        };
        match answer {
            Ok(AnyJson::Object(mut fields)) => {
                fields.extend([("n".to_owned(), n), ("ok".to_owned(), true.into())]);
                print(&fields.into());
            }
            Ok(_) => print(&json!({ "n": n, "ok": true })),
            Err(error) => print(&json!({ "n": n, "ok": false, "err": error.to_string() })),
        }
        if name == "exit" {
            break;
        }
    }
    // Whatever is still connected.
    std::process::exit(0)
}

impl<R: Runtime> Program<R> {
    fn obey(&mut self, command: Command) -> Answer {
        let c = command.c.clone().unwrap_or_default();
        match command.cmd.as_str() {
            "open" => {
                let url = command.url.ok_or("url is missing")?;
                let opts = command.opts.unwrap_or_default();
                let (client, namespace) = opts.client(&url)?;
                let connection = Connection::start(client, &self.runtime);
                self.add(c, &connection, &namespace, opts.auth.as_ref(), &opts)?;
            }
            "socket" => {
                let connection = self.find(command.of.as_ref())?.connection.clone();
                let namespace = command.ns.as_deref().unwrap_or("/");
                self.add(c, &connection, namespace, command.auth.as_ref(), &Opts::default())?;
            }
            "connect" => {
                let handle = self.find(Some(&c))?;
                if let Some(auth) = command.auth {
                    handle.socket.auth(auth)?;
                }
                drop(handle.socket.connect());
            }
            "disconnect" => self.find(Some(&c))?.socket.disconnect(),
            "engine-close" => self.find(Some(&c))?.connection.client.close_engine(),
            "emit" => self.emit(&c, command)?,
            "reply" => {
                let event = command.ev.ok_or("ev is missing")?;
                let mut replies = self.find(Some(&c))?.replies.lock().unwrap();
                match command.silent {
                    Some(true) => _ = replies.remove(&event),
                    _ => _ = replies.insert(event, Args::encode(&List(packed(command.args)?))?),
                }
            }
            "state" => {
                let Handle { connection, socket, .. } = self.find(Some(&c))?;
                return Ok(json!({
                    "connected": socket.is_connected(),
                    "id": socket.id().map(|id| id.to_string()),
                    "recovered": false,
                    "transport": connection.client.transport().map(|transport| transport.as_str()),
                    "active": socket.is_active(),
                }));
            }
            "exit" => {}
            other => return Err(format!("there is no command {other:?}").into()),
        }
        Ok(AnyJson::Null)
    }

    fn find(&self, c: Option<&AnyJson>) -> Result<&Handle, String> {
        let c = c.cloned().unwrap_or_default();
        self.handles.get(&c.to_string()).ok_or_else(|| format!("there is no handle {c}"))
    }

    fn add(
        &mut self,
        c: AnyJson,
        connection: &Arc<Connection>,
        namespace: &str,
        auth: Option<&AnyJson>,
        opts: &Opts,
    ) -> Result<(), Box<dyn std::error::Error>> {
        if c.is_null() {
            return Err("c is missing".into());
        }
        if self.handles.contains_key(&c.to_string()) {
            return Err(format!("there is a handle {c}").into());
        }
        let socket = connection.client.socket(namespace);
        if self.handles.values().any(|handle| handle.socket == socket) {
            return Err(format!("there is a handle of {namespace} on this connection").into());
        }
        if let Some(auth) = auth {
            socket.auth(auth)?;
        }
        let replies = Replies::default();
        connection.watch(&c, &socket, &replies);
        if opts.auto_connect != Some(false) {
            drop(socket.connect());
        }
        self.handles.insert(c.to_string(), Handle { connection: connection.clone(), socket, replies });
        Ok(())
    }

    fn emit(&self, c: &AnyJson, command: Command) -> Result<(), Box<dyn std::error::Error>> {
        let socket = &self.find(Some(c))?.socket;
        let event = command.ev.ok_or("ev is missing")?;
        let args = List(packed(command.args)?);
        let volatile = command.volatile == Some(true);
        if command.ack != Some(true) {
            match volatile {
                true => socket.volatile().emit(&event, args)?,
                false => socket.emit(&event, args)?,
            }
            return Ok(());
        }
        // An event that can't be encoded is refused at once, not in its ack.
        crate::socketio::socketio_proto::encode::event("/", None, &event, &args)?;
        let (c, tag) = (c.clone(), command.tag.unwrap_or_default());
        let settle = move |answer: Result<Args, AckError>| {
            let answer = match answer.as_ref().map(Args::values) {
                Ok(Ok(values)) => json!({ "ev": "ack", "c": c, "tag": tag, "args": Plain::list(&values) }),
                Ok(Err(error)) => json!({ "ev": "ack", "c": c, "tag": tag, "err": error.to_string() }),
                Err(AckError::Timeout) => json!({ "ev": "ack", "c": c, "tag": tag, "err": "timeout" }),
                Err(AckError::Disconnected) => json!({ "ev": "ack", "c": c, "tag": tag, "err": "disconnected" }),
                Err(error) => json!({ "ev": "ack", "c": c, "tag": tag, "err": error.to_string() }),
            };
            print(&answer);
        };
        if volatile && !socket.is_connected() {
            settle(Err(AckError::Disconnected));
            return Ok(());
        }
        let answer = match command.timeout {
            Some(timeout) => socket.timeout(Duration::from_millis(timeout)).emit_with_ack::<_, Args>(&event, args),
            None => socket.emit_with_ack::<_, Args>(&event, args),
        };
        self.runtime.spawn(Box::pin(async move { settle(answer.await) }));
        Ok(())
    }
}
