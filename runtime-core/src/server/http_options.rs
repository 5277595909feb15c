//! The bounds of the HTTP connections that a server accepts or is given.

use std::time::Duration;

use engineio_proto::{Config, ConfigError};

use crate::runtime::Runtime;
use crate::server::handle::{BuildError, ServerBuilder};

/// The durations accepted, as in the engine's options. The longest is about 24 days, the limit of JavaScript's timers.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// The options as set on the builder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpSettings {
    max_header_size: usize,
    headers_timeout: Duration,
    request_timeout: Duration,
    half_close_timeout: Duration,
    write_timeout: Option<Duration>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            max_header_size: 16 * 1024,
            headers_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(300),
            half_close_timeout: Duration::from_secs(5),
            write_timeout: None,
        }
    }
}

/// The checked options of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpOptions {
    pub(crate) max_header_size: usize,
    pub(crate) headers_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) half_close_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

impl HttpSettings {
    pub(crate) fn build(self, engine: &Config) -> Result<HttpOptions, BuildError> {
        let Self { max_header_size, headers_timeout, request_timeout, half_close_timeout, write_timeout } = self;
        if !(1024..=1024 * 1024).contains(&max_header_size) {
            return Err(BuildError::Option { option: "max_header_size", allowed: "1 KiB to 1 MiB" });
        }
        for (name, duration) in [
            ("headers_timeout", Some(headers_timeout)),
            ("request_timeout", Some(request_timeout)),
            ("write_timeout", write_timeout),
        ] {
            if let Some(duration) = duration.filter(|duration| !(SHORTEST..=LONGEST).contains(duration)) {
                return Err(ConfigError::Duration { name, duration }.into());
            }
        }
        if half_close_timeout > LONGEST {
            return Err(BuildError::Option { option: "half_close_timeout", allowed: "at most 2^31-1 ms" });
        }
        let write_timeout = write_timeout.unwrap_or_else(|| engine.ping_interval() + engine.ping_timeout());
        Ok(HttpOptions { max_header_size, headers_timeout, request_timeout, half_close_timeout, write_timeout })
    }
}

/// The bounds of HTTP and of writing.
///
/// They apply to connections that the server accepts itself or gets from
/// [`Server::serve_connection`](crate::Server::serve_connection). A service or layer inside another HTTP server leaves heads,
/// bodies and connections to that server, except for the [`max_header_size`](Self::max_header_size) of handshakes.
impl<R: Runtime> ServerBuilder<R> {
    /// The maximum size of a request's head in bytes: its first line and all headers. A longer head, or one with more than 100
    /// headers, is answered with 431 and the connection is closed. 1 KiB to 1 MiB, default 16 KiB.
    ///
    /// The head of a handshake is stored with its session ([`Socket::handshake`](crate::Socket::handshake)), so this bound applies
    /// to it inside another HTTP server, too.
    pub fn max_header_size(mut self, bytes: usize) -> Self {
        self.http.max_header_size = bytes;
        self
    }

    /// The time within which the whole head of a request must arrive, from the start of the connection or from the previous
    /// response, so idle connections are bounded, too. Then the connection is closed. 1 ms to 2^31-1 ms, default 30 s.
    pub fn headers_timeout(mut self, timeout: Duration) -> Self {
        self.http.headers_timeout = timeout;
        self
    }

    /// The time within which the whole body of a request must arrive, from its head. Then the connection is closed, and the
    /// request's session ends with `transport error`. 1 ms to 2^31-1 ms, default 300 s. (The session's heartbeat runs meanwhile
    /// and usually ends it earlier.)
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.http.request_timeout = timeout;
        self
    }

    /// How long a request waits for its response after the client has closed its sending side (`nc -N`, some proxies). A vanished
    /// client looks the same, so after this time the request is aborted: its connection is closed, and its session ends with
    /// `transport error`. 0 to 2^31-1 ms, default 5 s. With 0, as in the reference, only an immediate response is sent.
    pub fn half_close_timeout(mut self, timeout: Duration) -> Self {
        self.http.half_close_timeout = timeout;
        self
    }

    /// How long a write may make no progress because the client does not read. Then the connection is dropped: an HTTP connection
    /// of the server's own, or a WebSocket, whose session ends with `transport error`. 1 ms to 2^31-1 ms, default
    /// [`ping_interval`](Self::ping_interval) plus [`ping_timeout`](Self::ping_timeout).
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.http.write_timeout = Some(timeout);
        self
    }
}
