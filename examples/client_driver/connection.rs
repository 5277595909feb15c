//! A connection and its sockets: what they hear is printed, in an order that makes sense.

use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use serde_json::{Value as AnyJson, json};

use super::Replies;
use super::values::Plain;
use crate::socketio::client::{AttemptError, ConnectError, DisconnectReason, Event, State, States};
use crate::socketio::{Client, ClientSocket, HandlerError, Runtime};

/// Prints one line.
pub fn print(line: &AnyJson) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: the end of stdin will follow.
    _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What the handles of one connection share.
pub struct Connection {
    pub client: Client,
    states: Mutex<States>,
    handles: Mutex<Vec<AnyJson>>,
}

impl Connection {
    pub fn start(client: Client, runtime: &impl Runtime) -> Arc<Self> {
        let states = Mutex::new(client.states());
        let connection = Arc::new(Self { client, states, handles: Mutex::default() });
        let news = connection.clone();
        runtime.spawn(Box::pin(async move { while news.hear().await {} }));
        connection
    }

    /// Waits for the next state of the connection and prints it. `false` if there won't be one.
    async fn hear(&self) -> bool {
        poll_fn(|cx| {
            let mut states = self.states.lock().unwrap();
            let next = pin!(states.next()).poll(cx);
            next.map(|state| state.map(|state| self.report(&state)).is_some())
        })
        .await
    }

    /// Prints the states that are known already: those before what a socket is about to hear.
    fn catch_up(&self) {
        let mut states = self.states.lock().unwrap();
        while let Some(state) = states.try_next() {
            self.report(&state);
        }
    }

    fn report(&self, state: &State) {
        let (name, key, value) = match state {
            State::Connecting { attempt: attempt @ 1.. } => ("reconnect_attempt", "attempt", json!(attempt)),
            State::Connected { attempt: attempt @ 1.., .. } => ("reconnect", "attempt", json!(attempt)),
            State::ReconnectFailed { attempts } => ("reconnect_failed", "attempt", json!(attempts)),
            State::Upgraded { transport } => ("upgrade", "transport", json!(transport.as_str())),
            _ => return,
        };
        for c in self.handles.lock().unwrap().iter() {
            print(&json!({ "ev": name, "c": c, key: value }));
        }
    }

    /// Prints what the socket hears, and answers as told.
    pub fn watch(self: &Arc<Self>, c: &AnyJson, socket: &ClientSocket, replies: &Replies) {
        self.handles.lock().unwrap().push(c.clone());
        let say = {
            let (connection, c) = (Arc::downgrade(self), c.clone());
            move |mut line: AnyJson| {
                if let Some(connection) = connection.upgrade() {
                    connection.catch_up();
                }
                line["c"] = c.clone();
                print(&line);
            }
        };
        let told = say.clone();
        socket.on_connect(move |socket: ClientSocket| {
            told(json!({ "ev": "connect", "id": socket.id().map(|id| id.to_string()), "recovered": false }));
            std::future::ready(())
        });
        let told = say.clone();
        socket.on_disconnect(move |_, reason: DisconnectReason| {
            told(json!({ "ev": "disconnect", "reason": reason.as_str() }));
            std::future::ready(())
        });
        let told = say.clone();
        socket.on_connect_error(move |_, error: ConnectError| {
            let message = match &error {
                // As the JavaScript client says it.
                ConnectError::Attempt { error: AttemptError::Timeout, .. } => "timeout".to_owned(),
                error => error.to_string(),
            };
            told(json!({ "ev": "connect_error", "message": message, "data": error.data::<AnyJson>() }));
            std::future::ready(())
        });
        socket.on_error(|_, error: HandlerError| {
            eprintln!("{error}");
            std::future::ready(())
        });
        let replies = replies.clone();
        socket.on_event(move |mut event: Event| {
            let ack = event.ack();
            match event.raw_args().values() {
                Ok(args) => say(json!({
                    "ev": "event", "name": event.name(), "args": Plain::list(&args), "ack": ack.is_some(),
                })),
                Err(error) => eprintln!("{}: {error}", event.name()),
            }
            let reply = replies.lock().unwrap().get(event.name()).cloned();
            if let (Some(ack), Some(reply)) = (ack, reply) {
                // An error: the server is gone, and so is its question.
                ack.send(&reply).ok();
            }
            std::future::ready(())
        });
    }
}
