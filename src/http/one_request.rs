//! One HTTP/1.1 request through hyper, which sees exactly its bytes and then the end.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use hyper::body::Incoming;
use hyper::rt::ReadBufCursor;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::body;
use super::buffer::Buffer;
use super::chunks::ChunkChecker;
use super::connection::Connection;
use super::exchange::{Next, Refused};
use super::fault::Fault;
use super::framing::BodyFraming;
use super::limits::Limits;
use super::server_metrics::Phase;
use super::service::Service;
use super::shared::Shared;

/// What the head said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// The head's bytes.
    pub(super) length: usize,
    pub(super) body: BodyFraming,
    pub(super) bytes_max: usize,
    /// Close the connection after the answer.
    pub(super) close: bool,
}

/// Answers the request at the start of `buffer`, and leaves what follows it there.
pub(super) async fn answer<IO, S>(
    connection: &mut Connection<IO>,
    buffer: &mut Buffer,
    plan: Plan,
    shared: &Shared<S>,
) -> Result<Next, Refused>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
    S: Service,
{
    let peer = connection.peer;
    let mut wire = Wire::new(connection, buffer, plan, shared.limits());
    let asked = AtomicBool::new(false);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let again = asked.swap(true, Ordering::Relaxed);
        async move {
            // The wire never gives hyper two requests; if the two parsers ever disagree, nothing is answered.
            if again { Err(Fault::RequestLine) } else { body::answer(request, peer, plan, shared).await }
        }
    });
    let served = http1::Builder::new()
        .half_close(true)
        // Otherwise a keep-alive of HTTP/1.0 is answered with both `close` and `keep-alive`.
        .keep_alive(!plan.close)
        .title_case_headers(true)
        .serve_connection(&mut wire, service)
        .await;
    let Wire { fault, stalled, wrote, body, .. } = wire;
    // The body may have taken its time, and the idle time starts after it.
    connection.now = Instant::now();
    match served {
        Ok(()) if body.is_done() && wrote => {
            Ok(if plan.close || shared.is_draining() { Next::Close } else { Next::Request })
        }
        Err(error) if !wrote => Err(fault.or_else(|| fault_in(&error)).map_or(Refused::Gone, Refused::Fault)),
        _ => {
            if stalled {
                shared.metrics().deadlines(Phase::Write).inc();
            }
            Err(Refused::Gone)
        }
    }
}

fn fault_in(error: &hyper::Error) -> Option<Fault> {
    error.source()?.downcast_ref().copied()
}

/// What hyper takes for the socket.
struct Wire<'c, IO> {
    connection: &'c mut Connection<IO>,
    buffer: &'c mut Buffer,
    limits: &'c Limits,
    head_left: usize,
    body: Body,
    /// What is wrong with the body's framing.
    fault: Option<Fault>,
    stalled: bool,
    wrote: bool,
}

enum Body {
    Length(u64),
    Chunked(ChunkChecker),
}

impl Body {
    fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(checker) => checker.is_done(),
        }
    }

    /// How many of `bytes` belong to the body.
    fn admit(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match self {
            Self::Length(left) => {
                let admitted = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= admitted as u64;
                Ok(admitted)
            }
            Self::Chunked(checker) => checker.admit(bytes),
        }
    }
}

impl<'c, IO: AsyncRead + AsyncWrite + Unpin> Wire<'c, IO> {
    fn new(
        connection: &'c mut Connection<IO>,
        buffer: &'c mut Buffer,
        plan: Plan,
        limits: &'c Limits,
    ) -> Self {
        let body = match plan.body {
            BodyFraming::Length(bytes) => Body::Length(bytes),
            BodyFraming::Chunked => Body::Chunked(ChunkChecker::default()),
        };
        Self {
            connection,
            buffer,
            limits,
            head_left: plan.length,
            body,
            fault: None,
            stalled: false,
            wrote: false,
        }
    }

    fn fail<T>(&mut self, fault: Fault) -> Poll<io::Result<T>> {
        self.fault = Some(fault);
        Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> hyper::rt::Read for Wire<'_, IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let bytes = if this.head_left > 0 {
            let bytes = this.head_left.min(out.remaining());
            this.head_left -= bytes;
            bytes
        } else if this.body.is_done() {
            return Poll::Ready(Ok(()));
        } else {
            if this.buffer.is_empty()
                && ready!(this.buffer.poll_fill(&mut this.connection.io, cx, this.limits.head_bytes_max))?
                    == 0
            {
                return this.fail(Fault::BodyCutShort);
            }
            let unread = this.buffer.unread();
            match this.body.admit(&unread[..unread.len().min(out.remaining())]) {
                Ok(bytes) => bytes,
                Err(fault) => return this.fail(fault),
            }
        };
        out.put_slice(&this.buffer.unread()[..bytes]);
        this.buffer.consume(bytes);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> hyper::rt::Write for Wire<'_, IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        // `100 Continue` promises nothing: an error can still follow it.
        this.wrote |= !bytes.starts_with(b"HTTP/1.1 100");
        this.connection.poll_write_guarded(cx, bytes, &mut this.stalled, this.limits)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.connection.poll_flush_guarded(cx, &mut this.stalled, this.limits)
    }

    /// The socket outlives hyper.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
