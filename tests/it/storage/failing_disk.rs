//! A disk that fails, or is full, makes the log say so; nothing is acknowledged on its word any more.

use std::path::Path;
use std::time::Duration;

use pixelgate::domain::conversion::Conversion;
use pixelgate::domain::event::EventType;
use pixelgate::domain::opt_out::{Choice, OptOutView};
use pixelgate::domain::page::PageAddress;
use pixelgate::storage::durable::AckClass;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{AppendError, Appended, Log};
use pixelgate::storage::options::{Housekeeping, LogOptions};

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

fn dir() -> &'static Path {
    Path::new("/data")
}

/// About 2 KB, so that files fill up soon.
fn long(event: EventType, number: u64) -> Entry {
    let page = format!("https://shop.example/{}", "p".repeat(1_900));
    admit(Conversion { page: PageAddress::reduce(&page), ..conversion(event, number) })
}

fn is_stored(answer: &Result<Appended, AppendError>) -> bool {
    matches!(answer, Ok(Appended::Stored(_)))
}

/// Waits for the log to come back by itself; nobody sends it anything meanwhile.
fn wait_until_ready(log: &Log) {
    while !log.is_ready() {
        std::thread::yield_now();
    }
}

#[test]
fn nothing_is_acknowledged_on_the_word_of_a_failed_sync() {
    let mut failed = 0;
    for seed in 0..400_u64 {
        let faults = Faults { failing_syncs: Some((3 + seed % 40, 1 + seed / 40 % 5)), ..Faults::default() };
        let disk = SimulatedDisk::new(seed, faults);
        let Ok((log, _)) = open(dir(), &disk.shared(), small()) else { continue };
        let mut promised = Vec::new();
        for burst in 0..12 {
            let numbers = [seed << 20 | burst << 4, seed << 20 | burst << 4 | 1];
            let answers = append_together(&log, numbers.map(|number| long(EventType::Purchase, number)));
            for (number, answer) in numbers.into_iter().zip(answers) {
                match answer {
                    Ok(Appended::Stored(durable)) => {
                        assert_eq!(durable.ack(), AckClass::Disk);
                        promised.push(event_id(number));
                    }
                    answer => assert_eq!(answer, Err(AppendError::Unavailable), "seed {seed}"),
                }
            }
        }
        failed += disk.counts().failed_syncs;
        // With nothing kept that was not synced for certain.
        let image = (0..).map(|image| disk.after_power_cut(image, Faults::default())).take(6);
        drop(log);
        for image in image {
            let (again, _) = open(dir(), &image.shared(), small()).expect("a good disk");
            let found = ids(&read_all(dir(), &image.shared()));
            assert!(promised.iter().all(|id| found.contains(id)), "seed {seed}: one is lost");
            assert!(found.is_sorted_by(|one, two| one < two), "seed {seed}: one is there twice");
            drop(again);
        }
    }
    println!("{failed} syncs failed");
    assert!(failed >= 150);
}

#[test]
fn after_a_failed_write_the_group_is_stored_once_in_the_next_file() {
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed, Faults::default());
        let (log, _) = open(dir(), &disk.shared(), small()).expect("an empty directory");
        append_each(&log, [purchase(1)]);
        let next = disk.counts().writes + 1;
        disk.set_faults(Faults { failing_writes: Some((next, 1)), ..Faults::default() });
        let answers = append_together(&log, [purchase(2), page_view(3), opt_out(browser(1), Choice::Out)]);
        assert!(answers.iter().all(is_stored), "{answers:?}");
        assert_eq!(log.metrics().write_failures.get(), 1);
        log.close().expect("a good disk takes everything");
        for _ in 0..2 {
            let mut found = ids(&read_all(dir(), &disk.shared()));
            found.sort_unstable();
            assert_eq!(found, [1, 2, 3].map(event_id), "seed {seed}");
            let (log, recovery) = open(dir(), &disk.shared(), small()).expect("a good disk");
            assert_eq!((recovery.entries, recovery.opt_outs), (4, 1), "seed {seed}");
            log.close().expect("a good disk takes everything");
        }
    }
}

#[test]
fn a_log_whose_disk_takes_nothing_comes_back_by_itself() {
    for housekeeping in [Housekeeping::Inline, Housekeeping::Background] {
        let disk = SimulatedDisk::new(1, Faults::default());
        let (log, _) =
            open(dir(), &disk.shared(), LogOptions { housekeeping, ..small() }).expect("a directory");
        assert!(is_stored(&append_each(&log, [purchase(1)])[0]));
        disk.set_faults(Faults { failing_syncs: Some((0, u64::MAX)), ..Faults::default() });
        let view = append_together(&log, [purchase(2), page_view(3)]);
        assert_eq!(view[0], Err(AppendError::Unavailable));
        assert!(is_stored(&view[1]), "the operating system had it");
        while append_each(&log, [purchase(4)])[0] != Err(AppendError::Unavailable) {}
        assert!(!log.is_ready());
        disk.set_faults(Faults::default());
        wait_until_ready(&log);
        assert!(is_stored(&append_each(&log, [purchase(2)])[0]), "what was refused can come again");
        log.close().expect("a good disk takes everything");
        let found = ids(&read_all(dir(), &disk.shared()));
        for number in [1, 2, 3] {
            let times = found.iter().filter(|id| **id == event_id(number)).count();
            assert_eq!(times, 1, "{number}, {housekeeping:?}: {found:?}");
        }
    }
}

#[test]
fn on_a_full_disk_opt_outs_are_still_stored_and_all_is_well_once_there_is_room() {
    for housekeeping in [Housekeeping::Inline, Housekeeping::Background] {
        let room = Faults { capacity: Some(6 * (16 << 10)), ..Faults::default() };
        let disk = SimulatedDisk::new(1, room);
        let options = LogOptions { housekeeping, retry_after: Duration::from_millis(1), ..small() };
        let (log, _) = open(dir(), &disk.shared(), options.clone()).expect("an empty directory");
        let mut stored = 0;
        while is_stored(&append_each(&log, [long(EventType::Purchase, stored)])[0]) {
            stored += 1;
        }
        assert!(stored >= 20, "only {stored} were stored");
        assert!(!log.is_ready());
        let answers = append_each(&log, (0..150).map(|person| opt_out(browser(person), Choice::Out)));
        assert!(answers.iter().all(is_stored));
        assert_eq!(append_each(&log, [purchase(9_999)])[0], Err(AppendError::Unavailable));
        disk.set_faults(Faults::default());
        wait_until_ready(&log);
        assert!(is_stored(&append_each(&log, [purchase(9_999)])[0]));
        log.close().expect("there is room");
        let (log, recovery) = open(dir(), &disk.shared(), options).expect("there is room");
        assert_eq!((recovery.entries, recovery.opt_outs), (stored + 151, 150));
        assert!(log.opt_outs().is_opted_out(browser(149)));
    }
}
