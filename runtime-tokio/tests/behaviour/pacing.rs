//! Backpressure of slow handlers on their clients.

use socketio_tokio::{HandlerError, Server, Socket};
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};
use tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::support::{
    Frame, HasWorld, Polling, World, Ws, dial_buffered, frame_bytes, secs, server, server_with, until,
};

/// An event `name` with `bytes` bytes of data.
fn event(name: &str, bytes: usize) -> Vec<u8> {
    let text = format!("42[\"{name}\",\"{}\"]", "x".repeat(bytes));
    frame_bytes(OpCode::Data(Data::Text), true, text.as_bytes())
}

/// Each event waits at the gate.
fn slow(server: &Server) {
    let root = server.namespace("/");
    root.on("slow", async |socket: Socket, ()| {
        socket.world().gate().await;
        socket.world().say("done");
    });
    root.on("echo", async |_, (n,): (u32,)| n);
    root.on_disconnect(async |socket: Socket, reason| socket.world().say(reason));
}

/// A client from which reading is paused, the number of events it has sent, and the unsent rest of the last.
async fn paused(server: &Server) -> (Ws, usize, Vec<u8>) {
    let mut client = Ws::connect_buffered(server, 4096).await;
    let flood = client.flood(&event("slow", 1000), secs(10)).await;
    (client, flood.frames, flood.rest)
}

async fn done(world: &World, count: usize) {
    for _ in 0..count {
        world.hears("done").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_pauses_reading_from_only_its_client_at_64_events() {
    let (server, _) = server();
    slow(&server);
    let (_client, sent, _) = paused(&server).await;
    // One is being handled, 64 are queued, and the stream buffers some.
    assert!((65..=80).contains(&sent), "{sent} events");
    let mut neighbour = Ws::connect(&server).await;
    neighbour.send("420[\"echo\",1]").await;
    neighbour.expect("430[1]").await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_handler_pauses_reading_at_256_kib() {
    let (server, _) = server();
    slow(&server);
    let mut client = Ws::connect_buffered(&server, 4096).await;
    let sent = client.flood(&event("slow", 60_000), secs(10)).await.frames;
    assert!((5..=8).contains(&sent), "{sent} events");
}

#[tokio::test(start_paused = true)]
async fn reading_resumes_when_the_handler_has_caught_up() {
    let (server, world) = server();
    slow(&server);
    let (mut client, sent, rest) = paused(&server).await;
    world.open(100_000);
    client.send_raw(&rest).await;
    done(&world, sent).await;
    client.send("421[\"echo\",5]").await;
    client.expect("431[5]").await;
    // A second time.
    for _ in 0..300 {
        client.send_raw(&event("slow", 1000)).await;
    }
    done(&world, 300).await;
}

#[tokio::test(start_paused = true)]
async fn reading_resumes_at_half_the_bound() {
    let (server, world) = server();
    slow(&server);
    let (mut client, sent, rest) = paused(&server).await;
    let event = event("slow", 1000);
    world.open(20);
    assert_eq!(client.flood(&rest, secs(10)).await.frames.min(1), 0, "read again too early");
    world.open(20);
    client.send_raw(&rest).await;
    let more = client.flood(&event, secs(10)).await;
    assert!(more.frames > 20, "{} events", more.frames);
    world.open(100_000);
    client.send_raw(&more.rest).await;
    done(&world, sent + more.frames).await;
}

#[tokio::test(start_paused = true)]
async fn the_pong_deadline_is_suspended_while_reading_is_paused() {
    let (server, world) = server();
    slow(&server);
    let (mut client, sent, rest) = paused(&server).await;
    sleep(secs(600)).await;
    assert_eq!((server.sessions(), world.all()), (1, vec![]));
    world.open(100_000);
    client.send_raw(&rest).await;
    done(&world, sent).await;
    sleep(secs(19)).await;
    client.send("3").await;
    // The heartbeat continues normally.
    assert_eq!(client.frame().await, Some(Frame::text("2")));
    client.is_quiet_for(secs(24)).await;
    assert_eq!(client.frame().await, Some(Frame::text("2")));
}

#[tokio::test(start_paused = true)]
async fn the_pong_deadline_restarts_in_full_when_reading_resumes() {
    let (server, world) = server();
    slow(&server);
    let (client, ..) = paused(&server).await;
    sleep(secs(600)).await;
    world.open(100_000);
    until("the events to be handled", || world.count() >= 64).await;
    world.all();
    sleep(secs(19)).await;
    assert_eq!((server.sessions(), world.all()), (1, vec![]));
    sleep(secs(2)).await;
    assert_eq!((server.sessions(), world.all()), (0, vec!["ping timeout".to_owned()]));
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn an_awaited_ack_raises_the_bound_to_four_payloads_until_its_timeout() {
    let (server, world) = server_with(|builder| builder.max_payload(200_000));
    let root = server.namespace("/");
    root.on("ask", async |socket: Socket, ()| socket.emit_with_ack::<_, ()>("question", ()).await);
    root.on("other", async |socket: Socket, ()| socket.world().say("done"));
    root.on_error(async |socket: Socket, error: HandlerError| socket.world().say(error));
    let mut client = Ws::connect_buffered(&server, 4096).await;
    client.send("42[\"ask\"]").await;
    let flood = client.flood(&event("other", 10_000), secs(10)).await;
    // 800 kB instead of 256 KiB.
    assert!((80..=90).contains(&flood.frames), "{} events", flood.frames);
    // The ack stays unread after them.
    let answer = frame_bytes(OpCode::Data(Data::Text), true, b"430[]");
    client.send_raw(&[flood.rest, answer].concat()).await;
    until("everything to be handled", || world.count() == flood.frames + 1).await;
    assert!(world.all().contains(&"operation has timed out".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn over_polling_a_body_of_many_events_is_decoded_as_handlers_catch_up() {
    let (server, world) = server();
    slow(&server);
    let mut client = Polling::connect(&server).await;
    let body = vec!["42[\"slow\"]"; 500].join("\u{1e}");
    let poster = client.clone();
    let posting = tokio::spawn(async move { poster.send(&body).await });
    sleep(secs(20)).await;
    assert!(!posting.is_finished());
    let mut neighbour = Polling::connect(&server).await;
    neighbour.send("420[\"echo\",1]").await;
    neighbour.expect("430[1]").await;
    world.open(300);
    sleep(secs(1)).await;
    assert!(!posting.is_finished());
    world.open(200);
    posting.await.unwrap();
    done(&world, 500).await;
    client.send("421[\"echo\",2]").await;
    client.expect("431[2]").await;
}

#[tokio::test(start_paused = true)]
async fn over_polling_the_next_body_is_not_read_before_handlers_have_caught_up() {
    let (server, world) = server();
    slow(&server);
    let client = Polling::connect(&server).await;
    // All of it is read, and then the inbox is full.
    client.send(&vec!["42[\"slow\"]"; 66].join("\u{1e}")).await;
    let mut stream = dial_buffered(&server, 4096);
    let text = "x".repeat(100_000);
    let body = format!("42[\"slow\",\"{text}\"]");
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", client.target(), body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    while let Ok(written) = timeout(secs(10), stream.write(&body.as_bytes()[sent..])).await {
        sent += written.unwrap();
        assert!(sent < 30_000, "{sent} bytes");
    }
    world.open(100);
    stream.write_all(&body.as_bytes()[sent..]).await.unwrap();
    done(&world, 67).await;
}
