//! Properties of the codec.

use bytes::Bytes;
use engineio_proto::{Data, DecodeError, Packet, Sid, Text, payload};
use proptest::prelude::*;

fn packet() -> impl Strategy<Value = Packet> {
    let text = || any::<String>().prop_map(Text::from);
    prop_oneof![
        text().prop_map(Packet::Open),
        Just(Packet::Close),
        text().prop_map(Packet::Ping),
        text().prop_map(Packet::Pong),
        text().prop_map(|text| Packet::Message(Data::Text(text))),
        any::<Vec<u8>>().prop_map(|bytes| Packet::Message(Data::from(bytes))),
        Just(Packet::Upgrade),
        Just(Packet::Noop),
    ]
}

/// A packet whose text does not contain the separator, which a payload does not allow.
fn payload_packet() -> impl Strategy<Value = Packet> {
    packet().prop_filter("separator", |packet| match packet {
        Packet::Message(Data::Binary(_)) => true,
        packet => !packet.body().contains(&0x1e),
    })
}

/// Text that resembles a payload.
fn near_payload() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-6b][A-Za-z0-9+/]{0,8}={0,2}",
        any::<String>(),
        Just("\u{1e}".to_owned()),
        any::<Vec<u8>>().prop_map(|bytes| {
            String::from_utf8(payload::encode([Packet::Message(Data::from(bytes))]).to_vec()).unwrap()
        }),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.join("\u{1e}"))
}

fn decode(body: &Bytes) -> Result<Vec<Packet>, DecodeError> {
    payload::decode(Text::try_from(body.clone()).unwrap()).collect()
}

proptest! {
    #[test]
    fn a_frame_decodes_to_its_packet(packet in packet()) {
        let frame = packet.clone().into_frame();
        prop_assert_eq!(frame.prefix, packet.prefix());
        prop_assert_eq!(&frame.body, packet.body());
        let wire: Vec<u8> = frame.prefix.into_iter().chain(frame.body).collect();
        let read = if frame.binary {
            Ok(Packet::decode_binary(wire.into()))
        } else {
            Packet::decode_text(Text::try_from(wire).unwrap())
        };
        prop_assert_eq!(read, Ok(packet));
    }

    #[test]
    fn a_payload_decodes_to_its_packets(packets in prop::collection::vec(payload_packet(), 1..20)) {
        prop_assert_eq!(decode(&payload::encode(&packets)), Ok(packets));
    }

    #[test]
    fn a_decoded_payload_encodes_to_the_same_bytes(wire in near_payload()) {
        let wire = Bytes::from(wire);
        if let Ok(packets) = decode(&wire) {
            // Decoding drops data after a type that carries none.
            let dropped = wire.split(|byte| *byte == 0x1e).any(|packet| b"156".contains(&packet[0]) && packet.len() > 1);
            if !dropped {
                prop_assert_eq!(payload::encode(&packets), wire);
            }
        }
    }

    #[test]
    fn nothing_follows_a_malformed_packet(wire in near_payload()) {
        let items: Vec<_> = payload::decode(wire.as_str().into()).collect();
        prop_assert!(!items.is_empty());
        let malformed = items.iter().position(Result::is_err);
        prop_assert!(malformed.is_none_or(|index| index == items.len() - 1));
    }

    #[test]
    fn a_sid_has_twenty_characters_that_need_no_escaping(entropy: [u8; 15]) {
        let sid = Sid::from_entropy(entropy);
        prop_assert_eq!(sid.len(), 20);
        prop_assert!(sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }
}

#[test]
fn each_malformed_packet_has_its_error() {
    let error = |text: &str| Packet::decode_text(text.into()).unwrap_err();
    assert_eq!(error(""), DecodeError::Empty);
    assert_eq!(error("7"), DecodeError::UnknownType(b'7'));
    // Slicing after the first byte would panic here.
    assert_eq!(error("é4"), DecodeError::UnknownType(0xc3));
    assert_eq!(error("😀x"), DecodeError::UnknownType(0xf0));
    for text in ["bA", "bAQ", "bAQ=", "bAR==", "bAQ==AQ==", "b=", "b====", "bAQI\n", "b-_-_"] {
        assert_eq!(error(text), DecodeError::Base64, "{text}");
    }
}

/// The text of a payload is sliced, not copied.
#[test]
fn packets_share_the_bytes_of_the_body() {
    let body = Text::from("4a\u{1e}4bcd".to_owned());
    let packets: Vec<_> = payload::decode(body.clone()).collect();
    let [Ok(first), Ok(second)] = &packets[..] else { panic!() };
    assert_eq!(first.body().as_ptr(), body[1..].as_ptr());
    assert_eq!(second.body().as_ptr(), body[4..].as_ptr());
}
