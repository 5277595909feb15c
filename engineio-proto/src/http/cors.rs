//! Cross-origin requests, as the npm middleware `cors` answers them.

use super::{Response, reject::empty};
use crate::Config;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use std::{fmt, sync::Arc, time::Duration};

/// Which origins may read the answers.
///
/// Exhaustive: the forms that the reference's option takes. They never block a WebSocket: that is the task of the driver's
/// check of requests.
#[derive(Clone)]
pub enum CorsOrigin {
    /// Every origin, as `*`. Browsers refuse it together with credentials.
    Any,
    /// This origin, whoever asks.
    Fixed(HeaderValue),
    /// Every origin, by repeating it.
    Reflect,
    /// These origins, by repeating the one that asks.
    List(Vec<HeaderValue>),
    /// The origins that the function says yes to, by repeating the one that asks; see [`CorsOrigin::predicate`].
    Predicate(OriginPredicate),
}

/// Decides on an origin.
pub type OriginPredicate = Arc<dyn Fn(&HeaderValue) -> bool + Send + Sync>;

impl CorsOrigin {
    /// The origins that `allows` says yes to.
    ///
    /// ```
    /// use engineio_proto::http::CorsOrigin;
    ///
    /// let origin = CorsOrigin::predicate(|origin| origin.as_bytes().ends_with(b".example.com"));
    /// ```
    pub fn predicate(allows: impl Fn(&HeaderValue) -> bool + Send + Sync + 'static) -> Self {
        Self::Predicate(Arc::new(allows))
    }
}

impl fmt::Debug for CorsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("Any"),
            Self::Fixed(origin) => f.debug_tuple("Fixed").field(origin).finish(),
            Self::Reflect => f.write_str("Reflect"),
            Self::List(list) => f.debug_tuple("List").field(list).finish(),
            Self::Predicate(_) => f.write_str("Predicate(..)"),
        }
    }
}

/// The rules for requests from pages of other origins.
///
/// ```
/// use engineio_proto::{Config, http::{Cors, CorsOrigin}};
/// use http::HeaderValue;
///
/// let origin = CorsOrigin::Fixed(HeaderValue::from_static("https://example.com"));
/// let config = Config::builder().cors(Cors::new(origin).credentials(true)).build()?;
/// # Ok::<(), engineio_proto::ConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cors {
    origin: CorsOrigin,
    credentials: bool,
    methods: Vec<Method>,
    allowed_headers: Option<Vec<HeaderName>>,
    exposed_headers: Vec<HeaderName>,
    max_age: Option<Duration>,
    preflight_status: StatusCode,
    preflight_continue: bool,
}

impl Cors {
    /// Rules with the middleware's defaults.
    pub fn new(origin: CorsOrigin) -> Self {
        Self {
            origin,
            credentials: false,
            methods: vec![Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::POST, Method::DELETE],
            allowed_headers: None,
            exposed_headers: Vec::new(),
            max_age: None,
            preflight_status: StatusCode::NO_CONTENT,
            preflight_continue: false,
        }
    }

    /// Whether cookies and the like are allowed. Default false.
    pub fn credentials(mut self, credentials: bool) -> Self {
        self.credentials = credentials;
        self
    }

    /// The methods a preflight allows. Default `GET,HEAD,PUT,PATCH,POST,DELETE`.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// The request headers a preflight allows. Default those it asks for.
    pub fn allowed_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.allowed_headers = Some(headers.into_iter().collect());
        self
    }

    /// The response headers that the page may read. Default none.
    pub fn exposed_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.exposed_headers = headers.into_iter().collect();
        self
    }

    /// How long a preflight may be remembered, in whole seconds. Default unsaid.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The status of the answer to a preflight, the middleware's `optionsSuccessStatus`. Default 204.
    pub fn preflight_status(mut self, status: StatusCode) -> Self {
        self.preflight_status = status;
        self
    }

    /// Whether a preflight goes on to [`verify`](super::verify), which refuses it, instead of being answered. Default false.
    pub fn preflight_continue(mut self, go_on: bool) -> Self {
        self.preflight_continue = go_on;
        self
    }

    fn allow_origin(&self, asking: Option<&HeaderValue>) -> Option<HeaderValue> {
        let allowed = match &self.origin {
            CorsOrigin::Any => return Some(HeaderValue::from_static("*")),
            CorsOrigin::Fixed(origin) => return Some(origin.clone()),
            CorsOrigin::Reflect => true,
            CorsOrigin::List(list) => asking.is_some_and(|asking| list.contains(asking)),
            CorsOrigin::Predicate(allows) => asking.is_some_and(|asking| allows(asking)),
        };
        asking.filter(|_| allowed).cloned()
    }
}

/// The headers that CORS adds to the answer of one request, whatever the answer is; from [`cors()`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorsHeaders {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The status, where the answer is complete.
    preflight: Option<StatusCode>,
}

/// Works out the CORS headers of a request as it comes in. None are set where the configuration says nothing of CORS.
pub fn cors(config: &Config, parts: &Parts) -> CorsHeaders {
    let mut out = CorsHeaders::default();
    let Some(cors) = config.cors() else {
        return out;
    };
    let preflight = parts.method == Method::OPTIONS;

    if !matches!(cors.origin, CorsOrigin::Any) {
        out.push(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = cors.allow_origin(parts.headers.get(header::ORIGIN)) {
        out.push(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    if cors.credentials {
        out.push(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if preflight {
        out.push_list(header::ACCESS_CONTROL_ALLOW_METHODS, &cors.methods);
        match &cors.allowed_headers {
            Some(headers) => out.push_list(header::ACCESS_CONTROL_ALLOW_HEADERS, headers),
            None => {
                out.push(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
                if let Some(asked) = parts.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                    out.push(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
                }
            }
        }
        if let Some(age) = cors.max_age {
            out.push(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(age.as_secs()));
        }
        out.preflight = (!cors.preflight_continue).then_some(cors.preflight_status);
    }
    out.push_list(header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.exposed_headers);
    out
}

impl CorsHeaders {
    /// Adds the headers to those of an answer. `Vary` is extended, the others are replaced.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            let joined = (*name == header::VARY)
                .then(|| headers.get(header::VARY))
                .flatten()
                .and_then(|vary| HeaderValue::from_bytes(&[vary.as_bytes(), b", ", value.as_bytes()].concat()).ok());
            headers.insert(name, joined.unwrap_or_else(|| value.clone()));
        }
    }

    /// The complete answer to a preflight. None if the request is not one, or goes on to [`verify`](super::verify).
    pub fn preflight(&self) -> Option<Response> {
        let mut response = empty(self.preflight?);
        self.apply(response.headers_mut());
        // Safari waits for a body of a 204 that does not say it has none.
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        Some(response)
    }

    fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.push((name, value));
    }

    fn push_list<T: AsRef<str>>(&mut self, name: HeaderName, items: &[T]) {
        let list: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
        if !list.is_empty() {
            // Methods and names of headers hold nothing that a value must not.
            self.headers.extend(HeaderValue::try_from(list.join(",")).ok().map(|value| (name, value)));
        }
    }
}

#[cfg(test)]
#[path = "cors_tests.rs"]
mod tests;
