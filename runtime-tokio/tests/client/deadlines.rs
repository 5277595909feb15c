//! Deadlines of a client's connections.

use std::time::Duration;

use socketio_tokio::{ClientBuilder, ClientDisconnectReason, TransportKind};
use tokio::time::Instant;

use crate::support::{Fake, Log, URL, Wire, secs, settle, soon, until};

/// Pings every second: within 8 s, the server says.
const OPEN: &str = r#"0{"sid":"s","upgrades":[],"pingInterval":5000,"pingTimeout":3000,"maxPayload":1000000}"#;

/// A server that pings, and reads nothing after a client has joined.
fn deaf() -> Fake {
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

#[tokio::test(start_paused = true)]
async fn a_websocket_that_the_server_does_not_read_is_given_up_though_it_pings() {
    for (set, expected) in [(None, 8), (Some(secs(100)), 100)] {
        let mut log = Log::new();
        let fake = deaf();
        let builder = ClientBuilder::new(URL).connector(fake.clone()).transports([TransportKind::WebSocket]);
        let builder = match set {
            Some(timeout) => builder.write_timeout(timeout),
            None => builder,
        };
        let client = builder.reconnection(false).build().unwrap();
        let socket = client.socket("/");
        let pen = log.pen.clone();
        socket.on_disconnect(move |_, reason: ClientDisconnectReason| {
            pen.say(reason);
            std::future::ready(())
        });
        soon("the socket", socket.connect()).await.unwrap();
        let begin = Instant::now();
        socket.emit("large", ("x".repeat(500_000),)).unwrap();
        log.hears("transport error").await;
        let time = begin.elapsed();
        assert!((secs(expected)..secs(expected) + Duration::from_millis(50)).contains(&time), "{time:?}");
        until("the end of the connection", || fake.connections() == 0).await;
        settle().await;
    }
}

#[test]
fn a_write_timeout_that_cannot_be_is_refused() {
    for timeout in [Duration::ZERO, Duration::MAX] {
        let error = ClientBuilder::new(URL).write_timeout(timeout).build().unwrap_err();
        assert!(error.to_string().contains("write_timeout"), "{error}");
    }
}
