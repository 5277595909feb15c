//! A client's handlers, tested in virtual time: the network breaks, the client comes back by itself, and nobody sleeps. For those of a
//! server see `simulated_handlers`.
//!
//! Run it: `cargo run -p socketio-testkit --example simulated_client`

use std::sync::{Arc, Mutex};
use std::time::Duration;

use socketio_runtime::{Client, ClientBuilder, Runtime, ServerBuilder, Socket};
use socketio_testkit::{SimRuntime, Timer};

/// The application: it subscribes whenever it is connected, and keeps what it is told.
fn application(client: &Client) -> Arc<Mutex<Vec<u64>>> {
    let (socket, prices) = (client.socket("/"), Arc::new(Mutex::new(Vec::new())));
    let told = prices.clone();
    socket.on("price", move |_, (price,): (u64,)| {
        told.lock().expect("no panic").push(price);
        std::future::ready(())
    });
    socket.on_connect(async |socket| _ = socket.emit("subscribe", ("tea",)));
    drop(socket.connect());
    prices
}

fn main() {
    SimRuntime::explore(0..100, |sim| {
        let server = ServerBuilder::on(sim.clone()).build().expect("sound options");
        let root = server.namespace("/");
        root.on("subscribe", async |socket: Socket, (topic,): (String,)| socket.join(topic));
        // Pauses between attempts are random, and not by the seed: without jitter each run takes the same time.
        let client = ClientBuilder::on(sim.clone(), "http://localhost:3000").randomization_factor(0.0);
        let client = client.build().expect("sound options");
        sim.run(async {
            let listener = server.bind("127.0.0.1:3000").await.expect("a free port");
            sim.spawn(Box::pin(listener.serve()));
            let prices = application(&client);

            sim.sleep(Duration::from_secs(10)).await;
            root.to("tea").emit("price", (7,)).expect("it can be encoded");
            sim.sleep(Duration::from_secs(10)).await;
            sim.reset();
            sim.sleep(Duration::from_secs(10)).await;
            root.to("tea").emit("price", (8,)).expect("it can be encoded");
            sim.sleep(Duration::from_secs(10)).await;

            assert_eq!(*prices.lock().expect("no panic"), [7, 8]);
            client.close().await;
            server.close().await;
        });
    });
}
