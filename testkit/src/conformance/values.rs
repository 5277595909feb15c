//! Values that JavaScript has and others lack, to and fro.

use std::collections::BTreeMap;

use socketio_runtime::client::ConnectError;
use socketio_runtime::server::{ConnectRequest, Event, Refusal};
use socketio_runtime::{AckError, Args, Client, ClientSocket, Json, Runtime, Socket, TransportKind, Value};

use super::log::Log;
use super::stage::Stage;

const BOTH: [TransportKind; 2] = [TransportKind::Polling, TransportKind::WebSocket];

fn json(text: &str) -> Json {
    Json::check(text.into()).expect("it is JSON")
}

/// Answers with what it is asked, dynamically, if the other side wants to know.
async fn echo<S>(_: S, value: Value<'static>) -> Value<'static> {
    value
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

    let read: String = stage.soon("an ack", socket.emit_with_ack("read", half())).await.expect("an ack");
    assert_eq!(read, "cut \u{FFFD}");
    let raw: Json = stage.soon("an ack", socket.emit_with_ack("raw", half())).await.expect("an ack");
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
        _ => Err(Refusal::new("no name").data(half()).expect("it can be encoded")),
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

/// From either side, to one and to many, with and without an ack, and as an ack: a null value is `[null]`, and `()` is `[]`.
pub async fn null_is_one_argument_on_every_way<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    root.on("echo", echo);
    root.on("nothing", async |_, ()| ());
    root.on("null or text", async |_, (null,): (bool,)| if null { None } else { Some("text") });
    root.on("all", async |socket: Socket, ()| {
        let namespace = socket.namespace();
        socket.join("room");
        socket.emit("one", Value::Null).ok();
        socket.emit("one", json("null")).ok();
        socket.emit("one", None::<u8>).ok();
        socket.emit("one", ((),)).ok();
        socket.emit("none", ()).ok();
        namespace.emit("one", Value::Null).ok();
        namespace.emit("none", ()).ok();
        namespace.to("room").emit("one", Value::Null).ok();
        let echoed: Args = socket.emit_with_ack("echo", Value::Null).await.expect("an answer");
        let nothing: Args = socket.emit_with_ack("nothing", ()).await.expect("an answer");
        socket.emit("answers", (echoed.json(), nothing.json())).ok();
    });
    root.on_event(async |mut event: Event| match event.ack() {
        Some(ack) => ack.send(&Value::Null),
        None => event.socket().emit("got", (event.name(), event.raw_args().json())).map(|_| ()),
    });
    let addr = stage.serve(&server).await;
    for transport in BOTH {
        let client = stage.client(addr).transports([transport]).build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::of(&socket);
        socket.on("echo", echo);
        socket.on("nothing", async |_: ClientSocket, ()| ());
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        log.hears(stage, "connect").await;

        socket.emit("one", Value::Null).expect("there is room");
        socket.emit("one", json("null")).expect("there is room");
        socket.emit("none", ()).expect("there is room");
        for got in [r#""one","null""#, r#""one","null""#, r#""none","""#] {
            log.hears(stage, &format!("got {got}")).await;
        }
        let ask = async |event: &str, args: Args| {
            let answer: Args =
                stage.soon("an ack", socket.emit_with_ack(event, args).into_future()).await.expect("one");
            answer.json().to_owned()
        };
        let encoded = |args: &Value<'_>| Args::encode(args).expect("it can be encoded");
        assert_eq!(ask("echo", encoded(&Value::Null)).await, "null");
        assert_eq!(ask("echo", encoded(&1.into())).await, "1");
        assert_eq!(ask("nothing", Args::default()).await, "");
        assert_eq!(ask("null or text", encoded(&true.into())).await, "null");
        assert_eq!(ask("by hand", Args::default()).await, "null");

        socket.emit("all", ()).expect("there is room");
        for heard in ["one null"; 4].into_iter().chain(["none ", "one null", "none ", "one null"]) {
            log.hears(stage, heard).await;
        }
        log.hears(stage, r#"answers "null","""#).await;
    }
}

/// Numbers that no `f64` holds.
fn beyond() -> Json {
    json(r#"[-1e400,{"1e400":1e999}]"#)
}

/// JavaScript reads `1e400` as Infinity, and so does who asks for a float. Who asks for an integer is told the event and the argument.
pub async fn numbers_beyond_the_range_are_infinite_and_no_integers<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    let of_server = Log::of_all(&root);
    root.on("float", async |_, (numbers,): ((f64, BTreeMap<String, f32>),)| {
        numbers.0 == f64::NEG_INFINITY && numbers.1["1e400"] == f32::INFINITY
    });
    root.on("integer", async |_, (_, _): (Value<'static>, Vec<i64>)| ());
    root.on_event(async |event: Event| event.args::<(Vec<u8>,)>().map(drop));
    root.on("send them", async |socket: Socket, ()| {
        let float: bool = socket.emit_with_ack("float", beyond()).await.expect("an answer");
        socket.emit("integer", (float, beyond())).ok();
    });
    let addr = stage.serve(&server).await;
    for transport in BOTH {
        let client = stage.client(addr).transports([transport]).build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::of(&socket);
        socket
            .on("float", async |_: ClientSocket, (numbers,): ((f64, Value<'static>),)| numbers.0 == f64::NEG_INFINITY);
        socket.on("integer", async |_: ClientSocket, (float, _): (bool, Vec<i64>)| assert!(!float, "not reached"));
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        log.hears(stage, "connect").await;
        of_server.hears(stage, "connect").await;

        let error = r#"error: event "integer": argument 1: invalid type: floating point `-inf`, expected i64"#;
        let float: bool = stage.soon("an ack", socket.emit_with_ack("float", beyond())).await.expect("an ack");
        assert!(float);
        socket.emit("integer", (1, beyond())).expect("there is room");
        of_server.hears(stage, error).await;
        socket.emit("any", beyond()).expect("there is room");
        let error_of_any = r#"error: event "any": argument 0: invalid type: floating point `-inf`, expected u8"#;
        of_server.hears(stage, error_of_any).await;
        socket.emit("send them", ()).expect("there is room");
        log.hears(stage, error).await;
        client.close().await;
        of_server.hears(stage, "client namespace disconnect").await;
    }
}

/// 128 containers in each other unless the option says otherwise, in both roles; raw arguments of any depth.
pub async fn are_read_to_the_depth_that_the_option_allows<R: Runtime + Clone>(stage: &Stage<R>) {
    let arrays = |depth| json(&("[".repeat(depth) + &"]".repeat(depth)));
    let auth = |depth: usize| json(&(r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth)));
    for (option, max) in [(None, 128), (Some(200), 200)] {
        let mut builder = stage.server();
        if let Some(depth) = option {
            builder = builder.max_depth(depth);
        }
        let server = builder.build().expect("defaults are allowed");
        let root = server.namespace("/");
        root.middleware(async |request: ConnectRequest| match request.auth_as::<Value<'static>>() {
            Some(_) => Ok(()),
            None => Err(Refusal::new("too deep")),
        });
        let of_server = Log::of_all(&root);
        root.on("typed", echo);
        root.on("raw", async |_, args: Args| args);
        root.on("send me", async |socket: Socket, (json,): (Json,)| socket.emit("typed", &json).map(|_| ()));
        let addr = stage.serve(&server).await;

        let mut builder = stage.client(addr);
        if let Some(depth) = option {
            builder = builder.max_depth(depth);
        }
        let client = builder.build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::of(&socket);
        let of = log.clone();
        socket.on("typed", move |_: ClientSocket, (_,): (Value<'static>,)| of.saying("read"));
        socket.auth(auth(max + 1)).expect("it is an object");
        stage.soon("the refusal", socket.connect()).await.expect_err("it is too deep");
        log.hears(stage, "connect_error: too deep").await;
        socket.auth(auth(max)).expect("it is an object");
        stage.soon("the socket", socket.connect()).await.expect("it can be read");
        log.hears(stage, "connect").await;
        of_server.hears(stage, "connect").await;

        let value: Value<'static> =
            stage.soon("an ack", socket.emit_with_ack("typed", arrays(max))).await.expect("an ack");
        assert_eq!(Args::encode(&value).expect("it can be encoded").json(), arrays(max).as_str());
        let deeper = || arrays(max + 1);
        let raw: Json = stage.soon("an ack", socket.emit_with_ack("raw", deeper())).await.expect("an ack");
        assert_eq!(raw, deeper());
        let typed: Result<Value<'static>, AckError> = stage.soon("an ack", socket.emit_with_ack("raw", deeper())).await;
        assert!(matches!(typed, Err(AckError::Args(error)) if error.index() == Some(0)));

        let error = r#"error: event "typed": argument 0: nested deeper than `max_depth` allows"#;
        socket.emit("typed", deeper()).expect("there is room");
        of_server.hears(stage, error).await;
        socket.emit("send me", arrays(max)).expect("there is room");
        log.hears(stage, "read").await;
        socket.emit("send me", deeper()).expect("there is room");
        log.hears(stage, error).await;
    }
}
