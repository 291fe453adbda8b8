//! Whatever moment the power goes at, what was acknowledged as on the disk is there afterwards, once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pixelgate::domain::conversion::Conversion;
use pixelgate::domain::event::EventType;
use pixelgate::domain::id::EventId;
use pixelgate::domain::opt_out::{Choice, OptOutView, Subject};
use pixelgate::domain::page::PageAddress;
use pixelgate::domain::time::Clock;
use pixelgate::storage::durable::AckClass;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{AppendError, Appended, Log};
use pixelgate::storage::options::{LogOptions, Retain};
use pixelgate::storage::reader::{Row, Stored};

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

const RETAIN: Duration = Duration::from_secs(3_600);

fn dir() -> &'static Path {
    Path::new("/data")
}

fn options() -> LogOptions {
    LogOptions { retain: Retain::all(RETAIN), dedup_window: RETAIN / 2, ..small() }
}

/// What the senders were told.
#[derive(Default, Clone)]
pub(super) struct Told {
    /// With the time of the log.
    on_disk: BTreeMap<EventId, u64>,
    with_system: BTreeMap<EventId, u64>,
    /// What each subject asked for last, and whether it was told that this is stored.
    choices: BTreeMap<u64, (Choice, bool)>,
    answers: u64,
}

impl Told {
    fn note(&mut self, what: &What, answer: &Result<Appended, AppendError>, now_ms: u64) {
        self.answers += 1;
        match (what, answer) {
            (What::Event(id), Ok(Appended::Stored(durable))) if durable.ack() == AckClass::Disk => {
                self.on_disk.insert(*id, now_ms);
            }
            (What::Event(id), Ok(Appended::Stored(_))) => {
                self.with_system.insert(*id, now_ms);
            }
            (What::Choice(browser, choice), answer) => {
                self.choices.insert(*browser, (*choice, matches!(answer, Ok(Appended::Stored(_)))));
            }
            _ => {}
        }
    }
}

enum What {
    Event(EventId),
    Choice(u64, Choice),
}

/// One history: bursts of entries of all kinds, with time going by in between.
struct History {
    rng: Seeded,
    seed: u64,
    clock: Arc<HeldClock>,
    number: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        Self { rng: Seeded::new(seed), seed, clock: HeldClock::new(), number: seed << 32 }
    }

    fn entry(&mut self) -> (Entry, What) {
        self.number += 1;
        let person = self.rng.below(6);
        if self.rng.one_in(6) {
            let choice = if self.rng.one_in(3) { Choice::In } else { Choice::Out };
            return (opt_out(browser(person), choice), What::Choice(person, choice));
        }
        let event = if self.rng.one_in(2) { EventType::Purchase } else { EventType::SiteVisit };
        let page = format!("https://shop.example/{}", "p".repeat(self.rng.below(1_900) as usize));
        let draft = Conversion { page: PageAddress::reduce(&page), ..conversion(event, self.number) };
        let draft = if self.rng.one_in(2) { by(browser(person), draft) } else { draft };
        let draft = if self.rng.one_in(2) {
            with_event_id(&format!("e{}", self.rng.below(12)), draft)
        } else {
            draft
        };
        let id = draft.id;
        (admit(draft), What::Event(id))
    }

    /// Runs until the end, or until the disk is off.
    fn run(&mut self, disk: &SimulatedDisk, bursts: u64) -> Told {
        let mut told = Told::default();
        let opened = open_at(dir(), &disk.shared(), options(), self.clock.clone(), self.seed);
        let Ok((log, _)) = opened else { return told };
        with_appender(&log, async |appender| {
            for _ in 0..bursts {
                let (entries, whats): (Vec<_>, Vec<_>) =
                    (0..1 + self.rng.below(6)).map(|_| self.entry()).unzip();
                let tasks: Vec<_> = entries
                    .into_iter()
                    .map(|entry| {
                        let appender = appender.clone();
                        tokio::spawn(async move { appender.append(entry).await })
                    })
                    .collect();
                for (task, what) in tasks.into_iter().zip(&whats) {
                    told.note(what, &task.await.expect("no append panics"), self.clock.now().0);
                }
                if disk.is_off() {
                    break;
                }
                self.clock.advance(Duration::from_secs(self.rng.below(900)));
            }
        });
        finish(log, disk);
        told
    }
}

/// Closes the log; where the power is off, without another look at the disk.
fn finish(log: Log, disk: &SimulatedDisk) {
    let closed = log.close();
    assert!(closed.is_ok() || disk.is_off() || disk.counts().failed_syncs > 0, "a log on a good disk closes");
}

/// What the log has after a crash is what was promised, and nothing twice.
#[track_caller]
fn check(rows: &[Stored], survives: &[&BTreeMap<EventId, u64>], now_ms: u64, what: &str) {
    let stored = ids(rows);
    let unique: BTreeSet<EventId> = stored.iter().copied().collect();
    assert_eq!(stored.len(), unique.len(), "an event is there twice: {what}");
    let oldest_ms = now_ms - RETAIN.as_millis() as u64;
    for (id, at_ms) in survives.iter().flat_map(|ids| ids.iter()) {
        let is_retired = *at_ms < oldest_ms;
        assert!(unique.contains(id) || is_retired, "{id} was acknowledged and is lost: {what}");
    }
    check_sequences_and_opt_outs(rows, what);
}

#[track_caller]
fn check_sequences_and_opt_outs(rows: &[Stored], what: &str) {
    assert!(rows.is_sorted_by(|one, two| one.sequence < two.sequence), "sequence numbers go up: {what}");
    let mut out = BTreeSet::new();
    for row in rows {
        match &row.row {
            Row::OptOut(opt_out) => {
                let subject = opt_out.subject.expose();
                match opt_out.choice {
                    Choice::Out => out.insert(subject),
                    Choice::In => out.remove(&subject),
                };
            }
            row => {
                let mut about = subjects(row).into_iter().flatten().map(Subject::expose);
                assert!(!about.any(|subject| out.contains(&subject)), "it follows an opt-out: {what}");
            }
        }
    }
}

#[track_caller]
fn check_choices(log: &Log, told: &Told, what: &str) {
    for (person, (choice, stored)) in &told.choices {
        let is_out = log.opt_outs().is_opted_out(browser(*person));
        // One that was not acknowledged may be there or not.
        assert!(!stored || is_out == (*choice == Choice::Out), "{person} asked for {choice:?}: {what}");
    }
}

/// Opens what a crash left, with another cut of the power on the way for some, and looks at all of it.
#[track_caller]
fn recover(
    image: &SimulatedDisk,
    history: &History,
    survives: &[&BTreeMap<EventId, u64>],
    told: &Told,
    what: &str,
) {
    let seed = history.seed ^ 0x5555;
    let (log, _) = open_at(dir(), &image.shared(), options(), history.clock.clone(), seed)
        .unwrap_or_else(|error| panic!("it does not open: {error:?}: {what}"));
    check_choices(&log, told, what);
    let rows = read_all(dir(), &image.shared());
    check(&rows, survives, history.clock.now().0, what);
    // It goes on as if nothing had happened.
    let more = (seed << 32) + 1;
    let answers = append_each(&log, [purchase(more), page_view(more + 1)]);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Appended::Stored(_)))), "{answers:?}: {what}");
    log.close().expect("a good disk takes everything");
    let after = read_all(dir(), &image.shared());
    assert_eq!(ids(&after)[ids(&after).len() - 2..], [event_id(more), event_id(more + 1)], "{what}");
    check_sequences_and_opt_outs(&after, what);
}

/// Every point of `history` at which the power can go, and what can be left of each.
fn cut_everywhere(seed: u64, faults: Faults, images: &AtomicU64, acknowledged: &AtomicU64) {
    let bursts = 14;
    let disk = SimulatedDisk::new(seed, faults);
    let mut history = History::new(seed);
    history.run(&disk, bursts);
    for cut in 1..=disk.counts().operations {
        let disk = SimulatedDisk::new(seed, Faults { power_off_at: Some(cut), ..faults });
        let mut history = History::new(seed);
        let told = history.run(&disk, bursts);
        acknowledged.fetch_add(told.answers, Ordering::Relaxed);
        for variant in 0..4 {
            let what = format!("seed {seed}, faults {faults:?}, power off at {cut}, variant {variant}");
            let image_seed = seed << 20 | cut << 4 | variant;
            let mut image = disk.after_power_cut(image_seed, Faults::default());
            if variant == 3 {
                // Once more while it recovers.
                let again = Faults { power_off_at: Some(1 + image_seed % 23), ..Faults::default() };
                image = disk.after_power_cut(image_seed, again);
                let _ = open_at(dir(), &image.shared(), options(), history.clock.clone(), 77);
                image = image.after_power_cut(image_seed ^ 1, Faults::default());
                images.fetch_add(1, Ordering::Relaxed);
            }
            recover(&image, &history, &[&told.on_disk], &told, &what);
            images.fetch_add(1, Ordering::Relaxed);
        }
        let what = format!("seed {seed}, faults {faults:?}, killed at {cut}");
        let survives = [&told.on_disk, &told.with_system];
        // A sync that fails may lose what the operating system had taken before; only the disk's word counts then.
        let survives = &survives[..1 + usize::from(faults.failing_syncs.is_none())];
        recover(&disk.after_kill(Faults::default()), &history, survives, &told, &what);
        images.fetch_add(1, Ordering::Relaxed);
    }
}

/// How many images there were, and how many answers had been given before.
fn cut_histories(seeds: std::ops::Range<u64>, faults: impl Fn(u64) -> Faults + Sync) -> [u64; 2] {
    let (images, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (images, acknowledged, faults) = (&images, &acknowledged, &faults);
            let seeds = seeds.clone();
            scope.spawn(move || {
                for seed in seeds.filter(|seed| seed % 2 == half) {
                    cut_everywhere(seed, faults(seed), images, acknowledged);
                }
            });
        }
    });
    [images.into_inner(), acknowledged.into_inner()]
}

#[test]
fn what_was_acknowledged_survives_a_cut_of_power_at_any_moment() {
    let [images, answers] = cut_histories(1..60, |_| Faults::default());
    println!("{images} crash images, {answers} answers");
    assert!(images >= 20_000);
}

#[test]
fn what_was_acknowledged_survives_a_cut_of_power_after_a_failed_sync_or_write() {
    let [images, answers] = cut_histories(100..160, |seed| Faults {
        failing_syncs: (seed % 2 == 0).then_some((6 + seed % 7, 1 + seed % 3)),
        failing_writes: (seed % 2 == 1).then_some((10 + seed % 9, 1 + seed % 4)),
        ..Faults::default()
    });
    println!("{images} crash images, {answers} answers");
    assert!(images >= 20_000);
}
