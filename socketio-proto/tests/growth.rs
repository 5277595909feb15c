//! The work of decoding and encoding is linear in the length of a packet: valgrind counts the instructions for one
//! packet and for one that is twice as long. Without valgrind nothing is counted and the test prints a note; with
//! CI=true it fails.
#![allow(clippy::disallowed_methods, reason = "a test needs a point in time")]
#![allow(clippy::print_stderr, reason = "prints the counts, or why there are none")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use socketio_proto::{Args, Body, Data, Decoder, Instant, Json, Limits, Value, encode};

/// Maximum ratio of the work for twice the length: 2 is linear, a binary search adds less than 0.2, 4 is quadratic.
const AT_MOST: f64 = 2.3;

/// Approximate size of the shorter packet in bytes.
const LEN: usize = 12_000;

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

#[derive(Deserialize, Serialize)]
struct Flattened {
    id: u32,
    #[serde(flatten)]
    rest: BTreeMap<String, Untagged>,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
    Bytes(Bytes),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "kind")]
enum Tagged {
    Point { x: f64, y: f32 },
    Blob { data: ByteBuf },
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    One(String),
    Two(Bytes, i128),
}

/// Instructions are counted between two calls of this function. Valgrind finds it by its name.
#[inline(never)]
fn growth_mark() {
    black_box(());
}

/// Counts the work for one length, then for twice the length.
fn count<T, R>(make: impl Fn(usize) -> T, work: impl Fn(&T) -> R) {
    for len in [LEN, 2 * LEN] {
        let thing = make(len);
        growth_mark();
        drop(black_box(work(black_box(&thing))));
        growth_mark();
    }
}

/// An array of about `len` bytes.
fn array(element: &str, len: usize) -> String {
    format!("[{}]", vec![element; len / (element.len() + 1)].join(","))
}

/// About `len` bytes of `open`, then `1`, then as many of `close`.
fn nested(open: &str, close: &str, len: usize) -> String {
    let depth = len / (open.len() + close.len());
    format!("{}1{}", open.repeat(depth), close.repeat(depth))
}

/// The messages of an event with these arguments and one attachment.
fn messages(list: &str) -> [Data; 2] {
    [Data::from(format!(r#"51-["e",{list}]"#)), Data::from(vec![b'x'])]
}

fn decode(messages: &[Data]) -> Args {
    let mut decoder = Decoder::new(Limits::default());
    let mut packets = messages.iter().filter_map(|message| decoder.decode(message.clone(), Instant::now()).unwrap());
    let Some(Body::Event { event, .. }) = packets.next().map(|packet| packet.body) else { panic!("no event") };
    event.args
}

fn args(list: &str) -> Args {
    decode(&messages(list))
}

fn reading<R>(list: impl Fn(usize) -> String, read: impl Fn(&Args) -> R) {
    count(|len| args(&list(len)), read);
}

/// Typed reading of an array of elements.
fn typed<T: DeserializeOwned>(element: &str) {
    reading(|len| array(element, len), |args| args.get::<(Vec<T>,)>().unwrap());
}

fn decoding(list: impl Fn(usize) -> String) {
    count(|len| messages(&list(len)), |messages| decode(messages));
}

/// Encoding of a typed array of elements.
fn encoding<T: DeserializeOwned + Serialize>(element: &str) {
    let make = |len| args(&array(element, len)).get::<(Vec<T>,)>().unwrap();
    count(make, |thing| encode::event("/", None, "e", thing).unwrap());
}

const FLATTENED: &str = r#"{"id":1,"a":{"_placeholder":true,"num":0},"b":[1,"x",{"_placeholder":true,"num":0}]}"#;

/// The cases. Each calls `count` once.
const CASES: &[(&str, fn())] = &[
    ("numbers", || typed::<u64>("12345")),
    ("floats", || typed::<f64>("-1.25e3")),
    ("a long number", || reading(|len| format!("0.{}", "1".repeat(len)), |args| args.get::<(f64,)>().unwrap())),
    ("integers of 128 bits", || typed::<i128>("-170141183460469231731687303715884105727")),
    ("strings", || typed::<String>(r#""abc""#)),
    ("a string full of escapes", || {
        reading(|len| format!("\"{}\"", r"\n\u00e9".repeat(len / 8)), |args| args.get::<(String,)>().unwrap());
    }),
    ("a string of lone surrogates", || {
        reading(|len| format!("\"{}\"", r"\ud83d".repeat(len / 6)), |args| args.get::<(String,)>().unwrap());
    }),
    ("options", || typed::<Option<Option<bool>>>("null")),
    ("maps", || {
        let list = |len| {
            let entries: Vec<String> = (10_000..10_000 + len / 10).map(|key| format!("\"{key}\":7")).collect();
            format!("{{{}}}", entries.join(","))
        };
        reading(list, |args| args.get::<(BTreeMap<u32, f32>,)>().unwrap());
    }),
    ("attachments", || typed::<Bytes>(PLACEHOLDER)),
    ("attachments copied", || typed::<ByteBuf>(PLACEHOLDER)),
    ("JSON, then placeholders", || {
        let list = |len| format!("{},{}", array("1", len / 2), array(PLACEHOLDER, len / 2));
        reading(list, |args| args.get::<(Vec<Json>,)>().unwrap());
    }),
    ("placeholders, then JSON", || {
        let list = |len| format!("{},{}", array(PLACEHOLDER, len / 2), array("1", len / 2));
        reading(list, |args| args.get::<(Vec<Bytes>, Vec<Json>)>().unwrap());
    }),
    ("flatten", || typed::<Flattened>(FLATTENED)),
    ("untagged enums", || typed::<Untagged>(&format!(r#"[1,"x",{PLACEHOLDER},{{"a":[2]}}]"#))),
    ("internally tagged enums", || {
        typed::<Tagged>(&format!(r#"{{"x":1,"kind":"Point","y":2.5}},{{"kind":"Blob","data":{PLACEHOLDER}}}"#));
    }),
    ("adjacently tagged enums", || {
        typed::<Adjacent>(&format!(r#"{{"c":"x","t":"One"}},{{"t":"Two","c":[{PLACEHOLDER},7]}}"#));
    }),
    ("values by serde", || typed::<Value<'static>>(&format!(r#"{{"a":[1,{PLACEHOLDER},"x"]}}"#))),
    ("deep values by serde", || typed::<Value<'static>>(&nested("[", "]", 200))),
    ("arguments within other types", || typed::<Args>(&format!(r#"[1,{PLACEHOLDER},"x"]"#))),
    ("raw arguments", || reading(|len| array(PLACEHOLDER, len), |args| args.get::<Args>().unwrap())),
    ("an ignored argument", || reading(|len| array("[{}]", len), |args| args.get::<(IgnoredAny,)>().unwrap())),
    ("ignored arguments", || {
        let list = |len| vec![PLACEHOLDER; len / (PLACEHOLDER.len() + 1)].join(",");
        reading(list, |args| args.get::<(IgnoredAny, IgnoredAny)>().unwrap());
    }),
    ("an ignored argument, deeper than is read", || {
        reading(|len| nested("[", "]", len), |args| args.get::<(IgnoredAny,)>().unwrap());
    }),
    ("an ignored field", || {
        let list = |len| format!(r#"{{"x":{},"kind":"Point","x":1,"y":2}}"#, array(FLATTENED, len));
        reading(list, |args| args.get::<(BTreeMap<String, IgnoredAny>,)>().unwrap());
    }),
    ("dynamic values", || {
        let element = format!(r#"{{"a":[1,{PLACEHOLDER},"x\n"]}}"#);
        reading(|len| array(&element, len), |args| drop(black_box(args.values().unwrap())));
    }),
    ("the number of arguments", || reading(|len| vec!["[1]"; len / 4].join(","), Args::len)),
    ("a last element of another type", || {
        let list = |len| array("1", len).replace("1]", "[]]");
        reading(list, |args| args.get::<(Vec<u8>,)>().unwrap_err());
    }),
    ("decoding placeholders", || decoding(|len| array(PLACEHOLDER, len))),
    ("decoding placeholders in another form", || {
        decoding(|len| array(r#"{ "num" : 0, "_placeholder" : true }"#, len));
    }),
    ("decoding placeholders within placeholders", || {
        decoding(|len| nested(r#"{"_placeholder":true,"num":0,"in":"#, "}", len));
    }),
    ("decoding objects with a number that are no placeholders", || decoding(|len| nested(r#"{"num":"#, "}", len))),
    ("decoding objects with a list as the number", || decoding(|len| nested(r#"{"num":[["#, "]]}", len))),
    ("decoding keys with escapes", || decoding(|len| array(r#"{"\u0061\n":1}"#, len))),
    ("decoding deep arrays", || decoding(|len| nested("[", "]", len))),
    ("encoding strings full of escapes", || encoding::<String>(r#""\n\"\u0001""#)),
    ("encoding attachments", || encoding::<Bytes>(PLACEHOLDER)),
    ("encoding flattened fields", || encoding::<Flattened>(FLATTENED)),
    ("encoding JSON", || encoding::<Json>("[1]")),
    ("encoding values", || encoding::<Value<'static>>(&format!(r#"{{"a":[1,{PLACEHOLDER},"x"]}}"#))),
    ("encoding deep values", || encoding::<Value<'static>>(&nested("[", "]", 200))),
    ("encoding arguments within other types", || encoding::<Args>(&format!(r#"[1,{PLACEHOLDER},"x"]"#))),
    ("encoding raw arguments", || {
        count(|len| args(&array(FLATTENED, len)), |args| encode::ack("/admin", 7, args).unwrap());
    }),
];

#[test]
fn the_work_of_a_packet_is_linear_in_its_length() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("growth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--dump-before=*growth_mark*"])
        .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
        .arg(std::env::current_exe().unwrap())
        .args(["the_work_that_is_counted", "--exact", "--ignored", "--test-threads=1"])
        .output();
    let child = match child {
        Err(error) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => panic!("valgrind: {error}"),
        Err(error) => return eprintln!("NOTE: valgrind: {error}; no instructions were counted"),
        Ok(child) => child,
    };
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    // At each mark, valgrind writes the number of instructions since the previous mark.
    let count = |mark: usize| {
        let profile = std::fs::read_to_string(folder.join(format!("out.{mark}"))).unwrap();
        let total = profile.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
        total.trim().parse::<f64>().unwrap()
    };
    let mut steep = Vec::new();
    for (index, (case, _)) in CASES.iter().enumerate() {
        let (short, long) = (count(4 * index + 2), count(4 * index + 4));
        let line = format!("{case}: {short} instructions, {:.2} times as many for twice the length", long / short);
        eprintln!("{line}");
        if short == 0.0 || long / short > AT_MOST {
            steep.push(line);
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(steep.is_empty(), "{steep:#?}");
}

#[test]
#[ignore = "the other test runs it under valgrind"]
fn the_work_that_is_counted() {
    for (_, case) in CASES {
        case();
    }
}
