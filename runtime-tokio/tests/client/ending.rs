//! How clients end: dropped handles, `close`, and runtime shutdown.

use socketio_tokio::client::ConnectError;
use socketio_tokio::{Client, ClientBuilder, Server, Socket, TransportKind};

use crate::support::{Counting, Log, Network, URL, client, secs, settle, soon, until, world};

/// Logs disconnects. DISCONNECT is the client's last packet, so events emitted before it have arrived, too.
fn log_disconnects(server: &Server, log: &Log) {
    let pen = log.pen.clone();
    server.namespace("/").on_disconnect(move |_: Socket, reason| {
        let pen = pen.clone();
        async move { pen.say(reason) }
    });
}

fn counted(network: &Network, transport: TransportKind) -> (Counting, Client) {
    let runtime = Counting::default();
    let builder = socketio_runtime::ClientBuilder::on(runtime.clone(), URL);
    (runtime, builder.connector(network.clone()).transports([transport]).build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn dropping_all_handles_delivers_queued_events_and_ends_all_tasks() {
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let (network, server) = world();
        let mut log = Log::new();
        log_disconnects(&server, &log);
        let (runtime, client) = counted(&network, transport);
        let mut states = client.states();
        let socket = client.socket("/");
        soon("the socket", socket.connect()).await.unwrap();
        drop(client);
        assert!(socket.is_connected());
        tokio::time::sleep(secs(600)).await;
        socket.emit("last", ()).unwrap();
        drop(socket);
        log.hears("client namespace disconnect").await;
        until("the end of the tasks", || runtime.tasks() == 0).await;
        until("the end of the session", || server.sessions() == 0).await;
        while let Some(state) = soon("the end of the states", states.next()).await {
            drop(state);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_holds_the_last_handle_ends_the_client_when_it_ends() {
    let (network, server) = world();
    server.namespace("/").on_connect(async |socket: Socket| socket.emit("x", ()).map(drop));
    let (runtime, client) = counted(&network, TransportKind::WebSocket);
    let socket = client.socket("/");
    socket.on("x", async |_, ()| {
        tokio::time::sleep(secs(1)).await;
        Err::<(), _>(std::io::Error::other("no"))
    });
    // It runs outside the queue of handlers, and holds the only handle by then.
    socket.on_error(async |_, _| {});
    soon("the socket", socket.connect()).await.unwrap();
    settle().await;
    drop((client, socket));
    let begun = tokio::time::Instant::now();
    until("the end of the tasks", || runtime.tasks() == 0).await;
    assert!(begun.elapsed() < secs(3), "woken by a timer only");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_its_next_attempt_ends_at_once() {
    let network = Network::default();
    let (runtime, client) = counted(&network, TransportKind::Polling);
    client.socket("/").connect();
    until("the first attempt", || network.dials().len() == 1).await;
    settle().await;
    assert_eq!(runtime.tasks(), 1);
    drop(client);
    until("the end of the tasks", || runtime.tasks() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_does_not_keep_the_task_alive() {
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let (network, _server) = world();
        let (runtime, client) = counted(&network, transport);
        soon("the socket", client.socket("/").connect()).await.unwrap();
        network.hold();
        client.socket("/").emit("x", ()).unwrap();
        drop(client);
        until("the end of the tasks", || runtime.tasks() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn close_waits_until_everything_is_sent_and_a_later_connect_works() {
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let (network, server) = world();
        let mut log = Log::new();
        log_disconnects(&server, &log);
        let client = ClientBuilder::new(URL).connector(network.clone()).transports([transport]).build().unwrap();
        let socket = client.socket("/");
        soon("the socket", socket.connect()).await.unwrap();
        socket.emit("last", ("x".repeat(300_000),)).unwrap();
        soon("the close", client.close()).await;
        network.cut();
        log.hears("client namespace disconnect").await;
        assert!(!socket.is_active() && client.transport().is_none());
        soon("closing what is closed", client.close()).await;
        soon("the socket again", socket.connect()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn buffered_events_survive_a_disconnect_and_a_close() {
    let (network, server) = world();
    let mut log = Log::new();
    let pen = log.pen.clone();
    server.namespace("/").on("x", move |_: Socket, (number,): (u32,)| {
        let pen = pen.clone();
        async move { pen.say(number) }
    });
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    drop(socket.connect());
    socket.emit("x", (1,)).unwrap();
    socket.disconnect();
    soon("the socket", socket.connect()).await.unwrap();
    log.hears("1").await;
    socket.disconnect();
    socket.emit("x", (2,)).unwrap();
    soon("the close", client.close()).await;
    tokio::time::sleep(secs(60)).await;
    assert!(log.all().is_empty() && !socket.is_active());
    soon("the socket", socket.connect()).await.unwrap();
    log.hears("2").await;
}

#[tokio::test(start_paused = true)]
async fn close_waits_no_longer_than_its_timeout_for_a_server_that_does_not_read() {
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        for (timeout, bytes) in [(7, 1), (7, 300_000), (60, 300_000)] {
            let (network, _server) = world();
            let client = ClientBuilder::new(URL).connector(network.clone()).transports([transport]);
            let client = client.engine(|engine| engine.close_timeout(secs(timeout))).build().unwrap();
            let socket = client.socket("/");
            soon("the socket", socket.connect()).await.unwrap();
            network.hold();
            settle().await;
            socket.emit("last", ("x".repeat(bytes),)).unwrap();
            let begun = tokio::time::Instant::now();
            soon("the close", client.close()).await;
            let waited = begun.elapsed();
            assert!(waited <= secs(timeout + 6), "{transport:?} {timeout} {bytes} {waited:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn close_stops_the_attempts() {
    let network = Network::default();
    let client = client(&network).build().unwrap();
    soon("closing what was never open", client.close()).await;
    let connecting = client.socket("/").connect();
    tokio::time::sleep(secs(3)).await;
    soon("the close", client.close()).await;
    assert!(matches!(connecting.await, Err(ConnectError::Disconnected)));
    let dials = network.dials().len();
    tokio::time::sleep(secs(600)).await;
    assert_eq!(network.dials().len(), dials);
}

#[test]
fn a_runtime_shutdown_ends_its_clients() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (client, ack, connecting) = runtime.block_on(async {
        let (network, _server) = world();
        let client = client(&network).build().unwrap();
        let socket = client.socket("/");
        soon("the socket", socket.connect()).await.unwrap();
        network.refuse();
        let other = client.socket("/other");
        other.auth_with(async |_| std::future::pending::<()>().await);
        let ack = socket.emit_with_ack::<_, ()>("x", ());
        (client, ack, other.connect())
    });
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert!(ack.await.is_err());
        assert!(matches!(connecting.await, Err(ConnectError::Ended)));
        let socket = client.socket("/");
        assert!(matches!(socket.connect().await, Err(ConnectError::Ended)));
        assert!(!socket.is_connected() && socket.emit("x", ()).is_err() && socket.next().await.is_none());
        assert!(!socket.ready().await && client.states().next().await.is_none());
        client.close().await;
    });
}

#[test]
fn a_runtime_shutdown_before_the_task_starts_releases_all_waiters() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let network = Network::default();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let guard = runtime.enter();
    let connecting = socket.connect();
    drop(guard);
    drop(runtime);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        assert!(matches!(soon("the answer", connecting).await, Err(ConnectError::Ended)));
        assert!(soon("the last event", socket.next()).await.is_none());
    });
}

#[test]
fn a_connect_on_a_runtime_that_has_ended_fails() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let network = Network::default();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let guard = handle.enter();
    let connecting = socket.connect();
    drop(guard);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        assert!(matches!(soon("the answer", connecting).await, Err(ConnectError::Ended)));
        assert!(soon("the last event", socket.next()).await.is_none());
    });
}

#[test]
fn an_untaken_event_does_not_keep_a_client_whose_runtime_has_ended() {
    for runtime_first in [true, false] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let probe = std::sync::Arc::new(());
        let kept = probe.clone();
        let (client, socket, next) = runtime.block_on(async {
            let (network, server) = world();
            let client = client(&network).build().unwrap();
            let socket = client.socket("/");
            socket.on_connect_error(move |_, _| {
                let _kept = kept.clone();
                async {}
            });
            soon("the socket", socket.connect()).await.unwrap();
            let puller = socket.clone();
            let mut next = Box::pin(async move { puller.next().await });
            assert!(tokio::time::timeout(secs(0), &mut next).await.is_err());
            server.namespace("/").emit("x", ()).unwrap();
            settle().await;
            (client, socket, next)
        });
        if runtime_first {
            drop(runtime);
            drop(next);
        } else {
            drop(next);
            drop(runtime);
        }
        drop((client, socket));
        assert_eq!(std::sync::Arc::strong_count(&probe), 1, "{runtime_first}");
    }
}

#[tokio::test(start_paused = true)]
async fn disconnect_all_disconnects_every_socket_and_a_later_connect_works() {
    let (network, server) = world();
    server.namespace("/other");
    let client = client(&network).build().unwrap();
    let (root, other) = (client.socket("/"), client.socket("/other"));
    for socket in [&root, &other] {
        soon("the socket", socket.connect()).await.unwrap();
    }
    let mut log = Log::new();
    for socket in [&root, &other] {
        let pen = log.pen.clone();
        socket.on_disconnect(move |socket: socketio_tokio::ClientSocket, reason| {
            pen.say(format!("{} {reason}", socket.namespace_name()));
            std::future::ready(())
        });
    }
    other.disconnect_all();
    log.hears("/ io client disconnect").await;
    log.hears("/other io client disconnect").await;
    assert!(!root.is_active() && !other.is_active());
    until("the end of the session", || server.sessions() == 0).await;
    soon("the socket", root.connect()).await.unwrap();
    assert!(root.is_connected() && !other.is_connected());
}
