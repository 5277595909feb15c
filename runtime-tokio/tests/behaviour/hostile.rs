//! Hostile clients: whatever one connection does, others are served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socketio_tokio::{HandlerError, Server, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::support::{
    Frame, HasWorld, Polling, World, Ws, dial, frame_bytes, request, roundtrip, secs, server, server_with, settle,
    until,
};

const TEXT: OpCode = OpCode::Data(Data::Text);
const BINARY: OpCode = OpCode::Data(Data::Binary);
const CONTINUE: OpCode = OpCode::Data(Data::Continue);
const PING: OpCode = OpCode::Control(Control::Ping);

fn text(text: &str) -> Vec<u8> {
    frame_bytes(TEXT, true, text.as_bytes())
}

/// A well-behaved client over each transport.
struct Healthy {
    ws: Ws,
    polling: Polling,
    count: u32,
}

impl Healthy {
    async fn new(server: &Server) -> Self {
        server.namespace("/").on("echo", async |_, (n,): (u32,)| n);
        Self { ws: Ws::connect(server).await, polling: Polling::connect(server).await, count: 0 }
    }

    async fn is_served(&mut self) {
        self.count += 1;
        let (event, answer) = (format!("420[\"echo\",{}]", self.count), format!("430[{}]", self.count));
        self.ws.send(&event).await;
        self.ws.expect(&answer).await;
        self.polling.send(&event).await;
        self.polling.expect(&answer).await;
    }
}

fn say_disconnects(server: &Server) {
    server.namespace("/").on_disconnect(async |socket: Socket, reason| socket.world().say(reason));
}

// --- garbage ----------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn malformed_http_affects_no_other_client() {
    let (server, _) = server();
    let mut healthy = Healthy::new(&server).await;
    let sid = healthy.polling.sid.clone();
    let line = |line: &str| format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes();
    let post = |head: &str, body: &str| {
        format!("POST /socket.io/?EIO=4&transport=polling&sid={sid}x HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{body}")
            .into_bytes()
    };
    let garbage: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\r\n\r\n".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /socket.io/ HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /socket.io/ HTTP/1.1\r\nno colon\r\n\r\n".to_vec(),
        (0..=255).collect(),
        vec![b'a'; 1_000_000],
        [b"GET /?".to_vec(), vec![b'a'; 100_000], b" HTTP/1.1\r\n\r\n".to_vec()].concat(),
        [b"GET / HTTP/1.1\r\n".to_vec(), b"a: b\r\n".repeat(10_000), b"\r\n".to_vec()].concat(),
        line("GET /socket.io/?EIO=4&transport=polling&sid=%00%ff%"),
        line("GET /socket.io/?&&==&%%%&EIO=4&transport=polling&sid"),
        line("GET http://[::1/socket.io/?EIO=4"),
        line("DELETE /socket.io/?EIO=4&transport=polling"),
        line("CONNECT x:80"),
        post("Content-Length: -1", ""),
        post("Content-Length: 99999999999999999999999", ""),
        post("Content-Length: 5\r\nContent-Length: 6", "12345"),
        post("Content-Length: 3\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked", "zz\r\n"),
        post("Transfer-Encoding: chunked", "ffffffffffffffff\r\nx"),
        post("Transfer-Encoding: gzip, chunked, gzip", "x"),
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
            .to_vec(),
        line("GET /socket.io/?EIO=4&transport=polling").repeat(3),
    ];
    for bytes in garbage {
        let mut stream = dial(&server);
        let answer = timeout(secs(100), async {
            _ = stream.write_all(&bytes).await;
            _ = stream.shutdown().await;
            let mut answer = Vec::new();
            _ = stream.read_to_end(&mut answer).await;
            answer
        });
        let answer = answer.await.unwrap_or_else(|_| panic!("left open: {:?}", &bytes[..bytes.len().min(100)]));
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{answer:?}");
        healthy.is_served().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_sends_its_request_too_slowly_is_dropped() {
    let (server, _) = server();
    let mut stream = dial(&server);
    stream.write_all(b"GET /socket.io/").await.unwrap();
    let ended = tokio::spawn(roundtrip(stream, b""));
    sleep(secs(40)).await;
    assert!(ended.is_finished());
    Healthy::new(&server).await.is_served().await;
}

/// Packets that every decoder must refuse, each as an engine message.
fn malformed_packets() -> Vec<String> {
    let mut packets: Vec<String> = [
        "",
        " ",
        "x",
        "7",
        "9",
        "-1",
        "\u{feff}2[\"a\"]",
        " 2[\"a\"]",
        "ä",
        "4äöü",
        "2",
        "2{}",
        "2[]",
        "2[null]",
        "2[{\"a\":1}]",
        "2[[\"a\"]]",
        "2[\"a\"",
        "2[\"a\"]]",
        "2[\"a\",]",
        "2[\"a\"] x",
        "2 [\"a\"]",
        "2-1[\"a\"]",
        "21.5[\"a\"]",
        "299999999999999999999[\"a\"]",
        "2[\"connect\"]",
        "2[\"disconnect\"]",
        "2[\"newListener\"]",
        "2[\"a\",NaN]",
        "2[\"a\",01]",
        "2/admin[\"a\"]",
        "3",
        "3[]",
        "31",
        "31{}",
        "31[",
        "0\"x\"",
        "0[]",
        "0null",
        "0{",
        "01",
        "1{}",
        "11",
        "1[]",
        "4",
        "44",
        "4[]",
        "4{",
        "5",
        "5-",
        "50-[\"a\"]",
        "5-1-[\"a\"]",
        "51",
        "51-",
        "51-{}",
        "51e1-[\"a\"]",
        "5 1-[\"a\"]",
        "51.0-[\"a\"]",
        "501-[\"a\"]x",
        "511-[\"a\"]",
        "599999999999-[\"a\"]",
        "6",
        "60-1[]",
        "61-[]",
        "511111111111111111111111-[\"a\"]",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    packets.push(format!("2[\"a\",{}", "[".repeat(100_000)));
    packets.push("2".repeat(100_000));
    packets.push(format!("2/{}", "n".repeat(100_000)));
    packets
}

#[tokio::test(start_paused = true)]
async fn a_malformed_packet_ends_only_its_session() {
    let (server, world) = server();
    let mut healthy = Healthy::new(&server).await;
    say_disconnects(&server);
    server.namespace("/").on_event(async |_| {});
    for packet in malformed_packets() {
        let shown = &packet.chars().take(60).collect::<String>();
        let mut client = Ws::connect(&server).await;
        client.send_all([format!("4{packet}").as_str(), "42[\"late\"]"]).await;
        assert_eq!(world.heard().await, "forced close", "{shown}");
        client.closes_with(None).await;

        let client = Polling::connect(&server).await;
        let poll = client.poll();
        client.send(&format!("4{packet}\u{1e}42[\"late\"]")).await;
        let reason = world.heard().await;
        assert!(reason.starts_with("forced "), "{shown}: {reason}");
        poll.await.unwrap().unwrap();
        healthy.is_served().await;
    }
    until("the sessions to end", || server.sessions() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn malformed_attachments_end_only_their_session() {
    let header = |rest: &str| text(&format!("45{rest}"));
    let bytes = |count: usize| frame_bytes(BINARY, true, &vec![7; count]);
    for frames in [
        vec![bytes(3)],
        vec![header("1-[\"a\",{\"_placeholder\":true,\"num\":0}]"), text("42[\"b\"]")],
        vec![header("1-[\"a\",{\"_placeholder\":true,\"num\":1}]"), bytes(1)],
        vec![header("1-[\"a\",{\"_placeholder\":true,\"num\":-1}]"), bytes(1)],
        vec![header("1-[\"a\",{\"_placeholder\":true,\"num\":0.5}]"), bytes(1)],
        vec![header("1-[\"a\",{\"_placeholder\":true}]"), bytes(1)],
        vec![header("1-[\"a\",{\"_placeholder\":true,\"num\":\"0\"}]"), bytes(1)],
        vec![header("1-[{\"_placeholder\":true,\"num\":0}]"), bytes(1)],
        vec![header("1-[\"a\"]"), bytes(1), bytes(1)],
        // Never completed, so the decoder times out.
        vec![header("2-[\"a\"]"), bytes(1)],
    ] {
        let (server, world) = server();
        say_disconnects(&server);
        let mut client = Ws::connect(&server).await;
        client.send_raw(&frames.concat()).await;
        // Pings are answered meanwhile.
        assert_eq!(client.next().await, Some(Frame::Close(None)), "{frames:?}");
        world.hears("forced close").await;
        Healthy::new(&server).await.is_served().await;
    }
}

#[tokio::test(start_paused = true)]
async fn random_bytes_affect_no_other_client() {
    let (server, _) = server_with(|builder| builder.max_payload(10_000));
    let mut healthy = Healthy::new(&server).await;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..300 {
        let bytes: Vec<u8> = (0..random() % 400).map(|_| random() as u8).collect();
        match round % 4 {
            0 => _ = timeout(secs(1), roundtrip(dial(&server), &bytes)).await,
            1 => Ws::connect(&server).await.send_raw(&bytes).await,
            2 => Ws::connect(&server).await.send_binary(&bytes).await,
            _ => {
                let client = Polling::connect(&server).await;
                let body: String =
                    bytes.iter().map(|byte| char::from(b"0123456789[]{}\",-/b\x1e"[usize::from(*byte) % 20])).collect();
                _ = request(&server, "POST", &client.target(), &body).await;
            }
        }
        healthy.is_served().await;
    }
}

// --- floods -----------------------------------------------------------------------------------------------------------

/// Sends a frame repeatedly, without reading, until the server closes the connection or stops reading.
async fn flood(server: &Server, frame: &[u8], times: usize) -> Ws {
    let mut client = Ws::connect(server).await;
    for _ in 0..times {
        match timeout(secs(1), client.stream.write_all(frame)).await {
            Ok(Ok(())) => {}
            _ => break,
        }
    }
    client
}

#[tokio::test(start_paused = true)]
async fn floods_affect_no_other_client() {
    let (server, _) = server_with(|builder| builder.max_payload(100_000));
    let root = server.namespace("/");
    root.on("reply", async |socket: Socket, (text,): (String,)| socket.emit("reply", (text,)));
    root.on("ask", async |socket: Socket, ()| socket.emit_with_ack::<_, ()>("q", ()).await);
    root.on("hang", async |_, ()| std::future::pending::<()>().await);
    root.on("args", async |_, (_,): (u32,)| {});
    let mut healthy = Healthy::new(&server).await;
    let reply = format!("421[\"reply\",\"{}\"]", "x".repeat(10_000));
    for (frame, times) in [
        (text("42[\"nobody\"]"), 5000),
        (text(&reply), 500),
        (text("42[\"ask\"]"), 2000),
        (text("42[\"hang\"]"), 2000),
        (text("42[\"args\",\"wrong\"]"), 5000),
        (text("3"), 5000),
        (text("43999[]"), 5000),
        (text("40/nope,"), 5000),
        (frame_bytes(PING, true, &[7; 125]), 20_000),
        (frame_bytes(OpCode::Control(Control::Pong), true, &[7; 125]), 5000),
        (frame_bytes(BINARY, true, &[7; 50_000]), 100),
        (
            [text("451-[\"nobody\",{\"_placeholder\":true,\"num\":0}]"), frame_bytes(BINARY, true, &[7; 50_000])]
                .concat(),
            100,
        ),
        ([frame_bytes(TEXT, false, b"4"), frame_bytes(CONTINUE, true, b"2[\"nobody\"]")].concat(), 2000),
        ([frame_bytes(TEXT, false, b"4"), frame_bytes(CONTINUE, false, b"").repeat(1000)].concat(), 3),
    ] {
        let _flooding = flood(&server, &frame, times).await;
        healthy.is_served().await;
    }
    // Still bounded: a flooding client is disconnected by its heartbeat at the latest, or no longer read from.
    sleep(secs(5)).await;
    assert!(server.sessions() < 20);
}

#[tokio::test(start_paused = true)]
async fn many_simultaneous_connections_affect_no_other_client() {
    let (server, _) = server();
    let mut healthy = Healthy::new(&server).await;
    let mut kept = Vec::new();
    for _ in 0..500 {
        kept.push(Ws::engine(&server).await);
        Polling::engine(&server).await;
    }
    healthy.is_served().await;
    assert_eq!(server.sessions(), 1002);
    // One session with many probes.
    let polling = Polling::connect(&server).await;
    let target = polling.target().replace("=polling", "=websocket");
    let mut probes = Vec::new();
    for _ in 0..200 {
        probes.push(Ws::attach(dial(&server), &target).await);
    }
    healthy.is_served().await;
    drop((kept, probes));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_namespaces_of_a_client_is_bounded() {
    let (server, _) = server_with(|builder| builder.connection(|connection| connection.max_namespaces(10)));
    for n in 0..20 {
        server.namespace(format!("/{n}"));
    }
    let mut client = Ws::engine(&server).await;
    for n in 0..10 {
        client.join(&format!("/{n}")).await;
    }
    client.send("40/10,").await;
    client.expect("44/10,{\"message\":\"Too many namespaces\"}").await;
    client.send("41/3,").await;
    client.join("/10").await;
}

/// The maximum number of concurrent handlers.
#[derive(Clone, Default)]
struct Gauge {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Gauge {
    async fn for_ever(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        std::future::pending::<()>().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_on_error_handler_bounds_the_errors_of_a_client() {
    let gauge = Gauge::default();
    let (server, _) = server_with(|builder| builder.state(gauge.clone()));
    let root = server.namespace("/");
    root.on("fail", async |_, (_,): (u32,)| {});
    root.on_error(async |socket: Socket, _: HandlerError| socket.state::<Gauge>().unwrap().for_ever().await);
    let mut healthy = Healthy::new(&server).await;
    let _flooding = flood(&server, &text("42[\"fail\",\"wrong\"]"), 10_000).await;
    healthy.is_served().await;
    let most = gauge.most.load(Ordering::Relaxed);
    assert!((64..=500).contains(&most), "{most} at once");
}

#[tokio::test(start_paused = true)]
async fn running_handlers_of_disconnected_sockets_are_bounded() {
    let gauge = Gauge::default();
    let (server, _) = server_with(|builder| builder.state(gauge.clone()));
    let root = server.namespace("/");
    root.on("hang", async |socket: Socket, ()| socket.state::<Gauge>().unwrap().for_ever().await);
    let mut healthy = Healthy::new(&server).await;
    let mut client = Ws::connect(&server).await;
    let leaving = async {
        for _ in 0..1000 {
            client.send("42[\"hang\"]").await;
            // The handler must start before its socket disconnects.
            settle().await;
            client.send("41").await;
            client.join("/").await;
        }
    };
    assert!(timeout(secs(20), leaving).await.is_err(), "a thousand handlers are at work for one client");
    healthy.is_served().await;
    let most = gauge.most.load(Ordering::Relaxed);
    assert!((32..=100).contains(&most), "{most} at once");
    let world: World = server.world();
    assert_eq!(world.all(), [""; 0]);
}
