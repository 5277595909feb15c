//! Connecting: from the first attempt until a socket has joined or was refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use socketio_tokio::client::BuildError;
use socketio_tokio::client::{AuthRequest, ConnectError, State};
use socketio_tokio::server::{ConnectRequest, Refusal};
use socketio_tokio::{ClientBuilder, ClientSocket, ServerBuilder, TransportKind};

use crate::support::{Fake, Log, Network, URL, client, millis, secs, soon, until, world};

#[derive(serde::Deserialize)]
struct Token {
    token: String,
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_the_servers_message_and_data_and_other_credentials_connect() {
    let (network, server) = world();
    server.namespace("/").middleware(async |request: ConnectRequest| match request.auth_as::<Token>() {
        Some(auth) if auth.token == "right" => Ok(()),
        _ => Err(Refusal::new("not authorized").data(json!({ "code": 42 })).unwrap()),
    });
    let mut log = Log::new();
    let client = client(&network).auth(json!({ "token": "wrong" })).build().unwrap();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    socket.on_connect_error(move |_, error: ConnectError| {
        let pen = pen.clone();
        async move { pen.say(format!("{error} {:?}", error.data::<serde_json::Value>().unwrap().to_string())) }
    });
    let error = soon("the refusal", socket.connect()).await.unwrap_err();
    assert_eq!(error.to_string(), "not authorized");
    assert!(matches!(&error, ConnectError::Refused { data: Some(data), .. } if data.as_str() == r#"{"code":42}"#));
    log.hears(r#"not authorized "{\"code\":42}""#).await;
    tokio::time::sleep(secs(60)).await;
    assert!(!socket.is_active() && log.all().is_empty(), "a refused socket is not tried again");
    socket.auth(json!({ "token": "right" })).unwrap();
    soon("the socket", socket.connect()).await.unwrap();
    assert!(socket.is_connected());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_namespace_is_refused_and_the_others_stay() {
    let (network, _server) = world();
    let client = client(&network).build().unwrap();
    let (root, unknown) = (client.socket("/"), client.socket("/unknown"));
    soon("the socket", root.connect()).await.unwrap();
    let error = soon("the refusal", unknown.connect()).await.unwrap_err();
    assert_eq!(error.to_string(), "Invalid namespace");
    assert!(root.is_connected() && !unknown.is_active());
}

#[tokio::test(start_paused = true)]
async fn closures_for_credentials_url_and_headers_are_called_before_each_attempt() {
    let (network, server) = world();
    server.namespace("/").middleware(async |request: ConnectRequest| {
        let header = request.handshake().header("x-attempt").unwrap_or_default().to_owned();
        let query = request.handshake().query("from").unwrap_or_default().into_owned();
        Err(Refusal::new(format!("{} {header} {query}", request.auth().unwrap().as_str())))
    });
    network.refuse();
    let client = client(&network)
        .auth_with(async |request: AuthRequest| json!({ "namespace": &*request.namespace, "attempt": request.attempt }))
        .headers_with(async |attempt| Ok([("x-attempt".parse()?, attempt.to_string().parse()?)].into_iter().collect()))
        .url_with(async |attempt| Ok(format!("http://server-{attempt}.test:81?from=url{attempt}")))
        .build()
        .unwrap();
    let socket = client.socket("/");
    let connecting = socket.connect();
    until("two attempts", || network.dials().len() == 2).await;
    network.replace(&server);
    let error = soon("the refusal", connecting).await.unwrap_err();
    assert_eq!(error.to_string(), r#"{"attempt":2,"namespace":"/"} 2 url2"#);
    assert_eq!(network.dials(), ["server-0.test:81", "server-1.test:81", "server-2.test:81"]);
}

#[tokio::test(start_paused = true)]
async fn an_auth_closure_that_fails_or_panics_fails_only_its_socket() {
    let (network, _server) = world();
    let client = client(&network).build().unwrap();
    let (failing, panicking, listing, good) =
        (client.socket("/"), client.socket("/panics"), client.socket("/lists"), client.socket("/good"));
    failing.auth_with(async |_| Err::<(), _>(std::io::Error::other("no token")));
    panicking.auth_with(|_| -> std::future::Ready<()> { panic!("oh") });
    listing.auth_with(async |_| ([1, 2],));
    let error = soon("failure", failing.connect()).await.unwrap_err();
    assert_eq!(error.to_string(), "the socket has no credentials (auth_with)");
    assert_eq!(format!("{error:#}"), "the socket has no credentials (auth_with): no token");
    let error = soon("failure", panicking.connect()).await.unwrap_err();
    assert_eq!(format!("{error:?}"), "the socket has no credentials (auth_with): a handler panicked: oh");
    let error = soon("failure", listing.connect()).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Auth(_)), "{error}");
    // A socket without credentials gets as far as the server, which does not know the namespace.
    assert_eq!(soon("the refusal", good.connect()).await.unwrap_err().to_string(), "Invalid namespace");
    assert!(good.auth(json!([1])).is_err() && good.auth(()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_reconnection_connect_fails_with_the_first_error_and_its_cause() {
    let network = Network::default();
    let client = client(&network).reconnection(false).build().unwrap();
    let mut states = client.states();
    let socket = client.socket("/");
    let error = soon("the failure", socket.connect()).await.unwrap_err();
    let ConnectError::Attempt { cause: Some(cause), .. } = &error else { panic!("{error:?}") };
    assert!(cause.to_string().contains("refused"), "{cause}");
    let text = "WebSocket ws://server.test/socket.io/?EIO=4&transport=websocket: no connection to server.test:80 (connection refused): \
                is the server running there?";
    assert_eq!(error.to_string(), text);
    tokio::time::sleep(secs(60)).await;
    assert_eq!(network.dials().len(), 1);
    assert!(matches!(states.try_next(), Some(State::Connecting { attempt: 0 })));
    assert!(matches!(states.try_next(), Some(State::AttemptFailed { attempt: 0, .. })));
    assert!(states.try_next().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_says_what_the_server_answered_or_why_there_was_no_answer() {
    for (transport, answer, text) in [
        (
            TransportKind::Polling,
            "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
            "GET http://server.test/socket.io/?EIO=4&transport=polling was answered 503 Service Unavailable; the server",
        ),
        (
            TransportKind::WebSocket,
            "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n",
            "WebSocket ws://server.test/socket.io/?EIO=4&transport=websocket was answered 503 Service Unavailable; the server",
        ),
        (
            TransportKind::Polling,
            "",
            "GET http://server.test/socket.io/?EIO=4&transport=polling: the connection ended before the response was complete",
        ),
        (
            TransportKind::WebSocket,
            "",
            "WebSocket ws://server.test/socket.io/?EIO=4&transport=websocket: the connection ended before the response",
        ),
    ] {
        let server = Fake::new(move |_, mut wire| async move {
            wire.asked().await?;
            wire.send(answer).await?;
            wire.half_close().await
        });
        let client = ClientBuilder::new(URL).connector(server).transports([transport]).reconnection(false);
        let error = soon("the failure", client.build().unwrap().socket("/").connect()).await.unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_http_connection_is_closed_after_four_seconds() {
    let server = Fake::new(|_, mut wire| async move {
        wire.asked().await?;
        wire.send("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n").await?;
        wire.ignore().await
    });
    let client = ClientBuilder::new(URL).connector(server.clone()).transports([TransportKind::Polling]);
    let client = client.reconnection(false).build().unwrap();
    soon("the failure", client.socket("/").connect()).await.unwrap_err();
    assert_eq!(server.connections(), 1);
    tokio::time::sleep(secs(5)).await;
    until("the end of the connection", || server.connections() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded_and_reported() {
    let network = Network::default();
    let mut log = Log::new();
    let client = client(&network).reconnection_attempts(2).build().unwrap();
    let mut states = client.states();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    socket.on_connect_error(move |_, _| {
        let pen = pen.clone();
        async move { pen.say("connect_error") }
    });
    assert!(matches!(soon("the failure", socket.connect()).await, Err(ConnectError::Attempt { .. })));
    let steps = std::iter::from_fn(|| states.try_next()).map(|state| match state {
        State::Connecting { attempt } => format!("connecting {attempt}"),
        State::AttemptFailed { attempt, .. } => format!("failed {attempt}"),
        State::Waiting { attempt, delay } => {
            assert!((millis(500)..millis(3001)).contains(&delay), "{delay:?}");
            format!("waiting {attempt}")
        }
        State::ReconnectFailed { attempts } => format!("given up {attempts}"),
        state => format!("{state:?}"),
    });
    let mut steps: Vec<_> = steps.collect();
    // The reference emits the last two in either order.
    let end = steps.split_off(7);
    assert_eq!(
        steps,
        ["connecting 0", "failed 0", "waiting 1", "connecting 1", "failed 1", "waiting 2", "connecting 2"],
    );
    assert!(end.contains(&"failed 2".into()) && end.contains(&"given up 2".into()), "{end:?}");
    for _ in 0..3 {
        log.hears("connect_error").await;
    }
    assert_eq!(network.dials().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_a_timeout() {
    let (network, server) = world();
    let slow = ServerBuilder::new().allow_request(async |_| std::future::pending().await).build().unwrap();
    network.replace(&slow);
    let client = client(&network).timeout(secs(3)).build().unwrap();
    let mut log = Log::new();
    let socket = client.socket("/");
    let pen = log.pen.clone();
    socket.on_connect_error(move |_, error: ConnectError| {
        let pen = pen.clone();
        async move { pen.say(error) }
    });
    let connecting = socket.connect();
    let url = "WebSocket ws://server.test/socket.io/?EIO=4&transport=websocket";
    let text = "opened no session within 3s (ClientBuilder::timeout): is the server up, and not busy?";
    log.hears(&format!("timeout: {url} {text}")).await;
    network.replace(&server);
    soon("the socket", connecting).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_stops_the_attempts() {
    let network = Network::default();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let connecting = socket.connect();
    tokio::time::sleep(secs(10)).await;
    assert!(socket.is_active() && !socket.is_connected());
    socket.disconnect();
    assert!(matches!(soon("the answer", connecting).await, Err(ConnectError::Disconnected)));
    let dials = network.dials().len();
    tokio::time::sleep(secs(600)).await;
    assert!(dials > 2 && network.dials().len() == dials && !socket.is_active());
}

#[tokio::test(start_paused = true)]
async fn a_socket_connects_though_the_future_is_dropped() {
    let (network, _server) = world();
    let client = client(&network).build().unwrap();
    let socket = client.socket("/");
    let mut log = Log::new();
    let pen = log.pen.clone();
    socket.on_connect(move |socket: ClientSocket| {
        let pen = pen.clone();
        async move { pen.say(socket.is_connected()) }
    });
    socket.connect();
    log.hears("true").await;
    soon("what is there already", socket.connect()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn try_all_transports_tries_the_next_transport() {
    let server = ServerBuilder::new().engine(|engine| engine.transports([TransportKind::Polling])).build().unwrap();
    let network = Network::to(&server);
    let builder = || ClientBuilder::new(URL).connector(network.clone()).reconnection(false);
    let transports = [TransportKind::WebSocket, TransportKind::Polling];
    let alone = builder().transports(transports).build().unwrap();
    assert!(soon("the failure", alone.socket("/").connect()).await.is_err());
    let both = builder().transports(transports).try_all_transports(true).build().unwrap();
    soon("the socket", both.socket("/").connect()).await.unwrap();
    assert_eq!(both.transport(), Some(TransportKind::Polling));
}

#[test]
fn an_invalid_option_fails_the_build() {
    let build = |builder: ClientBuilder| builder.build().map(drop);
    assert!(build(ClientBuilder::new(URL)).is_ok());
    assert!(matches!(build(ClientBuilder::new("localhost")), Err(BuildError::Url(_))));
    assert!(matches!(build(ClientBuilder::new("http://server.test/admin")), Err(BuildError::UrlPath(_))));
    assert!(matches!(build(ClientBuilder::new(URL).header("x y", "z")), Err(BuildError::Header(_))));
    assert!(matches!(build(ClientBuilder::new(URL).auth(7)), Err(BuildError::Auth(_))));
    assert!(matches!(build(ClientBuilder::new(URL).randomization_factor(1.5)), Err(BuildError::Option { .. })));
    assert!(matches!(build(ClientBuilder::new(URL).reconnection_delay(secs(60))), Err(BuildError::Option { .. })));
    assert!(matches!(build(ClientBuilder::new(URL).transports([])), Err(BuildError::NoTransports)));
}

#[tokio::test(start_paused = true)]
async fn a_failing_headers_closure_fails_the_attempt_and_is_called_again() {
    let (network, _server) = world();
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let client = client(&network)
        .headers_with(move |attempt| {
            count.fetch_add(1, Ordering::SeqCst);
            async move {
                assert_ne!(attempt, 1, "a panic");
                if attempt == 0 { Err("not yet".into()) } else { Ok(socketio_tokio::http::HeaderMap::new()) }
            }
        })
        .build()
        .unwrap();
    soon("the socket", client.socket("/").connect()).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}
