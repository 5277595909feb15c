//! A client that is a WebSocket over memory, and nothing more.
#![allow(dead_code, reason = "not every test needs everything")]

use std::time::Duration;

use socketio_tokio::{Peer, Server, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::time::timeout;

/// Far beyond what anything takes; with a paused clock it passes as soon as nothing else can happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(300);

/// Room between the two ends, so that a server that does not read is noticed.
const ROOM: usize = 16 * 1024;

pub(crate) struct Client {
    pub(crate) read: ReadHalf<DuplexStream>,
    pub(crate) write: WriteHalf<DuplexStream>,
}

impl Client {
    /// Opens a session.
    pub(crate) async fn open(server: &Server) -> Self {
        let (mut io, theirs) = tokio::io::duplex(ROOM);
        tokio::spawn(server.serve_connection(stream(theirs), Peer::default()));
        let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
                       upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        io.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(io.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        let (read, write) = tokio::io::split(io);
        let mut client = Self { read, write };
        assert!(client.text().await.starts_with('0'));
        client
    }

    /// Opens a session and joins the root namespace.
    pub(crate) async fn join(server: &Server) -> Self {
        let mut client = Self::open(server).await;
        client.send("40").await;
        assert!(client.text().await.starts_with("40{"));
        client
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.write.write_all(&frame(text)).await.unwrap();
    }

    /// Sends as much as the server takes without a pause of five seconds; answers how many.
    pub(crate) async fn flood(&mut self, text: &str, times: usize) -> usize {
        let frame = frame(text);
        for sent in 0..times {
            if timeout(Duration::from_secs(5), self.write.write_all(&frame)).await.is_err() {
                return sent;
            }
        }
        times
    }

    /// The next text message; `None` at a close frame or the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let first = self.read.read_u8().await.ok()?;
        let length = match self.read.read_u8().await.ok()? {
            126 => usize::from(self.read.read_u16().await.ok()?),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.read.read_exact(&mut payload).await.ok()?;
        (first == 0x81).then(|| String::from_utf8(payload).unwrap())
    }

    /// The next text message but pings, which are answered.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match timeout(LIMIT, self.next()).await.expect("a message in time").expect("no end").as_str() {
                "2" => self.send("3").await,
                text => return text.to_owned(),
            }
        }
    }
}

/// A masked frame with a mask of zeros.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match text.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
