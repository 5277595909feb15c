//! Values that JavaScript has and others lack, to and fro.

use std::collections::BTreeMap;
use std::future::IntoFuture;

use socketio_runtime::{
    Client, ClientSocket, ConnectError, ConnectRequest, Json, Refusal, Runtime, Socket, TransportKind,
};

use super::log::Log;
use super::stage::Stage;

const BOTH: [TransportKind; 2] = [TransportKind::Polling, TransportKind::WebSocket];

fn json(text: &str) -> Json {
    Json::check(text.into()).expect("it is JSON")
}

/// Half a surrogate pair, as JavaScript writes an emoji that was cut in two. A `Json` goes out as it is.
fn half() -> Json {
    json(r#""cut \ud83d""#)
}

async fn halves_by<R: Runtime + Clone>(stage: &Stage<R>, client: &Client) {
    let socket = client.socket("/");
    let log = Log::of(&socket);
    let of = log.clone();
    socket.on("read", move |_, (text,): (String,)| of.saying(text));
    socket.on("repeat", async |_: ClientSocket, (text,): (Json,)| text);
    let refused = stage.soon("the refusal", socket.connect()).await.expect_err("it has no name");
    assert_eq!(refused.data::<String>().as_deref(), Some("cut \u{FFFD}"));
    assert!(matches!(refused, ConnectError::Refused { data: Some(data), .. } if data == half()));
    log.hears(stage, "connect_error: no name").await;
    socket.auth(json(r#"{"name":"cut \ud83d"}"#)).expect("it is an object");
    stage.soon("the socket", socket.connect()).await.expect("it has a name");
    log.hears(stage, "connect").await;

    let read: String = stage.soon("an ack", socket.emit_with_ack("read", half()).into_future()).await.expect("an ack");
    assert_eq!(read, "cut \u{FFFD}");
    let raw: Json = stage.soon("an ack", socket.emit_with_ack("raw", half()).into_future()).await.expect("an ack");
    assert_eq!(raw, half());
    socket.emit("ask me", half()).expect("there is room");
    log.hears(stage, "cut \u{FFFD}").await;
    log.hears(stage, r#"answer "cut \ud83d","cut �""#).await;
}

/// It is read as U+FFFD wherever text is made of it, and goes on unchanged where it is not.
pub async fn half_a_surrogate_pair_is_read_as_a_replacement_character<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    root.middleware(async |request: ConnectRequest| match request.auth_as::<BTreeMap<String, String>>() {
        Some(auth) if auth["name"] == "cut \u{FFFD}" => Ok(()),
        _ => Err(Refusal::new("no name").data(&half()).expect("it can be encoded")),
    });
    root.on("read", async |_, (text,): (String,)| text);
    root.on("raw", async |_, (text,): (Json,)| text);
    root.on("ask me", async |socket: Socket, (text,): (Json,)| {
        socket.emit("read", &text).ok();
        let raw: Json = socket.emit_with_ack("repeat", &text).await.expect("an answer");
        let read: String = socket.emit_with_ack("repeat", &text).await.expect("an answer");
        socket.emit("answer", (raw, read)).ok();
    });
    let addr = stage.serve(&server).await;
    for transport in BOTH {
        let client = stage.client(addr).transports([transport]).build().expect("it is a URL");
        halves_by(stage, &client).await;
    }
}
