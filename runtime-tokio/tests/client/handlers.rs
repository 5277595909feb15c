//! Handlers of a client's socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use socketio_tokio::client::Event;
use socketio_tokio::{Args, ClientSocket, HandlerError, Socket};
use tokio::sync::Semaphore;

use crate::support::{Log, client, secs, settle, soon, until, world};

#[tokio::test(start_paused = true)]
async fn handlers_of_one_socket_run_in_order_one_at_a_time() {
    let (network, server) = world();
    server.namespace("/").on_connect(async |socket: Socket| {
        for number in 0..20 {
            socket.emit(if number % 2 == 0 { "even" } else { "odd" }, (number,)).unwrap();
        }
    });
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let running = Arc::new(AtomicUsize::new(0));
    let handler = |wait: u64| {
        let (pen, running) = (log.pen.clone(), running.clone());
        move |_: ClientSocket, (number,): (u32,)| {
            let (pen, running) = (pen.clone(), running.clone());
            async move {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
                tokio::time::sleep(secs(wait)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                pen.say(number);
            }
        }
    };
    socket.on("even", handler(3)).on("odd", handler(0));
    soon("the socket", socket.connect()).await.unwrap();
    for number in 0..20 {
        log.hears(&number.to_string()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_handler_goes_to_on_error_and_the_next_event_is_handled() {
    let (network, server) = world();
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    socket.on_error(move |_, error: HandlerError| {
        let pen = pen.clone();
        async move { pen.say(error) }
    });
    socket.on("panics", async |_, ()| -> () { panic!("oh") });
    socket.on("panics at once", |_, ()| -> std::future::Ready<()> { panic!("at once") });
    socket.on("fails", async |_, ()| Err::<(), _>(std::io::Error::other("no luck")));
    socket.on("number", async |_, (number,): (i64,)| number);
    let pen = log.pen.clone();
    socket.on("good", move |_, ()| {
        let pen = pen.clone();
        async move { pen.say("good") }
    });
    soon("the socket", socket.connect()).await.unwrap();
    let root = server.namespace("/");
    for event in ["panics", "panics at once", "fails", "number", "good"] {
        root.emit(event, ()).unwrap();
    }
    let mut heard = Vec::new();
    for _ in 0..5 {
        heard.push(log.heard().await);
    }
    heard.sort_unstable();
    assert!(heard[2].starts_with("event \"number\": "), "{heard:?}");
    heard.remove(2);
    assert_eq!(heard, ["a handler panicked: at once", "a handler panicked: oh", "good", "no luck"]);
}

#[tokio::test(start_paused = true)]
async fn events_that_arrived_before_the_disconnect_are_handled_before_it() {
    let (network, server) = world();
    let mut log = Log::new();
    server.namespace("/").on("bye", async |socket: Socket, ()| {
        for number in 0..10 {
            socket.emit("last words", (number,)).unwrap();
        }
        socket.disconnect();
    });
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    socket.on("last words", move |_, (number,): (u32,)| {
        let pen = pen.clone();
        async move {
            tokio::time::sleep(secs(1)).await;
            pen.say(number);
        }
    });
    let pen = log.pen.clone();
    socket.on_disconnect(move |_, reason| {
        let pen = pen.clone();
        async move { pen.say(reason) }
    });
    soon("the socket", socket.connect()).await.unwrap();
    socket.emit("bye", ()).unwrap();
    for number in 0..10 {
        log.hears(&number.to_string()).await;
    }
    log.hears("io server disconnect").await;
}

#[tokio::test(start_paused = true)]
async fn raw_arguments_are_acknowledged_unchanged() {
    let (network, server) = world();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    socket.on_event(async |mut event: Event| {
        let ack = event.ack().unwrap();
        ack.send(event.raw_args()).unwrap();
    });
    soon("the socket", socket.connect()).await.unwrap();
    let there = server.namespace("/").sockets().remove(0);
    let sent = ("text", Bytes::from_static(b"\x00\x01"), 7);
    let back: Args = there.emit_with_ack("anything", sent).await.unwrap();
    assert_eq!(back.get::<(String, Bytes, u8)>().unwrap(), ("text".to_owned(), Bytes::from_static(b"\x00\x01"), 7));
}

#[tokio::test(start_paused = true)]
async fn a_full_inbox_pauses_reading_until_handlers_catch_up() {
    let (network, server) = world();
    let handled = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let (count, turn) = (handled.clone(), gate.clone());
    socket.on("chunk", move |_, (_,): (Bytes,)| {
        let (count, turn) = (count.clone(), turn.clone());
        async move {
            turn.acquire().await.unwrap().forget();
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    soon("the socket", socket.connect()).await.unwrap();
    let there = server.namespace("/").sockets().remove(0);
    let chunk = Bytes::from(vec![7; 10_000]);
    for _ in 0..200 {
        there.emit("chunk", (&chunk,)).unwrap();
    }
    settle().await;
    // The client queues about 256 KiB, the streams buffer as much again, and the rest stays queued at the server.
    assert!(there.queued_bytes() > 0, "the server's outbox has drained");
    gate.add_permits(1000);
    until("all of it", || handled.load(Ordering::SeqCst) == 200).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_awaits_an_ack_gets_it_though_the_inbox_is_full() {
    let (network, server) = world();
    server.namespace("/").on("sum", async |socket: Socket, (a, b): (i64, i64)| {
        for number in 0..100 {
            socket.emit("noise", (number,)).unwrap();
        }
        a + b
    });
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    socket.on_connect(move |socket: ClientSocket| {
        let pen = pen.clone();
        async move { pen.say(socket.emit_with_ack::<_, i64>("sum", (1, 2)).await.unwrap()) }
    });
    let pen = log.pen.clone();
    socket.on("noise", move |_, (number,): (u32,)| {
        let pen = pen.clone();
        async move { pen.say(format!("noise {number}")) }
    });
    soon("the socket", socket.connect()).await.unwrap();
    log.hears("3").await;
    for number in 0..100 {
        log.hears(&format!("noise {number}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_handler_may_connect_again() {
    let (network, server) = world();
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    socket.on_disconnect(move |socket: ClientSocket, _| {
        let pen = pen.clone();
        async move { pen.say(format!("{:?}", socket.connect().await.is_ok())) }
    });
    soon("the socket", socket.connect()).await.unwrap();
    server.namespace("/").broadcast().disconnect(false);
    log.hears("true").await;
    assert!(socket.is_connected());
}
