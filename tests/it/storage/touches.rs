//! Ad touches in the log, and what conversions are credited to.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pixelgate::domain::attribution::{Credit, CreditKey};
use pixelgate::domain::conversion::{Conversion, Identifiers};
use pixelgate::domain::event::EventType;
use pixelgate::domain::id::{BrowserId, ClickId, EventId, HashedEmail};
use pixelgate::domain::opt_out::{Choice, Subject};
use pixelgate::domain::time::{Clock, MS_PER_DAY, Timestamp};
use pixelgate::domain::touch::{Touch, TouchKind};
use pixelgate::storage::disk::Disk;
use pixelgate::storage::entry::Entry;
use pixelgate::storage::export::write_ndjson;
use pixelgate::storage::log::{Appended, Log};
use pixelgate::storage::options::{LogOptions, Retain};
use pixelgate::storage::reader::{From, Row, Stored, read_on};
use pixelgate::storage::real_disk::RealDisk;
use pixelgate::storage::recompute::Recomputed;

use super::support::*;
use crate::simulated_disk::{Faults, SimulatedDisk};

fn dir() -> &'static Path {
    Path::new("/data")
}

fn at_once() -> LogOptions {
    LogOptions { erase_within: Duration::ZERO, ..small() }
}

fn never() -> LogOptions {
    LogOptions { erase_within: Duration::from_secs(1 << 40), ..small() }
}

fn opened(disk: &SimulatedDisk, options: LogOptions) -> Log {
    open(dir(), &disk.shared(), options).expect("a whole log").0
}

fn of_browser(browser: Subject, touch: Touch) -> Touch {
    let Subject::Browser(browser_id) = browser else { unreachable!("a touch is a browser's") };
    Touch { browser_id: Some(browser_id), ..touch }
}

/// By a click.
fn after_click(number: u64, draft: Conversion) -> Conversion {
    let click_id: ClickId = click_id(number).expose().parse().expect("a click id");
    Conversion { identifiers: Identifiers { click_id: Some(click_id), ..draft.identifiers }, ..draft }
}

fn credits(rows: &[Stored]) -> Vec<(EventId, Option<&Credit>)> {
    let rows = rows.iter().filter_map(|stored| match &stored.row {
        Row::Conversion { conversion, credit, .. } => Some((conversion.id, credit.as_deref())),
        _ => None,
    });
    rows.collect()
}

/// The number of the touch that each conversion is credited to, and by which key.
#[track_caller]
fn check(disk: &SimulatedDisk, expect: &[(u64, Option<(u64, CreditKey)>)]) {
    for rows in [read_all(dir(), &disk.shared()), recomputed(disk)] {
        let found: Vec<_> = credits(&rows)
            .into_iter()
            .map(|(id, credit)| (id, credit.map(|credit| (credit.touch_id, credit.key))))
            .collect();
        let expect: Vec<_> = expect
            .iter()
            .map(|(number, credit)| (event_id(*number), credit.map(|(touch, key)| (event_id(touch), key))))
            .collect();
        assert_eq!(found, expect);
    }
}

fn recomputed(disk: &SimulatedDisk) -> Vec<Stored> {
    let rows = read_on(disk.shared(), dir(), From::Start).expect("a log");
    Recomputed::new(rows, LogOptions::default().touches_max).collect::<Result<_, _>>().expect("no damage")
}

fn lines(rows: &[Stored]) -> String {
    let mut text = Vec::new();
    rows.iter().for_each(|stored| write_ndjson(stored, &mut text).expect("memory takes it"));
    String::from_utf8(text).expect("JSON is UTF-8")
}

#[test]
fn a_conversion_is_credited_as_it_is_stored_restarts_included() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, small());
    append_each(
        &log,
        [
            admit_touch(of_browser(browser(1), touch(TouchKind::View, 1))),
            admit_touch(touch(TouchKind::Click, 2)),
            admit(by(browser(1), creditable(10))),
            admit(after_click(2, by(browser(1), creditable(11)))),
            admit(by(browser(2), creditable(12))),
            admit(by(browser(1), conversion(EventType::SiteVisit, 13))),
        ],
    );
    assert_eq!(log.metrics().touches.get(), 2);
    log.close().expect("a good disk");
    let log = opened(&disk, small());
    append_each(&log, [admit(after_click(2, creditable(14))), admit(by(browser(1), creditable(15)))]);
    log.close().expect("a good disk");
    let (view, click) = (Some((1, CreditKey::BrowserId)), Some((2, CreditKey::ClickId)));
    check(&disk, &[(10, view), (11, click), (12, None), (13, None), (14, click), (15, view)]);
}

/// As one batch, in whatever order the writer takes them: a touch that is in the same write counts.
#[test]
fn a_touch_in_the_very_same_write_counts() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, small());
    let page_view = |number| Conversion { event: EventType::SiteVisit, ..creditable(number) };
    append_together(
        &log,
        [
            admit_touch(of_browser(browser(1), touch(TouchKind::Click, 1))),
            admit(by(browser(1), page_view(10))),
        ],
    );
    log.close().expect("a good disk");
    check(&disk, &[(10, Some((1, CreditKey::BrowserId)))]);
}

#[test]
fn devices_are_joined_by_what_the_log_has_seen_together_restarts_included() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, small());
    append_each(
        &log,
        [
            admit_touch(of_browser(browser(1), touch(TouchKind::Click, 1))),
            admit(by(browser(1), by(email(7), conversion(EventType::SignUp, 10)))),
            admit(by(browser(2), by(email(7), creditable(11)))),
            // Whoever does not want that is on one device, on either side.
            admit_for_one_device(by(browser(3), by(email(7), creditable(12)))),
            admit_touch(of_browser(browser(4), touch(TouchKind::Click, 2))),
            admit_for_one_device(by(browser(4), by(email(8), conversion(EventType::SignUp, 13)))),
            admit(by(browser(5), by(email(8), creditable(14)))),
        ],
    );
    log.close().expect("a good disk");
    let log = opened(&disk, small());
    append_each(&log, [admit(by(browser(6), by(email(7), creditable(15))))]);
    log.close().expect("a good disk");
    let joined = Some((1, CreditKey::HashedEmail));
    check(&disk, &[(10, None), (11, joined), (12, None), (13, None), (14, None), (15, joined)]);
}

#[test]
fn a_touch_that_comes_behind_its_conversion_counts_when_credits_are_made_anew() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, small());
    let earlier = |touch: Touch| Touch { at: Timestamp(touch.at.0 - 5), ..touch };
    append_each(
        &log,
        [
            admit_touch(of_browser(browser(1), touch(TouchKind::View, 1))),
            admit(by(browser(1), creditable(10))),
            admit_touch(earlier(of_browser(browser(1), touch(TouchKind::Click, 2)))),
            admit(by(browser(1), creditable(11))),
        ],
    );
    log.close().expect("a good disk");
    let id_of = |rows: &[Stored]| -> Vec<_> {
        credits(rows).into_iter().map(|(_, credit)| credit.expect("a credit").touch_id).collect()
    };
    let stored = read_all(dir(), &disk.shared());
    assert_eq!(id_of(&stored), [1, 2].map(event_id), "what was known then stays as it is");
    assert_eq!(id_of(&recomputed(&disk)), [2, 2].map(event_id));
}

/// A conversion that the log hears of days later gets what it would have got in time.
#[test]
fn a_late_conversion_is_credited_as_if_it_had_come_in_time() {
    let day = Duration::from_secs(86_400);
    let (disk, clock) = (SimulatedDisk::new(1, Faults::default()), HeldClock::new());
    let (log, _) = open_at(dir(), &disk.shared(), small(), clock.clone(), 1).expect("a good disk");
    let at_day = |days: u64| Timestamp(1_795_316_645_678 + days * MS_PER_DAY);
    let later = |days, touch: Touch| Touch { at: at_day(days), ..touch };
    let of_day = |days, draft: Conversion| Conversion { at: at_day(days), ..draft };
    append_each(&log, [admit_touch(of_browser(browser(1), touch(TouchKind::Click, 1)))]);
    clock.advance(31 * day);
    append_each(&log, [admit_touch(later(31, of_browser(browser(1), touch(TouchKind::Click, 2))))]);
    clock.advance(6 * day);
    let too_late = Conversion { at: Timestamp(at_day(30).0 - 1), ..by(browser(1), creditable(11)) };
    append_each(
        &log,
        [
            admit(of_day(30, by(browser(1), creditable(10)))),
            admit(too_late),
            admit(of_day(31, by(browser(1), creditable(12)))),
        ],
    );
    log.close().expect("a good disk");
    let by_browser = |touch| Some((touch, CreditKey::BrowserId));
    // The second is more than a week late.
    check(&disk, &[(10, by_browser(1)), (11, None), (12, by_browser(2))]);
}

#[test]
fn who_had_a_touch_erased_leaves_no_credit_behind_and_nobody_else_loses_a_row() {
    let gone = person(1);
    for options in [never(), at_once()] {
        let disk = SimulatedDisk::new(1, Faults::default());
        let log = opened(&disk, options.clone());
        append_each(
            &log,
            [
                admit_touch(of_browser(gone, touch(TouchKind::Click, 1))),
                admit_touch(of_browser(browser(2), touch(TouchKind::View, 2))),
                admit(by(gone, by(email(7), conversion(EventType::SignUp, 9)))),
                admit(by(gone, creditable(10))),
                admit(after_click(1, by(browser(3), creditable(11)))),
                admit(by(browser(2), by(email(7), creditable(12)))),
                admit(by(browser(2), creditable(13))),
                erasure(gone),
                // What comes later is new, and finds nothing of what was.
                admit(after_click(1, by(browser(3), creditable(14)))),
                admit(by(gone, creditable(15))),
            ],
        );
        if options == at_once() {
            assert!(log.erasures().wait(Duration::from_secs(20)), "{:?}", log.erasures().failure());
            let kept = read_all(dir(), &disk.shared());
            assert_eq!(traces(&[gone], &disk.all_bytes()), 1, "the new row's own: {kept:?}");
        }
        let view = Some((2, CreditKey::BrowserId));
        let expect = [(11, None), (12, None), (13, view), (14, None), (15, None)];
        check(&disk, &expect);
        log.close().expect("a good disk");
        opened(&disk, options).close().expect("a good disk");
        check(&disk, &expect);
    }
}

#[test]
fn after_an_opt_out_no_touch_of_that_browser_counts_restarts_included() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, small());
    let clicked = || after_click(1, by(browser(3), creditable(10)));
    append_each(
        &log,
        [
            admit_touch(of_browser(browser(1), touch(TouchKind::Click, 1))),
            admit(clicked()),
            opt_out(browser(1), Choice::Out),
            admit(Conversion { id: event_id(11), ..clicked() }),
            admit_touch(of_browser(browser(1), touch(TouchKind::Click, 2))),
            opt_out(browser(1), Choice::In),
        ],
    );
    log.close().expect("a good disk");
    let log = opened(&disk, small());
    append_each(&log, [admit(Conversion { id: event_id(12), ..clicked() })]);
    log.close().expect("a good disk");
    check(&disk, &[(10, Some((1, CreditKey::ClickId))), (11, None), (12, None)]);
}

#[test]
fn touches_go_at_their_own_time_and_credits_with_their_conversions() {
    let day = Duration::from_secs(86_400);
    let (disk, clock) = (SimulatedDisk::new(1, Faults::default()), HeldClock::new());
    let options = LogOptions { retain: Retain { touch: Some(3 * day), ..Retain::default() }, ..small() };
    let (log, _) = open_at(dir(), &disk.shared(), options, clock.clone(), 1).expect("a good disk");
    append_each(
        &log,
        [
            admit_touch(of_browser(browser(1), touch(TouchKind::Click, 1))),
            admit(by(browser(1), creditable(10))),
        ],
    );
    clock.advance(4 * day);
    for number in 11..20 {
        let at = Timestamp(1_795_316_645_678 + 4 * MS_PER_DAY);
        append_each(&log, [admit(Conversion { at, ..by(browser(1), creditable(number)) })]);
        clock.advance(Duration::from_secs(61));
    }
    assert_eq!((log.metrics().rows_expired.get(), log.metrics().touches.get()), (1, 0));
    log.close().expect("a good disk");
    let rows = read_all(dir(), &disk.shared());
    assert!(!rows.iter().any(|stored| matches!(stored.row, Row::Touch { .. })), "{rows:?}");
    let credited: Vec<_> = credits(&rows).into_iter().map(|(_, credit)| credit.is_some()).collect();
    assert_eq!((credited.len(), credited[0], credited[9]), (10, true, false));
}

/// A log that anybody could have made, with people who opt out, come back, and have themselves erased.
fn anything(random: &Seeded, number: u64, at: Timestamp) -> Entry {
    let browser = browser(random.below(6));
    let draft = Conversion { at, restricted_data_use: random.one_in(9), ..creditable(number) };
    let touch = |kind| Touch { at, ..touch(kind, number) };
    let draft = if random.one_in(2) { by(browser, draft) } else { draft };
    let draft = if random.one_in(3) { after_click(random.below(number.max(1)), draft) } else { draft };
    let draft = if random.one_in(2) { by(email(random.below(3) as u8), draft) } else { draft };
    match random.below(40) {
        0 => opt_out(browser, if random.one_in(3) { Choice::In } else { Choice::Out }),
        1 => opt_out(browser, Choice::In),
        2 => erasure(if random.one_in(2) { browser } else { email(random.below(3) as u8) }),
        3..12 => admit_touch(of_browser(browser, touch(TouchKind::View))),
        12..17 => admit_touch(touch(TouchKind::Click)),
        17..22 => admit_touch(of_browser(browser, touch(TouchKind::Click))),
        22..25 => admit_for_one_device(draft),
        _ => admit(draft),
    }
}

#[test]
fn credits_that_are_made_anew_from_the_log_are_the_stored_ones_to_the_byte() {
    let mut credited = 0;
    for seed in 0..12 {
        let (disk, clock) = (SimulatedDisk::new(seed, Faults::default()), HeldClock::new());
        let random = Seeded::new(seed);
        let options = || if seed % 2 == 0 { at_once() } else { never() };
        let mut log = open_at(dir(), &disk.shared(), options(), clock.clone(), seed).expect("a good disk").0;
        for number in 1..600 {
            // What came later is later: within a millisecond nothing says so.
            let pause = if random.one_in(10) { random.below(20_000_000) } else { 0 };
            clock.advance(Duration::from_millis(1 + pause));
            append_each(&log, [anything(&random, number, clock.now())]);
            if random.one_in(100) {
                log.close().expect("a good disk");
                log =
                    open_at(dir(), &disk.shared(), options(), clock.clone(), number).expect("a whole log").0;
            }
        }
        log.close().expect("a good disk");
        let (stored, anew) = (read_all(dir(), &disk.shared()), recomputed(&disk));
        assert!(lines(&stored) == lines(&anew), "seed {seed}");
        credited += credits(&stored).iter().filter(|(_, credit)| credit.is_some()).count();
    }
    assert!(credited > 400, "{credited}");
}

const LOG: &[u8] = include_bytes!("../../vectors/log/v1-touches/0000000000000001.log");
const LINES: &str = include_str!("../../vectors/log/v1-touches/expected.ndjson");

fn file() -> &'static Path {
    Path::new("/data/0000000000000001.log")
}

/// Every kind of touch and of credit, every field once there and once not.
fn entries() -> Vec<Entry> {
    let device = Conversion {
        identifiers: Identifiers {
            browser_id: Some(BrowserId::from_bytes([5; 16])),
            hashed_email: Some(HashedEmail::from_bytes([7; 32])),
            ..Identifiers::default()
        },
        ..creditable(13)
    };
    vec![
        admit_touch(of_browser(browser(1), touch(TouchKind::View, 1))),
        admit_touch(touch(TouchKind::Click, 2)),
        admit_touch(of_browser(browser(4), touch(TouchKind::Click, 3))),
        admit(by(browser(1), creditable(10))),
        admit(after_click(2, by(browser(1), creditable(11)))),
        admit(by(browser(4), by(email(7), conversion(EventType::SignUp, 12)))),
        admit(device),
        admit(by(browser(9), creditable(14))),
    ]
}

fn written() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, small());
    assert!(append_each(&log, entries()).iter().all(Result::is_ok));
    log.close().expect("a good disk");
    disk
}

#[test]
fn a_log_of_touches_stays_as_it_was_first_written() {
    let disk = SimulatedDisk::new(1, Faults::default());
    disk.create(file()).and_then(|file| file.write_at(0, LOG)).expect("a good disk");
    assert_eq!(lines(&read_all(dir(), &disk.shared())), LINES);
    let log = opened(&disk, small());
    assert_eq!(append_each(&log, [admit(after_click(2, creditable(15)))]).len(), 1);
    log.close().expect("a good disk");
    let rows = read_all(dir(), &disk.shared());
    assert_eq!(credits(&rows).last().map(|(_, credit)| credit.is_some()), Some(true));
    assert!(written().bytes(file()).starts_with(LOG), "a changed layout needs a new kind of frame");
}

#[test]
#[ignore = "writes the files that the other tests compare with"]
fn write_the_golden_log_of_touches() {
    let disk = written();
    let bytes = disk.bytes(file());
    // The last frame may end in zeros.
    let end = bytes.iter().rposition(|&byte| byte != 0).expect("frames") + 64;
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/log/v1-touches");
    let real: Arc<dyn Disk> = Arc::new(RealDisk);
    real.create_dir(&target).expect("a directory");
    let text = lines(&read_all(dir(), &disk.shared()));
    for (name, bytes) in [("0000000000000001.log", &bytes[..end]), ("expected.ndjson", text.as_bytes())] {
        let _ = real.unlink(&target.join(name));
        real.create(&target.join(name)).and_then(|file| file.write_at(0, bytes)).expect("a good disk");
    }
}

#[test]
fn a_touch_is_acknowledged_as_its_class_says() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let log = opened(&disk, small());
    let answers = append_each(&log, [admit_touch(touch(TouchKind::Click, 1))]);
    let Ok(Appended::Stored(proof)) = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(proof.ack().name(), "os");
}
