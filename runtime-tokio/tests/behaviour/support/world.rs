//! The channel between tests and handlers.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::{Arc, Mutex};

use socketio_tokio::server::ConnectRequest;
use socketio_tokio::{Server, Socket};
use tokio::sync::{Notify, Semaphore};

use super::soon;

/// The server's state: a log and a gate. Handlers write lines to the log and wait at the gate; the test reads the lines and opens
/// the gate.
#[derive(Clone)]
pub(crate) struct World {
    said: Arc<Mutex<VecDeque<String>>>,
    news: Arc<Notify>,
    gate: Arc<Semaphore>,
}

impl Default for World {
    fn default() -> Self {
        Self { said: Arc::default(), news: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }
}

impl World {
    pub(crate) fn say(&self, what: impl Display) {
        self.said.lock().unwrap().push_back(what.to_string());
        self.news.notify_one();
    }

    /// Waits for the next line.
    pub(crate) async fn heard(&self) -> String {
        soon("a word", async {
            loop {
                if let Some(said) = self.said.lock().unwrap().pop_front() {
                    return said;
                }
                self.news.notified().await;
            }
        })
        .await
    }

    pub(crate) async fn hears(&self, expected: &str) {
        assert_eq!(self.heard().await, expected);
    }

    /// Takes all lines that are not read yet.
    pub(crate) fn all(&self) -> Vec<String> {
        self.said.lock().unwrap().drain(..).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.said.lock().unwrap().len()
    }

    /// Waits at the gate.
    pub(crate) async fn gate(&self) {
        self.gate.acquire().await.unwrap().forget();
    }

    /// Lets `count` handlers pass the gate.
    pub(crate) fn open(&self, count: usize) {
        self.gate.add_permits(count);
    }

    /// A guard that writes `word` when it is dropped.
    pub(crate) fn on_drop(&self, word: &'static str) -> OnDrop {
        OnDrop(self.clone(), word)
    }
}

pub(crate) struct OnDrop(World, &'static str);

impl OnDrop {
    /// Does nothing; makes a closure capture the guard.
    pub(crate) fn hold(&self) {}
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.say(self.1);
    }
}

pub(crate) trait HasWorld {
    fn world(&self) -> World;
}

impl HasWorld for Socket {
    fn world(&self) -> World {
        self.state::<World>().unwrap().clone()
    }
}

impl HasWorld for ConnectRequest {
    fn world(&self) -> World {
        self.state::<World>().unwrap().clone()
    }
}

impl HasWorld for Server {
    fn world(&self) -> World {
        self.state::<World>().unwrap().clone()
    }
}
