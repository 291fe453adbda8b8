//! The same event is stored once, for as long as the window lasts, and across restarts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pixelgate::domain::conversion::{Conversion, ShortText, Source};
use pixelgate::domain::event::EventType;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{AppendError, Appended, Log};

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

fn dir() -> &'static Path {
    Path::new("/data")
}

fn with_conversion_id(event: EventType, number: u64) -> Entry {
    admit(Conversion { conversion_id: ShortText::parse("order-1"), ..conversion(event, number) })
}

fn same_event(number: u64) -> Entry {
    admit(with_event_id("e-1", conversion(EventType::Purchase, number)))
}

fn open_with(disk: &SimulatedDisk, clock: &Arc<HeldClock>) -> Log {
    open_at(dir(), &disk.shared(), small(), clock.clone(), clock.seed()).expect("a good disk").0
}

#[track_caller]
fn check_duplicate(answer: &Result<Appended, AppendError>, of: u64) {
    assert_eq!(answer, &Ok(Appended::Duplicate { id: event_id(of), source: Source::Pixel }));
}

#[test]
fn the_same_event_is_stored_once_in_48_hours_across_restarts() {
    for same in [same_event as fn(u64) -> Entry, |number| with_conversion_id(EventType::Purchase, number)] {
        let (disk, clock) = (SimulatedDisk::new(1, Faults::default()), HeldClock::new());
        let log = open_with(&disk, &clock);
        assert!(matches!(append_each(&log, [same(1)])[0], Ok(Appended::Stored(_))));
        check_duplicate(&append_each(&log, [same(2)])[0], 1);
        log.close().unwrap();
        clock.advance(Duration::from_secs(48 * 3_600));
        let log = open_with(&disk, &clock);
        check_duplicate(&append_each(&log, [same(3)])[0], 1);
        clock.advance(Duration::from_millis(1));
        assert!(matches!(append_each(&log, [same(4)])[0], Ok(Appended::Stored(_))));
        check_duplicate(&append_each(&log, [same(5)])[0], 4);
        log.close().unwrap();
        assert_eq!(ids(&read_all(dir(), &disk.shared())), [event_id(1), event_id(4)]);
    }
}

#[test]
fn a_duplicate_says_by_which_source_the_first_came_across_restarts() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let order = |number| ShortText::parse(&format!("order-{number}"));
    let bought = |source, number, id| {
        admit(Conversion { source, conversion_id: order(number), ..conversion(EventType::Purchase, id) })
    };
    let (mut log, _) = open(dir(), &disk.shared(), small()).unwrap();
    append_each(&log, [bought(Source::Pixel, 1, 1), bought(Source::Api, 2, 2)]);
    for _ in 0..2 {
        let again = append_each(&log, [bought(Source::Api, 1, 3), bought(Source::Pixel, 2, 4)]);
        let expect = [(1, Source::Pixel), (2, Source::Api)];
        let expect = expect.map(|(id, source)| Ok(Appended::Duplicate { id: event_id(id), source }));
        assert_eq!(again, expect);
        log.close().unwrap();
        (log, _) = open(dir(), &disk.shared(), small()).unwrap();
    }
}

#[test]
fn duplicates_within_one_group_are_seen() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let (log, _) = open(dir(), &disk.shared(), small()).unwrap();
    let answers = append_together(&log, (1..=50).map(same_event));
    assert!(matches!(answers[0], Ok(Appended::Stored(_))));
    answers[1..].iter().for_each(|answer| check_duplicate(answer, 1));
    assert_eq!(log.metrics().duplicates.get(), 49);
}

#[test]
fn an_event_whose_group_failed_is_no_duplicate_when_it_comes_again() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let (log, _) = open(dir(), &disk.shared(), small()).unwrap();
    append_each(&log, [purchase(100)]);
    disk.set_faults(Faults { failing_writes: Some((0, u64::MAX)), ..Faults::default() });
    let answers = append_together(&log, (1..=3).map(same_event));
    assert!(answers.iter().all(|answer| answer == &Err(AppendError::Unavailable)), "{answers:?}");
    disk.set_faults(Faults::default());
    assert!(matches!(append_each(&log, [same_event(4)])[0], Ok(Appended::Stored(_))));
    check_duplicate(&append_each(&log, [same_event(5)])[0], 4);
}

#[test]
fn a_clock_that_goes_back_makes_no_event_new() {
    let (disk, clock) = (SimulatedDisk::new(1, Faults::default()), HeldClock::new());
    let log = open_with(&disk, &clock);
    append_each(&log, [same_event(1)]);
    clock.set_back(Duration::from_secs(100 * 3_600));
    check_duplicate(&append_each(&log, [same_event(2)])[0], 1);
    log.close().unwrap();
    let log = open_with(&disk, &clock);
    check_duplicate(&append_each(&log, [same_event(3)])[0], 1);
    append_each(&log, [purchase(9)]);
    let rows = read_all(dir(), &disk.shared());
    assert!(rows.is_sorted_by_key(|row| row.at), "the log's own time does not go back");
}
