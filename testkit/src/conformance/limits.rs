//! Sizes, and sides that are slower than what is sent to them.

use socketio_runtime::server::Event;
use socketio_runtime::{EmitError, Runtime, Socket, TransportKind};

use super::log::Log;
use super::stage::{Gate, Stage};

/// What is around the text in an event `x` on its way: `42["x",".."]`.
const AROUND: usize = r#"42["x",""]"#.len();

const LIMIT: usize = 20_000;

async fn passes_up_to_the_limit<R: Runtime + Clone>(stage: &Stage<R>, transport: TransportKind, above: &[&str]) {
    let server = stage.server().max_payload(LIMIT).build().expect("it is allowed");
    let there = Log::of_all(&server.namespace("/"));
    let addr = stage.serve(&server).await;
    let other = stage.websocket(addr).build().expect("it is a URL");
    stage.soon("another client", other.socket("/").connect()).await.expect("the server is there");
    there.hears(stage, "connect").await;
    let client = stage.client(addr).transports([transport]).build().expect("it is a URL");
    let socket = client.socket("/");
    let log = Log::of(&socket);
    stage.soon("the socket", socket.connect()).await.expect("the server is there");
    log.hears(stage, "connect").await;
    there.hears(stage, "connect").await;
    socket.emit("x", ("x".repeat(LIMIT - AROUND),)).expect("there is room");
    assert_eq!(there.heard(stage).await.len(), "x \"\"".len() + LIMIT - AROUND);
    // Many that fit one by one are never put together to something that doesn't.
    for _ in 0..30 {
        socket.emit("x", ("x".repeat(LIMIT / 3),)).expect("there is room");
    }
    for _ in 0..30 {
        assert_eq!(there.heard(stage).await.len(), "x \"\"".len() + LIMIT / 3);
    }
    socket.emit("x", ("x".repeat(LIMIT - AROUND + 1),)).expect("there is room");
    let reason = log.heard(stage).await;
    assert!(above.contains(&&*reason), "{reason}");
    // It comes back, and what was too large does not.
    log.hears(stage, "connect").await;
    socket.emit("y", ()).expect("there is room");
    loop {
        match &*there.heard(stage).await {
            "y " => break,
            word => assert!(["connect", "transport error", "transport close"].contains(&word), "{word}"),
        }
    }
    assert!(other.socket("/").is_connected());
    drop((client, other));
}

/// At `max_payload` it passes; one byte more ends the connection, of this client alone.
pub async fn of_a_message_by_websocket<R: Runtime + Clone>(stage: &Stage<R>) {
    passes_up_to_the_limit(stage, TransportKind::WebSocket, &["transport close", "transport error"]).await;
}

/// At `max_payload` it passes; one byte more ends the connection, of this client alone.
pub async fn of_a_payload_by_polling<R: Runtime + Clone>(stage: &Stage<R>) {
    passes_up_to_the_limit(stage, TransportKind::Polling, &["transport error"]).await;
}

/// A megabyte up and down, text and binary, over a network that passes on a kilobyte at a time.
pub async fn let_a_large_message_pass<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().max_payload(2_000_000).build().expect("it is allowed");
    server.namespace("/").on("echo", async |socket: Socket, (text, bytes): (String, bytes::Bytes)| {
        socket.emit("echo", (text, bytes)).ok();
    });
    let relay = stage.relay(stage.serve(&server).await).await;
    relay.narrow(1000);
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let client = stage.client(relay.addr).transports([transport]).build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::default();
        let (text, bytes) = ("ä\"\\".repeat(200_000), bytes::Bytes::from(vec![0xa5; 1_000_000]));
        let (of, expected) = (log.clone(), (text.clone(), bytes.clone()));
        socket.on("echo", move |_, echo: (String, bytes::Bytes)| of.saying(echo == expected));
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        socket.emit("echo", (text, bytes)).expect("there is room");
        log.hears(stage, "true").await;
        stage.soon("the close", client.close()).await;
    }
}

/// A client that takes nothing: emits are refused at the bound, and `ready` waits until the client has caught up.
pub async fn of_the_servers_outbox_are_waited_for<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    let relay = stage.relay(stage.serve(&server).await).await;
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let client = stage.client(relay.addr).transports([transport]).build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::of(&socket);
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        log.hears(stage, "connect").await;
        let there = root.sockets().pop().expect("it has joined");
        assert!(stage.soon("room", there.ready()).await);
        relay.hold();
        let text = "x".repeat(100_000);
        let mut accepted: u32 = 0;
        let error = loop {
            match there.emit("number", (accepted, &text)) {
                Ok(_) => accepted += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, EmitError::Full), "{error}");
        relay.release();
        assert!(stage.soon("room", there.ready()).await);
        there.emit("last", ()).expect("there is room again");
        for number in 0..accepted {
            let word = log.heard(stage).await;
            assert!(word.starts_with(&format!("number {number},")), "{}", &word[..word.len().min(40)]);
        }
        log.hears(stage, "last ").await;
        stage.soon("the close", client.close()).await;
        stage.until("the end of the session", || root.is_empty()).await;
    }
}

/// A server whose handler is slow reads no further: the client's buffer fills up to its bound, and `ready` waits.
pub async fn of_the_clients_buffer_are_waited_for<R: Runtime + Clone>(stage: &Stage<R>) {
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let server = stage.server().build().expect("defaults are allowed");
        let root = server.namespace("/");
        let (gate, there) = (Gate::default(), Log::default());
        let (passing, of) = (gate.clone(), there.clone());
        root.on_event(move |event: Event| {
            let (passing, of) = (passing.clone(), of.clone());
            async move {
                passing.pass().await;
                of.say(event.args::<(u32, &str)>().map_or(u32::MAX, |(number, _)| number));
            }
        });
        let client = stage.client(stage.serve(&server).await).transports([transport]).build().expect("it is a URL");
        let socket = client.socket("/");
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        let text = "x".repeat(100_000);
        let mut accepted: u32 = 0;
        // What fits into the buffers of everybody in between is theirs; in the end nothing goes any more.
        let mut full = 0;
        while full < 20 {
            match socket.emit("number", (accepted, &text)) {
                Ok(_) => (accepted, full) = (accepted + 1, 0),
                Err(EmitError::Full) => {
                    full += 1;
                    stage.pause().await;
                }
                Err(error) => panic!("{error}"),
            }
            assert!(accepted < 10_000, "there is no bound");
        }
        gate.open();
        assert!(stage.soon("room", socket.ready()).await);
        for number in 0..accepted {
            there.hears(stage, &number.to_string()).await;
        }
        stage.soon("the close", client.close()).await;
    }
}
