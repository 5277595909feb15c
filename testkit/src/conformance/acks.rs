//! Answers to events.

use std::time::Duration;

use bytes::Bytes;
use socketio_runtime::server::Event;
use socketio_runtime::{AckError, ClientSocket, Runtime, Socket};

use super::log::Log;
use super::stage::Stage;

/// With values and with binary, at once and later, the client asking and the server asking.
pub async fn come_from_either_side<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    root.on("later", async |socket: Socket, (number,): (u32,)| {
        // Asks back before it answers.
        let bytes = socket.emit_with_ack::<_, Bytes>("bytes", (number,)).await;
        (number + 1, bytes.unwrap_or_default())
    });
    let client = stage.websocket(stage.serve(&server).await).build().expect("it is a URL");
    let socket = client.socket("/");
    socket.on("bytes", async |_: ClientSocket, (length,): (usize,)| Bytes::from(vec![9; length]));
    stage.soon("the socket", socket.connect()).await.expect("the server is there");
    let asked: Vec<_> = (0..20).map(|number| socket.emit_with_ack::<_, (u32, Bytes)>("later", (number,))).collect();
    for (number, asked) in asked.into_iter().enumerate() {
        let (next, bytes) = stage.soon("an ack", asked).await.expect("an answer");
        assert_eq!((next as usize, bytes.len()), (number + 1, number));
    }
}

/// On both sides; an answer that comes too late is nobody's.
pub async fn that_do_not_come_are_timeouts<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    let log = Log::of_all(&root);
    root.on("ask me", async |socket: Socket, ()| {
        let answer = socket.timeout(Duration::from_millis(30)).emit_with_ack::<_, ()>("silence", ()).await;
        matches!(answer, Err(AckError::Timeout))
    });
    let client = stage.websocket(stage.serve(&server).await).build().expect("it is a URL");
    let socket = client.socket("/");
    stage.soon("the socket", socket.connect()).await.expect("the server is there");
    log.hears(stage, "connect").await;
    socket.on_event(async |_: socketio_runtime::client::Event| {});
    let silence = socket.timeout(Duration::from_millis(30)).emit_with_ack::<_, ()>("silence", ());
    let answer = stage.soon("the timeout", silence).await;
    assert!(matches!(answer, Err(AckError::Timeout)), "{answer:?}");
    log.hears(stage, "silence ").await;
    let timed_out: bool = stage.soon("an ack", socket.emit_with_ack("ask me", ())).await.expect("an answer");
    assert!(timed_out);
}

/// On both sides, whoever disconnects.
pub async fn are_settled_by_a_disconnect<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    root.on_event(async |_: Event| {});
    let log = Log::default();
    let of = log.clone();
    root.on_connect(move |socket: Socket| {
        let of = of.clone();
        async move {
            socket.clone().spawn(async move {
                let answer = socket.emit_with_ack::<_, ()>("silence", ()).await;
                of.say(format!("{answer:?}"));
            });
        }
    });
    let client = stage.websocket(stage.serve(&server).await).build().expect("it is a URL");
    let socket = client.socket("/");
    let of = log.clone();
    socket.on_event(move |_: socketio_runtime::client::Event| {
        of.say("asked");
        async {}
    });
    for by_server in [true, false] {
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        let silence = socket.emit_with_ack::<_, ()>("silence", ());
        log.hears(stage, "asked").await;
        match by_server {
            true => {
                stage.until("the socket there", || root.len() == 1).await;
                root.broadcast().disconnect(false);
            }
            false => socket.disconnect(),
        }
        let answer = stage.soon("the end of the wait", silence).await;
        assert!(matches!(answer, Err(AckError::Disconnected)), "{answer:?}");
        log.hears(stage, "Err(socket has been disconnected)").await;
    }
}
