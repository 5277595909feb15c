//! Sessions that are opened and abandoned at any point leak nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socketio_tokio::server::ConnectRequest;
use socketio_tokio::{Server, ServerBuilder, Socket};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::support::{Polling, Ws, dial, frame_bytes, secs, settle};

/// Counts of live objects.
#[derive(Clone, Default)]
struct Alive {
    sockets: Arc<AtomicUsize>,
    connected: Arc<AtomicUsize>,
    acks: Arc<AtomicUsize>,
    handlers: Arc<AtomicUsize>,
    ever: Arc<AtomicUsize>,
}

struct One(Arc<AtomicUsize>);

impl One {
    fn of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy_server(alive: &Alive) -> Server {
    let server = ServerBuilder::new().state(alive.clone()).build().unwrap();
    for name in ["/", "/slow"] {
        let namespace = server.namespace(name);
        namespace.on_connect(async |socket: Socket| {
            let alive = socket.state::<Alive>().unwrap();
            alive.connected.fetch_add(1, Ordering::Relaxed);
            alive.ever.fetch_add(1, Ordering::Relaxed);
            socket.insert(Arc::new(One::of(&alive.sockets)));
            for room in ["lobby", &**socket.session_id(), "other"] {
                socket.join(room);
            }
        });
        namespace.on_disconnect(async |socket: Socket, _| {
            socket.state::<Alive>().unwrap().connected.fetch_sub(1, Ordering::Relaxed);
        });
        namespace.on("ask", async |socket: Socket, ()| {
            let _waiting = One::of(&socket.state::<Alive>().unwrap().acks);
            socket.timeout(secs(1_000_000)).emit_with_ack::<_, ()>("question", ()).await
        });
        namespace.on("work", async |socket: Socket, ()| {
            let _working = One::of(&socket.state::<Alive>().unwrap().handlers);
            sleep(secs(100)).await;
        });
        namespace.on("end", async |socket: Socket, ()| socket.disconnect_all());
    }
    server.namespace("/slow").middleware(async |_: ConnectRequest| {
        sleep(secs(60)).await;
        Ok(())
    });
    server
}

const WAYS: usize = 20;

async fn abandon_session(server: Server, way: usize) {
    let text = |text: &str| frame_bytes(OpCode::Data(Data::Text), true, text.as_bytes());
    let probe = |polling: &Polling| polling.target().replace("=polling", "=websocket");
    match way {
        // Polling: the handshake only; joined; an aborted poll or payload; a DISCONNECT; a violation.
        0 => _ = Polling::engine(&server).await,
        1 => _ = Polling::connect(&server).await,
        2 => {
            let poll = Polling::connect(&server).await.poll();
            sleep(secs(3)).await;
            poll.abort();
        }
        3 => {
            let client = Polling::connect(&server).await;
            let mut stream = dial(&server);
            let head = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n42[", client.target());
            stream.write_all(head.as_bytes()).await.unwrap();
            settle().await;
        }
        4 => Polling::connect(&server).await.send("41\u{1e}1").await,
        5 => Polling::connect(&server).await.send("42[\"work\"]\u{1e}40").await,
        // WebSocket: dropped before the response is read, before and after joining, within a frame, silent.
        6 => {
            let mut stream = dial(&server);
            let head = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n\
                        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
        }
        7 => _ = Ws::engine(&server).await,
        8 => _ = Ws::connect(&server).await,
        9 => Ws::connect(&server).await.send_raw(&text("42[\"work\"]")[..9]).await,
        10 => {
            let _silent = Ws::connect(&server).await;
            sleep(secs(100)).await;
        }
        11 => {
            let _silent = Ws::engine(&server).await;
            sleep(secs(100)).await;
        }
        // During a handler, with a pending ack, in a middleware, between the parts of a packet.
        12 => Ws::connect(&server).await.send("42[\"work\"]").await,
        13 => {
            let mut client = Ws::connect(&server).await;
            client.send_all(["42[\"ask\"]", "42[\"work\"]"]).await;
            client.recv().await;
        }
        14 => Ws::connect(&server).await.send("40/slow,").await,
        15 => Ws::connect(&server).await.send("452-[\"work\",{\"_placeholder\":true,\"num\":0}]").await,
        // Disconnected by the server, without and with a close handshake.
        16 => {
            let mut client = Ws::connect(&server).await;
            client.send("42[\"end\"]").await;
            sleep(secs(100)).await;
        }
        17 => {
            let mut client = Ws::connect(&server).await;
            client.send_raw(&frame_bytes(OpCode::Control(Control::Close), true, b"")).await;
            client.drain().await;
        }
        // During an upgrade and after it.
        18 => {
            let polling = Polling::connect(&server).await;
            let _poll = polling.poll();
            Ws::attach(dial(&server), &probe(&polling)).await.send("2probe").await;
        }
        _ => {
            let polling = Polling::connect(&server).await;
            let mut ws = Ws::attach(dial(&server), &probe(&polling)).await;
            ws.send("2probe").await;
            ws.expect("3probe").await;
            ws.send("5").await;
            ws.send("42[\"ask\"]").await;
            ws.recv().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_thousand_abandoned_sessions_leak_nothing() {
    let alive = Alive::default();
    let server = busy_server(&alive);
    let mut most = 0;
    for _ in 0..10 {
        let mut clients = tokio::task::JoinSet::new();
        for number in 0..200 {
            clients.spawn(abandon_session(server.clone(), number % WAYS));
        }
        while let Some(client) = clients.join_next().await {
            client.unwrap();
            most = most.max(server.sessions());
        }
    }
    assert!(most > 50 && alive.ever.load(Ordering::Relaxed) > 1000);
    sleep(secs(300)).await;
    assert_eq!(server.sessions(), 0);
    for namespace in [server.namespace("/"), server.namespace("/slow")] {
        assert_eq!((namespace.len(), namespace.rooms()), (0, vec![]));
    }
    for count in [&alive.sockets, &alive.connected, &alive.acks, &alive.handlers] {
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
    // Nothing else holds the server.
    drop(server);
    assert_eq!(Arc::strong_count(&alive.ever), 1);
}
