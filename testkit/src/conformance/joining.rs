//! Who gets in, who does not, and what happens to those whose handlers fail.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use socketio_runtime::NamespaceError;
use socketio_runtime::client::{ConnectError, DialError};
use socketio_runtime::server::{ConnectRequest, Refusal};
use socketio_runtime::{AckError, ClientSocket, Runtime, Socket, TransportKind};

use super::log::Log;
use super::stage::{Gate, Stage};

type Token = BTreeMap<String, String>;

fn token(token: &str) -> Token {
    [("token".to_owned(), token.to_owned())].into()
}

/// A name that can't be sent, or that the server would refuse, is an error at the call. Any other one is joined.
pub async fn needs_a_name_that_can_be_sent<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().connection(|connection| connection.max_namespace_bytes(10)).build();
    let server = server.expect("it is allowed");
    let client = stage.client(stage.serve(&server).await).build().expect("it is a URL");
    for (name, character) in [("/a,b", ','), ("a,", ','), ("/a\u{1e}b", '\u{1e}')] {
        let error = NamespaceError::Character { name: name.into(), character };
        assert_eq!(server.try_namespace(name).err(), Some(error.clone()));
        assert_eq!(client.try_socket(name).err(), Some(error.clone()));
        for panicked in [
            catch_unwind(AssertUnwindSafe(|| drop(server.namespace(name)))),
            catch_unwind(AssertUnwindSafe(|| drop(client.socket(name)))),
        ] {
            let panicked = panicked.expect_err("it is documented");
            assert_eq!(panicked.downcast_ref::<String>(), Some(&error.to_string()));
        }
    }
    let error = NamespaceError::TooLong { length: 11, most: 10 };
    assert_eq!(server.try_namespace("0123456789").err(), Some(error));
    for name in ["", "a b", "/ä?x#y", "/1-2[\"]", "012345678"] {
        let log = Log::of_all(&server.try_namespace(name).expect("it can be sent"));
        let socket = client.try_socket(name).expect("it can be sent");
        stage.soon("the socket", socket.connect()).await.expect("the namespace is there");
        log.hears(stage, "connect").await;
    }
}

/// A middleware's words and data arrive; the same socket gets in with better credentials, which the server keeps.
pub async fn is_refused_with_data_and_then_granted<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    root.middleware(async |request: ConnectRequest| match request.auth_as::<Token>() {
        Some(auth) if auth == token("right") => {
            request.insert(7_u32);
            Ok(())
        }
        _ => Err(Refusal::new("not authorized").data(("code", 42)).expect("it can be encoded")),
    });
    root.on("who am I", async |socket: Socket, ()| (socket.auth_as::<Token>(), socket.get::<u32>()));
    let addr = stage.serve(&server).await;
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let client = stage.client(addr).transports([transport]).auth(token("wrong")).build().expect("it is a URL");
        let socket = client.socket("/");
        let log = Log::of(&socket);
        let refused = stage.soon("the refusal", socket.connect()).await.expect_err("the token is wrong");
        assert!(matches!(&refused, ConnectError::Refused { message, .. } if message == "not authorized"), "{refused}");
        assert_eq!(refused.data::<(String, u32)>(), Some(("code".to_owned(), 42)));
        log.hears(stage, "connect_error: not authorized").await;
        assert!(!socket.is_active());
        socket.auth(token("right")).expect("it is an object");
        stage.soon("the socket", socket.connect()).await.expect("the token is right");
        log.hears(stage, "connect").await;
        let known = socket.emit_with_ack::<_, (Option<Token>, Option<u32>)>("who am I", ());
        let known = stage.soon("an ack", known).await.expect("an answer");
        assert_eq!(known, (Some(token("right")), Some(7)));
    }
}

/// What is emitted meanwhile is kept; other namespaces of the same client go on, and who leaves while it runs has left.
pub async fn waits_for_a_slow_middleware_and_holds_up_nobody_else<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let slow = server.namespace("/slow");
    let there = Log::of_all(&slow);
    let (gate, of) = (Gate::default(), there.clone());
    let passing = gate.clone();
    slow.middleware(move |_| {
        of.say("asked");
        let passing = passing.clone();
        async move {
            passing.pass().await;
            Ok(())
        }
    });
    server.namespace("/").on("sum", async |_, (a, b): (i64, i64)| a + b);
    let addr = stage.serve(&server).await;
    let client = stage.websocket(addr).build().expect("it is a URL");
    let leaving = stage.websocket(addr).build().expect("it is a URL");
    let socket = client.socket("/slow");
    let connecting = socket.connect();
    there.hears(stage, "asked").await;
    socket.emit("early", ()).expect("there is room");
    leaving.socket("/slow").connect();
    there.hears(stage, "asked").await;
    let root = client.socket("/");
    stage.soon("the other socket", root.connect()).await.expect("nothing is slow there");
    let sum: i64 = stage.soon("an ack", root.emit_with_ack("sum", (1, 2))).await.expect("an answer");
    assert_eq!((sum, socket.is_connected(), slow.len()), (3, false, 0));
    stage.soon("the close", leaving.close()).await;
    stage.until("one session less", || server.sessions() == 1).await;
    gate.open();
    stage.soon("the socket", connecting).await.expect("the gate is open");
    there.hears(stage, "connect").await;
    there.hears(stage, "early ").await;
    assert_eq!(slow.len(), 1);
}

/// The error below can be asked for.
pub async fn fails_with_a_typed_error_where_nobody_listens<R: Runtime + Clone>(stage: &Stage<R>) {
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let server = stage.server().build().expect("defaults are allowed");
        let listener = stage.soon("a port", server.bind("127.0.0.1:0")).await.expect("a free port");
        let addr = listener.local_addr();
        drop(listener);
        let builder = stage.client(addr).transports([transport]).reconnection(false);
        let socket = builder.build().expect("it is a URL").socket("/");
        let log = Log::of(&socket);
        let error = stage.soon("the refusal", socket.connect()).await.expect_err("nobody listens");
        let ConnectError::Attempt { cause: Some(cause), .. } = &error else { panic!("{error:?}") };
        let dial = cause.downcast_ref::<DialError>();
        let Some(DialError::Connect { address, error: io }) = dial else { panic!("{cause:?}") };
        assert_eq!((&**address, io.kind()), (&*addr.to_string(), ErrorKind::ConnectionRefused));
        log.hears(stage, &format!("connect_error: {error}")).await;
        // A listener of the same port later on is found when the socket is told to look again.
        let listener = stage.soon("the port again", server.bind(addr)).await.expect("nobody has it");
        let again = socket.connect();
        stage.runtime.spawn(Box::pin(listener.serve()));
        stage.soon("the socket", again).await.expect("the server is there");
        drop(socket);
        stage.soon("the close", server.close()).await;
    }
}

/// One that is given wrong arguments, returns an error or panics is told of, on both sides, and answers nobody.
pub async fn survives_handlers_that_fail<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let root = server.namespace("/");
    let there = Log::of_all(&root);
    root.on("fail", async |_: Socket, ()| Err::<(), _>(io::Error::other("no luck")));
    root.on("panic", async |_: Socket, (text,): (String,)| -> u32 { std::panic::panic_any(text) });
    root.on("fine", async |socket: Socket, ()| {
        socket.emit("fail", ()).ok();
        socket.emit("panic", ("there",)).ok();
        socket.emit("fine", ()).ok();
    });
    let client = stage.websocket(stage.serve(&server).await).build().expect("it is a URL");
    let socket = client.socket("/");
    let here = Log::of(&socket);
    socket.on("fail", async |_: ClientSocket, ()| Err::<(), _>(io::Error::other("no luck")));
    socket.on("panic", async |_: ClientSocket, (text,): (String,)| -> u32 { std::panic::panic_any(text) });
    stage.soon("the socket", socket.connect()).await.expect("the server is there");
    there.hears(stage, "connect").await;
    here.hears(stage, "connect").await;
    let unanswered = socket.timeout(Duration::from_millis(50)).emit_with_ack::<_, ()>("fail", ());
    there.hears(stage, "error: no luck").await;
    socket.emit("panic", (1,)).expect("there is room");
    assert!(there.heard(stage).await.starts_with("error: event \"panic\": "));
    socket.emit("panic", ("here",)).expect("there is room");
    there.hears(stage, "error: a handler panicked: here").await;
    assert!(matches!(stage.soon("the timeout", unanswered).await, Err(AckError::Timeout)));
    socket.emit("fine", ()).expect("there is room");
    here.hears(stage, "error: no luck").await;
    here.hears(stage, "error: a handler panicked: there").await;
    here.hears(stage, "fine ").await;
    assert!(socket.is_connected());
}
