//! The options that a client was built with.

use std::sync::Arc;
use std::time::Duration;

use engineio_proto::client::{Config, ConfigBuilder};
use http::HeaderMap;
use socketio_proto::client::SocketConfig;

use super::auth::Auth;
use super::error::BoxError;
use super::error::BuildError;
use crate::client::dial::{BaseUrl, DialOptions, Dialer};
use crate::runtime::{BoxFuture, Runtime};

pub(super) type AskUrl = Box<dyn Fn(u32) -> BoxFuture<'static, Result<String, BoxError>> + Send + Sync>;
pub(super) type AskHeaders = Box<dyn Fn(u32) -> BoxFuture<'static, Result<HeaderMap, BoxError>> + Send + Sync>;

/// What an attempt to connect needs.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) engine: Arc<Config>,
    pub(super) dialer: Dialer,
}

/// Parses a URL, and splits off its query.
pub(super) fn parse_url(url: &str) -> Result<(BaseUrl, Vec<(String, String)>), BuildError> {
    let base = BaseUrl::parse(url)?;
    if !matches!(&*base.path, "" | "/") {
        return Err(BuildError::UrlPath(base.path));
    }
    let query = engineio_proto::http::Query::parse(base.query.as_deref().unwrap_or_default());
    let query = query.pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    Ok((base, query))
}

/// The options of a client; they don't change.
pub(super) struct Options {
    pub(super) runtime: Arc<dyn Runtime>,
    pub(super) dial: DialOptions,
    /// Without headers.
    pub(super) engine: ConfigBuilder,
    pub(super) headers: HeaderMap,
    /// What every attempt needs, unless closures of the application provide it.
    pub(super) target: Target,
    pub(super) ask_url: Option<AskUrl>,
    pub(super) ask_headers: Option<AskHeaders>,
    pub(super) auth: Auth,
    pub(super) socket: SocketConfig,
    pub(super) reconnection: bool,
    /// Of an attempt.
    pub(super) timeout: Option<Duration>,
}

impl Options {
    /// What an attempt needs, unless closures of the application provide it.
    pub(super) fn target(&self) -> Option<Target> {
        (self.ask_url.is_none() && self.ask_headers.is_none()).then(|| self.target.clone())
    }

    /// Calls the application's closures for the URL and headers.
    pub(super) async fn ask_target(&self, attempt: u32) -> Result<Target, BoxError> {
        let mut engine = self.engine.clone();
        let mut headers = self.headers.clone();
        let mut dialer = None;
        if let Some(ask) = &self.ask_headers {
            headers.extend(ask(attempt).await?);
        }
        if let Some(ask) = &self.ask_url {
            let (base, query) = parse_url(&ask(attempt).await?)?;
            if !query.is_empty() {
                engine = engine.query(query);
            }
            dialer = Some(Dialer::new(self.runtime.clone(), base, &self.dial)?);
        }
        Ok(Target {
            engine: Arc::new(engine.headers(headers).build()?),
            dialer: dialer.unwrap_or_else(|| self.target.dialer.clone()),
        })
    }

    /// Maximum size of an HTTP response body, in bytes.
    pub(super) fn max_body(&self) -> usize {
        self.target.engine.max_body()
    }

    /// Maximum size of a WebSocket message, in bytes.
    pub(super) fn max_message(&self) -> usize {
        self.max_body()
    }

    /// How long closing a session may take.
    pub(super) fn close_timeout(&self) -> Duration {
        self.target.engine.close_timeout()
    }

    pub(super) fn ack_timeout(&self) -> Option<Duration> {
        self.socket.ack_timeout
    }

    /// Whether events are sent again until they are acknowledged.
    pub(super) fn retries(&self) -> bool {
        self.socket.retries.is_some()
    }
}
