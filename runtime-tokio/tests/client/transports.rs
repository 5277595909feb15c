//! The same checks over every transport.

use bytes::Bytes;
use socketio_tokio::client::{Event, State};
use socketio_tokio::{Client, ClientBuilder, ClientSocket, Server, TransportKind};

use crate::support::{Log, URL, in_real_time, soon, world};

/// A server with handlers for `use_every_feature`.
fn serve(server: &Server) {
    let root = server.namespace("/");
    root.on("sum", async |_, (a, b): (i64, i64)| a + b);
    root.on("turn", async |socket, (text, bytes): (String, Bytes)| {
        socket.emit("turned", (bytes, text)).ok();
    });
    root.on("ask me", async |socket, ()| {
        let answer: (String, Bytes) = socket.emit_with_ack("who?", ("you", Bytes::from_static(b"\x01"))).await.unwrap();
        socket.emit("so it is", answer).ok();
    });
    root.on("count", async |socket, (count,): (u32,)| {
        for number in 0..count {
            socket.emit("number", (number,)).ok();
        }
    });
}

async fn use_every_feature(client: &Client) {
    let mut log = Log::new();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    socket.on("turned", move |_, (bytes, text): (Bytes, String)| {
        let pen = pen.clone();
        async move { pen.say(format!("turned {bytes:?} {text}")) }
    });
    socket.on("who?", async |_: ClientSocket, (who, bytes): (String, Bytes)| (format!("{who} I am"), bytes));
    let pen = log.pen.clone();
    socket.on_event(move |event: Event| {
        let pen = pen.clone();
        async move { pen.say(format!("{} {}", event.name(), event.raw_args().json())) }
    });
    soon("the socket", socket.connect()).await.unwrap();
    assert!(socket.is_connected() && socket.is_active() && socket.id().is_some());
    let sum: i64 = soon("an ack", socket.emit_with_ack("sum", (1, 2))).await.unwrap();
    assert_eq!(sum, 3);
    socket.emit("turn", ("text", Bytes::from_static(b"\x00\xff"))).unwrap();
    log.hears(r#"turned b"\0\xff" text"#).await;
    socket.emit("ask me", ()).unwrap();
    log.hears(r#"so it is "you I am",{"_placeholder":true,"num":0}"#).await;
    socket.emit("count", (300,)).unwrap();
    for number in 0..300 {
        log.hears(&format!("number {number}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_feature_works_by_websocket() {
    let (network, server) = world();
    serve(&server);
    let client = ClientBuilder::new(URL).connector(network).transports([TransportKind::WebSocket]).build().unwrap();
    use_every_feature(&client).await;
    assert_eq!(client.transport(), Some(TransportKind::WebSocket));
    assert!(client.session_id().is_some());
}

#[tokio::test(start_paused = true)]
async fn every_feature_works_by_polling() {
    let (network, server) = world();
    serve(&server);
    let client = ClientBuilder::new(URL).connector(network).transports([TransportKind::Polling]).build().unwrap();
    use_every_feature(&client).await;
    assert_eq!(client.transport(), Some(TransportKind::Polling));
}

#[tokio::test(start_paused = true)]
async fn every_feature_works_by_polling_with_base64_and_cookies() {
    let (network, server) = world();
    serve(&server);
    let builder = ClientBuilder::new(URL).connector(network).transports([TransportKind::Polling]);
    use_every_feature(&builder.force_base64(true).cookies(true).build().unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn every_feature_works_before_and_after_an_upgrade() {
    let (network, server) = world();
    serve(&server);
    let client = ClientBuilder::new(URL).connector(network).build().unwrap();
    let mut states = client.states();
    use_every_feature(&client).await;
    loop {
        match soon("the upgrade", states.next()).await.unwrap() {
            State::Upgraded { transport } => break assert_eq!(transport, TransportKind::WebSocket),
            State::Connecting { .. } => {}
            State::Connected { transport, attempt } => assert_eq!((transport, attempt), (TransportKind::Polling, 0)),
            state => panic!("{state:?}"),
        }
    }
    use_every_feature(&client).await;
    assert_eq!(client.transport(), Some(TransportKind::WebSocket));
}

#[tokio::test(start_paused = true)]
async fn events_keep_their_order_over_an_upgrade() {
    let (network, server) = world();
    serve(&server);
    let client = ClientBuilder::new(URL).connector(network).build().unwrap();
    let socket = client.socket("/");
    let mut log = Log::new();
    let pen = log.pen.clone();
    socket.on("turned", move |_, (_, text): (Bytes, String)| {
        let pen = pen.clone();
        async move { pen.say(text) }
    });
    socket.connect();
    for number in 0..500 {
        socket.emit("turn", (number.to_string(), Bytes::from_static(b"x"))).unwrap();
        tokio::task::yield_now().await;
    }
    for number in 0..500 {
        log.hears(&number.to_string()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_namespaces_share_one_connection_and_one_may_leave() {
    let (network, server) = world();
    serve(&server);
    server
        .namespace("/other")
        .on("name", async |socket: socketio_tokio::Socket, ()| socket.namespace_name().to_string());
    let client = crate::support::client(&network).build().unwrap();
    let (root, other) = (client.socket("/"), client.socket("other"));
    assert_eq!((root.namespace_name().as_ref() as &str, other.namespace_name().as_ref() as &str), ("/", "/other"));
    assert_eq!(client.socket("/other"), other);
    soon("the first", root.connect()).await.unwrap();
    soon("the second", other.connect()).await.unwrap();
    assert_ne!(root.id(), other.id());
    let name: String = soon("an ack", other.emit_with_ack("name", ())).await.unwrap();
    assert_eq!((&*name, network.dials().len(), server.sessions()), ("/other", 1, 1));
    other.disconnect();
    assert!(!other.is_connected() && other.id().is_none() && !other.is_active());
    let sum: i64 = soon("an ack", root.emit_with_ack("sum", (1, 2))).await.unwrap();
    assert_eq!((sum, server.namespace("/other").len()), (3, 0));
    // The connection closes with the last socket.
    root.disconnect();
    crate::support::until("the end of the session", || server.sessions() == 0).await;
    assert_eq!(client.transport(), None);
}

#[tokio::test]
async fn every_feature_works_over_tcp() {
    in_real_time(async {
        let (_, server) = world();
        serve(&server);
        let listener = server.bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr());
        tokio::spawn(listener.serve());
        let client = ClientBuilder::new(url).build().unwrap();
        use_every_feature(&client).await;
        crate::support::until("the upgrade", || client.transport() == Some(TransportKind::WebSocket)).await;
        use_every_feature(&client).await;
        soon("the close", client.close()).await;
    })
    .await;
}
