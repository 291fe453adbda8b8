//! A log that an older version wrote stays readable, and is gone on with.
//!
//! `cargo test --test it write_the_golden_log -- --ignored` writes the files again; do that for a new version's
//! directory only.

use std::path::Path;
use std::sync::Arc;

use pixelgate::domain::conversion::{Conversion, Country, Identifiers, ShortText, Source};
use pixelgate::domain::event::EventType;
use pixelgate::domain::id::{HashedDeviceId, HashedEmail, HashedPartnerUserId, HashedPhone, PartnerId};
use pixelgate::domain::money::{Currency, Money};
use pixelgate::domain::opt_out::{Choice, Subject};
use pixelgate::domain::page::PageAddress;
use pixelgate::storage::disk::Disk;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::export::write_ndjson;
use pixelgate::storage::log::Appended;
use pixelgate::storage::real_disk::RealDisk;

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

const LOG: &[u8] = include_bytes!("../../vectors/log/v1/0000000000000001.log");
const LINES: &str = include_str!("../../vectors/log/v1/expected.ndjson");

fn dir() -> &'static Path {
    Path::new("/data")
}

fn file() -> &'static Path {
    Path::new("/data/0000000000000001.log")
}

/// Every kind of entry, every event, every field once there and once not.
fn entries() -> Vec<Entry> {
    let mut entries: Vec<_> =
        EventType::ALL.into_iter().zip(1..).map(|(event, number)| admit(conversion(event, number))).collect();
    let full = Conversion {
        event_id: ShortText::parse("event-1"),
        conversion_id: ShortText::parse("order-1"),
        value: Some(Money::from_micros(12_500_000, Currency::USD)),
        quantity: Some(3),
        identifiers: Identifiers {
            click_id: "abcdefghijklmnopqrstuvwxyz".parse().ok(),
            hashed_email: Some(HashedEmail::from_bytes([2; 32])),
            hashed_phone: Some(HashedPhone::from_bytes([3; 32])),
            ..Identifiers::default()
        },
        page: PageAddress::reduce("https://shop.example/thänks"),
        country: Country::parse("US"),
        restricted_data_use: true,
        origin_ok: false,
        ..conversion(EventType::Purchase, 100)
    };
    entries.push(admit_for_one_device(by(browser(5), full)));
    entries.push(opt_out(browser(6), Choice::Out));
    entries.push(opt_out(browser(7), Choice::Out));
    entries.push(opt_out(browser(7), Choice::In));
    let device = Subject::Device(HashedDeviceId::from_bytes([8; 32]));
    let user = HashedPartnerUserId::from_bytes([9; 32]);
    let user = Subject::PartnerUser(PartnerId::from_number(111), user);
    entries.extend([device, user, email(10), phone(11)].map(|subject| opt_out(subject, Choice::Out)));
    entries
}

fn lines(disk: &SimulatedDisk) -> String {
    let mut text = Vec::new();
    for stored in read_all(dir(), &disk.shared()) {
        write_ndjson(&stored, &mut text).expect("memory takes it");
    }
    String::from_utf8(text).expect("JSON is UTF-8")
}

fn put(disk: &dyn Disk, path: &Path, bytes: &[u8]) {
    disk.create(path).and_then(|file| file.write_at(0, bytes)).expect("a good disk");
}

#[test]
fn a_log_of_version_1_is_read_and_gone_on_with() {
    let disk = SimulatedDisk::new(1, Faults::default());
    put(&disk, file(), LOG);
    assert_eq!(lines(&disk), LINES);
    let (log, recovery) = open(dir(), &disk.shared(), small()).unwrap();
    assert_eq!((recovery.entries, recovery.opt_outs, recovery.torn_bytes), (22, 5, 0));
    let again = admit(with_event_id("event-1", conversion(EventType::Purchase, 101)));
    assert_eq!(
        append_each(&log, [again])[0],
        Ok(Appended::Duplicate { id: event_id(100), source: Source::Pixel })
    );
    append_each(&log, [purchase(102)]);
    log.close().unwrap();
    assert!(lines(&disk).starts_with(LINES));
    assert_eq!(ids(&read_all(dir(), &disk.shared())).last(), Some(&event_id(102)));
}

#[test]
fn this_version_writes_what_it_always_wrote() {
    let disk = SimulatedDisk::new(1, Faults::default());
    write(&disk);
    assert!(disk.bytes(file()).starts_with(LOG), "a changed layout needs a new version");
}

fn write(disk: &SimulatedDisk) {
    let (log, _) = open(dir(), &disk.shared(), small()).expect("a good disk");
    assert!(append_each(&log, entries()).iter().all(Result::is_ok));
    log.close().expect("a good disk");
}

#[test]
#[ignore = "writes the files that the other tests compare with"]
fn write_the_golden_log() {
    let disk = SimulatedDisk::new(1, Faults::default());
    write(&disk);
    let bytes = disk.bytes(file());
    // The last frame may end in zeros.
    let end = bytes.iter().rposition(|&byte| byte != 0).unwrap() + 64;
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/log/v1");
    let real: Arc<dyn Disk> = Arc::new(RealDisk);
    real.create_dir(&target).unwrap();
    for (name, bytes) in
        [("0000000000000001.log", &bytes[..end]), ("expected.ndjson", lines(&disk).as_bytes())]
    {
        let _ = real.unlink(&target.join(name));
        put(&*real, &target.join(name), bytes);
    }
}
