//! A chat in the browser: rooms, who is here, who types, images as binary.
//!
//! `./run chat`, or `cargo run --release -p socketio-tokio --example chat`; then open <http://localhost:3000> in two
//! tabs. `--port` or the environment's `PORT` chooses another port. Here is how Socket.IO stands beside the routes of an
//! axum application, and how it stops; what the chat does is in `chat.rs`, what it remembers in `rooms.rs`, its settings
//! are in `site.rs`. All three are those of `chat_smol`, too.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program")]

#[path = "../../examples/chat/chat.rs"]
mod chat;
#[path = "../../examples/chat/rooms.rs"]
mod rooms;
#[path = "../../examples/chat/site.rs"]
mod site;
mod support;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::map_request;
use axum::routing::get;
use axum::serve::ListenerExt;
use site::{CLOSE_TIMEOUT, PAGE};
use socketio::server::Peer;
use socketio_tokio as socketio;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

#[tokio::main]
async fn main() -> ExitCode {
    support::end(serve().await)
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, site::port()));
    let server = site::server()?;
    let app = PAGE
        .into_iter()
        .fold(Router::new(), |app, (path, kind, content)| app.route(path, get(([(CONTENT_TYPE, kind)], content))));
    let app = app.layer(server.layer()).layer(map_request(note_peer));

    let (stop, stop_now) = (support::stopped(), support::stopped());
    let listener = TcpListener::bind(addr).await.map_err(|error| support::cannot_listen(addr, &error))?;
    site::announce(listener.local_addr()?);

    // What is typed should be seen at once, not when a segment is full.
    let listener = listener.tap_io(|stream: &mut TcpStream| _ = stream.set_nodelay(true));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
        stop.await;
        // First the sessions, while clients can still reach them: each gets what is queued for it.
        server.close().await;
    });
    tokio::select! {
        result = serving.into_future() => result?,
        // Somebody's request that never ends must not keep us.
        () = async { stop_now.await; sleep(2 * CLOSE_TIMEOUT).await } => {}
    }
    Ok(())
}

/// Tells the server whom it talks to; axum alone knows.
async fn note_peer(ConnectInfo(addr): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(Peer::from(addr));
    request
}
