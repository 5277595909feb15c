//! The chat in the browser, on smol.
//!
//! `./run chat_smol`, or `cargo run --release -p socketio-smol --example chat_smol`; then open <http://localhost:3000> in
//! two tabs. `--port` or the environment's `PORT` chooses another port. Here is how Socket.IO stands beside what else a
//! server on hyper answers, and how it stops; the chat itself is the same as on tokio.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a program")]

#[path = "../../examples/chat/chat.rs"]
mod chat;
#[path = "../../examples/chat/rooms.rs"]
mod rooms;
#[path = "../../examples/chat/site.rs"]
mod site;
mod support;

use std::convert::Infallible;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::process::ExitCode;

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use site::{CLOSE_TIMEOUT, PAGE};
use smol::channel::{Receiver, Sender, bounded};
use smol::future::FutureExt;
use smol::net::{TcpListener, TcpStream};
use socketio::server::{Peer, Service};
use socketio_smol as socketio;
use tower_service::Service as _;

fn main() -> ExitCode {
    support::end(smol::block_on(serve()))
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, site::port()));
    let server = site::server()?;
    let asked_to_stop = support::stopped();
    let listener = TcpListener::bind(addr).await.map_err(|error| support::cannot_listen(addr, &error))?;
    site::announce(listener.local_addr()?);

    // A connection ends its work when `stop` is dropped; all have when every `alive` is.
    let (stop, stopping) = bounded::<Infallible>(1);
    let (alive, ended) = bounded::<Infallible>(1);
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, addr)) => {
                    // What is typed should be seen at once, not when a segment is full.
                    stream.set_nodelay(true).ok();
                    smol::spawn(connection(stream, addr, server.service(), stopping.clone(), alive.clone())).detach();
                }
                // Most often too many files are open: some will be closed.
                Err(_) => support::sleep(CLOSE_TIMEOUT / 20).await,
            }
        }
    };
    let stopped = async {
        asked_to_stop.await;
        // First the sessions, while clients can still reach them: each gets what is queued for it.
        server.close().await;
    };
    accepting.or(stopped).await;
    drop((stop, alive));
    // Somebody's request that never ends must not keep us.
    support::timeout(CLOSE_TIMEOUT, ended.recv()).await;
    Ok(())
}

/// Serves one connection.
async fn connection(
    stream: TcpStream,
    addr: SocketAddr,
    service: Service,
    stopping: Receiver<Infallible>,
    _alive: Sender<Infallible>,
) {
    let answer = service_fn(move |mut request: Request<_>| {
        let mut service = service.clone();
        async move {
            if service.matches(request.uri().path()) {
                // The server can't know whom it talks to.
                request.extensions_mut().insert(Peer::from(addr));
                return service.call(request).await;
            }
            let page = PAGE.into_iter().find(|(path, ..)| *path == request.uri().path());
            let mut response = Response::new(page.map_or("", |(_, _, content)| content).into());
            match page {
                None => *response.status_mut() = StatusCode::NOT_FOUND,
                Some(_) if ![Method::GET, Method::HEAD].contains(request.method()) => {
                    response = Response::new("".into());
                    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                }
                Some((_, kind, _)) => {
                    _ = response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                }
            }
            Ok(response)
        }
    });
    let connection = http1::Builder::new().serve_connection(socketio::stream(stream), answer).with_upgrades();
    let mut connection = pin!(connection);
    let stopped = async {
        stopping.recv().await.ok();
        None
    };
    // Whatever goes wrong with a connection is its client's to see.
    if async { Some(connection.as_mut().await) }.or(stopped).await.is_none() {
        connection.as_mut().graceful_shutdown();
        connection.await.ok();
    }
}
