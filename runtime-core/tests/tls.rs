//! `https` and `wss` from end to end: our client, our server behind rustls, a certificate made for the test.
#![cfg(feature = "rustls")]

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use socketio_runtime::client::{ConnectError, Tls};
use socketio_runtime::server::Peer;
use socketio_runtime::{Accept, BoxFuture, BoxStream, Bytes, ClientBuilder, Runtime, ServerBuilder, TransportKind};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

struct TestRuntime(TokioTimer);

impl Default for TestRuntime {
    fn default() -> Self {
        Self(TokioTimer::new())
    }
}

impl Timer for TestRuntime {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.0.sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.sleep_until(deadline)
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

/// A server behind TLS, whose certificate is for this name.
async fn serve(name: &str) -> (u16, CertificateDer<'static>) {
    let signed = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let certificate = signed.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = ServerBuilder::<TestRuntime>::new().build().unwrap();
    server.namespace("/").on("echo", async |_, (bytes,): (Bytes,)| bytes);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, addr) = listener.accept().await.unwrap();
            let (acceptor, server) = (acceptor.clone(), server.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let peer = Peer { addr: Some(addr), secure: true };
                    server.serve_connection(TokioIo::new(stream), peer).await;
                }
            });
        }
    });
    (port, certificate)
}

fn trusting(certificate: Option<CertificateDer<'static>>) -> Tls {
    let mut roots = RootCertStore::empty();
    certificate.into_iter().for_each(|certificate| roots.add(certificate).unwrap());
    Tls::roots(roots).unwrap()
}

fn client(url: &str, tls: Tls) -> ClientBuilder<TestRuntime> {
    ClientBuilder::new(url).tls(tls).reconnection(false)
}

#[tokio::test]
async fn every_transport_goes_by_tls_to_a_server_whose_certificate_is_trusted() {
    use TransportKind::{Polling, WebSocket};
    let (port, certificate) = serve("localhost").await;
    for (scheme, transports) in [("https", &[Polling][..]), ("wss", &[WebSocket]), ("https", &[Polling, WebSocket])] {
        let url = format!("{scheme}://localhost:{port}");
        let client = client(&url, trusting(Some(certificate.clone()))).transports(transports.iter().copied());
        let client = client.build().unwrap();
        let socket = client.socket("/");
        let mut states = client.states();
        socket.connect().await.unwrap();
        if transports.len() > 1 {
            while client.transport() != Some(WebSocket) {
                states.next().await.unwrap();
            }
        }
        // Several records of TLS.
        let bytes = Bytes::from(vec![7; 300_000]);
        assert_eq!(socket.emit_with_ack::<_, Bytes>("echo", (bytes.clone(),)).await.unwrap(), bytes);
        client.close().await;
    }
}

/// Why there is no connection, down to the last cause.
async fn refusal(url: String, tls: Tls, transport: TransportKind) -> String {
    let client = client(&url, tls).transports([transport]).build().unwrap();
    let error = client.socket("/").connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Attempt { .. }));
    let (mut causes, mut source) = (error.to_string(), error.source());
    while let Some(cause) = source {
        causes += &format!(": {cause}");
        source = cause.source();
    }
    causes
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_for_another_host_is_refused_and_named() {
    let (port, certificate) = serve("localhost").await;
    let (other_port, other) = serve("elsewhere.test").await;
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        for unknown in [None, Some(other.clone())] {
            let error = refusal(format!("https://localhost:{port}"), trusting(unknown), transport).await;
            assert!(error.contains("the TLS handshake failed: does the server speak TLS at this port, and is its certificate trusted here (ClientBuilder::tls)?: invalid peer certificate"), "{error}");
        }
        let error = refusal(format!("https://localhost:{other_port}"), trusting(Some(other.clone())), transport).await;
        assert!(error.contains(": the TLS handshake failed: ") && error.contains("elsewhere.test"), "{error}");
        // An address is no name.
        let error = refusal(format!("wss://127.0.0.1:{port}"), trusting(Some(certificate.clone())), transport).await;
        assert!(error.contains(": the TLS handshake failed: "), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let refused = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            _ = tokio::io::AsyncWriteExt::write_all(&mut stream, refused).await;
        }
    });
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let error = refusal(format!("https://localhost:{port}"), trusting(None), transport).await;
        assert!(error.contains(": the TLS handshake failed: "), "{error}");
    }
}
