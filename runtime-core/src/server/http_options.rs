//! The bounds of the HTTP connections that a server accepts itself.

use std::time::Duration;

use engineio_proto::{Config, ConfigError};

use crate::runtime::Runtime;
use crate::server::handle::{BuildError, ServerBuilder};

/// The durations accepted, as those of the engine: what fits the reference's timers, about 24 days.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// What is set.
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

/// What a server is built with.
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
            return Err(BuildError::Server { option: "max_header_size", allowed: "1 KiB to 1 MiB" });
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
            return Err(BuildError::Server { option: "half_close_timeout", allowed: "at most 2^31-1 ms" });
        }
        let write_timeout = write_timeout.unwrap_or_else(|| engine.ping_interval() + engine.ping_timeout());
        Ok(HttpOptions { max_header_size, headers_timeout, request_timeout, half_close_timeout, write_timeout })
    }
}

/// The bounds of HTTP and of writing. They hold for the connections that the server accepts itself, or is
/// given by [`Server::serve_connection`](crate::Server::serve_connection). Where it is a service or a layer in another HTTP server,
/// that one bounds heads, bodies and connections,
/// but for [`max_header_size`](Self::max_header_size) of handshakes.
impl<R: Runtime> ServerBuilder<R> {
    /// The most bytes of a request's head: its first line and all headers. A longer one is answered with 431 and its connection is
    /// closed, as is one with more than 100 headers. 1 KiB to 1 MiB, default 16 KiB.
    ///
    /// The head of a handshake is kept with its session ([`Socket::handshake`](crate::Socket::handshake)), so it is held to this bound
    /// under any HTTP server.
    pub fn max_header_size(mut self, bytes: usize) -> Self {
        self.http.max_header_size = bytes;
        self
    }

    /// Time until the head of a request has come as a whole, from the start of the connection or from the answer before; so a
    /// connection may be idle for that long, too. Then it is closed. 1 ms to 2^31-1 ms, default 30 s.
    pub fn headers_timeout(mut self, timeout: Duration) -> Self {
        self.http.headers_timeout = timeout;
        self
    }

    /// Time until the body of a request has come as a whole, from its head. Then the connection is closed, and the session that the
    /// request is for ends with `transport error`. 1 ms to 2^31-1 ms, default 300 s. (The session's heartbeat goes on meanwhile, and
    /// most often ends it earlier.)
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.http.request_timeout = timeout;
        self
    }

    /// Time that is left for the answer of a request whose client has closed its sending side (`nc -N`, some proxies). A client that
    /// is gone looks the same, so then the request is given up: its connection is closed, and the session that it is for ends with
    /// `transport error`. 0 to 2^31-1 ms, default 5 s. With 0, as in the reference, only an answer that is there at once is sent.
    pub fn half_close_timeout(mut self, timeout: Duration) -> Self {
        self.http.half_close_timeout = timeout;
        self
    }

    /// Time that a write may go without any progress because the client does not read. Then its connection is dropped: an HTTP
    /// connection of the server's own, or a WebSocket, whose session ends with `transport error`. 1 ms to 2^31-1 ms, default
    /// [`ping_interval`](Self::ping_interval) and [`ping_timeout`](Self::ping_timeout) together.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.http.write_timeout = Some(timeout);
        self
    }
}
