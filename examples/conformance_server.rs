//! The server that protocol suites talk to: bare Engine.IO on one port, Socket.IO on another.

use std::error::Error;
use std::time::Duration;

use super::socketio::engine::{Cors, CorsOrigin, EngineSocket};
use super::socketio::server::Event;
use super::socketio::{Namespace, Server, ServerBuilder, Socket};
use super::support::{Arguments, bind, refuse, spawn, stopped, timeout};

const HELP: &str = "\
[OPTIONS]

Servers that protocol suites talk to. At least one port has to be given.

  --eio-port P          bare Engine.IO on port P, path /engine.io: every message is sent back (0: not served)
  --sio-port P          Socket.IO on port P, path /socket.io (0: not served)
  --ping I/T            ping interval and ping timeout in milliseconds (300/200)
  --connect-timeout MS  time for the first CONNECT in milliseconds (1000)
  --max-payload BYTES   the longest message (1000000)
  --cors                any origin, with credentials
";

struct Options {
    eio_port: Option<u16>,
    sio_port: Option<u16>,
    ping: (u64, u64),
    connect_timeout: u64,
    max_payload: usize,
    cors: bool,
}

fn options() -> Options {
    let mut options = Options {
        eio_port: None,
        sio_port: None,
        ping: (300, 200),
        connect_timeout: 1000,
        max_payload: 1_000_000,
        cors: false,
    };
    let mut args = Arguments::new(HELP);
    while let Some(option) = args.next() {
        match option.as_str() {
            "--eio-port" => options.eio_port = Some(args.value(&option)).filter(|port| *port != 0),
            "--sio-port" => options.sio_port = Some(args.value(&option)).filter(|port| *port != 0),
            "--ping" => options.ping = args.pair(&option),
            "--connect-timeout" => options.connect_timeout = args.value(&option),
            "--max-payload" => options.max_payload = args.value(&option),
            "--cors" => options.cors = true,
            "--eio3" | "--recovery" | "--webtransport-port" => refuse(format!("{option} is not supported yet")),
            _ => args.refuse(&option),
        }
    }
    if options.eio_port.is_none() && options.sio_port.is_none() {
        refuse("nothing to serve: give a port by --eio-port or --sio-port");
    }
    options
}

fn builder(options: &Options, path: &str) -> ServerBuilder {
    let builder = super::support::builder()
        .path(path)
        .ping_interval(Duration::from_millis(options.ping.0))
        .ping_timeout(Duration::from_millis(options.ping.1))
        .connect_timeout(Duration::from_millis(options.connect_timeout))
        .max_payload(options.max_payload);
    if options.cors { builder.cors(Cors::new(CorsOrigin::Reflect).credentials(true)) } else { builder }
}

/// The behaviour of both namespaces.
fn behave(namespace: &Namespace) {
    namespace.on_connect(async |socket: Socket| match socket.auth() {
        Some(auth) => socket.emit("auth", auth),
        None => socket.emit("auth", serde_json::json!({})),
    });
    namespace.on_event(async |mut event: Event| match event.name() {
        "message" => _ = event.socket().emit("message-back", event.raw_args()),
        "message-with-ack" => {
            if let Some(ack) = event.ack() {
                ack.send(event.raw_args()).ok();
            }
        }
        _ => {}
    });
}

pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let options = options();
    let stopped = stopped();
    let mut servers: Vec<Server> = Vec::new();
    if let Some(port) = options.eio_port {
        let server = builder(&options, "/engine.io")
            .build_engine(async |socket: EngineSocket, data| socket.send(data))
            .unwrap_or_else(|error| refuse(error));
        spawn(bind(&server, port, "engine.io").await?.serve());
        servers.push(server);
    }
    if let Some(port) = options.sio_port {
        let server = builder(&options, "/socket.io").build().unwrap_or_else(|error| refuse(error));
        behave(&server.namespace("/"));
        behave(&server.namespace("/custom"));
        spawn(bind(&server, port, "socket.io").await?.serve());
        servers.push(server);
    }
    stopped.await;
    for server in servers {
        timeout(Duration::from_secs(1), server.close()).await;
    }
    Ok(())
}
