//! The golden vectors, made by the reference's parser: every case passes or is listed with the reason.
#![allow(clippy::disallowed_methods, reason = "the machines take the time as an argument; a test has to get one")]

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::ser::{Serialize, SerializeTuple, Serializer};
use socketio_proto::{
    Args, Body, Data, DecodeError, Decoder, EncodeError, Encoded, Event, EventName, Instant, Json, Limits, Packet,
    Value,
};

const PACKETS: &str = include_str!("vectors/socketio-packets.json");
const INVALID: &str = include_str!("vectors/socketio-invalid.json");

/// Sequences of frames that we judge otherwise: the numbers, the error, why. Each is stricter.
#[rustfmt::skip]
const DIVERGENCES: &[(&[i64], DecodeError, &str)] = {
    use DecodeError as E;
    &[
        (&[1], E::Empty, "an empty text is no CONNECT"),
        (&[2, 3, 16, 259, 275, 297, 311, 333, 361], E::UnknownType(' '), "white space is no type"),
        (&[13], E::UnknownType('\u{a0}'), "white space is no type"),
        (&[14], E::UnknownType('\n'), "white space is no type"),
        (&[15], E::UnknownType('\t'), "white space is no type"),
        (&[145], E::UnknownType('\u{feff}'), "both refuse; ours is about the type"),
        (&[26, 27, 49, 63, 165, 172], E::UnexpectedId, "an id means nothing in CONNECT, DISCONNECT, CONNECT_ERROR"),
        (&[173, 174], E::UnexpectedId, "both refuse; ours is about the id"),
        (&[60, 61], E::UnexpectedPayload, "white space is no id, and DISCONNECT carries nothing"),
        (&[29, 30, 319], E::NotAnObject, "white space in front of the payload is no id"),
        (&[178, 179, 363], E::NotAnErrorPayload, "white space in front of the payload is no id"),
        (&[75, 76, 77, 78, 120, 121, 122, 146, 261, 283, 285, 287, 301, 339], E::NotAnArray,
            "white space is neither an id nor a part of one"),
        (&[124, 125], E::IdOverflow, "ids have 64 bits"),
        (&[66, 67, 68, 69, 70, 71, 128, 204, 247, 280], E::MissingPayload, "an event without a name is none"),
        (&[150], E::MissingPayload, "an ack has a list of arguments, perhaps an empty one"),
        (&[164, 175], E::MissingPayload, "a refusal says why"),
        (&[149, 152, 158, 160, 163, 217, 218, 298, 299], E::MissingId, "an ack without an id answers nothing"),
        (&[161, 219], E::MissingId, "both refuse; ours is about the id"),
        (&[189, 191, 192, 193, 194, 195, 196, 197, 198, 213, 214, 335, 337], E::AttachmentCount,
            "the count is plain digits and does not begin with 0"),
        (&[233, 234, 236, 237, 238, 239], E::Placeholder, "refused at once, not when the last attachment has come"),
        (&[235], E::Placeholder, "an attachment has no fractional number; the reference puts undefined in its place"),
        (&[240, 241], E::Placeholder, "the number is plain digits"),
    ]
};

/// Packets that we refuse to encode.
#[rustfmt::skip]
const ENCODE_DIVERGENCES: &[(&[i64], &str)] = &[
    (&[396], "an object of the application that receivers would take for an attachment, or close the connection for"),
];

type Object<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// What a sequence of frames came to.
#[derive(Debug, PartialEq)]
struct Run {
    packets: Vec<Value<'static>>,
    pending: bool,
    error: Option<(DecodeError, i64)>,
}

fn cases(file: &'static str) -> Vec<Value<'static>> {
    file.lines()
        .map(|line| line.trim_end_matches(','))
        .filter(|line| line.starts_with('{'))
        // Half a surrogate pair, which the reference keeps, is U+FFFD to us: in what we read of the vectors as well.
        .map(|line| Json::check(line.into()).unwrap().parse().unwrap())
        .collect()
}

fn frames(case: &Value<'_>) -> Vec<Data> {
    let frame = |frame: &Value<'_>| match frame.get("text") {
        Some(text) => Data::from(text.as_str().unwrap()),
        None => Data::Binary(decode64(frame.get("b64").unwrap())),
    };
    case.get("frames").unwrap().as_array().unwrap().iter().map(frame).collect()
}

fn decode64(text: &Value<'_>) -> Bytes {
    BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap().into()
}

fn run(frames: impl IntoIterator<Item = Data>, limits: Limits) -> Run {
    let now = Instant::now();
    let mut decoder = Decoder::new(limits);
    let mut result = Run { packets: Vec::new(), pending: false, error: None };
    for (at, frame) in frames.into_iter().enumerate() {
        match decoder.decode(frame, now) {
            Ok(packet) => result.packets.extend(packet.map(|packet| show(&packet))),
            Err(error) => {
                result.error = Some((error, at as i64));
                return result;
            }
        }
    }
    result.pending = decoder.is_pending();
    result
}

/// A packet as the vectors write it.
fn show(packet: &Packet) -> Value<'static> {
    let json = |json: &Json| json.parse::<Value<'static>>().unwrap();
    let mut data = None;
    let mut shown_id = None;
    let kind = match &packet.body {
        Body::Connect(payload) => {
            data = payload.as_ref().map(json);
            0
        }
        Body::Disconnect => 1,
        Body::Event { id, event } => {
            let name = match event.name.is_number() {
                true => serde_json::from_str(&event.name).unwrap_or(Value::Null),
                false => event.name.to_string().into(),
            };
            shown_id = *id;
            data = Some(Value::Array(std::iter::once(name).chain(list(&event.args)).collect()));
            2
        }
        Body::Ack { id, args } => {
            shown_id = Some(*id);
            data = Some(Value::Array(list(args)));
            3
        }
        Body::ConnectError(payload) => {
            data = Some(json(payload));
            4
        }
    };
    let mut shown: Object<'static> =
        vec![("type".into(), kind.into()), ("nsp".into(), packet.namespace.to_string().into())];
    shown.extend(shown_id.map(|id| ("id".into(), id.into())));
    shown.extend(data.map(|data| ("data".into(), data)));
    plain(Value::Object(shown))
}

fn list(args: &Args) -> Vec<Value<'static>> {
    args.values().unwrap().into_iter().map(Value::into_owned).collect()
}

/// Bytes as `{"$b64": ..}`, numbers as JavaScript has them, beyond its range null.
fn plain(value: Value<'static>) -> Value<'static> {
    match value {
        Value::Binary(bytes) => Value::Object(vec![("$b64".into(), BASE64_STANDARD.encode(bytes).into())]),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN).into(),
        Value::Array(elements) => Value::Array(elements.into_iter().map(plain).collect()),
        Value::Object(entries) => Value::Object(entries.into_iter().map(|(key, value)| (key, plain(value))).collect()),
        other => other,
    }
}

/// `{"$b64": ..}` as bytes.
fn bytes(value: &Value<'static>) -> Value<'static> {
    match value {
        Value::Object(entries) => match value.get("$b64") {
            Some(text) => Value::Binary(decode64(text)),
            None => Value::Object(entries.iter().map(|(key, value)| (key.clone(), bytes(value))).collect()),
        },
        Value::Array(elements) => Value::Array(elements.iter().map(bytes).collect()),
        other => other.clone(),
    }
}

/// Whether the error is the one that the reference's text names.
fn same_rule(error: DecodeError, text: &str) -> bool {
    use DecodeError as E;
    match error {
        E::UnexpectedText => text == "got plaintext data when reconstructing a packet",
        E::UnexpectedBinary => text == "got binary data when not reconstructing a packet",
        E::Empty | E::UnknownType(_) => text.starts_with("unknown packet type"),
        E::AttachmentCount => text == "Illegal attachments",
        E::TooManyAttachments { .. } => text == "too many attachments",
        E::Placeholder => text == "illegal attachments",
        E::Json
        | E::NotAnArray
        | E::NotAnObject
        | E::NotAnErrorPayload
        | E::UnexpectedPayload
        | E::EventName
        | E::ReservedName => text == "invalid payload",
        _ => false,
    }
}

#[test]
fn sequences_of_frames() {
    let mut wrong = Vec::new();
    let mut listed: BTreeSet<i64> = DIVERGENCES.iter().flat_map(|row| row.0).copied().collect();
    for case in cases(INVALID) {
        let n = case.get("n").unwrap().as_i64().unwrap();
        let max =
            case.get("decoderOptions").map_or(10, |options| options.get("maxAttachments").unwrap().as_i64().unwrap());
        let ours = run(frames(&case), Limits::default().max_attachments(max as usize));
        let packets: Vec<_> = case.get("packets").unwrap().as_array().unwrap().iter().cloned().map(plain).collect();
        let same = ours.packets == packets
            && match (case.get("error"), ours.error) {
                (Some(text), Some((error, at))) => {
                    same_rule(error, text.as_str().unwrap()) && case.get("at").unwrap().as_i64() == Some(at)
                }
                (None, None) => case.get("pending").unwrap().as_bool() == Some(ours.pending),
                _ => false,
            };
        let chosen = DIVERGENCES.iter().find(|row| row.0.contains(&n)).map(|row| row.1);
        listed.remove(&n);
        let as_chosen = match chosen {
            None => same,
            Some(error) => !same && ours.error.is_some_and(|own| own.0 == error) && ours.packets.is_empty(),
        };
        if !as_chosen {
            wrong.push(format!("{n} {:?} -> {ours:?}", frames(&case)));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(listed.is_empty(), "no such case: {listed:?}");
}

/// Serializes as a tuple.
struct Tuple(Vec<Value<'static>>);

impl Serialize for Tuple {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for value in &self.0 {
            tuple.serialize_element(value)?;
        }
        tuple.end()
    }
}

fn encode(packet: &Value<'static>) -> Result<Encoded, EncodeError> {
    let data = packet.get("data").map(bytes);
    let id = packet.get("id").map(|id| id.as_i64().unwrap() as u64);
    let json = |data: Value<'static>| Json::encode(&data).unwrap();
    let elements = |data: Option<Value<'static>>| match data {
        Some(Value::Array(elements)) => elements,
        other => panic!("{other:?}"),
    };
    let body = match packet.get("type").unwrap().as_i64().unwrap() {
        0 => Body::Connect(data.map(json)),
        1 => Body::Disconnect,
        2 => {
            let mut elements = elements(data);
            let name: EventName = match elements.remove(0) {
                Value::Number(number) => number.into(),
                name => name.as_str().unwrap().into(),
            };
            Body::Event { id, event: Event { name, args: Args::encode(&Tuple(elements))? } }
        }
        3 => Body::Ack { id: id.unwrap(), args: Args::encode(&Tuple(elements(data)))? },
        4 => Body::ConnectError(json(data.unwrap())),
        other => panic!("{other}"),
    };
    Packet { namespace: packet.get("nsp").unwrap().as_str().unwrap().into(), body }.encode()
}

#[test]
fn packets_and_their_wire_form() {
    let mut wrong = Vec::new();
    let mut listed: BTreeSet<i64> = ENCODE_DIVERGENCES.iter().flat_map(|row| row.0).copied().collect();
    for case in cases(PACKETS) {
        let n = case.get("n").unwrap().as_i64().unwrap();
        let attachments: Vec<Bytes> =
            case.get("attachments").unwrap().as_array().unwrap().iter().map(decode64).collect();
        let wire = case.get("wire").unwrap().as_str().unwrap();
        // Decode what the reference wrote.
        let messages = std::iter::once(Data::from(wire)).chain(attachments.iter().cloned().map(Data::from));
        let decoded = run(messages, Limits::default());
        let Some(packet) = case.get("packet") else {
            // `encodeOnly`: JavaScript values that Rust does not have. Their wire form is a packet like any other.
            assert_eq!((decoded.packets.len(), decoded.error), (1, None), "{n}");
            continue;
        };
        let expected = match case.get("roundtrip").unwrap().as_bool().unwrap() {
            true => vec![plain(packet.clone())],
            false => case
                .get("decoded")
                .unwrap()
                .get("packets")
                .unwrap()
                .as_array()
                .unwrap()
                .iter()
                .cloned()
                .map(plain)
                .collect(),
        };
        let same_decoded = decoded.packets == expected && decoded.error.is_none();
        // Encode it ourselves.
        let encoded = encode(packet);
        let same_encoded =
            encoded.as_ref().is_ok_and(|encoded| encoded.text() == wire && encoded.attachments() == attachments);
        let chosen = ENCODE_DIVERGENCES.iter().any(|row| row.0.contains(&n));
        listed.remove(&n);
        if !same_decoded || same_encoded == chosen {
            wrong.push(format!("{n} {wire} -> decoded {decoded:?}, encoded {encoded:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(listed.is_empty(), "no such case: {listed:?}");
}
