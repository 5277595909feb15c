//! Requests as no library would send them, which the server's end of a stream has to live with.

use std::net::SocketAddr;
use std::time::Duration;

use socketio_runtime::{Runtime, Server, ServerBuilder};

use super::log::Log;
use super::stage::Stage;
use super::watched::Watched;
use super::wire::Wire;

const OPEN: &str = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Nobody polls for the farewell of the sessions that are left behind here.
fn builder<R: Runtime + Clone>(stage: &Stage<R>) -> ServerBuilder<Watched<R>> {
    stage.server().engine(|engine| engine.close_timeout(Duration::from_millis(50)))
}

async fn serve<R: Runtime + Clone>(stage: &Stage<R>) -> (Server, SocketAddr, Log) {
    let server = builder(stage).half_close_timeout(Duration::from_millis(50)).build().expect("it is allowed");
    let log = Log::of_all(&server.namespace("/"));
    let addr = stage.serve(&server).await;
    (server, addr, log)
}

fn get(sid: &str) -> String {
    format!("GET /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

fn post(sid: &str, body: &str) -> String {
    format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nhost: localhost\r\n\
         content-type: text/plain;charset=UTF-8\r\ncontent-length: {}\r\n\r\n{body}",
        body.len(),
    )
}

/// The id in the answer to a request that opens a session.
fn sid((head, body): &(String, String)) -> String {
    assert!(head.starts_with("http/1.1 200 ") && body.starts_with("0{\"sid\":\""), "{head}{body}");
    body["0{\"sid\":\"".len()..].split('"').next().unwrap_or_default().to_owned()
}

async fn answer<R: Runtime + Clone>(stage: &Stage<R>, wire: &mut Wire) -> (String, String) {
    stage.soon("a response", wire.response()).await.expect("the server answers")
}

/// Others are served as if nothing had happened.
async fn is_fine<R: Runtime + Clone>(stage: &Stage<R>, addr: SocketAddr) {
    let client = stage.client(addr).build().expect("it is a URL");
    stage.soon("a socket", client.socket("/").connect()).await.expect("the server is there");
    stage.soon("the close", client.close()).await;
}

/// Byte by byte, cut in the middle of the request line and of a header.
pub async fn in_pieces_is_answered<R: Runtime + Clone>(stage: &Stage<R>) {
    let (_, addr, _) = serve(stage).await;
    let mut wire = stage.wire(addr).await;
    for (number, byte) in OPEN.bytes().enumerate() {
        wire.write([byte]).await.expect("the server reads");
        if number % 7 == 0 {
            stage.pause().await;
        }
    }
    sid(&answer(stage, &mut wire).await);
    // The same connection again, in two pieces.
    let (first, second) = OPEN.split_at(10);
    wire.write(first).await.expect("the server reads");
    stage.pause().await;
    wire.write(second).await.expect("the server reads");
    sid(&answer(stage, &mut wire).await);
}

/// Several requests at once, one of them after a body: each is answered, in their order, on the one connection.
pub async fn that_is_pipelined_is_answered_in_order<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, log) = serve(stage).await;
    let mut wire = stage.wire(addr).await;
    wire.write(OPEN.repeat(3)).await.expect("the server reads");
    let mut sids = Vec::new();
    for _ in 0..3 {
        sids.push(sid(&answer(stage, &mut wire).await));
    }
    sids.dedup();
    assert_eq!((sids.len(), server.sessions()), (3, 3));
    let all = [post(&sids[0], "40"), get(&sids[0]), post(&sids[0], "42[\"hello\"]"), post(&sids[1], "40")].concat();
    wire.write(&all).await.expect("the server reads");
    assert_eq!(answer(stage, &mut wire).await.1, "ok");
    assert!(answer(stage, &mut wire).await.1.starts_with("40{\"sid\":\""));
    assert_eq!(answer(stage, &mut wire).await.1, "ok");
    assert_eq!(answer(stage, &mut wire).await.1, "ok");
    let mut words = Vec::new();
    for _ in 0..3 {
        words.push(log.heard(stage).await);
    }
    // Of two sessions, which nobody keeps in order.
    words.sort();
    assert_eq!(words, ["connect", "connect", "hello "]);
}

/// The connection ends with the answer if the client has closed its side, and at once if there is no request.
pub async fn ends_with_the_clients_half<R: Runtime + Clone>(stage: &Stage<R>) {
    let (_, addr, _) = serve(stage).await;
    for (request, answered) in [("", false), (OPEN, true), (OPEN, false)] {
        let mut wire = stage.wire(addr).await;
        wire.write(request).await.expect("the server reads");
        if answered {
            sid(&answer(stage, &mut wire).await);
        }
        wire.shutdown().await.expect("it is open");
        let rest = stage.soon("the end", wire.rest()).await.expect("it is no error");
        let rest = String::from_utf8(rest).expect("it is text");
        match request.is_empty() || answered {
            true => assert_eq!(rest, ""),
            false => assert!(rest.starts_with("HTTP/1.1 200 ") && rest.ends_with('}'), "{rest}"),
        }
    }
}

/// A handshake, a POST, a poll that has something to fetch, and one that has to wait for it.
pub async fn that_is_half_closed_is_answered<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = builder(stage).half_close_timeout(Duration::from_secs(60)).build().expect("it is allowed");
    let log = Log::of_all(&server.namespace("/"));
    let addr = stage.serve(&server).await;
    let begin = async |request: &str| {
        let mut wire = stage.wire(addr).await;
        wire.write(request).await.expect("the server reads");
        wire.shutdown().await.expect("it is open");
        wire
    };
    // Whether the end comes together with the request is chance.
    for _ in 0..30 {
        let sid = sid(&answer(stage, &mut begin(OPEN).await).await);
        assert_eq!(answer(stage, &mut begin(&post(&sid, "40")).await).await.1, "ok");
        log.hears(stage, "connect").await;
        let (_, body) = answer(stage, &mut begin(&get(&sid)).await).await;
        assert!(body.starts_with("40{"), "{body}");
        let mut poll = begin(&get(&sid)).await;
        stage.pause().await;
        assert_eq!(answer(stage, &mut begin(&post(&sid, "420[\"ask\"]\u{1e}42[\"next\"]")).await).await.1, "ok");
        log.hears(stage, "ask ").await;
        log.hears(stage, "next ").await;
        server.emit("told", ()).expect("it can be encoded");
        assert_eq!(answer(stage, &mut poll).await.1, "42[\"told\"]");
        assert_eq!(stage.soon("the end", poll.rest()).await.expect("it is no error"), b"");
        assert_eq!(answer(stage, &mut begin(&post(&sid, "41")).await).await.1, "ok");
        log.hears(stage, "client namespace disconnect").await;
    }
}

/// Up to `max_header_size` it is read, whatever pieces it comes in; beyond that it is refused.
pub async fn with_too_long_a_head_is_refused<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, _) = serve(stage).await;
    let small = builder(stage).max_header_size(2000).build().expect("it is allowed");
    let small_addr = stage.serve(&small).await;
    for (addr, limit) in [(addr, 16 * 1024), (small_addr, 2000)] {
        let head = |length: usize| {
            let around = OPEN.len() + "x-padding: \r\n".len();
            OPEN.replace("\r\n\r\n", &format!("\r\nx-padding: {}\r\n\r\n", "x".repeat(length - around)))
        };
        for pieces in [1, 3] {
            let request = head(limit);
            let mut wire = stage.wire(addr).await;
            for piece in request.as_bytes().chunks(request.len().div_ceil(pieces)) {
                wire.write(piece).await.expect("the server reads");
                stage.pause().await;
            }
            sid(&answer(stage, &mut wire).await);
            // The bound is each request's, not the connection's.
            wire.write(&request).await.expect("the server reads");
            sid(&answer(stage, &mut wire).await);
        }
        let mut wire = stage.wire(addr).await;
        wire.write(head(limit + 1)).await.expect("the server reads");
        let (head, _) = answer(stage, &mut wire).await;
        assert!(head.starts_with("http/1.1 431 "), "{head}");
        _ = stage.soon("the end", wire.rest()).await;
    }
    is_fine(stage, addr).await;
    assert!(server.sessions() > 0);
}

/// A client that asks and asks, and reads no answer, is dropped; so is one that reads no WebSocket, though it sends pongs.
pub async fn whose_answers_are_not_read_is_dropped<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = builder(stage).write_timeout(Duration::from_millis(200)).build().expect("it is allowed");
    let log = Log::of_all(&server.namespace("/"));
    let addr = stage.serve(&server).await;
    let mut wire = stage.wire(addr).await;
    let asking = async { while wire.write(get("unknown").repeat(100)).await.is_ok() {} };
    stage.soon("the end of the connection", asking).await;

    let mut wire = stage.wire(addr).await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let request = OPEN.replace("=polling", "=websocket").replace("\r\n\r\n", &format!("\r\n{upgrade}"));
    wire.write(request).await.expect("the server reads");
    // Text frames with a mask of zeros.
    wire.write([&b"\x81\x82\0\0\0\0"[..], b"40"].concat()).await.expect("the server reads");
    log.hears(stage, "connect").await;
    let large = "x".repeat(7_000_000);
    for _ in 0..2 {
        server.emit("large", (&large,)).expect("it can be encoded");
    }
    let pongs = async {
        while wire.write([&b"\x81\x81\0\0\0\0"[..], b"3"].concat()).await.is_ok() {
            stage.pause().await;
        }
    };
    stage.soon("the end of the WebSocket", pongs).await;
    log.hears(stage, "transport error").await;
    stage.until("the end of the session", || server.sessions() == 0).await;
}

/// Cut between head and body, within a packet and within a character; one of many packets.
pub async fn with_a_body_in_pieces_is_one_payload<R: Runtime + Clone>(stage: &Stage<R>) {
    let (_, addr, log) = serve(stage).await;
    let mut wire = stage.wire(addr).await;
    wire.write(OPEN).await.expect("the server reads");
    let sid = sid(&answer(stage, &mut wire).await);
    wire.write(post(&sid, "40")).await.expect("the server reads");
    assert_eq!(answer(stage, &mut wire).await.1, "ok");
    log.hears(stage, "connect").await;
    let body = "42[\"grüß\",\"世界\"]\u{1e}42[\"next\"]";
    let request = post(&sid, body);
    let cuts = request.len() - body.len()..=request.len();
    let mut begin = 0;
    for end in cuts {
        wire.write(&request.as_bytes()[begin..end]).await.expect("the server reads");
        stage.pause().await;
        begin = end;
    }
    assert_eq!(answer(stage, &mut wire).await.1, "ok");
    for word in ["grüß \"世界\"", "next "] {
        log.hears(stage, word).await;
    }
}

/// In the request line, in a header, in a body, and while the answer is waited for.
pub async fn that_breaks_off_harms_nobody<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, log) = serve(stage).await;
    for part in ["", "G", "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nho", &OPEN[..OPEN.len() - 2]] {
        let mut wire = stage.wire(addr).await;
        wire.write(part).await.expect("the server reads");
        stage.pause().await;
    }
    for (part, ends) in [(true, false), (false, true), (true, true)] {
        let mut wire = stage.wire(addr).await;
        wire.write(OPEN).await.expect("the server reads");
        let sid = sid(&answer(stage, &mut wire).await);
        wire.write(post(&sid, "40")).await.expect("the server reads");
        assert_eq!(answer(stage, &mut wire).await.1, "ok");
        log.hears(stage, "connect").await;
        wire.write(get(&sid)).await.expect("the server reads");
        assert!(answer(stage, &mut wire).await.1.starts_with("40{\"sid\":\""));
        let request = if part { post(&sid, "42[\"never\"]") } else { get(&sid) };
        let length = request.len() - if part { 5 } else { 0 };
        wire.write(&request[..length]).await.expect("the server reads");
        stage.pause().await;
        if ends {
            _ = wire.shutdown().await;
        }
        drop(wire);
        // The session hears of its request that has gone.
        let reason = log.heard(stage).await;
        assert!(["transport error", "transport close"].contains(&&*reason), "{reason}");
    }
    is_fine(stage, addr).await;
    stage.until("the end of all sessions", || server.sessions() == 0).await;
}

/// A request that asks for a WebSocket.
fn websocket(query: &str, version: &str) -> String {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/{version}\r\nhost: localhost\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
}

/// An empty `sid` names no session: the request opens one, by polling and by WebSocket.
pub async fn with_an_empty_sid_opens_a_session<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, _) = serve(stage).await;
    for empty in ["&sid=", "&sid"] {
        let mut wire = stage.wire(addr).await;
        wire.write(OPEN.replace("polling ", &format!("polling{empty} "))).await.expect("the server reads");
        sid(&answer(stage, &mut wire).await);
        let mut wire = stage.wire(addr).await;
        wire.write(websocket(empty, "1.1")).await.expect("the server reads");
        let head = answer(stage, &mut wire).await.0;
        assert!(head.starts_with("http/1.1 101 "), "{head}");
        stage.soon("the open packet", wire.until("0{\"sid\":\"")).await.expect("the server opens a session");
        stage.until("both sessions", || server.sessions() >= 2).await;
    }
}

/// HTTP/1.0 cannot change the protocol of a connection: the answer is 400, and the session that was to move goes on.
pub async fn of_version_1_0_gets_no_websocket<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, log) = serve(stage).await;
    let mut polling = stage.wire(addr).await;
    polling.write(OPEN).await.expect("the server reads");
    let sid = sid(&answer(stage, &mut polling).await);
    for query in ["", &format!("&sid={sid}")] {
        let mut wire = stage.wire(addr).await;
        wire.write(websocket(query, "1.0")).await.expect("the server reads");
        let (head, body) = answer(stage, &mut wire).await;
        assert!(head.starts_with("http/1.0 400 ") && head.contains("text/plain"), "{head}");
        assert_eq!(body, "HTTP/1.1 is required");
        assert_eq!(stage.soon("the end", wire.rest()).await.expect("it is no error"), b"");
    }
    assert_eq!(server.sessions(), 1);
    polling.write(post(&sid, "40")).await.expect("the server reads");
    assert_eq!(answer(stage, &mut polling).await.1, "ok");
    log.hears(stage, "connect").await;
}

/// It is answered with 400, or not at all, and the connection ends.
pub async fn that_is_none_is_refused<R: Runtime + Clone>(stage: &Stage<R>) {
    let (server, addr, _) = serve(stage).await;
    let endless = format!("GET /{} HTTP/1.1\r\n", "x".repeat(600_000));
    for text in ["NO HTTP\r\n\r\n", "\u{0}\u{1}\u{2}\u{3}\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", &endless] {
        let mut wire = stage.wire(addr).await;
        // The server may hang up before it has read everything.
        _ = stage.soon("the write", wire.write(text)).await;
        if let Ok(rest) = stage.soon("the end", wire.rest()).await {
            let rest = String::from_utf8_lossy(&rest).into_owned();
            let head: String = rest.lines().next().unwrap_or_default().to_owned();
            assert!(head.is_empty() || head.starts_with("HTTP/1.1 4"), "{head}");
        }
    }
    assert_eq!(server.sessions(), 0);
    is_fine(stage, addr).await;
}
