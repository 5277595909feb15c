//! The server that load generators measure: `perf_server PORT [--threads N]`.

use std::time::Duration;

use super::socketio::{Args, Bytes, Json, Socket};
use super::support::{bind, builder, run, spawn, stopped, timeout, usage, value};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut port, mut threads) = (None, 1);
    let mut args = std::env::args().skip(1);
    while let Some(option) = args.next() {
        match option.as_str() {
            "--threads" => threads = value(&option, args.next()),
            _ if option.starts_with("--") => usage(&format!("unknown option {option:?}")),
            _ => port = Some(value("PORT", Some(option))),
        }
    }
    let Some(port) = port else { usage("usage: perf_server PORT [--threads N]") };
    run(threads, serve(port))
}

async fn serve(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let server = builder().build()?;
    let root = server.namespace("/");
    root.on("echo", async |_, args: Args| args);
    root.on("join", async |socket: Socket, (room,): (String,)| socket.join(room));
    root.on("bcast", async |socket: Socket, (room, message): (String, Json)| {
        socket.namespace().to(room).emit("msg", (message,)).map(|_| ())
    });
    root.on("bin", async |socket: Socket, (buffer,): (Bytes,)| socket.emit("bin", (buffer,)).map(|_| ()));
    spawn(bind(&server, port, "").await.serve());
    stopped().await;
    timeout(Duration::from_secs(1), server.close()).await;
    Ok(())
}
