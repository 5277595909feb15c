//! The [`Runtime`] of smol.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use smol::{Async, Executor};
use socketio_runtime::{Accept, BoxFuture, BoxStream, Runtime};

use crate::io::Tcp;

/// The smol runtime: sockets and timers of its reactor, tasks on an executor.
///
/// By default tasks run on smol's global executor, which starts its threads automatically: one, or the number in the environment
/// variable `SMOL_THREADS`. [`Smol::on`] uses an executor that the application runs itself.
#[derive(Clone, Debug, Default)]
pub struct Smol {
    executor: Option<Arc<Executor<'static>>>,
}

impl Smol {
    /// Runs tasks on this executor.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use socketio_smol::{ServerBuilder, Smol};
    ///
    /// let executor = Arc::new(smol::Executor::new());
    /// let server = ServerBuilder::on(Smol::on(executor.clone())).build()?;
    /// smol::block_on(executor.run(server.close())); // this thread runs all of the server's tasks
    /// # Ok::<(), socketio_smol::server::BuildError>(())
    /// ```
    pub fn on(executor: Arc<Executor<'static>>) -> Self {
        Self { executor: Some(executor) }
    }
}

impl Timer for Smol {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Sleeping(smol::Timer::after(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Sleeping(smol::Timer::at(deadline)))
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleeping>() {
            Some(sleep) => sleep.get_mut().0.set_at(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

struct Sleeping(smol::Timer);

impl Sleep for Sleeping {}

impl Future for Sleeping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}

impl Runtime for Smol {
    fn spawn(&self, future: BoxFuture<'static, ()>) {
        match &self.executor {
            Some(executor) => executor.spawn(future).detach(),
            None => smol::spawn(future).detach(),
        }
    }

    fn bind(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Accept>>> {
        Box::pin(async move { Ok(Box::new(Listener(Async::<TcpListener>::bind(addr)?)) as Box<dyn Accept>) })
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<BoxStream>> {
        let host = host.to_owned();
        Box::pin(async move {
            let mut result = Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
            for addr in smol::net::resolve((host, port)).await? {
                result = Async::<TcpStream>::connect(addr).await;
                if result.is_ok() {
                    break;
                }
            }
            Ok(Box::new(Tcp::new(result?)) as BoxStream)
        })
    }
}

struct Listener(Async<TcpListener>);

impl Accept for Listener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(BoxStream, SocketAddr)>> {
        loop {
            match self.0.get_ref().accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok((stream, addr)) => {
                    let stream = Tcp::new(Async::new(stream)?);
                    return Poll::Ready(Ok((Box::new(stream), addr)));
                }
            }
        }
    }
}
