//! The polling transport of a session: the GET that receives and the POST that sends.

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

/// The requests in flight, at most one of each kind, and the rest of the last GET's body that is not decoded yet.
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
    /// Whether a POST is in flight.
    pub(super) fn has_post(&self) -> bool {
        self.post.is_some()
    }

    /// Whether this is the id of the GET in flight.
    pub(super) fn receives(&self, id: RequestId) -> bool {
        self.get.as_ref().is_some_and(|get| get.id == id)
    }

    /// Whether no request is in flight and the last body is decoded.
    pub(super) fn is_settled(&self) -> bool {
        self.get.is_none() && self.post.is_none() && self.body.is_none()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        [&self.get, &self.post].into_iter().flatten().filter_map(|pending| pending.deadline).min()
    }

    /// Resets the state and returns the ids of the requests in flight.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = RequestId> + use<> {
        let Self { get, post, .. } = std::mem::take(self);
        [get, post].into_iter().flatten().map(|pending| pending.id)
    }
}

impl Session {
    /// Sends a GET, unless one is in flight or its body is being decoded, and a POST, if packets are queued and none is in flight.
    pub(super) fn poll_requests(&mut self) {
        if self.polling.get.is_none() && self.polling.body.is_none() {
            self.send_get();
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
            self.pong_queued &= !pong;
            self.send_post(body);
        }
    }

    /// Sends a GET.
    pub(super) fn send_get(&mut self) {
        let sid = self.handshake.as_ref().map(|handshake| &handshake.sid);
        let request = Box::new(self.requests.get(&self.config, sid, self.now));
        let pending = self.pending();
        self.transmits.push_back(Transmit::Request { id: pending.id, request });
        self.polling.get = Some(pending);
    }

    /// Sends a POST.
    pub(super) fn send_post(&mut self, body: Bytes) {
        let sid = self.handshake.as_ref().map(|handshake| &handshake.sid);
        let request = Box::new(self.requests.post(&self.config, sid, body, self.now));
        let pending = self.pending();
        self.transmits.push_back(Transmit::Request { id: pending.id, request });
        self.polling.post = Some(pending);
    }

    fn pending(&mut self) -> Pending {
        let deadline = self.config.request_timeout().map(|timeout| after(self.now, timeout));
        Pending { id: RequestId(self.take_id()), deadline }
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

    /// Decodes the body of the GET until [`READ_AHEAD`] events are queued.
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

    /// Whether a body has packets left to decode, and reading is not paused.
    pub(super) fn may_read_on(&self) -> bool {
        self.polling.body.is_some() && !self.heartbeat.is_paused()
    }

    /// Completes the upgrade, if it is waiting for the end of both requests and they have ended.
    pub(super) fn settle(&mut self) {
        if let State::Pausing(id) = self.state {
            if self.polling.is_settled() {
                self.move_to(id);
            }
        }
    }
}

/// How many packets fit into a body of at most `bytes` and `packets`; at least one, which otherwise could never be sent.
///
/// The reference counts 1.33 bytes per byte of binary data, which is less than its base64.
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
