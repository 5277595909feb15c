//! A DISCONNECT packet is held back until the server has read everything before it.

use socketio_tokio::{ClientBuilder, TransportKind};
use tokio::time::Instant;

use crate::support::{Fake, Log, OPEN, URL, Wire, secs, settle, soon, until};

/// Opcodes of WebSocket frames.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;

/// A server that accepts the client and logs what it sends; answers pings if `answers` is set.
fn listening(log: &Log, answers: bool) -> Fake {
    let pen = log.pen.clone();
    Fake::new(move |_, mut wire: Wire| {
        let pen = pen.clone();
        async move {
            wire.upgrade().await?;
            wire.say(OPEN).await?;
            loop {
                let (opcode, payload) = wire.frame().await?;
                match opcode {
                    TEXT if payload == "40" => wire.say(r#"40{"sid":"s"}"#).await?,
                    TEXT => pen.say(payload),
                    PING => {
                        pen.say("ping");
                        if answers {
                            wire.send([0x8a, 0]).await?;
                        }
                    }
                    CLOSE => {
                        pen.say("close");
                        wire.send([0x88, 0]).await?;
                    }
                    opcode => panic!("{opcode:x}"),
                }
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_disconnect_waits_until_the_server_has_read_what_was_emitted() {
    for (answers, patience) in [(true, secs(0)), (false, secs(5))] {
        let mut log = Log::new();
        let fake = listening(&log, answers);
        let client = ClientBuilder::new(URL).connector(fake.clone()).transports([TransportKind::WebSocket]);
        let client = client.build().unwrap();
        let socket = client.socket("/");
        soon("the socket", socket.connect()).await.unwrap();
        socket.emit("one", ()).unwrap();
        socket.emit("two", ()).unwrap();
        let begun = Instant::now();
        soon("the end", client.close()).await;
        assert_eq!(begun.elapsed().as_secs(), patience.as_secs());
        for word in [r#"42["one"]"#, r#"42["two"]"#, "ping", "41", "close"] {
            log.hears(word).await;
        }
        drop((client, socket));
        until("the end of the connection", || fake.connections() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn another_namespace_continues_after_the_barrier() {
    let mut log = Log::new();
    let pen = log.pen.clone();
    let fake = Fake::new(move |_, mut wire: Wire| {
        let pen = pen.clone();
        async move {
            wire.upgrade().await?;
            wire.say(OPEN).await?;
            loop {
                match wire.frame().await? {
                    (TEXT, text) if text == "40" => wire.say(r#"40{"sid":"s"}"#).await?,
                    (TEXT, text) if text == "40/b," => wire.say(r#"40/b,{"sid":"t"}"#).await?,
                    (PING, _) => {
                        pen.say("ping");
                        tokio::time::sleep(secs(1)).await;
                        wire.send([0x8a, 0]).await?;
                    }
                    (TEXT, text) => pen.say(text),
                    (opcode, _) => panic!("{opcode:x}"),
                }
            }
        }
    });
    let client = ClientBuilder::new(URL).connector(fake).transports([TransportKind::WebSocket]).build().unwrap();
    let (root, other) = (client.socket("/"), client.socket("/b"));
    soon("the socket", root.connect()).await.unwrap();
    soon("the other", other.connect()).await.unwrap();
    root.disconnect();
    settle().await;
    other.emit("x", ()).unwrap();
    settle().await;
    other.emit("y", ()).unwrap();
    for word in ["ping", "41", "ping", r#"42/b,["x"]"#, r#"42/b,["y"]"#] {
        log.hears(word).await;
    }
}
