//! Counts the allocations of the codec.
#![allow(clippy::disallowed_methods, reason = "a test needs a point in time")]

use allocation_counter::measure;
use bytes::Bytes;
use socketio_proto::{Args, Body, Data, Decoder, Event, Instant, Limits, Text, Value, encode};

/// A message as a driver passes it: a slice of a larger, shared buffer.
fn message(text: &str) -> Text {
    let buffer = Text::from(format!("4{text}"));
    let message = buffer.slice_ref(buffer.strip_prefix('4').unwrap());
    drop(buffer);
    message
}

fn allocations(run: impl FnOnce()) -> u64 {
    measure(run).count_total
}

fn decode(messages: impl IntoIterator<Item = Data>) -> Body {
    let mut decoder = Decoder::new(Limits::default());
    messages.into_iter().find_map(|message| decoder.decode(message, Instant::now()).unwrap()).unwrap().body
}

fn event(body: Body) -> Event {
    match body {
        Body::Event { event, .. } => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_event_decodes_without_allocating() {
    let message = message(r#"2["chat message","hello world"]"#);
    let mut decoder = Decoder::new(Limits::default());
    let count = allocations(|| {
        let packet = decoder.decode(Data::Text(message.clone()), Instant::now()).unwrap().unwrap();
        assert_eq!(event(packet.body).args.parse::<(&str,)>().unwrap(), ("hello world",));
    });
    assert_eq!(count, 0);
}

#[test]
fn a_nested_text_event_decodes_with_one_allocation() {
    // serde_json allocates a stack of the open containers.
    let message = message(r#"2/admin,1234["update",{"id":42,"tags":["a",["b"]]}]"#);
    let mut decoder = Decoder::new(Limits::default());
    let count = allocations(|| drop(decoder.decode(Data::Text(message.clone()), Instant::now())));
    assert!(count <= 1, "{count}");
}

#[test]
fn encoding_typed_arguments_takes_one_allocation() {
    let long = "x".repeat(10_000);
    // The thread's buffer grows once.
    encode::event("/", None, "warm", &(&long,)).unwrap();
    for text in ["hello world", &long] {
        assert_eq!(allocations(|| drop(encode::event("/", None, "chat message", &(text,)).unwrap())), 1);
        assert_eq!(allocations(|| drop(encode::ack("/admin", 12, &(text, 1.5, true)).unwrap())), 1);
    }
}

/// Peak memory of reading a long text, per byte of the text.
fn memory_per_byte(read: impl Fn(&Args), piece: &str) -> u64 {
    let list = vec![piece; 245_000 / (piece.len() + 1)].join(",");
    let args = event(decode([Data::from(format!("2[\"e\",[{list}]]"))])).args;
    measure(|| read(&args)).bytes_max / list.len() as u64
}

const SMALL: [&str; 14] = [
    "0",
    "\"\"",
    "[]",
    "[0]",
    "[0,0]",
    "[[0],[0,0,0,0,0]]",
    "[[[[[[[[[[]]]]]]]]]]",
    "{}",
    r#"{"":0}"#,
    r#"{"":0,"":0}"#,
    r#"{"":{},"":{"":0}}"#,
    r#"{"":0,"":0,"":0,"":0,"":0,"":0,"":0,"":0,"":0},{"":0}"#,
    r#"{"":0,"":0,"":0,"":0,"":0,"":0,"":0,"":0},{"":{"":{"":{"":{"":{"":{"":{"":{"":{"":{"":{}}}}}}}}}}}}"#,
    r#"{"\n":"\n"}"#,
];

#[test]
fn values_take_memory_in_proportion_to_their_text() {
    type Way = (&'static str, fn(&Args));
    let ways: [Way; 4] = [
        ("values", |args| drop(args.values().unwrap())),
        ("a value", |args| drop(args.get::<(Value<'static>,)>().unwrap())),
        ("a vector of values", |args| drop(args.get::<(Vec<Value<'static>>,)>().unwrap())),
        ("values in a vector", |args| drop(args.get::<(Vec<Option<Value<'static>>>,)>().unwrap())),
    ];
    for piece in SMALL {
        for (way, read) in ways {
            let bytes = memory_per_byte(read, piece);
            assert!(bytes < 48, "{piece} as {way}: {bytes} bytes for each");
        }
    }
}

#[test]
fn a_clone_for_each_receiver_takes_none() {
    let packet = encode::event("/", None, "news", &("hello", Value::from(Bytes::from_static(b"x")))).unwrap();
    // The first clone of the text makes its bytes shared.
    let first = packet.clone();
    let count = allocations(|| {
        for _ in 0..1000 {
            let copy = packet.clone();
            assert_eq!(copy.messages().count(), 2);
        }
    });
    assert_eq!(count, 0);
    assert_eq!(first, packet);
}

#[test]
fn attachments_pass_without_a_copy() {
    let buffers: Vec<Bytes> = (0..5u8).map(|n| vec![n; 65_536].into()).collect();
    let values = buffers.iter().cloned().map(Value::from).collect::<Vec<_>>();
    let first = encode::event("/", None, "files", &values).unwrap();
    let messages: Vec<Data> = first.messages().collect();
    let mut args = Args::default();
    let decoding = measure(|| args = event(decode(messages.iter().cloned())).args);
    let mut again = None;
    let encoding = measure(|| again = Some(encode::event("/", None, "again", &args).unwrap()));
    let mut read = Vec::new();
    measure(|| read = args.get::<Vec<Value<'static>>>().unwrap());
    for info in [decoding, encoding] {
        assert!(info.count_total <= 12 && info.bytes_total < 4096, "{info:?}");
    }
    let pointers = |buffers: &[Bytes]| buffers.iter().map(|buffer| buffer.as_ptr()).collect::<Vec<_>>();
    assert_eq!(pointers(args.attachments()), pointers(&buffers));
    assert_eq!(pointers(again.unwrap().attachments()), pointers(&buffers));
    assert_eq!(read.iter().map(|value| value.as_bytes().unwrap().as_ptr()).collect::<Vec<_>>(), pointers(&buffers));
}
