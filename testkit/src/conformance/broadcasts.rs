//! Rooms, namespaces, and who hears what.

use std::net::SocketAddr;

use socketio_runtime::{Client, ClientSocket, Runtime, Socket};

use super::log::Log;
use super::stage::Stage;

struct Member {
    client: Client,
    socket: ClientSocket,
    log: Log,
}

/// Clients that have joined, in this order.
async fn members<R: Runtime + Clone>(stage: &Stage<R>, addr: SocketAddr, namespace: &str, count: usize) -> Vec<Member> {
    let mut members = Vec::new();
    for _ in 0..count {
        let client = stage.websocket(addr).build().expect("it is a URL");
        let socket = client.socket(namespace.to_owned());
        let log = Log::of(&socket);
        stage.soon("the socket", socket.connect()).await.expect("the server is there");
        log.hears(stage, "connect").await;
        members.push(Member { client, socket, log });
    }
    members
}

/// What each has heard once all have heard this mark, which was sent last.
async fn heard<R: Runtime + Clone>(stage: &Stage<R>, members: &[Member]) -> Vec<String> {
    let mut all = Vec::new();
    for member in members {
        let mut words = Vec::new();
        loop {
            match &*member.log.heard(stage).await {
                "mark " => break all.push(words.join(" ")),
                word => words.push(word.trim().to_owned()),
            }
        }
    }
    all
}

/// To one room, to two at once, to all but a room, to all but oneself, and to nobody any more after leaving.
pub async fn reach_rooms_and_leave_out_whom_they_are_to<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    root.on("join", async |socket: Socket, (rooms,): (Vec<String>,)| {
        rooms.into_iter().for_each(|room| socket.join(room));
    });
    root.on("leave", async |socket: Socket, (room,): (String,)| socket.leave(&room));
    root.on("tell others", async |socket: Socket, (room,): (String,)| {
        socket.broadcast().emit("others", ()).ok();
        socket.to(room).emit("neighbours", ()).ok();
    });
    let members = members(stage, stage.serve(&server).await, "/", 4).await;
    for (member, rooms) in members.iter().zip([&["a"][..], &["a", "b"], &["b"], &[]]) {
        let joined = member.socket.emit_with_ack::<_, ()>("join", (rooms,));
        stage.soon("an ack", joined).await.expect("an answer");
    }
    let target = root.to("a").to("b");
    assert_eq!(target.sockets().len(), 3);
    target.emit("a or b", ()).expect("it can be encoded");
    let target = root.to("a");
    assert_eq!(target.sockets().len(), 2);
    target.emit("a", ()).expect("it can be encoded");
    let target = root.except("a");
    assert_eq!(target.sockets().len(), 2);
    target.emit("not-a", ()).expect("it can be encoded");
    let target = root.to("a").except("b");
    assert_eq!(target.sockets().len(), 1);
    target.emit("only-a", ()).expect("it can be encoded");
    let target = root.to("nobody");
    assert_eq!(target.sockets().len(), 0);
    target.emit("nobody", ()).expect("it can be encoded");
    root.emit("mark", ()).expect("it can be encoded");
    assert_eq!(heard(stage, &members).await, ["a or b a only-a", "a or b a", "a or b not-a", "not-a"]);
    let left = members[1].socket.emit_with_ack::<_, ()>("leave", ("b",));
    stage.soon("an ack", left).await.expect("an answer");
    let told = members[0].socket.emit_with_ack::<_, ()>("tell others", ("a",));
    stage.soon("an ack", told).await.expect("an answer");
    root.to("b").emit("b", ()).expect("it can be encoded");
    root.emit("mark", ()).expect("it can be encoded");
    assert_eq!(heard(stage, &members).await, ["", "others neighbours", "others b", "others"]);
    members[2].socket.disconnect();
    stage.until("one less", || root.len() == 3).await;
    assert_eq!(root.to("b").sockets(), []);
}

/// Namespaces share a connection and nothing else, and one may leave while another stays.
pub async fn are_of_one_namespace<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let (root, other) = (server.namespace("/"), server.namespace("/other"));
    other.on("name", async |socket: Socket, ()| socket.namespace_name().to_string());
    let members = members(stage, stage.serve(&server).await, "/", 1).await;
    let member = &members[0];
    let there = member.client.socket("other");
    let log = Log::of(&there);
    stage.soon("the other socket", there.connect()).await.expect("the namespace is there");
    log.hears(stage, "connect").await;
    assert_eq!(server.sessions(), 1);
    assert_ne!(there.id(), member.socket.id());
    let name = there.emit_with_ack::<_, String>("name", ());
    assert_eq!(stage.soon("an ack", name).await.expect("an answer"), "/other");
    for namespace in [&root, &other] {
        namespace.emit("hello", (namespace.name(),)).expect("it can be encoded");
    }
    member.log.hears(stage, r#"hello "/""#).await;
    log.hears(stage, r#"hello "/other""#).await;
    there.disconnect();
    log.hears(stage, "io client disconnect").await;
    stage.until("one less there", || other.is_empty()).await;
    assert!(member.socket.is_connected() && root.len() == 1);
    let nowhere = member.client.socket("/nowhere");
    let refused = stage.soon("the refusal", nowhere.connect()).await;
    assert_eq!(refused.map_err(|error| error.to_string()), Err("Invalid namespace".to_owned()));
}

/// They reach who is ready, on both sides; who is not never hears of them, and of everything else.
pub async fn that_are_volatile_skip_who_cannot_take_them<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    let there = Log::of_all(&root);
    let relay = stage.relay(stage.serve(&server).await).await;
    let idle = stage.websocket(relay.addr).build().expect("it is a URL");
    idle.socket("/").volatile().emit("lost", ()).expect("it can be encoded");
    assert_eq!(idle.socket("/").queued_bytes(), 0, "without a connection nothing is kept");
    let members = members(stage, relay.addr, "/", 1).await;
    there.hears(stage, "connect").await;
    let member = &members[0];
    stage.until("nothing to be under way", || member.socket.queued_bytes() == 0).await;
    member.socket.volatile().emit("up", ()).expect("it can be encoded");
    there.hears(stage, "up ").await;
    let socket = root.sockets().pop().expect("there is one");
    stage.until("nothing to be under way", || socket.queued_bytes() == 0).await;
    root.broadcast().volatile().emit("down", ()).expect("it can be encoded");
    member.log.hears(stage, "down ").await;
    relay.hold();
    // More than the network takes: the last ones wait for the client, so that what is volatile can't leave at once.
    let large = "x".repeat(500_000);
    for _ in 0..20 {
        root.emit("large", (&large,)).expect("it can be encoded");
    }
    root.broadcast().volatile().emit("lost", ()).expect("it can be encoded");
    relay.release();
    for _ in 0..20 {
        assert_eq!(member.log.heard(stage).await.len(), large.len() + "large \"\"".len());
    }
    root.emit("mark", ()).expect("it can be encoded");
    member.log.hears(stage, "mark ").await;
}
