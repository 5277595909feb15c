//! What becomes of a client whose connection breaks.

use std::time::Duration;

use hyper::rt::Timer;
use socketio_runtime::{Runtime, TransportKind};

use super::log::Log;
use super::stage::Stage;

const BOTH: [TransportKind; 2] = [TransportKind::Polling, TransportKind::WebSocket];

/// What is emitted while there is no connection arrives once there is one, in order, each once.
pub async fn sends_what_was_kept_in_order<R: Runtime + Clone>(stage: &Stage<R>) {
    for transport in BOTH {
        // A client by polling that is gone is not missed before its heartbeat, and the end of the server waits for it so long.
        let server = stage.server().engine(|engine| engine.close_timeout(Duration::from_millis(50)));
        let server = server.build().expect("it is allowed");
        let there = Log::of_all(&server.namespace("/"));
        let relay = stage.relay(stage.serve(&server).await).await;
        let client = stage.client(relay.addr).transports([transport]).build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::of(&socket);
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        log.hears(stage, "connect").await;
        there.hears(stage, "connect").await;
        let former = socket.id();
        relay.refuse();
        let reason = log.heard(stage).await;
        assert!(["transport close", "transport error"].contains(&&*reason), "{reason}");
        assert!(!socket.is_connected() && socket.is_active());
        for number in 0..100 {
            socket.emit("number", (number,)).expect("there is room");
        }
        // At least one attempt is in vain.
        assert!(log.heard(stage).await.starts_with("connect_error: "));
        relay.accept();
        loop {
            match &*log.heard(stage).await {
                "connect" => break,
                word => assert!(word.starts_with("connect_error: "), "{word}"),
            }
        }
        socket.emit("number", (100,)).expect("there is room");
        let mut heard = Vec::new();
        while heard.len() < 101 {
            let word = there.heard(stage).await;
            // The end of the former session may be noticed at any time.
            match word.strip_prefix("number ") {
                Some(number) => heard.push(number.parse::<usize>().expect("it is a number")),
                None => assert!(["connect", "transport close", "transport error"].contains(&&*word), "{word}"),
            }
        }
        assert!(heard.iter().copied().eq(0..=100), "{heard:?}");
        assert_ne!(socket.id(), former);
    }
}

/// The port is free as soon as the server has ended, and clients come back to it by themselves.
pub async fn finds_a_server_that_was_started_again_on_its_port<R: Runtime + Clone>(stage: &Stage<R>) {
    let first = stage.server().build().expect("defaults are allowed");
    let addr = stage.serve(&first).await;
    let mut clients = Vec::new();
    for transport in BOTH {
        let client = stage.client(addr).transports([transport]).build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::of(&socket);
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        log.hears(stage, "connect").await;
        clients.push((socket, log));
    }
    stage.soon("the close", first.close()).await;
    let second = stage.server().build().expect("defaults are allowed");
    let there = Log::of_all(&second.namespace("/"));
    for (socket, _) in &clients {
        stage.until("the end of the connection", || !socket.is_connected()).await;
        socket.emit("meanwhile", ()).expect("there is room");
    }
    // The listener of the first one is gone soon after the server.
    let deadline = stage.runtime.now() + Duration::from_secs(20);
    let listener = loop {
        match second.bind(addr).await {
            Ok(listener) => break listener,
            Err(error) => assert!(stage.runtime.now() < deadline, "{error}"),
        }
        stage.pause().await;
    };
    drop(listener);
    stage.serve_at(&second, addr).await;
    let mut heard: Vec<String> = Vec::new();
    while heard.len() < 4 {
        heard.push(there.heard(stage).await);
    }
    heard.sort();
    assert_eq!(heard, ["connect", "connect", "meanwhile ", "meanwhile "]);
}

/// A network that swallows everything is noticed by either side.
pub async fn follows_a_ping_timeout<R: Runtime + Clone>(stage: &Stage<R>) {
    let (interval, timeout) = (Duration::from_millis(100), Duration::from_secs(2));
    let server = stage.server().ping_interval(interval).ping_timeout(timeout).build().expect("it is allowed");
    let there = Log::of_all(&server.namespace("/"));
    let relay = stage.relay(stage.serve(&server).await).await;
    for transport in BOTH {
        let client = stage.client(relay.addr).transports([transport]).build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::of(&socket);
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        log.hears(stage, "connect").await;
        there.hears(stage, "connect").await;
        relay.hold();
        log.hears(stage, "ping timeout").await;
        there.hears(stage, "ping timeout").await;
        relay.release();
        loop {
            match &*log.heard(stage).await {
                "connect" => break,
                word => assert!(word.starts_with("connect_error: "), "{word}"),
            }
        }
        there.hears(stage, "connect").await;
        stage.soon("the close", client.close()).await;
        there.hears(stage, "client namespace disconnect").await;
    }
}

/// However often, nothing is left behind on either side.
pub async fn happens_again_and_again<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let relay = stage.relay(stage.serve(&server).await).await;
    let builder = stage.websocket(relay.addr).reconnection_delay_max(Duration::from_millis(20));
    let client = builder.build().expect("it is a URL");
    let socket = client.socket("/");
    let log = Log::of(&socket);
    socket.connect();
    for _ in 0..30 {
        loop {
            match &*log.heard(stage).await {
                "connect" => break,
                word => assert!(word.starts_with("connect_error: "), "{word}"),
            }
        }
        relay.cut();
        let reason = log.heard(stage).await;
        assert!(["transport close", "transport error"].contains(&&*reason), "{reason}");
    }
    log.hears(stage, "connect").await;
    stage.until("the end of the former sessions", || server.sessions() == 1).await;
}
