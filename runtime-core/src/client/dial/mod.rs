//! Connections of a client: HTTP requests over kept-alive connections, and WebSockets over a new connection each.
//!
//! ```text
//! Dialer --request----> Pool --miss--> Route --> Connector or Runtime::connect, to the server or its proxy
//!   '----websocket-----------------------^  '--> through the proxy --> TLS
//! ```

mod base;
mod dialer;
mod pool;
mod route;
#[cfg(test)]
mod tests;
#[cfg(feature = "rustls")]
mod tls;

pub(crate) use base::BaseUrl;
pub use base::UrlError;
pub use dialer::DialError;
pub(crate) use dialer::{DialOptions, Dialer};
pub(crate) use pool::Progress;
pub use route::{Connector, Proxy};
#[cfg(feature = "rustls")]
pub use tls::{Tls, TlsError};
