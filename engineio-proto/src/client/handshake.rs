//! What the server's first packet says.

use super::Fault;
use crate::{Sid, TransportKind, config::MAX_DURATION, to_well_formed};
use std::{borrow::Cow, time::Duration};

/// The longest first packet that is looked at, in bytes. The reference's has about 120.
const LONGEST_PACKET: usize = 16 * 1024;

/// The longest name of a session, in bytes: it goes into every URL. The reference's has 20.
const LONGEST_SID: usize = 1024;

/// What the server says when it opens a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// The name of the session: 1 to 1024 bytes.
    pub sid: Sid,
    /// The transports that the server offers to move to, of those known here.
    pub upgrades: Vec<TransportKind>,
    /// From one ping of the server to the next: 1 ms to 2^31-1 ms, longer ones are cut.
    pub ping_interval: Duration,
    /// How long a ping may be late: bounds as above.
    pub ping_timeout: Duration,
    /// The most bytes of a POST body; None if the server does not say.
    pub max_payload: Option<usize>,
}

impl Handshake {
    /// Reads the data of an open packet.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Open<'a> {
            #[serde(borrow)]
            sid: Cow<'a, str>,
            #[serde(borrow)]
            upgrades: Vec<Cow<'a, str>>,
            ping_interval: f64,
            ping_timeout: f64,
            max_payload: Option<f64>,
        }
        if text.len() > LONGEST_PACKET {
            return Err(Fault::Handshake("the open packet is longer than 16384 bytes"));
        }
        let malformed = "the open packet is not JSON with sid, upgrades, pingInterval and pingTimeout";
        let text = to_well_formed(text);
        let open: Open<'_> = serde_json::from_str(&text).map_err(|_| Fault::Handshake(malformed))?;
        if open.sid.is_empty() || open.sid.len() > LONGEST_SID {
            return Err(Fault::Handshake("the sid must have 1 to 1024 bytes"));
        }
        Ok(Self {
            sid: Sid::new(&open.sid),
            upgrades: open.upgrades.iter().filter_map(|name| TransportKind::from_name(name)).collect(),
            ping_interval: millis(open.ping_interval).ok_or(Fault::Handshake("pingInterval must be at least 1 ms"))?,
            ping_timeout: millis(open.ping_timeout).ok_or(Fault::Handshake("pingTimeout must be at least 1 ms"))?,
            max_payload: match open.max_payload {
                // Falsy in the reference, so that nothing is cut.
                None | Some(0.0) => None,
                Some(bytes) if bytes >= 1.0 => Some(bytes as usize),
                Some(_) => return Err(Fault::Handshake("maxPayload must not be negative")),
            },
        })
    }
}

fn millis(number: f64) -> Option<Duration> {
    (number >= 1.0).then(|| Duration::from_millis(number as u64).min(MAX_DURATION))
}
