//! Whatever moment the power goes at while rows are taken out of files: nobody else's are lost, and in the end theirs
//! are gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pixelgate::domain::conversion::Conversion;
use pixelgate::domain::event::EventType;
use pixelgate::domain::id::EventId;
use pixelgate::domain::opt_out::{Choice, OptOutView};
use pixelgate::domain::page::PageAddress;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{Appended, Log};
use pixelgate::storage::options::{LogOptions, Retain};
use pixelgate::storage::reader::Row;
use pixelgate::storage::verify::verify_on;

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

const RETAIN: Duration = Duration::from_secs(3_600);

fn dir() -> &'static Path {
    Path::new("/data")
}

/// Page views go for their age, so that both kinds of removal meet.
fn options() -> LogOptions {
    LogOptions {
        erase_within: Duration::from_secs(200),
        retain: Retain { page_view: Some(RETAIN), ..Retain::default() },
        dedup_window: RETAIN / 2,
        ..small()
    }
}

/// What the senders were told. People are numbered from 0.
#[derive(Default)]
struct Told {
    /// Whose it is, and its number among all requests.
    purchases: BTreeMap<EventId, (u64, u64)>,
    /// The number of the last request for erasure of each that was answered, and of the last that was sent.
    erased: BTreeMap<u64, u64>,
    maybe_erased: BTreeMap<u64, u64>,
    opted_out: BTreeMap<u64, bool>,
    requests: u64,
}

struct History {
    rng: Seeded,
    seed: u64,
    clock: Arc<HeldClock>,
}

impl History {
    fn new(seed: u64) -> Self {
        Self { rng: Seeded::new(seed), seed, clock: HeldClock::new() }
    }

    /// One after the other, until the end or until the disk is off.
    fn run(&self, disk: &SimulatedDisk) -> Told {
        let mut told = Told::default();
        let opened = open_at(dir(), &disk.shared(), options(), self.clock.clone(), self.seed);
        let Ok((log, _)) = opened else { return told };
        for _ in 0..REQUESTS {
            self.request(&log, &mut told);
            if disk.is_off() {
                break;
            }
            self.clock.advance(Duration::from_secs(self.rng.below(150)));
        }
        let closed = log.close();
        assert!(closed.is_ok() || disk.is_off(), "a log on a good disk closes");
        told
    }

    fn request(&self, log: &Log, told: &mut Told) {
        told.requests += 1;
        let (number, who) = (told.requests, self.rng.below(PEOPLE));
        match self.rng.below(12) {
            0 => {
                told.maybe_erased.insert(who, number);
                if append_each(log, [erasure(person(who))])[0].is_ok() {
                    told.erased.insert(who, number);
                }
            }
            1 => {
                let stored = append_each(log, [opt_out(person(who), Choice::Out)])[0].is_ok();
                let before = told.opted_out.get(&who).copied().unwrap_or(false);
                told.opted_out.insert(who, stored || before);
            }
            kind => {
                let entry = self.row(kind, number, who);
                let id = event_id(number);
                if matches!(append_each(log, [entry])[0], Ok(Appended::Stored(_))) && kind > 4 {
                    told.purchases.insert(id, (who, number));
                }
            }
        }
    }

    fn row(&self, kind: u64, number: u64, who: u64) -> Entry {
        let event = if kind > 4 { EventType::Purchase } else { EventType::SiteVisit };
        let page = format!("https://shop.example/{}", "p".repeat(self.rng.below(1_900) as usize));
        let draft = Conversion { page: PageAddress::reduce(&page), ..conversion(event, number) };
        admit(by(person(who), draft))
    }
}

const PEOPLE: u64 = 8;
const REQUESTS: u64 = 60;

/// Everything that was promised holds for what a crash left, before the erasures are taken up again and after.
#[track_caller]
fn check(image: &SimulatedDisk, history: &History, told: &Told, what: &str) {
    // First nobody comes to take them out.
    let (log, _) = open_at(dir(), &image.shared(), options(), history.clock.clone(), 98)
        .unwrap_or_else(|error| panic!("it does not open: {error:?}: {what}"));
    check_rows(image, told, what);
    log.close().expect("a good disk takes everything");
    let at_once = LogOptions { erase_within: Duration::ZERO, ..options() };
    let (log, _) = open_at(dir(), &image.shared(), at_once, history.clock.clone(), 99)
        .unwrap_or_else(|error| panic!("it does not open: {error:?}: {what}"));
    let erased = log.erasures().wait(Duration::from_secs(20));
    assert!(erased, "{:?}: {what}", log.erasures().failure());
    for (who, is_out) in &told.opted_out {
        assert!(!is_out || log.opt_outs().is_opted_out(person(*who)), "{who} opted out: {what}");
    }
    check_rows(image, told, what);
    for who in told.erased.keys() {
        let traces = traces(&[person(*who)], &image.all_bytes());
        let rows = rows_of(image, *who);
        assert_eq!(traces, rows, "{who} left more than the rows that came later: {what}");
    }
    log.close().expect("a good disk takes everything");
    check_rows(image, told, what);
}

/// What was stored on the disk is there, but for what was erased.
#[track_caller]
fn check_rows(image: &SimulatedDisk, told: &Told, what: &str) {
    let rows = read_all(dir(), &image.shared());
    assert!(rows.is_sorted_by(|one, two| one.sequence < two.sequence), "sequence numbers go up: {what}");
    let stored = ids(&rows);
    let there: BTreeSet<_> = stored.iter().copied().collect();
    assert_eq!(there.len(), stored.len(), "an event is there twice: {what}");
    let is_before = |number: u64, of: Option<&u64>| of.is_some_and(|erased| number < *erased);
    for (id, (who, number)) in &told.purchases {
        let is_there = there.contains(id);
        if is_before(*number, told.erased.get(who)) {
            assert!(!is_there, "{id} was erased and is shown: {what}");
        } else if !is_before(*number, told.maybe_erased.get(who)) {
            assert!(is_there, "{id} was stored and is lost: {what}");
        }
    }
}

/// How many rows name `who`.
fn rows_of(image: &SimulatedDisk, who: u64) -> usize {
    let rows = read_all(dir(), &image.shared());
    let is_of = |row: &Row| match row {
        Row::OptOut(opt_out) => opt_out.subject == person(who),
        row => subjects(row).contains(&Some(person(who))),
    };
    rows.iter().filter(|stored| is_of(&stored.row)).count()
}

/// Every point of one history at which the power can go, and what can be left of each.
fn cut_everywhere(seed: u64, images: &AtomicU64, rewritten: &AtomicU64) {
    let disk = SimulatedDisk::new(seed, Faults::default());
    History::new(seed).run(&disk);
    for cut in 1..=disk.counts().operations {
        let disk = SimulatedDisk::new(seed, Faults { power_off_at: Some(cut), ..Faults::default() });
        let history = History::new(seed);
        let told = history.run(&disk);
        for variant in 0..3 {
            let what = format!("seed {seed}, power off at {cut}, variant {variant}");
            let image_seed = seed << 20 | cut << 4 | variant;
            let mut image = match variant {
                0 => disk.after_kill(Faults::default()),
                _ => disk.after_power_cut(image_seed, Faults::default()),
            };
            if variant == 2 {
                // Once more, while the erasures are taken up again.
                let again = Faults { power_off_at: Some(1 + image_seed % 60), ..Faults::default() };
                image = disk.after_power_cut(image_seed, again);
                let at_once = LogOptions { erase_within: Duration::ZERO, ..options() };
                if let Ok((log, _)) = open_at(dir(), &image.shared(), at_once, history.clock.clone(), 77) {
                    log.erasures().wait(Duration::from_secs(20));
                }
                image = image.after_power_cut(image_seed ^ 1, Faults::default());
            }
            check(&image, &history, &told, &what);
            images.fetch_add(1, Ordering::Relaxed);
        }
        let verified = verify_on(&disk.copy(), dir()).expect("a log");
        rewritten.fetch_add(
            verified.files.iter().filter(|file| file.is_rewritten).count() as u64,
            Ordering::Relaxed,
        );
    }
}

#[test]
fn an_erasure_is_done_in_the_end_and_costs_nobody_else_a_row_whenever_the_power_goes() {
    let (images, rewritten) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (images, rewritten) = (&images, &rewritten);
            scope.spawn(move || {
                for seed in (1..SEEDS).filter(|seed| seed % 2 == half) {
                    cut_everywhere(seed, images, rewritten);
                }
            });
        }
    });
    let [images, rewritten] = [images.into_inner(), rewritten.into_inner()];
    println!("{images} crash images, {rewritten} rewritten files in them");
    assert!(images >= 5_000 && rewritten >= images / 2);
}

const SEEDS: u64 = 11;
