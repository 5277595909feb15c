//! Typed decoding equals serde_json's: for types, and for each method that a type may call on a deserializer.
//!
//! The exceptions: a lone surrogate is U+FFFD, a number beyond the range of a float is infinite, and a float is the
//! nearest one, where serde_json may be wrong in the last bits.
#![allow(clippy::disallowed_methods, reason = "a test needs a point in time")]
#![allow(dead_code, reason = "fields are only compared through Debug")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use engineio_proto::to_well_formed;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::{Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_bytes::ByteBuf;
use socketio_proto::{Args, Body, Data, Decoder, Instant, Limits};

/// The arguments of an event; `None` if the text is not valid JSON.
fn args(json: &str) -> Option<Args> {
    let packet = Decoder::new(Limits::default()).decode(Data::from(format!("2[\"e\",{json}]")), Instant::now()).ok()?;
    let Some(Body::Event { event, .. }) = packet.map(|packet| packet.body) else { panic!("no event") };
    Some(event.args)
}

/// Decodes with both. The Debug output must be the same, which distinguishes `-0.0` from `0.0`.
fn same<'a, T: Deserialize<'a> + fmt::Debug>(args: &'a Args, json: &'a str, well_formed: &'a str) {
    let own = args.parse::<(T,)>().map(|(own,)| own);
    let theirs = serde_json::from_str::<T>(json).or_else(|_| serde_json::from_str::<T>(well_formed));
    match (&own, &theirs) {
        (Ok(own), Ok(theirs)) if format!("{own:?}") == format!("{theirs:?}") => {}
        (Err(_), Err(_)) => {}
        _ => panic!("{json} as {}: {own:?}, serde_json {theirs:?}", std::any::type_name::<T>()),
    }
}

macro_rules! like_serde_json {
    ($json:expr => $($type:ty,)*) => {{
        let json: &str = $json;
        if let Some(args) = args(json) {
            let well_formed = to_well_formed(json);
            $(same::<$type>(&args, json, &well_formed);)*
        }
    }};
}

// --- types -------------------------------------------------------------------------------------------------------------

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Unit,
    One(String),
    Two(u8, char),
    Named { x: i128 },
    Nothing(),
    Optional(Option<u8>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind")]
enum Internal {
    Unit,
    One(Inner),
    Two {},
    Named {
        x: f32,
        y: Option<i8>,
    },
    #[serde(rename = "2", alias = "second")]
    Number {
        a: i128,
    },
    Nested(Box<Self>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    One(String),
    Two(u8, f64),
    Named { x: i64 },
    Nested(Vec<Self>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "t", content = "c", deny_unknown_fields)]
enum Strict {
    Unit,
    One(u8),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Unit,
    Bool(bool),
    Integer(i64),
    Large(u64),
    Float(f32),
    Char(char),
    Text(String),
    Pair(u8, String),
    Named { x: f64 },
    Shape(Shape),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

#[derive(Debug, Deserialize)]
enum Unknown {
    Unit,
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
struct Inner {
    x: u8,
    #[serde(default)]
    y: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    x: Option<u8>,
    #[serde(alias = "b")]
    a: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Mixed {
    a: Option<i8>,
    #[serde(default)]
    b: Vec<f32>,
    c: Shape,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct FlatInternal {
    #[serde(flatten)]
    inner: Internal,
    id: Option<u8>,
}

#[derive(Debug, Deserialize)]
struct FlatUntagged {
    #[serde(flatten)]
    inner: Untagged,
    #[serde(flatten)]
    shape: Option<Shape>,
}

#[derive(Debug, Deserialize)]
struct UnitStruct;

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Newtype<T>(T);

#[derive(Debug, Deserialize)]
struct Pair(u8, Option<f32>);

#[derive(Debug, Deserialize)]
struct Borrowed<'a> {
    x: &'a str,
    #[serde(borrow)]
    y: Option<Cow<'a, str>>,
}

/// A float as the key of a map.
#[derive(Debug, Deserialize, PartialEq)]
struct Float<T>(T);

impl<T: PartialEq> Eq for Float<T> {}

impl<T: PartialOrd> PartialOrd for Float<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: PartialOrd> Ord for Float<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.partial_cmp(&other.0).unwrap_or(std::cmp::Ordering::Equal)
    }
}

fn types(json: &str) {
    like_serde_json!(json =>
        bool, i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, f32, f64, char, String, &str, &[u8], ByteBuf, (),
        UnitStruct, Newtype<u8>, Newtype<Option<String>>, Pair, (u8, String), (f64,), [bool; 2], [f32; 3],
        Option<u8>, Option<Option<bool>>, Option<()>, Vec<Option<char>>, Vec<f32>, Vec<i128>, Vec<u64>, Vec<&str>,
        Vec<ByteBuf>, Vec<UnitStruct>, Vec<IgnoredAny>, Vec<(u8, u8)>,
        serde_json::Value, serde_json::Map<String, serde_json::Value>,
        Inner, Closed, Mixed, Borrowed<'_>, Vec<Inner>, Vec<Borrowed<'_>>,
        Shape, Internal, Adjacent, Strict, Untagged, Unknown, FlatInternal, FlatUntagged,
        Vec<Shape>, Vec<Internal>, Vec<Adjacent>, Vec<Strict>, Vec<Untagged>, Vec<Unknown>, Option<Internal>,
        BTreeMap<String, Shape>, BTreeMap<String, Internal>, BTreeMap<&str, Untagged>,
        BTreeMap<i8, IgnoredAny>, BTreeMap<u16, IgnoredAny>, BTreeMap<i64, IgnoredAny>, BTreeMap<u64, IgnoredAny>,
        BTreeMap<i128, IgnoredAny>, BTreeMap<u128, IgnoredAny>, BTreeMap<Float<f32>, IgnoredAny>,
        BTreeMap<Float<f64>, IgnoredAny>, BTreeMap<char, IgnoredAny>, BTreeMap<Shape, IgnoredAny>,
        BTreeMap<ByteBuf, IgnoredAny>, BTreeMap<Option<String>, IgnoredAny>, BTreeMap<Newtype<u8>, IgnoredAny>,  BTreeMap<(), IgnoredAny>, BTreeMap<Vec<u8>, IgnoredAny>,
    );
    // serde_json (1.0.154) panics here, because it takes the first byte of the key for a whole character.
    if json.is_ascii() {
        like_serde_json!(json => BTreeMap<bool, IgnoredAny>, BTreeMap<Newtype<Option<bool>>, IgnoredAny>,);
    }
}

// --- calls -------------------------------------------------------------------------------------------------------------

/// What a deserializer passes to a visitor that accepts everything, when the `HINT`th method is called.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Asked<const HINT: u8>(String);

impl<'de, const HINT: u8> Deserialize<'de> for Asked<HINT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let anything = Anything::<HINT>;
        match HINT {
            0 => deserializer.deserialize_any(anything),
            1 => deserializer.deserialize_bool(anything),
            2 => deserializer.deserialize_i8(anything),
            3 => deserializer.deserialize_i16(anything),
            4 => deserializer.deserialize_i32(anything),
            5 => deserializer.deserialize_i64(anything),
            6 => deserializer.deserialize_i128(anything),
            7 => deserializer.deserialize_u8(anything),
            8 => deserializer.deserialize_u16(anything),
            9 => deserializer.deserialize_u32(anything),
            10 => deserializer.deserialize_u64(anything),
            11 => deserializer.deserialize_u128(anything),
            12 => deserializer.deserialize_f32(anything),
            13 => deserializer.deserialize_f64(anything),
            14 => deserializer.deserialize_char(anything),
            15 => deserializer.deserialize_str(anything),
            16 => deserializer.deserialize_string(anything),
            17 => deserializer.deserialize_bytes(anything),
            18 => deserializer.deserialize_byte_buf(anything),
            19 => deserializer.deserialize_option(anything),
            20 => deserializer.deserialize_unit(anything),
            21 => deserializer.deserialize_unit_struct("Name", anything),
            22 => deserializer.deserialize_newtype_struct("Name", anything),
            23 => deserializer.deserialize_seq(anything),
            24 => deserializer.deserialize_tuple(2, anything),
            25 => deserializer.deserialize_tuple_struct("Name", 2, anything),
            26 => deserializer.deserialize_map(anything),
            27 => deserializer.deserialize_struct("Name", &["x"], anything),
            28..=31 => deserializer.deserialize_enum("Name", &["x"], anything),
            _ => deserializer.deserialize_identifier(anything),
        }
        .map(Self)
    }
}

struct Anything<const HINT: u8>;

macro_rules! visits {
    ($($visit:ident: $type:ty,)*) => {$(
        fn $visit<E>(self, value: $type) -> Result<String, E> {
            Ok(format!("{} {value:?}", stringify!($visit)))
        }
    )*};
}

impl<'de, const HINT: u8> Visitor<'de> for Anything<HINT> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    visits! {
        visit_bool: bool,
        visit_i64: i64,
        visit_i128: i128,
        visit_u64: u64,
        visit_u128: u128,
        visit_f64: f64,
        visit_str: &str,
        visit_borrowed_bytes: &'de [u8],
        visit_bytes: &[u8],
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("unit".to_owned())
    }

    fn visit_none<E>(self) -> Result<String, E> {
        Ok("none".to_owned())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        Asked::<0>::deserialize(deserializer).map(|asked| format!("some {}", asked.0))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        Asked::<0>::deserialize(deserializer).map(|asked| format!("newtype {}", asked.0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<String, A::Error> {
        let mut all = String::from("[");
        while let Some(element) = access.next_element::<Asked<HINT>>()? {
            all += &element.0;
            all += ",";
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<String, A::Error> {
        let mut all = String::from("{");
        while let Some((key, value)) = access.next_entry::<Asked<HINT>, Asked<0>>()? {
            all += &format!("{}:{},", key.0, value.0);
        }
        Ok(all)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<String, A::Error> {
        let (name, variant) = access.variant::<Asked<32>>()?;
        let content = match HINT {
            28 => variant.unit_variant().map(|()| "unit".to_owned())?,
            29 => variant.newtype_variant::<Asked<0>>()?.0,
            30 => variant.tuple_variant(2, Anything::<0>)?,
            31 => variant.struct_variant(&["x"], Anything::<0>)?,
            other => return Err(A::Error::custom(other)),
        };
        Ok(format!("{} {content}", name.0))
    }
}

/// Keys of the requested kind; numbers in keys are parsed from strings.
type Keys<const HINT: u8> = BTreeMap<Asked<HINT>, IgnoredAny>;

fn calls(json: &str) {
    macro_rules! each {
        ($($hint:literal)*) => {
            like_serde_json!(json => $(Asked<$hint>, Vec<Asked<$hint>>, Option<Asked<$hint>>,)*);
            // serde_json panics, as above.
            if json.is_ascii() {
                like_serde_json!(json => $(Keys<$hint>,)*);
            }
        };
    }
    each!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

// --- texts -------------------------------------------------------------------------------------------------------------

fn compare(json: &str) {
    types(json);
    calls(json);
}

#[test]
fn types_are_decoded_as_by_serde_json() {
    for json in [
        "0",
        "-0",
        "1.0",
        "-1",
        "1e2",
        "255",
        "256",
        "18446744073709551615",
        "18446744073709551616",
        "1e-400",
        "-9223372036854775808",
        "-9223372036854775809",
        "170141183460469231731687303715884105727",
        "null",
        "true",
        r#""""#,
        r#""a""#,
        r#""é\n""#,
        r#""\ud83d\ude00""#,
        r#""\ud800""#,
        r#"["\udc00a","\ud800\ud800\udc00",null]"#,
        r#"[null,"\ud800","b"]"#,
        r#"{"a":1,"c":{"One":"\ud800"},"\udfff":{"\ud800":"\ud83d\ude00"}}"#,
        r#"{"\ud800":"Unit"}"#,
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1,\"x\"]",
        "[1,\"x\",2]",
        "[true,false]",
        r#"[null,"a","ab"]"#,
        r#"["Unit",{"One":"s"},{"Two":[1,"c"]},{"Named":{"x":-5}},{"Unit":null}]"#,
        r#"[{"Two":[1]}]"#,
        r#"["One"]"#,
        r#"[{"Unit":null,"One":""}]"#,
        r#"[{}]"#,
        r#"["Three"]"#,
        r#"{"a":1,"b":[1,2.5],"c":"Unit","d":[{}],"e":null}"#,
        r#"{"c":{"One":"x"}}"#,
        r#"{"a":1}"#,
        r#"{"c":"Unit","c":"Unit"}"#,
        r#"{"1":2,"65535":-3}"#,
        r#"{"65536":0}"#,
        r#"{"-1":0}"#,
        r#"{"x":0}"#,
        r#"{"true":null,"false":null}"#,
        r#"[[],[[]],{}]"#,
        r#"{"Two":{}}"#,
        r#"{"Named":[5]}"#,
        r#"{"Nothing":[]}"#,
        r#"{"Optional":null}"#,
        r#""Optional""#,
        r#"{"kind":"Two"}"#,
        r#"{"x":1,"kind":"One"}"#,
        r#"{"kind":"Named","x":1e2,"y":null}"#,
        r#"{"kind":"Nested","kind":"Unit"}"#,
        r#"{"kind":"2","a":-5}"#,
        r#"{"a":1,"id":null,"kind":"second"}"#,
        r#"["Unit"]"#,
        r#"["Two",{}]"#,
        r#"{"t":"Unit"}"#,
        r#"{"c":[1,2.5],"t":"Two"}"#,
        r#"{"t":"Two","c":[1,2]}"#,
        r#"["One","x"]"#,
        r#"{"t":"One","c":1,"d":1}"#,
        r#"{"x":"\u00e9","y":"\n"}"#,
        r#"{"x":"a","y":"b"}"#,
        r#"{"\u0031":1}"#,
        r#"{"\u0074rue":1}"#,
        r#"{"1.5":1,"1e2":2}"#,
        r#"{"":null}"#,
    ] {
        compare(json);
    }
}

#[test]
fn a_variant_is_not_named_by_its_number() {
    for json in [
        r#"{"kind":2}"#,
        r#"{"kind":2,"a":1}"#,
        r#"{"a":1,"kind":2}"#,
        r#"[2]"#,
        r#"[2,{}]"#,
        r#"{"kind":0}"#,
        r#"{"t":0}"#,
        r#"{"t":1,"c":"x"}"#,
        r#"{"c":"x","t":1}"#,
        r#"[1,"x"]"#,
        r#"0"#,
        r#"{"0":null}"#,
        r#"{"x":1,"kind":null}"#,
        r#"{"kind":["Unit"]}"#,
        r#"{"kind":{"Unit":null}}"#,
        r#"{"t":{"Unit":null}}"#,
    ] {
        compare(json);
    }
    let args = args(r#"{"kind":2},[2]"#).unwrap();
    assert!(args.get::<(Internal, IgnoredAny)>().is_err());
    assert!(args.get::<(IgnoredAny, Internal)>().is_err());
}

#[test]
fn an_attachment_does_not_name_a_variant() {
    let mut decoder = Decoder::new(Limits::default());
    let text = r#"51-["e",{"kind":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":0}]"#;
    decoder.decode(Data::from(text), Instant::now()).unwrap();
    let packet = decoder.decode(Data::from(b"Unit".to_vec()), Instant::now()).unwrap().unwrap();
    let Body::Event { event, .. } = packet.body else { panic!("no event") };
    let error = event.args.get::<(Internal,)>().unwrap_err();
    assert_eq!(error.to_string(), "argument 0: invalid type: an attachment, expected variant identifier");
    assert!(event.args.get::<(IgnoredAny, Shape)>().is_err());
    assert_eq!(event.args.get::<(IgnoredAny, ByteBuf)>().unwrap().1, b"Unit");
}

/// A key is only read as a number if it is one in JSON.
#[test]
fn a_key_is_a_number_only_in_json_syntax() {
    for key in
        ["+1", "01", "1.", ".5", "-", "1e", " 1", "1 ", "0x1", "1_0", "--1", "inf", "NaN", "-0", "1E+2", "0.5e-1"]
    {
        compare(&format!(r#"{{"{key}":null}}"#));
    }
}

#[test]
fn numbers_beyond_the_range_are_infinite_and_no_integers() {
    let beyond = format!("[1e400,-1e400,1{},\"x\",{{\"1e400\":-1E+999}}]", "0".repeat(400));
    let args = args(&beyond[1..beyond.len() - 1]).unwrap();
    let (infinite, negative) = (f64::INFINITY, f64::NEG_INFINITY);
    type Floats = (f64, f32, f64, IgnoredAny, BTreeMap<Float<f64>, f32>);
    let floats: Floats = args.get().unwrap();
    assert_eq!((floats.0, floats.1, floats.2), (infinite, f32::NEG_INFINITY, infinite));
    assert_eq!(floats.4, BTreeMap::from([(Float(infinite), f32::NEG_INFINITY)]));
    // The same for values that serde buffers for an untagged enum.
    let Untagged::Float(untagged) = args.get::<Untagged>().unwrap() else { panic!("no float") };
    assert_eq!(untagged, f32::INFINITY);
    assert_eq!(args.get::<serde_json::Value>(), Ok(serde_json::Value::Null));
    let values = args.values().unwrap();
    assert_eq!((values[0].as_f64(), values[1].as_f64(), values[0].as_i64()), (Some(infinite), Some(negative), None));

    let text = |error: socketio_proto::ArgsError| error.to_string();
    let error = args.get::<(f64, i64)>().unwrap_err();
    assert_eq!(text(error), "argument 1: invalid type: floating point `-inf`, expected i64");
    let error = args.get::<u128>().unwrap_err();
    assert_eq!(text(error), "argument 0: invalid type: floating point `inf`, expected u128");
    type Keyed<K> = (IgnoredAny, IgnoredAny, IgnoredAny, IgnoredAny, BTreeMap<K, IgnoredAny>);
    let error = args.get::<Keyed<u8>>().unwrap_err();
    assert_eq!(text(error), "argument 4: invalid type: floating point `inf`, expected u8");
    assert_eq!(args.get::<Keyed<i128>>().unwrap_err().index(), Some(4));
}

/// Names that occur in the types above, and others.
fn word() -> impl Strategy<Value = String> {
    let words: Vec<&str> = [
        "kind t c x y a b id Unit One Two Named Nothing Optional Nested 2 second 0 -1 1.5 1e2 256 true",
        r"false null é \u0055nit \n \ud83d",
    ]
    .iter()
    .flat_map(|line| line.split(' '))
    .chain([""])
    .collect();
    proptest::sample::select(words).prop_map(|word| format!("\"{word}\""))
}

fn number() -> impl Strategy<Value = String> {
    let edges: Vec<&str> = [
        "0 1 2 3 -0 -1 0.0 -0.0 2.0 1e2 1.5e1 -128 127 128 255 256 32768 65535 4294967295 4294967296",
        "9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809",
        "18446744073709551615 18446744073709551616 340282366920938463463374607431768211455",
        "340282366920938463463374607431768211456 170141183460469231731687303715884105728",
        "-170141183460469231731687303715884105728 3.4028235e38 3.5e38 1e-400 0e400",
    ]
    .iter()
    .flat_map(|line| line.split(' '))
    .collect();
    // Only numbers that serde_json rounds to the nearest float.
    let exact = |text: String| {
        let theirs = serde_json::from_str::<f64>(&text).ok()?;
        (text.parse() == Ok(theirs)).then_some(text)
    };
    let floats = any::<f64>().prop_map(|float| float.to_string());
    let integers = any::<i128>().prop_map(|integer| integer.to_string());
    prop_oneof![
        3 => proptest::sample::select(edges).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => integers.prop_filter_map("rounded otherwise", exact),
        1 => floats.prop_filter_map("rounded otherwise", exact),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let literal = proptest::sample::select(&["null", "true", "false"][..]).prop_map(str::to_owned);
    let leaf = prop_oneof![literal, number(), word()];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let entry = (word(), inner.clone()).prop_map(|(key, value)| format!("{key} :{value}"));
        // Objects in the form of the enums above, so that most cases do not fail at the first key.
        let tagged = (proptest::sample::select(&["kind", "t"][..]), word(), inner.clone(), word(), any::<bool>())
            .prop_map(|(tag, name, content, key, first)| {
                let key = if tag == "t" { "\"c\"".to_owned() } else { key };
                match first {
                    true => format!("{{\"{tag}\":{name},{key}:{content}}}"),
                    false => format!("{{{key}:{content},\"{tag}\":{name}}}"),
                }
            });
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|elements| format!("[{}]", elements.join(", "))),
            proptest::collection::vec(entry, 0..4).prop_map(|entries| format!("{{{}}}", entries.join(","))),
            tagged,
        ]
    })
}

/// The distance of two floats in units of the last place.
fn apart(one: f64, other: f64) -> u64 {
    one.to_bits().abs_diff(other.to_bits())
}

proptest! {
    #[test]
    fn any_json_is_decoded_as_by_serde_json(json in json()) {
        compare(&json);
    }

    #[test]
    fn floats_are_the_nearest_ones(text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
        let args = args(&text).unwrap();
        let float = text.parse::<f64>().unwrap();
        prop_assert_eq!(args.get::<f64>().unwrap().to_bits(), float.to_bits());
        // Through the nearest f64, as in serde_json.
        prop_assert_eq!(args.get::<f32>().unwrap().to_bits(), (float as f32).to_bits());
        if let Ok(theirs) = serde_json::from_str::<f64>(&text) {
            prop_assert!(apart(float, theirs) <= 2, "{} {}", float, theirs);
        }
    }
}
