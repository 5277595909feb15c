//! The return values of handlers, and their encoding as acks.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use engineio_proto::{Sid, Text};
use serde::Serialize;
use socketio_proto::{Args, Encoded, Json, Value, encode};

use crate::error::HandlerError;

/// A type that a handler may return. If the peer asked for an ack, the value is sent as the ack.
///
/// - `()` acknowledges without arguments.
/// - A tuple of up to 16 values whose types implement [`Serialize`] is the list of arguments; so are [`Args`].
/// - A number, `bool`, text, [`Bytes`], [`Value`], [`Json`] or [`serde_json::Value`] is the only argument, and so is an `Option`,
///   a vector, a set or a map of types that implement [`Serialize`]. `None` and null values acknowledge with `null`.
/// - A `Result` of any of these: `Ok` acknowledges. An `Err` is never sent: it goes to `on_error`, and the event is not acknowledged.
///   Any error works that converts into `Box<dyn Error + Send + Sync>`, such as `String`, `anyhow::Error`, or a type that implements
///   [`Error`].
///
/// Return a type of your own as the element of a tuple: `(report,)`.
///
/// ```no_run
/// # use socketio_runtime::{Namespace, Socket};
/// # #[derive(serde::Serialize)]
/// # struct Report;
/// # fn example(root: Namespace) {
/// root.on("sum", async |_, (a, b): (i64, i64)| a + b);
/// root.on("parse", async |_, (text,): (String,)| text.parse::<i64>());
/// root.on("report", async |_, ()| (Report,));
/// // An error type has to be named if `?` is all that uses it.
/// root.on("read", async |_, (path,): (String,)| -> Result<_, std::io::Error> {
///     let text = std::fs::read_to_string(path)?;
///     Ok(text.len())
/// });
/// # }
/// ```
///
/// Other types don't implement the trait, so that a `Result` is never encoded as a plain value:
///
/// ```compile_fail
/// # use socketio_runtime::Namespace;
/// # #[derive(serde::Serialize)]
/// # struct Report;
/// # fn example(root: Namespace) {
/// root.on("report", async |_, ()| Report); // a handler cannot return `Report`
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "this handler returns `{Self}`",
    note = "a handler returns `()`, a number, `bool`, text, `Bytes`, `Value`, `Json`, an `Option`, vector or map, a tuple, or a `Result` of one of these",
    note = "to acknowledge with a value of another type, return it in a tuple: `(value,)`"
)]
pub trait IntoAck: sealed::IntoAck + Send {}

#[expect(unnameable_types, reason = "seals the trait")]
mod sealed {
    use super::{Encoded, HandlerError};

    pub trait IntoAck {
        /// Encodes the ack, if the event has an id.
        fn into_ack(self, namespace: &str, id: Option<u64>) -> Result<Option<Encoded>, HandlerError>;
    }
}

/// Encodes a handler's return value as the ack of the event with this id, if it has one.
pub(crate) fn encode<T: IntoAck>(value: T, namespace: &str, id: Option<u64>) -> Result<Option<Encoded>, HandlerError> {
    value.into_ack(namespace, id)
}

/// Encodes a list of arguments as the ack.
fn list<T: Serialize>(args: &T, namespace: &str, id: Option<u64>) -> Result<Option<Encoded>, HandlerError> {
    let Some(id) = id else { return Ok(None) };
    encode::ack(namespace, id, args).map(Some).map_err(|error| HandlerError::Encode(Arc::new(error)))
}

macro_rules! into_ack {
    ($value:ident => $args:expr; $([$($generics:tt)*] $type:ty,)*) => {$(
        impl<$($generics)*> sealed::IntoAck for $type {
            fn into_ack(self, namespace: &str, id: Option<u64>) -> Result<Option<Encoded>, HandlerError> {
                let $value = self;
                list($args, namespace, id)
            }
        }

        impl<$($generics)*> IntoAck for $type {}
    )*};
}

into_ack! { value => &value;
    [] (),
    [] Args,
}

macro_rules! tuples {
    ($($($element:ident)+;)*) => {$(
        into_ack! { value => &value; [$($element: Serialize + Send),+] ($($element,)+), }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K L;
    A B C D E F G H I J K L M;
    A B C D E F G H I J K L M N;
    A B C D E F G H I J K L M N O;
    A B C D E F G H I J K L M N O P;
}

into_ack! { value => &(value,);
    [] bool, [] char,
    [] i8, [] i16, [] i32, [] i64, [] i128, [] isize,
    [] u8, [] u16, [] u32, [] u64, [] u128, [] usize,
    [] f32, [] f64,
    [] &'static str, [] String, [] Box<str>, [] Cow<'static, str>, [] Text, [] Sid,
    [] Bytes, [] Value<'static>, [] Json, [] serde_json::Value, [] serde_json::Map<String, serde_json::Value>,
    [T: Serialize + Send] Option<T>,
    [T: Serialize + Send] Vec<T>,
    [T: Serialize + Send] VecDeque<T>,
    [T: Serialize + Send] BTreeSet<T>,
    [T: Serialize + Send, S: Send] HashSet<T, S>,
    [K: Serialize + Send, V: Serialize + Send] BTreeMap<K, V>,
    [K: Serialize + Send, V: Serialize + Send, S: Send] HashMap<K, V, S>,
}

impl<T: IntoAck, E: Into<Box<dyn Error + Send + Sync>> + Send> sealed::IntoAck for Result<T, E> {
    fn into_ack(self, namespace: &str, id: Option<u64>) -> Result<Option<Encoded>, HandlerError> {
        self.map_err(|error| HandlerError::Failed(error.into().into()))?.into_ack(namespace, id)
    }
}

impl<T: IntoAck, E: Into<Box<dyn Error + Send + Sync>> + Send> IntoAck for Result<T, E> {}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Serialize)]
    struct Own {
        a: u8,
    }

    fn acked(value: impl IntoAck) -> String {
        let packet = encode(value, "/", Some(7)).expect("no error");
        packet.expect("an ack was asked for").text().to_string()
    }

    fn failed(value: impl IntoAck) -> String {
        encode(value, "/", Some(7)).expect_err("an error").to_string()
    }

    #[test]
    fn a_value_is_one_argument_and_a_tuple_the_list() {
        assert_eq!(acked(()), "37[]");
        assert_eq!(acked(-1_i8), "37[-1]");
        assert_eq!(acked("text"), r#"37["text"]"#);
        assert_eq!(acked(Some(true)), "37[true]");
        assert_eq!(acked(vec![1, 2]), "37[[1,2]]");
        assert_eq!(acked(BTreeMap::from([("a", 1)])), r#"37[{"a":1}]"#);
        assert_eq!(acked((1, "b", Own { a: 2 })), r#"37[1,"b",{"a":2}]"#);
        assert_eq!(acked((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5)), "37[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5]");
        assert_eq!(acked((Own { a: 2 },)), r#"37[{"a":2}]"#);
        assert_eq!(acked(vec![Own { a: 2 }]), r#"37[[{"a":2}]]"#);
        assert_eq!(acked(Bytes::from_static(b"x")), r#"61-7[{"_placeholder":true,"num":0}]"#);
        assert_eq!(acked(Args::encode(&(1, 2)).unwrap()), "37[1,2]");
    }

    #[test]
    fn a_null_value_is_an_argument() {
        assert_eq!(acked(None::<i32>), "37[null]");
        assert_eq!(acked(serde_json::Value::Null), "37[null]");
        assert_eq!(acked(Value::Null), "37[null]");
        assert_eq!(acked(((),)), "37[null]");
    }

    #[test]
    fn an_error_of_any_type_is_never_acknowledged() {
        assert_eq!(acked(Ok::<_, String>(3)), "37[3]");
        assert_eq!(failed(Err::<i64, _>("text")), "text");
        assert_eq!(failed(Err::<i64, _>("text".to_owned())), "text");
        assert_eq!(failed(Err::<(), _>(fmt::Error)), fmt::Error.to_string());
        assert_eq!(failed(Err::<(), Box<dyn Error + Send + Sync>>("boxed".into())), "boxed");
        assert_eq!(failed(Ok::<_, fmt::Error>(Err::<i64, _>("inner"))), "inner");
    }

    #[test]
    fn a_value_without_an_id_is_not_encoded_and_an_error_is_returned() {
        assert!(encode(3, "/", None).unwrap().is_none());
        assert!(encode(Err::<(), _>("text"), "/", None).is_err());
    }
}
