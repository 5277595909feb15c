//! What `perf_client` does, the same on every runtime: keeps a number of questions outstanding on one WebSocket, and prints one
//! JSON line with what each cost. The program that includes it brings its adapter as `socketio`.
//!
//! `ack`: emits `echo` with an acknowledgement. `event`: emits `bin`, which the server emits back. Warms up for two seconds.

#![allow(clippy::print_stdout, reason = "this is a program")]
#![allow(unreachable_pub, reason = "a program has no public items")]

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::socketio::{AckFuture, ClientBuilder, ClientSocket, TransportKind};

type Load<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn Error>>> + 'a>>;

const WARM: Duration = Duration::from_secs(2);

/// The CPU time of all threads of this process, in seconds.
fn cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok());
    stats.filter_map(|stat| stat.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e9
}

/// Measures a client that `begin` begins to set up, with the sleep of its runtime.
pub async fn run<S: Future<Output = ()>>(
    begin: impl FnOnce(String) -> ClientBuilder,
    sleep: impl Fn(Duration) -> S,
) -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("usage: perf_client URL [WINDOW] [ack|event] [SECONDS]")?;
    let window = args.next().map_or(Ok(64), |window| window.parse::<usize>())?;
    let ack = args.next().is_none_or(|mode| mode == "ack");
    let seconds = args.next().map_or(Ok(4.0), |seconds| seconds.parse())?;

    let client = begin(url).transports([TransportKind::WebSocket]).reconnection(false).build()?;
    let socket = client.socket("/");
    socket.connect().await?;
    let done = Arc::new(AtomicU64::new(0));
    let measured = async {
        sleep(WARM).await;
        let (before, used, started) = (done.load(Ordering::Relaxed), cpu(), Instant::now());
        sleep(Duration::from_secs_f64(seconds)).await;
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
    socket.emit_with_ack("echo", "hello world").into_future()
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
        async move { socket.emit("bin", "hello world").map(|_| ()) }
    });
    for _ in 0..window {
        socket.emit("bin", "hello world")?;
    }
    std::future::pending().await
}
