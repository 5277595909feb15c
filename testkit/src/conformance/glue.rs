//! What the driver expects of a runtime's timers, listeners and streams.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use hyper::rt::Timer;
use socketio_runtime::Runtime;

use super::log::Log;
use super::stage::Stage;

/// Bytes that differ from place to place, so that none can be lost, doubled or swapped unseen.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ (at / 251 % 256) as u8).collect()
}

fn free() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A sleep ends at its deadline or later, at once if that has passed, and a deadline can be moved in both directions.
pub async fn timers_are_never_early_and_can_be_reset<R: Runtime + Clone>(stage: &Stage<R>) {
    let runtime = &stage.runtime;
    let start = runtime.now();
    for millis in [0, 1, 20] {
        let deadline = runtime.now() + Duration::from_millis(millis);
        stage.soon("a sleep", runtime.sleep_until(deadline)).await;
        assert!(runtime.now() >= deadline);
    }
    stage.soon("a deadline that has passed", runtime.sleep_until(start)).await;
    // Polled before it is moved: the waker has to move, too.
    let mut sleep = runtime.sleep(Duration::from_secs(3600));
    poll_fn(|cx| {
        assert!(sleep.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    let deadline = runtime.now() + Duration::from_millis(20);
    runtime.reset(&mut sleep, deadline);
    stage.soon("a sleep that was shortened", sleep.as_mut()).await;
    assert!(runtime.now() >= deadline);
    let deadline = runtime.now() + Duration::from_millis(20);
    runtime.reset(&mut sleep, deadline);
    stage.soon("a sleep that begins again", sleep).await;
    assert!(runtime.now() >= deadline);
    let mut sleep = runtime.sleep(Duration::from_millis(1));
    let deadline = runtime.now() + Duration::from_millis(30);
    runtime.reset(&mut sleep, deadline);
    stage.soon("a sleep that was prolonged", sleep).await;
    assert!(runtime.now() >= deadline);
}

/// Many slices and more bytes than any buffer takes arrive as one stream.
pub async fn vectored_and_partial_writes_lose_nothing<R: Runtime + Clone>(stage: &Stage<R>) {
    let (mut near, mut far) = stage.pair().await;
    let all = bytes(6_000_000);
    // Empty slices, tiny ones, large ones; more of them than one call takes.
    let mut pieces = vec![Vec::new()];
    let mut rest = &all[..];
    for length in [1, 0, 2, 3, 500, 40_000].into_iter().cycle() {
        let (piece, next) = rest.split_at(rest.len().min(length));
        pieces.push(piece.to_vec());
        rest = next;
        if rest.is_empty() {
            break;
        }
    }
    let (log, heard) = (Log::default(), Log::default());
    let (of, length) = (heard.clone(), all.len());
    stage.runtime.spawn(Box::pin(async move {
        let read = far.take(length, 64 * 1024).await;
        of.say(if read.is_ok_and(|read| read == bytes(length)) { "the same" } else { "something else" });
        log.say("done");
    }));
    stage.soon("the write", near.write_vectored(&pieces)).await.expect("the other end reads");
    heard.hears(stage, "the same").await;
}

/// Whatever room a read is given, and however much has arrived.
pub async fn small_reads_lose_nothing<R: Runtime + Clone>(stage: &Stage<R>) {
    let (mut near, mut far) = stage.pair().await;
    let all = bytes(10_000);
    stage.soon("the write", near.write(&all)).await.expect("it fits");
    for (length, room) in [(100, 1), (100, 3), (800, 7), (9_000, 1000)] {
        let at = all.len() - 10_000 + [0, 100, 200, 1000][[1, 3, 7, 1000].iter().position(|&r| r == room).unwrap_or(0)];
        let read = stage.soon("a read", far.take(length, room)).await.expect("it has arrived");
        assert_eq!(read, all[at..at + length], "by {room}");
    }
    // Again after all was read, when the stream knows that nothing is left.
    for piece in all.chunks(999) {
        stage.soon("the write", near.write(piece)).await.expect("it fits");
        assert_eq!(stage.soon("a read", far.take(piece.len(), 999)).await.expect("it has arrived"), piece);
    }
}

/// Two ends that write more than fits before they could be done reading: each waits for room and for bytes at once.
pub async fn both_directions_wait_in_one_task<R: Runtime + Clone>(stage: &Stage<R>) {
    let (mut near, mut far) = stage.pair().await;
    let log = Log::default();
    let of = log.clone();
    stage.runtime.spawn(Box::pin(async move {
        let all = bytes(8_000_000);
        let same = far.exchange(&all, all.len()).await.is_ok_and(|read| read == all);
        of.say(same);
    }));
    let all = bytes(8_000_000);
    let read = stage.soon("the exchange", near.exchange(&all, all.len())).await.expect("the other end is there");
    assert!(read == all, "something was lost");
    log.hears(stage, "true").await;
}

/// One side says that it is done, and still reads what the other one has to say.
pub async fn each_direction_ends_by_itself<R: Runtime + Clone>(stage: &Stage<R>) {
    let (mut near, mut far) = stage.pair().await;
    near.write("question").await.expect("it fits");
    stage.soon("the end of one half", near.shutdown()).await.expect("it is open");
    assert_eq!(stage.soon("the question", far.rest()).await.expect("it has arrived"), b"question");
    assert_eq!(stage.soon("the end again", far.read(10)).await.expect("it stays the end"), 0);
    far.write("answer").await.expect("this half is open");
    assert_eq!(stage.soon("the answer", near.take(6, 2)).await.expect("it has arrived"), b"answer");
    drop(far);
    assert_eq!(stage.soon("the end", near.rest()).await.expect("it is no error"), b"");
}

/// Whoever waits to read or write is told when the other end goes away without having read everything.
pub async fn a_broken_connection_is_an_error_or_an_end<R: Runtime + Clone>(stage: &Stage<R>) {
    let (mut near, far) = stage.pair().await;
    near.write("nobody reads this").await.expect("it fits");
    stage.pause().await;
    drop(far);
    let rest = stage.soon("the break", near.rest()).await;
    assert!(rest.as_ref().is_ok_and(Vec::is_empty) || rest.is_err());
    let writing = async { while near.write(vec![0; 100_000]).await.is_ok() {} };
    stage.soon("an error of writing", writing).await;
    // Shutting down what is broken is nobody's concern: it ends, one way or the other.
    _ = stage.soon("the end of a broken half", near.shutdown()).await;
}

/// A stream may be polled here first and there later: the last one who polled is the one who is woken.
pub async fn a_reader_that_moves_to_another_task_is_woken_there<R: Runtime + Clone>(stage: &Stage<R>) {
    let (mut near, mut far) = stage.pair().await;
    {
        let mut reading = pin!(far.read(10));
        poll_fn(|cx| {
            assert!(reading.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    let log = Log::default();
    let of = log.clone();
    stage.runtime.spawn(Box::pin(async move {
        of.say("there");
        let read = far.take(5, 10).await;
        of.say(read.is_ok_and(|read| read == b"hello"));
    }));
    log.hears(stage, "there").await;
    stage.pause().await;
    near.write("hello").await.expect("it fits");
    log.hears(stage, "true").await;
}

/// Applications tell these errors apart by their kind.
pub async fn refused_and_taken_ports_are_typed_errors<R: Runtime + Clone>(stage: &Stage<R>) {
    let runtime = &stage.runtime;
    let accept = stage.soon("a port", runtime.bind(free())).await.expect("a free port");
    let addr = accept.local_addr().expect("it is bound");
    let again = stage.soon("the answer", runtime.bind(addr)).await;
    assert_eq!(again.err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
    drop(accept);
    let refused = stage.soon("the refusal", runtime.connect("127.0.0.1", addr.port())).await;
    assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::ConnectionRefused));
    let again = stage.soon("the port again", runtime.bind(addr)).await.expect("nobody has it");
    assert_eq!(again.local_addr().expect("it is bound"), addr);
}

/// Names are resolved, all their addresses tried, and IPv6 works where the system has it.
pub async fn a_name_and_the_address_of_ipv6_are_dialled<R: Runtime + Clone>(stage: &Stage<R>) {
    let server = stage.server().build().expect("defaults are allowed");
    let addr = stage.serve(&server).await;
    let by_name = format!("http://localhost:{}", addr.port());
    let mut urls = vec![by_name];
    match stage.soon("a port", stage.runtime.bind((Ipv6Addr::LOCALHOST, 0).into())).await {
        Ok(free) => {
            drop(free);
            let addr = stage.serve_at(&server, (Ipv6Addr::LOCALHOST, 0).into()).await;
            urls.push(format!("http://{addr}"));
        }
        // No IPv6 here.
        Err(error) => assert!(matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)),
    }
    for url in urls {
        let client = socketio_runtime::ClientBuilder::on(stage.runtime.clone(), url).build().expect("it is a URL");
        stage.soon("the socket", client.socket("/").connect()).await.expect("the server is there");
        stage.soon("the close", client.close()).await;
    }
}
