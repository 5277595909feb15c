//! The polling transport of a session: the pending GET and the POST in progress.

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

/// The requests of a session without a response: at most one of each kind.
#[derive(Debug, Default)]
pub(super) struct Polling {
    pub(super) get: Option<Get>,
    pub(super) post: Option<Post>,
}

/// A POST without a response.
#[derive(Debug)]
pub(super) struct Post {
    id: RequestId,
    body: PostBody,
}

#[derive(Debug)]
enum PostBody {
    /// Not received in full; until when its bytes count as signs of life.
    Incomplete(Instant),
    /// The rest of the body that is not decoded yet.
    Received(Packets),
}

/// A GET that waits for packets.
#[derive(Debug)]
pub(super) struct Get {
    id: RequestId,
    /// The browser is an Internet Explorer, whose XSS filter would scan the response.
    old_ie: bool,
    /// When the GET arrived or, if the client probed later, when it probed.
    held_since: Instant,
}

impl Get {
    pub(super) fn new(id: RequestId, parts: &Parts, now: Instant) -> Self {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
        let old_ie = agent.is_some_and(|agent| agent.contains(";MSIE") || agent.contains("Trident/"));
        Self { id, old_ie, held_since: now }
    }

    /// The client has probed: the hold begins.
    pub(super) fn hold(&mut self, now: Instant) {
        self.held_since = now;
    }
}

impl Post {
    /// Whether the POST has this id and its body has not been received.
    fn receives(&self, id: RequestId) -> bool {
        self.signs_until(id).is_some()
    }

    /// Until when the bytes of the body count as signs of life, if the POST has this id and its body has not been received.
    pub(super) fn signs_until(&self, id: RequestId) -> Option<Instant> {
        match self.body {
            PostBody::Incomplete(until) if self.id == id => Some(until),
            _ => None,
        }
    }

    /// Moves that time, after reading was paused.
    pub(super) fn resume(&mut self, until: Instant) {
        if let PostBody::Incomplete(before) = &mut self.body {
            *before = until;
        }
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
            // The session was upgraded after the request was verified.
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
            // Two polls overlap. The first one is answered with a close packet.
            self.finish(CloseReason::TransportError);
            return self.respond(get.id, empty(StatusCode::BAD_REQUEST));
        }
        // A new poll implies that the response to the previous one was received.
        let ready = self.outbox.arrived(self.config.outbox_limit());
        self.push_ready(ready);
        if self.closing.is_some() && self.outbox.is_empty() {
            // As the reference, which writes a noop to flush the poll, then the queued close packet.
            self.answer(get, &[Packet::Noop, Packet::Close]);
            return self.finish(CloseReason::ForcedClose);
        }
        self.polling.get = Some(get);
    }

    /// Answers the pending GET with the queued packets, or with a noop if its hold has ended.
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
                self.mark = Some(self.now);
                self.respond(get.id, packets(body, get.old_ie));
            }
        } else if self.release_at().is_some_and(|time| time <= self.now) {
            // The client can't move to the WebSocket before its poll is answered.
            if let Some(get) = self.polling.get.take() {
                self.answer(get, &[Packet::Noop]);
            }
        }
    }

    /// When the pending GET is answered without data; `None` before the client has probed.
    ///
    /// Data that is sent after that has to wait for the end of the upgrade. So the GET is held for up to [`HOLD`] if data is likely to
    /// follow: while a POST is read or a message is handled, and after a payload, to which a reaction may be on its way.
    pub(super) fn release_at(&self) -> Option<Instant> {
        let (State::Probing(Probe { deadline, probed: true, .. }), Some(get)) = (&self.state, &self.polling.get) else {
            return None;
        };
        let busy = self.polling.post.is_some() || self.handling;
        let quiet = self.mark.map_or(get.held_since, |time| after(time, HOLD));
        // Leave half of `upgrade_timeout` for the rest of the upgrade.
        let half = deadline.checked_sub(self.config.upgrade_timeout() / 2).unwrap_or(*deadline);
        let latest = after(get.held_since, HOLD).min(half);
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
        let until = after(self.now, self.config.message_timeout());
        self.polling.post = Some(Post { id, body: PostBody::Incomplete(until) });
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
                post.body = PostBody::Received(packets);
                if self.transport() == TransportKind::Polling {
                    self.mark = Some(self.now);
                }
                self.read_on();
            }
            Err(_) => {
                self.polling.post = None;
                self.respond(id, ok());
                self.on_malformed();
            }
        }
    }

    /// Decodes the body of the POST until [`READ_AHEAD`] events are queued, and answers the POST at the end of the body.
    #[inline]
    pub(super) fn read_on(&mut self) {
        while self.may_read_on() && self.events.len() < READ_AHEAD {
            let Some(Post { body: PostBody::Received(packets), .. }) = &mut self.polling.post else {
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

    /// Whether a body has packets left to decode, and reading is not paused.
    pub(super) fn may_read_on(&self) -> bool {
        let unread = matches!(self.polling.post, Some(Post { body: PostBody::Received(_), .. }));
        unread && !self.heartbeat.is_paused()
    }

    /// Ends the POST: with `ok` if its body was received, otherwise by closing its connection.
    pub(super) fn end_post(&mut self) {
        match self.polling.post.take() {
            Some(Post { id, body: PostBody::Received(_) }) => self.respond(id, ok()),
            Some(Post { id, body: PostBody::Incomplete(_) }) => self.transmits.push_back(Transmit::Abort { id }),
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
        // After an upgrade, the abort of a POST does not end the session.
        if (get || post) && self.transport() == TransportKind::Polling {
            self.finish(CloseReason::TransportError);
        }
    }

    /// Responds to a GET with these packets.
    pub(super) fn answer(&mut self, get: Get, batch: &[Packet]) {
        self.respond(get.id, packets(payload::encode(batch), get.old_ie));
    }

    pub(super) fn respond(&mut self, id: RequestId, response: Response) {
        self.transmits.push_back(Transmit::Respond { id, response: Box::new(response) });
    }
}

/// The response to a polling handshake.
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

/// The response to a POST. `text/html`, since Internet Explorer offered other types as a download.
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
