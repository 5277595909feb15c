//! Deadlines of connections whose client sends slowly or does not read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socketio_tokio::server::{BuildError, Peer};
use socketio_tokio::{Server, ServerBuilder, Socket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::{HasWorld, Polling, Ws, frame_bytes, secs, server_with, settle, soon, until};

/// A connection whose stream buffers `bytes` in each direction, and the task that serves it.
fn served(server: &Server, bytes: usize) -> (DuplexStream, JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(bytes);
    (ours, tokio::spawn(server.serve_connection(socketio_tokio::stream(theirs), Peer::default())))
}

/// Waits for the end of a connection; returns how long that took.
async fn ended(connection: JoinHandle<()>) -> Duration {
    let begin = Instant::now();
    soon("the end of a connection", connection).await.unwrap();
    begin.elapsed()
}

fn say_disconnects(server: &Server) {
    let root = server.namespace("/");
    root.on("event", async |socket: Socket, ()| socket.world().say("event"));
    root.on_disconnect(async |socket: Socket, reason| socket.world().say(reason));
}

fn post(client: &Polling, length: usize) -> String {
    format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n", client.target())
}

fn get(client: &Polling) -> String {
    format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", client.target())
}

/// Whether `time` is `expected` seconds, plus what timers round up.
fn about(time: Duration, expected: u64) -> bool {
    (secs(expected)..secs(expected) + Duration::from_millis(50)).contains(&time)
}

// --- slow senders -----------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_late_request_head_closes_its_connection() {
    let (server, _) = server_with(|builder| builder.headers_timeout(secs(7)));
    for begin in ["", "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"] {
        let (mut stream, connection) = served(&server, 64 * 1024);
        stream.write_all(begin.as_bytes()).await.unwrap();
        let time = ended(connection).await;
        assert!(about(time, 7), "{time:?}");
    }
    // Each request has a deadline of its own.
    let (mut stream, connection) = served(&server, 64 * 1024);
    for _ in 0..3 {
        sleep(secs(6)).await;
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        settle().await;
    }
    assert!(!connection.is_finished());
    ended(connection).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_request_body_closes_its_connection_and_session() {
    let (server, world) = server_with(|builder| builder.request_timeout(secs(7)).headers_timeout(secs(20)));
    say_disconnects(&server);
    let client = Polling::connect(&server).await;
    let (mut stream, connection) = served(&server, 64 * 1024);
    let body = "42[\"event\"]";
    let (first, last) = body.split_at(4);
    // Each body has a deadline of its own, and pauses between requests don't count.
    for _ in 0..2 {
        stream.write_all(format!("{}{first}", post(&client, body.len())).as_bytes()).await.unwrap();
        sleep(secs(6)).await;
        stream.write_all(last.as_bytes()).await.unwrap();
        world.hears("event").await;
        settle().await;
    }
    let begin = Instant::now();
    stream.write_all(format!("{}{first}", post(&client, body.len())).as_bytes()).await.unwrap();
    // Progress does not extend the deadline.
    sleep(secs(3)).await;
    stream.write_all(&last.as_bytes()[..2]).await.unwrap();
    world.hears("transport error").await;
    assert!(about(begin.elapsed(), 7), "{:?}", begin.elapsed());
    ended(connection).await;
    assert_eq!(server.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_request_is_aborted_after_the_timeout() {
    let (server, world) = server_with(|builder| builder.half_close_timeout(secs(7)));
    say_disconnects(&server);
    let mut client = Polling::connect(&server).await;
    let half_closed = async |client: &Polling| {
        let (mut stream, connection) = served(&server, 64 * 1024);
        stream.write_all(get(client).as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        (stream, connection)
    };
    // Answered within that time.
    let (mut stream, connection) = half_closed(&client).await;
    sleep(secs(6)).await;
    server.emit("told", ()).unwrap();
    let mut answer = String::new();
    soon("the answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with("\r\n\r\n42[\"told\"]"), "{answer}");
    ended(connection).await;
    server.emit("more", ()).unwrap();
    client.expect("42[\"more\"]").await;
    // Aborted after it.
    let (_stream, connection) = half_closed(&client).await;
    let time = ended(connection).await;
    assert!(about(time, 7), "{time:?}");
    world.hears("transport error").await;
    assert_eq!(server.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_aborted_request_ends_its_session_at_once() {
    let (server, world) = server_with(|builder| builder.half_close_timeout(secs(7)));
    say_disconnects(&server);
    let client = Polling::connect(&server).await;
    let request = get(&client).into_bytes();
    let broken = tokio::io::join(Broken(request), tokio::io::sink());
    let connection = tokio::spawn(server.serve_connection(socketio_tokio::stream(broken), Peer::default()));
    let time = ended(connection).await;
    assert!(about(time, 0), "{time:?}");
    world.hears("transport error").await;
}

/// A stream that yields these bytes and then a reset.
struct Broken(Vec<u8>);

impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let bytes = std::mem::take(&mut self.0);
        buf.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

// --- slow readers -----------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn unread_responses_close_their_connection() {
    let (server, _) = server_with(|builder| builder.write_timeout(secs(7)));
    let (mut stream, connection) = served(&server, 4096);
    let unknown = "GET /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut written = 0;
    let requests = unknown.repeat(10_000);
    let begin = Instant::now();
    while written < requests.len() {
        match soon("the end of writing", stream.write(&requests.as_bytes()[written..])).await {
            Ok(count) => written += count,
            Err(_) => break,
        }
    }
    assert!(about(begin.elapsed(), 7), "{:?}", begin.elapsed());
    // Bytes read ahead are bounded, too.
    assert!(written < 100 * 1024, "{written} bytes");
    ended(connection).await;
}

#[tokio::test(start_paused = true)]
async fn an_unread_response_closes_its_connection_after_the_session_has_ended() {
    let (server, world) = server_with(|builder| builder.write_timeout(secs(100)));
    say_disconnects(&server);
    let client = Polling::connect(&server).await;
    server.emit("large", ("x".repeat(500_000),)).unwrap();
    let begin = Instant::now();
    let (mut stream, connection) = served(&server, 4096);
    stream.write_all(get(&client).as_bytes()).await.unwrap();
    world.hears("ping timeout").await;
    assert_eq!(server.sessions(), 0);
    assert!(!connection.is_finished());
    ended(connection).await;
    assert!(about(begin.elapsed(), 100), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slowly_read_response_is_sent_completely() {
    let (server, _) = server_with(|builder| builder.write_timeout(secs(7)));
    let client = Polling::connect(&server).await;
    server.emit("large", ("x".repeat(50_000),)).unwrap();
    let (mut stream, connection) = served(&server, 1000);
    stream.write_all(get(&client).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut piece = vec![0; 1000];
    loop {
        sleep(secs(6)).await;
        match stream.read(&mut piece).await.unwrap() {
            0 => break,
            count => answer.extend_from_slice(&piece[..count]),
        }
    }
    assert!(answer.ends_with(b"xx\"]") && answer.len() > 50_000, "{} bytes", answer.len());
    ended(connection).await;
}

#[tokio::test(start_paused = true)]
async fn an_unread_websocket_is_closed_although_pongs_arrive() {
    let (server, world) = server_with(|builder| builder.write_timeout(secs(100)));
    say_disconnects(&server);
    let mut client = Ws::connect_buffered(&server, 4096).await;
    let begin = Instant::now();
    server.emit("large", ("x".repeat(500_000),)).unwrap();
    let pongs = tokio::spawn(async move {
        loop {
            sleep(secs(10)).await;
            client.send("3").await;
        }
    });
    world.hears("transport error").await;
    assert!(about(begin.elapsed(), 100), "{:?}", begin.elapsed());
    assert_eq!(server.sessions(), 0);
    // The connection is closed, so its client can't write any more.
    assert!(soon("the end of writing", pongs).await.unwrap_err().is_panic());
}

#[tokio::test(start_paused = true)]
async fn a_slowly_read_websocket_gets_everything() {
    let (server, world) = server_with(|builder| builder.write_timeout(secs(7)));
    say_disconnects(&server);
    // Large payloads, which are shared, and small ones, which are copied.
    let (mut stream, _connection) = served(&server, 1000);
    let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(&frame_bytes(OpCode::Data(Data::Text), true, b"40")).await.unwrap();
    until("the socket to be joined", || !server.namespace("/").is_empty()).await;
    server.emit("large", ("x".repeat(20_000),)).unwrap();
    for _ in 0..500 {
        server.emit("small", ("y".repeat(20),)).unwrap();
    }
    server.emit("end", ()).unwrap();
    let (mut read, mut piece) = (Vec::new(), vec![0; 1000]);
    while !read.ends_with(b"42[\"end\"]") {
        sleep(secs(6)).await;
        stream.write_all(&frame_bytes(OpCode::Data(Data::Text), true, b"3")).await.unwrap();
        let count = soon("bytes", stream.read(&mut piece)).await.unwrap();
        assert_ne!(count, 0, "closed after {} bytes: {:?}", read.len(), world.all());
        read.extend_from_slice(&piece[..count]);
    }
    assert!(read.len() > 20_000 + 500 * 20);
    assert_eq!(world.all(), [""; 0]);
}

// --- options ----------------------------------------------------------------------------------------------------------

#[test]
fn deadlines_and_bounds_out_of_range_are_refused() {
    type Set = fn(ServerBuilder) -> ServerBuilder;
    let cases: [(&str, Set); 8] = [
        ("max_header_size", |builder| builder.max_header_size(1023)),
        ("max_header_size", |builder| builder.max_header_size(1024 * 1024 + 1)),
        ("headers_timeout", |builder| builder.headers_timeout(Duration::ZERO)),
        ("headers_timeout", |builder| builder.headers_timeout(Duration::MAX)),
        ("request_timeout", |builder| builder.request_timeout(Duration::ZERO)),
        ("half_close_timeout", |builder| builder.half_close_timeout(Duration::MAX)),
        ("write_timeout", |builder| builder.write_timeout(Duration::ZERO)),
        ("write_timeout", |builder| builder.write_timeout(Duration::MAX)),
    ];
    for (name, set) in cases {
        let error: BuildError = set(ServerBuilder::new()).build().unwrap_err();
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}
