//! The polling side of a session: the GET that receives, the POST that sends.

use super::{Fault, Session, Transmit, session::State};
use crate::{
    Instant, Packet, RequestId,
    clock::after,
    payload::{self, Packets},
    queue::READ_AHEAD,
};
use bytes::Bytes;
use http::Response;
use std::collections::VecDeque;

/// The requests under way, at most one of each, and what has not been read yet of the last GET's body.
#[derive(Debug, Default)]
pub(super) struct Polling {
    get: Option<Pending>,
    post: Option<Pending>,
    body: Option<Packets>,
}

#[derive(Debug)]
struct Pending {
    id: RequestId,
    deadline: Option<Instant>,
}

impl Polling {
    /// Whether a POST is under way.
    pub(super) fn posts(&self) -> bool {
        self.post.is_some()
    }

    /// Whether this is the GET that is under way.
    pub(super) fn receives(&self, id: RequestId) -> bool {
        self.get.as_ref().is_some_and(|get| get.id == id)
    }

    /// Whether nothing is under way, and all that came has been read.
    pub(super) fn is_settled(&self) -> bool {
        self.get.is_none() && self.post.is_none() && self.body.is_none()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [&self.get, &self.post].into_iter().flatten().filter_map(|pending| pending.deadline).min()
    }

    /// Forgets all; the names of what was under way.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = RequestId> + use<> {
        let Self { get, post, .. } = std::mem::take(self);
        [get, post].into_iter().flatten().map(|pending| pending.id)
    }
}

impl Session {
    /// Sends what there is to send, and a GET if there is none.
    pub(super) fn poll_requests(&mut self) {
        if self.polling.get.is_none() && self.polling.body.is_none() {
            self.ask();
        }
        if self.polling.post.is_none() && !self.outbox.is_empty() {
            let bytes = self.handshake.as_ref().and_then(|handshake| handshake.max_payload);
            let packets = self.config.max_post_packets().unwrap_or(usize::MAX);
            let mut pong = false;
            let body = self.outbox.take_some(|queue| {
                let count = fitting(queue, bytes.unwrap_or(usize::MAX), packets);
                pong = queue.iter().take(count).any(|packet| matches!(packet, Packet::Pong(_)));
                (count, payload::encode(queue.iter().take(count)))
            });
            self.pong_waits &= !pong;
            self.tell(body);
        }
    }

    /// Sends a GET.
    pub(super) fn ask(&mut self) {
        let sid = self.handshake.as_ref().map(|handshake| &handshake.sid);
        let request = Box::new(self.requests.get(&self.config, sid, self.now));
        let pending = self.pending();
        self.transmits.push_back(Transmit::Request { id: pending.id, request });
        self.polling.get = Some(pending);
    }

    /// Sends a POST.
    pub(super) fn tell(&mut self, body: Bytes) {
        let sid = self.handshake.as_ref().map(|handshake| &handshake.sid);
        let request = Box::new(self.requests.post(&self.config, sid, body, self.now));
        let pending = self.pending();
        self.transmits.push_back(Transmit::Request { id: pending.id, request });
        self.polling.post = Some(pending);
    }

    fn pending(&mut self) -> Pending {
        let deadline = self.config.request_timeout().map(|timeout| after(self.now, timeout));
        Pending { id: RequestId(self.name()), deadline }
    }

    pub(super) fn on_response(&mut self, id: RequestId, response: Response<Bytes>) {
        let post = self.polling.post.take_if(|post| post.id == id).is_some();
        let get = self.polling.get.take_if(|get| get.id == id).is_some();
        if !get && !post {
            return;
        }
        if self.config.cookies() {
            self.requests.jar.store(response.headers(), self.now);
        }
        if let Some(fault) = Fault::of_response(post, &response) {
            return self.fail(fault);
        }
        if post {
            self.on_arrived();
            return self.settle();
        }
        if let Some(fault) = self.handshake.is_none().then(|| Fault::of_handshake(&response)).flatten() {
            return self.fail(fault);
        }
        self.heartbeat.received();
        let body = response.into_body();
        if body.len() > self.config.max_body() {
            return self.fail(Fault::TooLarge { limit: self.config.max_body() });
        }
        match payload::decode_bytes(body) {
            Ok(packets) => {
                self.polling.body = Some(packets);
                self.read_on();
            }
            Err(error) => self.fail(Fault::Decode(error)),
        }
    }

    pub(super) fn on_request_failed(&mut self, id: RequestId) {
        let post = self.polling.post.take_if(|post| post.id == id).is_some();
        let get = self.polling.get.take_if(|get| get.id == id).is_some();
        if get || post {
            self.fail(Fault::Request { post, status: None });
        }
    }

    /// Reads on in the body of a GET until there are enough events.
    #[inline]
    pub(super) fn read_on(&mut self) {
        while self.may_read_on() && self.events.len() < READ_AHEAD {
            let packet = self.polling.body.as_mut().and_then(Iterator::next);
            self.polling.body.take_if(|body| body.is_done());
            match packet {
                Some(Ok(packet)) => self.on_packet(packet),
                Some(Err(error)) => self.fail(Fault::Decode(error)),
                None => {}
            }
        }
        self.settle();
    }

    /// Whether there is a body to read on in, and reading is not paused.
    pub(super) fn may_read_on(&self) -> bool {
        self.polling.body.is_some() && !self.heartbeat.is_paused()
    }

    /// Goes on with what waited for both requests.
    pub(super) fn settle(&mut self) {
        if let State::Pausing(id) = self.state {
            if self.polling.is_settled() {
                self.move_to(id);
            }
        }
    }
}

/// How many packets make a body of at most so many bytes and packets; the first one always does, or it would never leave.
///
/// The reference counts 1.33 bytes for one of binary, which is less than base64 takes.
fn fitting(queue: &VecDeque<Packet>, bytes: usize, packets: usize) -> usize {
    let mut total = 0_usize;
    let mut count = 0;
    for packet in queue.iter().take(packets) {
        total = total.saturating_add(packet.payload_len() + usize::from(count > 0));
        if count > 0 && total > bytes {
            break;
        }
        count += 1;
    }
    count
}
