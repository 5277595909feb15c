//! The server that load generators measure.

use std::error::Error;
use std::num::NonZeroUsize;
use std::time::Duration;

use super::socketio::{Args, Bytes, Json, Socket};
use super::support::{Arguments, bind, builder, parse, refuse, run, spawn, stopped, timeout};

const HELP: &str = "\
PORT [--threads N]

The server that load generators measure, on PORT of 127.0.0.1 (0: a free one).

  --threads N  threads that it runs on (1)
";

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let (mut port, mut threads) = (None, NonZeroUsize::MIN);
    let mut args = Arguments::new(HELP);
    while let Some(argument) = args.next() {
        match argument.as_str() {
            "--threads" => threads = args.value(&argument),
            _ if argument.starts_with('-') || port.is_some() => args.refuse(&argument),
            _ => port = Some(parse("PORT", &argument)),
        }
    }
    let Some(port) = port else { refuse("PORT is missing") };
    run(threads.get(), serve(port))
}

async fn serve(port: u16) -> Result<(), Box<dyn Error>> {
    let server = builder().build()?;
    let root = server.namespace("/");
    root.on("echo", async |_, args: Args| args);
    root.on("join", async |socket: Socket, (room,): (String,)| socket.join(room));
    root.on("bcast", async |socket: Socket, (room, message): (String, Json)| {
        socket.namespace().to(room).emit("msg", (message,))
    });
    root.on("bin", async |socket: Socket, (buffer,): (Bytes,)| socket.emit("bin", (buffer,)));
    let stopped = stopped();
    spawn(bind(&server, port, "").await?.serve());
    stopped.await;
    timeout(Duration::from_secs(1), server.close()).await;
    Ok(())
}
