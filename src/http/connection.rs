//! One HTTP/1.1 connection: waits without a buffer, and owns the socket all along.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::buffer::Buffer;
use super::deadline::Deadline;
use super::exchange::{Next, exchange};
use super::limits::Limits;
use super::server_metrics::{Phase, ServerMetrics};
use super::service::Service;
use super::shared::Shared;

/// Serves requests on `io` until one side closes it.
pub(super) async fn serve<IO, S>(io: IO, peer: IpAddr, shared: Arc<Shared<S>>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
    S: Service,
{
    let mut drain = pin!(shared.drain.notified());
    let mut connection = Connection::new(io, peer, shared.limits());
    let mut listening = false;
    while let Some(buffer) = connection.wait(&shared, drain.as_mut(), &mut listening).await {
        // Boxed once a wake-up, not once a connection: who is idle does not pay for what a request needs.
        match Box::pin(exchange(&mut connection, buffer, &shared)).await {
            Next::Request => connection.start_idle(shared.limits()),
            Next::Close => break,
        }
    }
}

pub(super) struct Connection<IO> {
    pub(super) io: IO,
    pub(super) peer: IpAddr,
    deadline: Deadline,
    /// When the bytes that are being dealt with came.
    pub(super) now: Instant,
    old_at: Instant,
    phase: Phase,
}

/// The connection is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

impl<IO: AsyncRead + AsyncWrite + Unpin> Connection<IO> {
    fn new(io: IO, peer: IpAddr, limits: &Limits) -> Self {
        let now = Instant::now();
        let deadline = Deadline::new(now + limits.first_byte);
        Self { io, peer, deadline, now, old_at: now + limits.age, phase: Phase::FirstByte }
    }

    fn start_idle(&mut self, limits: &Limits) {
        let idle_until = self.now + limits.idle;
        let (at, phase) =
            if idle_until < self.old_at { (idle_until, Phase::Idle) } else { (self.old_at, Phase::Age) };
        self.deadline.set(at);
        self.phase = phase;
    }

    pub(super) fn is_old(&self) -> bool {
        self.now >= self.old_at
    }

    /// Waits for bytes, holding no memory for them. `None` once the connection is to be closed.
    async fn wait<S: Service>(
        &mut self,
        shared: &Shared<S>,
        mut drain: Pin<&mut Notified<'_>>,
        listening: &mut bool,
    ) -> Option<Buffer> {
        let read = poll_fn(|cx| {
            // Asked once: it keeps this task's waker, and afterwards the flag says the same for less.
            if !*listening {
                *listening = true;
                let _ = drain.as_mut().poll(cx);
            }
            if shared.is_draining() {
                return Poll::Ready(None);
            }
            let mut buffer = Buffer::default();
            match buffer.poll_fill(&mut self.io, cx, shared.limits().head_bytes_max) {
                Poll::Ready(Ok(bytes)) if bytes > 0 => return Poll::Ready(Some(buffer)),
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => {}
            }
            ready!(self.deadline.poll_over(cx));
            shared.metrics().deadlines(self.phase).inc();
            Poll::Ready(None)
        });
        let buffer = read.await;
        self.now = Instant::now();
        if buffer.is_none() {
            self.close(Duration::ZERO).await;
        }
        buffer
    }

    /// Starts the deadline for the rest of a head.
    pub(super) fn start_head(&mut self, limits: &Limits) {
        self.deadline.set(Instant::now() + limits.head);
        self.phase = Phase::Head;
    }

    /// Reads more into `buffer` before the deadline; 0 at the end.
    pub(super) async fn fill(
        &mut self,
        buffer: &mut Buffer,
        bytes_max: usize,
        metrics: &ServerMetrics,
    ) -> Result<usize, Gone> {
        let read = poll_fn(|cx| match buffer.poll_fill(&mut self.io, cx, bytes_max) {
            Poll::Ready(read) => Poll::Ready(read.map_err(|_| Gone)),
            Poll::Pending => {
                ready!(self.deadline.poll_over(cx));
                metrics.deadlines(self.phase).inc();
                Poll::Ready(Err(Gone))
            }
        });
        let read = read.await;
        self.now = Instant::now();
        read
    }

    /// Writes all of `bytes`, unless the client takes none of them for too long.
    pub(super) async fn write<S: Service>(&mut self, bytes: &[u8], shared: &Shared<S>) -> Result<(), Gone> {
        let mut written = 0;
        let mut stalled = false;
        poll_fn(|cx| {
            while written < bytes.len() {
                match self.poll_write_guarded(cx, &bytes[written..], &mut stalled, shared.limits()) {
                    Poll::Ready(Ok(more)) if more > 0 => written += more,
                    Poll::Ready(_) => return Poll::Ready(Err(Gone)),
                    Poll::Pending => return Poll::Pending,
                }
            }
            self.poll_flush_guarded(cx, &mut stalled, shared.limits()).map_err(|_| Gone)
        })
        .await
        .inspect_err(|_| self.count_stall(stalled, shared.metrics()))
    }

    fn count_stall(&self, stalled: bool, metrics: &ServerMetrics) {
        if stalled {
            metrics.deadlines(Phase::Write).inc();
        }
    }

    /// Writes some bytes, or fails with `TimedOut` after a stall. `stalled` is the caller's note of a wait that has
    /// begun.
    pub(super) fn poll_write_guarded(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        stalled: &mut bool,
        limits: &Limits,
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(cx, bytes) {
            Poll::Ready(written) => {
                *stalled = false;
                Poll::Ready(written)
            }
            Poll::Pending => self.poll_stall(cx, stalled, limits),
        }
    }

    pub(super) fn poll_flush_guarded(
        &mut self,
        cx: &mut Context<'_>,
        stalled: &mut bool,
        limits: &Limits,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Ready(flushed) => Poll::Ready(flushed),
            Poll::Pending => self.poll_stall(cx, stalled, limits),
        }
    }

    fn poll_stall<T>(
        &mut self,
        cx: &mut Context<'_>,
        stalled: &mut bool,
        limits: &Limits,
    ) -> Poll<io::Result<T>> {
        if !*stalled {
            *stalled = true;
            self.deadline.set(Instant::now() + limits.write_stall);
        }
        ready!(self.deadline.poll_over(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Says that nothing more comes, and reads what the client still sends for at most `linger`: bytes that are
    /// unread when a socket closes make the system reset the connection, and the client might never see the answer.
    pub(super) async fn close(&mut self, linger: Duration) {
        self.deadline.set(Instant::now() + linger.max(CLOSE_AT_MOST));
        let Self { io, deadline, .. } = self;
        let mut shutdown = pin!(io.shutdown());
        let shut = poll_fn(|cx| match shutdown.as_mut().poll(cx) {
            Poll::Ready(shut) => Poll::Ready(shut.is_ok()),
            Poll::Pending => deadline.poll_over(cx).map(|()| false),
        });
        if !shut.await || linger.is_zero() {
            return;
        }
        let mut dropped = 0;
        while dropped < LINGER_BYTES_MAX {
            let mut buffer = Buffer::default();
            let read = poll_fn(|cx| match buffer.poll_fill(&mut self.io, cx, 1) {
                Poll::Ready(read) => Poll::Ready(read.unwrap_or(0)),
                Poll::Pending => self.deadline.poll_over(cx).map(|()| 0),
            });
            match read.await {
                0 => return,
                more => dropped += more,
            }
        }
    }
}

/// For the farewell of TLS, when the client takes nothing any more.
const CLOSE_AT_MOST: Duration = Duration::from_millis(100);
/// A client that was refused and sends on is cut off after this much.
const LINGER_BYTES_MAX: usize = 1024 * 1024;
