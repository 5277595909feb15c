//! Misbehaving servers and user code.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socketio_tokio::client::{AttemptError, ConnectError, Connector, State};
use socketio_tokio::{BoxFuture, BoxStream, Client, ClientBuilder, ClientSocket, TransportKind};
use tokio::sync::Notify;

use crate::support::{Counting, Fake, Log, Network, OPEN, URL, Wire, client, secs, settle, soon, until, world};

/// A connector whose first two dials panic.
struct Panicking(Network, AtomicUsize);

impl Connector for Panicking {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        match self.1.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("at once"),
            1 => Box::pin(async { panic!("later") }),
            _ => self.0.connect(host, port),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_panicking_connector_fails_only_its_attempt() {
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let (network, _server) = world();
        let connector = Panicking(network.clone(), AtomicUsize::new(0));
        let client = client(&network).connector(connector).transports([transport]).build().unwrap();
        let mut states = client.states();
        soon("the socket", client.socket("/").connect()).await.unwrap();
        let mut errors = Vec::new();
        while let Some(state) = states.try_next() {
            if let State::AttemptFailed { error, .. } = state {
                errors.push(format!("{error:#}"));
            }
        }
        assert_eq!(errors.len(), 2);
        assert!(errors[0].contains("panicked: at once") && errors[1].contains("panicked: later"), "{errors:?}");
    }
}

fn counted(fake: &Fake, transport: TransportKind) -> (Counting, Client) {
    let runtime = Counting::default();
    let builder = socketio_runtime::ClientBuilder::on(runtime.clone(), URL)
        .connector(fake.clone())
        .engine(|engine| engine.max_body(200_000));
    (runtime, builder.transports([transport]).build().unwrap())
}

/// Accepts clients by polling, and does not respond to later requests.
async fn accepts_and_is_silent(mut wire: Wire, joining: Arc<Notify>) -> Option<()> {
    loop {
        let asked = wire.asked().await?;
        if !asked.has("sid=") {
            wire.answer(OPEN).await?;
        } else if asked.body == "40" {
            joining.notify_one();
            wire.answer("ok").await?;
        } else if asked.body == "41" {
            wire.answer("ok").await?;
        } else if asked.has("GET") {
            tokio::select! {
                () = joining.notified() => wire.answer(r#"40{"sid":"x"}"#).await?,
                gone = wire.ignore() => return gone,
            }
        } else {
            return wire.ignore().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_response_do_not_accumulate() {
    let joining = Arc::new(Notify::new());
    let fake = Fake::new(move |_, wire| accepts_and_is_silent(wire, joining.clone()));
    let (runtime, client) = counted(&fake, TransportKind::Polling);
    let socket = client.socket("/");
    for _ in 0..20 {
        soon("the socket", socket.connect()).await.unwrap();
        settle().await;
        socket.disconnect();
    }
    soon("the socket", socket.connect()).await.unwrap();
    tokio::time::sleep(secs(15)).await;
    assert!(fake.connections() <= 3 && runtime.tasks() <= 5, "{} {}", fake.connections(), runtime.tasks());
}

#[tokio::test(start_paused = true)]
async fn a_session_sends_its_close_packet_to_its_own_server() {
    let mut log = Log::new();
    let (pen, release) = (log.pen.clone(), Arc::new(Notify::new()));
    let released = release.clone();
    // Opens sessions, and responds to POST requests once `release` is notified.
    let fake = Fake::new(move |host, mut wire| {
        let (pen, released) = (pen.clone(), released.clone());
        async move {
            loop {
                let asked = wire.asked().await?;
                if asked.has("POST") {
                    pen.say(format!("{host} {}", asked.body));
                    released.notified().await;
                    wire.answer("ok").await?;
                } else if asked.has("sid=") {
                    return wire.ignore().await;
                } else {
                    wire.answer(OPEN).await?;
                }
            }
        }
    });
    let asked = AtomicUsize::new(0);
    let client = ClientBuilder::new(URL).connector(fake).transports([TransportKind::Polling]);
    let client = client.url_with(move |_| {
        let url = format!("http://server-{}", asked.fetch_add(1, Ordering::SeqCst));
        async move { Ok(url) }
    });
    let client = client.build().unwrap();
    let socket = client.socket("/");
    socket.connect();
    log.hears("server-0 40").await;
    socket.disconnect();
    socket.connect();
    log.hears("server-1 40").await;
    release.notify_waiters();
    log.hears("server-0 1").await;
}

#[tokio::test(start_paused = true)]
async fn close_ends_though_a_handler_connects_again() {
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let (network, _server) = world();
        let client = client(&network).transports([transport]).build().unwrap();
        let socket = client.socket("/");
        socket.on_disconnect(async |socket: ClientSocket, _| _ = socket.connect());
        soon("the socket", socket.connect()).await.unwrap();
        soon("the close", client.close()).await;
        until("the next connection", || socket.is_connected()).await;
        soon("the close, twice at once", async { tokio::join!(client.close(), client.close()) }).await;
    }
}

/// What a server sends by WebSocket after the 101, with a description.
const BROKEN: [(&str, &[u8]); 14] = [
    ("garbage", &[0xff; 100]),
    ("no open packet", b"\x81\x01x"),
    ("a ping before it", b"\x81\x012"),
    ("an empty message", b"\x81\x00"),
    ("text that is not UTF-8", b"\x81\x02\xff\xff"),
    ("a masked frame", b"\x81\x8100000"),
    ("a frame of an exabyte", b"\x82\x7f\x10\0\0\0\0\0\0\0"),
    ("a frame with a negative length", b"\x82\x7f\xff\0\0\0\0\0\0\0"),
    ("a continuation of nothing", b"\x80\x01x"),
    ("a compressed frame", b"\xc1\x01x"),
    ("a fragmented ping", b"\x09\x01x"),
    ("a close frame with half a code", b"\x88\x01\x03"),
    ("a close frame with an invalid code", b"\x88\x02\xff\xff"),
    ("a close frame whose reason is not UTF-8", b"\x88\x03\x03\xe8\xff"),
];

#[tokio::test(start_paused = true)]
async fn a_broken_websocket_fails_its_attempt_and_leaks_nothing() {
    for (what, bytes) in BROKEN {
        let fake = Fake::new(move |_, mut wire| async move {
            wire.upgrade().await?;
            wire.send(bytes).await?;
            wire.ignore().await
        });
        let (runtime, client) = counted(&fake, TransportKind::WebSocket);
        let mut states = client.states();
        client.socket("/").connect();
        let mut failures = 0;
        while failures < 10 {
            match soon(what, states.next()).await.unwrap() {
                State::AttemptFailed { error, .. } => {
                    failures += 1;
                    assert!(
                        !matches!(&error, ConnectError::Attempt { error: AttemptError::Timeout, .. }),
                        "{what}: {error}"
                    );
                }
                State::Connecting { .. } | State::Waiting { .. } => {}
                state => panic!("{what}: {state:?}"),
            }
        }
        tokio::time::sleep(secs(1000)).await;
        assert!(runtime.tasks() <= 3 && fake.connections() <= 3, "{what}: {} {}", runtime.tasks(), fake.connections());
        drop(client);
        until(what, || runtime.tasks() == 0 && fake.connections() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_response_is_a_timeout_and_leaks_nothing() {
    const ENDLESS: [(&str, &str, &str); 8] = [
        ("nothing", "", ""),
        ("a head", "HTTP/1.1 200 OK\r\nx: ", "y"),
        ("headers", "HTTP/1.1 200 OK\r\n", "x: y\r\n"),
        ("interim answers", "", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("a body", "HTTP/1.1 200 OK\r\ncontent-length: 9999999999999\r\n\r\n", "x"),
        ("chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
        ("a length of a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "0"),
        ("trailers", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", "x: y\r\n"),
    ];
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        for (what, first, then) in ENDLESS {
            let fake = Fake::new(move |_, mut wire| async move {
                wire.asked().await?;
                wire.send(first).await?;
                loop {
                    wire.send(then).await?;
                    tokio::time::sleep(secs(1)).await;
                }
            });
            let (runtime, client) = counted(&fake, transport);
            let mut states = client.states();
            client.socket("/").connect();
            let mut failures = 0;
            while failures < 5 {
                match soon(what, states.next()).await.unwrap() {
                    State::AttemptFailed { .. } => failures += 1,
                    State::Connecting { .. } | State::Waiting { .. } => {}
                    state => panic!("{what}: {state:?}"),
                }
            }
            assert!(runtime.tasks() <= 4, "{what}: {}", runtime.tasks());
            drop(client);
            until(what, || runtime.tasks() == 0).await;
        }
    }
}

/// Checks that a connected client whose WebSocket misbehaves is disconnected and reconnects.
async fn reconnects(what: &str, misbehave: fn(Wire) -> BoxFuture<'static, Option<()>>) {
    let fake = Fake::new(move |_, mut wire| async move {
        wire.upgrade().await?;
        wire.say(OPEN).await?;
        wire.hear().await?;
        wire.say(r#"40{"sid":"x"}"#).await?;
        misbehave(wire).await
    });
    let (runtime, client) = counted(&fake, TransportKind::WebSocket);
    let mut log = Log::new();
    let pen = log.pen.clone();
    let socket = client.socket("/");
    socket.on_disconnect(move |_: ClientSocket, reason: socketio_tokio::client::DisconnectReason| {
        let pen = pen.clone();
        async move { pen.say(reason.as_str()) }
    });
    for _ in 0..5 {
        soon(what, socket.connect()).await.unwrap();
        let reason = log.heard().await;
        assert!(["transport close", "transport error", "parse error"].contains(&&*reason), "{what}: {reason}");
        assert!(socket.is_active(), "{what}");
    }
    drop((client, socket));
    until(what, || runtime.tasks() == 0 && fake.connections() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn an_open_websocket_that_breaks_is_a_disconnect() {
    reconnects("a half-closed stream", |mut wire| {
        Box::pin(async move {
            wire.half_close().await?;
            wire.ignore().await
        })
    })
    .await;
    reconnects("a message that never ends", |mut wire| {
        Box::pin(async move {
            wire.send([0x01, 1, b'4']).await?;
            let fragment = [&[0x00, 0x7f, 0, 0, 0, 0, 0, 0, 0x40, 0][..], &[b'x'; 1 << 14]].concat();
            loop {
                wire.send(&fragment).await?;
                settle().await;
            }
        })
    })
    .await;
    reconnects("pings without an end, and then none", |mut wire| {
        Box::pin(async move {
            for _ in 0..1000 {
                wire.send([0x89, 1, b'x']).await?;
            }
            wire.send([0x88, 0]).await?;
            wire.ignore().await
        })
    })
    .await;
    reconnects("a broken event", |mut wire| {
        Box::pin(async move {
            wire.say("42[").await?;
            wire.ignore().await
        })
    })
    .await;
}
