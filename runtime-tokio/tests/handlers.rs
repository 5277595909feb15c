//! Handlers that wait, that never end, that are slow and that panic: what becomes of everybody else.
//!
//! The clock is paused: it goes on to the next timer when nothing else can happen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod client;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::Client;
use socketio_tokio::{AckError, DisconnectReason, HandlerError, Server, ServerBuilder, Socket};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

fn server() -> Server {
    ServerBuilder::new().build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_awaits_an_ack_of_its_own_client_gets_it() {
    let server = server();
    server.namespace("/").on("double", async |socket: Socket, (n,): (i64,)| {
        let twice: Result<i64, AckError> = socket.emit_with_ack("twice", (n,)).await;
        twice.unwrap_or(-1)
    });
    let mut client = Client::join(&server).await;
    client.send(r#"427["double",21]"#).await;
    assert_eq!(client.text().await, r#"420["twice",21]"#);
    client.send("430[42]").await;
    assert_eq!(client.text().await, "437[42]");
}

#[tokio::test(start_paused = true)]
async fn an_ack_is_read_though_many_events_stand_before_it() {
    let server = server();
    let root = server.namespace("/");
    root.on("ask", async |socket: Socket, ()| {
        let answer: Result<String, AckError> = socket.emit_with_ack("what", ()).await;
        answer.unwrap_or_else(|error| error.to_string())
    });
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    root.on("event", move |_: Socket, ()| {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    });
    let mut client = Client::join(&server).await;
    client.send(r#"421["ask"]"#).await;
    assert_eq!(client.text().await, r#"420["what"]"#);
    // Many times what the inbox holds while nobody waits for an ack.
    assert_eq!(client.flood(r#"42["event"]"#, 500).await, 500);
    assert_eq!(seen.load(Ordering::Relaxed), 0, "events wait for the handler before them");
    client.send(r#"430["this"]"#).await;
    assert_eq!(client.text().await, r#"431["this"]"#);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.load(Ordering::Relaxed), 500);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_holds_up_nobody_but_its_own_socket() {
    let server = server();
    for name in ["/", "/other"] {
        let namespace = server.namespace(name);
        namespace.on("never", async |_: Socket, ()| std::future::pending::<()>().await);
        namespace.on("echo", async |_: Socket, (n,): (u64,)| n);
        namespace.on_connect(async |socket: Socket| {
            socket.spawn({
                let socket = socket.clone();
                async move {
                    while let Ok(n) = socket.emit_with_ack::<_, u64>("tick", ()).await {
                        socket.emit("tock", (n,)).ok();
                    }
                }
            });
        });
    }
    let mut stuck = Client::join(&server).await;
    assert_eq!(stuck.text().await, r#"420["tick"]"#);
    stuck.send(r#"421["never"]"#).await;
    stuck.send(r#"422["echo",1]"#).await;
    // Acks of the same socket flow.
    stuck.send("430[5]").await;
    assert_eq!(stuck.text().await, r#"42["tock",5]"#);
    assert_eq!(stuck.text().await, r#"421["tick"]"#);
    // So do the other sockets of the same client,
    stuck.send("40/other,").await;
    assert!(stuck.text().await.starts_with("40/other,{"));
    assert_eq!(stuck.text().await, r#"42/other,0["tick"]"#);
    stuck.send(r#"42/other,3["echo",3]"#).await;
    assert_eq!(stuck.text().await, "43/other,3[3]");
    // other clients,
    let mut other = Client::join(&server).await;
    assert!(other.text().await.ends_with(r#"["tick"]"#));
    other.send(r#"424["echo",4]"#).await;
    assert_eq!(other.text().await, "434[4]");
    drop(other);
    // and heartbeats, for minutes, in which the events behind the handler wait.
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(tokio::time::timeout(Duration::from_secs(60), stuck.next()).await.unwrap().unwrap(), "2");
        stuck.send("3").await;
    }
    assert!(started.elapsed() > Duration::from_secs(400));
    stuck.send("41").await;
    stuck.send(r#"42/other,5["echo",5]"#).await;
    assert_eq!(stuck.text().await, "43/other,5[5]");
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_pauses_the_reading_of_its_client_alone_and_no_heartbeat_is_missed() {
    let server = server();
    let root = server.namespace("/");
    let gate = Arc::new(Notify::new());
    let (sender, mut gone) = mpsc::unbounded_channel();
    let opened = gate.clone();
    root.on("slow", move |_: Socket, (_, n): (String, u64)| {
        let opened = opened.clone();
        async move {
            opened.notified().await;
            n
        }
    });
    root.on("echo", async |_: Socket, (n,): (u64,)| n);
    root.on_disconnect(move |_: Socket, reason: DisconnectReason| {
        sender.send(reason).ok();
        std::future::ready(())
    });
    let mut slow = Client::join(&server).await;
    let mut other = Client::join(&server).await;
    let event = format!(r#"421["slow","{}",7]"#, "x".repeat(1000));
    let sent = slow.flood(&event, 2000).await;
    assert!((64..200).contains(&sent), "{sent} events were taken of a client whose first is not handled");
    // The other client is read and answered, while the first one's pong could not even be read: three times over.
    for round in 0..60 {
        sleep(Duration::from_secs(3)).await;
        other.send(&format!(r#"42{round}["echo",{round}]"#)).await;
        assert_eq!(other.text().await, format!("43{round}[{round}]"));
    }
    assert!(gone.try_recv().is_err(), "the pong deadline stands still for a client that is not read");
    // Once the handler goes on, everything that was taken is answered, in order, and reading goes on.
    let answers = tokio::spawn(async move {
        let mut answered = 0;
        // The frame that the flood was cut short in is the last one.
        while answered < sent {
            assert_eq!(slow.text().await, "431[7]");
            answered += 1;
        }
        answered
    });
    while !answers.is_finished() {
        gate.notify_one();
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(answers.await.unwrap(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_handler_harms_nobody_and_is_heard_of() {
    let server = server();
    let root = server.namespace("/");
    let errors = Arc::new(Mutex::new(Vec::new()));
    let heard = errors.clone();
    root.on("panic", async |_: Socket, ()| -> () { panic!("on the way") });
    root.on("at once", |_: Socket, ()| -> std::future::Ready<()> { panic!("before the first await") });
    root.on("fail", async |_: Socket, ()| Err::<(), _>(std::io::Error::other("it failed")));
    root.on("typed", async |_: Socket, (_, _): (u8, String)| ());
    root.on("echo", async |_: Socket, (n,): (u64,)| n);
    root.on_error(move |_: Socket, error: HandlerError| {
        heard.lock().unwrap().push(error.to_string());
        std::future::ready(())
    });
    let mut client = Client::join(&server).await;
    let mut other = Client::join(&server).await;
    for event in [r#"421["panic"]"#, r#"422["at once"]"#, r#"423["fail"]"#, r#"424["typed",1,2]"#, r#"425["echo",5]"#] {
        client.send(event).await;
    }
    // None of the others is answered.
    assert_eq!(client.text().await, "435[5]");
    other.send(r#"426["echo",6]"#).await;
    assert_eq!(other.text().await, "436[6]");
    let errors = errors.lock().unwrap().clone();
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(errors[0].contains("on the way") && errors[1].contains("before the first await"), "{errors:?}");
    assert_eq!(errors[2], "it failed");
    assert!(errors[3].contains("\"typed\"") && errors[3].contains('1'), "names event and index: {errors:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_connect_handler_or_a_middleware_ends_only_what_it_was_for() {
    let server = server();
    server.namespace("/").on_connect(async |_: Socket| -> () { panic!("in the connect handler") });
    server.namespace("/").on("echo", async |_: Socket, (n,): (u64,)| n);
    server.namespace("/guarded").middleware(async |_| panic!("in the middleware"));
    let mut client = Client::join(&server).await;
    client.send(r#"421["echo",1]"#).await;
    assert_eq!(client.text().await, "431[1]");
    client.send("40/guarded,").await;
    assert_eq!(client.text().await, r#"44/guarded,{"message":"Internal server error"}"#);
    client.send(r#"422["echo",2]"#).await;
    assert_eq!(client.text().await, "432[2]");
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_never_comes_ends_by_its_timeout_or_by_the_disconnect() {
    let server = server();
    let root = server.namespace("/");
    let (sender, mut results) = mpsc::unbounded_channel();
    root.on("ask", move |socket: Socket, ()| {
        let sender = sender.clone();
        async move {
            let started = Instant::now();
            let answer: Result<u64, AckError> = socket.emit_with_ack("what", ()).await;
            sender.send((answer.unwrap_err().to_string(), started.elapsed().as_secs())).ok();
        }
    });
    let mut client = Client::join(&server).await;
    client.send(r#"42["ask"]"#).await;
    assert_eq!(client.text().await, r#"420["what"]"#);
    assert_eq!(client.next().await.unwrap(), "2");
    client.send("3").await;
    assert_eq!(results.recv().await.unwrap(), ("operation has timed out".to_owned(), 30));
    // A late one is nobody's.
    client.send("430[1]").await;
    client.send(r#"42["ask"]"#).await;
    assert_eq!(client.text().await, r#"421["what"]"#);
    drop(client);
    let (error, seconds) = results.recv().await.unwrap();
    assert_eq!((error.as_str(), seconds), ("socket has been disconnected", 0));
}

#[tokio::test(start_paused = true)]
async fn events_of_a_socket_are_handled_in_order_and_wait_for_the_connect_handler() {
    let server = server();
    let root = server.namespace("/");
    root.on_connect(async |socket: Socket| {
        sleep(Duration::from_secs(2)).await;
        socket.emit("connected", ()).map(|_| ())
    });
    root.on("wait", async |_: Socket, (ms,): (u64,)| {
        sleep(Duration::from_millis(ms)).await;
        ms
    });
    let mut client = Client::join(&server).await;
    for (id, ms) in [(1, 900), (2, 10), (3, 500), (4, 0)] {
        client.send(&format!(r#"42{id}["wait",{ms}]"#)).await;
    }
    assert_eq!(client.text().await, r#"42["connected"]"#);
    for answer in ["431[900]", "432[10]", "433[500]", "434[0]"] {
        assert_eq!(client.text().await, answer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connect_handler_may_pull_its_events_until_the_end() {
    let server = server();
    let (sender, mut ended) = mpsc::unbounded_channel();
    server.namespace("/").on_connect(move |socket: Socket| {
        let sender = sender.clone();
        async move {
            let mut sum = 0;
            while let Some(mut event) = socket.next().await {
                sum += event.args::<i64>().unwrap_or_default();
                if let Some(ack) = event.ack() {
                    ack.send(&sum).ok();
                }
            }
            sender.send(sum).ok();
        }
    });
    let mut client = Client::join(&server).await;
    for (id, answer) in [(0, "430[1]"), (1, "431[3]"), (2, "432[6]")] {
        client.send(&format!(r#"42{id}["add",{}]"#, id + 1)).await;
        assert_eq!(client.text().await, answer);
    }
    client.send("41").await;
    assert_eq!(ended.recv().await, Some(6));
}

#[tokio::test(start_paused = true)]
async fn closing_lets_go_of_a_handler_that_holds_its_own_socket() {
    let server = server();
    let held = Arc::new(());
    let weak = Arc::downgrade(&held);
    let held = Mutex::new(Some(held));
    server.namespace("/").on_connect(move |socket: Socket| {
        let (mine, held) = (socket.clone(), held.lock().unwrap().take());
        socket.on("event", move |_: Socket, ()| {
            let _ = (&mine, &held);
            std::future::ready(())
        });
        std::future::ready(())
    });
    let client = Client::join(&server).await;
    assert!(weak.upgrade().is_some());
    drop(client);
    while server.sessions() > 0 {
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_secs(1)).await;
    assert!(weak.upgrade().is_none());
}
