//! Decodes engine messages into packets.

use std::time::Duration;

use bytes::Bytes;

use crate::packet::{self, Body, Packet};
use crate::placeholder::{Attachments, Place};
use crate::{Data, DecodeError, Instant, Text};

/// Bounds on what a peer can make a [`Decoder`] hold.
///
/// ```
/// use socketio_proto::Limits;
///
/// let limits = Limits::default().max_attachments(2);
/// assert_eq!(limits.max_attachment_bytes, 1_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum number of attachments of a packet. Default 10, as the reference's `maxAttachments`.
    pub max_attachments: usize,
    /// Maximum size of one attachment in bytes. Default 1,000,000, as Engine.IO's `maxPayload`; use the same value for
    /// both.
    pub max_attachment_bytes: usize,
    /// Maximum size of all attachments of a packet in bytes. An attachment with several placeholders counts once for
    /// each of them, because each may become a copy in a typed value. Default 10,000,000. The reference has no bound.
    pub max_total_bytes: usize,
    /// Time within which all attachments must arrive after the packet's text. Default 60 s. The reference has no
    /// timeout.
    pub reassembly_timeout: Duration,
    /// Maximum nesting depth of arrays and objects when arguments and payloads are decoded, as types or as
    /// [`Value`](crate::Value)s. Default 128, at most [`DEEPEST`](Self::DEEPEST); larger values count as that. The
    /// reference has no bound.
    ///
    /// Deeper values fail the decoding of the arguments, not the packet: it can still be forwarded, or read as
    /// [`Args`](crate::Args) or [`Json`](crate::Json). Decoding is recursive. The types of serde take up to 4 KiB of
    /// stack for each level without optimization, so the deepest value leaves half of a thread's 2 MiB. For nested
    /// untagged and internally tagged enums, serde also copies the content once for each level.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_attachments: 10,
            max_attachment_bytes: 1_000_000,
            max_total_bytes: 10_000_000,
            reassembly_timeout: Duration::from_secs(60),
            max_depth: usize::from(Self::DEFAULT_DEPTH),
        }
    }
}

impl Limits {
    /// The highest [`max_depth`](Self::max_depth): 256.
    pub const DEEPEST: usize = Self::DEEPEST_DEPTH as usize;

    pub(crate) const DEEPEST_DEPTH: u16 = 256;
    pub(crate) const DEFAULT_DEPTH: u16 = 128;

    /// [`max_depth`](Self::max_depth), clamped to its upper bound.
    pub(crate) fn depth(&self) -> u16 {
        u16::try_from(self.max_depth).unwrap_or(u16::MAX).min(Self::DEEPEST_DEPTH)
    }

    /// Sets [`max_attachments`](Self::max_attachments).
    #[must_use]
    pub fn max_attachments(mut self, count: usize) -> Self {
        self.max_attachments = count;
        self
    }

    /// Sets [`max_attachment_bytes`](Self::max_attachment_bytes).
    #[must_use]
    pub fn max_attachment_bytes(mut self, bytes: usize) -> Self {
        self.max_attachment_bytes = bytes;
        self
    }

    /// Sets [`max_total_bytes`](Self::max_total_bytes).
    #[must_use]
    pub fn max_total_bytes(mut self, bytes: usize) -> Self {
        self.max_total_bytes = bytes;
        self
    }

    /// Sets [`reassembly_timeout`](Self::reassembly_timeout).
    #[must_use]
    pub fn reassembly_timeout(mut self, timeout: Duration) -> Self {
        self.reassembly_timeout = timeout;
        self
    }

    /// Sets [`max_depth`](Self::max_depth).
    #[must_use]
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth;
        self
    }
}

/// Reassembles packets from the engine messages of one peer.
///
/// A packet without attachments is one message. Otherwise its text comes first and its attachments follow directly;
/// until all of them have arrived, the packet is pending and bounded by [`Limits`]. After an error the decoder has
/// failed: it returns the same error for every message until it is [reset](Self::reset).
///
/// ```
/// use socketio_proto::{Data, DecodeError, Decoder, Instant, Limits};
///
/// let now = Instant::now();
/// let mut decoder = Decoder::new(Limits::default());
/// let text = Data::from(r#"51-["file",{"_placeholder":true,"num":0}]"#);
/// assert_eq!(decoder.decode(text, now), Ok(None));
/// assert_eq!(decoder.poll_timeout(), Some(now + Limits::default().reassembly_timeout));
/// assert!(decoder.decode(Data::from(vec![1, 2, 3]), now).unwrap().is_some());
///
/// assert_eq!(decoder.decode(Data::from(vec![4]), now), Err(DecodeError::UnexpectedBinary));
/// ```
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    state: State,
    /// The driver does not read, so the deadline for attachments is suspended.
    paused: bool,
}

/// ```text
///  Ready --binary packet--> Pending --last attachment--> Ready
///    |                         |
///    '---- error, timeout -----'----> Failed --reset--> Ready
/// ```
#[derive(Debug)]
enum State {
    Ready,
    Pending(Box<Pending>),
    Failed(DecodeError),
}

#[derive(Debug)]
struct Pending {
    packet: Packet,
    places: Vec<Place>,
    count: usize,
    attachments: Vec<Bytes>,
    bytes: usize,
    /// `None` if it exceeds the range of [`Instant`].
    deadline: Option<Instant>,
}

impl Decoder {
    /// Creates a decoder without a pending packet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Ready, paused: false }
    }

    /// Decodes the peer's next message. Returns a packet if the message completes one.
    ///
    /// # Errors
    /// The rule or the bound that was broken. The decoder has failed then, until it is [reset](Self::reset).
    #[inline]
    pub fn decode(&mut self, data: Data, now: Instant) -> Result<Option<Packet>, DecodeError> {
        let error = match (&mut self.state, data) {
            // Returned directly: a packet is large, and matching on it again would cost another move.
            (State::Ready, Data::Text(text)) => match self.text(text, now) {
                Err(error) => error,
                decoded => return decoded,
            },
            (State::Pending(_), Data::Binary(bytes)) => match self.attachment(bytes) {
                Err(error) => error,
                decoded => return decoded,
            },
            (State::Ready, Data::Binary(_)) => DecodeError::UnexpectedBinary,
            (State::Pending(_), Data::Text(_)) => DecodeError::UnexpectedText,
            (State::Failed(error), _) => *error,
        };
        self.state = State::Failed(error);
        Err(error)
    }

    /// Whether a packet waits for its attachments.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Pending(_))
    }

    /// When to call [`handle_timeout`](Self::handle_timeout): the deadline for the attachments of the pending packet.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Pending(pending) if !self.paused => pending.deadline,
            State::Pending(_) | State::Ready | State::Failed(_) => None,
        }
    }

    /// Handles the deadline of [`poll_timeout`](Self::poll_timeout). An early or spurious call is harmless.
    ///
    /// # Errors
    /// [`DecodeError::TimedOut`]: attachments are overdue. The pending packet is dropped and the decoder has failed.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), DecodeError> {
        if self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.state = State::Failed(DecodeError::TimedOut);
            return Err(DecodeError::TimedOut);
        }
        Ok(())
    }

    /// The driver stops reading from the peer. Suspends the deadline of the pending packet.
    pub fn pause_reading(&mut self) {
        self.paused = true;
    }

    /// The driver resumes reading. The pending packet gets the full timeout again.
    pub fn resume_reading(&mut self, now: Instant) {
        if std::mem::take(&mut self.paused) {
            if let State::Pending(pending) = &mut self.state {
                pending.deadline = now.checked_add(self.limits.reassembly_timeout);
            }
        }
    }

    /// Whether reading is paused.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Drops the pending packet and clears an error. Paused reading stays paused.
    pub fn reset(&mut self) {
        self.state = State::Ready;
    }

    #[inline(always)]
    fn text(&mut self, text: Text, now: Instant) -> Result<Option<Packet>, DecodeError> {
        let (packet, count) = packet::decode(text, &self.limits)?;
        if count == 0 {
            return Ok(Some(packet));
        }
        // Only events and acks announce attachments.
        let places = match &packet.body {
            Body::Event { event, .. } => event.args.places(count)?,
            Body::Ack { args, .. } => args.places(count)?,
            _ => Vec::new(),
        };
        let deadline = now.checked_add(self.limits.reassembly_timeout);
        let attachments = Vec::with_capacity(count.min(10));
        self.state = State::Pending(Box::new(Pending { packet, places, count, attachments, bytes: 0, deadline }));
        Ok(None)
    }

    fn attachment(&mut self, bytes: Bytes) -> Result<Option<Packet>, DecodeError> {
        let State::Pending(pending) = &mut self.state else { return Err(DecodeError::UnexpectedBinary) };
        let Limits { max_attachment_bytes, max_total_bytes, .. } = self.limits;
        if bytes.len() > max_attachment_bytes {
            return Err(DecodeError::AttachmentTooLarge { len: bytes.len(), max: max_attachment_bytes });
        }
        pending.bytes = pending.bytes.saturating_add(bytes.len());
        if pending.bytes > max_total_bytes {
            return Err(DecodeError::AttachmentsTooLarge { max: max_total_bytes });
        }
        pending.attachments.push(bytes);
        if pending.attachments.len() < pending.count {
            return Ok(None);
        }
        let State::Pending(pending) = std::mem::replace(&mut self.state, State::Ready) else { return Ok(None) };
        let Pending { mut packet, places, attachments, .. } = *pending;
        let attachments = Attachments::new(attachments, places);
        if attachments.placed_bytes() > max_total_bytes {
            return Err(DecodeError::AttachmentsTooLarge { max: max_total_bytes });
        }
        match &mut packet.body {
            Body::Event { event, .. } => event.args.attach(attachments),
            Body::Ack { args, .. } => args.attach(attachments),
            _ => {}
        }
        Ok(Some(packet))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test needs a point in time")]
mod tests {
    use super::*;

    const HEADER: &str = r#"52-1["f",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;

    fn decoder(limits: Limits) -> (Decoder, Instant) {
        let (mut decoder, now) = (Decoder::new(limits), Instant::now());
        assert_eq!(decoder.decode(Data::from(HEADER), now), Ok(None));
        (decoder, now)
    }

    #[test]
    fn attachments_replace_their_placeholders() {
        let (mut decoder, now) = decoder(Limits::default());
        assert!(decoder.is_pending());
        assert_eq!(decoder.decode(Data::from(vec![1]), now), Ok(None));
        let packet = decoder.decode(Data::from(vec![2]), now).unwrap().unwrap();
        let Body::Event { id: Some(1), event } = packet.body else { panic!() };
        assert_eq!(event.args.get::<(Bytes, Bytes)>(), Ok((Bytes::from_static(&[2]), Bytes::from_static(&[1]))));
        assert!(!decoder.is_pending());
        assert_eq!(decoder.poll_timeout(), None);
    }

    #[test]
    fn placeholders_of_a_text_event_are_data() {
        let mut decoder = Decoder::new(Limits::default());
        let text = r#"2["f",{"_placeholder":true,"num":9}]"#;
        let packet = decoder.decode(Data::from(text), Instant::now()).unwrap().unwrap();
        let Body::Event { event, .. } = packet.body else { panic!() };
        assert_eq!(event.args.json(), r#"{"_placeholder":true,"num":9}"#);
        assert_eq!(event.args.values().unwrap()[0].get("num").and_then(crate::Value::as_i64), Some(9));
    }

    #[test]
    fn the_number_of_attachments_is_bounded() {
        let mut decoder = Decoder::new(Limits::default().max_attachments(1));
        let error = DecodeError::TooManyAttachments { count: 2, max: 1 };
        assert_eq!(decoder.decode(Data::from(HEADER), Instant::now()), Err(error));
    }

    #[test]
    fn the_bytes_of_one_attachment_are_bounded() {
        let (mut decoder, now) = decoder(Limits::default().max_attachment_bytes(3));
        assert_eq!(decoder.decode(Data::from(vec![0; 3]), now), Ok(None));
        let error = DecodeError::AttachmentTooLarge { len: 4, max: 3 };
        assert_eq!(decoder.decode(Data::from(vec![0; 4]), now), Err(error));
    }

    #[test]
    fn the_bytes_of_all_attachments_are_bounded() {
        let (mut decoder, now) = decoder(Limits::default().max_total_bytes(5));
        assert_eq!(decoder.decode(Data::from(vec![0; 3]), now), Ok(None));
        assert_eq!(decoder.decode(Data::from(vec![0; 3]), now), Err(DecodeError::AttachmentsTooLarge { max: 5 }));
    }

    #[test]
    fn an_attachment_counts_for_each_of_its_placeholders() {
        let text = r#"51-["f",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#;
        for (max, fits) in [(5, false), (6, true)] {
            let (mut decoder, now) = (Decoder::new(Limits::default().max_total_bytes(max)), Instant::now());
            assert_eq!(decoder.decode(Data::from(text), now), Ok(None));
            let decoded = decoder.decode(Data::from(vec![0; 3]), now);
            assert_eq!(decoded.as_ref().err(), (!fits).then_some(&DecodeError::AttachmentsTooLarge { max }));
        }
    }

    #[test]
    fn the_time_for_all_attachments_is_bounded() {
        let timeout = Duration::from_secs(5);
        let (mut decoder, start) = decoder(Limits::default().reassembly_timeout(timeout));
        assert_eq!(decoder.poll_timeout(), Some(start + timeout));
        // An attachment does not move the deadline; an early call and a clock that goes backwards do nothing.
        assert_eq!(decoder.decode(Data::from(vec![0]), start + Duration::from_secs(4)), Ok(None));
        assert_eq!(decoder.handle_timeout(start), Ok(()));
        assert_eq!(decoder.handle_timeout(start + timeout), Err(DecodeError::TimedOut));
        assert_eq!(decoder.poll_timeout(), None);
        assert_eq!(decoder.handle_timeout(start + timeout), Ok(()));
        assert_eq!(decoder.decode(Data::from(vec![0]), start + timeout), Err(DecodeError::TimedOut));
        // A timeout beyond the range of the clock means no timeout.
        assert_eq!(self::decoder(Limits::default().reassembly_timeout(Duration::MAX)).0.poll_timeout(), None);
    }

    #[test]
    fn an_error_lasts_until_the_reset() {
        let (mut decoder, now) = decoder(Limits::default());
        assert_eq!(decoder.decode(Data::from("2[\"a\"]"), now), Err(DecodeError::UnexpectedText));
        assert_eq!(decoder.decode(Data::from("2[\"a\"]"), now), Err(DecodeError::UnexpectedText));
        assert_eq!(decoder.decode(Data::from(vec![1]), now), Err(DecodeError::UnexpectedText));
        decoder.reset();
        assert!(decoder.decode(Data::from("2[\"a\"]"), now).unwrap().is_some());
    }
}
