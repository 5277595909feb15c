//! The server of the interop suite; interop/README.md describes its events.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::socketio::engine::{Cors, CorsOrigin};
use super::socketio::server::{ConnectRequest, DisconnectReason, Event, Refusal};
use super::socketio::{Server, Socket, Text, Value};
use super::support::{Arguments, bind, refuse, sleep, spawn, stopped, timeout};
use serde::{Deserialize, Serialize};
use serde_json::{Value as AnyJson, json};

const HELP: &str = "\
[OPTIONS]

The server of the interop suite; interop/README.md describes its events.

  --port P              port of 127.0.0.1 (0: a free one)
  --ping I/T            ping interval and ping timeout in milliseconds (25000/20000)
  --connect-timeout MS  time for the first CONNECT in milliseconds (45000)
  --max-payload BYTES   the longest message (1000000)
  --cors                any origin, with credentials
";

#[derive(Deserialize)]
struct Cast {
    #[serde(default)]
    server: bool,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    volatile: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Rooms {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Auth {
    token: Option<String>,
    #[serde(default)]
    delay: u64,
}

#[derive(Deserialize)]
struct Key {
    key: Option<AnyJson>,
}

#[derive(Serialize)]
struct Whoami<'a> {
    id: &'a str,
    namespace: &'a str,
    connected: bool,
}

/// What `set` keeps.
#[derive(Clone, Default)]
struct Data(Arc<Mutex<HashMap<String, Value<'static>>>>);

fn joined(socket: &Socket) -> (Vec<Text>,) {
    (socket.rooms(),)
}

fn behave(server: &Server, name: &'static str) {
    let namespace = server.namespace(name);
    namespace.on_connect(async |socket: Socket| {
        socket.insert(Data::default());
        socket.emit("hello", socket.id())
    });

    namespace.on_event(async |mut event: Event| match event.ack() {
        _ if event.name() != "echo" => Ok(()),
        Some(ack) => ack.send(event.raw_args()),
        None => event.socket().emit("echo", event.raw_args()),
    });
    namespace.on("ask", async |socket: Socket, (event, ms, value): (String, u64, Value<'static>)| {
        let answer =
            socket.timeout(Duration::from_millis(ms)).emit_with_ack::<_, Value<'static>>(&event, (value,)).await;
        match answer {
            Ok(answer) => Value::Object(vec![("ok".into(), answer)]),
            Err(_) => Value::Object(vec![("error".into(), Value::String("timeout".into()))]),
        }
    });
    namespace.on("late", async |_, (ms, value): (u64, Value<'static>)| {
        sleep(Duration::from_millis(ms)).await;
        (value,)
    });

    namespace.on("join", async |socket: Socket, (rooms,): (Rooms,)| {
        match rooms {
            Rooms::One(room) => socket.join(room),
            Rooms::Many(rooms) => rooms.into_iter().for_each(|room| socket.join(room)),
        }
        joined(&socket)
    });
    namespace.on("leave", async |socket: Socket, (room,): (String,)| {
        socket.leave(&room);
        joined(&socket)
    });
    namespace.on("rooms", async |socket: Socket, ()| joined(&socket));
    let everybody = server.namespace(name);
    namespace.on("cast", move |socket: Socket, (cast, event, value): (Cast, String, Value<'static>)| {
        let target = if cast.server { everybody.broadcast() } else { socket.broadcast() };
        let target = cast.to.into_iter().fold(target, |target, room| target.to(room));
        let target = cast.except.into_iter().fold(target, |target, room| target.except(room));
        let target = if cast.volatile { target.volatile() } else { target };
        let sent = target.emit(&event, (value,));
        async move { sent.map(|_| true) }
    });
    namespace.on("burst", async |socket: Socket, (list,): (Vec<(String, Value<'static>)>,)| {
        for (kind, value) in list {
            match kind.as_str() {
                "volatile" => _ = socket.volatile().emit("burst", (value,)),
                _ => _ = socket.emit("burst", (value,)),
            }
        }
    });
    let everybody = server.namespace(name);
    namespace.on("ticks", move |socket: Socket, (count, ms): (u64, u64)| {
        let target = everybody.to(socket.id());
        let ticking = socket.clone();
        socket.spawn(async move {
            for tick in 0..count {
                sleep(Duration::from_millis(ms)).await;
                if !ticking.is_connected() {
                    break;
                }
                target.emit("tick", (tick,)).ok();
            }
        });
        std::future::ready(())
    });

    namespace.on("set", async |socket: Socket, (key, value): (String, Value<'static>)| {
        let data = socket.get::<Data>().unwrap_or_default();
        data.0.lock().unwrap().insert(key, value);
        true
    });
    namespace.on("get", async |socket: Socket, (key,): (String,)| {
        let data = socket.get::<Data>().unwrap_or_default();
        let value = data.0.lock().unwrap().get(&key).cloned();
        (value,)
    });
    namespace.on("whoami", async |socket: Socket, ()| {
        json!(Whoami { id: socket.id(), namespace: socket.namespace_name(), connected: socket.is_connected() })
    });
    namespace.on("handshake", async |socket: Socket, ()| {
        let handshake = socket.handshake();
        let headers: BTreeMap<_, _> = handshake
            .headers()
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        let query: BTreeMap<_, _> =
            handshake.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        json!({
            "headers": headers,
            "query": query,
            "auth": socket.auth_as::<AnyJson>().unwrap_or_else(|| json!({})),
            "address": handshake.peer_addr().map(|addr| addr.ip().to_string()),
            "secure": handshake.is_secure(),
            "url": handshake.target(),
        })
    });

    namespace.on("observe", async |socket: Socket, ()| {
        socket.join("observers");
        true
    });
    let root = server.namespace("/");
    namespace.on_disconnect(move |socket: Socket, reason: DisconnectReason| {
        let key = socket.auth_as::<Key>().and_then(|auth| auth.key);
        let sent = root.to("observers").emit("gone", (key, name, reason.as_str()));
        async move { sent }
    });
    namespace.on("leave-me", async |socket: Socket, (close,): (Option<bool>,)| match close {
        Some(true) => socket.disconnect_all(),
        _ => socket.disconnect(),
    });
}

pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let mut builder = super::support::builder();
    let mut port = 0;
    let mut args = Arguments::new(HELP);
    while let Some(option) = args.next() {
        builder = match option.as_str() {
            "--port" => {
                port = args.value(&option);
                builder
            }
            "--ping" => {
                let (interval, timeout) = args.pair(&option);
                builder.ping_interval(Duration::from_millis(interval)).ping_timeout(Duration::from_millis(timeout))
            }
            "--max-payload" => builder.max_payload(args.value(&option)),
            "--connect-timeout" => builder.connect_timeout(Duration::from_millis(args.value(&option))),
            "--cors" => builder.cors(Cors::new(CorsOrigin::Reflect).credentials(true)),
            _ => args.refuse(&option),
        };
    }
    let server = builder.build().unwrap_or_else(|error| refuse(error));
    for name in ["/", "/chat", "/private"] {
        behave(&server, name);
    }
    server.namespace("/private").middleware(async |request: ConnectRequest| {
        let auth = request.auth_as::<Auth>().unwrap_or(Auth { token: None, delay: 0 });
        sleep(Duration::from_millis(auth.delay)).await;
        if auth.token.as_deref() == Some("secret") {
            return Ok(());
        }
        let refusal = Refusal::new("Not authorized");
        Err(refusal.clone().data(json!({ "code": 401, "ask": "token" })).unwrap_or(refusal))
    });
    let stopped = stopped();
    spawn(bind(&server, port, "").await?.serve());
    stopped.await;
    timeout(Duration::from_secs(1), server.close()).await;
    Ok(())
}
