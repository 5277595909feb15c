//! What goes to `tracing`.

use std::io;
use std::sync::{Arc, Mutex};

use socketio_tokio::Socket;
use tracing::Level;

use crate::support::{Ws, server, settle, until};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Collects events of this level and above while the guard lives.
async fn collect(level: Level) -> (Lines, tracing::subscriber::DefaultGuard) {
    // `tracing` keeps for each place whether a subscriber is interested. A place that another test reaches for the first time while this
    // subscriber is set would be kept as disabled, so all of them are reached before, and evaluated again after.
    let (server, _) = server();
    server.namespace("/").on("fail", async |_, ()| Err::<(), _>("unheard"));
    let mut client = Ws::connect(&server).await;
    client.send(r#"42["fail"]"#).await;
    settle().await;
    drop(client);
    until("the end of the session", || server.sessions() == 0).await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(level).without_time();
    let guard = tracing::subscriber::set_default(subscriber.with_writer(move || writer.clone()).finish());
    tracing::callsite::rebuild_interest_cache();
    (lines, guard)
}

#[tokio::test(start_paused = true)]
async fn an_error_without_on_error_goes_to_tracing_in_the_span_of_its_socket() {
    let (lines, _guard) = collect(Level::DEBUG).await;
    let (server, _) = server();
    let root = server.namespace("/");
    root.on("fail", async |_, ()| Err::<(), _>("the reason"));
    root.on("panic", async |_, ()| -> () { panic!("the panic") });
    root.on("number", async |_, (_,): (u64,)| ());
    let mut client = Ws::engine(&server).await;
    let id = client.join("/").await;
    for event in [r#"42["fail"]"#, r#"42["panic"]"#, r#"42["number","a secret"]"#] {
        client.send(event).await;
    }
    until("three errors", || lines.text().matches("ERROR").count() == 3).await;
    let text = lines.text();
    let errors: Vec<_> = text.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.iter().all(|line| line.contains("session{number=0}:socket{namespace=/ id=")), "{text}");
    assert!(errors[0].contains("the reason") && errors[1].contains("the panic"), "{text}");
    assert!(errors[2].contains(r#"event="number" index=0"#), "{text}");
    assert!(!text.contains("a secret"), "no argument: {text}");
    let session = root.socket(&id).unwrap().session_id().to_string();
    assert!(text.contains(&id) && !text.contains(&session), "the session's id is a credential: {text}");
}

#[tokio::test(start_paused = true)]
async fn an_error_handled_by_on_error_does_not_go_to_tracing() {
    let (lines, _guard) = collect(Level::INFO).await;
    let (server, world) = server();
    let root = server.namespace("/");
    root.on("fail", async |_, ()| Err::<(), _>("the reason"));
    let seen = world.clone();
    root.on_error(move |_: Socket, error| {
        seen.say(error);
        std::future::ready(())
    });
    let mut client = Ws::connect(&server).await;
    client.send(r#"42["fail"]"#).await;
    world.hears("the reason").await;
    settle().await;
    assert_eq!(lines.text(), "");
}
