//! Emits to one socket and to many, with and without an ack, and with slow clients.

use socketio_tokio::server::{Event, Overflow};
use socketio_tokio::{AckError, Bytes, EmitError, Pressure, Server, Socket};

use crate::support::{
    Frame, HasWorld, Polling, World, Ws, dial_buffered, in_real_time, secs, server, server_with, settle, soon, until,
};

/// A client and its socket.
async fn pair(server: &Server) -> (Ws, Socket) {
    let mut client = Ws::engine(server).await;
    let id = client.join("/").await;
    (client, server.namespace("/").socket(&id).unwrap())
}

/// The same over a stream that buffers `bytes` in each direction.
async fn narrow_pair(server: &Server, bytes: usize) -> (Ws, Socket) {
    let mut client = Ws::engine_on(dial_buffered(server, bytes)).await;
    let id = client.join("/").await;
    (client, server.namespace("/").socket(&id).unwrap())
}

/// Emits a volatile event; returns whether it was queued, as the size of the outbox shows.
fn takes_volatile(socket: &Socket, number: u32) -> bool {
    let before = socket.queued_bytes();
    socket.volatile().emit("v", (number,)).unwrap();
    socket.queued_bytes() > before
}

/// The same by a broadcast to its own room.
fn takes_volatile_broadcast(server: &Server, socket: &Socket, number: u32) -> bool {
    let before = socket.queued_bytes();
    server.to(socket.id()).volatile().emit("v", (number,)).unwrap();
    socket.queued_bytes() > before
}

fn kilobyte() -> String {
    "x".repeat(1000)
}

// --- volatile ---------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_volatile_event_is_sent_only_if_nothing_is_queued_and_no_batch_is_in_flight() {
    let (server, _) = server();
    let (mut client, socket) = narrow_pair(&server, 1024).await;
    settle().await;
    assert!(takes_volatile(&socket, 1));
    // Queued: the session task has not run yet.
    assert!(!takes_volatile(&socket, 2));
    settle().await;
    assert!(takes_volatile(&socket, 3));
    settle().await;
    // In flight: the stream does not accept all of it.
    socket.emit("big", (kilobyte(),)).unwrap();
    settle().await;
    assert!(!takes_volatile(&socket, 4));
    assert!(!takes_volatile_broadcast(&server, &socket, 5));

    for expected in ["42[\"v\",1]".to_owned(), "42[\"v\",3]".to_owned(), format!("42[\"big\",\"{}\"]", kilobyte())] {
        client.expect(&expected).await;
    }
    settle().await;
    assert!(takes_volatile_broadcast(&server, &socket, 6));
    client.expect("42[\"v\",6]").await;
    client.is_quiet_for(secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn over_polling_a_volatile_event_is_sent_only_while_a_poll_waits() {
    let (server, _) = server();
    let mut client = Polling::engine(&server).await;
    let id = client.join("/").await;
    let socket = server.namespace("/").socket(&id).unwrap();
    assert!(!takes_volatile(&socket, 1));
    let poll = client.poll();
    settle().await;
    assert!(takes_volatile(&socket, 2));
    poll.await.unwrap().unwrap().is(200, "42[\"v\",2]");
    assert!(!takes_volatile(&socket, 3));
    socket.emit("n", (4,)).unwrap();
    client.expect("42[\"n\",4]").await;
}

#[tokio::test(start_paused = true)]
async fn a_volatile_broadcast_skips_busy_clients() {
    let (server, _) = server();
    let (mut fast, _) = pair(&server).await;
    let (_slow, slow_socket) = narrow_pair(&server, 256).await;
    slow_socket.emit("big", (kilobyte(),)).unwrap();
    settle().await;
    let queued = slow_socket.queued_bytes();
    server.namespace("/").broadcast().volatile().emit("v", ()).unwrap();
    assert_eq!(slow_socket.queued_bytes(), queued);
    fast.expect("42[\"v\"]").await;
    assert_eq!(server.overflows(), 0);
}

// --- pressure ---------------------------------------------------------------------------------------------------------

fn small_outbox() -> (Server, World) {
    server_with(|builder| builder.max_payload(2_000).engine(|engine| engine.outbox_limit(10_000)))
}

#[tokio::test(start_paused = true)]
async fn pressure_rises_from_low_to_high_and_a_full_outbox_refuses() {
    let (server, world) = small_outbox();
    let (mut client, socket) = narrow_pair(&server, 256).await;
    let mut pressures = Vec::new();
    let refused = loop {
        match socket.emit("x", (kilobyte(),)) {
            Ok(()) => pressures.push(socket.pressure()),
            Err(error) => break error,
        }
        settle().await;
    };
    assert!(matches!(refused, EmitError::Full), "{refused}");
    let high = pressures.iter().position(|pressure| *pressure == Pressure::High).unwrap();
    assert!((4..=6).contains(&high) && (8..=10).contains(&pressures.len()), "{pressures:?}");
    assert!(pressures[high..].iter().all(|pressure| *pressure == Pressure::High));

    // `ready` returns when the outbox has drained; only refused packets are missing.
    let waiting = {
        let (socket, world) = (socket.clone(), world.clone());
        tokio::spawn(async move { world.say(format!("ready: {}", socket.ready().await)) })
    };
    settle().await;
    assert_eq!(world.all(), [""; 0]);
    for _ in &pressures {
        client.expect(&format!("42[\"x\",\"{}\"]", kilobyte())).await;
    }
    world.hears("ready: true").await;
    waiting.await.unwrap();
    socket.emit("x", ()).unwrap();
    assert_eq!(socket.pressure(), Pressure::Low);
    client.expect("42[\"x\"]").await;
}

#[tokio::test(start_paused = true)]
async fn packets_queued_during_a_batch_are_sent_after_it() {
    let (server, _) = small_outbox();
    let (mut client, socket) = narrow_pair(&server, 256).await;
    for _ in 0..7 {
        socket.emit("first", (kilobyte(),)).unwrap();
    }
    settle().await;
    for n in 0..5 {
        socket.emit("then", (n,)).unwrap();
        assert_eq!(socket.pressure(), Pressure::High);
    }
    let (asked, first) = (tokio::time::Instant::now(), format!("42[\"first\",\"{}\"]", kilobyte()));
    for _ in 0..7 {
        client.expect(&first).await;
    }
    for n in 0..5 {
        client.expect(&format!("42[\"then\",{n}]")).await;
    }
    assert_eq!(asked.elapsed().as_secs(), 0, "it waited for some other event");
}

#[tokio::test(start_paused = true)]
async fn ready_returns_false_when_the_socket_disconnects() {
    let (server, world) = small_outbox();
    let (client, socket) = narrow_pair(&server, 256).await;
    while socket.emit("x", (kilobyte(),)).is_ok() {}
    let waiting = tokio::spawn({
        let socket = socket.clone();
        async move { world.say(socket.ready().await) }
    });
    settle().await;
    assert!(!waiting.is_finished());
    drop(client);
    soon("the end of the wait", waiting).await.unwrap();
    server.state::<World>().unwrap().hears("false").await;
    assert!(!socket.ready().await);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_that_overflows_disconnects_only_the_slow_client() {
    let (server, world) = small_outbox();
    let root = server.namespace("/");
    root.on_disconnect(async |socket: Socket, reason| socket.world().say(reason));
    let (mut fast, _) = pair(&server).await;
    let (_slow, slow_socket) = narrow_pair(&server, 256).await;
    let mut sent = 0;
    while server.overflows() == 0 {
        root.emit("x", (kilobyte(),)).unwrap();
        sent += 1;
        settle().await;
        fast.expect(&format!("42[\"x\",\"{}\"]", kilobyte())).await;
    }
    assert!((9..=11).contains(&sent), "{sent}");
    world.hears("forced close").await;
    assert!(!slow_socket.is_connected());
    assert_eq!((root.len(), server.overflows()), (1, 1));
    until("the session to end", || server.sessions() == 1).await;
    root.emit("x", ()).unwrap();
    fast.expect("42[\"x\"]").await;
}

#[tokio::test(start_paused = true)]
async fn with_overflow_drop_a_slow_client_stays_and_missed_packets_are_counted() {
    let (server, _) = server_with(|builder| {
        builder.max_payload(2_000).engine(|engine| engine.outbox_limit(10_000)).overflow(Overflow::Drop)
    });
    let (mut slow, _) = narrow_pair(&server, 256).await;
    for n in 0..20 {
        server.emit("x", (n, kilobyte())).unwrap();
        settle().await;
    }
    let taken = 20 - server.overflows();
    assert!((8..=10).contains(&taken), "{taken}");
    for n in 0..taken {
        slow.expect(&format!("42[\"x\",{n},\"{}\"]", kilobyte())).await;
    }
    server.emit("after", ()).unwrap();
    slow.expect("42[\"after\"]").await;
}

#[tokio::test(start_paused = true)]
async fn a_packet_and_its_attachments_are_queued_or_refused_together() {
    let (server, _) = small_outbox();
    let (mut client, socket) = narrow_pair(&server, 256).await;
    let bytes = Bytes::from(vec![7; 900]);
    let mut taken = 0;
    while socket.emit("b", (&bytes, &bytes, &bytes)).is_ok() {
        taken += 1;
    }
    assert!((2..=3).contains(&taken), "{taken}");
    for _ in 0..taken {
        assert!(client.recv().await.starts_with("453-[\"b\","));
        for _ in 0..3 {
            assert_eq!(client.next().await, Some(Frame::Binary(bytes.to_vec())));
        }
    }
    client.is_quiet_for(secs(60)).await;
}

// --- broadcasts -------------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_receivers_see_broadcasts_of_several_threads_in_one_order() {
    in_real_time(async {
        let (server, _) = server();
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(Ws::connect(&server).await);
        }
        let reading = clients.into_iter().map(|mut client| {
            tokio::spawn(async move {
                let mut events = Vec::new();
                while events.len() < 800 {
                    events.push(client.recv().await);
                }
                events
            })
        });
        let reading: Vec<_> = reading.collect();
        let emitting = (0..4).map(|thread| {
            let server = server.clone();
            std::thread::spawn(move || {
                for n in 0..200 {
                    server.emit("n", (thread, n)).unwrap();
                }
            })
        });
        emitting.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
        let mut seen = Vec::new();
        for reading in reading {
            seen.push(reading.await.unwrap());
        }
        assert!(seen[0] == seen[1] && seen[1] == seen[2]);
        for thread in 0..4 {
            let own = format!("42[\"n\",{thread},");
            let of_thread: Vec<_> = seen[0].iter().filter(|event| event.starts_with(&own)).collect();
            let expected: Vec<_> = (0..200).map(|n| format!("{own}{n}]")).collect();
            assert_eq!(of_thread, expected.iter().collect::<Vec<_>>());
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_to_rooms_reaches_each_socket_once_and_skips_exceptions() {
    let (server, _) = server();
    let root = server.namespace("/");
    let (mut ann, ann_socket) = pair(&server).await;
    let (mut bob, bob_socket) = pair(&server).await;
    let (mut cid, cid_socket) = pair(&server).await;
    ann_socket.join("news");
    bob_socket.join(["news", "sport"]);
    cid_socket.join("muted");
    assert_eq!(bob_socket.rooms(), ["news", "sport"]);
    let id = |socket: &Socket| socket.id().to_string();
    let (a, b, c) = (id(&ann_socket), id(&bob_socket), id(&cid_socket));
    let all = [
        (root.broadcast(), "abc"),
        (root.to("news"), "ab"),
        (root.to("news").to("sport"), "ab"),
        (root.to(["news", "muted"]), "abc"),
        (root.except(["sport", "muted"]), "a"),
        (root.to("sport").within("muted"), "bc"),
        (root.except("muted"), "ab"),
        (root.except("news"), "c"),
        (root.to("news").except("sport"), "a"),
        (root.to("news").except(b.clone()), "a"),
        (root.to("news").to(a.clone()), "ab"),
        (root.to(c.clone()), "c"),
        (root.to("nowhere"), ""),
        (server.to("news").except(a.clone()).local(), "b"),
        (ann_socket.broadcast(), "bc"),
        (ann_socket.to("news"), "b"),
        (ann_socket.except("muted"), "b"),
        (ann_socket.to(a.clone()), ""),
    ];
    for (number, (target, receivers)) in all.iter().enumerate() {
        target.emit("n", (number,)).unwrap();
        assert_eq!(target.sockets().len(), receivers.len(), "{number}");
    }
    for (client, name) in [(&mut ann, 'a'), (&mut bob, 'b'), (&mut cid, 'c')] {
        for number in (0..all.len()).filter(|number| all[*number].1.contains(name)) {
            client.expect(&format!("42[\"n\",{number}]")).await;
        }
        client.is_quiet_for(secs(3)).await;
    }

    root.to("news").join("more");
    root.to("sport").leave("news");
    assert_eq!(ann_socket.rooms(), ["more", "news"]);
    assert_eq!(bob_socket.rooms(), ["more", "sport"]);
    let rooms: Vec<_> = root.rooms().into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    assert_eq!(rooms, ["more 2", "muted 1", "news 1", "sport 1"]);
    ann_socket.leave("more");
    root.to("sport").disconnect(false);
    bob.expect("41").await;
    until("Bob to leave", || root.len() == 2).await;
    let rooms: Vec<_> = root.rooms().into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    assert_eq!(rooms, ["muted 1", "news 1"]);
    bob_socket.join("late");
    assert_eq!(bob_socket.rooms(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_stays_in_its_namespace_and_carries_its_name() {
    let (server, _) = server();
    let admin = server.namespace("admin");
    let mut client = Ws::connect(&server).await;
    client.join("/admin").await;
    admin.emit("a", (1,)).unwrap();
    client.expect("42/admin,[\"a\",1]").await;
    server.emit("b", (2,)).unwrap();
    client.expect("42[\"b\",2]").await;
}

#[tokio::test(start_paused = true)]
async fn no_broadcast_reaches_a_client_before_its_connect_packet() {
    let (server, world) = server();
    let root = server.namespace("/");
    root.middleware(async |request: socketio_tokio::server::ConnectRequest| {
        request.world().gate().await;
        Ok(())
    });
    let mut client = Ws::engine(&server).await;
    client.send("40").await;
    settle().await;
    root.emit("early", ()).unwrap();
    world.open(1);
    until("the client to join", || root.len() == 1).await;
    root.emit("late", ()).unwrap();
    assert!(client.recv().await.starts_with("40{"));
    client.expect("42[\"late\"]").await;
}

#[tokio::test(start_paused = true)]
async fn threads_outside_of_the_runtime_may_emit() {
    let (server, _) = server();
    let (mut client, socket) = pair(&server).await;
    settle().await;
    let emitting = server.clone();
    std::thread::spawn(move || {
        socket.emit("one", (1,)).unwrap();
        emitting.emit("two", (2,)).unwrap();
    })
    .join()
    .unwrap();
    client.expect("42[\"one\",1]").await;
    client.expect("42[\"two\",2]").await;
}

// --- disconnecting ----------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn an_emit_after_the_disconnect_is_refused() {
    let (server, _) = server();
    let (mut client, socket) = pair(&server).await;
    client.send("41").await;
    until("the socket to leave", || !socket.is_connected()).await;
    assert!(matches!(socket.emit("x", ()), Err(EmitError::Disconnected)));
    socket.volatile().emit("x", ()).unwrap();
    let answer = socket.emit_with_ack::<_, ()>("x", ()).await;
    assert!(matches!(answer, Err(AckError::Emit(EmitError::Disconnected))), "{answer:?}");
    server.emit("x", ()).unwrap();
    // A second disconnect has no effect, and the connection is unaffected.
    socket.disconnect();
    client.is_quiet_for(secs(60)).await;
    client.join("/").await;
}

#[tokio::test(start_paused = true)]
async fn disconnect_notifies_the_client_and_keeps_its_other_namespaces() {
    let (server, world) = server();
    for name in ["/", "/admin"] {
        let namespace = server.namespace(name);
        namespace.on_disconnect(async |socket: Socket, reason| {
            socket.world().say(format!("{} {reason}", socket.namespace_name()));
        });
        namespace.on_event(async |event: Event| event.socket().disconnect());
    }
    let mut client = Ws::connect(&server).await;
    client.join("/admin").await;
    client.send("42/admin,[\"bye\"]").await;
    client.expect("41/admin,").await;
    world.hears("/admin server namespace disconnect").await;
    client.send("42[\"bye\"]").await;
    client.expect("41").await;
    world.hears("/ server namespace disconnect").await;
    client.join("/").await;
}

#[tokio::test(start_paused = true)]
async fn disconnect_all_leaves_every_namespace_and_closes() {
    let (server, world) = server();
    for name in ["/", "/admin"] {
        server.namespace(name).on_disconnect(async |socket: Socket, reason| {
            socket.world().say(format!("{} {reason}", socket.namespace_name()));
        });
    }
    server.namespace("/").on("end", async |socket: Socket, ()| {
        socket.emit("last words", ()).unwrap();
        socket.disconnect_all();
        assert!(socket.emit("too late", ()).is_err());
    });

    let mut client = Ws::connect(&server).await;
    client.join("/admin").await;
    client.send("42[\"end\"]").await;
    for packet in ["42[\"last words\"]", "41", "41/admin,"] {
        client.expect(packet).await;
    }
    client.closes_with(None).await;

    let mut client = Polling::connect(&server).await;
    client.join("/admin").await;
    client.send("42[\"end\"]").await;
    settle().await;
    client.get().await.is(200, "42[\"last words\"]\u{1e}41\u{1e}41/admin,");
    client.get().await.is(200, "6\u{1e}1");
    client.get().await.is(400, "{\"code\":1,\"message\":\"Session ID unknown\"}");

    for _ in 0..2 {
        world.hears("/ server namespace disconnect").await;
        world.hears("/admin server namespace disconnect").await;
    }
    assert_eq!((server.sessions(), world.all()), (0, vec![]));
}

// --- acks -------------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn an_ack_is_decoded_as_a_tuple_or_one_value_with_attachments() {
    let (server, _) = server();
    let (mut client, socket) = pair(&server).await;
    let asking = tokio::spawn(async move {
        let list: (u8, Option<String>) = socket.emit_with_ack("list", (Bytes::from_static(b"?"),)).await.unwrap();
        let one: Bytes = socket.emit_with_ack("one", ()).await.unwrap();
        let wrong = socket.emit_with_ack::<_, u8>("number", ()).await;
        (list, one, wrong)
    });
    client.expect("451-0[\"list\",{\"_placeholder\":true,\"num\":0}]").await;
    assert_eq!(client.next().await, Some(Frame::Binary(b"?".to_vec())));
    client.send("430[7]").await;
    client.expect("421[\"one\"]").await;
    client.send("461-1[{\"_placeholder\":true,\"num\":0}]").await;
    client.send_binary(b"bytes").await;
    client.expect("422[\"number\"]").await;
    client.send("432[\"none\"]").await;
    let (list, one, wrong) = asking.await.unwrap();
    assert_eq!((list, &one[..]), ((7, None), &b"bytes"[..]));
    assert!(matches!(wrong, Err(AckError::Args(_))), "{wrong:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_an_ack_ends_by_its_own_timeout_or_the_servers() {
    let (server, _) = server_with(|builder| builder.ack_timeout(secs(3)));
    let (mut client, socket) = pair(&server).await;
    let asked = tokio::time::Instant::now();
    let answer = socket.timeout(secs(7)).emit_with_ack::<_, ()>("q", ()).await;
    assert!(matches!(answer, Err(AckError::Timeout)), "{answer:?}");
    assert_eq!(asked.elapsed().as_secs(), 7);
    let answer = socket.emit_with_ack::<_, ()>("q", ()).await;
    assert!(matches!(answer, Err(AckError::Timeout)), "{answer:?}");
    assert_eq!(asked.elapsed().as_secs(), 10);
    for question in ["420[\"q\"]", "421[\"q\"]"] {
        client.expect(question).await;
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_an_ack_ends_when_the_client_leaves() {
    let (server, _) = server();
    let (mut client, socket) = pair(&server).await;
    let other = socket.clone();
    let asking = tokio::spawn(async move { other.emit_with_ack::<_, ()>("q", ()).await });
    client.expect("420[\"q\"]").await;
    client.send("41").await;
    assert!(matches!(asking.await.unwrap(), Err(AckError::Disconnected)));

    let id = client.join("/").await;
    let socket = server.namespace("/").socket(&id).unwrap();
    let asking = tokio::spawn(async move { socket.emit_with_ack::<_, ()>("q", ()).await });
    client.expect("421[\"q\"]").await;
    drop(client);
    assert!(matches!(asking.await.unwrap(), Err(AckError::Disconnected)));
}

#[tokio::test(start_paused = true)]
async fn an_ack_of_a_dropped_future_is_ignored_and_frees_its_place() {
    let (server, world) = server_with(|builder| builder.connection(|connection| connection.max_pending_acks(1)));
    server.namespace("/").on("echo", async |_, (n,): (u32,)| n);
    let (mut client, socket) = pair(&server).await;
    for id in 0..3 {
        let socket = socket.clone();
        let asking = tokio::spawn(async move { socket.emit_with_ack::<_, ()>("q", ()).await });
        client.expect(&format!("42{id}[\"q\"]")).await;
        asking.abort();
        _ = asking.await;
    }
    client.send_all(["430[]", "431[]", "432[]", "427[\"echo\",1]"]).await;
    client.expect("437[1]").await;
    let first = socket.clone();
    let asking = tokio::spawn(async move { first.emit_with_ack::<_, u8>("q", ()).await });
    client.expect("423[\"q\"]").await;
    let second = socket.emit_with_ack::<_, u8>("q", ()).await;
    assert!(matches!(second, Err(AckError::Emit(EmitError::TooManyAcks))), "{second:?}");
    client.send("433[9]").await;
    assert_eq!(asking.await.unwrap().unwrap(), 9);
    assert_eq!(world.all(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_emit_with_a_reserved_name_or_a_value_that_is_not_json_fails() {
    let (server, _) = server();
    let (mut client, socket) = pair(&server).await;
    for name in ["connect", "disconnect", "newListener"] {
        assert!(matches!(socket.emit(name, ()), Err(EmitError::Encode(_))), "{name}");
        assert!(server.emit(name, ()).is_err());
    }
    let not_json = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(matches!(socket.emit("x", (&not_json,)), Err(EmitError::Encode(_))));
    let answer = socket.emit_with_ack::<_, ()>("x", (&not_json,)).await;
    assert!(matches!(answer, Err(AckError::Emit(EmitError::Encode(_)))));
    client.is_quiet_for(secs(60)).await;
}
