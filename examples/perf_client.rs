//! What `perf_client` does, the same on every runtime: keeps a number of questions outstanding on one WebSocket, and prints one
//! JSON line with what each cost. The program that includes it brings its adapter as `socketio`.
//!
//! `ack`: emits `echo` with an acknowledgement. `event`: emits `bin`, which the server emits back. Warms up for two seconds.

#![allow(clippy::print_stdout, reason = "this is a program")]
#![allow(unreachable_pub, reason = "a program has no public items")]

use std::error::Error;
use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::socketio::{AckFuture, ClientBuilder, ClientSocket, TransportKind};
use crate::support::{Arguments, parse, refuse};

const HELP: &str = "\
URL [WINDOW] [ack|event] [SECONDS]

Measures a client over one WebSocket to a server with the events of `perf_server`, and prints one line of JSON.

  URL      of the server, as http://127.0.0.1:3000
  WINDOW   questions that are outstanding at any time (64)
  ack      each is an event with an acknowledgement (default)
  event    each is an event that the server answers by an event
  SECONDS  time that is measured, after two seconds to warm up (4)
";

type Load<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn Error>>> + 'a>>;

const WARM: Duration = Duration::from_secs(2);

/// The CPU time of all threads of this process, in seconds.
fn cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    stats.filter_map(|stat| stat.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e9
}

struct Options {
    url: String,
    window: usize,
    ack: bool,
    seconds: Duration,
}

fn options() -> Options {
    let mut args = Arguments::new(HELP);
    let given: Vec<String> = std::iter::from_fn(|| args.next()).collect();
    if let Some(unknown) = given.iter().find(|argument| argument.starts_with('-')).or(given.get(4)) {
        args.refuse(unknown);
    }
    let mut given = given.iter();
    Options {
        url: given.next().cloned().unwrap_or_else(|| refuse("URL is missing")),
        window: given.next().map_or(64, |window| parse::<NonZeroUsize>("WINDOW", window).get()),
        ack: match given.next().map(String::as_str) {
            None | Some("ack") => true,
            Some("event") => false,
            Some(other) => refuse(format!("the third argument is ack or event, not {other:?}")),
        },
        seconds: given.next().map_or(Duration::from_secs(4), |seconds| {
            Duration::try_from_secs_f64(parse("SECONDS", seconds))
                .unwrap_or_else(|error| refuse(format!("SECONDS: {error}")))
        }),
    }
}

/// Measures a client that `begin` begins to set up, with the sleep of its runtime.
pub async fn run<S: Future<Output = ()>>(
    begin: impl FnOnce(String) -> ClientBuilder,
    sleep: impl Fn(Duration) -> S,
) -> Result<(), Box<dyn Error>> {
    let Options { url, window, ack, seconds } = options();
    let client = begin(url).transports([TransportKind::WebSocket]).reconnection(false).build();
    let client = client.unwrap_or_else(|error| refuse(error));
    let socket = client.socket("/");
    socket.connect().await?;
    let done = Arc::new(AtomicU64::new(0));
    let measured = async {
        sleep(WARM).await;
        let (before, used, started) = (done.load(Ordering::Relaxed), cpu(), Instant::now());
        sleep(seconds).await;
        (done.load(Ordering::Relaxed) - before, cpu() - used, started.elapsed().as_secs_f64())
    };
    let mut load: Load<'_> = match ack {
        true => Box::pin(acks(&socket, window, &done)),
        false => Box::pin(events(&socket, window, &done)),
    };
    let mut measured = pin!(measured);
    let (ops, used, wall) = poll_fn(|cx| match measured.as_mut().poll(cx) {
        Poll::Ready(figures) => Poll::Ready(Ok(figures)),
        Poll::Pending => {
            load.as_mut().poll(cx).map(|ended| Err(ended.err().unwrap_or_else(|| "the load has ended".into())))
        }
    })
    .await?;
    let cost = used * 1e6 / ops.max(1) as f64;
    let line = serde_json::json!({ "ops": ops, "rate": ops as f64 / wall, "cpu_us_per_op": cost, "util": used / wall });
    println!("{line}");
    Ok(())
}

fn ask(socket: &ClientSocket) -> AckFuture<String, ClientSocket> {
    socket.emit_with_ack("echo", "hello world")
}

async fn acks(socket: &ClientSocket, window: usize, done: &Arc<AtomicU64>) -> Result<(), Box<dyn Error>> {
    // The server answers in order: the oldest is the next.
    let mut asked: std::collections::VecDeque<_> = (0..window).map(|_| ask(socket)).collect();
    while let Some(answer) = asked.pop_front() {
        answer.await?;
        done.fetch_add(1, Ordering::Relaxed);
        asked.push_back(ask(socket));
    }
    Ok(())
}

async fn events(socket: &ClientSocket, window: usize, done: &Arc<AtomicU64>) -> Result<(), Box<dyn Error>> {
    let count = done.clone();
    socket.on("bin", move |socket: ClientSocket, (_text,): (String,)| {
        count.fetch_add(1, Ordering::Relaxed);
        async move { socket.emit("bin", "hello world") }
    });
    for _ in 0..window {
        socket.emit("bin", "hello world")?;
    }
    std::future::pending().await
}
