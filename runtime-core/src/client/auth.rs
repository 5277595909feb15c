//! Credentials that a socket sends when it joins its namespace.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;

use engineio_proto::Text;
use serde::Serialize;
use socketio_proto::{EncodeError, Json, Value};

use super::error::BoxError;
use crate::chain::debug_as_text;
use crate::runtime::BoxFuture;

/// The argument of an [`auth_with`](crate::ClientBuilder::auth_with) closure: what the credentials are for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthRequest {
    /// The namespace to join.
    pub namespace: Text,
    /// The number of the attempt that opened the connection: 0 for the first one, started by `connect`; those of a reconnection are
    /// counted from 1. It is the same for all sockets that join over that connection.
    pub attempt: u32,
}

/// What an [`auth_with`](crate::ClientBuilder::auth_with) closure may return.
///
/// - [`serde_json::Value`], [`Json`], [`Value`], or a map with text keys: an object, or null for no credentials.
/// - `()` for no credentials, and an `Option` of any type listed here.
/// - A value of any other type that implements [`Serialize`], as the only element of a tuple: `(credentials,)`.
/// - A `Result` of any of these, with any error that converts into `Box<dyn Error + Send + Sync>`.
///
/// ```no_run
/// # use socketio_runtime::ClientSocket;
/// # use socketio_runtime::client::AuthRequest;
/// # async fn token() -> Result<String, std::io::Error> { Ok(String::new()) }
/// # fn example(socket: ClientSocket) {
/// #[derive(serde::Serialize)]
/// struct Credentials { token: String }
///
/// socket.auth_with(async |_: AuthRequest| serde_json::json!({ "token": "secret" }));
/// socket.auth_with(async |_: AuthRequest| token().await.map(|token| (Credentials { token },)));
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the credentials of a socket",
    label = "this closure returns `{Self}`",
    note = "return `serde_json::Value`, `Json`, `Value`, a map, `()`, an `Option` of these, or a `Result` of one of these",
    note = "to serialize a value of another type, return it in a tuple: `(value,)`"
)]
pub trait IntoAuth: sealed::IntoAuth + Send {}

#[expect(unnameable_types, reason = "seals the trait")]
mod sealed {
    use super::{BoxError, Json};

    pub trait IntoAuth {
        /// Encodes the credentials; `None` if there are none.
        fn into_auth(self) -> Result<Option<Json>, BoxError>;
    }
}

macro_rules! into_auth {
    ($value:ident => $encoded:expr; $([$($generics:tt)*] $type:ty,)*) => {$(
        impl<$($generics)*> sealed::IntoAuth for $type {
            fn into_auth(self) -> Result<Option<Json>, BoxError> {
                let $value = self;
                $encoded
            }
        }

        impl<$($generics)*> IntoAuth for $type {}
    )*};
}

into_auth! { value => Ok(object(&value)?);
    [] Json, [] Value<'static>, [] serde_json::Value, [] serde_json::Map<String, serde_json::Value>,
    [K: Serialize + Send, V: Serialize + Send] BTreeMap<K, V>,
    [K: Serialize + Send, V: Serialize + Send, S: Send] HashMap<K, V, S>,
}

into_auth! { value => Ok(object(&value.0)?);
    [T: Serialize + Send] (T,),
}

into_auth! { value => value.map_or(Ok(None), sealed::IntoAuth::into_auth);
    [T: IntoAuth] Option<T>,
}

into_auth! { _none => Ok(None);
    [] (),
}

into_auth! { value => value.map_err(Into::into)?.into_auth();
    [T: IntoAuth, E: Into<BoxError> + Send] Result<T, E>,
}

/// Why a value can't be used as credentials.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The value can't be encoded.
    #[error("auth cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// The value does not serialize to an object, the only type the protocol allows. (The value is not shown, as it may be secret.)
    #[error("auth has to serialize to an object, or to null for none")]
    NotAnObject,
}

debug_as_text!(AuthError);

/// Encodes a value that must serialize to an object; `None` for null.
fn object<T: Serialize + ?Sized>(value: &T) -> Result<Option<Json>, AuthError> {
    let json = Json::encode(value)?;
    match json.as_str() {
        "null" => Ok(None),
        text if text.starts_with('{') => Ok(Some(json)),
        _ => Err(AuthError::NotAnObject),
    }
}

pub(super) type AskAuth = Arc<dyn Fn(AuthRequest) -> BoxFuture<'static, Result<Option<Json>, BoxError>> + Send + Sync>;

/// Where a socket's credentials come from.
#[derive(Clone)]
pub(super) enum Auth {
    Value(Option<Json>),
    Ask(AskAuth),
}

impl Auth {
    pub(super) const NONE: Self = Self::Value(None);

    pub(super) fn value<T: Serialize + ?Sized>(value: &T) -> Result<Self, AuthError> {
        object(value).map(Self::Value)
    }

    pub(super) fn ask<F, Fut>(ask: F) -> Self
    where
        F: Fn(AuthRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoAuth> + Send + 'static,
    {
        Self::Ask(Arc::new(move |request| {
            let credentials = ask(request);
            Box::pin(async move { sealed::IntoAuth::into_auth(credentials.await) })
        }))
    }
}
