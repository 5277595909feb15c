//! The polling side of a session: the GET that waits, the POST that is read.

use super::{
    Session, Transmit,
    probe::{HOLD, Probe},
    session::State,
};
use crate::{
    CloseReason, Instant, Packet, RequestId, TransportKind,
    clock::after,
    http::{BadRequest, Reject, Response, empty},
    payload::{self, Packets},
    queue::READ_AHEAD,
};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};

/// The requests of a session that have no answer yet: at most one of each.
#[derive(Debug, Default)]
pub(super) struct Polling {
    pub(super) get: Option<Get>,
    pub(super) post: Option<Post>,
    /// When the latest payload came or left.
    exchanged: Option<Instant>,
}

/// A POST without an answer.
#[derive(Debug)]
pub(super) struct Post {
    id: RequestId,
    /// What has not been read yet of its body, once that has come.
    packets: Option<Packets>,
}

/// A GET that waits for packets.
#[derive(Debug)]
pub(super) struct Get {
    id: RequestId,
    /// The browser is an Internet Explorer, which would look for scripts in the answer.
    old_ie: bool,
    /// Since when it has waited, or has been held for the upgrade.
    held: Instant,
}

impl Get {
    pub(super) fn new(id: RequestId, parts: &Parts, now: Instant) -> Self {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let old_ie = agent.is_some_and(|agent| agent.contains(";MSIE") || agent.contains("Trident/"));
        Self { id, old_ie, held: now }
    }

    /// The client has probed.
    pub(super) fn hold(&mut self, now: Instant) {
        self.held = now;
    }
}

impl Post {
    /// Whether it is this one and its body has not come yet.
    fn receives(&self, id: RequestId) -> bool {
        self.id == id && self.packets.is_none()
    }
}

impl Session {
    pub(super) fn on_request(&mut self, id: RequestId, parts: &Parts) {
        match self.state {
            State::Polling | State::Probing(_) => match parts.method {
                Method::GET => self.on_get(Get::new(id, parts, self.now)),
                Method::POST => self.on_post(id, parts),
                _ => self.respond(id, empty(StatusCode::INTERNAL_SERVER_ERROR)),
            },
            // A request that was verified a moment too early.
            State::WebSocket(_) => {
                let (transport, previous) = (TransportKind::Polling, TransportKind::WebSocket);
                let reject = Reject::BadRequest(BadRequest::TransportMismatch { transport, previous });
                self.respond(id, reject.response(false));
            }
            State::Closed(_) => {
                let reject = Reject::UnknownSid { sid: self.sid.to_string() };
                self.respond(id, reject.response(false));
            }
        }
    }

    fn on_get(&mut self, get: Get) {
        self.release_get();
        if self.polling.get.is_some() {
            // Two polls overlap: the first is told of the end.
            self.finish(CloseReason::TransportError);
            return self.respond(get.id, empty(StatusCode::BAD_REQUEST));
        }
        // Who asks for more has got what went before.
        let relieved = self.outbox.arrived(self.config.outbox_limit());
        self.relieve(relieved);
        if self.closing.is_some() && self.outbox.is_empty() {
            // The reference writes a noop to set the poll going, then the close that was queued.
            self.answer(get, &[Packet::Noop, Packet::Close]);
            return self.finish(CloseReason::ForcedClose);
        }
        self.polling.get = Some(get);
    }

    /// Answers the GET that waits, if there is something to say.
    pub(super) fn release_get(&mut self) {
        if !self.outbox.is_empty() {
            if let Some(get) = self.polling.get.take() {
                let body = match self.config.max_poll_packets() {
                    None => self.outbox.take(|queue| payload::encode(queue)),
                    Some(most) => self.outbox.take_some(|queue| {
                        let count = queue.len().min(most);
                        (count, payload::encode(queue.iter().take(count)))
                    }),
                };
                self.polling.exchanged = Some(self.now);
                self.respond(get.id, packets(body, get.old_ie));
            }
        } else if self.let_go_at().is_some_and(|time| time <= self.now) {
            // The client can't move to the WebSocket before its poll is over.
            if let Some(get) = self.polling.get.take() {
                self.answer(get, &[Packet::Noop]);
            }
        }
    }

    /// When the GET that waits is let go without data; None before the client has probed.
    ///
    /// An answer that comes later has to wait for the end of the upgrade, so the GET is held for [`HOLD`] where one is likely: while a
    /// POST is read or the application has something to handle, and after a payload, because the reaction to it may be on its way.
    pub(super) fn let_go_at(&self) -> Option<Instant> {
        let (State::Probing(Probe { deadline, probed: true, .. }), Some(get)) = (&self.state, &self.polling.get) else {
            return None;
        };
        let busy = self.polling.post.is_some() || self.handling;
        let quiet = self.polling.exchanged.map_or(get.held, |time| after(time, HOLD));
        // Half of the time is left for the rest of the upgrade.
        let half = deadline.checked_sub(self.config.upgrade_timeout() / 2).unwrap_or(*deadline);
        let latest = after(get.held, HOLD).min(half);
        Some(if busy { latest } else { latest.min(quiet) })
    }

    fn on_post(&mut self, id: RequestId, parts: &Parts) {
        let binary = |value: &HeaderValue| {
            let value = value.to_str().unwrap_or_default();
            let kind = value.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("application/octet-stream")
        };
        let overlap = self.polling.post.is_some();
        if overlap || parts.headers.get(header::CONTENT_TYPE).is_some_and(binary) {
            self.finish(CloseReason::TransportError);
            return self.respond(id, empty(StatusCode::BAD_REQUEST));
        }
        self.polling.post = Some(Post { id, packets: None });
        self.transmits.push_back(Transmit::Receive { id, limit: self.config.max_payload() });
    }

    pub(super) fn on_body(&mut self, id: RequestId, body: Bytes) {
        if body.len() > self.config.max_payload() {
            return self.on_body_too_large(id);
        }
        let Some(post) = self.polling.post.as_mut().filter(|post| post.receives(id)) else {
            return;
        };
        match payload::decode_bytes(body) {
            Ok(packets) => {
                post.packets = Some(packets);
                self.polling.exchanged = Some(self.now);
                self.read_on();
            }
            Err(_) => {
                self.polling.post = None;
                self.respond(id, ok());
                self.on_malformed();
            }
        }
    }

    /// Reads on in the body of a POST until there are enough events, and answers the POST at its end.
    #[inline]
    pub(super) fn read_on(&mut self) {
        while self.may_read_on() && self.events.len() < READ_AHEAD {
            let Some(Post { packets: Some(packets), .. }) = &mut self.polling.post else {
                return;
            };
            let Some(packet) = packets.next() else {
                return self.end_post();
            };
            if packets.is_done() {
                self.end_post();
            }
            match packet {
                Ok(packet) => self.on_packet(packet),
                Err(_) => self.on_malformed(),
            }
        }
    }

    /// Whether there is a body to read on in, and reading is not paused.
    pub(super) fn may_read_on(&self) -> bool {
        let unread = self.polling.post.as_ref().is_some_and(|post| post.packets.is_some());
        unread && !self.heartbeat.is_paused()
    }

    /// A POST is over: `ok` if its body came, else its connection ends.
    pub(super) fn end_post(&mut self) {
        match self.polling.post.take() {
            Some(Post { id, packets: Some(_) }) => self.respond(id, ok()),
            Some(Post { id, packets: None }) => self.transmits.push_back(Transmit::Abort { id }),
            None => {}
        }
    }

    pub(super) fn on_body_too_large(&mut self, id: RequestId) {
        if self.polling.post.take_if(|post| post.receives(id)).is_some() {
            self.respond(id, empty(StatusCode::PAYLOAD_TOO_LARGE));
        }
    }

    pub(super) fn on_aborted(&mut self, id: RequestId) {
        let get = self.polling.get.take_if(|get| get.id == id).is_some();
        let post = self.polling.post.take_if(|post| post.id == id).is_some();
        // A POST that outlived the upgrade is of no consequence.
        if (get || post) && self.transport() == TransportKind::Polling {
            self.finish(CloseReason::TransportError);
        }
    }

    /// Answers a GET with these packets.
    pub(super) fn answer(&mut self, get: Get, batch: &[Packet]) {
        self.respond(get.id, packets(payload::encode(batch), get.old_ie));
    }

    pub(super) fn respond(&mut self, id: RequestId, response: Response) {
        self.transmits.push_back(Transmit::Respond { id, response: Box::new(response) });
    }
}

/// The answer to a handshake or a poll.
pub(super) fn answer_handshake(get: &Get, batch: &[Packet], cookie: Option<HeaderValue>) -> Transmit {
    let mut response = packets(payload::encode(batch), get.old_ie);
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Transmit::Respond { id: get.id, response: Box::new(response) }
}

fn packets(body: Bytes, old_ie: bool) -> Response {
    let mut response = success("text/plain; charset=UTF-8", body);
    if old_ie {
        let name = HeaderName::from_static("x-xss-protection");
        response.headers_mut().insert(name, HeaderValue::from_static("0"));
    }
    response
}

/// The answer to a POST; `text/html` since Internet Explorer offered anything else as a download.
fn ok() -> Response {
    success("text/html", Bytes::from_static(b"ok"))
}

fn success(content_type: &'static str, body: Bytes) -> Response {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    *response.body_mut() = body;
    response
}
