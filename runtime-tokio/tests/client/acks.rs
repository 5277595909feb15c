//! Acks in both directions.

use socketio_tokio::server::Event;
use socketio_tokio::{AckError, Client, ClientSocket, EmitError, Pressure, Socket};

use crate::support::{Log, client, millis, secs, settle, soon, until, world};

/// A connected client whose server never sends an ack.
async fn unanswered() -> (crate::support::Network, socketio_tokio::Server, Client, ClientSocket) {
    let (network, server) = world();
    server.namespace("/").on_event(async |_: Event| {});
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    (network, server, client, socket)
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_does_not_arrive_in_time_is_a_timeout() {
    let (_network, _server, _client, socket) = unanswered().await;
    let begin = tokio::time::Instant::now();
    let ack = socket.timeout(secs(2)).emit_with_ack::<_, ()>("x", ()).await;
    assert!(matches!(ack, Err(AckError::Timeout)), "{ack:?}");
    assert_eq!(begin.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_ack_times_out_without_a_connect() {
    let (network, _server) = world();
    let client = client(&network).build().unwrap();
    let ack = client.socket("/").timeout(secs(2)).emit_with_ack::<_, ()>("x", ());
    assert!(matches!(soon("the timeout", ack).await, Err(AckError::Timeout)));
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_ends_an_ack_without_a_timeout() {
    let (network, _server, _client, socket) = unanswered().await;
    let ack = socket.emit_with_ack::<_, ()>("x", ());
    tokio::time::sleep(secs(3600)).await;
    network.cut();
    assert!(matches!(soon("the end of the wait", ack).await, Err(AckError::Disconnected)));
}

#[tokio::test(start_paused = true)]
async fn an_ack_of_a_buffered_event_survives_failed_attempts() {
    let (network, server) = world();
    server.namespace("/").on("twice", async |_: Socket, (number,): (i64,)| number * 2);
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let first = socket.emit_with_ack::<_, i64>("twice", (1,));
    network.refuse();
    socket.connect();
    tokio::time::sleep(secs(10)).await;
    network.replace(&server);
    assert_eq!(soon("the ack", first).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_default_timeout_is_set_by_the_builder() {
    let (network, server) = world();
    server.namespace("/").on_event(async |_: Event| {});
    let client = client(&network).ack_timeout(millis(700)).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    let begin = tokio::time::Instant::now();
    assert!(matches!(socket.emit_with_ack::<_, ()>("x", ()).await, Err(AckError::Timeout)));
    assert_eq!(begin.elapsed().as_millis() / 100, 7);
}

#[tokio::test(start_paused = true)]
async fn an_ack_of_another_type_is_an_args_error() {
    let (network, server) = world();
    server.namespace("/").on("text", async |_: Socket, ()| "text");
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    let ack = soon("the ack", socket.emit_with_ack::<_, i64>("text", ())).await;
    assert!(matches!(ack, Err(AckError::Args(_))), "{ack:?}");
}

#[tokio::test(start_paused = true)]
async fn an_ack_sent_after_a_reconnection_is_dropped() {
    let (network, server) = world();
    let mut log = Log::new();
    let pen = log.pen.clone();
    server.namespace("/").on_connect(move |socket: Socket| {
        let pen = pen.clone();
        async move {
            let answer = socket.timeout(secs(30)).emit_with_ack::<_, String>("who", ()).await;
            pen.say(format!("{answer:?}"));
        }
    });
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    let mut old = soon("the first question", socket.next()).await.unwrap();
    let old = old.ack().unwrap();
    network.cut();
    log.hears("Err(socket has been disconnected)").await;
    let mut new = soon("the second question", socket.next()).await.unwrap();
    assert!(matches!(old.send("old"), Err(EmitError::Disconnected)));
    settle().await;
    new.ack().unwrap().send("new").unwrap();
    log.hears(r#"Ok("new")"#).await;
}

#[tokio::test(start_paused = true)]
async fn queued_bytes_count_events_that_are_not_sent_yet() {
    let (network, server) = world();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    socket.emit("x", ()).unwrap();
    let kept = socket.queued_bytes();
    assert!(kept > 0 && socket.pressure() == Pressure::Low);
    socket.volatile().emit("x", ()).unwrap();
    assert_eq!(socket.queued_bytes(), kept, "without a connection a volatile event is dropped");
    soon("the socket", socket.connect()).await.unwrap();
    assert!(soon("room", socket.ready()).await);
    settle().await;
    assert_eq!(socket.queued_bytes(), 0);
    socket.emit("x", ()).unwrap();
    assert!(socket.queued_bytes() > 0);
    settle().await;
    assert_eq!(socket.queued_bytes(), 0);
    socket.volatile().emit("x", ()).unwrap();
    assert!(socket.queued_bytes() > 0);
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn an_emit_into_a_full_buffer_fails_and_ready_waits_for_room() {
    let (network, server) = world();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let large = "x".repeat(500_000);
    let mut count = 0;
    let error = loop {
        match socket.emit("large", (&large,)) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, EmitError::Full), "{error}");
    assert!((20..50).contains(&count), "{count}");
    let waiting = tokio::spawn({
        let socket = socket.clone();
        async move { socket.ready().await }
    });
    settle().await;
    assert!(!waiting.is_finished());
    socket.connect();
    assert!(soon("room", waiting).await.unwrap());
    until("all of it", || socket.emit("last", ()).is_ok()).await;
    drop(server);
}

#[tokio::test(start_paused = true)]
async fn with_retries_an_event_is_sent_until_it_is_acknowledged() {
    let (network, server) = world();
    let mut log = Log::new();
    let pen = log.pen.clone();
    let tries = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    server.namespace("/").on_event(move |mut event: Event| {
        let (pen, tries) = (pen.clone(), tries.clone());
        async move {
            let (name, number) = (event.name().to_owned(), event.args::<(i64,)>().unwrap().0);
            pen.say(format!("{name} {number}"));
            if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0 && name != "never" {
                event.ack().unwrap().send(&(number * 2,)).unwrap();
            }
        }
    });
    let client = client(&network).retries(2).ack_timeout(secs(1)).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    socket.emit("first", (1,)).unwrap();
    let second = socket.emit_with_ack::<_, i64>("second", (2,));
    let never = socket.emit_with_ack::<_, i64>("never", (3,));
    assert_eq!(soon("the ack", second).await.unwrap(), 4);
    assert!(matches!(soon("the failure", never).await, Err(AckError::Timeout)));
    for word in ["first 1", "first 1", "second 2", "never 3", "never 3", "never 3"] {
        log.hears(word).await;
    }
    assert!(log.all().is_empty());
}
