//! Deadlines of a client's connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socketio_tokio::client::DisconnectReason;
use socketio_tokio::{ClientBuilder, TransportKind};
use tokio::time::Instant;

use crate::support::{Fake, Log, URL, Wire, secs, settle, soon, until};

/// The open packet of a server with a heartbeat of 8 s.
const OPEN: &str = r#"0{"sid":"s","upgrades":[],"pingInterval":5000,"pingTimeout":3000,"maxPayload":1000000}"#;

/// A server that pings every second, and reads nothing after a client has joined.
fn unreading_by_websocket() -> Fake {
    Fake::new(|_, mut wire: Wire| async move {
        wire.upgrade().await?;
        wire.say(OPEN).await?;
        assert_eq!(wire.frame().await?.1, "40");
        wire.say(r#"40{"sid":"s"}"#).await?;
        loop {
            tokio::time::sleep(secs(1)).await;
            wire.say("2").await?;
        }
    })
}

/// The same by polling: bodies of POST requests are not read after a client has joined.
fn unreading_by_polling() -> Fake {
    let joined = Arc::new(AtomicBool::new(false));
    Fake::new(move |_, mut wire: Wire| {
        let joined = joined.clone();
        async move {
            loop {
                let asked = wire.head().await?;
                if !asked.has("sid=") {
                    wire.answer(OPEN).await?;
                } else if asked.has("GET") {
                    tokio::time::sleep(secs(1)).await;
                    let packets = if joined.load(Ordering::SeqCst) { "2" } else { r#"40{"sid":"s"}"# };
                    wire.answer(packets).await?;
                    joined.store(true, Ordering::SeqCst);
                } else if joined.load(Ordering::SeqCst) && asked.length > 100 {
                    return wire.hold().await;
                } else {
                    wire.body(asked).await?;
                    wire.answer("ok").await?;
                }
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_server_that_pings_and_does_not_read_is_disconnected() {
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        for (set, expected) in [(None, 8), (Some(secs(100)), 100)] {
            let mut log = Log::new();
            let fake = match transport {
                TransportKind::Polling => unreading_by_polling(),
                _ => unreading_by_websocket(),
            };
            let builder = ClientBuilder::new(URL).connector(fake.clone()).transports([transport]);
            let builder = match set {
                Some(timeout) => builder.write_timeout(timeout),
                None => builder,
            };
            let client = builder.reconnection(false).build().unwrap();
            let socket = client.socket("/");
            let pen = log.pen.clone();
            socket.on_disconnect(move |_, reason: DisconnectReason| {
                pen.say(reason);
                std::future::ready(())
            });
            soon("the socket", socket.connect()).await.unwrap();
            let begin = Instant::now();
            socket.emit("large", ("x".repeat(500_000),)).unwrap();
            log.hears("transport error").await;
            let time = begin.elapsed();
            let expected = secs(expected)..secs(expected) + Duration::from_millis(50);
            assert!(expected.contains(&time), "{transport:?}: {time:?}");
            until("the end of the connections", || fake.connections() == 0).await;
            settle().await;
        }
    }
}

#[test]
fn an_invalid_write_timeout_fails_the_build() {
    for timeout in [Duration::ZERO, Duration::MAX] {
        let error = ClientBuilder::new(URL).write_timeout(timeout).build().unwrap_err();
        assert!(error.to_string().contains("write_timeout"), "{error}");
    }
}
