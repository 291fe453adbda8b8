//! The settings of signed-in accounts in the log: what they say holds after a restart, a cut of power, and the file that
//! it was in, and goes with its account.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pixelgate::consent::prefs::AccountPrefsView;
use pixelgate::domain::conversion::Conversion;
use pixelgate::domain::event::EventType;
use pixelgate::domain::opt_out::Subject;
use pixelgate::domain::page::PageAddress;
use pixelgate::storage::durable::AckClass;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{AppendError, Appended, Log};
use pixelgate::storage::options::{AckClasses, Housekeeping, LogOptions, Retain};
use pixelgate::storage::reader::Row;

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

fn dir() -> &'static Path {
    Path::new("/data")
}

const DAY: Duration = Duration::from_secs(86_400);

/// Of the accounts 1, 2, …, as the cookie would have them.
fn known<const N: usize>(log: &Log) -> [String; N] {
    std::array::from_fn(|at| log.account_settings().prefs_of(account(at as u8 + 1)).to_string())
}

#[track_caller]
fn store(log: &Log, entries: impl IntoIterator<Item = Entry>) {
    for answer in append_each(log, entries) {
        let Ok(Appended::Stored(durable)) = answer else { panic!("not stored: {answer:?}") };
        assert_eq!(durable.ack(), AckClass::Disk);
    }
}

/// A row of two kilobytes.
fn filler(number: u64) -> Entry {
    let page = format!("https://shop.example/{}", "p".repeat(1_900));
    admit(Conversion { page: PageAddress::reduce(&page), ..conversion(EventType::Purchase, number) })
}

#[test]
fn the_last_settings_hold_and_a_restart_knows_them() {
    let disk = SimulatedDisk::new(1, Faults::default());
    // However low everything else is.
    let all = AckClass::Memory;
    let ack = AckClasses { page_view: all, conversion: all, matches: all, touch: all };
    let options = || LogOptions { ack, ..small() };
    let (log, _) = open(dir(), &disk.shared(), options()).expect("an empty directory");
    assert!(log.account_settings().is_empty());
    store(&log, [settings(1, "1000"), settings(2, "0100"), settings(3, "0011")]);
    store(&log, [settings(1, "0001"), settings(2, "0000")]);
    let expect = ["0001", "0000", "0011", "0000"].map(str::to_owned);
    assert_eq!(known::<4>(&log), expect);
    log.close().expect("a good disk");
    let (log, recovery) = open(dir(), &disk.shared(), options()).expect("it was closed");
    assert_eq!((known::<4>(&log), recovery.account_settings, recovery.entries), (expect, 2, 5));
    assert_eq!(log.metrics().account_settings.get(), 2);
}

#[test]
fn what_is_off_is_off_before_the_write_and_what_is_on_waits_for_the_disk() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let (log, _) = open(dir(), &disk.shared(), small()).expect("an empty directory");
    store(&log, [settings(1, "1000"), settings(2, "1100")]);
    disk.set_faults(Faults { failing_writes: Some((0, u64::MAX)), ..Faults::default() });
    let answers = append_each(&log, [settings(1, "0100"), settings(2, "0000"), settings(3, "0001")]);
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert_eq!(known::<3>(&log), ["1100", "1100", "0001"]);
    disk.set_faults(Faults::default());
    // The last of each in one group counts, whatever was before it.
    let group = [(1, "1111"), (1, "0000"), (2, "0000"), (2, "0010"), (3, "0000")];
    let answers = append_together(&log, group.map(|(number, bits)| settings(number, bits)));
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(known::<3>(&log), ["0000", "0010", "0000"]);
    assert_eq!(log.account_settings().len(), 1);
}

#[test]
fn on_a_full_disk_settings_are_still_stored() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let (log, _) = open(dir(), &disk.shared(), small()).expect("an empty directory");
    disk.set_faults(Faults { capacity: Some(0), ..Faults::default() });
    let full = (0..100).find(|&number| append_each(&log, [filler(number)])[0].is_err());
    assert!(full.is_some());
    store(&log, [settings(1, "1000")]);
    log.close().expect("what was acknowledged is there");
    disk.set_faults(Faults::default());
    let (log, _) = open(dir(), &disk.shared(), small()).expect("it was closed");
    assert_eq!(known::<1>(&log), ["1000"]);
}

#[test]
fn an_erasure_takes_an_accounts_settings_out_of_memory_and_of_every_file() {
    for housekeeping in [Housekeeping::Inline, Housekeeping::Background] {
        let disk = SimulatedDisk::new(1, Faults::default());
        let options = || LogOptions { erase_within: Duration::ZERO, housekeeping, ..small() };
        let (log, _) = open(dir(), &disk.shared(), options()).expect("an empty directory");
        let gone = [1, 3].map(|number| Subject::SignedIn(account(number)));
        store(&log, [settings(1, "1000"), settings(2, "0100"), settings(3, "0010"), settings(1, "1001")]);
        assert!(traces(&gone, &disk.all_bytes()) >= 3);
        // In one group, in their order: the first account comes back as somebody new.
        let answers = append_together(
            &log,
            [erasure(gone[0]), settings(1, "0001"), settings(3, "1111"), erasure(gone[1])],
        );
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let expect = ["0001", "0100", "0000"].map(str::to_owned);
        assert_eq!(known::<3>(&log), expect);
        assert!(log.erasures().wait(Duration::from_secs(20)), "{:?}", log.erasures().failure());
        assert_eq!(traces(&gone[1..], &disk.all_bytes()), 0);
        assert_eq!(traces(&gone[..1], &disk.all_bytes()), 1, "what came later is new");
        log.close().expect("a good disk");
        let rows = read_all(dir(), &disk.shared());
        assert!(rows.len() == 2 && rows.iter().all(|stored| matches!(stored.row, Row::Settings(_))));
        let (log, recovery) = open(dir(), &disk.shared(), options()).expect("it was closed");
        assert_eq!((known::<3>(&log), recovery.account_settings), (expect, 2));
    }
}

#[test]
fn erased_settings_are_shown_to_nobody_while_they_are_still_in_a_file() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let options = || LogOptions { erase_within: Duration::from_secs(1 << 40), ..small() };
    let (log, _) = open(dir(), &disk.shared(), options()).expect("an empty directory");
    store(&log, [settings(1, "1000"), settings(2, "0100"), erasure(Subject::SignedIn(account(1)))]);
    assert_eq!(read_all(dir(), &disk.shared()).len(), 1);
    log.close().expect("a good disk");
    let (log, recovery) = open(dir(), &disk.shared(), options()).expect("it was closed");
    assert_eq!((known::<2>(&log), recovery.pending_erasures), (["0000", "0100"].map(str::to_owned), 1));
}

#[test]
fn settings_outlive_the_file_that_they_were_in() {
    for housekeeping in [Housekeeping::Inline, Housekeeping::Background] {
        let (disk, clock) = (SimulatedDisk::new(1, Faults::default()), HeldClock::new());
        let options = LogOptions { retain: Retain::all(3 * DAY), housekeeping, ..small() };
        let (log, _) = open_at(dir(), &disk.shared(), options.clone(), clock.clone(), 1).expect("a log");
        store(&log, [settings(1, "1000"), settings(2, "0100"), settings(3, "0010"), settings(4, "0001")]);
        store(&log, [settings(2, "0000"), settings(3, "0110")]);
        for day in 0..20 {
            append_each(&log, (0..8).map(|number| filler(day * 100 + number)));
            if day == 2 {
                // In a later file than what it changes.
                store(&log, [settings(1, "0011"), erasure(Subject::SignedIn(account(4)))]);
            }
            clock.advance(DAY);
        }
        let mut number = 5_000;
        while log.metrics().files_retired.get() < 6 {
            append_each(&log, [page_view(number)]);
            number += 1;
        }
        let expect = ["0011", "0000", "0110", "0000"].map(str::to_owned);
        assert_eq!(known::<4>(&log), expect);
        log.close().expect("a good disk");
        let (log, recovery) = open_at(dir(), &disk.shared(), options, clock, 2).expect("it was closed");
        assert_eq!((known::<4>(&log), recovery.account_settings), (expect, 2));
    }
}

/// What was asked for each account.
#[derive(Default)]
struct Told {
    /// As it was acknowledged last; then what was not.
    last: BTreeMap<u8, (String, Vec<String>)>,
    answers: u64,
    retired: u64,
}

impl Told {
    fn note(&mut self, number: u8, bits: String, answer: &Result<Appended, AppendError>) {
        self.answers += 1;
        let (last, since) = self.last.entry(number).or_insert_with(|| ("0000".to_owned(), Vec::new()));
        match answer {
            Ok(_) => (*last, *since) = (bits, Vec::new()),
            Err(_) => since.push(bits),
        }
    }

    #[track_caller]
    fn check(&self, log: &Log, what: &str) {
        for (number, (last, since)) in &self.last {
            let found = log.account_settings().prefs_of(account(*number)).to_string();
            let may_be = found == *last || since.contains(&found);
            assert!(may_be, "account {number} has {found} and not {last} or one of {since:?}: {what}");
        }
    }
}

const RETAIN: Duration = Duration::from_secs(3_600);

fn options() -> LogOptions {
    let (retain, erase_within) = (Retain::all(RETAIN), Duration::from_secs(600));
    LogOptions { retain, erase_within, dedup_window: RETAIN / 2, ..small() }
}

/// Settings of four accounts among rows, with erasures, and with time going by, until the end or until the power goes.
fn run(disk: &SimulatedDisk, clock: &Arc<HeldClock>, seed: u64) -> Told {
    let (rng, mut told) = (Seeded::new(seed), Told::default());
    let opened = open_at(dir(), &disk.shared(), options(), clock.clone(), seed);
    let Ok((log, _)) = opened else { return told };
    for burst in 0..16 {
        let numbers: Vec<u8> = (0..1 + rng.below(4)).map(|_| 1 + rng.below(4) as u8).collect();
        let (entries, asked): (Vec<_>, Vec<_>) = numbers
            .into_iter()
            .map(|number| match rng.below(8) {
                0 => (erasure(Subject::SignedIn(account(number))), (number, "0000".to_owned())),
                _ => {
                    let bits = format!("{:04b}", rng.below(16));
                    (settings(number, &bits), (number, bits))
                }
            })
            .unzip();
        let rows = (0..4).map(|number| filler(seed << 32 | burst << 8 | number));
        append_together(&log, rows);
        for (answer, (number, bits)) in append_together(&log, entries).iter().zip(asked) {
            told.note(number, bits, answer);
        }
        if disk.is_off() {
            break;
        }
        told.check(&log, "while it runs");
        clock.advance(Duration::from_secs(rng.below(1_500)));
    }
    told.retired = log.metrics().files_retired.get();
    let closed = log.close();
    assert!(closed.is_ok() || disk.is_off());
    told
}

#[test]
fn settings_that_were_acknowledged_survive_a_cut_of_power_at_any_moment() {
    let (mut images, mut answers, mut retired) = (0, 0, 0);
    for seed in 1..9 {
        let disk = SimulatedDisk::new(seed, Faults::default());
        run(&disk, &HeldClock::new(), seed);
        for cut in 1..=disk.counts().operations {
            let clock = HeldClock::new();
            let disk = SimulatedDisk::new(seed, Faults { power_off_at: Some(cut), ..Faults::default() });
            let told = run(&disk, &clock, seed);
            (answers, retired) = (answers + told.answers, retired + told.retired);
            for variant in 0..3 {
                let what = format!("seed {seed}, power off at {cut}, variant {variant}");
                let image = match variant {
                    2 => disk.after_kill(Faults::default()),
                    _ => disk.after_power_cut(seed << 20 | cut << 4 | variant, Faults::default()),
                };
                let opened = open_at(dir(), &image.shared(), options(), clock.clone(), seed ^ 0x5555);
                let (log, _) = opened.unwrap_or_else(|error| panic!("it does not open: {error:?}: {what}"));
                told.check(&log, &what);
                store(&log, [settings(9, "1010")]);
                log.close().expect("a good disk");
                images += 1;
            }
        }
    }
    println!("{images} crash images, {answers} answers, {retired} files retired");
    assert!(images > 3_000 && answers > 10_000 && retired > 100);
}
