//! The messages of one bare Engine.IO client: the queue and the running handler.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context;

use engineio_proto::Data;

use super::runner::{BUDGET, Step};
use crate::endpoint::Answer;
use crate::handler::{guarded, poll_guarded};
use crate::runtime::BoxFuture;
use crate::server::conn::Conn;
use crate::server::engine::EngineSocket;
use crate::server::handle::App;

/// The queued messages of a client, and the handler of the current one.
#[derive(Default)]
pub(super) struct Messages {
    queue: VecDeque<Data>,
    current: Option<BoxFuture<'static, Answer>>,
    bytes: usize,
}

impl Messages {
    pub(super) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }

    pub(super) fn push(&mut self, data: Data) {
        self.bytes += data.len();
        self.queue.push_back(data);
    }

    /// The number of queued messages and their bytes.
    pub(super) fn inbox(&self) -> (usize, usize) {
        (self.queue.len(), self.bytes)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.current.is_none() && self.queue.is_empty()
    }

    pub(super) fn run(&mut self, conn: &Arc<Conn>, cx: &mut Context<'_>) -> Step {
        let App::Engine(handler) = &conn.shared.app else { return Step::Waiting };
        for _ in 0..BUDGET {
            if let Some(current) = &mut self.current {
                // An error is dropped: without a socket there is no `on_error` to report it to.
                if poll_guarded(current, cx).is_pending() {
                    return Step::Waiting;
                }
                self.current = None;
            }
            let Some(data) = self.queue.pop_front() else { return Step::Waiting };
            self.bytes -= data.len();
            self.current = guarded(|| handler(EngineSocket::new(conn.clone()), data)).ok();
        }
        Step::Moved
    }
}
