//! Golden vectors generated with the official parser (engine.io-parser 5.2.3): the codec must agree on each case of revision 4.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use engineio_proto::{Data, DecodeError, Frame, Packet, payload};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Base64 without padding, or of another alphabet. The reference decodes what it can; we refuse it, so that no bytes are silently lost or
/// added.
const LENIENT_BASE64: [u32; 10] = [152, 153, 154, 155, 156, 157, 158, 160, 161, 162];

/// Decoding: data after a type that carries none (`1x`). The packet is accepted, as by the reference, but its data is dropped.
const DATA_DROPPED: [u32; 4] = [165, 171, 172, 173];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    n: u32,
    op: String,
    transport: Option<String>,
    v: Option<u8>,
    wire: Option<String>,
    wire_b64: Option<String>,
    packet: Option<Described>,
    #[serde(default)]
    packets: Vec<Described>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    // Missing in some packets of revision 3.
    #[serde(default)]
    r#type: String,
    data: Option<String>,
    data_b64: Option<String>,
}

impl Described {
    /// The packet, and whether it is complete: a type that carries no data drops it.
    fn packet(&self) -> Option<(Packet, bool)> {
        let text = self.data.clone().unwrap_or_default();
        let bare = text.is_empty();
        Some(match self.r#type.as_str() {
            "open" => (Packet::Open(text.into()), true),
            "close" => (Packet::Close, bare),
            "ping" => (Packet::Ping(text.into()), true),
            "pong" => (Packet::Pong(text.into()), true),
            "message" => match &self.data_b64 {
                Some(data) => (Packet::Message(Data::Binary(binary(data))), true),
                None => (Packet::Message(Data::from(text)), true),
            },
            "upgrade" => (Packet::Upgrade, bare),
            "noop" => (Packet::Noop, bare),
            "error" => return None,
            other => panic!("{other}"),
        })
    }
}

fn cases(json: &str) -> Vec<Case> {
    serde_json::from_str(json).unwrap()
}

fn binary(base64: &str) -> Bytes {
    BASE64.decode(base64).unwrap().into()
}

fn frame_bytes(frame: &Frame) -> Vec<u8> {
    frame.prefix.into_iter().chain(frame.body.iter().copied()).collect()
}

fn check(case: &Case, condition: bool) {
    assert!(condition, "{case:?}");
}

#[test]
fn every_packet_of_revision_4_matches_the_reference() {
    let mut counts = BTreeMap::<&str, u32>::new();
    for case in &cases(include_str!("vectors/engineio-packets.json")) {
        let outcome = match case.transport.as_deref().unwrap() {
            "webtransport" => "webtransport, not spoken",
            _ if case.op == "encode" => encode_packet(case),
            _ => decode_packet(case),
        };
        *counts.entry(outcome).or_default() += 1;
    }
    let expected = [
        ("data of a type that carries none, not representable", 33),
        ("decoded", 98),
        ("decoded without its data", 4),
        ("encoded", 100),
        ("lenient base64, refused", 10),
        ("webtransport, not spoken", 73),
    ];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
}

fn encode_packet(case: &Case) -> &'static str {
    let (packet, complete) = case.packet.as_ref().unwrap().packet().unwrap();
    if !complete {
        return "data of a type that carries none, not representable";
    }
    if case.transport.as_deref() == Some("polling") {
        check(case, payload::encode([&packet]) == *case.wire.as_ref().unwrap());
    } else {
        let frame = packet.into_frame();
        let wire = match (&case.wire, &case.wire_b64) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(bytes)) => binary(bytes).to_vec(),
            _ => panic!("{case:?}"),
        };
        check(case, frame.binary == case.wire_b64.is_some());
        check(case, frame_bytes(&frame) == wire);
    }
    "encoded"
}

fn decode_packet(case: &Case) -> &'static str {
    let decoded = match (&case.wire, &case.wire_b64) {
        (Some(text), None) => Packet::decode_text(text.as_str().into()),
        (None, Some(bytes)) => Ok(Packet::decode_binary(binary(bytes))),
        _ => panic!("{case:?}"),
    };
    if LENIENT_BASE64.contains(&case.n) {
        check(case, decoded == Err(DecodeError::Base64));
        return "lenient base64, refused";
    }
    let Some((packet, complete)) = case.packet.as_ref().unwrap().packet() else {
        check(case, decoded.is_err());
        return "decoded";
    };
    check(case, decoded == Ok(packet));
    check(case, complete != DATA_DROPPED.contains(&case.n));
    if complete { "decoded" } else { "decoded without its data" }
}

#[test]
fn every_payload_of_revision_4_matches_the_reference() {
    let mut counts = BTreeMap::<&str, u32>::new();
    for case in &cases(include_str!("vectors/engineio-payloads.json")) {
        let outcome = if case.v != Some(4) {
            "revision 3, not spoken"
        } else {
            let expected: Vec<_> = case.packets.iter().map(Described::packet).collect();
            let wire = case.wire.as_ref().unwrap();
            if case.op == "encode" {
                let packets: Vec<_> = expected.into_iter().map(|packet| packet.unwrap().0).collect();
                check(case, payload::encode(&packets) == *wire);
                "encoded"
            } else {
                let decoded: Vec<_> = payload::decode(wire.as_str().into()).map(Result::ok).collect();
                let expected: Vec<_> = expected.into_iter().map(|packet| packet.map(|packet| packet.0)).collect();
                check(case, decoded == expected);
                "decoded"
            }
        };
        *counts.entry(outcome).or_default() += 1;
    }
    let expected = [("decoded", 111), ("encoded", 86), ("revision 3, not spoken", 400)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
}
