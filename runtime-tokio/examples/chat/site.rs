//! What a server of the chat is made of on any runtime: its settings and its page.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use crate::chat;
use crate::socketio::{Server, ServerBuilder};

/// How long a client may take to hear the last words. Who presses Ctrl-C does not want to wait for the slowest.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The page: paths, kinds and contents.
pub(crate) const PAGE: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/chat.css", "text/css; charset=utf-8", include_str!("page/chat.css")),
    ("/chat.js", "text/javascript; charset=utf-8", include_str!("page/chat.js")),
];

/// The server with the chat's handlers.
pub(crate) fn server() -> Result<Server, Box<dyn Error>> {
    let mut builder =
        ServerBuilder::new().state(chat::State::default()).engine(|engine| engine.close_timeout(CLOSE_TIMEOUT));
    if let Some(folder) = client_folder() {
        builder = builder.serve_client(folder);
    }
    let server = builder.build()?;
    chat::handle(&server.namespace("/"));
    Ok(server)
}

/// The browser bundles of the official client, if the packages of `interop` are installed; else the page asks the CDN.
fn client_folder() -> Option<PathBuf> {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    [workspace, "."]
        .map(|root| PathBuf::from(root).join("interop/node_modules/socket.io/client-dist"))
        .into_iter()
        .find(|folder| folder.is_dir())
}

/// The port to listen on.
pub(crate) fn port() -> Result<u16, String> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    port.parse().map_err(|_| format!("PORT can't be {port:?}"))
}
