//! skeleton
use super::*;
use crate::{Config, Data, Instant, Sid, TransportKind, http::SessionView};
use bytes::Bytes;
use http::request::Parts;
use std::sync::Arc;
/// One session.
#[derive(Debug)]
pub struct Session(Sid);
#[allow(missing_docs, unused_variables, clippy::todo)]
impl Session {
    pub fn open_polling(
        config: Arc<Config>,
        sid: Sid,
        id: RequestId,
        parts: &Parts,
        now: Instant,
    ) -> Session {
        todo!()
    }
    pub fn open_websocket(config: Arc<Config>, sid: Sid, id: WebSocketId, now: Instant) -> Session {
        todo!()
    }
    pub fn handle_request(&mut self, id: RequestId, parts: &Parts, now: Instant) {
        todo!()
    }
    pub fn handle_body(&mut self, id: RequestId, body: Bytes, now: Instant) {
        todo!()
    }
    pub fn handle_body_too_large(&mut self, id: RequestId, now: Instant) {
        todo!()
    }
    pub fn handle_aborted(&mut self, id: RequestId, now: Instant) {
        todo!()
    }
    pub fn handle_websocket(&mut self, id: WebSocketId, now: Instant) {
        todo!()
    }
    pub fn handle_message(&mut self, id: WebSocketId, data: Data, now: Instant) {
        todo!()
    }
    pub fn handle_flushed(&mut self, id: WebSocketId, now: Instant) {
        todo!()
    }
    pub fn handle_websocket_closed(&mut self, id: WebSocketId, error: bool, now: Instant) {
        todo!()
    }
    pub fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }
    pub fn send(&mut self, data: Data) -> Result<Pressure, SendError> {
        todo!()
    }
    pub fn send_batch(
        &mut self,
        batch: impl IntoIterator<Item = Data>,
    ) -> Result<Pressure, SendError> {
        todo!()
    }
    pub fn close(&mut self, now: Instant) {
        todo!()
    }
    pub fn discard(&mut self, now: Instant) {
        todo!()
    }
    pub fn pause_reading(&mut self, now: Instant) {
        todo!()
    }
    pub fn resume_reading(&mut self, now: Instant) {
        todo!()
    }
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        todo!()
    }
    pub fn poll_event(&mut self) -> Option<Event> {
        todo!()
    }
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }
    pub fn sid(&self) -> &Sid {
        todo!()
    }
    pub fn view(&self) -> SessionView {
        todo!()
    }
    pub fn transport(&self) -> TransportKind {
        todo!()
    }
    pub fn writable(&self) -> bool {
        todo!()
    }
    pub fn buffered(&self) -> usize {
        todo!()
    }
    pub fn pressure(&self) -> Pressure {
        todo!()
    }
    pub fn is_closed(&self) -> bool {
        todo!()
    }
}
