//! The nesting depth of arguments and payloads is bounded by an option of the decoder.
#![allow(clippy::disallowed_methods, reason = "a test needs a point in time")]

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use socketio_proto::{Args, ArgsError, Body, Data, Decoder, Instant, Json, Limits, Packet, Value, encode};

/// Nested arrays, the innermost one empty; null for a depth of 0.
fn arrays(depth: usize) -> String {
    nested("[", if depth == 0 { "null" } else { "" }, "]", depth)
}

fn nested(open: &str, innermost: &str, close: &str, depth: usize) -> String {
    format!("{}{innermost}{}", open.repeat(depth), close.repeat(depth))
}

fn decode(text: String, limits: Limits) -> Packet {
    Decoder::new(limits).decode(Data::from(text), Instant::now()).unwrap().unwrap()
}

fn args(list: &str, limits: Limits) -> Args {
    let Body::Event { event, .. } = decode(format!("2[\"e\",{list}]"), limits).body else { panic!("no event") };
    event.args
}

fn is_too_deep<T>(read: Result<T, ArgsError>) -> bool {
    match read.map_err(|error| error.to_string()) {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error, "argument 1: nested deeper than `max_depth` allows");
            true
        }
    }
}

#[derive(Debug, Deserialize)]
struct Arrays(#[allow(dead_code, reason = "is only read")] Vec<Self>);

#[test]
fn values_deeper_than_max_depth_are_not_decoded() {
    let default = Limits::default();
    for (limits, max) in [
        (default, 128),
        (default.max_depth(0), 0),
        (default.max_depth(1), 1),
        (default.max_depth(200), 200),
        (default.max_depth(Limits::DEEPEST), 256),
        (default.max_depth(usize::MAX), 256),
    ] {
        for depth in [max, max + 1] {
            let args = args(&format!("0,{}", arrays(depth)), limits);
            let too_deep = depth > max;
            assert_eq!(is_too_deep(args.values()), too_deep, "{max}");
            assert_eq!(is_too_deep(args.get::<(u8, Value<'static>)>()), too_deep, "{max}");
            assert_eq!(is_too_deep(args.get::<(u8, serde_json::Value)>()), too_deep, "{max}");
            if depth > 0 {
                assert_eq!(is_too_deep(args.get::<(u8, Arrays)>()), too_deep, "{max}");
            }
        }
    }
}

#[test]
fn values_that_are_not_decoded_may_have_any_depth() {
    let limits = Limits::default().max_depth(0);
    let deep = arrays(100_000);
    let args = args(&format!("0,{deep}"), limits);
    assert_eq!(args.get::<u8>(), Ok(0));
    assert_eq!(args.get::<(u8, Json)>().unwrap().1.as_str(), deep);
    assert!(args.get::<(u8, IgnoredAny)>().is_ok());
    assert_eq!(args.get::<Args>().unwrap(), args);
    let packet = encode::event("/", None, "e", &args).unwrap();
    assert_eq!(**packet.text(), format!("2[\"e\",0,{deep}]"));
    let packet = encode::ack("/", 1, &args.get::<(u8, Json)>().unwrap()).unwrap();
    assert_eq!(**packet.text(), format!("31[0,{deep}]"));
}

/// Bounded by `DEEPEST`, not by the `max_depth` of this decoder.
#[test]
fn arguments_within_other_values_are_forwarded() {
    let args = args(&arrays(200), Limits::default());
    let packet = encode::event("/", None, "from", &("a", &args)).unwrap();
    assert_eq!(**packet.text(), format!("2[\"from\",\"a\",[{}]]", arrays(200)));
}

#[test]
fn a_payload_has_the_same_bound() {
    for (limits, readable) in [(Limits::default(), false), (Limits::default().max_depth(201), true)] {
        let payload = format!("{{\"token\":{}}}", arrays(200));
        let Body::Connect(Some(auth)) = decode(format!("0{payload}"), limits).body else { panic!("no payload") };
        assert_eq!(auth.parse::<serde_json::Value>().is_ok(), readable);
        let Body::ConnectError(error) = decode(format!("4{payload}"), limits).body else { panic!("no payload") };
        assert_eq!(error.parse::<serde_json::Value>().is_ok(), readable);
        // The same for JSON from an argument.
        let json = args(&payload, limits).get::<Json>().unwrap();
        assert_eq!(json.parse::<serde_json::Value>().is_ok(), readable);
        assert_eq!((&json, json.clone()), (&auth, error));
    }
    // JSON that was not received has the default bound.
    assert!(Json::check(arrays(128).into()).unwrap().parse::<serde_json::Value>().is_ok());
    assert!(Json::check(arrays(129).into()).unwrap().parse::<serde_json::Value>().is_err());
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Bytes(Bytes),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

#[derive(Deserialize)]
#[serde(tag = "t")]
enum Internal {
    Leaf,
    Node {
        #[serde(rename = "c")]
        _content: Box<Self>,
    },
}

#[derive(Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Leaf,
    Node(#[allow(dead_code, reason = "is only read")] Box<Self>),
}

#[derive(Deserialize)]
struct Flattened {
    #[serde(flatten)]
    _inner: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(rename = "c")]
    _next: Option<Box<Flattened>>,
}

/// Three quarters of a thread's default stack, so that the callers have space, too.
#[test]
fn decoding_the_deepest_value_fits_into_the_stack_of_a_thread() {
    fn read() {
        let args = |open, innermost, close, depth| {
            args(&nested(open, innermost, close, depth), Limits::default().max_depth(Limits::DEEPEST))
        };
        let deepest = Limits::DEEPEST;
        let list = args("[", "300", "]", deepest);
        let map = args("{\"c\":", "300", "}", deepest);
        for args in [&list, &map] {
            let values = args.values().unwrap();
            assert_eq!(values.clone(), values);
            assert!(format!("{values:?}").len() > deepest);
            assert_eq!(&encode::ack("/", 1, &values[0]).unwrap().text()[3..], format!("{}]", args.json()));
            assert_eq!(args.get::<Value<'static>>().unwrap().into_owned(), values[0]);
            assert_eq!(Args::encode(&args.get::<Untagged>().unwrap()).unwrap().json(), args.json());
            assert!(args.get::<serde_json::Value>().is_ok());
        }
        let tagged = args(r#"{"t":"Node","c":"#, r#"{"t":"Leaf"}"#, "}", deepest - 1);
        assert!(tagged.get::<Internal>().is_ok());
        assert!(tagged.get::<Adjacent>().is_ok());
        assert!(args("{\"c\":", "null", "}", deepest).get::<Flattened>().is_ok());
    }
    std::thread::Builder::new().stack_size(3 << 19).spawn(read).unwrap().join().unwrap();
}
