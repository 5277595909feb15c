//! A raw client of the polling transport.

use std::collections::VecDeque;

use socketio_tokio::Server;
use tokio::task::JoinHandle;

use super::{Response, request, soon};

/// A session over polling. A clone is the same client on another task.
#[derive(Clone)]
pub(crate) struct Polling {
    server: Server,
    pub(crate) sid: String,
    received: VecDeque<String>,
}

impl Polling {
    /// Opens a session.
    pub(crate) async fn engine(server: &Server) -> Self {
        let response = request(server, "GET", "/socket.io/?EIO=4&transport=polling", "").await.unwrap();
        assert_eq!(response.status, 200, "{response:?}");
        let open: serde_json::Value = serde_json::from_str(response.body.strip_prefix('0').unwrap()).unwrap();
        let sid = open["sid"].as_str().unwrap().to_owned();
        Self { server: server.clone(), sid, received: VecDeque::new() }
    }

    /// Opens a session and joins `/`.
    pub(crate) async fn connect(server: &Server) -> Self {
        let mut client = Self::engine(server).await;
        client.join("/").await;
        client
    }

    /// Joins a namespace; returns the socket's id.
    pub(crate) async fn join(&mut self, namespace: &str) -> String {
        let prefix = if namespace == "/" { String::new() } else { format!("{namespace},") };
        self.send(&format!("40{prefix}")).await;
        let reply = self.recv().await;
        let id = reply.strip_prefix(&format!("40{prefix}{{\"sid\":\"")).and_then(|rest| rest.strip_suffix("\"}"));
        id.unwrap_or_else(|| panic!("joining {namespace}: {reply}")).to_owned()
    }

    pub(crate) fn target(&self) -> String {
        format!("/socket.io/?EIO=4&transport=polling&sid={}", self.sid)
    }

    pub(crate) async fn get(&self) -> Response {
        request(&self.server, "GET", &self.target(), "").await.unwrap()
    }

    /// Spawns a GET.
    pub(crate) fn poll(&self) -> JoinHandle<Option<Response>> {
        let (server, target) = (self.server.clone(), self.target());
        tokio::spawn(async move { request(&server, "GET", &target, "").await })
    }

    pub(crate) async fn post(&self, body: &str) -> Response {
        request(&self.server, "POST", &self.target(), body).await.unwrap()
    }

    pub(crate) async fn send(&self, body: &str) {
        self.post(body).await.is(200, "ok");
    }

    /// The next packet other than a ping. Pings are answered.
    pub(crate) async fn recv(&mut self) -> String {
        soon("a packet", async {
            loop {
                if let Some(packet) = self.received.pop_front() {
                    return packet;
                }
                let response = self.get().await;
                assert_eq!(response.status, 200, "{response:?}");
                for packet in response.body.split('\u{1e}') {
                    match packet {
                        "2" => self.send("3").await,
                        packet => self.received.push_back(packet.to_owned()),
                    }
                }
            }
        })
        .await
    }

    pub(crate) async fn expect(&mut self, packet: &str) {
        assert_eq!(self.recv().await, packet);
    }
}
