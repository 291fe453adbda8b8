//! The match table, from outside: what it takes, what it tells, and what is left of it after a restart.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pixelgate::domain::id::{BrowserId, PartnerId};
use pixelgate::domain::matching::{MatchProof, MatchScope, PartnerMatch, Unmatch};
use pixelgate::domain::opt_out::{Choice, Subject};
use pixelgate::domain::time::{Clock, Timestamp};
use pixelgate::storage::disk::Disk;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::log::{AppendError, Appended, Log};
use pixelgate::storage::match_table::{
    BROWSERS_PER_ID_MAX, CHANGES_PER_DAY_MAX, CLAIM_DAYS, MatchRejection, MatchTable,
};
use pixelgate::storage::options::{LogOptions, Retain};

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

const PARTNER: PartnerId = PartnerId::from_number(7);
const DAY: Duration = Duration::from_secs(86_400);

fn dir() -> &'static Path {
    Path::new("/data")
}

/// A log, and what it takes to open it again.
struct Bench {
    disk: Arc<dyn Disk>,
    clock: Arc<HeldClock>,
    options: LogOptions,
    log: Log,
}

impl Bench {
    fn new(options: LogOptions) -> Self {
        let (disk, clock) = (SimulatedDisk::new(1, Faults::default()).shared(), HeldClock::new());
        let (log, _) = open_at(dir(), &disk, options.clone(), clock.clone(), 1).expect("an empty directory");
        Self { disk, clock, options, log }
    }

    fn append(&self, entry: Entry) -> Result<Appended, AppendError> {
        append_each(&self.log, [entry]).remove(0)
    }

    fn take(&self, found: PartnerMatch) -> Result<Appended, AppendError> {
        self.append(admit_match(PartnerMatch { at: self.clock.now(), ..found }))
    }

    #[track_caller]
    fn stores(&self, found: PartnerMatch) {
        let answer = self.take(found);
        assert!(matches!(answer, Ok(Appended::Stored(_))), "{answer:?}");
    }

    #[track_caller]
    fn rejects(&self, found: PartnerMatch, reason: MatchRejection) {
        let before = read_all(dir(), &self.disk).len();
        assert_eq!(self.take(found), Ok(Appended::Rejected(reason)));
        assert_eq!(read_all(dir(), &self.disk).len(), before, "nothing was stored");
    }

    fn table(&self) -> Arc<MatchTable> {
        self.log.matches()
    }

    fn restarted(self) -> Self {
        let Self { disk, clock, options, log } = self;
        log.close().expect("a good disk takes everything");
        let (log, _) = open_at(dir(), &disk, options.clone(), clock.clone(), clock.seed()).expect("a log");
        Self { disk, clock, options, log }
    }
}

fn called(table: &MatchTable, browser_id: BrowserId) -> Option<String> {
    table.get(PARTNER, browser_id).map(|matched| matched.partner_user_id.into())
}

#[test]
fn a_match_is_told_both_ways_and_after_a_restart() {
    let mut bench = Bench::new(small());
    let [one, two, three] = [1, 2, 3].map(browser_id);
    bench.stores(matched(one, "u1", 1));
    bench.stores(matched(two, "u1", 2));
    bench.stores(PartnerMatch { partner_id: PartnerId::from_number(8), ..matched(one, "x1", 3) });
    for restart in [false, true] {
        if restart {
            bench = bench.restarted();
        }
        let table = bench.table();
        assert_eq!((table.len(), called(&table, one), called(&table, three)), (3, Some("u1".into()), None));
        let mut browsers = table.browsers_of(PARTNER, "u1");
        browsers.sort_unstable();
        assert_eq!((browsers, table.browsers_of(PARTNER, "x1")), (vec![one, two], vec![]));
        let partners: Vec<_> =
            table.of_browser(one).iter().map(|matched| matched.partner_id.number()).collect();
        assert_eq!(partners, [7, 8]);
        let mut seen = Vec::new();
        table.for_each(PARTNER, |browser_id, matched| seen.push((browser_id, matched.partner_user_id)));
        seen.sort_unstable();
        assert_eq!(seen, [(one, "u1".into()), (two, "u1".into())]);
    }
}

#[test]
fn the_same_again_is_known_for_a_day_and_another_id_takes_its_place() {
    let bench = Bench::new(small());
    let one = browser_id(1);
    bench.stores(matched(one, "u1", 1));
    assert_eq!(bench.take(matched(one, "u1", 2)), Ok(Appended::Known));
    bench.clock.advance(DAY);
    bench.stores(matched(one, "u1", 3));
    assert_eq!(
        bench.table().heard_at(PARTNER, one).map(|at| at.0 / 1_000),
        Some(bench.clock.now().0 / 1_000)
    );
    bench.stores(matched(one, "u2", 4));
    let table = bench.table();
    assert_eq!((called(&table, one), table.len()), (Some("u2".into()), 1));
    assert_eq!((table.browsers_of(PARTNER, "u1"), table.browsers_of(PARTNER, "u2")), (vec![], vec![one]));
    let rows = read_all(dir(), &bench.disk);
    assert_eq!(rows.len(), 3);
}

#[test]
fn a_state_brings_one_match_restarts_included() {
    let bench = Bench::new(small());
    let with_state = |browser, text, number| PartnerMatch {
        proof: MatchProof::State(99),
        ..matched(browser_id(browser), text, number)
    };
    bench.stores(with_state(1, "u1", 1));
    bench.rejects(with_state(1, "u1", 2), MatchRejection::StateUsed);
    bench.rejects(with_state(2, "u2", 3), MatchRejection::StateUsed);
    let bench = bench.restarted();
    bench.rejects(with_state(2, "u2", 4), MatchRejection::StateUsed);
    assert_eq!(bench.table().len(), 1);
    bench.stores(PartnerMatch { proof: MatchProof::State(98), ..matched(browser_id(1), "u1", 5) });
}

#[test]
fn nobody_overwrites_what_the_partner_said_itself() {
    let bench = Bench::new(small());
    let one = browser_id(1);
    bench.stores(PartnerMatch { proof: MatchProof::Signed, ..matched(one, "u1", 1) });
    bench.rejects(matched(one, "u2", 2), MatchRejection::VerifiedBefore);
    assert_eq!(bench.take(matched(one, "u1", 3)), Ok(Appended::Known));
    let matched_one = bench.table().get(PARTNER, one).expect("a row");
    assert!(matched_one.is_verified && &*matched_one.partner_user_id == "u1");
    bench.stores(PartnerMatch { proof: MatchProof::Signed, ..matched(one, "u2", 4) });
    assert_eq!(called(&bench.table(), one), Some("u2".into()));
    // What was unsigned becomes verified by the same.
    bench.stores(matched(browser_id(2), "u3", 5));
    bench.stores(PartnerMatch { proof: MatchProof::Signed, ..matched(browser_id(2), "u3", 6) });
    assert!(bench.table().get(PARTNER, browser_id(2)).expect("a row").is_verified);
}

#[test]
fn an_id_that_too_many_browsers_show_is_not_believed() {
    let bench = Bench::new(small());
    let max = BROWSERS_PER_ID_MAX as u64;
    for number in 0..max - 1 {
        bench.stores(matched(browser_id(number), "u", number));
    }
    assert_eq!(bench.table().browsers_of(PARTNER, "u").len(), BROWSERS_PER_ID_MAX - 1);
    bench.stores(matched(browser_id(max - 1), "u", max));
    assert_eq!(bench.table().browsers_of(PARTNER, "u"), []);
    bench.rejects(matched(browser_id(max), "u", max + 1), MatchRejection::TooManyBrowsers);
    let bench = bench.restarted();
    bench.rejects(matched(browser_id(max), "u", max + 2), MatchRejection::TooManyBrowsers);
    bench.clock.advance(DAY * (CLAIM_DAYS as u32 + 1));
    bench.stores(matched(browser_id(max), "u", max + 3));
}

#[test]
fn a_browser_that_changes_its_id_too_often_is_not_believed() {
    let bench = Bench::new(small());
    let one = browser_id(1);
    let changes = u64::from(CHANGES_PER_DAY_MAX);
    for number in 0..changes {
        bench.stores(matched(one, &format!("u{number}"), number));
        assert!(called(&bench.table(), one).is_some());
    }
    bench.stores(matched(one, "last", changes));
    assert_eq!((called(&bench.table(), one), bench.table().browsers_of(PARTNER, "last")), (None, vec![]));
    bench.rejects(matched(one, "more", changes + 1), MatchRejection::TooManyChanges);
    let bench = bench.restarted();
    bench.rejects(matched(one, "more", changes + 2), MatchRejection::TooManyChanges);
    bench.clock.advance(DAY);
    bench.stores(matched(one, "last", changes + 3));
    assert_eq!(called(&bench.table(), one), Some("last".into()), "the same on another day");
}

#[test]
fn a_match_of_one_site_is_stored_and_is_not_in_the_table() {
    let bench = Bench::new(small());
    bench.stores(PartnerMatch { scope: MatchScope::Site, ..matched(browser_id(1), "u1", 1) });
    let bench = bench.restarted();
    assert!(bench.table().is_empty() && bench.table().browsers_of(PARTNER, "u1").is_empty());
    assert_eq!(read_all(dir(), &bench.disk).len(), 1);
}

#[test]
fn who_opts_out_is_called_nothing_any_more_and_comes_back_with_a_new_match_only() {
    for who in [browser(1), partner_user("u1")] {
        let bench = Bench::new(small());
        bench.stores(matched(browser_id(1), "u1", 1));
        bench.stores(PartnerMatch {
            partner_id: PartnerId::from_number(8),
            ..matched(browser_id(2), "u1", 2)
        });
        assert!(matches!(bench.append(opt_out(who, Choice::Out)), Ok(Appended::Stored(_))));
        assert_eq!((called(&bench.table(), browser_id(1)), bench.table().len()), (None, 1), "{who:?}");
        assert_eq!(bench.take(matched(browser_id(1), "u1", 3)), Ok(Appended::OptedOut), "{who:?}");
        let bench = bench.restarted();
        assert_eq!((called(&bench.table(), browser_id(1)), bench.table().len()), (None, 1), "{who:?}");
        assert!(matches!(bench.append(opt_out(who, Choice::In)), Ok(Appended::Stored(_))));
        assert_eq!(called(&bench.table(), browser_id(1)), None, "{who:?}");
        bench.stores(matched(browser_id(1), "u1", 4));
        let bench = bench.restarted();
        assert_eq!(called(&bench.table(), browser_id(1)), Some("u1".into()), "{who:?}");
    }
}

#[test]
fn an_erasure_takes_matches_out_of_the_table_and_out_of_the_files() {
    for who in [person(1), partner_user("u1")] {
        let bench = Bench::new(LogOptions { erase_within: Duration::ZERO, ..small() });
        let Subject::Browser(one) = person(1) else { unreachable!("a person is a browser here") };
        bench.stores(matched(one, "u1", 1));
        bench.stores(matched(browser_id(2), "u2", 2));
        assert!(matches!(bench.append(erasure(who)), Ok(Appended::Stored(_))));
        assert_eq!((called(&bench.table(), one), bench.table().len()), (None, 1), "{who:?}");
        assert!(bench.log.erasures().wait(Duration::from_secs(60)), "{who:?}");
        assert_eq!(read_all(dir(), &bench.disk).len(), 1, "{who:?}");
        let bench = bench.restarted();
        assert_eq!((called(&bench.table(), one), bench.table().len()), (None, 1), "{who:?}");
    }
}

#[test]
fn what_is_taken_back_is_gone_restarts_included() {
    let bench = Bench::new(small());
    let one = browser_id(1);
    bench.stores(matched(one, "u1", 1));
    let unmatch = Unmatch { browser_id: one, partner_id: PARTNER, at: Timestamp(7) };
    assert!(matches!(bench.append(Entry::Unmatch(unmatch)), Ok(Appended::Stored(_))));
    assert!(bench.table().is_empty());
    let bench = bench.restarted();
    assert!(bench.table().is_empty());
    bench.stores(matched(one, "u1", 2));
}

#[test]
fn matches_are_gone_after_their_time() {
    let retain = Retain { matches: Some(DAY * 10), ..Retain::default() };
    let bench = Bench::new(LogOptions { retain, ..small() });
    bench.stores(matched(browser_id(1), "u1", 1));
    bench.clock.advance(DAY * 6);
    bench.stores(matched(browser_id(2), "u2", 2));
    bench.clock.advance(DAY * 6);
    let bench = bench.restarted();
    let table = bench.table();
    assert_eq!((called(&table, browser_id(1)), called(&table, browser_id(2))), (None, Some("u2".into())));
    bench.clock.advance(DAY * 6);
    // Each round of the writer looks through one part of the table.
    for number in 0..300 {
        bench.append(page_view(10 + number)).expect("a good disk takes everything");
    }
    assert_eq!((bench.table().len(), called(&bench.table(), browser_id(2))), (0, None));
}

#[test]
fn a_full_table_takes_no_new_rows_and_keeps_its_own() {
    let bench = Bench::new(LogOptions { match_rows_max: 2, ..small() });
    bench.stores(matched(browser_id(1), "u1", 1));
    bench.stores(matched(browser_id(2), "u2", 2));
    bench.rejects(matched(browser_id(3), "u3", 3), MatchRejection::TableFull);
    bench.stores(matched(browser_id(1), "u9", 4));
    assert_eq!((bench.table().len(), called(&bench.table(), browser_id(1))), (2, Some("u9".into())));
}

#[test]
fn a_match_that_did_not_get_to_the_disk_is_not_told() {
    let faults = Faults { failing_writes: Some((20, u64::MAX)), ..Faults::default() };
    let disk = SimulatedDisk::new(1, faults);
    let (log, _) = open(dir(), &disk.shared(), small()).expect("an empty directory");
    let mut stored = 0;
    for number in 0..200 {
        let found = matched(browser_id(number), &format!("u{number}"), number);
        let kept = append_each(&log, [admit_match(found)]).remove(0).is_ok();
        stored += usize::from(kept);
        assert_eq!(called(&log.matches(), browser_id(number)).is_some(), kept, "{number}");
    }
    assert!((1..200).contains(&stored), "the disk failed");
    assert_eq!(log.matches().len(), stored);
}
