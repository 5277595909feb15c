//! Tests against small servers and proxies on the loopback interface.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::rt::{Read, ReadBufCursor, Sleep, Timer, Write};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::runtime::{Accept, BoxFuture, BoxStream, Runtime};

/// A runtime whose clock stands still unless a test moves it; sleeps are real.
struct TestRuntime(TokioTimer, Arc<Mutex<Instant>>);

impl TestRuntime {
    fn new() -> Self {
        Self(TokioTimer::new(), Arc::new(Mutex::new(Instant::now())))
    }
}

impl Timer for TestRuntime {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.0.sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        *self.1.lock().unwrap()
    }
}

impl Runtime for TestRuntime {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        tokio::spawn(future);
    }

    fn bind(&self, _: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        let host = host.to_owned();
        Box::pin(async move { Ok(Box::new(TokioIo::new(TcpStream::connect((host, port)).await?)) as BoxStream) })
    }
}

fn dialer(url: &str, options: &DialOptions) -> Result<Dialer, DialError> {
    Dialer::new(Arc::new(TestRuntime::new()), BaseUrl::parse(url).unwrap(), options)
}

fn get(path: &str) -> Request<Bytes> {
    Request::get(path).body(Bytes::new()).unwrap()
}

/// A scripted server: each connection answers each request head with the next of its `answers`, then closes. Counts connections and
/// records requests.
async fn server(answers: &'static [&'static [&'static str]]) -> (u16, Arc<AtomicUsize>, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (count, asked) = (Arc::new(AtomicUsize::new(0)), Asked::default());
    let (counted, heard) = (count.clone(), asked.clone());
    tokio::spawn(async move {
        for answers in answers {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(script(stream, answers, heard.clone()));
        }
    });
    (port, count, asked)
}

type Asked = Arc<Mutex<Vec<String>>>;

async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn script(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, answers: &[&str], asked: Asked) {
    for answer in answers {
        let head = head(&mut stream).await;
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).map(str::to_owned);
        asked.lock().unwrap().push(head);
        let accept = key.map(|key| {
            let request = Request::get("/").header("connection", "upgrade").header("upgrade", "websocket");
            let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", key);
            let response = engineio_proto::http::accept_websocket(&request.body(()).unwrap().into_parts().0).unwrap();
            response.headers()["sec-websocket-accept"].to_str().unwrap().to_owned()
        });
        let answer = answer.replace("ACCEPT", &accept.unwrap_or_default());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const GRANTED: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ACCEPT\r\n\r\n";

#[tokio::test]
async fn requests_share_a_kept_alive_connection() {
    let (port, connections, asked) =
        server(&[&[OK, "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n"]]).await;
    let dialer = dialer(&format!("http://jo:x@127.0.0.1:{port}"), &DialOptions::default()).unwrap();
    let response = dialer.request(get("/engine.io/?a=b"), 2).await.unwrap();
    assert_eq!(response.body(), "ok");
    let response = dialer.request(get("/redirected"), 2).await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("GET /engine.io/?a=b HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].contains(&format!("host: 127.0.0.1:{port}\r\n")), "{asked:?}");
    assert!(asked[0].contains("authorization: Basic am86eA==\r\n"), "{asked:?}");
}

#[tokio::test]
async fn a_kept_alive_connection_that_has_ended_is_replaced() {
    let (port, connections, _) = server(&[&[OK], &[OK]]).await;
    let dialer = dialer(&format!("http://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
    dialer.request(get("/"), 2).await.unwrap();
    let post = Request::post("/").body(Bytes::new()).unwrap();
    dialer.request(post, 2).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

fn post() -> Request<Bytes> {
    Request::post("/").body(Bytes::from_static(b"4hello")).unwrap()
}

fn count(asked: &Asked, method: &str) -> usize {
    asked.lock().unwrap().iter().filter(|head| head.starts_with(method)).count()
}

#[tokio::test]
async fn a_get_on_a_reused_connection_that_closes_is_sent_once_more() {
    let (port, connections, asked) = server(&[&[OK, ""], &[OK, ""], &[""]]).await;
    let dialer = dialer(&format!("http://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
    dialer.request(get("/"), 2).await.unwrap();
    assert_eq!(dialer.request(get("/"), 2).await.unwrap().body(), "ok");
    assert_eq!((connections.load(Ordering::SeqCst), count(&asked, "GET")), (2, 3));
    // The new connection does not answer either.
    assert!(matches!(dialer.request(get("/"), 2).await, Err(DialError::Http(_))));
    assert_eq!((connections.load(Ordering::SeqCst), count(&asked, "GET")), (3, 5));
}

/// A stream that answers each write immediately, and ends after this many fruitless reads that follow the first answer.
struct Prompt {
    unread: &'static [u8],
    answered: bool,
    ends_after: usize,
}

impl Read for Prompt {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.unread.is_empty() && self.ends_after > 0 {
            self.ends_after -= usize::from(self.answered);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.answered |= !self.unread.is_empty();
        buf.put_slice(std::mem::take(&mut self.unread));
        Poll::Ready(Ok(()))
    }
}

impl Write for Prompt {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if !self.answered || self.ends_after > 1_000 {
            self.unread = OK.as_bytes();
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A connector whose first stream ends; the others do not.
struct Prompts(AtomicUsize);

impl Connector for Prompts {
    fn connect(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        let ends_after = self.0.swap(usize::MAX, Ordering::SeqCst);
        Box::pin(async move { Ok(Box::new(Prompt { unread: b"", answered: false, ends_after }) as BoxStream) })
    }
}

#[tokio::test]
async fn a_reused_connection_may_close_at_any_moment() {
    for ends_after in 1..12 {
        let connector = Arc::new(Prompts(AtomicUsize::new(ends_after)));
        let options = DialOptions { connector: Some(connector), ..DialOptions::default() };
        let dialer = dialer("http://localhost", &options).unwrap();
        for _ in 0..3 {
            assert_eq!(dialer.request(get("/"), 9).await.unwrap().body(), "ok", "{ends_after}");
        }
    }
}

#[tokio::test]
async fn a_get_with_a_broken_response_is_not_sent_again() {
    for broken in [
        "H",
        "HTTP/1.1 200 OK\r\ncontent-",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
        "\x15\x03\x01\0\x02\x02\x28",
    ] {
        let answers: &[&str] = Box::leak(Box::new([OK, broken]));
        let (port, connections, _) = server(Box::leak(Box::new([answers]))).await;
        let dialer = dialer(&format!("http://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
        dialer.request(get("/"), 9).await.unwrap();
        assert!(matches!(dialer.request(get("/"), 9).await, Err(DialError::Http(_))), "{broken}");
        assert_eq!(connections.load(Ordering::SeqCst), 1, "{broken}");
    }
}

#[tokio::test]
async fn a_post_is_never_sent_twice() {
    let (port, connections, asked) = server(&[&[OK, OK, OK, OK, OK, OK, OK, OK, ""], &[OK, ""]]).await;
    let dialer = dialer(&format!("http://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
    for _ in 0..8 {
        dialer.request(get("/"), 2).await.unwrap();
    }
    // The server has kept the connection open so far.
    assert!(matches!(dialer.request(post(), 2).await, Err(DialError::Http(_))));
    assert_eq!((connections.load(Ordering::SeqCst), count(&asked, "POST")), (1, 1));
}

#[tokio::test]
async fn a_post_uses_a_new_connection_until_the_server_has_kept_one_open() {
    let (port, connections, _) = server(&[&[OK; 4], &[OK; 4], &[OK; 4]]).await;
    let dialer = dialer(&format!("http://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
    for (request, expected) in [
        (get("/"), 1),
        // No connection has carried two requests yet.
        (post(), 2),
        (get("/"), 2),
        // Now one connection has, and the other has carried one.
        (post(), 2),
        // Now both connections have.
        (post(), 3),
    ] {
        dialer.request(request, 2).await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn an_idle_connection_is_dropped_after_its_time() {
    let (port, connections, _) = server(&[&[OK; 9], &[OK; 9]]).await;
    let runtime = TestRuntime::new();
    let now = runtime.1.clone();
    let base = BaseUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let dialer = Dialer::new(Arc::new(runtime), base, &DialOptions::default()).unwrap();
    dialer.request(get("/"), 2).await.unwrap();
    for (wait, expected) in [(3999, 1), (4000, 2)] {
        *now.lock().unwrap() += Duration::from_millis(wait);
        dialer.request(get("/"), 2).await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), expected, "{wait} ms");
    }
}

#[tokio::test]
async fn a_post_reuses_a_connection_with_a_keep_alive_header() {
    const KEPT: &str = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\ncontent-length: 2\r\n\r\nok";
    let (port, connections, _) = server(&[&[KEPT, OK, OK]]).await;
    let dialer = dialer(&format!("http://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
    for request in [get("/"), post(), post()] {
        dialer.request(request, 2).await.unwrap();
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_on_a_reused_connection_is_sent_again_after_status_408() {
    const LATE: &str = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let (port, connections, _) = server(&[&[OK, OK, OK, OK, OK, OK, OK, OK, LATE], &[OK, LATE], &[LATE]]).await;
    let dialer = dialer(&format!("http://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
    for _ in 0..8 {
        dialer.request(get("/"), 2).await.unwrap();
    }
    assert_eq!(dialer.request(post(), 2).await.unwrap().status(), 200);
    assert_eq!(dialer.request(get("/"), 2).await.unwrap().status(), 408, "a fresh connection, too");
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_response_that_ends_its_connection_is_not_followed_by_a_request() {
    for last in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\n\r\nok",
    ] {
        let answers: &[&str] = Box::leak(Box::new([last]));
        let (port, connections, asked) = server(Box::leak(Box::new([answers; 3]))).await;
        let dialer = dialer(&format!("http://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
        for request in [get("/"), Request::post("/").body(Bytes::new()).unwrap(), get("/")] {
            assert_eq!(dialer.request(request, 2).await.unwrap().body(), "ok", "{last}");
        }
        assert_eq!((connections.load(Ordering::SeqCst), asked.lock().unwrap().len()), (3, 3), "{last}");
    }
}

#[tokio::test]
async fn an_incomplete_response_is_an_error() {
    let (port, connections, _) = server(&[
        &[OK],
        &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n1\r\n!\r\n0\r\n\r\n"],
        &["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"],
        &[""],
    ])
    .await;
    let url = format!("http://127.0.0.1:{port}");
    let fetch = async |limit| dialer(&url, &DialOptions::default()).unwrap().request(get("/"), limit).await;
    assert!(matches!(fetch(1).await, Err(DialError::TooLarge { limit: 1 })));
    assert!(matches!(fetch(2).await, Err(DialError::TooLarge { limit: 2 })));
    assert!(matches!(fetch(9).await, Err(DialError::Http(_))));
    assert!(matches!(fetch(9).await, Err(DialError::Http(_))), "closed without an answer, and not asked again");
    assert_eq!(connections.load(Ordering::SeqCst), 4);
    // The script has ended, and the listener is closed.
    assert!(matches!(fetch(9).await, Err(DialError::Connect { .. })));
}

#[tokio::test]
async fn a_websocket_is_opened_or_refused() {
    const REFUSED: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    const WRONG: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n";
    let (port, _, asked) = server(&[&[GRANTED], &[REFUSED], &[WRONG]]).await;
    let dialer = dialer(&format!("ws://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
    let open = || dialer.websocket(Request::get("/engine.io/?transport=websocket").body(()).unwrap());
    let (parts, _upgraded) = open().await.unwrap();
    assert_eq!(parts.status, 101);
    assert_eq!(open().await.unwrap_err().status(), Some(400));
    assert!(matches!(open().await, Err(DialError::Handshake)));
    let asked = asked.lock().unwrap();
    assert!(asked[0].contains(&format!("host: 127.0.0.1:{port}\r\n")) && !asked[0].contains("extensions"), "{asked:?}");
}

#[test]
fn a_response_in_small_chunks_uses_at_most_twice_its_limit_of_memory() {
    const LENGTH: usize = 300_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let exchange = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
            for _ in 0..LENGTH / 100 {
                stream.write_all("1\r\nx\r\n".repeat(100).as_bytes()).await.unwrap();
            }
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        });
        let dialer = dialer(&format!("http://127.0.0.1:{port}"), &DialOptions::default()).unwrap();
        assert_eq!(dialer.request(get("/"), LENGTH).await.unwrap().body().len(), LENGTH);
    };
    let memory = allocation_counter::measure(|| runtime.block_on(exchange));
    // hyper's own read buffer has at most 400 kB.
    assert!(memory.bytes_max < 2 * LENGTH as u64 + 500_000, "{} bytes", memory.bytes_max);
}

/// A proxy for one connection: `negotiate` runs its protocol and returns where to connect.
async fn proxy<F>(negotiate: impl FnOnce(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = (TcpStream, u16)> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut near, target) = negotiate(listener.accept().await.unwrap().0).await;
        let mut far = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
        _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    });
    port
}

fn through(proxy: &str) -> DialOptions {
    DialOptions { proxy: Some(Proxy::new(proxy).unwrap()), ..DialOptions::default() }
}

#[tokio::test]
async fn an_http_proxy_is_asked_for_a_tunnel() {
    let (target, _, _) = server(&[&[OK]]).await;
    let port = proxy(move |mut stream| async move {
        let head = head(&mut stream).await;
        assert!(head.starts_with("CONNECT example.invalid:80 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("Proxy-Authorization: Basic am86c2VjcmV0\r\n"), "{head}");
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        (stream, target)
    })
    .await;
    let dialer = dialer("http://example.invalid", &through(&format!("http://jo:secret@127.0.0.1:{port}"))).unwrap();
    assert_eq!(dialer.request(get("/"), 2).await.unwrap().body(), "ok");
}

#[tokio::test]
async fn a_refusing_proxy_is_named_in_the_error() {
    let (port, _, _) = server(&[&["HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"]]).await;
    let dialer = dialer("http://example.invalid", &through(&format!("http://127.0.0.1:{port}"))).unwrap();
    let error = dialer.request(get("/"), 2).await.unwrap_err();
    assert!(matches!(&error, DialError::Proxy { .. }) && format!("{error:?}").contains("authorization"), "{error:?}");
}

#[tokio::test]
async fn a_socks_proxy_is_asked_for_a_connection() {
    let (target, _, _) = server(&[&[GRANTED]]).await;
    let port = proxy(move |mut stream| async move {
        let mut expect = async |bytes: &[u8], answer: &[u8]| {
            let mut read = vec![0; bytes.len()];
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(read, bytes);
            stream.write_all(answer).await.unwrap();
        };
        expect(&[5, 1, 2], &[5, 2]).await;
        expect(b"\x01\x02jo\x06secret", &[1, 0]).await;
        expect(b"\x05\x01\x00\x03\x0fexample.invalid\x00\x50", &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await;
        (stream, target)
    })
    .await;
    let dialer = dialer("http://example.invalid", &through(&format!("socks5://jo:secret@127.0.0.1:{port}"))).unwrap();
    assert!(dialer.websocket(Request::get("/").body(()).unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_misbehaving_proxy_is_a_proxy_error() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(9000));
    for (scheme, answer) in [
        ("http", long.as_bytes()),
        ("http", b"HTTP/1.1 200 OK\r\n"),
        ("http", b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
        ("http", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("http", b"\x05\x00"),
        ("http", b""),
        ("socks5", b""),
        ("socks5", b"\x05"),
        ("socks5", b"\x04\x00"),
        ("socks5", b"\x05\x02"),
        ("socks5", b"\x05\xff"),
        ("socks5", b"\x05\x00\x05\x00"),
        ("socks5", b"\x05\x00\x05\x05\x00\x01\0\0\0\0\0\0"),
        ("socks5", b"\x05\x00\x05\x00\x00\x03\xffshort"),
        ("socks5", b"\x05\x00\x05\x00\x00\x07nonsense"),
        ("socks5", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = answer.to_vec();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                _ = stream.write_all(&answer).await;
                _ = stream.shutdown().await;
                // Read to the end, so that closing does not reset the connection.
                _ = stream.read_to_end(&mut Vec::new()).await;
            }
        });
        let dialer = dialer("http://example.invalid", &through(&format!("{scheme}://127.0.0.1:{port}"))).unwrap();
        let error = dialer.request(get("/"), 2).await.unwrap_err();
        assert!(matches!(error, DialError::Proxy { .. }), "{scheme}: {error:?}");
        let error = dialer.websocket(Request::get("/").body(()).unwrap()).await.unwrap_err();
        assert!(matches!(error, DialError::Proxy { .. }), "{scheme}: {error:?}");
    }
}

struct Fixed(u16);

impl Connector for Fixed {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        assert_eq!((host, port), ("::1", 7));
        TestRuntime::new().connect("127.0.0.1", self.0)
    }
}

#[tokio::test]
async fn a_custom_connector_opens_the_streams() {
    let (port, _, asked) = server(&[&[OK]]).await;
    let options = DialOptions { connector: Some(Arc::new(Fixed(port))), ..DialOptions::default() };
    dialer("http://[::1]:7", &options).unwrap().request(get("/"), 2).await.unwrap();
    assert!(asked.lock().unwrap()[0].contains("host: [::1]:7\r\n"));
}

#[cfg(not(feature = "rustls"))]
#[tokio::test]
async fn a_secure_url_without_the_tls_feature_is_an_error() {
    assert!(matches!(dialer("wss://localhost", &DialOptions::default()), Err(DialError::TlsMissing)));
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn tls_accepts_the_given_root_and_no_other() {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::{RootCertStore, ServerConfig, crypto::ring};

    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = signed.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for answers in [&[OK][..], &[GRANTED], &[]] {
            let stream = acceptor.accept(listener.accept().await.unwrap().0).await;
            if let Ok(stream) = stream {
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
                script(stream, answers, Asked::default()).await;
            }
        }
    });

    let url = format!("https://localhost:{port}");
    let mut roots = RootCertStore::empty();
    let none = Tls::roots(roots.clone()).unwrap();
    roots.add(certificate).unwrap();
    let options = DialOptions { tls: Some(Tls::roots(roots).unwrap()), ..DialOptions::default() };
    let trusting = dialer(&url, &options).unwrap();
    assert_eq!(trusting.request(get("/"), 2).await.unwrap().body(), "ok");
    assert!(trusting.websocket(Request::get("/").body(()).unwrap()).await.is_ok());
    let distrusting = dialer(&url, &DialOptions { tls: Some(none), ..DialOptions::default() }).unwrap();
    assert!(matches!(distrusting.request(get("/"), 2).await, Err(DialError::Tls(_))));
}
