//! HTTP/2 through hyper, with an end to everything that a client could leave open.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::HOST;
use hyper::body::Incoming;
use hyper::rt::ReadBufCursor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use memchr::memchr_iter;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::body::{self, Sendable};
use super::deadline::Deadline;
use super::fault::Fault;
use super::framing;
use super::limits::{HEADERS_MAX, Limits};
use super::response::Answer;
use super::server_metrics::Phase;
use super::service::{Intake, Service};
use super::shared::Shared;

/// Serves requests on `io` until one side has had enough.
pub(super) async fn serve<IO, S>(io: IO, peer: IpAddr, shared: Arc<Shared<S>>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service,
{
    let limits = shared.limits();
    let open = Arc::new(Streams::new());
    let service = service_fn({
        let (open, shared) = (Arc::clone(&open), Arc::clone(&shared));
        move |request| {
            let stream = Streams::enter(&open);
            let shared = Arc::clone(&shared);
            async move {
                let _stream = stream;
                Ok::<_, Infallible>(answer(request, peer, &shared).await)
            }
        }
    });
    let io = Stalling { io: TokioIo::new(io), deadline: None, stall: limits.write_stall };
    let mut connection = pin!(builder(limits).serve_connection(io, service));
    let mut end = pin!(end(&open, &shared));
    tokio::select! {
        _ = &mut connection => return,
        () = &mut end => {}
    }
    connection.as_mut().graceful_shutdown();
    // Who does not answer the farewell, or does not read its answers, would never be done.
    let patience = match (open.open.load(Ordering::Relaxed), shared.is_draining()) {
        (0, _) => limits.linger,
        (_, false) => limits.write_stall,
        (_, true) => limits.drain,
    };
    let _ = tokio::time::timeout(patience, connection).await;
}

fn builder(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams_max)
        .initial_stream_window_size(limits.h2_window_bytes)
        .initial_connection_window_size(limits.h2_window_bytes)
        .max_send_buf_size(limits.h2_window_bytes as usize)
        .max_header_list_size(limits.h2_header_list_bytes_max)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(RESETS_MAX);
    builder
}

/// Resolves once the connection is to be closed: first request too late, idle, old, or draining. No pings for that:
/// they would tell that the client is there, not that it wants anything.
async fn end<S: Service>(streams: &Streams, shared: &Shared<S>) {
    let limits = shared.limits();
    let mut drain = pin!(shared.drain.notified());
    drain.as_mut().enable();
    if shared.is_draining() {
        return;
    }
    let old_at = streams.born + limits.age;
    loop {
        let now = Instant::now();
        let (patience, phase) = match streams.has_begun() {
            false => (limits.first_byte, Phase::FirstByte),
            true => (limits.idle, Phase::Idle),
        };
        let quiet_until = streams.quiet_since().map(|since| since + patience);
        let over =
            if now >= old_at { Some(Phase::Age) } else { quiet_until.filter(|&at| at <= now).map(|_| phase) };
        if let Some(phase) = over {
            shared.metrics().deadlines(phase).inc();
            return;
        }
        // A stream may come or go in the meantime and change which of the two counts.
        let again = now + limits.first_byte.min(limits.idle);
        tokio::select! {
            () = &mut drain => return,
            () = tokio::time::sleep_until(again.min(old_at).min(quiet_until.unwrap_or(again))) => {}
        }
    }
}

/// The streams of one connection.
struct Streams {
    born: Instant,
    open: AtomicUsize,
    /// When a stream was opened or closed last, in milliseconds since `born`; 0 before the first.
    last_ms: AtomicU64,
}

impl Streams {
    fn new() -> Self {
        Self { born: Instant::now(), open: AtomicUsize::new(0), last_ms: AtomicU64::new(0) }
    }

    fn enter(open: &Arc<Self>) -> Stream {
        open.open.fetch_add(1, Ordering::Relaxed);
        open.touch();
        Stream(Arc::clone(open))
    }

    fn touch(&self) {
        let ms = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(ms.max(1), Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.last_ms.load(Ordering::Relaxed) > 0
    }

    /// Since when no stream is open, if none is.
    fn quiet_since(&self) -> Option<Instant> {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        (self.open.load(Ordering::Relaxed) == 0).then(|| self.born + last)
    }
}

struct Stream(Arc<Streams>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.touch();
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn answer<S: Service>(request: hyper::Request<Incoming>, peer: IpAddr, shared: &Shared<S>) -> Sendable {
    let (mut parts, incoming) = request.into_parts();
    match accept(&mut parts, incoming, peer, shared).await {
        Ok(answer) => body::into_sendable(answer),
        Err(fault) => {
            shared.metrics().faults(fault).inc();
            body::into_sendable(fault.answer())
        }
    }
}

async fn accept<S: Service>(
    parts: &mut http::request::Parts,
    incoming: Incoming,
    peer: IpAddr,
    shared: &Shared<S>,
) -> Result<Answer, Fault> {
    check(parts, shared.limits())?;
    let headers = body::header_slices(&parts.headers);
    body::with_head(parts, &headers, peer, shared, async |head| {
        let bytes_max = match shared.intake(head) {
            Ok(Intake::Hot) => 0,
            Ok(Intake::Body { bytes_max } | Intake::OptOut { bytes_max }) => bytes_max,
            Err(answer) => return Ok(answer),
        };
        let body = body::collect(incoming, bytes_max, shared).await?;
        shared.metrics().requests_h2.inc();
        Ok(shared.finish(shared.begin(head, &body.bytes)).await)
    })
    .await
}

/// The limits and the strictness of HTTP/1.1, as far as HTTP/2's framing has not seen to them.
fn check(parts: &mut http::request::Parts, limits: &Limits) -> Result<(), Fault> {
    framing::check_method(parts.method.as_str())?;
    check_host(parts)?;
    let query = parts.uri.query().unwrap_or("");
    let target_bytes = parts.uri.path().len() + query.len() + usize::from(!query.is_empty());
    let params = memchr_iter(b'&', query.as_bytes()).count() + 1;
    if target_bytes > limits.uri_bytes_max || params > limits.query_params_max {
        return Err(Fault::UriTooLong);
    }
    let cookie_bytes: usize =
        parts.headers.get_all(http::header::COOKIE).iter().map(|value| value.len()).sum();
    if parts.headers.len() > HEADERS_MAX || cookie_bytes > limits.cookie_bytes_max {
        return Err(Fault::HeadTooLarge);
    }
    Ok(())
}

/// Leaves exactly one `Host`, as a head of HTTP/1.1 has it (RFC 9113, section 8.3.1).
fn check_host(parts: &mut http::request::Parts) -> Result<(), Fault> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = match (parts.uri.authority(), hosts.next(), hosts.next()) {
        (Some(authority), None, _) => authority.as_str().to_owned(),
        (None, Some(host), None) => host.to_str().map_err(|_| Fault::Host)?.to_owned(),
        (Some(authority), Some(host), None)
            if host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
        {
            authority.as_str().to_owned()
        }
        _ => return Err(Fault::Host),
    };
    if !framing::is_authority(&host) {
        return Err(Fault::Host);
    }
    let host = http::HeaderValue::from_str(&host).map_err(|_| Fault::Host)?;
    parts.headers.insert(HOST, host);
    Ok(())
}

/// A socket that fails when nothing can be written to it for too long.
struct Stalling<IO> {
    io: TokioIo<IO>,
    /// Set while a write waits.
    deadline: Option<Deadline>,
    stall: Duration,
}

impl<IO> Stalling<IO> {
    fn poll_stall<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.deadline = None;
            return polled;
        }
        let deadline = self.deadline.get_or_insert_with(|| Deadline::new(Instant::now() + self.stall));
        ready!(deadline.poll_over(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<IO: AsyncRead + Unpin> hyper::rt::Read for Stalling<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, out)
    }
}

impl<IO: AsyncWrite + Unpin> hyper::rt::Write for Stalling<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.poll_stall(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.poll_stall(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.poll_stall(cx, shut)
    }
}

/// Streams that a client opened and took back at once, before the connection is closed for it (CVE-2023-44487).
const RESETS_MAX: usize = 20;
