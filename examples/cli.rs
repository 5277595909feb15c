//! What the example programs share: options, the line that says where they listen, error messages and exit codes.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "these are programs")]
#![allow(dead_code, unreachable_pub, reason = "not every program uses everything")]

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;

use crate::socketio::Server;
use crate::socketio::server::Listener;

/// The name that the program was started by, for its messages.
fn name() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    Path::new(&path).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The arguments of the program, read one after the other.
pub struct Arguments {
    rest: std::iter::Skip<std::env::ArgsOs>,
    help: &'static str,
}

impl Arguments {
    /// `help` is what `--help` prints after the program's name.
    pub fn new(help: &'static str) -> Self {
        Self { rest: std::env::args_os().skip(1), help }
    }

    /// The next argument. If it is `--help`, prints the help and ends the program.
    pub fn next(&mut self) -> Option<String> {
        let argument = text(self.rest.next()?);
        if argument == "--help" || argument == "-h" {
            println!("usage: {} {}", name(), self.help.trim_end());
            std::process::exit(0);
        }
        Some(argument)
    }

    /// The value of an option: the next argument.
    pub fn value<T: FromStr>(&mut self, option: &str) -> T {
        match self.rest.next().map(text) {
            Some(value) => parse(option, &value),
            None => refuse(format!("{option} needs a value")),
        }
    }

    /// A pair of milliseconds, as `300/200`.
    pub fn pair(&mut self, option: &str) -> (u64, u64) {
        let text: String = self.value(option);
        let parsed = text.split_once('/').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        parsed
            .unwrap_or_else(|| refuse(format!("{option} takes two numbers of milliseconds, as 300/200, not {text:?}")))
    }

    /// Ends the program because nothing more was expected.
    pub fn refuse(&self, argument: &str) -> ! {
        let kind = if argument.starts_with('-') { "option" } else { "argument" };
        refuse(format!("unknown {kind} {argument:?}"))
    }

    /// Of a program without arguments: refuses whatever was given.
    pub fn none(mut self) {
        if let Some(argument) = self.next() {
            self.refuse(&argument);
        }
    }

    /// Of a program whose only option is `--port`.
    pub fn port(mut self, default: u16) -> u16 {
        let mut port = default;
        while let Some(argument) = self.next() {
            match argument.as_str() {
                "--port" => port = self.value(&argument),
                _ => self.refuse(&argument),
            }
        }
        port
    }
}

fn text(argument: OsString) -> String {
    argument.to_string_lossy().into_owned()
}

/// The value of an option or of a variable of the environment.
pub fn parse<T: FromStr>(what: &str, value: &str) -> T {
    value.parse().unwrap_or_else(|_| refuse(format!("{what} can't be {value:?}")))
}

/// Ends the program with an error about its arguments: exit code 2.
pub fn refuse(reason: impl Display) -> ! {
    eprintln!("{}: {reason}\n`{0} --help` lists what there is", name());
    std::process::exit(2);
}

/// The exit code of a program that has run: 1 with the error on stderr, or 0.
pub fn end(result: Result<(), impl Display>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", name());
            ExitCode::FAILURE
        }
    }
}

/// Binds a loopback port and prints its address.
pub async fn bind(server: &Server, port: u16, what: &str) -> Result<Listener, Box<dyn Error>> {
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    let listener = server.bind(addr).await.map_err(|error| cannot_listen(addr, &error))?;
    println!("{}", format!("listening on {} {what}", listener.local_addr()).trim_end());
    Ok(listener)
}

/// Says why an address can't be listened on, and what to do.
pub fn cannot_listen(addr: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("can't listen on {addr}: another program does. Stop it, or choose another port.")
        }
        io::ErrorKind::PermissionDenied => {
            format!("can't listen on {addr}: not permitted. Choose another port; those below 1024 are often reserved.")
        }
        _ => format!("can't listen on {addr}: {error}"),
    }
}
