//! Connections that the client keeps alive and the server does not: a polling client loses nothing by it, and nothing arrives twice.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use hyper::rt::Timer;
use socketio_runtime::{AckError, Runtime, TransportKind};

use super::log::Log;
use super::stage::Stage;
use super::wire::Wire;

/// How a server ends its connections, without saying so.
#[derive(Clone, Copy)]
struct Ends {
    /// After so many requests.
    after: usize,
    /// So long after the last answer. What comes meanwhile stays unread, so that the end is a reset.
    delay: Duration,
    /// With answers of HTTP/1.0, whose bodies end with the connection.
    old: bool,
}

/// A small server of Engine.IO for one client at a time. It ends when it is dropped.
struct Small {
    addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// What waits for a poll.
    packets: Vec<String>,
    /// Events that came, and connections that there were.
    events: Vec<String>,
    connections: usize,
    stopped: bool,
    wakers: Vec<Waker>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Small {
    async fn bind<R: Runtime + Clone>(stage: &Stage<R>, ends: Ends) -> Self {
        let bound = stage.runtime.bind(([127, 0, 0, 1], 0).into());
        let mut accept = stage.soon("a port", bound).await.expect("a free port");
        let shared = Arc::new(Mutex::new(Shared::default()));
        let small = Self { addr: accept.local_addr().expect("it is bound"), shared: shared.clone() };
        let runtime = stage.runtime.clone();
        stage.runtime.spawn(Box::pin(async move {
            loop {
                let accepted = poll_fn(|cx| {
                    let mut state = lock(&shared);
                    state.wakers.push(cx.waker().clone());
                    if state.stopped { Poll::Ready(None) } else { accept.poll_accept(cx).map(Some) }
                });
                let Some(Ok((stream, _))) = accepted.await else { return };
                lock(&shared).connections += 1;
                let (shared, sleeper) = (shared.clone(), runtime.clone());
                runtime.spawn(Box::pin(async move {
                    let mut wire = Wire::new(stream);
                    for _ in 0..ends.after {
                        if serve(&shared, &mut wire, ends.old).await.is_err() {
                            return;
                        }
                    }
                    sleeper.sleep(ends.delay).await;
                }));
            }
        }));
        small
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let mut state = lock(&self.shared);
        state.stopped = true;
        state.wakers.drain(..).for_each(Waker::wake);
    }
}

/// Answers one request.
async fn serve(shared: &Mutex<Shared>, wire: &mut Wire, old: bool) -> io::Result<()> {
    let head = wire.until("\r\n\r\n").await?.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
    let body = wire.take(length.unwrap_or(0), 16 * 1024).await?;
    let answer = match () {
        () if head.starts_with("post ") => {
            let mut state = lock(shared);
            String::from_utf8_lossy(&body).split('\x1e').for_each(|packet| state.take(packet));
            "ok".to_owned()
        }
        () if head.contains("&sid=") => poll_fn(|cx| lock(shared).poll_packets(cx.waker())).await,
        () => {
            r#"0{"sid":"small","upgrades":[],"pingInterval":60000,"pingTimeout":60000,"maxPayload":1000000}"#.to_owned()
        }
    };
    let head = match old {
        true => "HTTP/1.0 200 OK\r\n\r\n".to_owned(),
        false => format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", answer.len()),
    };
    wire.write(head + &answer).await
}

impl Shared {
    fn take(&mut self, packet: &str) {
        match packet.strip_prefix("42") {
            Some(event) => {
                let (id, args) = event.split_at(event.find('[').unwrap_or(0));
                self.events.push(args.to_owned());
                self.packets.extend((!id.is_empty()).then(|| format!("43{id}{args}")));
            }
            None if packet == "40" => self.packets.push(r#"40{"sid":"socket"}"#.to_owned()),
            None => self.packets.extend((packet == "1").then(|| "6".to_owned())),
        }
        self.wakers.drain(..).for_each(Waker::wake);
    }

    fn poll_packets(&mut self, waker: &Waker) -> Poll<String> {
        if self.packets.is_empty() && !self.stopped {
            self.wakers.push(waker.clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut self.packets).join("\x1e"))
    }
}

/// Events one by one, each after the ack of the one before, and then many at once.
async fn lose_nothing<R: Runtime + Clone>(stage: &Stage<R>, ends: Ends) {
    let small = Small::bind(stage, ends).await;
    let client = stage.client(small.addr).transports([TransportKind::Polling]).build().expect("it is a URL");
    let socket = client.socket("/");
    let log = Log::of(&socket);
    stage.soon("the socket", socket.connect()).await.expect("the server is there");
    log.hears(stage, "connect").await;
    for number in 0..20 {
        let ack = socket.emit_with_ack("event", (number,));
        let answer: Result<(String, u32), AckError> = stage.soon("an ack", ack.into_future()).await;
        assert_eq!(answer.ok(), Some(("event".to_owned(), number)));
    }
    for number in 20..60 {
        socket.emit("event", (number,)).expect("there is room");
        stage.pause().await;
    }
    stage.soon("the close", client.close()).await;
    let events = std::mem::take(&mut lock(&small.shared).events);
    assert_eq!(events, (0..60).map(|number| format!(r#"["event",{number}]"#)).collect::<Vec<_>>());
    assert_eq!(log.all(), ["io client disconnect"]);
    // There were several connections, or nothing was tested.
    assert!(lock(&small.shared).connections > 3);
}

/// With the answer, a moment later, and so much later that the next request is on its way.
pub async fn that_ends_with_each_answer_loses_nothing<R: Runtime + Clone>(stage: &Stage<R>) {
    for delay in [0, 1, 3] {
        lose_nothing(stage, Ends { after: 1, delay: Duration::from_millis(delay), old: false }).await;
    }
}

/// The same after some more requests.
pub async fn that_ends_after_some_requests_loses_nothing<R: Runtime + Clone>(stage: &Stage<R>) {
    for after in [2, 3, 7] {
        lose_nothing(stage, Ends { after, delay: Duration::ZERO, old: false }).await;
    }
}

/// Bodies end with their connection.
pub async fn of_http_1_0_is_none<R: Runtime + Clone>(stage: &Stage<R>) {
    lose_nothing(stage, Ends { after: 1, delay: Duration::ZERO, old: true }).await;
}
