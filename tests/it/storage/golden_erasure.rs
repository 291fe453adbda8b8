//! Files with erasures in them, pending and done, stay readable.
//!
//! `cargo test --test it write_the_golden_erasures -- --ignored` writes the files again; do that for a new version's
//! directory only.

use std::path::Path;
use std::time::Duration;

use pixelgate::domain::event::EventType;
use pixelgate::domain::opt_out::{Choice, OptOutView};
use pixelgate::storage::disk::Disk;
use pixelgate::storage::log::Appended;
use pixelgate::storage::options::LogOptions;
use pixelgate::storage::real_disk::RealDisk;

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

const PENDING: &[u8] = include_bytes!("../../vectors/log/v1-erasures/pending.log");
const DONE: &[u8] = include_bytes!("../../vectors/log/v1-erasures/done.log");

fn dir() -> &'static Path {
    Path::new("/data")
}

fn file() -> &'static Path {
    Path::new("/data/0000000000000001.log")
}

fn with_file(bytes: &[u8]) -> SimulatedDisk {
    let disk = SimulatedDisk::new(1, Faults::default());
    disk.create(file()).and_then(|file| file.write_at(0, bytes)).expect("a good disk");
    disk
}

/// Two people with a row each, of whom one opts out and is erased.
fn write(erase_within: Duration) -> SimulatedDisk {
    let disk = SimulatedDisk::new(1, Faults::default());
    let options = LogOptions { erase_within, ..small() };
    let (log, _) = open(dir(), &disk.shared(), options).expect("a good disk");
    let row = |number| admit(by(person(number), conversion(EventType::Purchase, number)));
    append_each(&log, [row(1), row(2), opt_out(person(1), Choice::Out), erasure(person(1))]);
    if erase_within.is_zero() {
        assert!(log.erasures().wait(Duration::from_secs(20)));
    }
    log.close().expect("a good disk");
    disk
}

const LONG: Duration = Duration::from_secs(1 << 40);

#[test]
fn erasures_of_version_1_are_read_and_gone_on_with() {
    for (bytes, pending) in [(PENDING, 1), (DONE, 0)] {
        let disk = with_file(bytes);
        assert_eq!(ids(&read_all(dir(), &disk.shared())), [event_id(2)]);
        let options = LogOptions { erase_within: Duration::ZERO, ..small() };
        let (log, recovery) = open(dir(), &disk.shared(), options).expect("a whole log");
        assert_eq!((recovery.pending_erasures, recovery.torn_bytes), (pending, 0));
        assert!(log.erasures().wait(Duration::from_secs(20)));
        let request = log.erasures().latest(1)[0];
        assert_eq!((request.subjects, request.rows), (1, 2));
        assert!(log.opt_outs().is_opted_out(person(1)) && !log.opt_outs().is_opted_out(person(2)));
        let more = admit(by(person(2), conversion(EventType::Purchase, 3)));
        assert!(matches!(append_each(&log, [more])[..], [Ok(Appended::Stored(_))]));
        log.close().expect("a good disk");
        assert_eq!(ids(&read_all(dir(), &disk.shared())), [event_id(2), event_id(3)]);
        assert_eq!(traces(&[person(1)], &disk.all_bytes()), 0);
    }
}

#[test]
fn this_version_writes_erasures_as_it_always_did() {
    assert!(write(LONG).bytes(file()).starts_with(PENDING), "a changed layout needs a new version");
    assert_eq!(
        write(Duration::ZERO).bytes(file())[..DONE.len()],
        *DONE,
        "a changed layout needs a new version"
    );
}

#[test]
#[ignore = "writes the files that the other tests compare with"]
fn write_the_golden_erasures() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/log/v1-erasures");
    RealDisk.create_dir(&target).unwrap();
    for (name, within) in [("pending.log", LONG), ("done.log", Duration::ZERO)] {
        let bytes = write(within).bytes(file());
        let end = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
        let _ = RealDisk.unlink(&target.join(name));
        RealDisk.create(&target.join(name)).and_then(|file| file.write_at(0, &bytes[..end])).unwrap();
    }
}
