//! How often the tasks of an idle client are polled.

use socketio_runtime::ClientBuilder;
use socketio_tokio::{ServerBuilder, TransportKind};

use crate::support::{Counting, Network, URL, secs, settle, soon};

/// Number of polls of all tasks of a client while its server pings it 100 times.
async fn polls_of_an_idle_client(transport: TransportKind) -> usize {
    let server = ServerBuilder::new().build().unwrap();
    let network = Network::to(&server);
    let runtime = Counting::default();
    let client = ClientBuilder::on(runtime.clone(), URL).connector(network).transports([transport]).build().unwrap();
    soon("the socket", client.socket("/").connect()).await.unwrap();
    settle().await;
    let before = runtime.polls();
    tokio::time::sleep(secs(2501)).await;
    runtime.polls() - before
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_is_polled_only_for_pings_and_its_timer() {
    // One poll for each ping, and one for the ping timeout's timer, which has been extended by the next ping each time.
    let polls = polls_of_an_idle_client(TransportKind::WebSocket).await;
    assert!((100..=2 * 101).contains(&polls), "{polls}");
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_by_polling_is_polled_only_for_its_requests() {
    // Each ping completes a GET, and its pong is a POST: several polls for each, including those of the connection tasks.
    let polls = polls_of_an_idle_client(TransportKind::Polling).await;
    assert!((100..=100 * 16).contains(&polls), "{polls}");
}

#[tokio::test(start_paused = true)]
async fn a_reconnecting_client_is_polled_only_for_its_attempts() {
    let network = Network::default();
    let runtime = Counting::default();
    let client = ClientBuilder::on(runtime.clone(), URL)
        .connector(network.clone())
        .transports([TransportKind::WebSocket])
        .randomization_factor(0.0)
        .reconnection_delay_max(secs(5))
        .build()
        .unwrap();
    client.socket("/").connect();
    tokio::time::sleep(secs(60)).await;
    let (polls, dials) = (runtime.polls(), network.dials().len());
    tokio::time::sleep(secs(500)).await;
    let dials = network.dials().len() - dials;
    assert_eq!(dials, 100);
    // One for the end of each delay, and possibly one for the attempt's own deadline.
    let polls = runtime.polls() - polls;
    assert!((100..=2 * 100).contains(&polls), "{polls}");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_connection_is_not_polled() {
    let server = ServerBuilder::new().build().unwrap();
    let network = Network::to(&server);
    let runtime = Counting::default();
    let client = ClientBuilder::on(runtime.clone(), URL).connector(network).build().unwrap();
    let socket = client.socket("/");
    soon("the socket", socket.connect()).await.unwrap();
    socket.disconnect();
    tokio::time::sleep(secs(300)).await;
    let before = runtime.polls();
    tokio::time::sleep(secs(100_000)).await;
    assert_eq!(runtime.polls(), before);
    drop(client);
}
