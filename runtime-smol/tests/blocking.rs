//! The blocking client, against a server on the loopback interface.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use socketio_smol::blocking::{Client, ClientSocket};
use socketio_smol::client::{ConnectError, State};
use socketio_smol::server::{ConnectRequest, Refusal};
use socketio_smol::{AckError, ClientBuilder, HandlerError, Server, ServerBuilder, Socket};

/// Longer than anything takes; a wait that reaches it fails its test.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on a thread of its own, which ends when this is dropped.
struct Running {
    server: Server,
    addr: SocketAddr,
    thread: Option<thread::JoinHandle<()>>,
}

impl Running {
    fn client(&self) -> Client {
        Client::new(format!("http://{}", self.addr)).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        smol::block_on(self.server.close());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve() -> Running {
    let server = ServerBuilder::new().build().unwrap();
    let root = server.namespace("/");
    root.on("sum", async |_, (a, b): (i64, i64)| a + b);
    root.on("silence", async |_, ()| std::future::pending::<()>().await);
    root.on("count", async |socket: Socket, (count,): (u32,)| {
        for number in 0..count {
            socket.emit("number", (number,)).ok();
        }
    });
    root.on("ask me", async |socket: Socket, (question,): (String,)| {
        socket.timeout(PATIENCE).emit_with_ack::<_, i64>("question", (question,)).await
    });
    root.on("throw me out", async |socket: Socket, ()| socket.disconnect());
    server.namespace("/closed").middleware(async |_: ConnectRequest| Err(Refusal::new("closed")));
    let listener = smol::block_on(server.bind("127.0.0.1:0")).unwrap();
    let addr = listener.local_addr();
    let thread = Some(thread::spawn(move || smol::block_on(listener.serve())));
    Running { server, addr, thread }
}

/// Receives the next message of a handler.
fn heard<T>(words: &Receiver<T>) -> T {
    words.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn events_and_acks_work_in_both_directions() {
    let running = serve();
    let client = running.client();
    let socket = client.socket("/");
    let (say, words) = mpsc::channel();
    let said = say.clone();
    socket.on("number", move |_, (number,): (u32,)| said.send(format!("number {number}")).unwrap());
    socket.on("question", |_, (text,): (String,)| text.len());
    let said = say.clone();
    socket.on_connect(move |socket| said.send(format!("connect {}", socket.id().is_some())).unwrap());
    socket.on_disconnect(move |_, reason| say.send(reason.to_string()).unwrap());
    socket.connect().unwrap();
    assert!(socket.is_connected() && socket.ready());
    assert_eq!(heard(&words), "connect true");
    let sum: i64 = socket.timeout(PATIENCE).emit_with_ack("sum", (1, 2)).wait().unwrap();
    assert_eq!(sum, 3);
    let length: i64 = socket.emit_with_ack("ask me", ("seven..",)).wait().unwrap();
    assert_eq!(length, 7);
    socket.emit("count", (100,)).unwrap();
    for number in 0..100 {
        assert_eq!(heard(&words), format!("number {number}"));
    }
    client.close();
    assert_eq!(heard(&words), "io client disconnect");
    assert!(!socket.is_connected());
    socket.connect().unwrap();
    assert_eq!(heard(&words), "connect true");
}

#[test]
fn a_handler_may_wait_and_a_panic_goes_to_on_error() {
    let running = serve();
    let socket = running.client().socket("/");
    let (say, words) = mpsc::channel();
    let said = say.clone();
    socket.on("number", move |socket: ClientSocket, (number,): (i64,)| {
        // On an executor's thread this would deadlock.
        let sum: i64 = socket.emit_with_ack("sum", (number, 1)).wait()?;
        said.send(sum.to_string()).unwrap();
        Ok::<_, AckError>(())
    });
    socket.on("question", |_, (text,): (String,)| -> i64 { panic!("what is {text}?") });
    socket.on_error(move |_, error: HandlerError| say.send(error.to_string()).unwrap());
    socket.connect().unwrap();
    socket.emit("count", (20,)).unwrap();
    for number in 1..=20 {
        assert_eq!(heard(&words), number.to_string());
    }
    let asked = socket.timeout(Duration::from_millis(20)).emit_with_ack::<_, i64>("ask me", ("that",));
    assert!(matches!(asked.wait(), Err(AckError::Timeout)));
    assert_eq!(heard(&words), "a handler panicked: what is that?");
}

#[test]
fn next_returns_events_until_no_more_can_arrive() {
    let running = serve();
    let socket = running.client().socket("/");
    assert!(socket.next().is_none(), "`connect` was not called");
    socket.connect().unwrap();
    assert!(matches!(socket.next_timeout(Duration::from_millis(5)), Err(RecvTimeoutError::Timeout)));
    socket.emit("count", (3,)).unwrap();
    let event = socket.next_timeout(PATIENCE).unwrap();
    assert_eq!((event.name(), event.args::<(u32,)>().unwrap()), ("number", (0,)));
    assert_eq!(socket.next().unwrap().args::<(u32,)>().unwrap(), (1,));
    socket.emit("throw me out", ()).unwrap();
    let rest: Vec<u32> = socket.events().map(|event| event.args::<(u32,)>().unwrap().0).collect();
    assert_eq!(rest, [2]);
    assert!(matches!(socket.next_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected)));
}

#[test]
fn refusals_and_timeouts_are_typed() {
    let running = serve();
    let client = running.client();
    let closed = client.socket("/closed");
    let (say, words) = mpsc::channel();
    closed.on_connect_error(move |_, error| say.send(error.to_string()).unwrap());
    assert!(matches!(closed.connect(), Err(ConnectError::Refused { message, .. }) if message == "closed"));
    assert_eq!(heard(&words), "closed");
    let socket = client.socket("/");
    socket.connect_timeout(PATIENCE).unwrap().unwrap();
    let silence = socket.timeout(Duration::from_millis(5)).emit_with_ack::<_, ()>("silence", ());
    assert!(matches!(silence.wait(), Err(AckError::Timeout)));
    assert!(Client::new("not a URL").is_err());
    // Accepts connections and never responds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unanswered = Client::new(format!("http://{}", silent.local_addr().unwrap())).unwrap().socket("/");
    assert!(unanswered.connect_timeout(Duration::from_millis(5)).is_none());
    assert!(!unanswered.is_connected() && unanswered.inner().is_active());
    unanswered.disconnect();
    assert!(!unanswered.inner().is_active());
}

#[test]
fn states_are_an_iterator_that_ends_with_the_client() {
    let running = serve();
    let builder = ClientBuilder::new(format!("http://{}", running.addr)).upgrade(false);
    let client = Client::from(builder.build().unwrap());
    let mut states = client.states();
    assert!(matches!(states.next_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout)));
    client.socket("/").connect().unwrap();
    assert!(matches!(states.next(), Some(State::Connecting { attempt: 0 })));
    assert!(matches!(states.next_timeout(PATIENCE), Ok(State::Connected { attempt: 0, .. })));
    drop(client);
    assert!(states.all(|state| matches!(state, State::Closed { .. })));
    assert!(matches!(states.next_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected)));
}

#[test]
fn many_threads_share_a_socket() {
    let running = serve();
    let socket = running.client().socket("/");
    socket.connect().unwrap();
    let threads: Vec<_> = (0..8)
        .map(|number| {
            let socket = socket.clone();
            thread::spawn(move || {
                for other in 0..20 {
                    let sum: i64 = socket.timeout(PATIENCE).emit_with_ack("sum", (number, other)).wait().unwrap();
                    assert_eq!(sum, number + other);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn blocking_methods_may_be_called_in_a_handler() {
    let running = serve();
    let client = running.client();
    let socket = client.socket("/");
    let (say, words) = mpsc::channel();
    let said = say.clone();
    socket.on_connect(move |socket| {
        // The socket is connected already, and the next event arrives while this handler runs.
        socket.connect().unwrap();
        socket.emit("count", (1,)).unwrap();
        said.send(socket.next().unwrap().name().to_owned()).unwrap();
    });
    let said = say.clone();
    socket.on_disconnect(move |socket, _| {
        let again = socket.connect().is_ok();
        said.send(format!("again {again}")).unwrap();
    });
    socket.connect().unwrap();
    assert_eq!(heard(&words), "number");
    socket.disconnect();
    assert_eq!(heard(&words), "again true");
    assert_eq!(heard(&words), "number");
    // Close the client from within a handler.
    socket.on_disconnect(|_, _| ());
    let closed = client.clone();
    socket.on("number", move |_, (_,): (u32,)| {
        closed.close();
        say.send("closed".to_owned()).unwrap();
    });
    socket.emit("count", (1,)).unwrap();
    assert_eq!(heard(&words), "closed");
    assert!(!socket.inner().is_active());
}

#[test]
fn threads_may_close_and_drop_in_any_order() {
    let running = serve();
    for _ in 0..20 {
        let client = running.client();
        let socket = client.socket("/");
        let mut states = client.states();
        socket.connect().unwrap();
        let (say, words) = mpsc::channel::<()>();
        socket.on("number", move |_, (_,): (u32,)| _ = say.send(()));
        socket.emit("count", (3,)).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let (client, socket) = (client.clone(), socket.clone());
                thread::spawn(move || match number {
                    0 => drop((client, socket)),
                    1 => drop((socket, client)),
                    _ => client.close(),
                })
            })
            .collect();
        drop((client, socket));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        while let Ok(state) = states.next_timeout(PATIENCE) {
            drop(state);
        }
        assert!(matches!(states.next_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected)));
        let end = std::iter::repeat_with(|| words.recv_timeout(PATIENCE)).find_map(Result::err);
        assert_eq!(end, Some(RecvTimeoutError::Disconnected), "the handler is dropped");
    }
}
