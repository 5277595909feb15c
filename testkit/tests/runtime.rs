//! The simulated runtime, and a server on it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Read, ReadBufCursor, Write};
use socketio_runtime::client::Connector;
use socketio_runtime::{
    BoxFuture, BoxStream, Client, ClientBuilder, ClientSocket, Runtime, ServerBuilder, Socket, TransportKind,
};
use socketio_testkit::{Network, SimRuntime, Timer};

async fn serve(sim: &SimRuntime) -> socketio_runtime::Server {
    let server = ServerBuilder::on(sim.clone()).build().unwrap();
    server.namespace("/").on("echo", async |_: Socket, (text,): (String,)| text);
    let listener = server.bind("127.0.0.1:80").await.unwrap();
    sim.spawn(Box::pin(listener.serve()));
    server
}

/// A client by long-polling, whose connections come and go; it does not come back.
async fn open(sim: &SimRuntime) -> (Client, ClientSocket) {
    let client = ClientBuilder::on(sim.clone(), "http://localhost:80").transports([TransportKind::Polling]);
    let client = client.reconnection(false).build().unwrap();
    let socket = client.socket("/");
    socket.connect().await.unwrap();
    (client, socket)
}

#[test]
fn a_server_answers_whatever_the_network_does_to_its_bytes() {
    SimRuntime::explore(0..200, |sim| {
        sim.run(async {
            let server = serve(&sim).await;
            let (client, socket) = open(&sim).await;
            for number in 0..5 {
                let text = "x".repeat(number * 5000);
                assert_eq!(socket.emit_with_ack::<_, String>("echo", (&text,)).await.unwrap(), text);
                sim.stall(Duration::from_secs(2));
            }
            client.close().await;
            server.close().await;
            assert_eq!(server.sessions(), 0);
        });
    });
}

#[test]
fn the_same_seed_takes_the_same_time() {
    let time = |seed| {
        let sim = SimRuntime::new(seed);
        let start = sim.now();
        sim.run(async {
            let server = serve(&sim).await;
            let (client, socket) = open(&sim).await;
            socket.emit_with_ack::<_, String>("echo", ("a",)).await.unwrap();
            client.close().await;
            server.close().await;
        });
        sim.now() - start
    };
    assert_eq!(time(3), time(3));
    assert_ne!(time(3), time(4));
}

#[test]
fn a_client_that_is_cut_off_is_forgotten() {
    SimRuntime::explore(0..50, |sim| {
        sim.run(async {
            let server = serve(&sim).await;
            let client = open(&sim).await;
            assert_eq!(server.sessions(), 1);
            sim.reset();
            // Between two requests there may be nothing to break.
            sim.stall(Duration::from_secs(60));
            drop(client);
            sim.sleep(Duration::from_secs(120)).await;
            assert_eq!((server.sessions(), sim.connections()), (0, 0));
        });
    });
}

/// What the handlers of a client saw, in order.
fn log(socket: &ClientSocket) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let note = |log: &Arc<Mutex<Vec<String>>>| {
        let log = log.clone();
        move |word: &str| {
            log.lock().unwrap().push(word.to_owned());
            std::future::ready(())
        }
    };
    let (connected, left, said) = (note(&log), note(&log), note(&log));
    socket.on_connect(move |_| connected("connect"));
    socket.on_disconnect(move |_, _| left("disconnect"));
    socket.on("say", move |_, (word,): (String,)| said(&word));
    socket.on("sum", async |_, (a, b): (i64, i64)| a + b);
    log
}

/// Waits for a fact, a minute at most.
async fn until(sim: &SimRuntime, fact: impl Fn() -> bool) {
    let start = sim.now();
    while !fact() {
        sim.sleep(Duration::from_millis(10)).await;
        assert!(sim.now() - start < Duration::from_secs(60));
    }
}

#[test]
fn a_client_comes_back_when_the_network_broke() {
    for transports in [&[TransportKind::Polling][..], &[TransportKind::Polling, TransportKind::WebSocket]] {
        SimRuntime::explore(0..50, |sim| {
            sim.run(async {
                let server = serve(&sim).await;
                let root = server.namespace("/");
                root.on("number", async |socket: Socket, (number,): (u64,)| {
                    _ = socket.emit("say", (format!("got {number}"),));
                });
                root.on("twice", async |socket: Socket, (a,): (i64,)| {
                    socket.emit_with_ack::<_, (i64,)>("sum", (a, a)).await.map(|(sum,)| sum)
                });
                let client = ClientBuilder::on(sim.clone(), "http://localhost:80");
                let client = client.transports(transports.iter().copied()).randomization_factor(0.0).build().unwrap();
                let socket = client.socket("/");
                let log = log(&socket);
                socket.connect().await.unwrap();
                let (id, there) = (socket.id(), sim.now());
                let (sum,): (i64,) = socket.emit_with_ack("twice", (21,)).await.unwrap();
                assert_eq!(sum, 42);

                // Between two requests there may be nothing to break.
                sim.sleep(Duration::from_millis(500)).await;
                sim.reset();
                until(&sim, || !socket.is_connected()).await;
                for number in 0..3 {
                    socket.emit("number", (number,)).unwrap();
                }
                assert!(socket.queued_bytes() > 0);
                // Waits for the connection, too.
                let (text,): (String,) = socket.emit_with_ack("echo", ("back",)).await.unwrap();
                assert_eq!(text, "back");
                assert_ne!(socket.id(), id);
                // The first pause of the backoff.
                assert!(sim.now() - there > Duration::from_secs(1));
                let seen = ["connect", "disconnect", "connect", "got 0", "got 1", "got 2"];
                until(&sim, || log.lock().unwrap().len() == seen.len()).await;
                assert_eq!(*log.lock().unwrap(), seen);

                client.close().await;
                server.close().await;
                assert_eq!(server.sessions(), 0);
            });
        });
    }
}

/// Every deadline of both sides is a second. What has arrived while the process stood still is read before any of them is judged.
#[test]
fn a_standstill_longer_than_every_deadline_ends_nothing() {
    for transports in [
        &[TransportKind::Polling][..],
        &[TransportKind::WebSocket],
        &[TransportKind::Polling, TransportKind::WebSocket],
    ] {
        for seed in 0..60 {
            let moment = Duration::from_millis(seed * 23);
            SimRuntime::explore(seed..seed + 1, |sim| sim.run(stand_still(&sim, moment, transports)));
        }
    }
}

async fn stand_still(sim: &SimRuntime, moment: Duration, transports: &[TransportKind]) {
    let second = Duration::from_secs(1);
    let server = ServerBuilder::on(sim.clone()).ping_interval(second).ping_timeout(second).connect_timeout(second);
    let server = server.headers_timeout(second).request_timeout(second).write_timeout(second);
    let server = server.engine(|engine| engine.upgrade_timeout(second)).build().unwrap();
    let root = server.namespace("/");
    root.on("twice", async |socket: Socket, (a,): (i64,)| {
        let second = Duration::from_secs(1);
        socket.timeout(second).emit_with_ack::<_, (i64,)>("sum", (a, a)).await.map(|(sum,)| sum)
    });
    sim.spawn(Box::pin(server.bind("127.0.0.1:80").await.unwrap().serve()));
    let client = ClientBuilder::on(sim.clone(), "http://localhost:80").transports(transports.iter().copied());
    let client = client.timeout(second).reconnection(false).build().unwrap();
    let socket = client.socket("/");
    let log = log(&socket);
    let (stopped, start) = (sim.clone(), sim.now());
    sim.spawn(Box::pin(async move {
        stopped.sleep(moment).await;
        stopped.stand_still(Duration::from_millis(1500));
    }));
    socket.connect().await.unwrap();
    while sim.now() - start < Duration::from_secs(4) {
        let (sum,): (i64,) = socket.timeout(second).emit_with_ack("twice", (4,)).await.unwrap();
        assert_eq!(sum, 8);
    }
    assert_eq!(*log.lock().unwrap(), ["connect"]);
    client.close().await;
    server.close().await;
}

#[test]
fn a_client_waits_for_a_server_that_is_not_there_yet() {
    SimRuntime::explore(0..50, |sim| {
        sim.run(async {
            let client = ClientBuilder::on(sim.clone(), "http://localhost:80").randomization_factor(0.0);
            let (client, start) = (client.build().unwrap(), sim.now());
            let socket = client.socket("/");
            let connecting = socket.connect();
            sim.sleep(Duration::from_secs(5)).await;
            let server = serve(&sim).await;
            connecting.await.unwrap();
            // Attempts at 0, 1, 3 and 7 s, each later by what the network takes.
            let waited = sim.now() - start;
            assert!((Duration::from_secs(7)..Duration::from_secs(8)).contains(&waited), "{waited:?}");
            client.close().await;
            server.close().await;
        });
    });
}

#[test]
#[should_panic(expected = "all tasks wait")]
fn a_deadlock_is_seen() {
    SimRuntime::new(0).run(std::future::pending::<()>());
}

#[test]
#[should_panic(
    expected = "seed 5: what is waited for did not come in 86400s of virtual time (SimRuntime::new(5))\nreplay: SEED=5"
)]
fn a_wait_for_what_never_comes_is_given_up_though_heartbeats_go_on() {
    SimRuntime::explore(5..6, |sim| {
        sim.limit(Duration::from_secs(24 * 3600));
        sim.run(async {
            let _server = serve(&sim).await;
            let (_client, socket) = open(&sim).await;
            while socket.next().await.is_some() {}
        });
    });
}

#[test]
fn the_limit_is_for_each_run_and_seven_days_unless_told_otherwise() {
    let (sim, days) = (SimRuntime::new(0), |days: u64| Duration::from_secs(days * 24 * 3600));
    let run = |days| std::panic::catch_unwind(|| sim.run(sim.sleep(days))).is_ok();
    assert!(run(days(7)) && run(days(7)) && !run(days(8)));
    sim.limit(Duration::MAX);
    assert!(run(days(3000)));
}

/// Keeps what clients write, and when.
#[derive(Clone)]
struct Recorder {
    sim: SimRuntime,
    start: Instant,
    transcript: Arc<Mutex<Vec<(Duration, String)>>>,
}

struct Recorded(Recorder, BoxStream);

impl Connector for Recorder {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        let (recorder, stream) = (self.clone(), self.sim.connect(host, port));
        Box::pin(async move { Ok(Box::new(Recorded(recorder, stream.await?)) as BoxStream) })
    }
}

impl Read for Recorded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_read(cx, buf)
    }
}

impl Write for Recorded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.1).poll_write(cx, buf))?;
        let at = self.0.sim.now() - self.0.start;
        self.0.transcript.lock().unwrap().push((at, buf[..written].escape_ascii().to_string()));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_shutdown(cx)
    }
}

#[test]
fn two_runs_of_one_seed_are_equal_to_the_byte() {
    let run = |seed| {
        let sim = SimRuntime::new(seed);
        let recorder = Recorder { sim: sim.clone(), start: sim.now(), transcript: Arc::default() };
        let ended = sim.run(async {
            let server = serve(&sim).await;
            let root = server.namespace("/");
            let ends = Arc::new(Mutex::new(Vec::new()));
            let log = ends.clone();
            root.on_disconnect(move |socket: Socket, _| {
                log.lock().unwrap().push(socket.id().to_string());
                std::future::ready(())
            });
            let mut clients = Vec::new();
            for number in 0..6 {
                let client = ClientBuilder::on(sim.clone(), "http://localhost:80").connector(recorder.clone());
                let transports = [TransportKind::Polling, TransportKind::WebSocket];
                let client = client.transports(transports.into_iter().skip(number % 2)).build().unwrap();
                let socket = client.socket("/");
                socket.connect().await.unwrap();
                socket.emit_with_ack::<_, String>("echo", (number.to_string(),)).await.unwrap();
                clients.push((client, socket));
            }
            // Every client comes back after a pause with jitter.
            sim.reset();
            sim.sleep(Duration::from_secs(30)).await;
            server.close().await;
            ends
        });
        let transcript = recorder.transcript.lock().unwrap().clone();
        let ended = ended.lock().unwrap().clone();
        (ended, transcript)
    };
    let (first, second) = (run(5), run(5));
    assert!(first.0.len() >= 12 && first.1.len() > 60, "{} {}", first.0.len(), first.1.len());
    assert_eq!(first, second);
    assert_ne!(first, run(6));
}

/// The message takes several times as long as interval and timeout of the heartbeat. A pong or a ping has to wait for its end.
#[test]
fn a_large_message_on_a_slow_line_is_not_cut_by_the_heartbeat() {
    for (transport, up) in
        [(TransportKind::Polling, true), (TransportKind::WebSocket, true), (TransportKind::WebSocket, false)]
    {
        for seed in 0..3 {
            SimRuntime::explore(seed..seed + 1, |_| {
                let mut network = Network::default();
                network.bandwidth = 20_000;
                let sim = SimRuntime::with_network(seed, network);
                sim.run(send_slowly(&sim, transport, up));
            });
        }
    }
}

async fn send_slowly(sim: &SimRuntime, transport: TransportKind, up: bool) {
    let (interval, timeout) = (Duration::from_secs(3), Duration::from_secs(4));
    let server = ServerBuilder::on(sim.clone()).ping_interval(interval).ping_timeout(timeout).build().unwrap();
    let root = server.namespace("/");
    let got = Arc::new(Mutex::new(0));
    let of = got.clone();
    root.on("large", move |_: Socket, (text,): (String,)| {
        *of.lock().unwrap() = text.len();
        std::future::ready(())
    });
    sim.spawn(Box::pin(server.bind("127.0.0.1:80").await.unwrap().serve()));
    let client = ClientBuilder::on(sim.clone(), "http://localhost:80").transports([transport]).reconnection(false);
    let client = client.build().unwrap();
    let socket = client.socket("/");
    let log = log(&socket);
    let of = got.clone();
    socket.on("large", move |_, (text,): (String,)| {
        *of.lock().unwrap() = text.len();
        std::future::ready(())
    });
    socket.connect().await.unwrap();
    let text = "x".repeat(400_000);
    match up {
        true => socket.emit("large", (&text,)).unwrap(),
        false => root.emit("large", (&text,)).unwrap(),
    }
    until(sim, || *got.lock().unwrap() == text.len() || log.lock().unwrap().len() > 1).await;
    sim.sleep(Duration::from_secs(20)).await;
    assert_eq!(*log.lock().unwrap(), ["connect"]);
    client.close().await;
    server.close().await;
}

/// Bytes without end keep a session for no longer than one message may take.
#[test]
fn a_message_that_trickles_in_has_its_time() {
    let sim = SimRuntime::new(1);
    sim.run(async {
        let (second, start) = (Duration::from_secs(1), sim.now());
        let server = ServerBuilder::on(sim.clone()).ping_interval(second).ping_timeout(second);
        let server = server.message_timeout(10 * second).build().unwrap();
        sim.spawn(Box::pin(server.bind("127.0.0.1:80").await.unwrap().serve()));
        let mut stream = sim.connect("localhost", 80).await.unwrap();
        let head = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                    sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
        write(&mut stream, head.as_bytes()).await;
        until(&sim, || server.sessions() == 1).await;
        // A frame of 50,000 bytes, one each half second.
        write(&mut stream, &[0x82, 0xfe, 0xc3, 0x50, 1, 2, 3, 4]).await;
        while server.sessions() == 1 {
            write(&mut stream, b"x").await;
            sim.sleep(second / 2).await;
        }
        let lasted = sim.now() - start;
        assert!((9 * second..12 * second).contains(&lasted), "{lasted:?}");
        drop(stream);
        server.close().await;
    });
}

async fn write(stream: &mut BoxStream, bytes: &[u8]) {
    let mut left = bytes;
    std::future::poll_fn(|cx| {
        while !left.is_empty() {
            match Pin::new(&mut *stream).poll_write(cx, left) {
                Poll::Ready(Ok(length)) => left = &left[length..],
                // The server has ended the connection.
                Poll::Ready(Err(_)) => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    })
    .await;
}
