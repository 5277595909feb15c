//! A chat in the browser: rooms, who is here, who types, images as binary.
//!
//! `cargo run --release -p socketio-tokio --example chat`, then open <http://localhost:3000> in two tabs; the
//! environment's `PORT` chooses another port. Here is how Socket.IO stands beside the routes of an axum application,
//! and how it stops; what the chat does is in `chat.rs`, what it remembers in `rooms.rs`.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program, not a library

mod chat;
mod rooms;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::map_request;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::serve::ListenerExt;
use socketio_tokio::{Peer, Server, ServerBuilder};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How long a client may take to hear the last words. Who presses Ctrl-C does not want to wait for the slowest.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = server()?;
    chat::handle(&server.namespace("/"));

    let app = Router::new()
        .route("/", get(Html(include_str!("page/index.html"))))
        .route("/chat.css", get(text("text/css", include_str!("page/chat.css"))))
        .route("/chat.js", get(text("text/javascript", include_str!("page/chat.js"))))
        .layer(server.layer())
        .layer(map_request(note_peer));

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    let port = port.parse::<u16>().map_err(|_| format!("PORT can't be {port:?}"))?;
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

fn server() -> Result<Server, Box<dyn Error>> {
    let mut builder =
        ServerBuilder::new().state(chat::State::default()).engine(|engine| engine.close_timeout(CLOSE_TIMEOUT));
    if let Some(folder) = client_folder() {
        builder = builder.serve_client(folder);
    }
    Ok(builder.build()?)
}

/// The browser bundles of the official client, if the packages of `interop` are installed; else the page asks the CDN.
fn client_folder() -> Option<PathBuf> {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    [workspace, "."]
        .map(|root| PathBuf::from(root).join("interop/node_modules/socket.io/client-dist"))
        .into_iter()
        .find(|folder| folder.is_dir())
}

fn text(kind: &str, content: &'static str) -> impl IntoResponse + Clone + Send + Sync + 'static {
    ([(CONTENT_TYPE, format!("{kind}; charset=utf-8"))], content)
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
