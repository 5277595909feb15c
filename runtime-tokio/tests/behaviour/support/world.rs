//! What tests and handlers tell each other.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::{Arc, Mutex};

use socketio_tokio::server::ConnectRequest;
use socketio_tokio::{Server, Socket};
use tokio::sync::{Notify, Semaphore};

use super::soon;

/// A state of the server: handlers say things and wait at a gate, the test hears them and lets them pass.
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

    /// The next thing said.
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

    /// All that was said and not heard.
    pub(crate) fn all(&self) -> Vec<String> {
        self.said.lock().unwrap().drain(..).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.said.lock().unwrap().len()
    }

    /// Waits for a turn to pass.
    pub(crate) async fn gate(&self) {
        self.gate.acquire().await.unwrap().forget();
    }

    /// Lets so many pass.
    pub(crate) fn open(&self, count: usize) {
        self.gate.add_permits(count);
    }

    /// Something that says `word` when it is dropped.
    pub(crate) fn on_drop(&self, word: &'static str) -> OnDrop {
        OnDrop(self.clone(), word)
    }
}

pub(crate) struct OnDrop(World, &'static str);

impl OnDrop {
    /// A use, for closures that are to capture it.
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
