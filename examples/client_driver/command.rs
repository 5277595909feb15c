//! The commands, and the options of a connection.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as AnyJson;

use crate::socketio::{Client, ClientBuilder, TransportKind, Value};

/// One line. Which fields there are depends on the command.
#[derive(Deserialize)]
pub struct Command {
    #[serde(default)]
    pub n: AnyJson,
    #[serde(alias = "command", alias = "op")]
    pub cmd: String,
    pub c: Option<AnyJson>,
    pub url: Option<String>,
    pub opts: Option<Opts>,
    pub of: Option<AnyJson>,
    pub ns: Option<String>,
    pub auth: Option<AnyJson>,
    pub ev: Option<String>,
    pub args: Option<Vec<Value<'static>>>,
    pub ack: Option<bool>,
    pub tag: Option<AnyJson>,
    pub timeout: Option<u64>,
    pub volatile: Option<bool>,
    pub silent: Option<bool>,
}

/// Options of a connection, by the names of the JavaScript client.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Opts {
    transports: Option<Vec<String>>,
    upgrade: Option<bool>,
    path: Option<String>,
    query: Option<BTreeMap<String, AnyJson>>,
    pub auth: Option<AnyJson>,
    extra_headers: Option<BTreeMap<String, String>>,
    pub auto_connect: Option<bool>,
    reconnection: Option<bool>,
    reconnection_attempts: Option<u32>,
    reconnection_delay: Option<u64>,
    reconnection_delay_max: Option<u64>,
    randomization_factor: Option<f64>,
    timeout: Option<u64>,
    ack_timeout: Option<u64>,
    retries: Option<u32>,
    parser: Option<String>,
    eio: Option<u32>,
    cookies: Option<bool>,
}

impl Opts {
    /// A client, and the namespace that the URL names.
    pub fn client(&self, url: &str) -> Result<(Client, String), Box<dyn Error>> {
        if let Some(parser) = &self.parser {
            return Err(format!("not supported: parser {parser:?}").into());
        }
        if let Some(eio) = self.eio.filter(|&eio| eio != 4) {
            return Err(format!("not supported: eio {eio}").into());
        }
        // By hand: a namespace may have characters that a URL can't, as in the JavaScript client.
        let url = url.split('#').next().unwrap_or_default();
        let host =
            url.find("://").map(|at| at + "://".len()).ok_or_else(|| format!("{url:?} has no scheme and host"))?;
        let (place, query) = url.split_at(url.find('?').unwrap_or(url.len()));
        let (origin, path) = place.split_at(place[host..].find('/').map_or(place.len(), |at| host + at));
        let mut builder = ClientBuilder::new(format!("{origin}{query}"));
        if let Some(transports) = &self.transports {
            let transports: Result<Vec<_>, String> = transports
                .iter()
                .map(|name| match name.as_str() {
                    "polling" => Ok(TransportKind::Polling),
                    "websocket" => Ok(TransportKind::WebSocket),
                    other => Err(format!("not supported: transport {other:?}")),
                })
                .collect();
            builder = builder.transports(transports?);
        }
        if let Some(upgrade) = self.upgrade {
            builder = builder.upgrade(upgrade);
        }
        if let Some(path) = &self.path {
            builder = builder.path(path.as_str());
        }
        if let Some(query) = &self.query {
            builder =
                builder.query(query.iter().map(|(name, value)| {
                    (name.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                }));
        }
        for (name, value) in self.extra_headers.iter().flatten() {
            builder = builder.header(name.as_str(), value.as_str());
        }
        if let Some(reconnection) = self.reconnection {
            builder = builder.reconnection(reconnection);
        }
        if let Some(attempts) = self.reconnection_attempts {
            builder = builder.reconnection_attempts(attempts);
        }
        // The JavaScript client takes the smaller one, and no pause as well.
        let longest = self.reconnection_delay_max.unwrap_or(5000).max(1);
        let delay = self.reconnection_delay.unwrap_or(1000).clamp(1, longest);
        builder = builder
            .reconnection_delay(Duration::from_millis(delay))
            .reconnection_delay_max(Duration::from_millis(longest))
            .cookies(self.cookies.unwrap_or(false));
        if let Some(factor) = self.randomization_factor {
            builder = builder.randomization_factor(factor);
        }
        if let Some(timeout) = self.timeout {
            builder = builder.timeout(Duration::from_millis(timeout));
        }
        if let Some(timeout) = self.ack_timeout {
            builder = builder.ack_timeout(Duration::from_millis(timeout));
        }
        if let Some(retries) = self.retries {
            builder = builder.retries(retries);
        }
        Ok((builder.build()?, if path.is_empty() { "/" } else { path }.to_owned()))
    }
}
