//! One HTTP exchange per connection.

use socketio_tokio::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{dial, soon};

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// A header by its name, case-insensitively.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (status, body), "{}", self.head);
    }
}

/// Sends bytes and collects the response until the server closes the connection.
pub(crate) async fn roundtrip(stream: DuplexStream, bytes: &[u8]) -> Vec<u8> {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let mut answer = Vec::new();
    soon("the end of an HTTP connection", async {
        // Both at once: the server may answer before it has read everything.
        tokio::select! {
            () = async { _ = writing.write_all(bytes).await; std::future::pending::<()>().await } => {}
            _ = reading.read_to_end(&mut answer) => {}
        }
    })
    .await;
    answer
}

/// One request on a connection of its own. `None`: the server closed it without a response.
pub(crate) async fn request(server: &Server, method: &str, target: &str, body: &str) -> Option<Response> {
    let length = match body {
        "" => String::new(),
        body => format!("Content-Length: {}\r\n", body.len()),
    };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{length}\r\n");
    request_on(dial(server), &(head + body)).await
}

/// The same for the text of a request on a given stream.
pub(crate) async fn request_on(stream: DuplexStream, request: &str) -> Option<Response> {
    Response::parse(&roundtrip(stream, request.as_bytes()).await)
}
