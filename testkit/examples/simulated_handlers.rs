//! An application's handlers, tested in virtual time over a hundred networks that differ in timing: no socket is opened, nobody sleeps.
//!
//! Run it: `cargo run -p socketio-testkit --example simulated_handlers`
#![allow(missing_docs)]

#[path = "support/polling.rs"]
mod polling;

use std::time::Duration;

use hyper::rt::Timer;
use polling::Client;
use socketio_runtime::{Runtime, Server, ServerBuilder, Socket};
use socketio_testkit::SimRuntime;

/// The application: it knows nothing of the simulation.
fn application(server: &Server, timer: SimRuntime) {
    let root = server.namespace("/");
    root.on("sum", async |_: Socket, (a, b): (i64, i64)| a + b);
    root.on("report", move |_: Socket, ()| {
        let timer = timer.clone();
        async move {
            timer.sleep(Duration::from_secs(3600)).await; // hard work
            "done"
        }
    });
}

fn main() {
    SimRuntime::explore(0..100, |sim| {
        let server = ServerBuilder::on(sim.clone()).build().expect("sound options");
        application(&server, sim.clone());
        let start = sim.now();
        sim.run(async {
            let listener = server.bind("127.0.0.1:3000").await.expect("a free port");
            sim.spawn(Box::pin(listener.serve()));

            let mut client = Client::open(&sim, 3000).await;
            client.send(r#"4217["sum",1,2]"#).await;
            assert_eq!(client.next().await, "4317[3]");
            client.send(r#"421["report"]"#).await;
            assert_eq!(client.next().await, r#"431["done"]"#);
            client.close().await;
            server.close().await;
        });
        assert!(sim.now() - start >= Duration::from_secs(3600));
        assert_eq!(server.sessions(), 0);
    });
}
