//! The smallest server: it sends everything back.

use std::error::Error;
use std::time::Duration;

use super::socketio::server::Event;
use super::support::{Arguments, bind, builder, spawn, stopped, timeout};

const HELP: &str = "\
[--port P]

Sends every event back to its sender; if an acknowledgement is asked for, by that.

  --port P  port of 127.0.0.1 to listen on (3000; 0: a free one)
";

pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let port = Arguments::new(HELP).port(3000);
    let server = builder().build()?;
    server.namespace("/").on_event(async |mut event: Event| match event.ack() {
        Some(ack) => ack.send(event.raw_args()),
        None => event.socket().emit(event.name(), event.raw_args()),
    });
    let stopped = stopped();
    spawn(bind(&server, port, "").await?.serve());
    stopped.await;
    timeout(Duration::from_secs(1), server.close()).await;
    Ok(())
}
