//! Events received with `next`.

use socketio_tokio::{ClientSocket, Socket};

use crate::support::{Log, client, secs, settle, soon, until, world};

async fn number(socket: &ClientSocket) -> Option<u32> {
    soon("an event", socket.next()).await.map(|event| event.args::<(u32,)>().unwrap().0)
}

#[tokio::test(start_paused = true)]
async fn next_loses_no_event_between_calls_nor_before_the_first() {
    let (network, server) = world();
    server.namespace("/").on_connect(async |socket: Socket| {
        for number in 0..40 {
            socket.emit("number", (number,)).unwrap();
        }
    });
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    assert!(socket.next().await.is_none(), "`connect` was not called");
    soon("the socket", socket.connect()).await.unwrap();
    settle().await;
    for expected in 0..40 {
        assert_eq!(number(&socket).await, Some(expected));
        tokio::time::sleep(secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn next_continues_over_a_reconnection_and_ends_with_the_socket() {
    let (network, server) = world();
    server.namespace("/").on_connect(async |socket: Socket| {
        socket.emit("number", (1,)).unwrap();
    });
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    // Connect and disconnect handlers don't wait for events to be taken with `next`.
    socket.on_disconnect(move |_, reason| {
        let pen = pen.clone();
        async move { pen.say(reason) }
    });
    soon("the socket", socket.connect()).await.unwrap();
    settle().await;
    network.cut();
    log.hears("transport close").await;
    assert_eq!(number(&socket).await, Some(1));
    assert_eq!(number(&socket).await, Some(1));
    server.namespace("/").emit("number", (2,)).unwrap();
    server.namespace("/").broadcast().disconnect(false);
    log.hears("io server disconnect").await;
    assert_eq!(number(&socket).await, Some(2));
    assert_eq!(number(&socket).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_ends_a_waiting_next() {
    let (network, _server) = world();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    let waiting = tokio::spawn({
        let socket = socket.clone();
        async move { socket.next().await.is_none() }
    });
    settle().await;
    socket.disconnect();
    assert!(soon("the end", waiting).await.unwrap());
    // The same while it has not connected yet.
    network.refuse();
    socket.connect();
    let waiting = tokio::spawn({
        let socket = socket.clone();
        async move { socket.next().await.is_none() }
    });
    settle().await;
    socket.disconnect();
    assert!(soon("the end", waiting).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_connect_handler_may_call_next() {
    let (network, server) = world();
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    socket.on_connect(move |socket: ClientSocket| {
        let pen = pen.clone();
        async move {
            while let Some(event) = socket.next().await {
                pen.say(event.name());
            }
            pen.say("end");
        }
    });
    soon("the socket", socket.connect()).await.unwrap();
    for event in ["a", "b"] {
        server.namespace("/").emit(event, ()).unwrap();
        log.hears(event).await;
    }
    server.namespace("/").broadcast().disconnect(false);
    log.hears("end").await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_not_taken_goes_to_the_next_caller() {
    let (network, server) = world();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    for round in 0..10 {
        let timeout = tokio::time::timeout(secs(1), socket.next());
        server.namespace("/").emit("number", (round,)).unwrap();
        drop(timeout);
        assert_eq!(number(&socket).await, Some(round));
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_are_never_taken_do_not_stop_a_client() {
    let (network, server) = world();
    server.namespace("/").on("echo", async |_: Socket, (number,): (u32,)| number);
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    for round in 0..1000 {
        server.namespace("/").emit("noise", (round,)).unwrap();
        tokio::task::yield_now().await;
    }
    settle().await;
    assert_eq!(socket.timeout(secs(1)).emit_with_ack::<_, u32>("echo", (7,)).await.unwrap(), 7);
    // The newest events were kept.
    let first = number(&socket).await.unwrap();
    assert!((900..1000).contains(&first), "{first}");
    until("the last of them", || true).await;
}
