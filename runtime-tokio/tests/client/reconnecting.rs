//! Reconnection after a lost connection.

use socketio_tokio::client::State;
use socketio_tokio::{ClientSocket, ServerBuilder, Socket};

use crate::support::{Log, Network, client, secs, settle, soon, until, world};

/// Logs connects and disconnects of a socket.
fn log_steps(socket: &ClientSocket, log: &Log) {
    let pen = log.pen.clone();
    socket.on_connect(move |_| {
        let pen = pen.clone();
        async move { pen.say("connect") }
    });
    let pen = log.pen.clone();
    socket.on_disconnect(move |_, reason: socketio_tokio::client::DisconnectReason| {
        let pen = pen.clone();
        async move { pen.say(reason.as_str()) }
    });
}

#[tokio::test(start_paused = true)]
async fn events_emitted_while_disconnected_arrive_in_order_at_the_next_server() {
    let (network, first) = world();
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    log_steps(&socket, &log);
    soon("the socket", socket.connect()).await.unwrap();
    log.hears("connect").await;
    let former = socket.id();
    network.refuse();
    network.cut();
    log.hears("transport close").await;
    assert!(!socket.is_connected() && socket.is_active());
    for number in 0..100 {
        socket.emit("number", (number,)).unwrap();
    }
    tokio::time::sleep(secs(60)).await;
    let second = ServerBuilder::new().build().unwrap();
    let pen = log.pen.clone();
    second.namespace("/").on("number", move |_: Socket, (number,): (u32,)| {
        let pen = pen.clone();
        async move { pen.say(number) }
    });
    network.replace(&second);
    until("the new connection", || socket.is_connected()).await;
    socket.emit("number", (100,)).unwrap();
    let mut heard = Vec::new();
    while heard.len() < 102 {
        heard.push(log.heard().await);
    }
    heard.retain(|word| word != "connect");
    assert!(heard.iter().enumerate().all(|(index, word)| *word == index.to_string()), "{heard:?}");
    assert_ne!(socket.id(), former);
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn states_report_each_step_of_a_reconnection() {
    let (network, server) = world();
    let client = client(&network).build().unwrap();
    let mut states = client.states();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    network.refuse();
    network.cut();
    tokio::time::sleep(secs(2)).await;
    network.replace(&server);
    let mut steps = Vec::new();
    loop {
        match soon("a state", states.next()).await.unwrap() {
            State::Connecting { attempt } => steps.push(format!("connecting {attempt}")),
            State::Connected { attempt: 0, .. } => steps.push("connected".into()),
            State::Connected { attempt, .. } => break steps.push(format!("reconnected {attempt}")),
            State::Closed { reason, .. } => steps.push(reason.to_string()),
            State::Waiting { attempt, .. } => steps.push(format!("waiting {attempt}")),
            State::AttemptFailed { attempt, .. } => steps.push(format!("failed {attempt}")),
            state => panic!("{state:?}"),
        }
    }
    let expected =
        ["connecting 0", "connected", "transport close", "waiting 1", "connecting 1", "failed 1", "waiting 2"];
    assert_eq!(steps[..7], expected);
    assert!(steps.last().unwrap().starts_with("reconnected "));
}

#[tokio::test(start_paused = true)]
async fn a_socket_disconnected_by_the_server_does_not_reconnect() {
    let (network, server) = world();
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    log_steps(&socket, &log);
    soon("the socket", socket.connect()).await.unwrap();
    log.hears("connect").await;
    server.namespace("/").broadcast().disconnect(false);
    log.hears("io server disconnect").await;
    tokio::time::sleep(secs(600)).await;
    assert!(!socket.is_active() && log.all().is_empty());
    soon("the socket again", socket.connect()).await.unwrap();
    log.hears("connect").await;
    socket.disconnect();
    log.hears("io client disconnect").await;
}

#[tokio::test(start_paused = true)]
async fn close_engine_disconnects_and_reconnects() {
    let (network, server) = world();
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    log_steps(&socket, &log);
    soon("the socket", socket.connect()).await.unwrap();
    log.hears("connect").await;
    client.close_engine();
    let reason = log.heard().await;
    assert!(["forced close", "transport close"].contains(&&*reason), "{reason}");
    log.hears("connect").await;
    until("the end of the former session", || server.sessions() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_a_ping_timeout() {
    let (network, _server) = world();
    let mut log = Log::new();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    log_steps(&socket, &log);
    soon("the socket", socket.connect()).await.unwrap();
    log.hears("connect").await;
    network.hold();
    log.hears("ping timeout").await;
    network.release();
    log.hears("connect").await;
}

#[tokio::test(start_paused = true)]
async fn without_reconnection_a_lost_connection_is_not_replaced() {
    let (network, _server) = world();
    let mut log = Log::new();
    let client = client(&network).reconnection(false).build().unwrap();
    let socket = client.socket("/");
    log_steps(&socket, &log);
    soon("the socket", socket.connect()).await.unwrap();
    log.hears("connect").await;
    network.cut();
    log.hears("transport close").await;
    tokio::time::sleep(secs(600)).await;
    assert!(log.all().is_empty() && network.dials().len() == 1);
    soon("the socket again", socket.connect()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_thousand_reconnections_leak_nothing() {
    let (network, server) = world();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    for _ in 0..1000 {
        network.cut();
        until("the break", || !socket.is_connected()).await;
        until("the reconnection", || socket.is_connected()).await;
    }
    settle().await;
    assert_eq!(server.sessions(), 1);
    let _: Network = network;
}
