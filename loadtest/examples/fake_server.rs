//! A server with the command line and the answers of the real one, that tells lies on request.
//!
//! The load tests are tested with it: each lie must be found. Which one it tells depends on the name under which it
//! is started: `honest` (but for power cuts), `syncing` (honest to the end), `losing`, `doubling`, `following`, `forgetting`, `stalling`, `refusing`, `stillborn`.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let lie =
        Path::new(&args[0]).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let at = args.iter().position(|arg| arg == "--data-dir").expect("a data directory is named");
    let rows = PathBuf::from(&args[at + 1]).join("rows");
    if args[1] == "export" {
        return io::copy(&mut File::open(rows)?, &mut io::stdout()).map(drop);
    }
    std::fs::create_dir_all(&args[at + 1])?;
    if lie == "stillborn" && rows.exists() {
        return Err(io::Error::other("there is something in the directory already"));
    }
    let state = Arc::new(Mutex::new(State::open(&rows, lie)?));
    let (public, admin) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    // In one piece: whoever started this may stop reading after the first line.
    let both =
        format!("listening on http://{}\nadmin on http://{}\n", public.local_addr()?, admin.local_addr()?);
    io::stdout().write_all(both.as_bytes())?;
    for stream in public.incoming() {
        let (stream, state) = (stream?, Arc::clone(&state));
        // A client that goes away ends its thread only.
        std::thread::spawn(move || serve(&stream, &state));
    }
    Ok(())
}

struct State {
    lie: String,
    rows: File,
    number: u64,
    events: HashSet<String>,
    opted_out: HashSet<String>,
}

impl State {
    fn open(path: &Path, lie: String) -> io::Result<Self> {
        let rows = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let mut state = Self { lie, rows, number: 0, events: HashSet::new(), opted_out: HashSet::new() };
        for line in BufReader::new(state.rows.try_clone()?).lines() {
            let line = line?;
            state.number += 1;
            let set = if line.contains("opt_out") { &mut state.opted_out } else { &mut state.events };
            set.insert(
                line.split('"').nth(if line.contains("opt_out") { 7 } else { 11 }).unwrap_or_default().into(),
            );
        }
        Ok(state)
    }

    fn answer(&mut self, head: &str) -> io::Result<String> {
        self.number += 1;
        let (number, browser) = (self.number, cookie(head));
        if head.starts_with("GET /optout") {
            return Ok(response(200, "", "<form><input type=\"hidden\" name=\"csrf\" value=\"t\"></form>"));
        }
        if head.starts_with("POST /optout") {
            self.opted_out.insert(browser.to_owned());
            if self.lie != "forgetting" {
                let row =
                    format!("{{\"kind\":\"opt_out\",\"browser_id\":\"{browser}\",\"number\":{number}}}\n");
                self.rows.write_all(row.as_bytes())?;
            }
            return Ok(response(303, "Location: /optout\r\n", ""));
        }
        self.hit(head, browser)
    }

    fn hit(&mut self, head: &str, browser: &str) -> io::Result<String> {
        let (process, number) = (std::process::id(), self.number);
        if self.lie == "stalling" && number == 100 {
            std::thread::sleep(Duration::from_millis(300));
        }
        if self.lie == "refusing" && number.is_multiple_of(2) {
            return Ok(response(503, "Retry-After: 1\r\nPixelgate-Outcome: overloaded\r\n", "GIF"));
        }
        let event =
            head.split("event_id=").nth(1).and_then(|rest| rest.split('&').next()).unwrap_or_default();
        if self.opted_out.contains(browser) && self.lie != "following" {
            return Ok(response(200, "Pixelgate-Outcome: suppressed; reason=opted-out\r\n", "GIF"));
        }
        if !self.events.insert(event.to_owned()) {
            return Ok(response(200, "Pixelgate-Outcome: duplicate; id=1\r\n", "GIF"));
        }
        let mut headers = format!("Pixelgate-Outcome: stored; id={process}-{number}; ack=disk\r\n");
        let mut browser = browser.to_owned();
        if browser.is_empty() {
            browser = format!("{process}b{number}");
            headers.push_str(&format!("Set-Cookie: __Host-Http-pg=v1.{browser}.1.1.mac; Path=/; Secure\r\n"));
        }
        let row = format!(
            "{{\"kind\":\"conversion\",\"id\":\"{process}-{number}\",\"event_id\":\"{event}\",\"browser_id\":\"{browser}\"}}\n"
        );
        let copies = match (self.lie.as_str(), number % 20) {
            ("losing", 0) => 0,
            ("doubling", 0) => 2,
            _ => 1,
        };
        self.rows.write_all(row.repeat(copies).as_bytes())?;
        if self.lie == "syncing" {
            self.rows.sync_data()?;
        }
        Ok(response(200, &headers, "GIF"))
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length =
            head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
        reader.by_ref().take(length).read_to_end(&mut Vec::new())?;
        let answer = lock(state).answer(&head)?;
        let mut stream = stream;
        stream.write_all(answer.as_bytes())?;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cookie(head: &str) -> &str {
    head.split("__Host-Http-pg=v1.").nth(1).and_then(|rest| rest.split('.').next()).unwrap_or_default()
}

fn response(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}
