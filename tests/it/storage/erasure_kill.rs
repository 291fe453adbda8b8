//! A server that is killed again and again while it takes a thousand people's rows out of a hundred thousand.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pixelgate::domain::event::EventType;
use pixelgate::domain::id::EventId;
use pixelgate::domain::opt_out::Subject;
use pixelgate::storage::disk::Disk;
use pixelgate::storage::log::Appended;
use pixelgate::storage::options::{Housekeeping, LogOptions};
use pixelgate::storage::real_disk::RealDisk;
use pixelgate::storage::verify::reindex;

use super::support::*;
use crate::world::send;

const PEOPLE: u64 = 100_000;
/// Every hundredth of them is erased.
const ONE_IN: u64 = 100;
const KILLS: usize = 6;
/// There are about ninety.
const FILES_BETWEEN: usize = 5;

/// One row for each of the people, and then the requests, which nobody takes up yet.
fn fill(dir: &Path) {
    let options = LogOptions {
        file_bytes: 128 << 10,
        erase_within: Duration::from_secs(1 << 40),
        queue_entries_max: 1 << 20,
        housekeeping: Housekeeping::Background,
        ..LogOptions::default()
    };
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let (log, _) = open(dir, &disk, options).expect("an empty directory");
    for first in (0..PEOPLE).step_by(2_000) {
        let view = |number| admit(by(person(number), conversion(EventType::SiteVisit, number)));
        let answers = append_together(&log, (first..first + 2_000).map(view));
        assert!(answers.iter().all(|answer| matches!(answer, Ok(Appended::Stored(_)))));
    }
    let answers = append_together(&log, gone().into_iter().map(erasure));
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Appended::Stored(_)))));
    log.close().expect("a good disk");
}

fn gone() -> Vec<Subject> {
    (0..PEOPLE).step_by(ONE_IN as usize).map(person).collect()
}

struct Server {
    child: Child,
    admin: std::net::SocketAddr,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
            .args(["serve", "--dev", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--workers", "1", "--data-dir"])
            .arg(dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        let mut line = String::new();
        let out = child.stdout.take().expect("it was asked for");
        BufReader::new(out).read_line(&mut line).expect("it says what it starts with");
        let listing: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let admin = listing["admin"].as_str().and_then(|url| url.strip_prefix("http://"));
        Self { child, admin: admin.and_then(|address| address.parse().ok()).expect("an address") }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }
}

fn paths(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("a data directory");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

#[expect(clippy::disallowed_methods, reason = "the test looks at the bytes themselves")]
fn bytes(path: &Path) -> Vec<u8> {
    // It may have been renamed since the directory was listed.
    std::fs::read(path).unwrap_or_default()
}

fn rewritten(dir: &Path) -> usize {
    paths(dir).iter().filter(|path| bytes(path).starts_with(b"PXGLOG\0\x02")).count()
}

#[track_caller]
fn check_rest(dir: &Path, rest: &BTreeSet<EventId>, what: &str) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let shown: BTreeSet<EventId> = ids(&read_all(dir, &disk)).into_iter().collect();
    assert!(shown == *rest, "{} rows are shown, {} were to be: {what}", shown.len(), rest.len());
}

#[test]
fn a_thousand_of_a_hundred_thousand_are_erased_whenever_the_server_is_killed() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let dir = data.path().join("data");
    fill(&dir);
    let gone = gone();
    let rest: BTreeSet<EventId> =
        (0..PEOPLE).filter(|number| !number.is_multiple_of(ONE_IN)).map(event_id).collect();
    let all_bytes = |dir: &Path| paths(dir).iter().map(|path| bytes(path)).collect::<Vec<_>>();
    assert!(traces(&gone, &all_bytes(&dir)) >= 2 * gone.len(), "each has a row and a request");
    check_rest(&dir, &rest, "before");
    let mut in_between = 0;
    for kill in 0..KILLS {
        let before = rewritten(&dir);
        let server = Server::start(&dir);
        // In the end there may not be that many left.
        let deadline = Instant::now() + Duration::from_secs(5);
        while rewritten(&dir) <= before + FILES_BETWEEN && Instant::now() < deadline {}
        server.kill();
        let (after, pending) = (rewritten(&dir), reindex(&dir).expect("a log").pending_erasures);
        println!("kill {kill}: {after} files rewritten, {pending} erasures pending");
        in_between += usize::from(pending > 0);
        check_rest(&dir, &rest, &format!("after kill {kill}"));
    }
    assert!(in_between >= 3, "it was killed in between");
    let server = Server::start(&dir);
    let deadline = Instant::now() + Duration::from_secs(120);
    while send(server.admin, "GET", "/readyz", &[], "").json()["erasures"] != "done" {
        assert!(Instant::now() < deadline, "it is not done");
    }
    check_rest(&dir, &rest, "in the end");
    server.kill();
    let found = traces(&gone, &all_bytes(&dir));
    let files = paths(&dir).len();
    println!("{found} traces of {} people in {files} files", gone.len());
    assert_eq!(found, 0);
    check_rest(&dir, &rest, "in the end");
}
