//! A server's handlers, tested in virtual time over a hundred networks that differ in timing: no socket is opened, nobody sleeps.
//!
//! Run it: `cargo run -p socketio-testkit --example simulated_handlers`
#![allow(missing_docs, clippy::print_stderr, reason = "this is a program")]

use std::time::Duration;

use socketio_runtime::{ClientBuilder, HandlerError, Runtime, Server, ServerBuilder, Socket};
use socketio_testkit::{SimRuntime, Timer};

/// The application: it knows nothing of the simulation.
fn application(server: &Server, timer: impl Timer + Clone + Send + Sync + 'static) {
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
        server.namespace("/").on_error(async |_: Socket, error: HandlerError| eprintln!("{error}"));
        let client = ClientBuilder::on(sim.clone(), "http://localhost:3000").build().expect("sound options");
        sim.run(async {
            sim.spawn(Box::pin(server.bind("127.0.0.1:3000").await.expect("a free port").serve()));
            let (socket, start) = (client.socket("/"), sim.now());
            socket.connect().await.expect("somebody listens");
            assert_eq!(socket.emit_with_ack::<_, i64>("sum", (1, 2)).await.expect("an answer"), 3);
            assert_eq!(socket.emit_with_ack::<_, String>("report", ()).await.expect("an answer"), "done");
            assert!(sim.now() - start >= Duration::from_secs(3600));
            client.close().await;
            server.close().await;
        });
        assert_eq!(server.sessions(), 0);
    });
}
