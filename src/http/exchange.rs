//! Requests and answers of one wake-up of an HTTP/1.1 connection.

use tokio::io::{AsyncRead, AsyncWrite};

use super::buffer::Buffer;
use super::connection::{Connection, Gone};
use super::encode::{Frame, encode};
use super::fault::Fault;
use super::framing::{self, BodyFraming, Framed, HeaderSlots};
use super::one_request;
use super::request::Head;
use super::response::Answer;
use super::service::{Answering, Intake, Service};
use super::shared::Shared;

/// What the connection does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Request,
    Close,
}

/// Answers what is in `buffer`, and whatever is needed to complete it.
pub(super) async fn exchange<IO, S>(
    connection: &mut Connection<IO>,
    mut buffer: Buffer,
    shared: &Shared<S>,
) -> Next
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
    S: Service,
{
    while !buffer.is_empty() {
        let answered = match head_length(connection, &mut buffer, shared).await {
            Ok(length) => request(connection, &mut buffer, length, shared).await,
            Err(refused) => Err(refused),
        };
        match answered {
            Ok(Next::Request) => {}
            Ok(Next::Close) => {
                let linger = if buffer.is_empty() { Default::default() } else { shared.limits().linger };
                connection.close(linger).await;
                return Next::Close;
            }
            Err(Refused::Fault(fault)) => {
                shared.metrics().faults(fault).inc();
                refuse(connection, &fault.answer(), shared).await;
                return Next::Close;
            }
            Err(Refused::Gone) => return Next::Close,
        }
    }
    Next::Request
}

/// Why a request was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nothing was sent for it yet.
    Fault(Fault),
    Gone,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Gone> for Refused {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

/// Reads until the head is complete.
async fn head_length<IO, S>(
    connection: &mut Connection<IO>,
    buffer: &mut Buffer,
    shared: &Shared<S>,
) -> Result<usize, Refused>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: Service,
{
    let limits = shared.limits();
    let mut seen = 0;
    loop {
        if let Some(length) = framing::head_length(buffer.unread(), seen)? {
            return Ok(length);
        }
        framing::check_unfinished(buffer.unread(), seen, limits)?;
        if seen == 0 {
            connection.start_head(limits);
        }
        seen = buffer.unread().len();
        if connection.fill(buffer, limits.head_bytes_max, shared.metrics()).await? == 0 {
            return Err(Refused::Gone);
        }
    }
}

/// Answers the request whose head is the first `length` bytes of `buffer`.
async fn request<IO, S>(
    connection: &mut Connection<IO>,
    buffer: &mut Buffer,
    length: usize,
    shared: &Shared<S>,
) -> Result<Next, Refused>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
    S: Service,
{
    let (answering, head_only, close) = match begin(connection, &buffer.unread()[..length], shared)? {
        Begun::Hot { answering, head_only, close } => (answering, head_only, close),
        Begun::Refused(answer) => {
            refuse(connection, &answer, shared).await;
            return Err(Refused::Gone);
        }
        Begun::Hyper(plan) => {
            return Box::pin(one_request::answer(connection, buffer, plan, shared)).await;
        }
    };
    buffer.consume(length);
    let answer = shared.finish(answering).await;
    let frame = Frame { head_only, close: close || shared.is_draining(), now: connection.now };
    let mut out = Vec::with_capacity(OUT_BYTES);
    encode(&mut out, &answer, frame);
    connection.write(&out, shared).await?;
    Ok(if frame.close { Next::Close } else { Next::Request })
}

/// How a request goes on.
enum Begun<'s> {
    /// All of it has been read.
    Hot {
        answering: Answering<'s>,
        head_only: bool,
        close: bool,
    },
    /// Answered before its body is read.
    Refused(Answer),
    Hyper(one_request::Plan),
}

/// Reads the whole of `head` and starts what it asks for. Not `async`, so that nothing of all this is kept while the
/// request waits for its answer.
fn begin<'s, IO, S>(
    connection: &Connection<IO>,
    head: &[u8],
    shared: &'s Shared<S>,
) -> Result<Begun<'s>, Fault>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: Service,
{
    let length = head.len();
    let mut slots = HeaderSlots::new();
    let framed = framing::parse(head, &mut slots, shared.limits())?;
    let headers = &*slots;
    let (client, via_trusted_proxy) = shared.client(connection.peer, headers);
    let Framed { method, path, query, body, .. } = framed;
    let head = Head { method, path, query, headers, client, via_trusted_proxy };
    let head_only = method == "HEAD";
    let close = framed.close || shared.is_draining() || connection.is_old();
    Ok(match (shared.intake(&head), body) {
        (Err(away), BodyFraming::Length(0)) => {
            Begun::Hot { answering: Answering::Now(away), head_only, close }
        }
        (Err(answer), _) => Begun::Refused(answer),
        (Ok(Intake::Hot), BodyFraming::Length(0)) => {
            shared.metrics().requests_hot.inc();
            Begun::Hot { answering: shared.begin(&head, b""), head_only, close }
        }
        (Ok(intake), body) => {
            let bytes_max = body_limit(intake, body)?;
            Begun::Hyper(one_request::Plan { length, body, bytes_max, close })
        }
    })
}

/// The most that a body may have; a longer one is refused before it comes, if it says so.
fn body_limit(intake: Intake, body: BodyFraming) -> Result<usize, Fault> {
    let bytes_max = match intake {
        Intake::Hot => 0,
        Intake::Body { bytes_max } | Intake::OptOut { bytes_max } => bytes_max,
    };
    match body {
        BodyFraming::Length(bytes) if bytes > bytes_max as u64 => Err(Fault::BodyTooLarge),
        _ => Ok(bytes_max),
    }
}

/// Sends `answer` as the last one of this connection.
async fn refuse<IO, S>(connection: &mut Connection<IO>, answer: &Answer, shared: &Shared<S>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: Service,
{
    let mut out = Vec::with_capacity(OUT_BYTES);
    encode(&mut out, answer, Frame { head_only: false, close: true, now: connection.now });
    if connection.write(&out, shared).await.is_ok() {
        connection.close(shared.limits().linger).await;
    }
}

/// Room for nearly every answer to a pixel's request.
const OUT_BYTES: usize = 1024;
