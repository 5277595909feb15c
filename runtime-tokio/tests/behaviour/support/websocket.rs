//! A raw client of the WebSocket transport.

use std::io::Cursor;
use std::time::Duration;

use socketio_tokio::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{dial, dial_buffered, soon};

/// A WebSocket and its read buffer.
pub(crate) struct Ws {
    pub(crate) stream: DuplexStream,
    /// The session's id, if the session began on this WebSocket.
    pub(crate) sid: String,
    buffer: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// With its code.
    Close(Option<u16>),
}

impl Frame {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The result of a flood.
pub(crate) struct Flood {
    pub(crate) frames: usize,
    /// The unsent rest of the last frame.
    pub(crate) rest: Vec<u8>,
}

/// A frame as a client writes it.
pub(crate) fn frame_bytes(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let header = FrameHeader { is_final, opcode, mask: Some(mask), ..FrameHeader::default() };
    let mut bytes = Vec::new();
    header.format(payload.len() as u64, &mut bytes).unwrap();
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

impl Ws {
    /// Opens a session and reads its handshake.
    pub(crate) async fn engine(server: &Server) -> Self {
        Self::engine_on(dial(server)).await
    }

    pub(crate) async fn engine_on(stream: DuplexStream) -> Self {
        let mut ws = Self::attach(stream, "/socket.io/?EIO=4&transport=websocket").await;
        let open = ws.recv().await;
        assert!(open.starts_with("0{\"sid\":\""), "{open}");
        ws.sid = open.split('"').nth(3).unwrap().to_owned();
        ws
    }

    /// Opens a session and joins `/`.
    pub(crate) async fn connect(server: &Server) -> Self {
        let mut ws = Self::engine(server).await;
        ws.join("/").await;
        ws
    }

    /// The same over a stream that buffers `bytes` in each direction.
    pub(crate) async fn connect_buffered(server: &Server, bytes: usize) -> Self {
        let mut ws = Self::engine_on(dial_buffered(server, bytes)).await;
        ws.join("/").await;
        ws
    }

    /// Opens a WebSocket at this target.
    pub(crate) async fn attach(stream: DuplexStream, target: &str) -> Self {
        let (ws, head) = Self::try_attach(stream, target).await;
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        ws
    }

    /// The same; also returns the head of the response, whatever its status.
    pub(crate) async fn try_attach(mut stream: DuplexStream, target: &str) -> (Self, String) {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut ws = Self { stream, sid: String::new(), buffer: Vec::new() };
        let head = soon("an answer to the upgrade", async {
            loop {
                if let Some(end) = ws.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                    return ws.buffer.drain(..end + 4).collect::<Vec<_>>();
                }
                assert_ne!(ws.stream.read_buf(&mut ws.buffer).await.unwrap(), 0, "hung up");
            }
        })
        .await;
        (ws, String::from_utf8(head).unwrap())
    }

    /// The rest of the stream, for a response that is not an upgrade.
    pub(crate) async fn body(mut self) -> String {
        soon("the end of the stream", self.stream.read_to_end(&mut self.buffer)).await.unwrap();
        String::from_utf8(self.buffer).unwrap()
    }

    /// Joins a namespace; returns the socket's id.
    pub(crate) async fn join(&mut self, namespace: &str) -> String {
        let prefix = if namespace == "/" { String::new() } else { format!("{namespace},") };
        self.send(&format!("40{prefix}")).await;
        let reply = self.recv().await;
        let id = reply.strip_prefix(&format!("40{prefix}{{\"sid\":\"")).and_then(|rest| rest.strip_suffix("\"}"));
        id.unwrap_or_else(|| panic!("joining {namespace}: {reply}")).to_owned()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_raw(&frame_bytes(OpCode::Data(Data::Text), true, text.as_bytes())).await;
    }

    pub(crate) async fn send_all<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        let frames = texts.into_iter().map(|text| frame_bytes(OpCode::Data(Data::Text), true, text.as_bytes()));
        self.send_raw(&frames.collect::<Vec<_>>().concat()).await;
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.send_raw(&frame_bytes(OpCode::Data(Data::Binary), true, bytes)).await;
    }

    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        soon("the server to read", self.stream.write_all(bytes)).await.unwrap();
    }

    /// Sends a frame repeatedly until the server has read nothing for `patience`. Returns the number of frames sent; the last one
    /// may be incomplete.
    pub(crate) async fn flood(&mut self, frame: &[u8], patience: Duration) -> Flood {
        let mut sent = 0;
        while let Ok(written) = tokio::time::timeout(patience, self.stream.write(&frame[sent % frame.len()..])).await {
            sent += written.unwrap();
            assert!(sent < 10_000_000, "the server never stops reading");
        }
        let rest = frame[sent % frame.len()..].to_vec();
        Flood { frames: sent.div_ceil(frame.len()), rest: if sent % frame.len() == 0 { Vec::new() } else { rest } }
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        soon("a frame", async {
            loop {
                if let Some(frame) = self.buffered() {
                    return Some(frame);
                }
                if self.stream.read_buf(&mut self.buffer).await.unwrap() == 0 {
                    assert_eq!(self.buffer, b"", "the stream ended within a frame");
                    return None;
                }
            }
        })
        .await
    }

    fn buffered(&mut self) -> Option<Frame> {
        let mut cursor = Cursor::new(&self.buffer);
        let (header, length) = FrameHeader::parse(&mut cursor).unwrap()?;
        let (from, length) = (cursor.position() as usize, length as usize);
        let payload = self.buffer.get(from..from + length)?.to_vec();
        self.buffer.drain(..from + length);
        assert!(header.is_final && header.mask.is_none(), "{header:?}");
        Some(match header.opcode {
            OpCode::Data(Data::Text) => Frame::Text(String::from_utf8(payload).unwrap()),
            OpCode::Data(Data::Binary) => Frame::Binary(payload),
            OpCode::Control(Control::Ping) => Frame::Ping(payload),
            OpCode::Control(Control::Pong) => Frame::Pong(payload),
            OpCode::Control(Control::Close) => {
                Frame::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code)))
            }
            opcode => panic!("{opcode:?}"),
        })
    }

    /// The next frame other than an engine ping. Pings are answered.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        soon("a frame that is no ping", async {
            loop {
                match self.frame().await {
                    Some(Frame::Text(text)) if text == "2" => self.send("3").await,
                    frame => return frame,
                }
            }
        })
        .await
    }

    /// The next text other than an engine ping.
    pub(crate) async fn recv(&mut self) -> String {
        match self.next().await {
            Some(Frame::Text(text)) => text,
            other => panic!("{other:?} instead of a text"),
        }
    }

    pub(crate) async fn expect(&mut self, text: &str) {
        assert_eq!(self.recv().await, text);
    }

    /// Asserts that nothing but pings arrives for `time`. They are answered.
    pub(crate) async fn is_quiet_for(&mut self, time: Duration) {
        if let Ok(frame) = tokio::time::timeout(time, self.next()).await {
            panic!("{frame:?} instead of silence");
        }
    }

    /// Asserts that the next frame is a close frame with this code, and that the stream ends after ours.
    pub(crate) async fn closes_with(mut self, code: Option<u16>) {
        assert_eq!(self.next().await, Some(Frame::Close(code)));
        // The server may have closed the stream already.
        _ = self.stream.write_all(&frame_bytes(OpCode::Control(Control::Close), true, b"")).await;
        assert_eq!(self.frame().await, None);
    }

    /// Reads until the end of the stream; returns all frames, including pings, which are not answered.
    pub(crate) async fn drain(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.frame().await {
            frames.push(frame);
        }
        frames
    }
}
