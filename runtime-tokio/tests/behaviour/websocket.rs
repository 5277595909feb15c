//! The WebSocket transport on the wire, and the upgrade to it.

use socketio_tokio::server::DisconnectReason;
use socketio_tokio::{Bytes, Server, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use crate::support::{
    Frame, HasWorld, Polling, World, Ws, dial, frame_bytes, secs, server, server_with, settle, until,
};

const TEXT: OpCode = OpCode::Data(Data::Text);
const BINARY: OpCode = OpCode::Data(Data::Binary);
const CONTINUE: OpCode = OpCode::Data(Data::Continue);
const PING: OpCode = OpCode::Control(Control::Ping);
const PONG: OpCode = OpCode::Control(Control::Pong);
const CLOSE: OpCode = OpCode::Control(Control::Close);

fn echo(server: &Server) {
    let root = server.namespace("/");
    root.on("echo", async |_, (text,): (String,)| text);
    root.on("bytes", async |_, (bytes,): (Bytes,)| bytes);
    root.on_disconnect(async |socket: Socket, reason: DisconnectReason| socket.world().say(reason));
}

fn echo_server() -> (Server, World) {
    let (server, world) = server_with(|builder| builder.max_payload(1000));
    echo(&server);
    (server, world)
}

// --- frames -----------------------------------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_malformed_frame_closes_with_the_code_of_its_error() {
    let (server, world) = echo_server();
    let mut reserved_bit = frame_bytes(TEXT, true, b"42[]");
    reserved_bit[0] |= 0x40;
    let unmasked = b"\x81\x01x".to_vec();
    let reserved_opcode = [&[0x83][..], &frame_bytes(TEXT, true, b"x")[1..]].concat();
    let huge = [0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4].to_vec();
    let fragments = [frame_bytes(BINARY, false, &[0; 600]), frame_bytes(CONTINUE, false, &[0; 600])].concat();
    for (bytes, code) in [
        (frame_bytes(TEXT, true, &[b'4'; 1001]), 1009),
        (huge, 1009),
        (fragments, 1009),
        (frame_bytes(TEXT, true, b"42[\"\xff\"]"), 1007),
        (frame_bytes(TEXT, true, b"42[\"\xc3"), 1007),
        (reserved_bit, 1002),
        (unmasked, 1002),
        (reserved_opcode, 1002),
        (frame_bytes(CONTINUE, true, b"x"), 1002),
        ([frame_bytes(TEXT, false, b"4"), frame_bytes(TEXT, true, b"4")].concat(), 1002),
        (frame_bytes(PING, false, b""), 1002),
        (frame_bytes(PING, true, &[0; 126]), 1002),
    ] {
        let mut client = Ws::connect(&server).await;
        client.send_raw(&bytes).await;
        assert_eq!(client.next().await, Some(Frame::Close(Some(code))), "{bytes:?}");
        assert_eq!(client.frame().await, None);
        world.hears("transport error").await;
    }
    assert_eq!((server.sessions(), server.namespace("/").len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_message_of_exactly_the_limit_is_accepted() {
    let (server, _) = echo_server();
    let mut client = Ws::connect(&server).await;
    let text = "x".repeat(1000 - "420[\"echo\",\"\"]".len());
    client.send(&format!("420[\"echo\",\"{text}\"]")).await;
    client.expect(&format!("430[\"{text}\"]")).await;
}

#[tokio::test(start_paused = true)]
async fn fragments_are_reassembled_and_pings_between_them_answered() {
    let (server, _) = echo_server();
    let mut client = Ws::connect(&server).await;
    let text = "420[\"echo\",\"häuser\"]".as_bytes();
    // Also split within a character.
    let cut = text.iter().position(|byte| *byte == 0xc3).unwrap() + 1;
    client.send_raw(&frame_bytes(TEXT, false, &text[..3])).await;
    client.send_raw(&frame_bytes(PING, true, b"are you there?")).await;
    assert_eq!(client.next().await, Some(Frame::Pong(b"are you there?".to_vec())));
    client.send_raw(&frame_bytes(CONTINUE, false, &text[3..cut])).await;
    client.send_raw(&frame_bytes(CONTINUE, false, b"")).await;
    settle().await;
    client.send_raw(&frame_bytes(CONTINUE, true, &text[cut..])).await;
    client.expect("430[\"häuser\"]").await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_with_its_payload_and_a_stray_pong_ignored() {
    let (server, _) = echo_server();
    let mut client = Ws::connect(&server).await;
    client.send_raw(&frame_bytes(PONG, true, b"unasked")).await;
    for payload in [&b""[..], b"x", &[7; 125]] {
        client.send_raw(&frame_bytes(PING, true, payload)).await;
        assert_eq!(client.next().await, Some(Frame::Pong(payload.to_vec())));
    }
    client.is_quiet_for(secs(60)).await;
}

#[tokio::test(start_paused = true)]
async fn frames_are_decoded_however_the_stream_splits_them() {
    let (server, _) = echo_server();
    let mut client = Ws::connect(&server).await;
    let mut bytes = Vec::new();
    for n in 0..200 {
        let text = format!("42{n}[\"echo\",\"{}\"]", "x".repeat(n));
        bytes.extend(frame_bytes(TEXT, true, text.as_bytes()));
    }
    for byte in &bytes[..1000] {
        client.send_raw(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    client.send_raw(&bytes[1000..]).await;
    for n in 0..200 {
        client.expect(&format!("43{n}[\"{}\"]", "x".repeat(n))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn large_messages_pass_a_small_stream_buffer_in_both_directions() {
    let (server, _) = server();
    echo(&server);
    let client = Ws::connect_buffered(&server, 1000).await;
    let bytes: Vec<u8> = (0..900_000_u32).map(|n| (n % 251) as u8).collect();
    let request = [
        frame_bytes(TEXT, true, b"451-0[\"bytes\",{\"_placeholder\":true,\"num\":0}]"),
        frame_bytes(BINARY, true, &bytes),
    ];
    let mut client = client;
    client.send_raw(&request.concat()).await;
    client.expect("461-0[{\"_placeholder\":true,\"num\":0}]").await;
    assert_eq!(client.next().await, Some(Frame::Binary(bytes)));
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_is_echoed_and_what_follows_it_ignored() {
    let (server, world) = echo_server();
    let mut client = Ws::connect(&server).await;
    let bytes = [
        frame_bytes(TEXT, true, b"420[\"echo\",\"before\"]"),
        frame_bytes(CLOSE, true, &[&1001_u16.to_be_bytes()[..], b"going"].concat()),
        frame_bytes(TEXT, true, b"421[\"echo\",\"after\"]"),
    ];
    client.send_raw(&bytes.concat()).await;
    world.hears("transport close").await;
    let frames = client.drain().await;
    assert_eq!(frames.last(), Some(&Frame::Close(Some(1001))));
    assert!(!frames.contains(&Frame::text("431[\"after\"]")));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_answers_a_close_frame_is_disconnected() {
    let (server, world) = echo_server();
    server.namespace("/").on("end", async |socket: Socket, ()| socket.disconnect_all());
    let mut client = Ws::connect(&server).await;
    client.send("42[\"end\"]").await;
    world.hears("server namespace disconnect").await;
    let ended = Instant::now();
    assert_eq!(client.drain().await, [Frame::text("41"), Frame::Close(None)]);
    assert_eq!(ended.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_unexpected_packet_type_is_a_parse_error() {
    let (server, world) = echo_server();
    let mut client = Ws::connect(&server).await;
    client.send("7").await;
    world.hears("parse error").await;
    client.closes_with(None).await;
    // Binary data without a binary event before it.
    let mut client = Ws::connect(&server).await;
    client.send_binary(b"unasked").await;
    world.hears("forced close").await;
    client.closes_with(None).await;
}

// --- the upgrade ------------------------------------------------------------------------------------------------------

async fn probe(server: &Server, polling: &Polling) -> Ws {
    let target = polling.target().replace("transport=polling", "transport=websocket");
    Ws::attach(dial(server), &target).await
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_moves_the_session_and_loses_nothing() {
    let (server, _) = server();
    echo(&server);
    let mut polling = Polling::engine(&server).await;
    let id = polling.join("/").await;
    let socket = server.namespace("/").socket(&id).unwrap();
    let held = polling.poll();
    let mut ws = probe(&server, &polling).await;
    settle().await;
    assert!(!held.is_finished());
    ws.send("2probe").await;
    assert_eq!(ws.frame().await, Some(Frame::text("3probe")));
    held.await.unwrap().unwrap().is(200, "6");

    // Until the upgrade is complete everything is sent by polling.
    socket.emit("between", ()).unwrap();
    polling.get().await.is(200, "42[\"between\"]");
    polling.send("420[\"echo\",\"by polling\"]").await;
    settle().await;
    ws.send("5").await;
    ws.expect("430[\"by polling\"]").await;
    assert_eq!(socket.transport().as_str(), "websocket");
    ws.send("421[\"echo\",\"by websocket\"]").await;
    ws.expect("431[\"by websocket\"]").await;
    polling.get().await.is(400, "{\"code\":3,\"message\":\"Bad request\"}");
    polling.post("42[]").await.is(400, "{\"code\":3,\"message\":\"Bad request\"}");
    ws.is_quiet_for(secs(60)).await;

    // A second upgrade is refused.
    let second = probe(&server, &polling).await;
    second.closes_with(None).await;
    ws.send("422[\"echo\",\"still here\"]").await;
    ws.expect("432[\"still here\"]").await;
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_overlaps_the_probe_does_not_stall_the_upgrade() {
    let (server, _) = server();
    echo(&server);
    let polling = Polling::connect(&server).await;
    let mut ws = probe(&server, &polling).await;
    ws.send("2probe").await;
    assert_eq!(ws.frame().await, Some(Frame::text("3probe")));
    // The poll arrives after the answer to the probe.
    polling.get().await.is(200, "6");
    let held = polling.poll();
    ws.send("5").await;
    held.await.unwrap().unwrap();
    ws.send("420[\"echo\",\"x\"]").await;
    ws.expect("430[\"x\"]").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_keeps_the_session_on_polling() {
    let (server, _) = server();
    echo(&server);
    let mut polling = Polling::connect(&server).await;
    for wrong in ["5", "2", "42[\"echo\",\"x\"]", "x", "3probe"] {
        let mut ws = probe(&server, &polling).await;
        ws.send(wrong).await;
        ws.closes_with(None).await;
        polling.send("420[\"echo\",\"x\"]").await;
        polling.expect("430[\"x\"]").await;
    }
    let mut ws = probe(&server, &polling).await;
    ws.send_raw(&frame_bytes(CONTINUE, true, b"x")).await;
    ws.closes_with(Some(1002)).await;
    let mut ws = probe(&server, &polling).await;
    ws.send("2probe").await;
    drop(ws);
    polling.send("421[\"echo\",\"y\"]").await;
    polling.expect("431[\"y\"]").await;
    // A probe that never begins.
    let ws = probe(&server, &polling).await;
    let begun = Instant::now();
    ws.closes_with(None).await;
    assert_eq!(begun.elapsed().as_secs(), 10);
    let mut ws = probe(&server, &polling).await;
    ws.send("2probe").await;
    ws.expect("3probe").await;
    ws.send("5").await;
    ws.send("422[\"echo\",\"z\"]").await;
    ws.expect("432[\"z\"]").await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_without_a_close_frame_is_disconnected_and_the_session_goes_on() {
    let (server, _) = server();
    let mut polling = Polling::connect(&server).await;
    let mut first = probe(&server, &polling).await;
    let mut second = probe(&server, &polling).await;
    assert_eq!(second.frame().await, Some(Frame::Close(None)));
    first.send("nonsense").await;
    assert_eq!(first.frame().await, Some(Frame::Close(None)));
    tokio::spawn(async move { polling.recv().await });
    sleep(secs(60)).await;
    assert_eq!(server.sessions(), 1);
    let mut byte = [0; 1];
    for mut ws in [first, second] {
        let read = timeout(secs(1), ws.stream.read(&mut byte)).await;
        assert_eq!(read.expect("the stream is still open").unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_for_an_unknown_session_or_another_path_is_refused() {
    let (server, _) = server();
    for (target, status) in [
        ("/socket.io/?EIO=4&transport=websocket&sid=nobody", "HTTP/1.1 400 Bad Request\r\n"),
        ("/socket.io/?EIO=3&transport=websocket", "HTTP/1.1 400 Bad Request\r\n"),
        ("/elsewhere", "HTTP/1.1 404 Not Found\r\n"),
    ] {
        let (_, head) = Ws::try_attach(dial(&server), target).await;
        assert!(head.starts_with(status), "{head}");
    }
    assert_eq!(server.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_disconnects_during_its_handshake_leaves_no_session() {
    let (server, _) = server();
    let mut stream = dial(&server);
    let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    settle().await;
    until("the session to end", || server.sessions() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn the_heartbeat_goes_on_after_an_upgrade() {
    let (server, world) = server();
    echo(&server);
    let polling = Polling::connect(&server).await;
    let mut ws = probe(&server, &polling).await;
    // A ping sent by polling is in flight when the transport changes.
    sleep(secs(24)).await;
    ws = {
        drop(ws);
        probe(&server, &polling).await
    };
    ws.send("2probe").await;
    ws.expect("3probe").await;
    sleep(secs(2)).await;
    ws.send("5").await;
    let begun = Instant::now();
    world.hears("ping timeout").await;
    assert_eq!(begun.elapsed().as_secs(), 45);
}
