//! A real server in this process, on free ports, with a held clock, and a plain client for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pixelgate::app::{self, Environment, Running};
use pixelgate::config::{Config, DevOptions};
use pixelgate::domain::time::{Clock, MS_PER_DAY, Rng, Timestamp};
use pixelgate::http::cookie_registry::{COOKIES, Registered};
use pixelgate::service::crypto::SystemRng;
use pixelgate::storage::disk::Disk;
use pixelgate::storage::real_disk::RealDisk;
use pixelgate::storage::{export, reader};

/// A clock that stands still until it is moved.
pub(crate) struct HeldClock(AtomicU64);

impl HeldClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// Noon of a day in 2026.
pub(crate) const START: Timestamp = Timestamp(20_700 * MS_PER_DAY + MS_PER_DAY / 2);

/// One server with its data directory.
pub(crate) struct World {
    running: Option<Running>,
    config: Config,
    /// What the server reads at a reload.
    reread: Arc<Mutex<Config>>,
    pub(crate) clock: Arc<HeldClock>,
    data: tempfile::TempDir,
    disk: Arc<dyn Disk>,
    rng: Arc<dyn Rng>,
}

impl World {
    /// Development mode.
    pub(crate) fn dev() -> Self {
        Self::with(|_| {})
    }

    /// Development mode, changed.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(Arc::new(RealDisk), change)
    }

    /// The same on another disk.
    pub(crate) fn on(disk: Arc<dyn Disk>, change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let mut config = Config::dev(DevOptions {
            listen: Some(any),
            admin_listen: Some(any),
            data_dir: Some(data.path().join("data")),
            workers: Some(2),
            ..DevOptions::default()
        });
        change(&mut config);
        let clock = Arc::new(HeldClock(AtomicU64::new(START.0)));
        let reread = Arc::new(Mutex::new(config.clone()));
        let rng = Arc::new(SystemRng::new());
        let mut world = Self { running: None, config, reread, clock, data, disk, rng };
        world.start();
        world
    }

    /// Development mode, in which nothing is random: two that do the same write the same bytes.
    pub(crate) fn without_chance() -> Self {
        struct Same;
        impl Rng for Same {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(0x55);
            }
        }
        let mut world = Self::dev();
        world.stop();
        world.rng = Arc::new(Same);
        world.data = tempfile::tempdir().expect("a temporary directory");
        world.config.data_dir = world.data_dir();
        world.start();
        world
    }

    fn start(&mut self) {
        let environment =
            Environment { clock: self.clock.clone(), rng: self.rng.clone(), disk: self.disk.clone() };
        let reread = self.reread.clone();
        let reload = Box::new(move || Ok(reread.lock().expect("nobody panicked").clone()));
        let running = app::start(self.config.clone(), environment, reload);
        self.running = Some(running.expect("the server starts"));
    }

    /// Stops the server, as SIGTERM would, and starts it again on the same data.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// Has the server read a changed configuration.
    pub(crate) fn reload(&self, change: impl FnOnce(&mut Config)) {
        change(&mut self.reread.lock().expect("nobody panicked"));
        let reply = self.admin_post("/-/reload", &[("Authorization", "Bearer dev-admin-token")]);
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// Why the server does not start again.
    pub(crate) fn start_refusal(&mut self, change: impl FnOnce(&mut Config)) -> String {
        self.stop();
        let mut config = self.config.clone();
        change(&mut config);
        let environment = Environment {
            clock: self.clock.clone(),
            rng: Arc::new(SystemRng::new()),
            disk: self.disk.clone(),
        };
        let refused = app::start(config, environment, Box::new(|| Err(String::new())));
        refused.err().expect("the server does not start").to_string()
    }

    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().expect("the server stops cleanly");
        }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the server runs")
    }

    pub(crate) fn public(&self) -> SocketAddr {
        self.running().public
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.running().admin
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// A browser's GET on the public listener.
    pub(crate) fn get(&self, target: &str, headers: &[(&str, &str)]) -> Reply {
        self.with_known_cookies(send(self.public(), "GET", target, headers, ""))
    }

    pub(crate) fn post(&self, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        self.with_known_cookies(send(self.public(), "POST", target, headers, body))
    }

    /// No test sees a cookie that is not registered, and so not disclosed either.
    #[track_caller]
    fn with_known_cookies(&self, reply: Reply) -> Reply {
        for line in reply.headers_named("Set-Cookie") {
            let name = line.split('=').next().unwrap_or_default();
            let is_known = |row: &&Registered| row.name_with(&self.config.cookie.name) == name;
            assert!(COOKIES.iter().any(is_known), "the cookie {name} is not registered");
        }
        reply
    }

    pub(crate) fn admin_get(&self, target: &str) -> Reply {
        send(self.admin(), "GET", target, &[], "")
    }

    pub(crate) fn admin_post(&self, target: &str, headers: &[(&str, &str)]) -> Reply {
        send(self.admin(), "POST", target, headers, "")
    }

    /// Everything stored, as `pixelgate export` gives it.
    pub(crate) fn stored(&self) -> Vec<serde_json::Value> {
        stored_in(&self.data_dir())
    }

    /// The bytes of all that the log holds, to compare: what is behind the files' headers. Files that are made ready
    /// ahead of the need hold nothing.
    pub(crate) fn log_bytes(&self) -> Vec<u8> {
        log_bytes_of(&self.data_dir())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

pub(crate) fn stored_in(dir: &Path) -> Vec<serde_json::Value> {
    let rows = reader::read(dir, reader::From::Start).expect("the log can be read");
    rows.map(|row| {
        let mut line = Vec::new();
        export::write_ndjson(&row.expect("a whole row"), &mut line)
            .expect("memory takes all that is written");
        serde_json::from_slice(&line).expect("each line is JSON")
    })
    .collect()
}

#[expect(clippy::disallowed_methods, reason = "the test looks at the bytes themselves")]
fn log_bytes_of(dir: &Path) -> Vec<u8> {
    let mut files: Vec<_> =
        std::fs::read_dir(dir).expect("a data directory").flatten().map(|file| file.path()).collect();
    files.sort();
    let logs = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.flat_map(|path| {
        let bytes = std::fs::read(path).expect("a log file");
        let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        bytes[HEADER_BYTES.min(end)..end].to_vec()
    })
    .collect()
}

const HEADER_BYTES: usize = 1_024;

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    pub(crate) fn headers_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }

    pub(crate) fn outcome(&self) -> &str {
        self.header("Pixelgate-Outcome").unwrap_or("")
    }

    /// `name=value` of the cookie that the answer sets; an empty value is one that it removes.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.headers_named("Set-Cookie").find_map(|line| {
            let pair = line.split(';').next()?;
            pair.strip_prefix(name)?.starts_with('=').then(|| pair.to_owned())
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

/// Sends one request on a connection of its own and reads the whole answer.
pub(crate) fn send(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &(impl AsRef<[u8]> + ?Sized),
) -> Reply {
    send_on(TcpStream::connect(to).expect("the server listens"), method, target, headers, body)
}

/// The same on a connection that is there.
pub(crate) fn send_on(
    stream: TcpStream,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &(impl AsRef<[u8]> + ?Sized),
) -> Reply {
    Pending::send_on(stream, method, target, headers, body).answer()
}

/// A request that was sent.
pub(crate) struct Pending(TcpStream);

impl Pending {
    pub(crate) fn send(
        to: SocketAddr,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &(impl AsRef<[u8]> + ?Sized),
    ) -> Self {
        let stream = TcpStream::connect(to).expect("the server listens");
        Self::send_on(stream, method, target, headers, body)
    }

    fn send_on(
        mut stream: TcpStream,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &(impl AsRef<[u8]> + ?Sized),
    ) -> Self {
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: px.localhost\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = body.as_ref();
        if !body.is_empty() || method == "POST" {
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                text.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
            }
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        let request = [text.as_bytes(), b"\r\n", body].concat();
        stream.write_all(&request).expect("the request is sent");
        Self(stream)
    }

    /// Whether something of the answer is there already.
    pub(crate) fn is_answered(&self) -> bool {
        self.0.set_nonblocking(true).expect("a connection can be told not to wait");
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false).expect("a connection can be told to wait");
        peeked.is_ok()
    }

    /// Waits for the whole answer.
    pub(crate) fn answer(mut self) -> Reply {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("the answer is read");
        parse(&bytes)
    }
}

/// A connection that is kept for many requests, one after the other.
pub(crate) struct Kept(BufReader<TcpStream>);

impl Kept {
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a connection can be told not to wait");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
        Self(BufReader::new(stream))
    }

    pub(crate) fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = format!("GET {target} HTTP/1.1\r\nHost: px.localhost\r\n");
        headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
        self.0.get_mut().write_all(format!("{request}\r\n").as_bytes()).expect("the request is sent");
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let read = self.0.read_until(b'\n', &mut bytes).expect("the answer is read");
            assert!(read > 0, "the connection was closed");
        }
        let mut reply = parse(&bytes);
        let length = reply.header("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
        reply.body.resize(length, 0);
        self.0.read_exact(&mut reply.body).expect("the body is read");
        reply
    }
}

fn parse(bytes: &[u8]) -> Reply {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    let head = std::str::from_utf8(&bytes[..end]).expect("a head is text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Reply { status: status.expect("a status"), headers: headers.collect(), body: bytes[end + 4..].to_vec() }
}
