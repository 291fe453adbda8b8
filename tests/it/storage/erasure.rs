//! What somebody had erased is gone from every file; what is anybody else's is there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pixelgate::domain::conversion::Conversion;
use pixelgate::domain::erasure::{Erasure, ErasureId};
use pixelgate::domain::event::EventType;
use pixelgate::domain::id::EventId;
use pixelgate::domain::opt_out::{Choice, OptOutView, Subject};
use pixelgate::domain::page::PageAddress;
use pixelgate::domain::time::Timestamp;
use pixelgate::storage::disk::Disk;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{Appended, Log};
use pixelgate::storage::options::{Housekeeping, LogOptions};
use pixelgate::storage::reader::newest_first_on;
use pixelgate::storage::verify::verify_on;

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

fn dir() -> &'static Path {
    Path::new("/data")
}

/// Erasures are done as soon as they are on the disk.
fn at_once() -> LogOptions {
    LogOptions { erase_within: Duration::ZERO, ..small() }
}

/// Rows are in the log, and nobody comes to take them out.
fn never() -> LogOptions {
    LogOptions { erase_within: Duration::from_secs(1 << 40), ..small() }
}

/// A row of half a kilobyte.
fn row(subject: Subject, number: u64) -> Entry {
    let page = format!("https://shop.example/{}", "p".repeat(450));
    let event = if number.is_multiple_of(2) { EventType::Purchase } else { EventType::SiteVisit };
    admit(by(subject, Conversion { page: PageAddress::reduce(&page), ..conversion(event, number) }))
}

fn opened(disk: &SimulatedDisk, options: LogOptions) -> Log {
    open(dir(), &disk.shared(), options).expect("a whole log").0
}

#[track_caller]
fn erase(log: &Log, subjects: &[Subject]) {
    let answers = append_each(log, subjects.iter().copied().map(erasure));
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Appended::Stored(_)))), "{answers:?}");
}

#[track_caller]
fn stored_ids(disk: &SimulatedDisk) -> BTreeSet<EventId> {
    ids(&read_all(dir(), &disk.shared())).into_iter().collect()
}

#[test]
fn what_was_erased_is_gone_from_every_file_and_the_rest_is_there() {
    for housekeeping in [Housekeeping::Inline, Housekeeping::Background] {
        let disk = SimulatedDisk::new(1, Faults::default());
        let log = opened(&disk, LogOptions { housekeeping, ..at_once() });
        append_each(&log, (0..600).map(|number| row(person(number % 60), number)));
        let gone: Vec<Subject> = (0..60).filter(|number| number % 7 == 0).map(person).collect();
        assert!(traces(&gone, &disk.all_bytes()) >= 90);
        erase(&log, &gone);
        assert!(log.erasures().wait(Duration::from_secs(20)), "{:?}", log.erasures().failure());
        let request = log.erasures().latest(10)[0];
        assert_eq!((request.subjects, request.pending, request.rows), (9, 0, 90));
        assert!(request.erased_at.is_some());
        assert_eq!(traces(&gone, &disk.all_bytes()), 0);
        let rest: BTreeSet<_> = (0..600).filter(|number| (number % 60) % 7 != 0).map(event_id).collect();
        assert_eq!(stored_ids(&disk), rest);
        let verified = verify_on(&disk, dir()).expect("a log");
        assert!(verified.is_whole() && verified.files.iter().any(|file| file.is_rewritten), "{verified:?}");
        // All of this outlasts a restart, and the person may come back as somebody new.
        append_each(&log, [row(gone[0], 1_000)]);
        log.close().expect("a good disk");
        let (log, recovery) = open(dir(), &disk.shared(), at_once()).expect("it was closed");
        assert_eq!((recovery.pending_erasures, recovery.torn_bytes, recovery.lost_bytes), (0, 0, 0));
        let again = log.erasures().latest(10)[0];
        assert_eq!((again.subjects, again.pending, again.rows), (9, 0, 90));
        log.close().expect("a good disk");
        assert_eq!(stored_ids(&disk), rest.into_iter().chain([event_id(1_000)]).collect());
    }
}

#[test]
fn nobody_is_shown_what_is_still_to_be_erased() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, never());
    append_each(&log, (0..40).map(|number| row(person(number % 4), number)));
    append_each(&log, [opt_out(person(1), Choice::Out)]);
    erase(&log, &[person(1), person(2)]);
    append_each(&log, [row(person(2), 100)]);
    let shown: BTreeSet<_> =
        (0..40).filter(|number| !(1..3).contains(&(number % 4))).chain([100]).map(event_id).collect();
    assert_eq!(stored_ids(&disk), shown);
    assert!(traces(&[person(1), person(2)], &disk.all_bytes()) > 20, "it is still there");
    assert_eq!(read_all(dir(), &disk.shared()).len(), shown.len(), "the opt-out names the person too");
    log.close().expect("a good disk");
    let (log, recovery) = open(dir(), &disk.shared(), at_once()).expect("it was closed");
    assert_eq!(recovery.pending_erasures, 2);
    assert!(log.erasures().wait(Duration::from_secs(20)));
    assert_eq!(traces(&[person(1)], &disk.all_bytes()), 0);
    assert_eq!(traces(&[person(2)], &disk.all_bytes()), 1, "what came later is new");
    assert_eq!(stored_ids(&disk), shown);
}

#[test]
fn an_opt_out_holds_after_its_subject_was_erased() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let mut log = opened(&disk, at_once());
    append_each(&log, [row(person(1), 1), opt_out(person(1), Choice::Out), opt_out(person(2), Choice::Out)]);
    erase(&log, &[person(1), person(3)]);
    for restart in 0..3 {
        assert!(log.erasures().wait(Duration::from_secs(20)));
        assert_eq!(traces(&[person(1)], &disk.all_bytes()), 0, "restart {restart}");
        let out = [1, 2, 3].map(|number| log.opt_outs().is_opted_out(person(number)));
        assert_eq!(out, [true, true, false], "restart {restart}");
        assert_eq!(append_each(&log, [row(person(1), 2)]), [Ok(Appended::OptedOut)]);
        assert!(read_all(dir(), &disk.shared()).iter().all(|stored| stored.row.kind().only_removes()));
        log.close().expect("a good disk");
        log = opened(&disk, at_once());
    }
    // It can be taken back, by whoever has the identifier.
    append_each(&log, [opt_out(person(1), Choice::In)]);
    assert!(!log.opt_outs().is_opted_out(person(1)));
    assert!(matches!(append_each(&log, [row(person(1), 3)])[..], [Ok(Appended::Stored(_))]));
    log.close().expect("a good disk");
    let (log, recovery) = open(dir(), &disk.shared(), at_once()).expect("it was closed");
    assert_eq!(recovery.opt_outs, 1);
    assert!(!log.opt_outs().is_opted_out(person(1)));
}

#[test]
fn an_erasure_and_a_choice_in_one_group_count_in_their_order() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let mut log = opened(&disk, at_once());
    append_each(&log, (1..6).map(|number| opt_out(person(number), Choice::Out)));
    append_together(
        &log,
        [
            erasure(person(1)),
            opt_out(person(1), Choice::In),
            opt_out(person(2), Choice::In),
            erasure(person(2)),
            erasure(person(3)),
            opt_out(person(3), Choice::In),
            opt_out(person(3), Choice::Out),
            erasure(person(4)),
            erasure(person(4)),
            opt_out(person(6), Choice::Out),
            erasure(person(6)),
        ],
    );
    for _ in 0..2 {
        assert!(log.erasures().wait(Duration::from_secs(20)));
        let out = [1, 2, 3, 4, 5, 6].map(|number| log.opt_outs().is_opted_out(person(number)));
        assert_eq!(out, [false, false, true, true, true, true]);
        log.close().expect("a good disk");
        log = opened(&disk, at_once());
    }
}

#[test]
fn a_hit_from_before_an_erasure_that_comes_to_the_log_behind_it_is_not_stored() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, at_once());
    let at =
        |at_ms: u64, number| Conversion { at: Timestamp(at_ms), ..conversion(EventType::Purchase, number) };
    let erased = Erasure { id: ErasureId::new(7, [2; 10]), subject: person(1), at: Timestamp(1_000) };
    append_each(&log, [Entry::Erasure(erased)]);
    let rows = [(999, 1), (1_000, 1), (999, 2)].into_iter().zip(1..);
    let answers =
        append_each(&log, rows.map(|((at_ms, who), number)| admit(by(person(who), at(at_ms, number)))));
    assert_eq!(answers[0], Ok(Appended::OptedOut));
    assert_eq!(stored_ids(&disk), [event_id(2), event_id(3)].into());
}

#[test]
fn every_identifier_of_a_row_can_be_the_one_that_is_erased() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, at_once());
    let all = |number: u8| {
        let draft = conversion(EventType::Purchase, u64::from(number));
        admit(by(person(u64::from(number)), by(email(number), by(phone(number), draft))))
    };
    append_each(&log, (101..105).map(all));
    let subjects = [person(101), email(102), phone(103)];
    erase(&log, &subjects);
    assert!(log.erasures().wait(Duration::from_secs(20)));
    assert_eq!(stored_ids(&disk), [event_id(104)].into());
    assert_eq!(traces(&[subjects[0], email(101), phone(102), person(103)], &disk.all_bytes()), 0);
}

#[test]
fn every_kind_of_row_is_erased_and_read_from_either_end() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, never());
    let rows = (0..60).map(|number| match (person(number % 3), number % 2) {
        (Subject::Browser(browser), 1) => embed_view(browser, number),
        (subject, _) => row(subject, number),
    });
    append_each(&log, rows);
    erase(&log, &[person(1)]);
    append_each(&log, (60..90).map(|number| row(person(number % 3), number)));
    let shown = || {
        let files = newest_first_on(disk.shared(), dir()).expect("a log");
        let rows =
            files.map(|file| file.map(|row| row.expect("no damage").row.event_id().expect("an event")));
        rows.map(Iterator::collect).collect::<Vec<Vec<_>>>()
    };
    let before = shown();
    assert!(before.len() > 1);
    let expect = (0..90).filter(|number| *number >= 60 || number % 3 != 1).map(event_id).collect::<Vec<_>>();
    assert_eq!(before.into_iter().rev().flatten().collect::<Vec<_>>(), expect);
    log.close().expect("a good disk");
    let log = opened(&disk, at_once());
    assert!(log.erasures().wait(Duration::from_secs(20)));
    assert_eq!(shown().into_iter().rev().flatten().collect::<Vec<_>>(), expect);
    assert_eq!(traces(&[person(1)], &disk.all_bytes()), 10);
}

#[test]
fn rows_are_taken_out_while_others_come_in() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, LogOptions { housekeeping: Housekeeping::Background, ..at_once() });
    let gone: Vec<Subject> = (0..50).map(person).collect();
    std::thread::scope(|scope| {
        let log = &log;
        for worker in 0..3_u64 {
            scope.spawn(move || {
                let numbers = (worker * 10_000)..(worker * 10_000 + 1_500);
                append_each(log, numbers.map(|number| row(person(1_000 + number % 90), number)));
            });
        }
        let gone = &gone;
        scope.spawn(move || {
            for (number, subject) in gone.iter().enumerate() {
                append_each(log, [row(*subject, 100_000 + number as u64)]);
                erase(log, &[*subject]);
            }
        });
    });
    assert!(log.erasures().wait(Duration::from_secs(60)));
    assert_eq!(traces(&gone, &disk.all_bytes()), 0);
    log.close().expect("a good disk");
    let rest = (0..3_u64).flat_map(|worker| (worker * 10_000)..(worker * 10_000 + 1_500)).map(event_id);
    assert_eq!(stored_ids(&disk), rest.collect());
}

#[test]
fn without_room_it_is_tried_again_until_there_is_some() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, at_once());
    append_each(&log, (0..100).map(|number| row(person(number % 5), number)));
    let used: usize = disk.all_bytes().iter().map(Vec::len).sum();
    disk.set_faults(Faults { capacity: Some(used as u64 + 100), ..Faults::default() });
    erase(&log, &[person(1)]);
    assert!(!log.erasures().wait(Duration::from_secs(20)), "there is no room for a copy");
    assert!(log.erasures().failure().is_some() && log.metrics().rewrite_failures.get() > 0);
    assert!(!stored_ids(&disk).contains(&event_id(1)), "it is not shown all the same");
    disk.set_faults(Faults::default());
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while log.erasures().pending().0 > 0 {
        assert!(std::time::Instant::now() < deadline, "{:?}", log.erasures().failure());
        append_each(&log, [row(person(2), 0)]);
    }
    assert_eq!(traces(&[person(1)], &disk.all_bytes()), 0);
}

#[test]
fn what_a_failed_write_left_behind_is_gone_too() {
    let mut left = 0;
    for seed in 0..40 {
        let disk = SimulatedDisk::new(seed, Faults::default());
        let log = opened(&disk, never());
        append_each(&log, (0..10).map(|number| row(person(2), number)));
        let writes = disk.counts().writes;
        disk.set_faults(Faults { failing_writes: Some((writes + 1, 1)), ..Faults::default() });
        append_each(&log, [row(person(1), 100), row(person(2), 101)]);
        left += usize::from(traces(&[person(1)], &disk.all_bytes()) > 1);
        erase(&log, &[person(1)]);
        log.close().expect("the disk is good again");
        let log = opened(&disk, at_once());
        assert!(log.erasures().wait(Duration::from_secs(20)), "{:?}", log.erasures().failure());
        assert_eq!(traces(&[person(1)], &disk.all_bytes()), 0, "seed {seed}");
        assert_eq!(stored_ids(&disk), (0..10).chain([101]).map(event_id).collect(), "seed {seed}");
    }
    assert!(left > 5, "some failed writes left something behind");
}

#[test]
fn damage_is_not_covered_up() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, never());
    append_each(&log, (0..100).map(|number| row(person(number % 5), number)));
    erase(&log, &[person(1)]);
    log.close().expect("a good disk");
    let log = opened(&disk, at_once());
    assert!(log.erasures().wait(Duration::from_secs(20)));
    log.close().expect("a good disk");
    let rewritten = verify_on(&disk, dir()).expect("a log").files[0].clone();
    assert!(rewritten.is_rewritten);
    let path = dir().join(&rewritten.name);
    let whole = disk.bytes(&path);
    // Every byte of it was on the disk, so no missing or changed one is a cut of power.
    for cut in (1_500..rewritten.bytes as usize).step_by(97) {
        let image = disk.copy();
        image.damage(&path, |bytes| bytes.truncate(cut));
        assert!(!verify_on(&image, dir()).expect("a log").is_whole(), "cut at {cut}");
        assert!(open(dir(), &image.shared(), at_once()).is_err(), "cut at {cut}");
    }
    assert_eq!(disk.bytes(&path), whole);
    let disk: Arc<dyn Disk> = disk.shared();
    assert!(open(dir(), &disk, at_once()).is_ok());
}
