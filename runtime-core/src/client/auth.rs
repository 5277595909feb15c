//! Credentials: what a socket says when it joins its namespace.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use engineio_proto::Text;
use serde::Serialize;
use socketio_proto::{EncodeError, Json};

use super::error::BoxError;
use crate::handler::{Fallible, Plain};
use crate::runtime::BoxFuture;

/// Which credentials are asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthRequest {
    /// The namespace to join.
    pub namespace: Text,
    /// The attempt that made the connection they are for: 0 for the one that the application asked for, those of a reconnection
    /// from 1. It stays the same for all that join by that connection, however late.
    pub attempt: u32,
}

/// What an `auth` closure may return: a value that serializes to an object (or to null, for none), or a `Result` of one. `M`
/// only keeps the two cases apart; it is inferred.
pub trait Credentials<M>: Send {
    /// Encodes the credentials.
    ///
    /// # Errors
    /// The closure's own error, or that of encoding.
    fn encode(self) -> Result<Option<Json>, Box<dyn Error + Send + Sync>>;
}

impl<T: Serialize + Send> Credentials<Plain> for T {
    fn encode(self) -> Result<Option<Json>, BoxError> {
        Ok(object(&self)?)
    }
}

impl<T, E> Credentials<Fallible> for Result<T, E>
where
    T: Serialize + Send,
    E: Error + Send + Sync + 'static,
{
    fn encode(self) -> Result<Option<Json>, BoxError> {
        self?.encode()
    }
}

/// Why a value can't be credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// It can't be encoded.
    #[error("auth cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// The protocol has room for an object only. (The value is not shown: it may be a secret.)
    #[error("auth has to serialize to an object, or to null for none")]
    NotAnObject,
}

/// The object that a value is written as; none for null.
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

    pub(super) fn ask<F, Fut, M>(ask: F) -> Self
    where
        F: Fn(AuthRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Credentials<M>> + Send + 'static,
    {
        Self::Ask(Arc::new(move |request| {
            let credentials = ask(request);
            Box::pin(async move { credentials.await.encode() })
        }))
    }
}
