use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use super::*;
use crate::consent::activity::ActivitySet;
use crate::consent::evidence::Basis;
use crate::consent::policy::{PolicyVersion, Regime};
use crate::domain::attribution::{CreditKey, SEEN_DAYS_MAX, TRAILS_MAX, Windows};
use crate::domain::conversion::{Identifiers, Source};
use crate::domain::event::EventType;
use crate::domain::id::{CampaignId, HashedEmail, HashedPhone, LineItemId, PixelId};
use crate::domain::link::LinkName;

const DAY: u64 = MS_PER_DAY;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    /// Within two months, and often at or right beside the border of a window before or after another such time.
    fn time(&mut self) -> Timestamp {
        let days = [0, 0, 1, 7, 14, 30][self.below(6) as usize];
        let base = (60 + days) * DAY + self.below(3) * 1_000;
        let beside = self.below(3);
        Timestamp(if self.one_in(3) { 60 * DAY + self.below(30 * DAY) } else { base + beside - 1 })
    }
}

fn evidence(may_link: bool) -> Evidence {
    let link = may_link.then_some(ActivityKind::LinkDevices);
    Evidence {
        regime: Regime::None,
        basis: Basis::NotRequired,
        activities: ActivitySet::of([ActivityKind::Measure, ActivityKind::Identify].into_iter().chain(link)),
        policy: PolicyVersion(0),
        decided_at: Timestamp(0),
    }
}

/// What one row of a history says.
#[derive(Debug, Clone)]
enum Step {
    Touch(Touch, bool),
    Conversion(Conversion, bool),
    Forget(Subject),
}

fn touch(random: &mut Random, number: u64) -> Touch {
    let link = random.below(2);
    let placement = Placement {
        account_id: AccountId::from_number(1 + random.below(2)),
        link: LinkName::from_stored(if link == 0 { "a" } else { "b" }),
        campaign_id: CampaignId::from_number(link),
        line_item_id: LineItemId::from_number(link),
    };
    let kind = if random.one_in(2) { TouchKind::Click } else { TouchKind::View };
    let mut id = [0; 16];
    // Not in the order of the times: ties are settled by it.
    id[0] = random.next() as u8;
    id[8..].copy_from_slice(&number.to_be_bytes());
    let is_click = kind == TouchKind::Click && !random.one_in(4);
    let mut click_id = [0; 16];
    click_id[8..].copy_from_slice(&number.to_be_bytes());
    Touch {
        id: EventId::from_bytes(id),
        at: random.time(),
        kind,
        placement: Arc::new(placement),
        browser_id: (!random.one_in(4)).then(|| browser(random.below(3))),
        click_id: is_click.then(|| IssuedClickId::from_bytes(click_id)),
        country: None,
    }
}

fn browser(number: u64) -> BrowserId {
    BrowserId::from_bytes([number as u8; 16])
}

fn email(number: u64) -> HashedEmail {
    HashedEmail::from_bytes([number as u8; 32])
}

fn conversion(random: &mut Random, touches: u64) -> Conversion {
    let days = |random: &mut Random, days: &[u8]| days[random.below(days.len() as u64) as usize];
    let mut click_id = [0; 16];
    click_id[8..].copy_from_slice(&random.below(touches.max(1)).to_be_bytes());
    let click_id = IssuedClickId::from_bytes(click_id).expose().parse().expect("a click id");
    Conversion {
        id: EventId::from_bytes([0; 16]),
        at: random.time(),
        account_id: AccountId::from_number(1 + random.below(2)),
        pixel_id: PixelId::from_number(1),
        event_tag_id: None,
        windows: (!random.one_in(8)).then(|| Windows {
            click_days: days(random, &[1, 7, 14, 30]),
            view_days: days(random, &[0, 1, 7, 14, 30]),
        }),
        event: EventType::Purchase,
        source: Source::Pixel,
        event_id: None,
        conversion_id: None,
        value: None,
        quantity: None,
        identifiers: Identifiers {
            browser_id: random.one_in(2).then(|| browser(random.below(4))),
            click_id: random.one_in(4).then_some(click_id),
            hashed_email: (!random.one_in(3)).then(|| email(random.below(2))),
            hashed_phone: random.one_in(4).then(|| HashedPhone::from_bytes([random.below(2) as u8; 32])),
        },
        page: None,
        country: None,
        restricted_data_use: random.one_in(8),
        origin_ok: true,
    }
}

fn history(random: &mut Random) -> Vec<Step> {
    let mut touches = 0;
    let steps = 2 + random.below(24);
    let step = |_| match random.below(12) {
        0..5 => {
            touches += 1;
            Step::Touch(touch(random, touches), !random.one_in(4))
        }
        5..11 => Step::Conversion(conversion(random, touches + 1), !random.one_in(4)),
        _ if random.one_in(2) => Step::Forget(Subject::Browser(browser(random.below(3)))),
        _ => Step::Forget(Subject::Email(email(random.below(2)))),
    };
    (0..steps).map(step).collect()
}

/// The rules once more, from the words in `domain::attribution`, on a plain list of all rows that are left.
fn naive(rows: &[Step], wanted: &Conversion, may_link: bool) -> Option<(EventId, CreditKey)> {
    let windows = wanted.windows?;
    let touches = || {
        rows.iter().filter_map(|row| match row {
            Step::Touch(touch, linked) => Some((touch, *linked)),
            _ => None,
        })
    };
    let mut found: Vec<(TouchKind, u8, Timestamp, EventId, CreditKey)> = Vec::new();
    for (touch, linked) in touches() {
        let days = if touch.kind == TouchKind::Click { windows.click_days } else { windows.view_days };
        let age = wanted.at.0.checked_sub(touch.at.0);
        let fits = days > 0
            && age.is_some_and(|age| age <= u64::from(days) * 86_400_000)
            && touch.placement.account_id == wanted.account_id;
        if !fits {
            continue;
        }
        let mut by = |trust: u8, key| found.push((touch.kind, trust, touch.at, touch.id, key));
        let click = touch.click_id.map(|click| click.expose());
        if click.is_some()
            && click.as_deref() == wanted.identifiers.click_id.as_ref().map(|click| click.expose())
        {
            by(9, CreditKey::ClickId);
        }
        if touch.browser_id.is_some() && touch.browser_id == wanted.identifiers.browser_id {
            by(8, CreditKey::BrowserId);
        }
        if !may_link || !linked || wanted.restricted_data_use {
            continue;
        }
        let is_email = |other: &Conversion| other.identifiers.hashed_email;
        let is_phone = |other: &Conversion| other.identifiers.hashed_phone;
        if is_email(wanted).is_some()
            && joins(rows, touch, wanted, &|other| is_email(other) == is_email(wanted))
        {
            by(7, CreditKey::HashedEmail);
        }
        if is_phone(wanted).is_some()
            && joins(rows, touch, wanted, &|other| is_phone(other) == is_phone(wanted))
        {
            by(6, CreditKey::HashedPhone);
        }
    }
    found.into_iter().max().map(|(_, _, _, id, key)| (id, key))
}

/// Whether the rows of the same person have shown what `touch` can be found by, and not too much else.
fn joins(rows: &[Step], touch: &Touch, wanted: &Conversion, same: &dyn Fn(&Conversion) -> bool) -> bool {
    let mut shown: BTreeMap<String, (String, u64, u64)> = BTreeMap::new();
    for row in rows {
        let Step::Conversion(other, true) = row else { continue };
        if !same(other) || other.account_id != wanted.account_id || other.restricted_data_use {
            continue;
        }
        let ids = &other.identifiers;
        let browser = ids.browser_id.map(|browser| browser.expose());
        let click = ids.click_id.as_ref().map(|click| click.expose().to_owned());
        for trail in browser.into_iter().chain(click) {
            // Rows of the same identifiers; which click the browser came by does not matter to it.
            let by_browser = ids.browser_id.is_some_and(|browser| browser.expose() == trail);
            let row = (!by_browser).then_some(&ids.click_id);
            let row = format!("{trail} {:?}", (ids.browser_id, ids.hashed_email, ids.hashed_phone, row));
            let (_, first, last) = shown.entry(row).or_insert((trail, other.at.0, other.at.0));
            (*first, *last) = ((*first).min(other.at.0), (*last).max(other.at.0));
        }
    }
    shown.retain(|_, (_, first, last)| {
        *first <= wanted.at.0 && wanted.at.0 <= *last + SEEN_DAYS_MAX * 86_400_000
    });
    let trails: BTreeSet<_> = shown.into_values().map(|(trail, ..)| trail).collect();
    let own = [touch.browser_id.map(|browser| browser.expose()), touch.click_id.map(|click| click.expose())];
    trails.len() <= TRAILS_MAX && own.into_iter().flatten().any(|own| trails.contains(&own))
}

/// The rows that are left after somebody is forgotten.
fn forget(rows: &mut Vec<Step>, subject: Subject) {
    rows.retain(|row| match row {
        Step::Touch(touch, _) => touch.browser_id.map(Subject::Browser) != Some(subject),
        Step::Conversion(conversion, _) => {
            let ids = &conversion.identifiers;
            ids.browser_id.map(Subject::Browser) != Some(subject)
                && ids.hashed_email.map(Subject::Email) != Some(subject)
        }
        Step::Forget(_) => true,
    });
}

const HISTORIES: u64 = 100_000;

#[test]
fn credits_are_what_a_second_reading_of_the_rules_says() {
    let seed = RandomState::new().hash_one("seed");
    println!("the seed of this run: {seed}");
    let mut random = Random(seed);
    let (mut credited, mut keys) = (0, BTreeMap::<CreditKey, u64>::new());
    for number in 0..HISTORIES {
        let steps = history(&mut random);
        let (mut touches, mut rows) = (Touches::new(1_000), Vec::new());
        for step in &steps {
            match step {
                Step::Touch(touch, may_link) => _ = touches.insert(touch, &evidence(*may_link)),
                Step::Forget(subject) => {
                    touches.forget(*subject);
                    forget(&mut rows, *subject);
                }
                Step::Conversion(conversion, may_link) => {
                    let credit = touches.credit(conversion, &evidence(*may_link), conversion.at);
                    let found = credit.map(|credit| (credit.touch_id, credit.key));
                    let expect = naive(&rows, conversion, *may_link);
                    assert_eq!(found, expect, "history {number}: {conversion:?} after {rows:#?}");
                    if let Some((_, key)) = found {
                        credited += 1;
                        *keys.entry(key).or_default() += 1;
                    }
                    touches.note(conversion, &evidence(*may_link));
                }
            }
            rows.push(step.clone());
        }
    }
    println!("{credited} credits, by {keys:?}");
    assert!(credited > HISTORIES / 10 && keys.len() == CreditKey::ALL.len(), "{credited} {keys:?}");
}

#[test]
fn the_order_in_which_rows_become_known_changes_no_credit() {
    let mut random = Random(RandomState::new().hash_one("order"));
    println!("seed {}", random.0);
    for _ in 0..2_000 {
        let mut steps = history(&mut random);
        steps.retain(|step| !matches!(step, Step::Forget(_)));
        let wanted = conversion(&mut random, 8);
        let mut credit = || {
            let mut touches = Touches::new(1_000);
            for step in &steps {
                match step {
                    Step::Touch(touch, may_link) => _ = touches.insert(touch, &evidence(*may_link)),
                    Step::Conversion(conversion, may_link) => {
                        _ = touches.note(conversion, &evidence(*may_link))
                    }
                    Step::Forget(_) => {}
                }
            }
            steps.reverse();
            touches.credit(&wanted, &evidence(true), wanted.at)
        };
        assert_eq!(credit(), credit());
    }
}

fn numbered(number: u64, at: u64) -> Touch {
    let mut random = Random(number);
    let mut id = [0; 16];
    id[8..].copy_from_slice(&number.to_be_bytes());
    Touch {
        id: EventId::from_bytes(id),
        at: Timestamp(at),
        browser_id: Some(browser(1)),
        click_id: Some(IssuedClickId::from_bytes(id)),
        ..touch(&mut random, number)
    }
}

#[test]
fn what_is_too_old_or_too_many_is_forgotten() {
    let mut touches = Touches::new(100);
    for number in 0..150 {
        touches.insert(&numbered(number, number), &evidence(true));
    }
    assert_eq!((touches.len(), touches.clicks.len(), touches.browsers.len()), (100, 100, 100));
    assert_eq!(touches.rows.keys().next().map(|(at, _)| at.0), Some(50), "the oldest go first");
    touches.expire_some(Timestamp(149));
    assert_eq!((touches.len(), touches.clicks.len(), touches.browsers.len()), (1, 1, 1));
    touches.forget(Subject::Browser(browser(1)));
    assert_eq!((touches.len(), touches.clicks.len(), touches.browsers.len()), (0, 0, 0));
    assert!(touches.placements.len() <= 4, "each placement is kept once");
}

#[test]
fn nothing_counts_that_is_older_than_the_longest_window_and_as_late_as_a_conversion_may_be() {
    let now = Timestamp(100 * DAY);
    let keep = |days: u64| Retain {
        touch: Some(std::time::Duration::from_secs(days * 86_400)),
        ..Retain::default()
    };
    assert_eq!(earliest(now, Retain::default()), Timestamp(63 * DAY));
    assert_eq!(
        (earliest(now, keep(90)), earliest(now, keep(10))),
        (Timestamp(63 * DAY), Timestamp(90 * DAY))
    );
}

#[test]
fn what_was_never_written_is_taken_back() {
    let mut random = Random(7);
    let mut touches = Touches::new(100);
    let mut seen = conversion(&mut random, 1);
    seen.restricted_data_use = false;
    seen.identifiers.browser_id = Some(browser(1));
    seen.identifiers.hashed_email = Some(email(1));
    let mut learned = touches.note(&seen, &evidence(true));
    seen.at = seen.at.plus_ms(1);
    learned.extend(touches.note(&seen, &evidence(true)));
    learned.extend(touches.insert(&numbered(1, 1), &evidence(true)));
    assert!(learned.len() >= 3 && touches.len() == 1);
    learned.into_iter().rev().for_each(|learned| touches.unlearn(learned));
    assert!(touches.len() == 0 && touches.sightings.len() == 0);
}
