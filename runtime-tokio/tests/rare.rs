//! Rare orders of events that a server must survive. In memory and in virtual time, which passes only while all tasks wait: a sleep
//! ends after everything else that can run has run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Poll;
use std::time::Duration;

use socketio_tokio::server::{Event, Peer};
use socketio_tokio::{Server, ServerBuilder, Sid, Socket, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Longer than any timeout of the server.
const LIMIT: Duration = Duration::from_secs(3600);

/// Opens a connection; returns the client's end.
fn connect(server: &Server) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    tokio::spawn(server.serve_connection(stream(theirs), Peer::default()));
    ours
}

async fn head(io: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A client over a bare WebSocket.
struct Client {
    read: ReadHalf<DuplexStream>,
    write: WriteHalf<DuplexStream>,
}

impl Client {
    async fn upgrade(server: &Server, query: &str) -> Self {
        let mut io = connect(server);
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        io.write_all(request.as_bytes()).await.unwrap();
        let head = head(&mut io).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let (read, write) = tokio::io::split(io);
        Self { read, write }
    }

    /// Joins the root namespace.
    async fn join(server: &Server) -> Self {
        let mut client = Self::upgrade(server, "").await;
        client.send("40").await;
        assert!(client.text().await.starts_with('0'));
        assert!(client.text().await.starts_with("40"));
        client
    }

    async fn send(&mut self, text: &str) {
        self.write.write_all(&frame(0x81, text.as_bytes())).await.unwrap();
    }

    /// The next frame: its first byte and its payload. `None` at the end of the stream.
    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.read.read_u8().await.ok()?;
        let length = match self.read.read_u8().await.ok()? {
            126 => usize::from(self.read.read_u16().await.ok()?),
            127 => usize::try_from(self.read.read_u64().await.ok()?).unwrap(),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.read.read_exact(&mut payload).await.ok()?;
        Some((first, payload))
    }

    async fn text(&mut self) -> String {
        let (_, payload) = timeout(LIMIT, self.frame()).await.expect("a frame in time").expect("no end");
        String::from_utf8(payload).unwrap()
    }
}

/// A masked frame with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Lets all tasks run until they wait.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn clients_that_flood_at_the_same_time_all_get_their_responses() {
    const EVENTS: usize = 6000;
    let server = ServerBuilder::new().build().unwrap();
    server.namespace("/").on("e", async |socket: Socket, ()| {
        socket.emit("e", ()).ok();
    });
    let clients = (0..4).map(|_| {
        let server = server.clone();
        tokio::spawn(async move {
            let mut client = Client::join(&server).await;
            let flood = frame(0x81, b"42[\"e\"]").repeat(EVENTS);
            let mut write = client.write;
            tokio::spawn(async move {
                write.write_all(&flood).await.unwrap();
                std::future::pending::<()>().await;
            });
            for answer in 0..EVENTS {
                let got = timeout(LIMIT, async {
                    client.read.read_exact(&mut [0; 9]).await.unwrap();
                });
                got.await.unwrap_or_else(|_| panic!("stalls after {answer} answers"));
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn reading_resumes_when_a_full_inbox_is_emptied_in_one_turn() {
    const EVENTS: usize = 2000;
    let server = ServerBuilder::new().build().unwrap();
    let (gate, count) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (waits, counts) = (gate.clone(), count.clone());
    server.namespace("/").on("e", move |_: Socket, ()| {
        let (gate, first) = (waits.clone(), counts.fetch_add(1, Ordering::SeqCst) == 0);
        async move {
            if first {
                gate.notified().await;
            }
        }
    });
    let mut client = Client::join(&server).await;
    client.write.write_all(&frame(0x81, b"42[\"e\"]").repeat(EVENTS)).await.unwrap();
    settle().await;
    assert!(count.load(Ordering::SeqCst) < EVENTS, "the inbox is full");
    gate.notify_one();
    settle().await;
    assert_eq!(count.load(Ordering::SeqCst), EVENTS);
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_freed() {
    /// A waker like an executor's: it holds the memory of its task.
    struct Task(AtomicUsize);
    impl std::task::Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    let server = ServerBuilder::new().build().unwrap();
    let (ours, theirs) = tokio::io::duplex(64);
    let task = Arc::new(Task(AtomicUsize::new(0)));
    let memory: Weak<Task> = Arc::downgrade(&task);
    {
        let waker = std::task::Waker::from(task);
        let mut cx = std::task::Context::from_waker(&waker);
        let mut connection = Box::pin(server.serve_connection(stream(theirs), Peer::default()));
        assert!(connection.as_mut().poll(&mut cx).is_pending());
        drop(ours);
        assert!(connection.as_mut().poll(&mut cx).is_ready());
    }
    assert!(memory.upgrade().is_none(), "the server holds the task of a connection that has ended");
}

#[tokio::test(start_paused = true)]
async fn an_event_not_taken_by_next_goes_to_its_handler() {
    let server = ServerBuilder::new().build().unwrap();
    let root = server.namespace("/");
    let count = Arc::new(AtomicUsize::new(0));
    let counts = count.clone();
    root.on_connect(async |socket: Socket| {
        let mut next = Box::pin(socket.next());
        let waits = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await;
        assert!(waits);
        // The event arrives, and `next` is dropped before it takes it.
        sleep(Duration::from_millis(200)).await;
        drop(next);
    });
    root.on("e", move |_: Socket, ()| {
        counts.fetch_add(1, Ordering::SeqCst);
        async {}
    });
    let mut client = Client::join(&server).await;
    client.send("42[\"e\"]").await;
    assert_eq!(count.load(Ordering::SeqCst), 0, "it is kept for the waiting `next`");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_socket_with_an_event_not_taken_by_next_is_freed() {
    let server = ServerBuilder::new().build().unwrap();
    let root = server.namespace("/");
    let memory = Arc::new(());
    let kept = memory.clone();
    root.on_connect(move |socket: Socket| {
        socket.insert(kept.clone());
        async move {
            let mut next = Box::pin(socket.next());
            let waits = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_pending())).await;
            assert!(waits);
            sleep(Duration::from_millis(200)).await;
        }
    });
    let mut client = Client::join(&server).await;
    client.send("42[\"e\"]").await;
    settle().await;
    drop(client);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(Arc::strong_count(&memory), 2, "the socket is freed");
}

#[tokio::test(start_paused = true)]
async fn an_event_goes_to_a_next_started_by_another_sockets_handler() {
    let server = ServerBuilder::new().build().unwrap();
    let first: Arc<OnceLock<Socket>> = Arc::default();
    let (set, get) = (first.clone(), first.clone());
    let root = server.namespace("/");
    root.on_connect(move |socket: Socket| {
        _ = set.set(socket);
        async {}
    });
    root.on("busy", async |_: Socket, ()| std::future::pending::<()>().await);
    let (send, mut taken) = tokio::sync::mpsc::unbounded_channel();
    server.namespace("/b").on("take", move |_: Socket, ()| {
        let (socket, send) = (get.get().unwrap().clone(), send.clone());
        async move {
            sleep(Duration::from_millis(50)).await;
            send.send(socket.next().await.map(|event: Event| event.name().to_owned())).unwrap();
        }
    });
    let mut client = Client::join(&server).await;
    client.send("40/b,").await;
    assert!(client.text().await.starts_with("40/b,"));
    client.send("42[\"busy\"]").await;
    client.send("42[\"e\"]").await;
    settle().await;
    client.send("42/b,[\"take\"]").await;
    let taken = timeout(LIMIT, taken.recv()).await.expect("the event is delivered").unwrap();
    assert_eq!(taken.as_deref(), Some("e"));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_races_with_close_leaves_no_session() {
    let cell: Arc<OnceLock<Server>> = Arc::default();
    let get = cell.clone();
    let builder = ServerBuilder::new().generate_id(move |_| {
        // Close the server at this moment.
        let server = get.get().unwrap();
        let waker = std::task::Waker::noop();
        let mut close = pin!(server.close());
        _ = close.as_mut().poll(&mut std::task::Context::from_waker(waker));
        Sid::new("S")
    });
    let server = builder.build().unwrap();
    _ = cell.set(server.clone());
    let mut io = connect(&server);
    io.write_all(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    head(&mut io).await;
    settle().await;
    assert_eq!(server.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn pongs_queued_for_a_client_that_does_not_read_are_bounded() {
    // The stream buffers 64 KiB; the rest is queued in the server.
    let server = ServerBuilder::new().build().unwrap();
    let mut client = Client::join(&server).await;
    let ping = frame(0x89, &[7; 125]);
    for _ in 0..5000 {
        client.write.write_all(&ping).await.unwrap();
        tokio::task::yield_now().await;
    }
    settle().await;
    client.send("42[\"e\"]").await;
    let mut pongs = 0;
    while let Ok(Some((first, _))) = timeout(Duration::from_secs(1), client.frame()).await {
        pongs += usize::from(first == 0x8a);
    }
    assert!(pongs > 0 && pongs < 1000, "{pongs} pongs");
}

#[tokio::test(start_paused = true)]
async fn a_refused_websocket_is_dropped_while_its_session_goes_on() {
    let server = ServerBuilder::new().build().unwrap();
    let mut io = connect(&server);
    io.write_all(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    head(&mut io).await;
    let mut body = vec![0; 40];
    io.read_exact(&mut body).await.unwrap();
    let body = String::from_utf8(body).unwrap();
    let sid = body.split('"').nth(3).unwrap();
    let _first = Client::upgrade(&server, &format!("&sid={sid}")).await;
    let mut second = Client::upgrade(&server, &format!("&sid={sid}")).await;
    assert_eq!(second.frame().await, Some((0x88, vec![])));
    // The client does not answer the close frame.
    assert_eq!(timeout(Duration::from_secs(20), second.frame()).await.expect("the stream ends"), None);
    assert_eq!(server.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_beyond_the_range_of_instant_means_no_timeout() {
    let server = ServerBuilder::new().build().unwrap();
    let root = server.namespace("/");
    root.on("ask", async |socket: Socket, ()| {
        let answer: Result<i64, _> = socket.timeout(Duration::MAX).emit_with_ack("q", ()).await;
        answer.unwrap_or(-1)
    });
    let mut client = Client::join(&server).await;
    client.send("421[\"ask\"]").await;
    let question = client.text().await;
    let id = question.trim_start_matches("42").split('[').next().unwrap().to_owned();
    client.send(&format!("43{id}[5]")).await;
    assert_eq!(client.text().await, "431[5]");
}

#[tokio::test(start_paused = true)]
async fn small_events_are_bounded_while_a_handler_waits_for_an_ack() {
    let server = ServerBuilder::new().max_payload(10_000).build().unwrap();
    let root = server.namespace("/");
    root.on("ask", async |socket: Socket, ()| {
        let _answer: Result<i64, _> = socket.emit_with_ack("q", ()).await;
    });
    let mut client = Client::join(&server).await;
    client.send("42[\"ask\"]").await;
    client.text().await;
    // 5,000 events fit the bound of 4 x max_payload if only names and arguments are counted.
    let flood = frame(0x81, b"42[\"e\"]").repeat(20_000);
    let written = timeout(Duration::from_secs(1), client.write.write_all(&flood)).await;
    assert!(written.is_err(), "all is taken");
}

#[test]
fn a_replaced_handler_may_set_another_one_when_it_is_dropped() {
    struct Farewell(socketio_tokio::Namespace);
    impl Drop for Farewell {
        fn drop(&mut self) {
            self.0.on("bye", async |_: Socket, ()| {});
        }
    }

    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let root = ServerBuilder::new().build().unwrap().namespace("/");
        let farewell = Farewell(root.clone());
        root.on("e", move |_: Socket, ()| {
            let _held = &farewell;
            async {}
        });
        root.on("e", async |_: Socket, ()| {});
        done.send(()).unwrap();
    });
    finished.recv_timeout(Duration::from_secs(30)).expect("no deadlock");
}
