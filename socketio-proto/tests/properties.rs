//! Properties of every packet and every text.
#![allow(clippy::disallowed_methods, reason = "a test needs a point in time")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeTuple, Serializer};
use socketio_proto::{
    Args, Body, Data, DecodeError, Decoder, Encoded, Event, EventName, Instant, Json, Limits, Packet, Value, encode,
};

fn value() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        vec(any::<u8>(), 0..8).prop_map(|bytes| Value::from(Bytes::from(bytes))),
    ];
    leaf.prop_recursive(5, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec(("[a-z\"\\\\é]{0,4}".prop_map(Cow::Owned), inner), 0..5).prop_map(Value::Object),
        ]
    })
}

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

fn args() -> impl Strategy<Value = Args> {
    vec(value(), 0..4).prop_map(|values| Args::encode(&Tuple(values)).unwrap())
}

fn packet() -> impl Strategy<Value = Packet> {
    let object = "[a-z\"]{0,5}".prop_map(|text| Json::object([("k", &*text)]));
    let name = prop_oneof![any::<String>().prop_map(EventName::from), "\\PC{0,9}".prop_map(EventName::from)];
    let event = (name, args()).prop_map(|(name, args)| Event { name, args });
    let body = prop_oneof![
        proptest::option::of(object.clone()).prop_map(Body::Connect),
        Just(Body::Disconnect),
        (any::<Option<u64>>(), event).prop_map(|(id, event)| Body::Event { id, event }),
        (any::<u64>(), args()).prop_map(|(id, args)| Body::Ack { id, args }),
        object.prop_map(Body::ConnectError),
    ];
    let namespace = prop_oneof![Just("/".to_owned()), "/[^,]{0,6}"];
    (namespace, body).prop_map(|(namespace, body)| Packet { namespace: namespace.into(), body })
}

/// Limits that no generated packet exceeds.
fn wide() -> Limits {
    Limits::default().max_attachments(1000)
}

fn decode(messages: impl IntoIterator<Item = Data>) -> Result<Vec<Packet>, DecodeError> {
    let mut decoder = Decoder::new(wide());
    let now = Instant::now();
    messages.into_iter().filter_map(|message| decoder.decode(message, now).transpose()).collect()
}

proptest! {
    #[test]
    fn an_encoded_packet_decodes_to_itself(packet in packet()) {
        let encoded = packet.encode().unwrap();
        prop_assert_eq!(encoded.byte_len(), encoded.messages().map(|message| message.len()).sum::<usize>());
        let decoded = decode(encoded.messages()).unwrap();
        prop_assert_eq!(&decoded, &[packet]);
        prop_assert_eq!(decoded[0].encode().unwrap(), encoded);
    }

    #[test]
    fn values_pass_unchanged(values in vec(value(), 0..4)) {
        let args = Args::encode(&Tuple(values.clone())).unwrap();
        prop_assert_eq!(&args.values().unwrap(), &values);
        prop_assert_eq!(args.len(), values.len());
        // Through serde as well: one argument that is the list.
        let one = Args::encode(&values).unwrap();
        prop_assert_eq!(&one.get::<(Vec<Value<'static>>,)>().unwrap().0, &values);
        prop_assert_eq!(one.get::<Args>().unwrap(), one);
    }

    #[test]
    fn no_digit_of_a_number_is_lost(
        number in "(-?(0|[1-9][0-9]{0,40}))(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?"
    ) {
        let list = format!(r#"{number},[{number},"x"],{{"a":{number}}}"#);
        let args = args_of(&list);
        let values = args.values().unwrap();
        prop_assert_eq!(Args::encode(&Tuple(values.clone().into_iter().map(Value::into_owned).collect())).unwrap(), args.clone());

        type Typed = (Value<'static>, Vec<Value<'static>>, BTreeMap<String, Option<Value<'static>>>);
        let typed = args.get::<Typed>().unwrap();
        prop_assert_eq!(&typed.0, &values[0]);
        prop_assert_eq!(Args::encode(&typed).unwrap(), args.clone());
        prop_assert_eq!(args.get::<Value<'static>>().unwrap(), typed.0);

        let json = Json::check(format!("[{list}]").into()).unwrap();
        let value = json.parse::<Value<'static>>().unwrap();
        prop_assert_eq!(value.as_array().unwrap(), &values);
        prop_assert_eq!(Json::encode(&value).unwrap(), json.clone());
        prop_assert_eq!(Json::encode(&json.parse::<Typed>().unwrap()).unwrap(), json);
    }

    #[test]
    fn a_value_is_one_argument_in_every_packet_and_wrapper(value in value(), id in any::<u64>()) {
        let any: serde_json::Value = serde_json::to_value(&value).unwrap();
        is_one_argument(&value, &value, id);
        is_one_argument(&any, &any, id);
        is_one_argument(&&any, &any, id);
        is_one_argument(&Box::new(any.clone()), &any, id);
        is_one_argument(&(any.clone(),), &any, id);
        is_one_argument(&Some(any.clone()), &any, id);
        is_one_argument(&Json::encode(&any).unwrap(), &any, id);
        is_one_argument(&Cow::Borrowed(&any), &any, id);
    }

    #[test]
    fn no_text_makes_the_decoder_panic(texts in vec(any::<String>(), 0..3), bytes in vec(any::<u8>(), 0..3)) {
        let _ = decode(texts.into_iter().map(Data::from).chain([Data::from(bytes)]));
    }

    #[test]
    fn no_nearly_valid_packet_makes_the_decoder_panic(
        text in "[2356]([1-3]-)?(/[a-z]?,)?[0-9]{0,2}\\[\"a\"([,:\\[\\]{}]|\"(num|_placeholder|\\\\[ud]?8?|é)\"|true|0|1|-2e){0,24}\\]",
    ) {
        let messages = [Data::from(text), Data::from(vec![1]), Data::from(vec![2]), Data::from(vec![3])];
        for count in 1..=4 {
            for packet in decode(messages.iter().take(count).cloned()).into_iter().flatten() {
                let (Body::Event { event: Event { args, .. }, .. } | Body::Ack { args, .. }) = &packet.body else { continue };
                let _ = (args.values(), args.get::<Value<'static>>(), args.get::<Vec<String>>(), args.len());
                prop_assert_eq!(decode(packet.encode().unwrap().messages()).unwrap(), [packet]);
            }
        }
    }
}

/// Arguments with this list, from a decoded packet.
fn args_of(list: &str) -> Args {
    match decode([Data::from(format!("31[{list}]"))]).unwrap().remove(0).body {
        Body::Ack { args, .. } => args,
        other => panic!("{other:?}"),
    }
}

/// Checks that `sent` arrives as one argument in an event with and without an ack id, in an ack, and as raw arguments.
fn is_one_argument<T, U>(sent: &T, received: &U, id: u64)
where
    T: Serialize,
    U: DeserializeOwned + PartialEq + Debug,
{
    let raw = Args::encode(sent).unwrap();
    for packet in [
        encode::event("/", None, "e", sent),
        encode::event("/", Some(id), "e", sent),
        encode::ack("/", id, sent),
        encode::event("/", None, "e", &raw),
        encode::ack("/", id, &raw),
    ] {
        let body = decode(packet.unwrap().messages()).unwrap().remove(0).body;
        let (Body::Event { event: Event { args, .. }, .. } | Body::Ack { args, .. }) = body else { panic!("{body:?}") };
        assert_eq!((args.len(), args.is_empty()), (1, false));
        assert_eq!(&args.get::<U>().unwrap(), received);
        assert_eq!(&args.get::<(U,)>().unwrap().0, received);
        assert_eq!(args, raw);
    }
}

fn run(text: String) -> Result<Vec<Packet>, DecodeError> {
    decode([Data::from(text), Data::from(vec![0])].into_iter().take(1))
}

#[test]
fn hostile_texts_are_decoded_or_refused() {
    let deep = 100_000;
    let nested = format!("2[\"a\",{}{}]", "[".repeat(deep), "]".repeat(deep));
    let Body::Event { event, .. } = run(nested.clone()).unwrap().remove(0).body else { panic!() };
    assert_eq!(event.args.len(), 1);
    assert_eq!(event.args.values().unwrap_err().index(), Some(0));
    assert!(event.args.get::<(Value<'static>,)>().is_err());
    assert!(event.args.get::<(serde::de::IgnoredAny,)>().is_ok());
    assert_eq!(event.args.clone(), event.args);
    // Raw arguments can be forwarded at any depth.
    let again: Encoded = Packet { namespace: "/".into(), body: Body::Event { id: None, event } }.encode().unwrap();
    assert_eq!(&**again.text(), nested);
    assert_eq!(run(format!("2[\"a\",{}", "[".repeat(deep))), Err(DecodeError::Json));
    assert_eq!(run(format!("51-[\"a\",{}{}]", "{\"a\":".repeat(deep), "}".repeat(deep))), Err(DecodeError::Json));
    assert_eq!(run(format!("51-[\"a\",{}1{}]", "{\"a\":".repeat(deep), "}".repeat(deep))), Ok(vec![]));
    assert_eq!(run(format!("2{}[]", "9".repeat(deep))), Err(DecodeError::IdOverflow));
    assert_eq!(run(format!("5{}-[]", "1".repeat(deep))), Err(DecodeError::AttachmentCount));
    // Six bytes; a one-byte type would end within the first character.
    assert_eq!(run("日本".into()), Err(DecodeError::UnknownType('日')));
    assert_eq!(run("2日本".into()), Err(DecodeError::NotAnArray));
    assert_eq!(run("5日本".into()), Err(DecodeError::AttachmentCount));
    assert_eq!(run("2/日本".into()), Err(DecodeError::MissingPayload));
}
