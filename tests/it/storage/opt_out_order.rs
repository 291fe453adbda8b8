//! Nothing in the log that comes after an opt-out is about the one who opted out.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};

use pixelgate::domain::event::EventType;
use pixelgate::domain::id::PartnerId;
use pixelgate::domain::matching::PartnerMatch;
use pixelgate::domain::opt_out::{Choice, OptOutView, Subject};
use pixelgate::storage::log::{Appended, Log};
use pixelgate::storage::match_table::MatchRejection;
use pixelgate::storage::reader::{Row, Stored};

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

fn dir() -> &'static Path {
    Path::new("/data")
}

#[derive(Default)]
struct Seen {
    stored: AtomicU64,
    turned_away: AtomicU64,
    restarts: AtomicU64,
}

/// One person's hits from two workers, through a gate that never hears of an opt-out, while a third opts the person
/// out.
fn race(log: &Log, who: Subject, rng: &Seeded, first_number: u64, seen: &Seen) {
    let start = Barrier::new(3);
    let (start, hits) = (&start, 4 + rng.below(8));
    let (before, kinds) = (rng.below(hits), rng.next());
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let numbers = (first_number + worker * hits)..(first_number + (worker + 1) * hits);
            scope.spawn(move || {
                let hit = |number: u64| {
                    let event = if kinds >> (number % 64) & 1 == 0 {
                        EventType::SiteVisit
                    } else {
                        EventType::Purchase
                    };
                    match who {
                        Subject::Browser(_) if !number.is_multiple_of(3) => {
                            admit(by(who, conversion(event, number)))
                        }
                        // Other ids each time, so that none is known.
                        Subject::Browser(browser_id) => admit_match(PartnerMatch {
                            partner_id: PartnerId::from_number(number as u32),
                            ..matched(browser_id, &format!("u{number}"), number)
                        }),
                        Subject::PartnerUser(..) => admit_match(matched(browser_id(number), "u", number)),
                        _ => admit(by(who, conversion(event, number))),
                    }
                };
                let numbers: Vec<_> = numbers.collect();
                start.wait();
                for burst in numbers.chunks(3) {
                    for answer in append_together(log, burst.iter().copied().map(hit)) {
                        match answer.expect("a good disk takes everything") {
                            Appended::Stored(_) => seen.stored.fetch_add(1, Ordering::Relaxed),
                            Appended::OptedOut => seen.turned_away.fetch_add(1, Ordering::Relaxed),
                            // So many browsers of one partner user id are not believed.
                            Appended::Rejected(MatchRejection::TooManyBrowsers) => 0,
                            other => panic!("every hit is a new one: {other:?}"),
                        };
                    }
                }
            });
        }
        scope.spawn(move || {
            start.wait();
            let others = (0..before).map(|number| page_view(first_number + 1_000 + number));
            append_each(log, others);
            let answers = append_each(log, [opt_out(who, Choice::Out)]);
            assert!(matches!(answers[..], [Ok(Appended::Stored(_))]), "{answers:?}");
        });
    });
}

fn following(rows: &[Stored]) -> usize {
    let mut out = BTreeSet::new();
    let mut following = 0;
    for row in rows {
        match &row.row {
            Row::OptOut(opt_out) => {
                out.insert(opt_out.subject.expose());
            }
            row => {
                let about = subjects(row).into_iter().flatten();
                following += usize::from(about.map(Subject::expose).any(|subject| out.contains(&subject)));
            }
        }
    }
    following
}

/// No partner calls them anything any more.
fn assert_no_match(log: &Log, who: Subject, seed: u64) {
    let matches = log.matches();
    match who {
        Subject::Browser(browser_id) => assert_eq!(matches.of_browser(browser_id), [], "seed {seed}"),
        Subject::PartnerUser(partner_id, _) => {
            assert_eq!(matches.browsers_of(partner_id, "u"), [], "seed {seed}");
            assert!(matches.is_empty(), "seed {seed}");
        }
        _ => {}
    }
}

fn history(seed: u64, seen: &Seen) {
    let rng = Seeded::new(seed);
    let who = [browser(1), email(1), phone(1), partner_user("u")][rng.below(4) as usize];
    let mut disk = SimulatedDisk::new(seed, Faults::default());
    let (mut log, _) = open(dir(), &disk.shared(), small()).expect("an empty directory");
    race(&log, who, &rng, 1, seen);
    if seed.is_multiple_of(4) {
        // Closed in order, killed, or cut off: the opt-out was acknowledged, so it has to be there.
        seen.restarts.fetch_add(1, Ordering::Relaxed);
        let image = match rng.below(3) {
            0 => None,
            1 => Some(disk.after_kill(Faults::default())),
            _ => Some(disk.after_power_cut(seed, Faults::default())),
        };
        log.close().expect("a good disk takes everything");
        disk = image.unwrap_or(disk);
        (log, _) = open(dir(), &disk.shared(), small()).expect("it was closed or cut off");
        assert!(log.opt_outs().is_opted_out(who), "seed {seed}");
        assert_no_match(&log, who, seed);
        race(&log, who, &rng, 10_001, seen);
    }
    assert_no_match(&log, who, seed);
    log.close().expect("a good disk takes everything");
    let rows = read_all(dir(), &disk.shared());
    assert!(rows.iter().any(|row| matches!(row.row, Row::OptOut(_))));
    assert_eq!(following(&rows), 0, "seed {seed}: the log has hits behind their opt-out");
}

#[test]
fn nothing_follows_an_opt_out() {
    let seen = Arc::new(Seen::default());
    std::thread::scope(|scope| {
        for half in 0..2 {
            let seen = Arc::clone(&seen);
            scope.spawn(move || (0..HISTORIES / 2).for_each(|seed| history(seed * 2 + half + 1, &seen)));
        }
    });
    let [stored, turned_away, restarts] =
        [&seen.stored, &seen.turned_away, &seen.restarts].map(|count| count.load(Ordering::Relaxed));
    println!("{HISTORIES} histories, {restarts} restarts: {stored} hits stored, {turned_away} turned away");
    assert!(restarts >= HISTORIES / 4);
    assert!(stored > HISTORIES && turned_away > HISTORIES, "the two sides raced");
}

const HISTORIES: u64 = 10_000;

#[test]
fn an_opt_out_that_is_taken_back_holds_until_that_is_on_the_disk() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let (log, _) = open(dir(), &disk.shared(), small()).expect("an empty directory");
    let hit = |number| admit(by(browser(1), conversion(EventType::Purchase, number)));
    append_each(&log, [opt_out(browser(1), Choice::Out)]);
    // All in one group: the hit comes before the change is on the disk, and the second opt-out outlasts it.
    let answers =
        append_together(&log, [opt_out(browser(1), Choice::In), hit(1), opt_out(browser(1), Choice::Out)]);
    assert_eq!(answers[1], Ok(Appended::OptedOut));
    assert!(log.opt_outs().is_opted_out(browser(1)));
    let answers = append_each(&log, [hit(2), opt_out(browser(1), Choice::In), hit(3)]);
    assert_eq!(answers[0], Ok(Appended::OptedOut));
    assert!(matches!(answers[2], Ok(Appended::Stored(_))));
    log.close().expect("a good disk takes everything");
    assert_eq!(ids(&read_all(dir(), &disk.shared())), [event_id(3)]);
    let (log, recovery) = open(dir(), &disk.shared(), small()).expect("it was closed");
    assert_eq!(recovery.opt_outs, 0);
    assert!(!log.opt_outs().is_opted_out(browser(1)));
}

#[test]
fn an_opt_out_that_could_not_be_written_still_stops_what_follows() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let (log, _) = open(dir(), &disk.shared(), small()).expect("an empty directory");
    append_each(&log, [purchase(1)]);
    disk.set_faults(Faults { failing_writes: Some((0, u64::MAX)), ..Faults::default() });
    let answers = append_each(&log, [opt_out(browser(1), Choice::Out)]);
    assert!(answers[0].is_err());
    disk.set_faults(Faults::default());
    let hit = admit(by(browser(1), conversion(EventType::Purchase, 2)));
    let answers = append_each(&log, [hit]);
    assert_eq!(answers[0], Ok(Appended::OptedOut));
}
