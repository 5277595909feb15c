//! A bare connection, read and written as the runtime's own streams are.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;

use hyper::rt::{Read, ReadBuf, Write};
use socketio_runtime::BoxStream;
use std::task::{Context, Poll};

use super::journal::Journal;

/// One end of a connection, and what it has read and not looked at yet.
pub(super) struct Wire {
    stream: BoxStream,
    unread: Vec<u8>,
    journal: Journal,
}

/// Reads once, up to `into`'s length. 0 is the end.
pub(super) fn poll_read(stream: &mut BoxStream, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut buf = ReadBuf::new(into);
    Pin::new(stream).poll_read(cx, buf.unfilled()).map_ok(|()| buf.filled().len())
}

impl Wire {
    pub(super) fn new(stream: BoxStream) -> Self {
        Self { stream, unread: Vec::new(), journal: Journal::current() }
    }

    /// Reads once, `room` bytes at most. How many it were; 0 is the end.
    pub(super) async fn read(&mut self, room: usize) -> io::Result<usize> {
        let mut bytes = vec![0; room];
        let length = poll_fn(|cx| poll_read(&mut self.stream, cx, &mut bytes)).await;
        match &length {
            Ok(length) => {
                self.journal.note("wire", format_args!("{length} bytes, {}", bytes[..*length].escape_ascii()))
            }
            Err(error) => self.journal.note("wire", error),
        }
        let length = length?;
        self.unread.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    /// So many bytes, read in pieces of at most `room`.
    pub(super) async fn take(&mut self, length: usize, room: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            if self.read(room).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.drain(..length).collect())
    }

    /// All until the end.
    pub(super) async fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.read(64 * 1024).await? > 0 {}
        Ok(std::mem::take(&mut self.unread))
    }

    /// Text up to and with this mark.
    pub(super) async fn until(&mut self, mark: &str) -> io::Result<String> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark.as_bytes()) {
                let text: Vec<u8> = self.unread.drain(..at + mark.len()).collect();
                return Ok(String::from_utf8_lossy(&text).into_owned());
            }
            if self.read(16 * 1024).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// A response: head and body.
    pub(super) async fn response(&mut self) -> io::Result<(String, String)> {
        let head = self.until("\r\n\r\n").await?.to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
        let body = self.take(length.unwrap_or(0), 16 * 1024).await?;
        Ok((head, String::from_utf8_lossy(&body).into_owned()))
    }

    pub(super) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let mut bytes = bytes.as_ref();
        while !bytes.is_empty() {
            match poll_fn(|cx| Pin::new(&mut self.stream).poll_write(cx, bytes)).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                length => bytes = &bytes[length..],
            }
        }
        self.flush().await
    }

    /// Writes all of them, by as few calls as the stream allows.
    pub(super) async fn write_vectored(&mut self, pieces: &[Vec<u8>]) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut slices = &mut slices[..];
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match poll_fn(|cx| Pin::new(&mut self.stream).poll_write_vectored(cx, slices)).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                length => IoSlice::advance_slices(&mut slices, length),
            }
        }
        self.flush().await
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut self.stream).poll_flush(cx)).await
    }

    /// Says that nothing more will be written.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await
    }

    /// Writes all and reads as much at the same time, in one task. What was read.
    pub(super) async fn exchange(&mut self, bytes: &[u8], expected: usize) -> io::Result<Vec<u8>> {
        let mut left = bytes;
        let mut chunk = vec![0; 8 * 1024];
        poll_fn(|cx| {
            while !left.is_empty() {
                match Pin::new(&mut self.stream).poll_write(cx, left)? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero))),
                    Poll::Ready(length) => left = &left[length..],
                    Poll::Pending => break,
                }
            }
            while self.unread.len() < expected {
                match poll_read(&mut self.stream, cx, &mut chunk)? {
                    Poll::Ready(0) => return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof))),
                    Poll::Ready(length) => self.unread.extend_from_slice(&chunk[..length]),
                    Poll::Pending => return Poll::Pending,
                }
            }
            if left.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await?;
        Ok(self.unread.drain(..expected).collect())
    }
}
