//! A server on a thread of its own, a service that says what it saw, and a client that counts answers.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pixelgate::http::request::Head;
use pixelgate::http::response::{Answer, FixedHeaders};
use pixelgate::http::server::{Drained, ServerOptions, bind, serve};
use pixelgate::http::service::{Answering, Intake, Service};
use tokio::sync::{Semaphore, oneshot};

/// Bodies that the echo service takes.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;
pub(super) const BIG_BYTES: usize = 32 * 1024 * 1024;

/// Answers with what it saw. `/hot…` is answered from the connection's buffer, `/panic…` panics, `/wait…` waits for a
/// permit of `gate`, `/big` is more than any socket's buffer takes, `/teapot` has a header that must not be sent. Bugs
/// elsewhere: in the intake of `…/worse`, at once in the answer of `…/early-panic`, after the answer of `/hot/late-panic`.
#[derive(Debug)]
pub(super) struct Echo {
    pub(super) answered: AtomicUsize,
    /// Requests that wait, or have waited, at `/wait…`.
    pub(super) waiting: Semaphore,
    pub(super) gate: Semaphore,
}

impl Default for Echo {
    fn default() -> Self {
        Self { answered: AtomicUsize::new(0), waiting: Semaphore::new(0), gate: Semaphore::new(0) }
    }
}

impl Service for Echo {
    fn intake(&self, method: &str, path: &str) -> Intake {
        assert!(!path.ends_with("/worse"), "a bug before a journey");
        match (method, path) {
            ("GET" | "HEAD", _) if path.starts_with("/hot") => Intake::Hot,
            _ => Intake::Body { bytes_max: BODY_BYTES_MAX },
        }
    }

    fn answer<'s>(&'s self, head: &Head<'_>, body: &[u8]) -> Answering<'s> {
        assert!(!head.path.contains("/early-panic"), "a bug in what a journey does at once");
        if head.path == "/hot/late-panic" {
            return Answering::Later(Box::pin(LatePanic));
        }
        let (waits, panics) = (head.path.contains("/wait"), head.path.contains("/panic"));
        let answer = match head.path {
            "/hot/big" | "/big" => Answer {
                status: 200,
                fixed: FixedHeaders::NONE,
                headers: Vec::new(),
                body: vec![b'x'; BIG_BYTES].into(),
            },
            "/hot/teapot" | "/teapot" => Answer::text(418, "short\n").with("Bad", "a\r\nSet-Cookie: b"),
            "/hot/client" | "/client" => {
                Answer::text(200, format!("{} {}\n", head.client, head.via_trusted_proxy))
            }
            _ => Answer::text(200, echo(head, body)),
        };
        Answering::later(async move {
            if waits {
                self.waiting.add_permits(1);
                self.gate.acquire().await.expect("the gate is never closed").forget();
            }
            assert!(!panics, "a bug in a journey");
            self.answered.fetch_add(1, Ordering::SeqCst);
            answer
        })
    }
}

/// Is answered, and panics when it is dropped.
struct LatePanic;

impl Future for LatePanic {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        Poll::Ready(Answer::text(200, "never sent\n"))
    }
}

impl Drop for LatePanic {
    fn drop(&mut self) {
        panic!("a bug behind a journey");
    }
}

/// `GET /hot?a=1 host=x body=3:abc`
fn echo(head: &Head<'_>, body: &[u8]) -> String {
    let Head { method, path, query, .. } = head;
    let host = head.header("host").unwrap_or("-");
    format!("{method} {path}?{query} host={host} body={}:{}\n", body.len(), body.escape_ascii())
}

/// A running server; it is drained when this is dropped.
pub(super) struct Edge {
    pub(super) address: SocketAddr,
    pub(super) echo: Arc<Echo>,
    pub(super) options: Arc<ServerOptions>,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Drained>>,
}

impl Edge {
    pub(super) fn start(options: ServerOptions) -> Self {
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("port 0 is free");
        let address = listener.local_addr().unwrap();
        let (echo, options) = (Arc::new(Echo::default()), Arc::new(options));
        let (shutdown, asked) = oneshot::channel();
        let thread = std::thread::spawn({
            let (echo, options) = (Arc::clone(&echo), Arc::clone(&options));
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let shutdown = async { drop(asked.await) };
                runtime.block_on(serve(listener, echo, options, shutdown)).unwrap()
            }
        });
        Self { address, echo, options, shutdown: Some(shutdown), thread: Some(thread) }
    }

    pub(super) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).unwrap())
    }

    pub(super) fn start_drain(&mut self) {
        drop(self.shutdown.take());
    }

    pub(super) fn drained(mut self) -> Drained {
        self.start_drain();
        self.thread.take().expect("drained once").join().unwrap()
    }

    /// Waits until `count` requests are at the gate, over the server's life.
    pub(super) fn wait_for_waiting(&self, count: u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.echo.waiting.acquire_many(count)).unwrap().forget();
    }

    /// Waits until `condition` holds, which is what the server does in its own time.
    #[track_caller]
    pub(super) fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let end = Instant::now() + HANG;
        while !condition() {
            assert!(Instant::now() < end, "it never happened that {what}");
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    pub(super) fn answered(&self) -> usize {
        self.echo.answered.load(Ordering::SeqCst)
    }

    /// A good client gets its answer, now.
    #[track_caller]
    pub(super) fn check_alive(&self) {
        let mut client = self.connect();
        client.send(b"GET /hot/alive HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(client.answer().status, 200);
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.start_drain();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One answer, read the way a strict client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Got {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(super) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

/// A blocking client over anything that reads and writes.
pub(super) struct Client<IO = TcpStream> {
    pub(super) io: IO,
    unread: Vec<u8>,
}

impl Client<TcpStream> {
    pub(super) fn new(io: TcpStream) -> Self {
        io.set_read_timeout(Some(HANG)).unwrap();
        io.set_write_timeout(Some(HANG)).unwrap();
        io.set_nodelay(true).unwrap();
        Self::over(io)
    }
}

impl<IO: Read + Write> Client<IO> {
    pub(super) fn over(io: IO) -> Self {
        Self { io, unread: Vec::new() }
    }

    /// Sends what the server still takes.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let _ = self.io.write_all(bytes).and_then(|()| self.io.flush());
    }

    /// The next answer to a `GET`.
    #[track_caller]
    pub(super) fn answer(&mut self) -> Got {
        self.next_answer(false).expect("an answer, not the end")
    }

    /// The next answer, or `None` at the end. Interim answers are passed over.
    #[track_caller]
    pub(super) fn next_answer(&mut self, to_head: bool) -> Option<Got> {
        loop {
            let Some(end) = find(&self.unread, b"\r\n\r\n") else {
                if self.fill() == 0 {
                    assert!(self.unread.is_empty(), "half an answer: {}", self.unread.escape_ascii());
                    return None;
                }
                continue;
            };
            let head = String::from_utf8(self.unread.drain(..end + 4).collect()).unwrap();
            let mut got = Got { status: status(&head), head, body: Vec::new() };
            if got.status == 100 {
                continue;
            }
            let length = got.header("content-length").map_or(0, |length| length.parse().unwrap());
            let length = if to_head { 0 } else { length };
            while self.unread.len() < length {
                assert_ne!(self.fill(), 0, "half a body");
            }
            got.body = self.unread.drain(..length).collect();
            return Some(got);
        }
    }

    /// All answers until the server closes.
    #[track_caller]
    pub(super) fn answers(&mut self) -> Vec<Got> {
        std::iter::from_fn(|| self.next_answer(false)).collect()
    }

    /// The server closes without another byte.
    #[track_caller]
    pub(super) fn check_closed(&mut self) {
        assert_eq!(self.next_answer(false), None);
    }

    #[track_caller]
    fn fill(&mut self) -> usize {
        let mut bytes = [0; 16 * 1024];
        match self.io.read(&mut bytes) {
            Ok(read) => {
                self.unread.extend_from_slice(&bytes[..read]);
                read
            }
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                panic!("the server hangs after {:?}", self.unread.escape_ascii().to_string());
            }
            Err(_) => 0,
        }
    }
}

#[track_caller]
fn status(head: &str) -> u16 {
    let rest = head.strip_prefix("HTTP/1.1 ").or_else(|| head.strip_prefix("HTTP/1.0 "));
    let code = rest.and_then(|rest| rest.get(..3));
    code.and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status line: {head:?}"))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Longer than any deadline in these tests.
const HANG: Duration = Duration::from_secs(20);
