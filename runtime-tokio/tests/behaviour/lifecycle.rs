//! Joining, disconnecting and closing.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use socketio_tokio::server::{ConnectRequest, DisconnectReason, Peer, Refusal};
use socketio_tokio::{AckError, HandlerError, Server, ServerBuilder, Sid, Socket};
use tokio::time::{Instant, sleep};

use crate::support::{
    Frame, HasWorld, Polling, World, Ws, dial, dial_buffered, request, secs, server, server_with, settle, soon, until,
};

fn say_disconnects(server: &Server) {
    for name in ["/", "/admin"] {
        server.namespace(name).on_disconnect(async |socket: Socket, reason: DisconnectReason| {
            assert!(!socket.is_connected());
            assert_eq!(socket.disconnect_reason(), Some(reason));
            socket.world().say(reason);
        });
    }
}

// --- joining ----------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn middlewares_run_in_order_and_store_values_in_the_socket() {
    let (server, world) = server();
    let root = server.namespace("/");
    root.middleware(async |request: ConnectRequest| {
        tokio::task::yield_now().await;
        request.insert(7_u32);
        request.world().say("first");
        Ok(())
    });
    root.middleware(async |request: ConnectRequest| {
        let token: serde_json::Value = request.auth_as().unwrap();
        request.world().say(format!("second {} {}", request.namespace_name(), token["token"]));
        Ok(())
    });
    root.on_connect(async |socket: Socket| {
        let auth = socket.auth().unwrap().as_str().to_owned();
        socket.world().say(format!("connected {} {auth}", socket.get::<u32>().unwrap()));
    });
    let mut client = Ws::engine(&server).await;
    client.send("40{\"token\":\"t\"}").await;
    for said in ["first", "second / \"t\"", "connected 7 {\"token\":\"t\"}"] {
        world.hears(said).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_refusal_stops_the_checks_and_the_client_gets_message_and_data() {
    let (server, world) = server();
    let admin = server.namespace("/admin");
    admin.middleware(async |request: ConnectRequest| match request.auth() {
        None => Err(Refusal::new("not \"authorized\"").data(serde_json::json!({"code": 1})).unwrap()),
        Some(_) => Ok(()),
    });
    admin.middleware(async |request: ConnectRequest| {
        request.world().say("second");
        Ok(())
    });
    admin.on_connect(async |socket: Socket| socket.world().say("connected"));
    let mut client = Ws::connect(&server).await;
    client.send("40/admin,").await;
    client.expect("44/admin,{\"message\":\"not \\\"authorized\\\"\",\"data\":{\"code\":1}}").await;
    assert_eq!((admin.len(), world.all()), (0, vec![]));
    client.send("40/admin,{}").await;
    assert!(client.recv().await.starts_with("40/admin,{\"sid\""));
    world.hears("second").await;
    world.hears("connected").await;
}

#[tokio::test(start_paused = true)]
async fn a_middleware_whose_client_is_gone_completes_and_no_socket_joins() {
    let (server, world) = server();
    say_disconnects(&server);
    let root = server.namespace("/");
    root.middleware(async |request: ConnectRequest| {
        request.world().say("begin");
        request.world().gate().await;
        request.world().say("end");
        Ok(())
    });
    root.on_connect(async |socket: Socket| socket.world().say("connected"));
    let mut client = Ws::engine(&server).await;
    client.send("40").await;
    world.hears("begin").await;
    drop(client);
    until("the session to end", || server.sessions() == 0).await;
    world.open(1);
    world.hears("end").await;
    sleep(secs(60)).await;
    assert_eq!((world.all(), root.len()), (vec![], 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_joins_each_namespace_once_and_unknown_ones_are_refused() {
    let (server, world) = server();
    say_disconnects(&server);
    let mut client = Ws::engine(&server).await;
    assert_ne!(client.join("/").await, {
        server.namespace("admin");
        client.join("/admin").await
    });
    client.send("40/nope,").await;
    client.expect("44/nope,{\"message\":\"Invalid namespace\"}").await;
    assert_eq!((server.namespace("/").len(), server.namespace("/admin").len()), (1, 1));
    // A second CONNECT is a violation.
    client.send("40").await;
    client.closes_with(None).await;
    world.hears("forced close").await;
    world.hears("forced close").await;
    assert_eq!(server.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_joins_nothing_within_the_connect_timeout_is_closed() {
    let (server, _) = server_with(|builder| builder.connect_timeout(secs(10)));
    let root = server.namespace("/");
    root.middleware(async |request: ConnectRequest| match request.auth() {
        Some(_) => Err(Refusal::new("no")),
        None => Ok(()),
    });
    let begun = Instant::now();
    let silent = Ws::engine(&server).await;
    let mut refused = Ws::engine(&server).await;
    refused.send("40{}").await;
    refused.expect("44{\"message\":\"no\"}").await;
    let mut joined = Ws::connect(&server).await;
    for client in [silent, refused] {
        client.closes_with(None).await;
    }
    assert_eq!(begun.elapsed().as_secs(), 10);
    // Leaving the namespace later does not close the connection.
    joined.send("41").await;
    joined.is_quiet_for(secs(60)).await;
    assert_eq!(server.sessions(), 1);
}

// --- reasons ----------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn each_disconnect_has_its_reason_on_websocket() {
    let (server, world) = server();
    say_disconnects(&server);
    server.namespace("/").on_error(async |_, _: HandlerError| {});
    for (packet, reason) in [
        ("41", "client namespace disconnect"),
        ("1", "transport close"),
        ("2", "transport error"),
        ("9", "parse error"),
        ("", "parse error"),
        ("4abc", "forced close"),
        ("4", "forced close"),
        ("40", "forced close"),
        ("42/nowhere,[\"x\"]", "forced close"),
        ("44{\"message\":\"x\"}", "forced close"),
    ] {
        let mut client = Ws::connect(&server).await;
        client.send(packet).await;
        world.hears(reason).await;
        if packet != "41" {
            client.closes_with(None).await;
        }
    }
    let client = Ws::connect(&server).await;
    drop(client);
    world.hears("transport close").await;
    let mut client = Ws::connect(&server).await;
    let begun = Instant::now();
    world.hears("ping timeout").await;
    assert_eq!(begun.elapsed().as_secs(), 45);
    assert_eq!(client.frame().await, Some(Frame::text("2")));
    client.closes_with(None).await;
}

#[tokio::test(start_paused = true)]
async fn each_disconnect_has_its_reason_on_polling() {
    let (server, world) = server();
    say_disconnects(&server);
    for (body, reason, held) in [
        ("41", "client namespace disconnect", None),
        ("1", "transport close", Some("6")),
        ("2", "transport error", Some("1")),
        ("x", "parse error", Some("1")),
        ("4abc", "forced close", Some("1")),
        ("40", "forced close", Some("1")),
    ] {
        let client = Polling::connect(&server).await;
        let poll = client.poll();
        settle().await;
        client.send(body).await;
        world.hears(reason).await;
        if let Some(held) = held {
            poll.await.unwrap().unwrap().is(200, held);
            client.get().await.is(400, "{\"code\":1,\"message\":\"Session ID unknown\"}");
        }
    }
    // The same violation without a waiting poll.
    let client = Polling::connect(&server).await;
    client.send("40").await;
    world.hears("forced server close").await;
    client.get().await.is(200, "6\u{1e}1");
    // Overlapping polls.
    let client = Polling::connect(&server).await;
    let poll = client.poll();
    settle().await;
    client.get().await.is(400, "");
    poll.await.unwrap().unwrap().is(200, "1");
    world.hears("transport error").await;
    // An aborted poll.
    let client = Polling::connect(&server).await;
    let poll = client.poll();
    settle().await;
    poll.abort();
    world.hears("transport error").await;
    // A client that never sends anything again.
    _ = Polling::connect(&server).await;
    world.hears("ping timeout").await;
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_packet_is_reported_to_on_error() {
    let (server, world) = server();
    for name in ["/", "/admin"] {
        let say = async |socket: Socket, error: HandlerError| {
            assert!(matches!(error, HandlerError::Undecodable(_)));
            socket.world().say(socket.namespace_name());
        };
        server.namespace(name).on_error(say);
    }
    let mut client = Ws::connect(&server).await;
    client.join("/admin").await;
    client.send("42[").await;
    client.closes_with(None).await;
    world.hears("/").await;
    world.hears("/admin").await;
}

// --- closing the server -----------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn close_sends_queued_packets_disconnects_all_sockets_and_ends_listen() {
    let (server, world) = server();
    say_disconnects(&server);
    let listener = server.bind("127.0.0.1:0").await.unwrap();
    let listening = tokio::spawn(listener.serve());
    let mut slow = Ws::connect_buffered(&server, 256).await;
    let mut polling = Polling::connect(&server).await;
    let text = "x".repeat(1000);
    for _ in 0..5 {
        server.emit("last", (&text,)).unwrap();
    }
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close().await }
    });
    settle().await;
    world.hears("server shutting down").await;
    world.hears("server shutting down").await;
    assert!(!closing.is_finished() && !listening.is_finished());
    // No new session is accepted.
    let refused = request(&server, "GET", "/socket.io/?EIO=4&transport=polling", "").await.unwrap();
    assert_eq!(refused.status, 503);

    for _ in 0..5 {
        slow.expect(&format!("42[\"last\",\"{text}\"]")).await;
    }
    slow.closes_with(None).await;
    for _ in 0..5 {
        polling.expect(&format!("42[\"last\",\"{text}\"]")).await;
    }
    assert!(!closing.is_finished());
    polling.get().await.is(200, "6\u{1e}1");
    soon("close", closing).await.unwrap();
    soon("listen", listening).await.unwrap();
    assert_eq!((server.sessions(), server.namespace("/").len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn close_discards_sessions_after_the_close_timeout() {
    let (server, world) = server();
    say_disconnects(&server);
    let _stuck = {
        let stuck = Ws::connect_buffered(&server, 256).await;
        server.emit("big", ("x".repeat(10_000),)).unwrap();
        settle().await;
        stuck
    };
    let _away = Polling::connect(&server).await;
    let begun = Instant::now();
    soon("close", server.close()).await;
    assert_eq!((begun.elapsed().as_secs(), server.sessions()), (30, 0));
    world.hears("server shutting down").await;
    world.hears("server shutting down").await;
    // A second close has no effect.
    soon("close", server.close()).await;
}

#[tokio::test(start_paused = true)]
async fn close_of_an_idle_server_returns_at_once_and_ends_idle_connections() {
    let (server, _) = server();
    let idle = dial(&server);
    settle().await;
    let begun = Instant::now();
    soon("close", server.close()).await;
    assert_eq!(begun.elapsed().as_secs(), 0);
    assert_eq!(crate::support::roundtrip(idle, b"").await, b"");
    assert_eq!(begun.elapsed().as_secs(), 0);
    soon("listen", server.listen("127.0.0.1:0")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_opened_while_the_server_closes_is_refused() {
    // The id is generated between the check for closing and the insertion into the table.
    static SERVER: std::sync::OnceLock<Server> = std::sync::OnceLock::new();
    let server = ServerBuilder::new()
        .generate_id(|_| {
            let closing = SERVER.get().unwrap().clone();
            tokio::spawn(async move { closing.close().await });
            let mut close = std::pin::pin!(SERVER.get().unwrap().close());
            assert!(close.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
            Sid::new("latecomer")
        })
        .build()
        .unwrap();
    let server = SERVER.get_or_init(|| server);
    let response = request(server, "GET", "/socket.io/?EIO=4&transport=polling", "").await;
    assert!(response.is_none_or(|response| response.status == 503));
    assert_eq!(server.sessions(), 0);
}

#[test]
fn a_runtime_that_is_shut_down_ends_its_sessions_and_frees_everything() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (server, world) = server();
    let root = server.namespace("/");
    root.on_connect(async |socket: Socket| {
        socket.insert(Arc::new(socket.world().on_drop("socket dropped")));
        socket.join("room");
    });
    root.on("hang", async |socket: Socket, ()| {
        let _dropped = socket.world().on_drop("handler dropped");
        std::future::pending::<()>().await;
    });
    let first = runtime();
    let (client, polling, socket) = first.block_on(async {
        let mut client = Ws::engine(&server).await;
        let id = client.join("/").await;
        client.send("42[\"hang\"]").await;
        let polling = Polling::connect(&server).await;
        drop(polling.poll());
        settle().await;
        (client, polling, server.namespace("/").socket(&id).unwrap())
    });
    let mut cx = Context::from_waker(Waker::noop());
    let mut asking = socket.emit_with_ack::<_, ()>("q", ());
    assert!(std::pin::pin!(&mut asking).poll(&mut cx).is_pending());

    drop(first);
    // A task on another runtime that waits for an ack gets an error.
    let answer = std::pin::pin!(&mut asking).poll(&mut cx);
    assert!(matches!(answer, Poll::Ready(Err(AckError::Disconnected))), "{answer:?}");
    drop(asking);
    assert_eq!((server.sessions(), root.len(), root.rooms().len()), (0, 0, 0));
    assert!(!socket.is_connected() && socket.emit("x", ()).is_err());
    drop((client, polling));
    drop(socket);
    let mut said = world.all();
    said.sort();
    assert_eq!(said, ["handler dropped", "socket dropped", "socket dropped"]);

    // The server goes on working, on another runtime.
    runtime().block_on(async {
        Ws::connect(&server).await;
    });
}

struct CountedWaker(AtomicUsize);

impl Wake for CountedWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_http_connection_leaks_nothing() {
    let (server, _) = server();
    let counted = Arc::new(CountedWaker(AtomicUsize::new(0)));
    let waker = Waker::from(counted.clone());
    let (client, theirs) = tokio::io::duplex(1024);
    let mut connection = Box::pin(server.serve_connection(socketio_tokio::stream(theirs), Peer::default()));
    assert!(connection.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(client);
    assert!(connection.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    drop((connection, waker));
    assert_eq!(Arc::strong_count(&counted), 1, "the waker of a closed connection is leaked");
}

// --- the server's own memory ------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_dropped_server_frees_its_state_when_its_sessions_have_ended() {
    let world = World::default();
    let server = ServerBuilder::new().state(Arc::new(world.on_drop("server dropped"))).build().unwrap();
    let mut client = Ws::engine_on(dial_buffered(&server, 1024)).await;
    client.join("/").await;
    drop(server);
    client.is_quiet_for(secs(60)).await;
    assert_eq!(world.all(), [""; 0]);
    drop(client);
    world.hears("server dropped").await;
}
