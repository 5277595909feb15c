//! A client that meets something else than its server says what it tried, what came, and what may help.

use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use socketio_runtime::client::{AttemptError, ConnectError};
use socketio_runtime::{Runtime, TransportKind};

use super::stage::Stage;
use super::wire::Wire;

/// Answers the head of one request so, and waits for the end.
async fn answers<R: Runtime + Clone>(stage: &Stage<R>, answer: &'static str) -> SocketAddr {
    let bound = stage.runtime.bind(([127, 0, 0, 1], 0).into());
    let mut accept = stage.soon("a port", bound).await.expect("a free port");
    let addr = accept.local_addr().expect("it is bound");
    stage.runtime.spawn(Box::pin(async move {
        let Ok((stream, _)) = poll_fn(|cx| accept.poll_accept(cx)).await else { return };
        let mut wire = Wire::new(stream);
        if wire.until("\r\n\r\n").await.is_ok() && wire.write(answer).await.is_ok() && !answer.is_empty() {
            _ = wire.shutdown().await;
        }
        _ = wire.rest().await;
    }));
    addr
}

async fn error<R: Runtime + Clone>(stage: &Stage<R>, addr: SocketAddr, transport: TransportKind) -> ConnectError {
    let builder = stage.client(addr).transports([transport]).reconnection(false);
    let builder = builder.path("/chat").query([("token", "secret")]).timeout(Duration::from_secs(10));
    let socket = builder.build().expect("it is a URL").socket("/");
    stage.soon("the failure", socket.connect()).await.expect_err("it is no server")
}

/// The text begins with the URL, without the application's secrets, and goes on so.
fn told(error: &ConnectError, addr: SocketAddr, transport: TransportKind, text: &str) {
    let tried = match transport {
        TransportKind::Polling => format!("GET http://{addr}/chat/?EIO=4&transport=polling"),
        _ => format!("WebSocket ws://{addr}/chat/?EIO=4&transport=websocket"),
    };
    assert_eq!(error.to_string(), format!("{tried}{text}"));
    // What a `main` that returns it prints.
    assert!(format!("{error:?}").starts_with(&error.to_string()), "{error:?}");
}

/// A peer that speaks something else, and one that hangs up.
pub async fn tells_in_plain_words_that_no_http_came<R: Runtime + Clone>(stage: &Stage<R>) {
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        for (answer, text) in [
            (
                "220 mail.example.org ESMTP\r\n",
                ": the answer is not HTTP/1.1: is it the right port, and if the server wants TLS, does the URL begin with https?",
            ),
            ("HTTP/1.1 200 O", ": the connection ended before the response was complete"),
        ] {
            let addr = answers(stage, answer).await;
            let error = error(stage, addr, transport).await;
            told(&error, addr, transport, text);
            assert!(error.source().is_some());
        }
    }
}

/// A silent peer.
pub async fn tells_the_limit_of_an_attempt<R: Runtime + Clone>(stage: &Stage<R>) {
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let addr = answers(stage, "").await;
        let builder = stage.client(addr).transports([transport]).reconnection(false);
        let socket = builder.timeout(Duration::from_millis(100)).build().expect("it is a URL").socket("/");
        let error = stage.soon("the failure", socket.connect()).await.expect_err("it is no server");
        assert!(matches!(&error, ConnectError::Attempt { error: AttemptError::Timeout, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("timeout: ") && text.contains(&format!("://{addr}/socket.io/?")), "{text}");
        assert!(text.contains(" opened no session within 100ms (ClientBuilder::timeout)"), "{text}");
    }
}

/// As `main` prints it.
pub async fn tells_the_address_that_is_taken<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let addr = stage.serve(&server).await;
    let error = stage.soon("the answer", server.listen(addr)).await.expect_err("it is taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("{addr}: ")), "{error}");
}

/// Pages, redirects and refusals.
pub async fn tells_what_answered<R: Runtime + Clone>(stage: &Stage<R>) {
    use TransportKind::{Polling, WebSocket};

    let path = "; is the server's path right (ClientBuilder::path)?";
    for (transport, answer, text) in [
        (
            Polling,
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<!doctype html>",
            format!(" was answered 200 with text/html, which is no Engine.IO handshake{path}"),
        ),
        (Polling, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", format!(" was answered 404 Not Found{path}")),
        (
            Polling,
            "HTTP/1.1 301 Moved Permanently\r\nlocation: https://example.org/\r\ncontent-length: 0\r\n\r\n",
            " was answered 301 Moved Permanently, to https://example.org/; redirects are not followed: build the client with \
             the URL that they lead to"
                .to_owned(),
        ),
        (
            Polling,
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 34\r\n\r\n{\"code\":4,\"message\":\"no entrance\"}",
            " was answered 403 Forbidden: no entrance (code 4); does the server, or a proxy, want credentials \
             (ClientBuilder::header)?"
                .to_owned(),
        ),
        (WebSocket, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", format!(" was answered 404 Not Found{path}")),
        (
            WebSocket,
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\n\r\n<!doctype html>",
            format!(" was answered 200 OK{path}"),
        ),
        (
            WebSocket,
            "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
            " was answered 302 Found, to /elsewhere; redirects are not followed: build the client with the URL that they lead to"
                .to_owned(),
        ),
        (
            WebSocket,
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 11\r\n\r\nno entrance",
            " was answered 403 Forbidden: no entrance; does the server, or a proxy, want credentials (ClientBuilder::header)?"
                .to_owned(),
        ),
    ] {
        let addr = answers(stage, answer).await;
        let error = error(stage, addr, transport).await;
        told(&error, addr, transport, &text);
    }
}
