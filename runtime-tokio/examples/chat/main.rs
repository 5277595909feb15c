//! A chat in the browser: rooms, who is here, who types, images as binary.
//!
//! `cargo run --release -p socketio-tokio --example chat`, then open <http://localhost:3000> in two tabs; the
//! environment's `PORT` chooses another port. Here is how Socket.IO stands beside the routes of an axum application,
//! and how it stops; what the chat does is in `chat.rs`, what it remembers in `rooms.rs`, its settings are in `site.rs`.
//! All three are those of `chat_smol`, too.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program, not a library

mod chat;
mod rooms;
mod site;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::map_request;
use axum::routing::get;
use axum::serve::ListenerExt;
use site::{CLOSE_TIMEOUT, PAGE};
use socketio::Peer;
use socketio_tokio as socketio;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = site::server()?;
    let app = PAGE
        .into_iter()
        .fold(Router::new(), |app, (path, kind, content)| app.route(path, get(([(CONTENT_TYPE, kind)], content))));
    let app = app.layer(server.layer()).layer(map_request(note_peer));

    let port = site::port()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let listener = listener.map_err(|error| format!("can't listen on port {port}: {error}"))?;
    let addr = listener.local_addr()?;
    println!("listening on {addr}\nopen http://localhost:{} in two tabs", addr.port());

    // What is typed should be seen at once, not when a segment is full.
    let listener = listener.tap_io(|stream: &mut TcpStream| _ = stream.set_nodelay(true));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
        asked_to_stop().await;
        // First the sessions, while clients can still reach them: each gets what is queued for it.
        server.close().await;
    });
    tokio::select! {
        result = serving.into_future() => result?,
        // Somebody's request that never ends must not keep us.
        () = async { asked_to_stop().await; sleep(2 * CLOSE_TIMEOUT).await } => {}
    }
    Ok(())
}

/// Tells the server whom it talks to; axum alone knows.
async fn note_peer(ConnectInfo(addr): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(Peer::from(addr));
    request
}

/// Waits for Ctrl-C, or for the SIGTERM of a service manager.
async fn asked_to_stop() {
    let interrupt = async { tokio::signal::ctrl_c().await.ok() };
    #[cfg(unix)]
    let terminate = async {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).ok()?.recv().await
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<Option<()>>();
    // A signal that can't be listened for is no reason to stop.
    tokio::select! {
        Some(()) = interrupt => {}
        Some(()) = terminate => {}
        else => std::future::pending().await,
    }
}
