//! The smallest server: it sends everything back.

#![allow(clippy::print_stdout, reason = "this is a program")]

use socketio_smol::{Event, ServerBuilder};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = ServerBuilder::new().build()?;
    server.namespace("/").on_event(async |mut event: Event| match event.ack() {
        Some(ack) => ack.send(event.raw_args()),
        None => event.socket().emit(event.name(), event.raw_args()).map(|_| ()),
    });
    println!("listening on 127.0.0.1:3000");
    Ok(smol::block_on(server.listen("127.0.0.1:3000"))?)
}
