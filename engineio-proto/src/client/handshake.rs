//! The server's open packet.

use super::Fault;
use crate::{Sid, TransportKind, config::MAX_DURATION, to_well_formed};
use std::{borrow::Cow, time::Duration};

/// The maximum size of an open packet, in bytes. The reference's has about 120.
const MAX_PACKET_BYTES: usize = 16 * 1024;

/// The maximum size of a session id, in bytes: it is part of every URL. The reference's has 20.
const MAX_SID_BYTES: usize = 1024;

/// The parameters of a session, from the server's open packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// The session id, 1 to 1024 bytes.
    pub sid: Sid,
    /// The transports to which the server allows an upgrade. Unknown ones are left out.
    pub upgrades: Vec<TransportKind>,
    /// The time between two pings of the server: 1 ms to 2^31-1 ms; longer ones are reduced to that.
    pub ping_interval: Duration,
    /// How long a ping may be overdue before the session ends; bounds as above.
    pub ping_timeout: Duration,
    /// The maximum size of a POST body, in bytes; `None` if the server has no limit.
    pub max_payload: Option<usize>,
}

impl Handshake {
    /// Parses the data of an open packet.
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
        if text.len() > MAX_PACKET_BYTES {
            return Err(Fault::Handshake("the open packet is longer than 16384 bytes"));
        }
        let malformed = "the open packet is not JSON with sid, upgrades, pingInterval and pingTimeout";
        let text = to_well_formed(text);
        let open: Open<'_> = serde_json::from_str(&text).map_err(|_| Fault::Handshake(malformed))?;
        if open.sid.is_empty() || open.sid.len() > MAX_SID_BYTES {
            return Err(Fault::Handshake("the sid must have 1 to 1024 bytes"));
        }
        Ok(Self {
            sid: Sid::new(&open.sid),
            upgrades: open.upgrades.iter().filter_map(|name| TransportKind::from_name(name)).collect(),
            ping_interval: millis(open.ping_interval).ok_or(Fault::Handshake("pingInterval must be at least 1 ms"))?,
            ping_timeout: millis(open.ping_timeout).ok_or(Fault::Handshake("pingTimeout must be at least 1 ms"))?,
            max_payload: match open.max_payload {
                // Falsy in JavaScript: the reference has no limit then.
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
