//! Who ends a connection, and what both sides say of it.

use std::net::SocketAddr;
use std::time::Duration;

use socketio_runtime::{AckError, Client, ClientSocket, EmitError, Runtime, Server, Socket, TransportKind};

use super::log::Log;
use super::stage::Stage;

const BOTH: [TransportKind; 2] = [TransportKind::Polling, TransportKind::WebSocket];

/// A client in two namespaces.
struct Joined {
    client: Client,
    root: (ClientSocket, Log),
    other: (ClientSocket, Log),
}

async fn joined<R: Runtime + Clone>(stage: &Stage<R>, addr: SocketAddr, transport: TransportKind) -> Joined {
    let client = stage.client(addr).transports([transport]).build().expect("it is a URL");
    let mut sockets = ["/", "/other"].map(|name| {
        let socket = client.socket(name);
        let log = Log::of(&socket);
        (socket, log)
    });
    for (socket, log) in &mut sockets {
        stage.soon("the socket", socket.connect()).await.expect("the namespace is there");
        log.hears(stage, "connect").await;
    }
    let [root, other] = sockets;
    Joined { client, root, other }
}

/// A server, and what it says of its two namespaces.
async fn serve<R: Runtime + Clone>(stage: &Stage<R>) -> (Server, SocketAddr, Log, Log) {
    let server = stage.server().build().expect("defaults are allowed");
    let logs = (Log::of_all(&server.namespace("/")), Log::of_all(&server.namespace("/other")));
    let addr = stage.serve(&server).await;
    (server, addr, logs.0, logs.1)
}

/// The client stays in its other namespace, and comes back only when it is told to.
pub async fn by_the_server_for_one_namespace<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, there, other_there) = serve(stage).await;
    server.namespace("/").on("enough", async |socket: Socket, ()| {
        socket.emit("last", ()).ok();
        socket.disconnect();
    });
    for transport in BOTH {
        let Joined { client, root: (root, log), other: (other, other_log) } = joined(stage, addr, transport).await;
        there.hears(stage, "connect").await;
        other_there.hears(stage, "connect").await;
        root.emit("enough", ()).expect("there is room");
        log.hears(stage, "last ").await;
        log.hears(stage, "io server disconnect").await;
        there.hears(stage, "server namespace disconnect").await;
        assert!(!root.is_active() && other.is_connected() && client.transport() == Some(transport));
        stage.soon("the socket again", root.connect()).await.expect("the namespace is there");
        log.hears(stage, "connect").await;
        there.hears(stage, "connect").await;
        stage.soon("the close", client.close()).await;
        there.hears(stage, "client namespace disconnect").await;
        other_there.hears(stage, "client namespace disconnect").await;
        other_log.hears(stage, "io client disconnect").await;
    }
}

/// Whatever waits for a server that will not answer ends: acks without a timeout, kept or emitted late, `next`, and `ready`.
pub async fn of_a_socket_end_what_waits_for_it<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    root.on("enough", async |socket: Socket, ()| socket.disconnect());
    let addr = stage.serve(&server).await;
    let relay = stage.relay(addr).await;
    for retries in [false, true] {
        let builder = |addr| {
            let builder = stage.websocket(addr).manager(|manager| manager.send_buffer_limit(1000));
            if retries { builder.retries(3).ack_timeout(Duration::from_secs(600)) } else { builder }
        };
        let over = |socket: ClientSocket, what: &'static str| async move {
            assert!(!socket.is_active(), "{what}");
            let late = stage.soon(what, socket.emit_with_ack::<_, ()>("late", ())).await;
            assert!(matches!(late, Err(AckError::Emit(EmitError::Disconnected))), "{what}: {late:?}");
            assert!(stage.soon(what, socket.next()).await.is_none(), "{what}");
            // What is emitted is kept all the same, up to the bound of the buffer.
            while socket.emit("kept", ("x".repeat(300),)).is_ok() {}
            assert!(!stage.soon(what, socket.ready()).await, "{what}");
        };

        let client = builder(addr).build().expect("it is a URL");
        let socket = client.socket("/");
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        socket.emit("enough", ()).expect("there is room");
        stage.until("the disconnect by the server", || !socket.is_connected()).await;
        over(socket, "disconnected by the server").await;

        let client = builder(addr).build().expect("it is a URL");
        let socket = client.socket("/unknown");
        let kept = socket.emit_with_ack::<_, ()>("kept", ());
        assert!(stage.soon("the refusal", socket.connect()).await.is_err());
        assert!(matches!(stage.soon("the kept ack", kept).await, Err(AckError::Disconnected)));
        over(socket, "refused").await;

        let client = builder(addr).build().expect("it is a URL");
        let socket = client.socket("/");
        let kept = socket.emit_with_ack::<_, ()>("kept", ());
        stage.soon("the close", client.close()).await;
        assert!(matches!(stage.soon("the kept ack", kept).await, Err(AckError::Disconnected)));
        over(socket, "closed").await;

        let client = builder(addr).build().expect("it is a URL");
        let socket = client.socket("/");
        let kept = socket.emit_with_ack::<_, ()>("kept", ());
        socket.disconnect();
        assert!(matches!(stage.soon("the kept ack", kept).await, Err(AckError::Disconnected)));
        over(socket, "disconnected by hand").await;

        let client = builder(relay.addr).reconnection(false).build().expect("it is a URL");
        let socket = client.socket("/");
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        let next = socket.next();
        relay.cut();
        assert!(stage.soon("the end of events", next).await.is_none());
        over(socket, "lost without reconnection").await;
    }
}

/// The same on the server: acks that are owed and those asked for late, `next`, and `ready`.
pub async fn of_a_servers_socket_end_what_waits_for_it<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().ack_timeout(Duration::MAX).build().expect("it is allowed");
    let root = server.namespace("/");
    let relay = stage.relay(stage.serve(&server).await).await;
    for what in ["disconnected", "disconnected from all", "lost"] {
        let client = stage.websocket(relay.addr).build().expect("it is a URL");
        // It is there, and answers nothing.
        client.socket("/").on_event(async |_| ());
        stage.soon("the socket", client.socket("/").connect()).await.expect("the server is there");
        let socket = root.sockets().pop().expect("it has joined");
        let owed = socket.emit_with_ack::<_, ()>("ask", ());
        relay.hold();
        while socket.emit("x", ("x".repeat(100_000),)).is_ok() {}
        let (ready, next) = (socket.ready(), socket.next());
        match what {
            "disconnected" => socket.disconnect(),
            "disconnected from all" => socket.disconnect_all(),
            _ => relay.cut(),
        }
        assert!(matches!(stage.soon(what, owed).await, Err(AckError::Disconnected)), "{what}");
        assert!(!stage.soon(what, ready).await && stage.soon(what, next).await.is_none(), "{what}");
        let late = stage.soon(what, socket.emit_with_ack::<_, ()>("late", ())).await;
        assert!(matches!(late, Err(AckError::Emit(EmitError::Disconnected))), "{what}: {late:?}");
        relay.release();
        relay.cut();
        drop(client);
        stage.until("the end of the session", || server.sessions() == 0).await;
    }
}

/// Every namespace hears of it.
pub async fn by_the_server_for_the_whole_connection<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, there, other_there) = serve(stage).await;
    for transport in BOTH {
        let Joined { client, root: (root, log), other: (other, other_log) } = joined(stage, addr, transport).await;
        there.hears(stage, "connect").await;
        other_there.hears(stage, "connect").await;
        server.namespace("/").broadcast().disconnect(true);
        for log in [&log, &other_log] {
            log.hears(stage, "io server disconnect").await;
        }
        for there in [&there, &other_there] {
            there.hears(stage, "server namespace disconnect").await;
        }
        stage.until("the end of the session", || server.sessions() == 0).await;
        assert!(!root.is_active() && !other.is_active());
        stage.until("the end of the connection", || client.transport().is_none()).await;
    }
}

/// Of one namespace, and then of the last one, with which the connection goes.
pub async fn by_the_client<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, there, other_there) = serve(stage).await;
    for transport in BOTH {
        let Joined { client, root: (root, log), other: (other, other_log) } = joined(stage, addr, transport).await;
        there.hears(stage, "connect").await;
        other_there.hears(stage, "connect").await;
        root.disconnect();
        log.hears(stage, "io client disconnect").await;
        there.hears(stage, "client namespace disconnect").await;
        assert!(other.is_connected());
        other.disconnect();
        other_log.hears(stage, "io client disconnect").await;
        other_there.hears(stage, "client namespace disconnect").await;
        stage.until("the end of the session", || server.sessions() == 0).await;
        assert!(client.transport().is_none() && !root.is_active() && !other.is_active());
    }
}

/// `close` waits until the last byte has left.
pub async fn by_the_clients_close_send_everything_before<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, there, _) = serve(stage).await;
    for transport in BOTH {
        let Joined { client, root: (root, log), .. } = joined(stage, addr, transport).await;
        there.hears(stage, "connect").await;
        let large = "x".repeat(100_000);
        for _ in 0..20 {
            root.emit("large", (&large,)).expect("there is room");
        }
        // An answer, so that nothing is under way when the client leaves: what a leaving client said last may be dropped.
        server.namespace("/").on("done", async |_: Socket, ()| {});
        let done = root.emit_with_ack::<_, ()>("done", ());
        stage.soon("an ack", done).await.expect("an answer");
        stage.soon("the close", client.close()).await;
        log.hears(stage, "io client disconnect").await;
        for _ in 0..20 {
            assert_eq!(there.heard(stage).await.len(), large.len() + "large \"\"".len());
        }
        there.hears(stage, "client namespace disconnect").await;
        stage.until("the end of the session", || server.sessions() == 0).await;
    }
}

/// `close` of a server drains: each client gets what was queued for it, learns that the server is gone, and nobody listens any more.
pub async fn by_the_servers_close_send_everything_before<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, _, there, other_there) = serve(stage).await;
    // One more listener of the same server, to see its end.
    let listener = stage.soon("a port", server.bind("127.0.0.1:0")).await.expect("a free port");
    let (addr, listening) = (listener.local_addr(), Log::default());
    let of = listening.clone();
    stage.runtime.spawn(Box::pin(async move {
        listener.serve().await;
        of.say("the listener has ended");
    }));
    let mut clients = Vec::new();
    for transport in BOTH {
        clients.push(joined(stage, addr, transport).await);
    }
    for there in [&there, &other_there] {
        stage.until("both clients", || server.namespace("/other").len() == 2).await;
        there.hears(stage, "connect").await;
        there.hears(stage, "connect").await;
    }
    let large = "x".repeat(100_000);
    for _ in 0..20 {
        server.emit("large", (&large,)).expect("it can be encoded");
    }
    stage.soon("the close", server.close()).await;
    assert_eq!(server.sessions(), 0);
    for client in &clients {
        for _ in 0..20 {
            assert_eq!(client.root.1.heard(stage).await.len(), large.len() + "large \"\"".len());
        }
        for (_, log) in [&client.root, &client.other] {
            let reason = log.heard(stage).await;
            assert!(["transport close", "transport error", "io server disconnect"].contains(&&*reason), "{reason}");
        }
    }
    for there in [&there, &other_there] {
        for _ in BOTH {
            there.hears(stage, "server shutting down").await;
        }
    }
    listening.hears(stage, "the listener has ended").await;
}

/// Without a farewell by hand: handles of a client that are dropped end it, and its server hears of that.
pub async fn by_dropping_everything_leave_no_task<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, there, _) = serve(stage).await;
    for transports in [&BOTH[..], &BOTH[..1], &BOTH[1..]] {
        // Its tasks are counted apart from those of the server, which goes on.
        let runtime = stage.runtime.apart();
        let builder = socketio_runtime::ClientBuilder::on(runtime.clone(), format!("http://{addr}"));
        let client = builder.transports(transports.iter().copied()).build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::of(&socket);
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        log.hears(stage, "connect").await;
        there.hears(stage, "connect").await;
        assert!(runtime.tasks() > 0);
        drop(client);
        assert!(socket.is_connected());
        drop(socket);
        there.hears(stage, "client namespace disconnect").await;
        stage.until("the end of its tasks", || runtime.tasks() == 0).await;
        stage.until("the end of the session", || server.sessions() == 0).await;
        assert_eq!(log.all(), [""; 0]);
    }
    // One that never finds a server, and one that waits for a silent server.
    let silent = stage.soon("a port", stage.runtime.bind(([127, 0, 0, 1], 0).into())).await.expect("a free port");
    for addr in [([127, 0, 0, 1], 1).into(), silent.local_addr().expect("it is bound")] {
        let runtime = stage.runtime.apart();
        let builder = socketio_runtime::ClientBuilder::on(runtime.clone(), format!("http://{addr}"));
        let client = builder.build().expect("it is a URL");
        let connecting = client.socket("/").connect();
        stage.pause().await;
        drop((client, connecting));
        stage.until("the end of its tasks", || runtime.tasks() == 0).await;
    }
}
