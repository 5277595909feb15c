//! A scripted server, which can send anything.

use std::future::Future;
use std::io;
use std::sync::Arc;

use socketio_tokio::client::Connector;
use socketio_tokio::engineio_proto::http::accept_websocket;
use socketio_tokio::{BoxFuture, BoxStream, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::Counting;

/// Serves every connection with the same function.
#[derive(Clone)]
pub(crate) struct Fake {
    serve: Arc<dyn Fn(String, Wire) -> BoxFuture<'static, Option<()>> + Send + Sync>,
    connections: Counting,
}

impl Fake {
    /// `serve` receives the host that was dialled and the stream. The connection closes when it returns.
    pub(crate) fn new<F, Fut>(serve: F) -> Self
    where
        F: Fn(String, Wire) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Option<()>> + Send + 'static,
    {
        Self { serve: Arc::new(move |host, wire| Box::pin(serve(host, wire))), connections: Counting::default() }
    }

    /// Number of open connections.
    pub(crate) fn connections(&self) -> usize {
        self.connections.tasks()
    }
}

impl Connector for Fake {
    fn connect(&self, host: &str, _: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let serving = (self.serve)(host.to_owned(), Wire(theirs));
        socketio_tokio::Runtime::spawn(&self.connections, Box::pin(async move { _ = serving.await }));
        Box::pin(async { Ok(Box::new(socketio_tokio::stream(ours)) as BoxStream) })
    }
}

/// The server's end of a connection. All methods return `None` once the client has closed it.
pub(crate) struct Wire(DuplexStream);

/// A request of a client.
pub(crate) struct Asked {
    /// The request line.
    pub(crate) line: String,
    pub(crate) body: String,
    pub(crate) length: usize,
    accept: String,
}

impl Asked {
    pub(crate) fn has(&self, part: &str) -> bool {
        self.line.contains(part)
    }
}

impl Wire {
    /// Reads the next request.
    pub(crate) async fn asked(&mut self) -> Option<Asked> {
        let asked = self.head().await?;
        self.body(asked).await
    }

    /// Reads the body of a request whose head was read.
    pub(crate) async fn body(&mut self, mut asked: Asked) -> Option<Asked> {
        let mut body = vec![0; asked.length];
        self.0.read_exact(&mut body).await.ok()?;
        asked.body = String::from_utf8(body).unwrap();
        Some(asked)
    }

    /// Reads the head of the next request, and leaves its body unread.
    pub(crate) async fn head(&mut self) -> Option<Asked> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let length = header("content-length").map_or(0, |length| length.parse().unwrap());
        let accept = header("sec-websocket-key").map(|key| {
            let request = http::Request::get("/").header("connection", "upgrade").header("upgrade", "websocket");
            let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", key);
            let response = accept_websocket(&request.body(()).unwrap().into_parts().0).unwrap();
            response.headers()["sec-websocket-accept"].to_str().unwrap().to_owned()
        });
        let line = head.lines().next().unwrap().to_owned();
        Some(Asked { line, body: String::new(), length, accept: accept.unwrap_or_default() })
    }

    /// Sends a response with status 200 and this body.
    pub(crate) async fn answer(&mut self, body: &str) -> Option<()> {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", body.len());
        self.send(head + body).await
    }

    /// Reads a WebSocket handshake and accepts it.
    pub(crate) async fn upgrade(&mut self) -> Option<()> {
        let accept = self.asked().await?.accept;
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ";
        self.send(format!("{head}{accept}\r\n\r\n")).await
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Option<()> {
        self.0.write_all(bytes.as_ref()).await.ok()
    }

    /// Sends a text message by WebSocket.
    pub(crate) async fn say(&mut self, text: &str) -> Option<()> {
        assert!(text.len() < 126);
        self.send([&[0x81, text.len() as u8], text.as_bytes()].concat()).await
    }

    /// Reads one short WebSocket frame: its first byte, and its payload.
    pub(crate) async fn frame(&mut self) -> Option<(u8, String)> {
        let (opcode, length) = (self.0.read_u8().await.ok()?, self.0.read_u8().await.ok()?);
        assert!((0x80..0xfe).contains(&length), "masked, and short");
        let mut mask = [0; 4];
        self.0.read_exact(&mut mask).await.ok()?;
        let mut payload = vec![0; usize::from(length - 0x80)];
        self.0.read_exact(&mut payload).await.ok()?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Some((opcode, String::from_utf8(payload).unwrap()))
    }

    /// Reads once: one WebSocket message, or anything else that arrives in one piece.
    pub(crate) async fn hear(&mut self) -> Option<()> {
        let read = self.0.read(&mut [0; 4096]).await.ok()?;
        (read > 0).then_some(())
    }

    /// Closes the stream for writing.
    pub(crate) async fn half_close(&mut self) -> Option<()> {
        self.0.shutdown().await.ok()
    }

    /// Reads nothing more, and sends `100 Continue` every second until the client closes the connection.
    pub(crate) async fn hold(&mut self) -> Option<()> {
        loop {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            self.send("HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
    }

    /// Reads and discards, and sends nothing, until the client closes the connection.
    pub(crate) async fn ignore(&mut self) -> Option<()> {
        while self.0.read(&mut [0; 4096]).await.ok()? > 0 {}
        None
    }
}

/// An open packet.
pub(crate) const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
