//! The guarantees for handlers: order, acks, errors.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use socketio_tokio::server::{Ack, Event};
use socketio_tokio::{AckError, HandlerError, Server, Socket};
use tokio::sync::Mutex;

use crate::support::{Frame, HasWorld, PING_INTERVAL, Polling, Ws, secs, server, settle, until};

/// Reports errors; used by most tests here.
fn say_errors(server: &Server) {
    server.namespace("/").on_error(async |socket: Socket, error: HandlerError| socket.world().say(error));
}

// --- acks of the same client ------------------------------------------------------------------------------------------

fn ask_back(server: &Server) {
    let root = server.namespace("/");
    root.on("double", async |socket: Socket, (n,): (u32,)| socket.emit_with_ack::<_, u32>("ask", (n,)).await);
    root.on("other", async |socket: Socket, (n,): (u32,)| socket.world().say(n));
    say_errors(server);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_awaits_an_ack_of_its_own_client_gets_it() {
    let (server, _) = server();
    ask_back(&server);
    let mut client = Ws::connect(&server).await;
    client.send("427[\"double\",21]").await;
    client.expect("420[\"ask\",21]").await;
    client.send("430[42]").await;
    client.expect("437[42]").await;
}

#[tokio::test(start_paused = true)]
async fn an_awaited_ack_after_500_other_events_arrives() {
    let (server, world) = server();
    ask_back(&server);
    let others: Vec<String> = (0..500).map(|n| format!("42[\"other\",{n}]")).collect();
    let expected: Vec<String> = (0..500).map(|n| n.to_string()).collect();

    let mut client = Ws::connect(&server).await;
    client.send("427[\"double\",21]").await;
    client.send_all(others.iter().map(String::as_str)).await;
    client.send("430[42]").await;
    client.expect("420[\"ask\",21]").await;
    client.expect("437[42]").await;
    until("the other events", || world.count() == 500).await;
    assert_eq!(world.all(), expected);

    let mut client = Polling::connect(&server).await;
    client.send(&format!("428[\"double\",1]\u{1e}{}", others.join("\u{1e}"))).await;
    client.expect("421[\"ask\",1]").await;
    client.send("431[2]").await;
    client.expect("438[2]").await;
    until("the other events", || world.count() == 500).await;
    assert_eq!(world.all(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_an_ack_gets_a_timeout_after_30_s() {
    let (server, world) = server();
    ask_back(&server);
    server.namespace("/hang").on("hang", async |_, ()| std::future::pending::<()>().await);
    let mut client = Ws::connect(&server).await;
    client.join("/hang").await;
    client.send("42/hang,[\"hang\"]").await;
    client.send("421[\"double\",1]").await;
    client.expect("420[\"ask\",1]").await;
    let asked = tokio::time::Instant::now();
    let (heard, _) = tokio::join!(world.heard(), client.is_quiet_for(secs(40)));
    assert_eq!(heard, "operation has timed out");
    client.send("42[\"other\",5]").await;
    world.hears("5").await;
    assert_eq!(asked.elapsed().as_secs(), 40);

    // A late ack is ignored, and so is one with an unknown id.
    client.send_all(["430[42]", "43999[1]"]).await;
    client.send("42[\"other\",6]").await;
    world.hears("6").await;
    client.is_quiet_for(secs(60)).await;
}

// --- handlers that never end ------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_ends_blocks_only_its_socket() {
    let (server, _) = server();
    let root = server.namespace("/");
    root.on("hang", async |_, ()| std::future::pending::<()>().await);
    root.on("echo", async |_, (n,): (u32,)| n);
    server.namespace("/other").on("echo", async |_, (n,): (u32,)| n);

    let mut client = Ws::engine(&server).await;
    let id = client.join("/").await;
    client.join("/other").await;
    let mut neighbour = Ws::connect(&server).await;
    client.send("42[\"hang\"]").await;
    settle().await;

    // Heartbeats go on for minutes.
    for _ in 0..20 {
        assert_eq!(client.frame().await, Some(Frame::text("2")));
        client.send("3").await;
        assert_eq!(neighbour.frame().await, Some(Frame::text("2")));
        neighbour.send("3").await;
    }
    // Acks of the same socket.
    let socket = root.socket(&id).unwrap();
    let asking = tokio::spawn(async move { socket.emit_with_ack::<_, String>("ask", ()).await });
    client.expect("420[\"ask\"]").await;
    client.send("430[\"yes\"]").await;
    assert_eq!(asking.await.unwrap().unwrap(), "yes");
    // Other sockets of the same client, other clients, WebSocket pings.
    client.send("42/other,3[\"echo\",4]").await;
    client.expect("43/other,3[4]").await;
    neighbour.send("425[\"echo\",6]").await;
    neighbour.expect("435[6]").await;
    // Further events of the same socket wait.
    client.send("427[\"echo\",8]").await;
    client.is_quiet_for(secs(120)).await;
    // The client can leave.
    client.send("41").await;
    until("the socket to leave", || root.len() == 1).await;
}

// --- order ------------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn events_of_a_socket_are_handled_in_order_one_at_a_time() {
    let (server, world) = server();
    server.namespace("/").on("n", async |socket: Socket, (n,): (u64,)| {
        socket.world().say(format!("begin {n}"));
        for _ in 0..n % 3 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis((100 - n) % 7)).await;
        socket.world().say(format!("end {n}"));
    });
    let mut client = Ws::connect(&server).await;
    let events: Vec<String> = (0..100).map(|n| format!("42[\"n\",{n}]")).collect();
    client.send_all(events.iter().map(String::as_str)).await;
    for n in 0..100 {
        world.hears(&format!("begin {n}")).await;
        world.hears(&format!("end {n}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn events_wait_until_the_connect_handler_has_returned() {
    let (server, world) = server();
    let root = server.namespace("/");
    root.on_connect(async |socket: Socket| {
        socket.world().gate().await;
        socket.world().say("connected");
    });
    root.on("event", async |socket: Socket, ()| socket.world().say("event"));
    let mut client = Ws::connect(&server).await;
    client.send("42[\"event\"]").await;
    client.is_quiet_for(secs(60)).await;
    assert_eq!(world.all(), [""; 0]);
    world.open(1);
    world.hears("connected").await;
    world.hears("event").await;
}

#[tokio::test(start_paused = true)]
async fn acks_do_not_wait_for_the_connect_handler() {
    let (server, world) = server();
    server.namespace("/").on_connect(async |socket: Socket| {
        let name: String = socket.emit_with_ack("name?", ()).await.unwrap();
        socket.world().say(name);
    });
    let mut client = Ws::connect(&server).await;
    client.expect("420[\"name?\"]").await;
    client.send("430[\"Ann\"]").await;
    world.hears("Ann").await;
}

// --- next -------------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_connect_handler_may_take_its_events_with_next() {
    let (server, world) = server();
    let root = server.namespace("/");
    root.on_connect(async |socket: Socket| {
        while let Some(mut event) = socket.next().await {
            socket.world().say(event.name());
            if let Some(ack) = event.ack() {
                ack.send(event.raw_args()).ok();
            }
        }
        socket.world().say(format!("none: {}", socket.disconnect_reason().unwrap()));
    });
    root.on("a", async |socket: Socket, ()| socket.world().say("handled, not pulled"));
    let mut client = Ws::connect(&server).await;
    client.send_all(["42[\"a\"]", "421[\"b\",1,[2]]", "42[\"c\"]"]).await;
    client.expect("431[1,[2]]").await;
    for name in ["a", "b", "c"] {
        world.hears(name).await;
    }
    client.send("41").await;
    world.hears("none: client namespace disconnect").await;
}

#[tokio::test(start_paused = true)]
async fn an_event_delivered_to_a_dropped_next_goes_to_its_handler() {
    let (server, world) = server();
    let root = server.namespace("/");
    root.on_connect(async |socket: Socket| {
        let world = socket.world();
        tokio::select! {
            biased;
            () = world.gate() => {}
            _ = async {
                // `next` is dropped after an event was delivered to it and before it is taken.
                let mut next = Box::pin(socket.next());
                assert!(poll_once(next.as_mut()).await.is_none());
                std::future::pending::<()>().await
            } => {}
        }
        world.say("given up");
    });
    root.on("event", async |socket: Socket, (n,): (u8,)| {
        socket.world().say(format!("handled {n}"));
        n
    });
    let mut client = Ws::connect(&server).await;
    client.send_all(["421[\"event\",1]", "422[\"event\",2]"]).await;
    settle().await;
    world.open(1);
    for said in ["given up", "handled 1", "handled 2"] {
        world.hears(said).await;
    }
    client.expect("431[1]").await;
    client.expect("432[2]").await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_not_taken_does_not_leak_its_socket() {
    let (server, world) = server();
    server.namespace("/").on_connect(async |socket: Socket| {
        let world = socket.world();
        socket.insert(Arc::new(world.on_drop("socket dropped")));
        let mut next = Box::pin(socket.next());
        assert!(poll_once(next.as_mut()).await.is_none());
        world.gate().await;
    });
    for leave_first in [false, true] {
        let mut client = Ws::connect(&server).await;
        client.send("42[\"event\"]").await;
        settle().await;
        if leave_first {
            drop(client);
            settle().await;
            world.open(1);
        } else {
            world.open(1);
            settle().await;
            drop(client);
        }
        world.hears("socket dropped").await;
    }
}

async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut future).poll(cx) {
        std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

// --- choice of handler ------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_sockets_own_handler_replaces_the_namespaces() {
    let (server, _) = server();
    let root = server.namespace("/");
    root.on_connect(async |socket: Socket| {
        if socket.auth().is_some() {
            socket.on("who", async |_, ()| "own");
        }
    });
    root.on("who", async |_, ()| "namespace");
    let mut plain = Ws::connect(&server).await;
    let mut special = Ws::engine(&server).await;
    special.send("40{\"special\":true}").await;
    assert!(special.recv().await.starts_with("40{\"sid\":"));
    for (client, answer) in [(&mut plain, "430[\"namespace\"]"), (&mut special, "430[\"own\"]")] {
        client.send("420[\"who\"]").await;
        client.expect(answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_holds_its_own_socket_is_dropped_after_the_disconnect() {
    let (server, world) = server();
    server.namespace("/").on_connect(async |socket: Socket| {
        let (handler, data, me) = (
            Arc::new(socket.world().on_drop("handler dropped")),
            socket.world().on_drop("socket dropped"),
            socket.clone(),
        );
        socket.insert(Arc::new(data));
        socket.on("event", move |_, ()| {
            handler.hold();
            let me = me.clone();
            async move { me.emit("reply", ()) }
        });
    });
    let mut client = Ws::connect(&server).await;
    client.send("42[\"event\"]").await;
    client.expect("42[\"reply\"]").await;
    assert_eq!(world.all(), [""; 0]);
    client.send("41").await;
    world.hears("handler dropped").await;
    world.hears("socket dropped").await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_set_again_replaces_the_former_also_for_connected_sockets() {
    let (server, world) = server();
    let root = server.namespace("/");
    let first = Arc::new(world.on_drop("first dropped"));
    root.on("v", move |_, ()| {
        first.hold();
        async { 1 }
    });
    let mut client = Ws::connect(&server).await;
    client.send("420[\"v\"]").await;
    client.expect("430[1]").await;
    root.on("v", async |_, ()| 2);
    client.send("421[\"v\"]").await;
    client.expect("431[2]").await;
    world.hears("first dropped").await;
}

#[tokio::test(start_paused = true)]
async fn events_without_a_handler_go_to_on_event_or_are_dropped() {
    let (server, world) = server();
    let root = server.namespace("/");
    root.on("known", async |socket: Socket, ()| socket.world().say("known"));
    let mut client = Ws::connect(&server).await;
    client.send_all(["421[\"nobody\"]", "42[\"known\"]"]).await;
    world.hears("known").await;
    client.is_quiet_for(secs(60)).await;

    root.on_event(async |event: Event| {
        let (text, number): (&str, u32) = event.args().unwrap();
        event.socket().world().say(format!("{}: {text} {number}", event.name()));
    });
    client.send_all(["42[\"known\"]", "42[\"other\",\"x\",1]", "42[7,\"y\",2]"]).await;
    for said in ["known", "other: x 1", "7: y 2"] {
        world.hears(said).await;
    }
}

// --- results ----------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn the_value_that_a_handler_returns_is_sent_as_the_ack() {
    let (server, _) = server();
    let root = server.namespace("/admin");
    root.on("sum", async |_, (a, b): (i64, i64)| a + b);
    root.on("two", async |_, ()| ("x", 2));
    root.on("nothing", async |_, ()| {});
    root.on("list", async |_, ()| vec![1, 2]);
    root.on("fine", async |_, ()| Ok::<_, AckError>("fine"));
    root.on("bytes", async |_, (bytes,): (Bytes,)| (bytes.len(), bytes));
    root.on("maybe", async |_, (a, b): (u8, Option<u8>)| (a, b));
    let mut client = Ws::engine(&server).await;
    client.join("/admin").await;
    for (event, answer) in [
        ("1[\"sum\",1,2]", "1[3]"),
        ("2[\"two\"]", "2[\"x\",2]"),
        ("3[\"nothing\"]", "3[]"),
        ("4[\"list\"]", "4[[1,2]]"),
        ("5[\"fine\"]", "5[\"fine\"]"),
        ("6[\"sum\",1,2,\"surplus\"]", "6[3]"),
        ("7[\"maybe\",1]", "7[1,null]"),
    ] {
        client.send(&format!("42/admin,{event}")).await;
        client.expect(&format!("43/admin,{answer}")).await;
    }
    client.send("451-/admin,9[\"bytes\",{\"_placeholder\":true,\"num\":0}]").await;
    client.send_binary(b"\x01\x02\x03").await;
    client.expect("461-/admin,9[3,{\"_placeholder\":true,\"num\":0}]").await;
    assert_eq!(client.next().await, Some(Frame::Binary(b"\x01\x02\x03".to_vec())));
    // No ack was requested, so nothing is sent.
    client.send("42/admin,[\"sum\",1,2]").await;
    client.is_quiet_for(secs(60)).await;
}

#[derive(Debug, thiserror::Error)]
#[error("disk full")]
struct DiskFull;

#[tokio::test(start_paused = true)]
async fn an_error_goes_to_on_error_and_the_ack_is_never_sent() {
    let (server, world) = server();
    say_errors(&server);
    server.namespace("/").on("save", async |_, ()| Err::<(), _>(DiskFull));
    let mut client = Ws::connect(&server).await;
    client.send_all(["421[\"save\"]", "42[\"save\"]"]).await;
    world.hears("disk full").await;
    world.hears("disk full").await;
    client.is_quiet_for(secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn an_argument_error_names_event_and_index_and_the_next_event_is_handled() {
    let (server, world) = server();
    say_errors(&server);
    server.namespace("/").on("sum", async |_, (a, b): (i64, i64)| a + b);
    let mut client = Ws::connect(&server).await;
    client.send_all(["421[\"sum\",1]", "422[\"sum\",\"x\",2]", "423[\"sum\",1,2]"]).await;
    client.expect("433[3]").await;
    for index in [1, 0] {
        let said = world.heard().await;
        assert!(said.starts_with("event \"sum\": ") && said.contains(&format!("argument {index}")), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_cannot_be_encoded_goes_to_on_error() {
    let (server, world) = server();
    say_errors(&server);
    server.namespace("/").on("map", async |_, ()| std::collections::BTreeMap::from([((1, 2), 3)]));
    let mut client = Ws::connect(&server).await;
    client.send("421[\"map\"]").await;
    let said = world.heard().await;
    assert!(said.starts_with("the ack cannot be encoded: "), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_ack_may_be_sent_later_from_another_task_or_thread() {
    let (server, _) = server();
    let kept: Arc<Mutex<Vec<Ack>>> = Arc::default();
    let keep = kept.clone();
    server.namespace("/").on_event(move |mut event: Event| {
        let keep = keep.clone();
        async move { keep.lock().await.extend(event.ack()) }
    });
    let mut client = Ws::connect(&server).await;
    client.send_all(["427[\"later\"]", "428[\"thread\"]", "429[\"never\"]", "42[\"unasked\"]"]).await;
    client.is_quiet_for(PING_INTERVAL * 4).await;
    let mut kept = kept.lock().await;
    assert_eq!(kept.len(), 3);
    drop(kept.pop());
    let (thread, task) = (kept.pop().unwrap(), kept.pop().unwrap());
    tokio::spawn(async move { task.send("late").unwrap() });
    client.expect("437[\"late\"]").await;
    std::thread::spawn(move || thread.send(&(1, 2)).unwrap()).join().unwrap();
    client.expect("438[1,2]").await;
    client.is_quiet_for(secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn an_ack_to_a_client_that_left_is_refused() {
    let (server, _) = server();
    let kept: Arc<Mutex<Vec<Ack>>> = Arc::default();
    let keep = kept.clone();
    let root = server.namespace("/");
    root.on_event(move |mut event: Event| {
        let keep = keep.clone();
        async move { keep.lock().await.extend(event.ack()) }
    });
    let mut client = Ws::connect(&server).await;
    client.send("427[\"ask\"]").await;
    settle().await;
    drop(client);
    until("the client to be gone", || root.is_empty()).await;
    let ack = kept.lock().await.pop().unwrap();
    assert!(ack.send("late").is_err());
}

#[tokio::test(start_paused = true)]
async fn a_running_handler_completes_although_its_client_is_gone() {
    let (server, world) = server();
    let root = server.namespace("/");
    root.on("work", async |socket: Socket, ()| {
        socket.world().say("begin");
        socket.world().gate().await;
        socket.world().say(format!("end, connected: {}", socket.is_connected()));
    });
    root.on_disconnect(async |socket: Socket, reason| socket.world().say(reason));
    let mut client = Ws::connect(&server).await;
    client.send("42[\"work\"]").await;
    world.hears("begin").await;
    drop(client);
    world.hears("transport close").await;
    until("the session to end", || server.sessions() == 0).await;
    world.open(5);
    world.hears("end, connected: false").await;
    tokio::time::sleep(secs(60)).await;
    assert_eq!(world.all(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn spawned_work_does_not_delay_the_next_event() {
    let (server, world) = server();
    let root = server.namespace("/");
    root.on("work", async |socket: Socket, ()| {
        let world = socket.world();
        socket.spawn(async move {
            world.gate().await;
            world.say("spawned work done");
        });
    });
    root.on("next", async |socket: Socket, ()| socket.world().say("next"));
    let mut client = Ws::connect(&server).await;
    client.send_all(["42[\"work\"]", "42[\"next\"]"]).await;
    world.hears("next").await;
    world.open(1);
    world.hears("spawned work done").await;
}

#[tokio::test(start_paused = true)]
async fn a_sockets_own_on_event_and_on_error_replace_those_of_the_namespace() {
    let (server, world) = server();
    let root = server.namespace("/");
    root.on("known", async |socket: Socket, ()| socket.world().say("namespace: known"));
    root.on_event(async |event: Event| event.socket().world().say(format!("namespace: {}", event.name())));
    root.on_error(async |socket: Socket, error| socket.world().say(format!("namespace: {error}")));
    root.on("fail", async |_, ()| Err::<(), _>("failed"));
    let mut own = Ws::engine(&server).await;
    let socket = root.socket(&own.join("/").await).unwrap();
    socket.on_event(async |event: Event| event.socket().world().say(format!("socket: {}", event.name())));
    socket.on_error(async |socket: Socket, error| socket.world().say(format!("socket: {error}")));
    let mut other = Ws::connect(&server).await;
    for (client, whose) in [(&mut own, "socket"), (&mut other, "namespace")] {
        client.send_all([r#"42["known"]"#, r#"42["else"]"#, r#"42["fail"]"#]).await;
        world.hears("namespace: known").await;
        world.hears(&format!("{whose}: else")).await;
        world.hears(&format!("{whose}: failed")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn handles_of_the_same_object_are_equal_and_hash_equally() {
    let (server, _) = server();
    let mut client = Ws::engine(&server).await;
    let id = client.join("/").await;
    let root = server.namespace("/");
    #[expect(clippy::mutable_key_type, reason = "identity, which is hashed, never changes")]
    let sockets = std::collections::HashSet::from([root.socket(&id).unwrap(), root.sockets().remove(0)]);
    assert_eq!(sockets.len(), 1);
    assert_eq!((server.clone(), root.clone()), (server.clone(), server.namespace("/")));
    assert_ne!(root, server.namespace("/other"));
}
