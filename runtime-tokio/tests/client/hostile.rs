//! Servers, and parts of the application, that misbehave.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use socketio_tokio::{BoxFuture, BoxStream, Connector, State, TransportKind};

use crate::support::{Network, client, soon, world};

/// The first dials panic.
struct Panicking(Network, AtomicUsize);

impl Connector for Panicking {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        match self.1.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("at once"),
            1 => Box::pin(async { panic!("later") }),
            _ => self.0.connect(host, port),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_panics_fails_its_attempt_alone() {
    for transport in [TransportKind::WebSocket, TransportKind::Polling] {
        let (network, _server) = world();
        let connector = Panicking(network.clone(), AtomicUsize::new(0));
        let client = client(&network).connector(connector).transports([transport]).build().unwrap();
        let mut states = client.states();
        soon("the socket", client.socket("/").connect()).await.unwrap();
        let mut errors = Vec::new();
        while let Some(state) = states.try_next() {
            if let State::AttemptFailed { error, .. } = state {
                errors.push(std::error::Error::source(&error).unwrap().to_string());
            }
        }
        assert_eq!(errors.len(), 2);
        assert!(errors[0].contains("panicked: at once") && errors[1].contains("panicked: later"), "{errors:?}");
    }
}
