//! Events of text and nested binary, to and fro, over every transport.

use std::collections::BTreeMap;

use bytes::Bytes;
use socketio_runtime::client::State;
use socketio_runtime::{Client, ClientSocket, Runtime, Server, Socket, TransportKind};

use super::log::Log;
use super::stage::Stage;

type Nested = BTreeMap<String, (Bytes, Vec<Bytes>)>;

fn nested() -> Nested {
    let some = (Bytes::from_static(b"\x00\xff"), vec![Bytes::from_static(b"1"), Bytes::new()]);
    let more = (Bytes::from(vec![7; 5000]), vec![Bytes::from_static(b"\x80"); 3]);
    [("some".to_owned(), some), ("more".to_owned(), more)].into()
}

/// A server that knows a little of everything.
fn know_everything(server: &Server) {
    let root = server.namespace("/");
    root.on("echo", async |socket: Socket, (text, nested): (String, Nested)| {
        socket.emit("echo", (nested, text)).ok();
    });
    root.on("sum", async |_, (a, b): (i64, i64)| a + b);
    root.on("turn", async |_, (text, bytes): (String, Bytes)| (bytes, text));
    root.on("ask me", async |socket: Socket, ()| {
        let answer = socket.emit_with_ack::<_, (String, Bytes)>("who?", ("you", Bytes::from_static(b"\x01"))).await;
        socket.emit("so it is", answer.unwrap_or_default()).ok();
    });
    root.on("count", async |socket: Socket, (count,): (u32,)| {
        for number in 0..count {
            socket.emit("number", (number,)).ok();
        }
    });
}

async fn do_everything<R: Runtime + Clone>(stage: &Stage<R>, client: &Client) {
    let socket = client.socket("/");
    let log = Log::of(&socket);
    let of = log.clone();
    socket.on("echo", move |_, (nested_, text): (Nested, String)| of.saying((nested_ == nested(), text).1));
    socket.on("who?", async |_: ClientSocket, (who, bytes): (String, Bytes)| (format!("{who} I am"), bytes));
    let was_connected = socket.is_connected();
    stage.soon("the socket", socket.connect()).await.expect("the server is there");
    if !was_connected {
        log.hears(stage, "connect").await;
    }
    socket.emit("echo", ("Grüße, 世界 \u{1e}\"\\", nested())).expect("there is room");
    log.hears(stage, "Grüße, 世界 \u{1e}\"\\").await;
    let sum: i64 = stage.soon("an ack", socket.emit_with_ack("sum", (1, 2))).await.expect("an answer");
    assert_eq!(sum, 3);
    let turned = socket.emit_with_ack::<_, (Bytes, String)>("turn", ("text", Bytes::from_static(b"\xf0")));
    let turned = stage.soon("a binary ack", turned).await.expect("an answer");
    assert_eq!(turned, (Bytes::from_static(b"\xf0"), "text".to_owned()));
    socket.emit("ask me", ()).expect("there is room");
    log.hears(stage, r#"so it is "you I am",{"_placeholder":true,"num":0}"#).await;
    socket.emit("count", (300,)).expect("there is room");
    for number in 0..300 {
        log.hears(stage, &format!("number {number}")).await;
    }
}

async fn work_by<R: Runtime + Clone>(stage: &Stage<R>, transport: TransportKind) {
    let server = stage.server().build().expect("defaults are allowed");
    know_everything(&server);
    let addr = stage.serve(&server).await;
    let client = stage.client(addr).transports([transport]).build().expect("it is a URL");
    do_everything(stage, &client).await;
    assert_eq!(client.transport(), Some(transport));
    stage.soon("the close", client.close()).await;
    stage.until("the end of the session", || server.sessions() == 0).await;
}

/// By requests alone.
pub async fn work_by_polling<R: Runtime + Clone>(stage: &Stage<R>) {
    work_by(stage, TransportKind::Polling).await;
}

/// By a WebSocket alone.
pub async fn work_by_websocket<R: Runtime + Clone>(stage: &Stage<R>) {
    work_by(stage, TransportKind::WebSocket).await;
}

/// By requests, and by the WebSocket that the connection moves to.
pub async fn work_by_polling_and_then_websocket<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    know_everything(&server);
    let addr = stage.serve(&server).await;
    let client = stage.client(addr).build().expect("it is a URL");
    let mut states = client.states();
    do_everything(stage, &client).await;
    loop {
        match stage.soon("the upgrade", states.next()).await.expect("the client is there") {
            State::Upgraded { transport } => break assert_eq!(transport, TransportKind::WebSocket),
            State::Connecting { attempt } => assert_eq!(attempt, 0),
            State::Connected { transport, .. } => assert_eq!(transport, TransportKind::Polling),
            state => panic!("{state:?}"),
        }
    }
    do_everything(stage, &client).await;
    assert_eq!(client.transport(), Some(TransportKind::WebSocket));
}

/// Neither lost nor doubled nor swapped while the transports change.
pub async fn keep_their_order_over_an_upgrade<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    server.namespace("/").on("number", async |socket: Socket, (number,): (u32,)| {
        socket.emit("number", (number,)).ok();
    });
    let addr = stage.serve(&server).await;
    let client = stage.client(addr).build().expect("it is a URL");
    let socket = client.socket("/");
    let log = Log::of(&socket);
    socket.connect();
    let mut sent = 0;
    // Some before the upgrade, some meanwhile, some after it.
    while client.transport() != Some(TransportKind::WebSocket) || sent < 500 {
        socket.emit("number", (sent,)).expect("there is room");
        sent += 1;
        if sent % 10 == 0 {
            assert!(stage.soon("room", socket.ready()).await);
            stage.pause().await;
        }
    }
    log.hears(stage, "connect").await;
    for number in 0..sent {
        log.hears(stage, &format!("number {number}")).await;
    }
}

/// Over a network that passes on a few bytes at a time.
pub async fn work_in_crumbs<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    know_everything(&server);
    let relay = stage.relay(stage.serve(&server).await).await;
    relay.narrow(7);
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let client = stage.client(relay.addr).transports([transport]).build().expect("it is a URL");
        do_everything(stage, &client).await;
        stage.soon("the close", client.close()).await;
    }
}

/// Each is answered what it asked, and all hear what is said to all.
pub async fn work_for_fifty_clients_at_once<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    root.on("twice", async |socket: Socket, (number,): (u32,)| {
        socket.join(if number % 2 == 0 { "even" } else { "odd" });
        number * 2
    });
    let addr = stage.serve(&server).await;
    let mut clients = Vec::new();
    for number in 0..50_u32 {
        let builder = stage.client(addr);
        let builder = match number % 3 {
            0 => builder,
            1 => builder.transports([TransportKind::WebSocket]),
            _ => builder.transports([TransportKind::Polling]),
        };
        let socket = builder.build().expect("it is a URL").socket("/");
        let log = Log::of(&socket);
        let twice = socket.emit_with_ack::<_, u32>("twice", (number,));
        socket.connect();
        clients.push((number, socket, log, twice));
    }
    let mut joined = Vec::new();
    for (number, socket, log, twice) in clients {
        assert_eq!(stage.soon("an ack", twice).await.expect("an answer"), number * 2);
        log.hears(stage, "connect").await;
        joined.push((number, socket, log));
    }
    assert_eq!((server.sessions(), root.len()), (50, 50));
    for (room, word) in [("even", 0), ("odd", 1)] {
        assert_eq!(root.to(room).sockets().len(), 25);
        root.to(room).emit("you are", (word,)).expect("it can be encoded");
    }
    for (number, _, log) in &joined {
        log.hears(stage, &format!("you are {}", number % 2)).await;
    }
    drop(joined);
    stage.until("the end of all sessions", || server.sessions() == 0).await;
}
