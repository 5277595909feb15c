//! A client by HTTP long-polling, for scenarios: the plainest there is.

use std::collections::VecDeque;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use socketio_runtime::Runtime;
use socketio_testkit::SimRuntime;

/// A session with a socket in `/`. Pings are answered whenever something is awaited.
pub(crate) struct Client {
    sim: SimRuntime,
    port: u16,
    target: String,
    packets: VecDeque<String>,
}

impl Client {
    /// Opens a session and joins `/`.
    pub(crate) async fn open(sim: &SimRuntime, port: u16) -> Self {
        let target = "/socket.io/?EIO=4&transport=polling".to_owned();
        let mut client = Self { sim: sim.clone(), port, target, packets: VecDeque::new() };
        let open = client.request(Method::GET, "").await;
        let sid = open.split('"').nth(3).expect("a session's name");
        client.target = format!("{}&sid={sid}", client.target);
        client.send("40").await;
        assert!(client.next().await.starts_with("40{"));
        client
    }

    /// Sends a packet.
    pub(crate) async fn send(&mut self, packet: &str) {
        assert_eq!(self.request(Method::POST, packet).await, "ok");
    }

    /// The next packet that is no ping.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            match self.packets.pop_front() {
                Some(ping) if ping == "2" => self.send("3").await,
                Some(packet) => return packet,
                None => {
                    let body = self.request(Method::GET, "").await;
                    self.packets = body.split('\u{1e}').map(str::to_owned).collect();
                }
            }
        }
    }

    /// Ends the session.
    pub(crate) async fn close(mut self) {
        self.send("1").await;
    }

    async fn request(&mut self, method: Method, body: &str) -> String {
        let stream = self.sim.connect("localhost", self.port).await.expect("somebody listens");
        let (mut sender, connection) = http1::handshake(stream).await.expect("a connection");
        self.sim.spawn(Box::pin(async { _ = connection.await }));
        let request = Request::builder().method(method).uri(&self.target).header("host", "localhost");
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
        let response = sender.send_request(request).await.expect("a response");
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        String::from_utf8(body.into()).expect("text")
    }
}
