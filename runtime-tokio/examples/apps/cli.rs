//! What the example programs share: options, the line that says where they listen, a clean end.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "these are programs")]
#![allow(dead_code, unreachable_pub, reason = "not every program takes every kind of option")]

use std::net::SocketAddr;
use std::str::FromStr;

use super::super::socketio::{Listener, Server};

/// Ends the program with an error about its options.
pub fn usage(message: &str) -> ! {
    eprintln!("{message}");
    std::process::exit(2);
}

/// The value of an option.
pub fn value<T: FromStr>(option: &str, value: Option<String>) -> T {
    let value = value.unwrap_or_else(|| usage(&format!("{option} needs a value")));
    value.parse().unwrap_or_else(|_| usage(&format!("{option} can't be {value:?}")))
}

/// A pair of milliseconds, as `300/200`.
pub fn pair(option: &str, text: Option<String>) -> (u64, u64) {
    let text: String = value(option, text);
    let parsed = text.split_once('/').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parsed.unwrap_or_else(|| usage(&format!("{option} takes two numbers of milliseconds, as 300/200, not {text:?}")))
}

/// Binds a loopback port and says so.
pub async fn bind(server: &Server, port: u16, what: &str) -> Listener {
    let listener = match server.bind(SocketAddr::from(([127, 0, 0, 1], port))).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("can't listen on port {port}: {error}");
            std::process::exit(1)
        }
    };
    println!("listening on {} {what}", listener.local_addr());
    listener
}
