//! Events that a client sends before it leaves are handled, unless the server disconnects it.

use socketio_tokio::engine::EngineSocket;
use socketio_tokio::server::{DisconnectReason, Event};
use socketio_tokio::{Data, Server, ServerBuilder, Socket};
use tungstenite::protocol::frame::coding::{Control, Data as Code, OpCode};

use crate::support::{HasWorld, Polling, World, Ws, frame_bytes, secs, server, until};

/// Handlers that report events, each after waiting at the gate if the event requests it, and the disconnect.
fn say_all(server: &Server) {
    let root = server.namespace("/");
    root.on("say", async |socket: Socket, (n,): (u32,)| {
        socket.world().say(n);
        n
    });
    root.on("slow", async |socket: Socket, (n,): (u32,)| {
        socket.world().say(format!("begin {n}"));
        socket.world().gate().await;
        socket.world().say(format!("end {n}"));
    });
    root.on("leave", async |socket: Socket, ()| socket.disconnect());
    root.on_disconnect(async |socket: Socket, reason: DisconnectReason| {
        assert!(!socket.is_connected());
        socket.world().say(reason);
    });
}

fn text(text: &str) -> Vec<u8> {
    frame_bytes(OpCode::Data(Code::Text), true, text.as_bytes())
}

async fn hears_all(world: &World, words: &[&str]) {
    for word in words {
        world.hears(word).await;
    }
    tokio::time::sleep(secs(60)).await;
    assert_eq!(world.all(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn events_before_a_disconnect_are_handled_before_it() {
    let (server, world) = server();
    say_all(&server);
    let packets = ["42[\"say\",1]", "427[\"say\",2]", "42[\"say\",3]", "41", "42[\"say\",4]"];

    let mut client = Ws::connect(&server).await;
    client.send_all(packets).await;
    hears_all(&world, &["1", "2", "3", "client namespace disconnect"]).await;
    // A disconnected socket gets no ack, and the event after the DISCONNECT is a violation.
    client.closes_with(None).await;

    let client = Polling::connect(&server).await;
    client.send(&packets[..4].join("\u{1e}")).await;
    hears_all(&world, &["1", "2", "3", "client namespace disconnect"]).await;
}

#[tokio::test(start_paused = true)]
async fn events_before_the_end_of_the_transport_are_handled_before_the_disconnect() {
    let (server, world) = server();
    say_all(&server);
    let events = [text("42[\"say\",1]"), text("42[\"say\",2]")].concat();
    let heard = |reason| ["1", "2", reason];

    for end in [text("1"), frame_bytes(OpCode::Control(Control::Close), true, b"")] {
        let mut client = Ws::connect(&server).await;
        client.send_raw(&[events.clone(), end].concat()).await;
        hears_all(&world, &heard("transport close")).await;
    }
    let mut client = Ws::connect(&server).await;
    client.send_raw(&events).await;
    drop(client);
    hears_all(&world, &heard("transport close")).await;

    // A frame without a mask and with reserved bits.
    let mut client = Ws::connect(&server).await;
    client.send_raw(&[events, vec![0xf1, 0x00]].concat()).await;
    hears_all(&world, &heard("transport error")).await;

    let client = Polling::connect(&server).await;
    client.send("42[\"say\",1]\u{1e}42[\"say\",2]\u{1e}1").await;
    hears_all(&world, &heard("transport close")).await;
    until("the sessions to end", || server.sessions() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_body_is_handled_completely_although_it_ends_with_a_disconnect() {
    let (server, world) = server();
    say_all(&server);
    let events: Vec<String> = (0..500).map(|n| format!("42[\"say\",{n}]")).collect();
    for (last, reason) in [("41", "client namespace disconnect"), ("1", "transport close")] {
        let mut expected: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        expected.push(reason.to_owned());
        let client = Polling::connect(&server).await;
        client.send(&format!("{}\u{1e}{last}", events.join("\u{1e}"))).await;
        until("everything to be handled", || world.count() == expected.len()).await;
        assert_eq!(world.all(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn queued_events_are_handled_one_at_a_time_and_the_disconnect_after_the_last_has_started() {
    let (server, world) = server();
    say_all(&server);
    let mut client = Ws::connect(&server).await;
    client.send_all(["42[\"slow\",1]", "42[\"slow\",2]", "42[\"slow\",3]"]).await;
    world.hears("begin 1").await;
    drop(client);
    until("the session to end", || server.sessions() == 0).await;
    until("the socket to leave", || server.namespace("/").is_empty()).await;
    world.open(1);
    for word in ["end 1", "begin 2"] {
        world.hears(word).await;
    }
    world.open(1);
    // The disconnect handler does not wait for a running handler.
    for word in ["end 2", "begin 3", "transport close"] {
        world.hears(word).await;
    }
    world.open(1);
    hears_all(&world, &["end 3"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_by_the_server_drops_queued_events() {
    let (server, world) = server();
    say_all(&server);
    let root = server.namespace("/");

    let mut client = Ws::connect(&server).await;
    client.send_all(["42[\"leave\"]", "42[\"say\",1]"]).await;
    hears_all(&world, &["server namespace disconnect"]).await;
    client.expect("41").await;

    // Even if the client has left meanwhile.
    let mut client = Ws::connect(&server).await;
    client.send_all(["42[\"leave\"]", "42[\"say\",1]", "41"]).await;
    hears_all(&world, &["client namespace disconnect"]).await;

    for all in [false, true] {
        let mut client = Ws::connect(&server).await;
        client.send_all(["42[\"slow\",1]", "42[\"say\",1]"]).await;
        world.hears("begin 1").await;
        let socket = root.sockets().remove(0);
        if all {
            socket.disconnect_all()
        } else {
            socket.disconnect()
        }
        world.hears("server namespace disconnect").await;
        world.open(1);
        hears_all(&world, &["end 1"]).await;
        client.expect("41").await;
    }

    let mut client = Ws::connect(&server).await;
    client.send_all(["42[\"slow\",1]", "42[\"say\",1]"]).await;
    world.hears("begin 1").await;
    tokio::join!(server.close(), async {
        world.hears("server shutting down").await;
        world.open(1);
    });
    hears_all(&world, &["end 1"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_broadcast_for_a_client_that_has_left() {
    let (server, world) = server();
    say_all(&server);
    server.namespace("/").on("tell", async |socket: Socket, (text,): (String,)| {
        socket.join("late");
        assert!(socket.emit("echo", (&text,)).is_err());
        assert!(socket.rooms().is_empty());
        socket.broadcast().emit("told", (text,)).map(drop)
    });
    let mut other = Ws::connect(&server).await;
    let mut client = Ws::connect(&server).await;
    client.send_all(["421[\"tell\",\"goodbye\"]", "41"]).await;
    other.expect("42[\"told\",\"goodbye\"]").await;
    world.hears("client namespace disconnect").await;
    other.is_quiet_for(secs(60)).await;
    assert_eq!(server.namespace("/").rooms(), []);
}

#[tokio::test(start_paused = true)]
async fn next_returns_the_last_events_before_a_disconnect() {
    let (server, world) = server();
    server.namespace("/").on_connect(async |socket: Socket| {
        let world = socket.world();
        world.gate().await;
        while let Some(event) = socket.next().await {
            world.say(event.name());
            tokio::task::yield_now().await;
        }
        world.say(socket.disconnect_reason().unwrap());
    });
    server.namespace("/").on_disconnect(async |socket: Socket, _| socket.world().say("told"));
    for last in ["41", "1"] {
        let mut client = Ws::connect(&server).await;
        client.send_all(["42[\"a\"]", "42[\"b\"]", last]).await;
        until("the socket to leave", || server.namespace("/").is_empty()).await;
        world.open(1);
        world.hears("a").await;
        world.hears("b").await;
        let end = [world.heard().await, world.heard().await];
        assert!(end.contains(&"told".to_owned()), "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn next_in_a_spawned_task_returns_the_last_events_before_a_disconnect() {
    let (server, world) = server();
    server.namespace("/").on_connect(async |socket: Socket| {
        let puller = socket.clone();
        socket.spawn(async move {
            while let Some(event) = puller.next().await {
                puller.world().say(event.name());
            }
            puller.world().say("none");
        });
    });
    server
        .namespace("/")
        .on_event(async |event: Event| event.socket().world().say(format!("on_event {}", event.name())));
    let mut client = Ws::connect(&server).await;
    client.send_all(["42[\"a\"]", "41"]).await;
    hears_all(&world, &["a", "none"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_dropped_next_is_handled_although_the_client_left() {
    let (server, world) = server();
    say_all(&server);
    server.namespace("/").on_connect(async |socket: Socket| {
        let world = socket.world();
        tokio::select! {
            biased;
            () = world.gate() => {}
            () = async {
                // `next` is dropped after an event was delivered to it and before it is taken.
                let mut next = Box::pin(socket.next());
                assert!(is_pending(next.as_mut()).await);
                std::future::pending::<()>().await
            } => {}
        }
        world.say("given up");
    });
    let mut client = Ws::connect(&server).await;
    client.send_all(["42[\"say\",1]", "41"]).await;
    until("the socket to leave", || server.namespace("/").is_empty()).await;
    world.open(1);
    hears_all(&world, &["given up", "1", "client namespace disconnect"]).await;
}

/// Polls once; returns whether the future is pending.
async fn is_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[tokio::test(start_paused = true)]
async fn a_sockets_own_handlers_get_the_last_events_and_the_disconnect_and_are_dropped() {
    let (server, world) = server();
    server.namespace("/").on_connect(async |socket: Socket| {
        let world = socket.world();
        world.gate().await;
        let (held, drops) = (socket.clone(), std::sync::Arc::new(world.on_drop("dropped")));
        socket.on("last", move |socket: Socket, ()| {
            drops.hold();
            held.world().say("last");
            async move { assert!(!socket.is_connected()) }
        });
        socket.on_disconnect(async |socket: Socket, _| socket.world().say("gone"));
    });
    let mut client = Ws::connect(&server).await;
    client.send_all(["42[\"last\"]", "41"]).await;
    until("the socket to leave", || server.namespace("/").is_empty()).await;
    world.open(1);
    let mut heard = [world.heard().await, world.heard().await, world.heard().await];
    assert_eq!(heard[0], "last");
    heard.sort();
    assert_eq!(heard, ["dropped", "gone", "last"]);
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_bare_session_are_handled_although_the_client_left() {
    let world = World::default();
    let server = ServerBuilder::new().state(world.clone()).build_engine({
        let world = world.clone();
        move |socket: EngineSocket, data: Data| {
            let world = world.clone();
            async move {
                let Data::Text(text) = data else { return };
                world.say(&text);
                if &*text == "close" {
                    socket.close();
                    world.gate().await;
                }
            }
        }
    });
    let server = server.unwrap();
    let mut client = Ws::engine(&server).await;
    client.send_all(["4a", "4b", "1"]).await;
    hears_all(&world, &["a", "b"]).await;
    let mut client = Ws::engine(&server).await;
    client.send_all(["4a", "4close", "4b"]).await;
    until("the session to end", || server.sessions() == 0).await;
    world.open(1);
    hears_all(&world, &["a", "close"]).await;
}
