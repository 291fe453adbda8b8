//! What is counted for reports is what a reader of the log finds, whatever has happened since the last count.

use std::path::Path;
use std::time::{Duration, Instant};

use pixelgate::domain::conversion::{Conversion, Source};
use pixelgate::domain::event::EventType;
use pixelgate::domain::money::{Currency, Money};
use pixelgate::domain::opt_out::Subject;
use pixelgate::domain::page::PageAddress;
use pixelgate::domain::time::{MS_PER_DAY, MS_PER_HOUR, Timestamp};
use pixelgate::domain::touch::{Touch, TouchKind};
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::Log;
use pixelgate::storage::options::{LogOptions, Retain};
use pixelgate::storage::tally::{self, Tallies};
use pixelgate::storage::tally_book::TallyBook;

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

fn dir() -> &'static Path {
    Path::new("/data")
}

/// As it is counted at once, from nothing.
fn counted_at_once(disk: &SimulatedDisk) -> Tallies {
    let mut tallies = Tallies::new();
    read_all(dir(), &disk.shared()).iter().for_each(|stored| tally::count(&mut tallies, stored));
    tallies
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[track_caller]
fn check(book: &mut TallyBook, disk: &SimulatedDisk, what: &str) {
    assert_eq!(book.catch_up(far()).expect("a log"), 0, "{what}");
    assert!(!book.is_damaged(), "{what}");
    let (kept, at_once) = (book.sum(|_| true), counted_at_once(disk));
    assert_eq!(kept.len(), at_once.len(), "{what}");
    for (key, tally) in kept {
        assert_eq!(Some(&tally), at_once.get(&key), "{what}: {key:?}");
    }
}

fn book(disk: &SimulatedDisk, log: &Log) -> TallyBook {
    TallyBook::new(disk.shared(), dir().to_owned(), log.erasures())
}

/// A conversion by one of 20 people, with some of what there is to count.
fn draft(seeded: &Seeded, number: u64) -> Conversion {
    let event = [EventType::Purchase, EventType::SiteVisit, EventType::SignUp][seeded.below(3) as usize];
    let currency = if seeded.one_in(4) { Currency::parse("EUR").expect("a code") } else { Currency::USD };
    let page = format!("https://shop.example/{}", "p".repeat(seeded.below(500) as usize));
    let draft = Conversion {
        event,
        source: if seeded.one_in(3) { Source::Api } else { Source::Pixel },
        at: Timestamp(1_795_316_645_678 - seeded.below(50) * MS_PER_HOUR),
        value: seeded.one_in(2).then(|| Money::from_micros(seeded.below(1 << 40) as i64, currency)),
        quantity: seeded.one_in(2).then(|| seeded.below(9) as u32),
        page: PageAddress::reduce(&page),
        origin_ok: !seeded.one_in(5),
        ..creditable(number)
    };
    let draft = if seeded.one_in(5) { by(email(seeded.below(20) as u8), draft) } else { draft };
    if seeded.one_in(6) { draft } else { by(person(seeded.below(20)), draft) }
}

fn entry(seeded: &Seeded, number: u64) -> Entry {
    match seeded.below(40) {
        0 => erasure(person(seeded.below(20))),
        1 => erasure(email(seeded.below(20) as u8)),
        2..8 => {
            let Subject::Browser(browser_id) = person(seeded.below(20)) else { unreachable!("a browser") };
            let kind = TouchKind::ALL[seeded.below(2) as usize];
            let at = Timestamp(1_795_316_645_678 - seeded.below(70) * MS_PER_HOUR);
            admit_touch(Touch { at, browser_id: Some(browser_id), ..touch(kind, number) })
        }
        _ => admit(draft(seeded, number)),
    }
}

#[test]
fn reports_count_what_the_log_has_whatever_was_erased_or_written_again_since() {
    for seed in 0..16 {
        let (seeded, disk, clock) =
            (Seeded::new(seed), SimulatedDisk::new(seed, Faults::default()), HeldClock::new());
        // In some of the histories erasures stay pending for long, in others they are done at once.
        let within = if seed % 2 == 0 { Duration::ZERO } else { Duration::from_secs(3 * 86_400) };
        let retain = Retain {
            conversion: (seed % 3 == 0).then(|| Duration::from_millis(4 * MS_PER_DAY)),
            ..Retain::default()
        };
        let options = LogOptions { erase_within: within, retain, ..small() };
        let open = |seed| {
            open_at(dir(), &disk.shared(), options.clone(), clock.clone(), seed).expect("a whole log").0
        };
        let mut log = open(seed);
        let mut kept = book(&disk, &log);
        let mut credited = 0;
        for step in 0..20 {
            let count = seeded.below(60);
            append_each(&log, (0..count).map(|at| entry(&seeded, (step << 20) + at)));
            clock.advance(Duration::from_secs(seeded.below(6) * 3_600));
            if within.is_zero() && seeded.one_in(2) {
                log.erasures().wait(Duration::from_secs(20));
            }
            if seeded.one_in(10) {
                log.close().expect("a good disk");
                log = open(seed + step + 1);
                kept = book(&disk, &log);
            }
            check(&mut kept, &disk, &format!("seed {seed}, step {step}"));
            credited += kept.sum(|key| key.credit.is_some()).values().map(|tally| tally.rows).sum::<u64>();
        }
        assert!(credited > 0, "seed {seed}");
        // And it is the same as when nothing was known before.
        check(&mut book(&disk, &log), &disk, "from nothing");
    }
}

#[test]
fn counting_stops_in_time_and_says_how_much_is_left() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = open(dir(), &disk.shared(), small()).expect("a whole log").0;
    let seeded = Seeded::new(1);
    append_each(&log, (0..400).map(|number| admit(draft(&seeded, number))));
    let mut kept = book(&disk, &log);
    let left = kept.catch_up(Instant::now()).expect("a log");
    assert!(left > 2, "{left}");
    assert_eq!(kept.catch_up(Instant::now()).expect("a log"), left, "no time, no more");
    check(&mut kept, &disk, "after all");
    assert_eq!(kept.catch_up(Instant::now()).expect("a log"), 0, "what is counted stays counted");
}
