//! HTTP: admission, responses, and embedding in other servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use socketio_tokio::engine::{EngineSocket, SendError};
use socketio_tokio::server::{Handshake, Peer};
use socketio_tokio::{Data, Server, ServerBuilder, Sid, Socket, TransportKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;
use tower_layer::Layer as _;

use crate::support::{
    Frame, HasWorld, Polling, World, Ws, dial, in_real_time, request, request_on, roundtrip, secs, server, server_with,
    settle, soon, until,
};

const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";

fn say_disconnects(server: &Server) {
    let root = server.namespace("/");
    root.on("echo", async |_, (text,): (String,)| text);
    root.on_disconnect(async |socket: Socket, reason| socket.world().say(reason));
}

// --- admission --------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn allow_request_refuses_with_its_text_or_the_default_one() {
    let (server, world) = server_with(|builder| {
        builder
            .allow_request(async |handshake: Handshake| match handshake.query("token").as_deref() {
                Some("good") => Ok(()),
                Some(_) => Err("token \"expired\"".to_owned()),
                None => Err(String::new()),
            })
            .keep_handshake(false)
    });
    server.namespace("/").on_connect(async |socket: Socket| socket.world().say("in"));
    let response = request(&server, "GET", &format!("{HANDSHAKE}&token=old"), "").await.unwrap();
    response.is(403, "{\"code\":4,\"message\":\"token \\\"expired\\\"\"}");
    assert_eq!(response.header("content-type"), Some("application/json"));
    request(&server, "GET", HANDSHAKE, "").await.unwrap().is(403, "{\"code\":4,\"message\":\"Forbidden\"}");

    let (ws, head) = Ws::try_attach(dial(&server), "/socket.io/?EIO=4&transport=websocket").await;
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n") && head.contains("text/plain"), "{head}");
    assert_eq!(ws.body().await, "Forbidden");
    assert_eq!(server.sessions(), 0);

    let mut ws = Ws::attach(dial(&server), "/socket.io/?EIO=4&transport=websocket&token=good").await;
    assert!(ws.recv().await.starts_with("0{"));
    ws.join("/").await;
    world.hears("in").await;
}

#[tokio::test(start_paused = true)]
async fn a_handshake_says_that_its_connection_is_kept_unless_the_request_speaks_of_it() {
    let (server, _) = server();
    for (version, header, kept) in [("1.1", "", true), ("1.1", "connection: close\r\n", false), ("1.0", "", false)] {
        let asked = format!("GET {HANDSHAKE} HTTP/{version}\r\nhost: localhost\r\n{header}\r\n");
        let mut stream = dial(&server);
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert_eq!(head.contains("connection: keep-alive\r\n"), kept, "{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn allow_request_is_called_once_per_session_and_may_wait() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let (server, world) = server_with(|builder| {
        builder.allow_request(move |_| {
            let asked = count.clone();
            async move {
                asked.fetch_add(1, Ordering::Relaxed);
                sleep(secs(7)).await;
                Ok(())
            }
        })
    });
    let mut client = Polling::connect(&server).await;
    client.send("42[\"x\"]").await;
    client.send("41").await;
    assert_eq!((asked.load(Ordering::Relaxed), world.all()), (1, vec![]));
    // A client that disconnects meanwhile leaves no session.
    let asking = tokio::spawn({
        let server = server.clone();
        async move { request(&server, "GET", HANDSHAKE, "").await }
    });
    sleep(secs(1)).await;
    asking.abort();
    sleep(secs(20)).await;
    assert_eq!((asked.load(Ordering::Relaxed), server.sessions()), (2, 1));
    client.join("/").await;
}

#[tokio::test(start_paused = true)]
async fn a_generated_id_that_is_in_use_or_empty_is_refused() {
    let (server, world) = server_with(|builder| {
        let rejected = World::default();
        let said = rejected.clone();
        builder
            .generate_id(|parts| Sid::new(parts.uri.query().unwrap_or_default().rsplit('=').next().unwrap_or_default()))
            .on_reject(move |parts, reject| said.say(format!("{} {} {reject:?}", parts.method, reject.code())))
            .state(Arc::new(rejected))
    });
    say_disconnects(&server);
    let open = request(&server, "GET", &format!("{HANDSHAKE}&name=ann"), "").await.unwrap();
    assert!(open.body.starts_with("0{\"sid\":\"ann\","), "{open:?}");
    let again = request(&server, "GET", &format!("{HANDSHAKE}&name=ann"), "").await.unwrap();
    again.is(400, "{\"code\":3,\"message\":\"Bad request\"}");
    let (_, head) = Ws::try_attach(dial(&server), "/socket.io/?EIO=4&transport=websocket&name=ann").await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    // No request can name a session with an empty id.
    let unnamed = request(&server, "GET", &format!("{HANDSHAKE}&name="), "").await.unwrap();
    unnamed.is(400, "{\"code\":3,\"message\":\"Bad request\"}");
    let rejected = server.state::<Arc<World>>().unwrap();
    for _ in 0..3 {
        rejected.hears("GET 3 BadRequest(IdGeneration)").await;
    }
    assert_eq!(server.sessions(), 1);
    let target = format!("{HANDSHAKE}&sid=ann");
    request(&server, "POST", &target, "40").await.unwrap().is(200, "ok");
    request(&server, "POST", &target, "41").await.unwrap().is(200, "ok");
    world.hears("client namespace disconnect").await;
    // The id is free again when the session has ended.
    request(&server, "POST", &target, "1").await.unwrap().is(200, "ok");
    until("the session to end", || server.sessions() == 0).await;
    let open = request(&server, "GET", &format!("{HANDSHAKE}&name=ann"), "").await.unwrap();
    assert!(open.body.starts_with("0{\"sid\":\"ann\","), "{open:?}");
}

#[tokio::test(start_paused = true)]
async fn every_rejection_has_its_code_and_is_reported_to_on_reject() {
    let rejected = World::default();
    let said = rejected.clone();
    let (server, _) = server_with(|builder| builder.on_reject(move |_, reject| said.say(reject.code())));
    let ws = Ws::engine(&server).await;
    let sid = &ws.sid;
    for (method, target, code, message) in [
        ("GET", "/socket.io/?EIO=4&transport=smoke", 0, "Transport unknown"),
        ("GET", "/socket.io/?EIO=4", 0, "Transport unknown"),
        ("GET", "/socket.io/?EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown"),
        ("POST", "/socket.io/?EIO=4&transport=polling&sid=__proto__", 1, "Session ID unknown"),
        ("POST", "/socket.io/?EIO=4&transport=polling", 2, "Bad handshake method"),
        ("OPTIONS", "/socket.io/?EIO=4&transport=polling", 2, "Bad handshake method"),
        ("GET", "/socket.io/?EIO=4&transport=websocket", 3, "Bad request"),
        ("GET", &format!("/socket.io/?EIO=4&transport=polling&sid={sid}"), 3, "Bad request"),
        ("GET", "/socket.io/?EIO=3&transport=polling", 5, "Unsupported protocol version"),
        ("GET", "/socket.io/?transport=polling", 5, "Unsupported protocol version"),
    ] {
        let response = request(&server, method, target, "").await.unwrap();
        response.is(400, &format!("{{\"code\":{code},\"message\":\"{message}\"}}"));
        rejected.hears(&code.to_string()).await;
    }
    assert_eq!(server.sessions(), 1);
}

// --- handshakes -------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_socket_has_its_handshake_unless_keep_handshake_is_false() {
    for keep in [true, false] {
        let (server, world) = server_with(|builder| builder.keep_handshake(keep));
        server.namespace("/").on_connect(async |socket: Socket| {
            let handshake = socket.handshake();
            let (agent, name) = (handshake.header("x-agent"), handshake.query("name"));
            let peer = (handshake.peer_addr(), handshake.is_secure());
            socket.world().say(format!("{agent:?} {:?} {peer:?} {}", name.as_deref(), socket.transport().as_str()));
        });
        let (ours, theirs) = tokio::io::duplex(4096);
        let peer = Peer { addr: Some("192.0.2.7:55".parse().unwrap()), secure: true };
        tokio::spawn(server.serve_connection(socketio_tokio::stream(theirs), peer));
        let head = format!(
            "GET {HANDSHAKE}&name=J%C3%BCrgen+K HTTP/1.1\r\nHost: x\r\nX-Agent: 7\r\nConnection: close\r\n\r\n"
        );
        let open = request_on(ours, &head).await.unwrap();
        let sid = open.body.split('"').nth(3).unwrap();
        request(&server, "POST", &format!("{HANDSHAKE}&sid={sid}"), "40").await.unwrap().is(200, "ok");
        world
            .hears(match keep {
                true => "Some(\"7\") Some(\"Jürgen K\") (Some(192.0.2.7:55), true) polling",
                false => "None None (Some(192.0.2.7:55), true) polling",
            })
            .await;
    }
}

// --- payloads ---------------------------------------------------------------------------------------------------------

/// An incomplete POST: its head and the beginning of its body.
async fn begin_post(server: &Server, client: &Polling, length: usize, body: &str) -> tokio::io::DuplexStream {
    let mut stream = dial(server);
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}", client.target());
    stream.write_all(head.as_bytes()).await.unwrap();
    settle().await;
    stream
}

#[tokio::test(start_paused = true)]
async fn a_payload_in_many_pieces_is_reassembled() {
    let (server, _) = server();
    say_disconnects(&server);
    let mut client = Polling::connect(&server).await;
    let text = "häuser ".repeat(1000);
    let body = format!("420[\"echo\",\"{text}\"]\u{1e}421[\"echo\",\"x\"]");
    let mut stream = begin_post(&server, &client, body.len(), "").await;
    for piece in body.as_bytes().chunks(97) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    client.expect(&format!("430[\"{text}\"]")).await;
    client.expect("431[\"x\"]").await;
}

#[tokio::test(start_paused = true)]
async fn a_payload_above_the_limit_gets_413_and_keeps_the_session() {
    let (server, _) = server_with(|builder| builder.max_payload(1000));
    say_disconnects(&server);
    let mut client = Polling::connect(&server).await;
    client.post(&"4".repeat(1001)).await.is(413, "");
    // Announced by Content-Length but not sent.
    let stream = begin_post(&server, &client, 1_000_000_000, "4").await;
    assert!(roundtrip(stream, b"").await.starts_with(b"HTTP/1.1 413 "));
    // In chunks, so that the length is unknown in advance.
    let chunk = format!("1f4\r\n{}\r\n", "4".repeat(500));
    let chunked = |chunks: &str| {
        format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n",
            client.target()
        )
    };
    request_on(dial(&server), &chunked(&chunk.repeat(3))).await.unwrap().is(413, "");
    // Endless: the server does not wait for its end.
    let mut endless = dial(&server);
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", client.target());
    endless.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..3 {
        endless.write_all(chunk.as_bytes()).await.unwrap();
    }
    let mut answer = [0; 12];
    soon("an answer", endless.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let fits = chunked("5\r\n420[\"\r\n9\r\necho\",\"x\"\r\n1\r\n]\r\n");
    request_on(dial(&server), &fits).await.unwrap().is(200, "ok");
    client.expect("430[\"x\"]").await;
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_overlaps_another_ends_the_session_and_the_first_connection() {
    let (server, world) = server();
    say_disconnects(&server);
    let client = Polling::connect(&server).await;
    let first = begin_post(&server, &client, 100, "42[\"x\"]").await;
    client.post("42[\"y\"]").await.is(400, "");
    assert_eq!(roundtrip(first, b"").await, b"", "the first is hung up on without a response");
    world.hears("transport error").await;
    assert_eq!(server.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_aborted_payload_ends_the_session() {
    let (server, world) = server();
    say_disconnects(&server);
    let client = Polling::connect(&server).await;
    drop(begin_post(&server, &client, 100, "42[\"x\"]").await);
    world.hears("transport error").await;
    let client = Polling::connect(&server).await;
    let mut stream = begin_post(&server, &client, 100, "42[\"x\"]").await;
    stream.shutdown().await.unwrap();
    world.hears("transport error").await;
    until("the sessions to end", || server.sessions() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn an_endless_payload_ends_with_its_session() {
    let (server, world) = server();
    say_disconnects(&server);
    let client = Polling::connect(&server).await;
    let stuck = begin_post(&server, &client, 100, "42[\"x\"]").await;
    world.hears("ping timeout").await;
    assert_eq!(roundtrip(stuck, b"").await, b"");
    let client = Polling::connect(&server).await;
    let stuck = begin_post(&server, &client, 100, "42[\"x\"]").await;
    server.namespace("/").broadcast().disconnect(true);
    world.hears("server namespace disconnect").await;
    assert_eq!(roundtrip(stuck, b"").await, b"");
}

#[tokio::test(start_paused = true)]
async fn one_connection_serves_many_requests_in_turn() {
    let (server, _) = server();
    say_disconnects(&server);
    let client = Polling::connect(&server).await;
    let target = client.target();
    let post =
        |body: &str| format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let get = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let pipeline = [post("42[\"a\"]"), post("420[\"echo\",\"x\"]"), get].concat();
    let answer = String::from_utf8(roundtrip(dial(&server), pipeline.as_bytes()).await).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "{answer}");
    assert!(answer.ends_with("430[\"x\"]"), "{answer}");
}

// --- embedding --------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn other_paths_are_answered_with_404() {
    let (server, _) = server_with(|builder| builder.path("/chat"));
    for target in ["/", "/socket.io/?EIO=4&transport=polling", "/cha/?EIO=4&transport=polling"] {
        request(&server, "GET", target, "").await.unwrap().is(404, "");
    }
    assert_eq!(request(&server, "GET", "/chat/?EIO=4&transport=polling", "").await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_official_client_is_served_from_its_package() {
    let folder = std::env::temp_dir().join(format!("behaviour-client-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("client-dist")).unwrap();
    std::fs::write(folder.join("package.json"), r#"{"version":"4.8.4"}"#).unwrap();
    std::fs::write(folder.join("client-dist/socket.io.js"), "the client").unwrap();
    let (server, _) = server_with(|builder| builder.serve_client(folder.join("client-dist")));
    std::fs::remove_dir_all(&folder).unwrap();

    let response = request(&server, "GET", "/socket.io/socket.io.js?v=1", "").await.unwrap();
    response.is(200, "the client");
    assert_eq!(response.header("etag"), Some("\"4.8.4\""));
    assert_eq!(response.header("content-type"), Some("application/javascript; charset=utf-8"));
    let head =
        "GET /socket.io/socket.io.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIf-None-Match: \"4.8.4\"\r\n\r\n";
    request_on(dial(&server), head).await.unwrap().is(304, "");
    // A request for an unknown file is a bad handshake.
    let response = request(&server, "GET", "/socket.io/socket.io.min.js", "").await.unwrap();
    response.is(400, "{\"code\":0,\"message\":\"Transport unknown\"}");
    Polling::connect(&server).await;
    assert!(ServerBuilder::new().serve_client("/nowhere/at/all").build().is_err());
}

async fn call<S, B>(service: &mut S, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, String)
where
    S: tower_service::Service<Request<Body>, Response = axum::http::Response<B>>,
    S::Error: std::fmt::Debug,
    B: axum::body::HttpBody<Data = axum::body::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    let (parts, body) = service.call(request).await.unwrap().into_parts();
    let bytes = axum::body::to_bytes(Body::new(body), usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
}

fn get(target: &str) -> Request<Body> {
    Request::get(target).body(Body::empty()).unwrap()
}

fn post(target: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(target).body(body.into()).unwrap()
}

/// The body of a request that never ends.
struct Endless;

impl axum::body::HttpBody for Endless {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_over_axum_routes_answers_only_its_own_path() {
    let (server, world) = server();
    server.namespace("/").on("hello", async |socket: Socket, ()| socket.world().say("hello"));
    let router = axum::Router::new().route("/", axum::routing::get(async || "the page")).layer(server.layer());
    let mut service = router.clone();
    assert_eq!(call(&mut service, get("/")).await.2, "the page");
    assert_eq!(call(&mut service, get("/nowhere")).await.0, StatusCode::NOT_FOUND);
    let (status, _, body) = call(&mut service, get(HANDSHAKE)).await;
    assert!(status == StatusCode::OK && body.starts_with("0{\"sid\":\""), "{body}");
    let target = format!("{HANDSHAKE}&sid={}", body.split('"').nth(3).unwrap());
    assert_eq!(call(&mut service, post(&target, "40")).await.2, "ok");
    assert!(call(&mut service, get(&target)).await.2.starts_with("40{\"sid\":\""));
    assert_eq!(call(&mut service, post(&target, "42[\"hello\"]")).await.2, "ok");
    world.hears("hello").await;

    // Around any other tower service.
    let mut layered = server.layer().layer(axum::Router::<()>::new().fallback(async || "below"));
    assert_eq!(call(&mut layered, get("/else")).await.2, "below");
    assert_eq!(call(&mut layered, get("/socket.io/")).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn under_axum_on_a_real_listener_a_websocket_works() {
    in_real_time(async {
        let (server, _) = server();
        say_disconnects(&server);
        let router = axum::Router::new().route("/", axum::routing::get(async || "the page")).layer(server.layer());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut tcp = tokio::net::TcpStream::connect(addr).await.unwrap();
        let (ours, mut theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut theirs, &mut tcp).await });
        let mut ws = Ws::engine_on(ours).await;
        ws.join("/").await;
        ws.send("420[\"echo\",\"over tcp\"]").await;
        ws.expect("430[\"over tcp\"]").await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_service_answers_every_request() {
    let (server, world) = server();
    say_disconnects(&server);
    let mut service = server.service();
    assert!(service.matches("/socket.io/") && !service.matches("/"));
    assert_eq!(call(&mut service, get("/")).await.0, StatusCode::NOT_FOUND);
    let (_, _, body) = call(&mut service, get(HANDSHAKE)).await;
    let target = format!("{HANDSHAKE}&sid={}", body.split('"').nth(3).unwrap());
    assert_eq!(call(&mut service, post(&target, "40")).await.2, "ok");
    // It can't close the connection, so it answers 400.
    let mut other = service.clone();
    let request = post(&target, Body::new(Endless));
    let first = tokio::spawn(async move { call(&mut other, request).await });
    settle().await;
    assert_eq!(call(&mut service, post(&target, "42[\"x\"]")).await.0, StatusCode::BAD_REQUEST);
    let (status, headers, _) = soon("the first answer", first).await.unwrap();
    assert_eq!((status, headers["connection"].as_bytes()), (StatusCode::BAD_REQUEST, &b"close"[..]));
    world.hears("transport error").await;

    // A WebSocket request that the embedding server can't upgrade.
    let upgrade = Request::get("/socket.io/?EIO=4&transport=websocket")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let (status, ..) = call(&mut service, upgrade.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
    settle().await;
    assert_eq!(server.sessions(), 0);
}

/// Other HTTP servers accept longer heads than ours, and a session keeps the head of its handshake.
#[tokio::test(start_paused = true)]
async fn the_head_of_a_handshake_is_bounded_under_any_http_server() {
    let (server, _) = server_with(|builder| builder.max_header_size(2048));
    let mut service = server.service();
    let head = |name: &str, length: usize| {
        Request::get(HANDSHAKE).header(name, "x".repeat(length)).body(Body::empty()).unwrap()
    };
    let room = 2048 - HANDSHAKE.len() - 1 - "cookie".len() - 2;
    assert_eq!(call(&mut service, head("cookie", room)).await.0, StatusCode::OK);
    for request in
        [head("cookie", room + 1), head("authorization", room), get(&format!("{HANDSHAKE}&{}", "x".repeat(2048)))]
    {
        assert_eq!(call(&mut service, request).await.0, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    assert_eq!(server.sessions(), 1);
}

// --- bare Engine.IO ---------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_bare_engine_echoes_in_order_over_both_transports() {
    let server = ServerBuilder::new()
        .path("/engine.io")
        .engine(|engine| engine.initial_packet("welcome"))
        .build_engine(async |socket: EngineSocket, data: Data| {
            if data == Data::from("slow") {
                sleep(secs(1)).await;
            }
            if data == Data::from("bye") {
                socket.send("bye, too".into()).unwrap();
                socket.close();
                assert_eq!(socket.send("late".into()), Err(SendError::Closed));
                return Ok(());
            }
            assert!(socket.handshake().query("EIO").is_some());
            socket.send(data)
        })
        .unwrap();
    let mut ws = Ws::attach(dial(&server), "/engine.io/?EIO=4&transport=websocket").await;
    assert!(ws.recv().await.starts_with("0{"));
    ws.expect("4welcome").await;
    ws.send_all(["4slow", "4fast", "440"]).await;
    ws.send_binary(b"\x00\x01").await;
    for text in ["4slow", "4fast", "440"] {
        ws.expect(text).await;
    }
    assert_eq!(ws.next().await, Some(Frame::Binary(vec![0, 1])));
    ws.send("4bye").await;
    ws.expect("4bye, too").await;
    ws.closes_with(None).await;

    let open = request(&server, "GET", "/engine.io/?EIO=4&transport=polling", "").await.unwrap();
    assert!(open.body.ends_with("\u{1e}4welcome"), "{open:?}");
    let target = format!("/engine.io/?EIO=4&transport=polling&sid={}", open.body.split('"').nth(3).unwrap());
    request(&server, "POST", &target, "4a\u{1e}bAAE=").await.unwrap().is(200, "ok");
    settle().await;
    request(&server, "GET", &target, "").await.unwrap().is(200, "4a\u{1e}bAAE=");
    request(&server, "POST", &target, "4bye").await.unwrap().is(200, "ok");
    settle().await;
    request(&server, "GET", &target, "").await.unwrap().is(200, "4bye, too");
    request(&server, "GET", &target, "").await.unwrap().is(200, "6\u{1e}1");
    until("the sessions to end", || server.sessions() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn closing_a_bare_engine_sends_its_queue() {
    let server = ServerBuilder::new().build_engine(async |socket: EngineSocket, data: Data| {
        assert_eq!(socket.transport(), TransportKind::WebSocket);
        for _ in 0..100 {
            socket.send(data.clone()).ok();
        }
    });
    let server = server.unwrap();
    let mut ws = Ws::engine(&server).await;
    ws.send("4x").await;
    settle().await;
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close().await }
    });
    for _ in 0..100 {
        ws.expect("4x").await;
    }
    ws.closes_with(None).await;
    soon("close", closing).await.unwrap();
}
