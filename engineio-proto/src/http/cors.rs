//! CORS: headers and preflight responses, as by the npm middleware `cors`.

use super::{Response, reject::empty};
use crate::Config;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use std::{fmt, sync::Arc, time::Duration};

/// The origins whose pages may read the responses.
///
/// They do not restrict WebSockets, which browsers open without CORS: check the origin of those in the driver. Exhaustive: the forms of
/// the reference's option.
#[derive(Clone)]
pub enum CorsOrigin {
    /// Every origin, as `*`. Browsers refuse it together with credentials.
    Any,
    /// This origin, whatever the origin of the request.
    Fixed(HeaderValue),
    /// Every origin: the response repeats the origin of the request.
    Reflect,
    /// The origins in the list: the response repeats the origin of the request.
    List(Vec<HeaderValue>),
    /// The origins for which the function returns true: the response repeats the origin of the request. See [`CorsOrigin::predicate`].
    Predicate(OriginPredicate),
}

/// A function that returns whether an origin is allowed.
pub type OriginPredicate = Arc<dyn Fn(&HeaderValue) -> bool + Send + Sync>;

impl CorsOrigin {
    /// The origins for which `allows` returns true.
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

/// The rules for requests from other origins.
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
    /// Rules for these origins, with the middleware's defaults.
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

    /// Whether requests with credentials, such as cookies, are allowed. Default false.
    pub fn credentials(mut self, credentials: bool) -> Self {
        self.credentials = credentials;
        self
    }

    /// The methods that a preflight allows. Default `GET,HEAD,PUT,PATCH,POST,DELETE`.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// The request headers that a preflight allows. Default: those that it asks for.
    pub fn allowed_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.allowed_headers = Some(headers.into_iter().collect());
        self
    }

    /// The response headers that the page may read. Default none.
    pub fn exposed_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        self.exposed_headers = headers.into_iter().collect();
        self
    }

    /// How long a browser may cache a preflight, cut to whole seconds. Default: no such header.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// The status of the response to a preflight. Default 204. The middleware's `optionsSuccessStatus`.
    pub fn preflight_status(mut self, status: StatusCode) -> Self {
        self.preflight_status = status;
        self
    }

    /// Whether a preflight is passed to [`verify`](super::verify), which refuses it, instead of being answered. Default false.
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

/// The CORS headers of the response to one request, whatever the response is; from [`cors()`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorsHeaders {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The status of the response, if it is complete.
    preflight: Option<StatusCode>,
}

/// The CORS headers of the response to a request. Empty if CORS is not configured.
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
    /// Adds the headers to those of a response. `Vary` is extended, the others are replaced.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            let joined = (*name == header::VARY)
                .then(|| headers.get(header::VARY))
                .flatten()
                .and_then(|vary| HeaderValue::from_bytes(&[vary.as_bytes(), b", ", value.as_bytes()].concat()).ok());
            headers.insert(name, joined.unwrap_or_else(|| value.clone()));
        }
    }

    /// The complete response to a preflight. `None` if the request is not a preflight, or is passed to [`verify`](super::verify).
    pub fn preflight(&self) -> Option<Response> {
        let mut response = empty(self.preflight?);
        self.apply(response.headers_mut());
        // Safari waits for a body after a 204 without `Content-Length`.
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        Some(response)
    }

    fn push(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.push((name, value));
    }

    fn push_list<T: AsRef<str>>(&mut self, name: HeaderName, items: &[T]) {
        let list: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
        if !list.is_empty() {
            // Cannot fail: methods and header names are valid in a header value.
            self.headers.extend(HeaderValue::try_from(list.join(",")).ok().map(|value| (name, value)));
        }
    }
}

#[cfg(test)]
#[path = "cors_tests.rs"]
mod tests;
