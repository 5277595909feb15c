//! What a server of the chat is made of on any runtime: its settings and its page.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::chat;
use crate::socketio::{Server, ServerBuilder};
use crate::support::{Arguments, parse};

const HELP: &str = "\
[--port P]

A chat for the browser: rooms, who is here, who types, images.

  --port P  port of 127.0.0.1 to listen on (the environment's PORT, else 3000; 0: a free one)
";

/// How long a client may take to hear the last words. Who presses Ctrl-C does not want to wait for the slowest.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The page: paths, kinds and contents.
pub(crate) const PAGE: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/chat.css", "text/css; charset=utf-8", include_str!("page/chat.css")),
    ("/chat.js", "text/javascript; charset=utf-8", include_str!("page/chat.js")),
];

/// The port to listen on, from the command line or the environment.
pub(crate) fn port() -> u16 {
    let default = std::env::var("PORT").map_or(3000, |port| parse("the environment's PORT", &port));
    Arguments::new(HELP).port(default)
}

/// Says where the page is.
pub(crate) fn announce(addr: SocketAddr) {
    println!("listening on {addr}\nopen http://localhost:{} in two tabs", addr.port());
}

/// The server with the chat's handlers.
pub(crate) fn server() -> Result<Server, Box<dyn Error>> {
    let mut builder =
        ServerBuilder::new().state(chat::State::default()).engine(|engine| engine.close_timeout(CLOSE_TIMEOUT));
    match client_folder() {
        Some(folder) => builder = builder.serve_client(folder),
        None => eprintln!("{CLIENT_MISSING}"),
    }
    let server = builder.build()?;
    chat::handle(&server.namespace("/"));
    Ok(server)
}

const CLIENT_MISSING: &str = "\
The official client for browsers is not installed, so the page loads it from https://cdn.socket.io, which takes a
connection to the Internet. To have it served from here, install Node.js and start the chat by `./run chat`, or run
`npm ci` in examples/chat/client or in interop.";

/// The browser bundles of the official client where npm puts them: for `./run`, or for the tests. The page goes to the CDN
/// if there are none.
fn client_folder() -> Option<PathBuf> {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    [workspace, "."]
        .into_iter()
        .flat_map(|root| ["examples/chat/client", "interop"].map(|npm| PathBuf::from(root).join(npm)))
        .map(|npm| npm.join("node_modules/socket.io-client/dist"))
        .find(|folder| folder.is_dir())
}
