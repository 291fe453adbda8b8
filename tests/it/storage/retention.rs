//! What is past its time goes, file by file or row by row, and what an opt-out says outlives the file that it was in.

use std::path::Path;
use std::time::Duration;

use pixelgate::domain::conversion::Conversion;
use pixelgate::domain::event::EventType;
use pixelgate::domain::opt_out::{Choice, OptOutView};
use pixelgate::domain::page::PageAddress;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::options::{Housekeeping, LogOptions, Retain};

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

fn dir() -> &'static Path {
    Path::new("/data")
}

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn old_entries_go_and_opt_outs_stay() {
    for housekeeping in [Housekeeping::Inline, Housekeeping::Background] {
        let (disk, clock) = (SimulatedDisk::new(1, Faults::default()), HeldClock::new());
        let options = LogOptions { retain: Retain::all(3 * DAY), housekeeping, ..small() };
        let (log, _) = open_at(dir(), &disk.shared(), options.clone(), clock.clone(), 1).unwrap();
        let changes = [(1, Choice::Out), (2, Choice::Out), (2, Choice::In), (3, Choice::Out)];
        append_each(&log, changes.map(|(person, choice)| opt_out(browser(person), choice)));
        for day in 0..20 {
            let page = format!("https://shop.example/{}", "p".repeat(1_900));
            let long = |number| {
                admit(Conversion {
                    page: PageAddress::reduce(&page),
                    ..conversion(EventType::Purchase, number)
                })
            };
            append_each(&log, (0..8).map(|number| long(day * 100 + number)));
            clock.advance(DAY);
        }
        // A few more rounds of the writer, for the helper to keep up.
        let mut number = 5_000;
        while log.metrics().files_retired.get() < 6 {
            append_each(&log, [page_view(number)]);
            number += 1;
        }
        log.close().unwrap();
        let found = ids(&read_all(dir(), &disk.shared()));
        assert!(!found.contains(&event_id(0)), "the first day is gone");
        assert!((1_700..1_708).all(|number| found.contains(&event_id(number))), "the last days are there");
        let (log, recovery) = open_at(dir(), &disk.shared(), options, clock, 2).unwrap();
        assert_eq!(recovery.opt_outs, 2);
        let out = [1, 2, 3].map(|person| log.opt_outs().is_opted_out(browser(person)));
        assert_eq!(out, [true, false, true]);
    }
}

/// A page view and a purchase of two kilobytes each.
fn day_of(day: u64) -> Vec<Entry> {
    let page = format!("https://shop.example/{}", "p".repeat(1_900));
    let row =
        |event, number| admit(Conversion { page: PageAddress::reduce(&page), ..conversion(event, number) });
    let pairs = (0..4).map(|number| day * 100 + number);
    pairs
        .flat_map(|number| [row(EventType::SiteVisit, number), row(EventType::Purchase, number + 50)])
        .collect()
}

#[test]
fn each_kind_goes_at_its_own_time() {
    for housekeeping in [Housekeeping::Inline, Housekeeping::Background] {
        let (disk, clock) = (SimulatedDisk::new(1, Faults::default()), HeldClock::new());
        let retain = Retain { page_view: Some(3 * DAY), ..Retain::default() };
        let options = LogOptions { retain, housekeeping, ..small() };
        let (log, _) = open_at(dir(), &disk.shared(), options.clone(), clock.clone(), 1).unwrap();
        append_each(&log, [opt_out(browser(1), Choice::Out)]);
        for day in 0..10 {
            append_each(&log, day_of(day));
            clock.advance(DAY);
        }
        let mut number = 5_000;
        while log.metrics().rows_expired.get() < 24 {
            append_each(&log, [purchase(number)]);
            clock.advance(Duration::from_secs(61));
            number += 1;
        }
        log.close().unwrap();
        let found = ids(&read_all(dir(), &disk.shared()));
        let has = |number| found.contains(&event_id(number));
        assert!(!(0..6).any(|day| has(day * 100)), "page views past their time are gone: {found:?}");
        assert!((8..10).all(|day| has(day * 100)), "the last are there");
        assert!((0..10).all(|day| has(day * 100 + 50)), "purchases stay");
        let (log, recovery) = open_at(dir(), &disk.shared(), options, clock, 2).unwrap();
        assert!(recovery.opt_outs == 1 && log.opt_outs().is_opted_out(browser(1)));
    }
}

#[test]
fn a_quiet_log_gives_up_what_is_past_its_time_too() {
    let (disk, clock) = (SimulatedDisk::new(1, Faults::default()), HeldClock::new());
    let retain = Retain { page_view: Some(3 * DAY), conversion: Some(30 * DAY), ..Retain::default() };
    let options = LogOptions { retain, ..small() };
    let (log, _) = open_at(dir(), &disk.shared(), options, clock.clone(), 1).unwrap();
    append_each(&log, [page_view(1), purchase(2)]);
    clock.advance(3 * DAY + DAY / 4);
    append_each(&log, [purchase(3)]);
    assert_eq!(ids(&read_all(dir(), &disk.shared())).len(), 3, "not for every row at once");
    clock.advance(DAY / 4);
    for number in 4..10 {
        append_each(&log, [purchase(number)]);
        clock.advance(Duration::from_secs(61));
    }
    // The writer looks between two rounds.
    let metrics = log.metrics().clone();
    log.close().unwrap();
    assert_eq!(ids(&read_all(dir(), &disk.shared())), (2..10).map(event_id).collect::<Vec<_>>());
    assert_eq!((metrics.rows_expired.get(), metrics.files_rewritten.get()), (1, 1), "and once is enough");
}
