//! The simulated runtime, and a server on it.
#![allow(missing_docs)]

#[path = "../examples/support/polling.rs"]
mod polling;

use std::time::Duration;

use hyper::rt::Timer;
use polling::Client;
use socketio_runtime::{Runtime, ServerBuilder, Socket};
use socketio_testkit::SimRuntime;

async fn serve(sim: &SimRuntime) -> socketio_runtime::Server {
    let server = ServerBuilder::on(sim.clone()).build().unwrap();
    server.namespace("/").on("echo", async |_: Socket, (text,): (String,)| text);
    let listener = server.bind("127.0.0.1:80").await.unwrap();
    sim.spawn(Box::pin(listener.serve()));
    server
}

#[test]
fn a_server_answers_whatever_the_network_does_to_its_bytes() {
    SimRuntime::explore(0..200, |sim| {
        sim.run(async {
            let server = serve(&sim).await;
            let mut client = Client::open(&sim, 80).await;
            for number in 0..5 {
                let text = "x".repeat(number * 5000);
                client.send(&format!(r#"42{number}["echo","{text}"]"#)).await;
                assert_eq!(client.next().await, format!(r#"43{number}["{text}"]"#));
                sim.stall(Duration::from_secs(2));
            }
            client.close().await;
            server.close().await;
            assert_eq!(server.sessions(), 0);
        });
    });
}

#[test]
fn the_same_seed_takes_the_same_time() {
    let time = |seed| {
        let sim = SimRuntime::new(seed);
        let start = sim.now();
        sim.run(async {
            let server = serve(&sim).await;
            let mut client = Client::open(&sim, 80).await;
            client.send(r#"420["echo","a"]"#).await;
            client.next().await;
            client.close().await;
            server.close().await;
        });
        sim.now() - start
    };
    assert_eq!(time(3), time(3));
    assert_ne!(time(3), time(4));
}

#[test]
fn a_client_that_is_cut_off_is_forgotten() {
    SimRuntime::explore(0..50, |sim| {
        sim.run(async {
            let server = serve(&sim).await;
            let client = Client::open(&sim, 80).await;
            assert_eq!(server.sessions(), 1);
            sim.reset();
            drop(client);
            sim.sleep(Duration::from_secs(60)).await;
            assert_eq!((server.sessions(), sim.connections()), (0, 0));
        });
    });
}

#[test]
#[should_panic(expected = "all tasks wait")]
fn a_deadlock_is_seen() {
    SimRuntime::new(0).run(std::future::pending::<()>());
}
