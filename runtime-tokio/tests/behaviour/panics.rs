//! A panic in the application's code affects no other client.

use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use socketio_tokio::server::{ConnectRequest, Event, Refusal};
use socketio_tokio::{HandlerError, Server, ServerBuilder, Sid, Socket};

use crate::support::{HasWorld, Polling, Ws, dial, request, request_on, secs, server, server_with};

fn say_errors(server: &Server) {
    server.namespace("/").on_error(async |socket: Socket, error: HandlerError| socket.world().say(error));
    server.namespace("/").on("echo", async |_, (n,): (u32,)| n);
}

/// Asserts that the client and another one are still served.
async fn expect_all_served(server: &Server, client: &mut Ws) {
    for client in [client, &mut Ws::connect(server).await] {
        client.send("429[\"echo\",1]").await;
        client.expect("439[1]").await;
    }
}

struct BadDeserialize;

impl<'de> Deserialize<'de> for BadDeserialize {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("in deserialize")
    }
}

struct BadSerialize;

impl Serialize for BadSerialize {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("in serialize")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_handler_goes_to_on_error_and_the_next_event_is_handled() {
    let (server, world) = server();
    say_errors(&server);
    let root = server.namespace("/");
    root.on("future", async |_, (n,): (u32,)| {
        tokio::task::yield_now().await;
        assert!(n > 5, "{n} is too small");
    });
    root.on("sync", |_, (n,): (u32,)| {
        assert!(n > 5, "before the future");
        async {}
    });
    root.on("deserialize", async |_, (_,): (BadDeserialize,)| {});
    root.on("serialize", async |_, ()| (BadSerialize,));
    root.on("other payload", async |_, ()| {
        if true {
            std::panic::panic_any(5)
        }
    });
    root.on_event(async |event: Event| assert_eq!(event.name(), "x"));
    let mut client = Ws::connect(&server).await;
    for (event, message) in [
        ("\"future\",1", "1 is too small"),
        ("\"sync\",1", "before the future"),
        ("\"deserialize\",1", "in deserialize"),
        ("\"serialize\"", "in serialize"),
        ("\"other payload\"", ""),
    ] {
        client.send(&format!("421[{event}]")).await;
        world.hears(&format!("a handler panicked: {message}")).await;
        expect_all_served(&server, &mut client).await;
    }
    client.send("42[\"y\"]").await;
    assert!(world.heard().await.starts_with("a handler panicked: assertion `left == right` failed"));
    expect_all_served(&server, &mut client).await;
    assert_eq!(world.all(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_connect_handler_goes_to_on_error_and_the_socket_stays() {
    let (server, world) = server();
    say_errors(&server);
    server.namespace("/").on_connect(async |_| {
        tokio::task::yield_now().await;
        assert!(false_(), "later")
    });
    let mut client = Ws::connect(&server).await;
    world.hears("a handler panicked: later").await;
    server.namespace("/").on_connect(|_| {
        assert!(false_(), "at once");
        async {}
    });
    let mut other = Ws::connect(&server).await;
    world.hears("a handler panicked: at once").await;
    for client in [&mut client, &mut other] {
        client.send("429[\"echo\",1]").await;
        client.expect("439[1]").await;
    }
}

fn false_() -> bool {
    false
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_disconnect_handler_goes_to_on_error() {
    let (server, world) = server();
    say_errors(&server);
    let root = server.namespace("/");
    root.on_disconnect(async |_, _| {
        tokio::task::yield_now().await;
        assert!(false_(), "later")
    });
    let mut client = Ws::connect(&server).await;
    client.send("41").await;
    world.hears("a handler panicked: later").await;
    root.on_disconnect(|_, _| {
        assert!(false_(), "at once");
        async {}
    });
    client.join("/").await;
    client.send("41").await;
    world.hears("a handler panicked: at once").await;
    client.join("/").await;
    expect_all_served(&server, &mut client).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_disconnect_handler_goes_to_on_error() {
    let (server, world) = server();
    say_errors(&server);
    server.namespace("/").on_disconnect(async |_, _| Err::<(), _>(std::io::Error::other("no disk")));
    let mut client = Ws::connect(&server).await;
    client.send("41").await;
    world.hears("no disk").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_on_error_is_not_reported_again() {
    let (server, world) = server();
    say_errors(&server);
    let root = server.namespace("/");
    root.on("fail", async |_, ()| assert!(false_(), "first"));
    root.on_error(async |socket: Socket, error: HandlerError| {
        socket.world().say(error);
        assert!(false_(), "second")
    });
    let mut client = Ws::connect(&server).await;
    client.send("42[\"fail\"]").await;
    world.hears("a handler panicked: first").await;
    expect_all_served(&server, &mut client).await;
    root.on_error(|_, _| {
        assert!(false_(), "at once");
        async {}
    });
    client.send("42[\"fail\"]").await;
    expect_all_served(&server, &mut client).await;
    assert_eq!(world.all(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_middleware_refuses_the_client_which_may_try_again() {
    let (server, world) = server();
    say_errors(&server);
    server.namespace("/").middleware(|request: ConnectRequest| {
        assert_ne!(request.auth().map(|auth| auth.as_str()), Some("{\"how\":\"at once\"}"));
        async move {
            tokio::task::yield_now().await;
            assert_ne!(request.auth().map(|auth| auth.as_str()), Some("{\"how\":\"later\"}"));
            Ok::<(), Refusal>(())
        }
    });
    let mut client = Ws::engine(&server).await;
    for how in ["at once", "later"] {
        client.send(&format!("40{{\"how\":\"{how}\"}}")).await;
        client.expect("44{\"message\":\"Internal server error\"}").await;
    }
    client.join("/").await;
    expect_all_served(&server, &mut client).await;
    assert_eq!(world.all(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_spawned_work_goes_to_on_error() {
    let (server, world) = server();
    say_errors(&server);
    server.namespace("/").on("work", async |socket: Socket, ()| {
        socket.spawn(async {
            tokio::task::yield_now().await;
            assert!(false_(), "in the background")
        });
    });
    let mut client = Ws::connect(&server).await;
    client.send("42[\"work\"]").await;
    world.hears("a handler panicked: in the background").await;
    expect_all_served(&server, &mut client).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_handler_of_a_bare_engine_keeps_its_session() {
    let server = ServerBuilder::new()
        .build_engine(async |socket: socketio_tokio::engine::EngineSocket, data: socketio_tokio::Data| {
            assert_ne!(data, socketio_tokio::Data::from("panic"));
            socket.send(data)
        })
        .unwrap();
    let mut client = Ws::engine(&server).await;
    client.send_all(["4panic", "4echo"]).await;
    client.expect("4echo").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_request_callback_ends_only_that_request() {
    let count = AtomicU8::new(0);
    let (server, _) = server_with(|builder| {
        builder
            .allow_request(async |handshake: socketio_tokio::server::Handshake| {
                assert!(handshake.query("x").as_deref() != Some("allow"));
                Ok(())
            })
            .generate_id(move |parts| {
                assert!(!parts.uri.query().unwrap_or_default().contains("x=id"));
                Sid::from_entropy([count.fetch_add(1, Ordering::Relaxed); 15])
            })
            .on_reject(|_, _| assert!(false_()))
    });
    say_errors(&server);
    for target in ["EIO=4&transport=polling&x=allow", "EIO=4&transport=polling&x=id", "EIO=4&transport=none"] {
        let request = format!("GET /socket.io/?{target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        assert!(request_on(dial(&server), &request).await.is_none(), "{target}");
    }
    assert_eq!(server.sessions(), 0);
    let mut client = Ws::connect(&server).await;
    expect_all_served(&server, &mut client).await;
    Polling::connect(&server).await;
    client.is_quiet_for(secs(60)).await;
    assert!(request(&server, "GET", "/elsewhere", "").await.is_some());
}
