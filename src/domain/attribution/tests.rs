use super::*;
use crate::domain::conversion::{Identifiers, Source};
use crate::domain::event::EventType;
use crate::domain::id::{CampaignId, ClickId, LineItemId, PixelId};
use crate::domain::link::LinkName;
use crate::domain::touch::Touch;

/// Lists, gone through from end to end.
#[derive(Default)]
struct Lists {
    touches: Vec<(Touch, bool)>,
    seen: Vec<Sighting>,
}

impl Lists {
    fn candidates(&self) -> impl Iterator<Item = Candidate<'_>> {
        self.touches.iter().map(|(touch, may_link)| Candidate {
            id: touch.id,
            at: touch.at,
            kind: touch.kind,
            browser_id: touch.browser_id,
            placement: &touch.placement,
            may_link: *may_link,
        })
    }
}

impl TouchView for Lists {
    fn of_click(&self, click_id: IssuedClickId) -> Option<Candidate<'_>> {
        let at = self.touches.iter().position(|(touch, _)| touch.click_id == Some(click_id))?;
        self.candidates().nth(at)
    }

    fn latest(&self, browser_id: BrowserId, wanted: Wanted) -> Option<Candidate<'_>> {
        let theirs = self.candidates().filter(|found| {
            found.browser_id == Some(browser_id)
                && found.placement.account_id == wanted.account_id
                && found.kind == wanted.kind
                && found.at <= wanted.until
                && (found.may_link || !wanted.linkable)
        });
        theirs.max_by_key(|found| (found.at, found.id))
    }

    fn seen_with(&self, person: Person, account_id: AccountId) -> impl Iterator<Item = Sighting> {
        let is_theirs =
            move |seen: &&Sighting| (seen.shown.person, seen.shown.account_id) == (person, account_id);
        self.seen.iter().filter(is_theirs).copied()
    }
}

const DAY: u64 = MS_PER_DAY;
const NOW: u64 = 100 * DAY;
const WINDOWS: Windows = Windows { click_days: 7, view_days: 1 };
const EMAIL: Person = Person::Email(HashedEmail::from_bytes([9; 32]));

fn account(number: u64) -> AccountId {
    AccountId::from_number(number)
}

fn browser(number: u8) -> BrowserId {
    BrowserId::from_bytes([number; 16])
}

fn click(number: u8) -> IssuedClickId {
    IssuedClickId::from_bytes([number; 16])
}

fn touch(number: u8, kind: TouchKind, at: u64) -> Touch {
    let placement = Placement {
        account_id: account(1),
        link: LinkName::from_stored("spring"),
        campaign_id: CampaignId::from_number(2),
        line_item_id: LineItemId::from_number(3),
    };
    Touch {
        id: EventId::from_bytes([number; 16]),
        at: Timestamp(at),
        kind,
        placement: Arc::new(placement),
        browser_id: Some(browser(1)),
        click_id: None,
        country: None,
    }
}

fn conversion() -> Conversion {
    Conversion {
        id: EventId::from_bytes([0; 16]),
        at: Timestamp(NOW),
        account_id: account(1),
        pixel_id: PixelId::from_number(1),
        event_tag_id: None,
        windows: Some(WINDOWS),
        event: EventType::Purchase,
        source: Source::Pixel,
        event_id: None,
        conversion_id: None,
        value: None,
        quantity: None,
        identifiers: Identifiers { browser_id: Some(browser(1)), ..Identifiers::default() },
        page: None,
        country: None,
        restricted_data_use: false,
        origin_ok: true,
    }
}

/// The number of the touch that is credited, and by which key.
fn credited(conversion: &Conversion, lists: &Lists) -> Option<(u8, CreditKey)> {
    let credit = Claim::of(conversion, true, conversion.at)?.credit(lists)?;
    Some((credit.touch_id.bytes()[0], credit.key))
}

#[track_caller]
fn check(touches: &[(u8, TouchKind, u64)], expect: Option<u8>) {
    let touches = touches.iter().map(|&(number, kind, at)| (touch(number, kind, at), true)).collect();
    let found = credited(&conversion(), &Lists { touches, seen: Vec::new() });
    assert_eq!(found, expect.map(|number| (number, CreditKey::BrowserId)));
}

#[test]
fn both_borders_of_a_window_count() {
    use TouchKind::{Click, View};
    check(&[(1, Click, NOW - 7 * DAY)], Some(1));
    check(&[(1, Click, NOW - 7 * DAY - 1)], None);
    check(&[(1, View, NOW - DAY)], Some(1));
    check(&[(1, View, NOW - DAY - 1)], None);
    check(&[(1, Click, NOW)], Some(1));
    check(&[(1, Click, NOW + 1), (2, View, NOW + 1)], None);
}

#[test]
fn any_click_goes_before_any_view_and_then_the_latest_counts() {
    use TouchKind::{Click, View};
    check(&[(1, Click, NOW - 6 * DAY), (2, View, NOW - 1)], Some(1));
    check(&[(1, View, NOW - 5), (2, View, NOW - 9)], Some(1));
    check(&[(1, Click, NOW - 8 * DAY), (2, View, NOW - 1)], Some(2));
    check(&[(3, Click, NOW - 5), (4, Click, NOW - 5), (2, Click, NOW - 5)], Some(4));
}

#[test]
fn a_window_of_no_days_has_nothing_in_it() {
    let windows = Some(Windows { view_days: 0, ..WINDOWS });
    let lists = Lists { touches: vec![(touch(1, TouchKind::View, NOW), true)], seen: Vec::new() };
    assert_eq!(credited(&Conversion { windows, ..conversion() }, &lists), None);
    assert_eq!(credited(&Conversion { windows: None, ..conversion() }, &lists), None, "without an event tag");
}

#[test]
fn the_click_id_goes_before_the_browser_and_the_browser_before_a_hash() {
    let by_id = Touch { click_id: Some(click(1)), browser_id: None, ..touch(1, TouchKind::Click, NOW - 9) };
    let of_browser = touch(2, TouchKind::Click, NOW - 5);
    let of_person = Touch { browser_id: Some(browser(3)), ..touch(3, TouchKind::Click, NOW - 1) };
    let Person::Email(hash) = EMAIL else { unreachable!("it is an address") };
    let text: ClickId = click(1).expose().parse().expect("a click id");
    let mut lists = Lists { seen: vec![seen_on(Trail::Browser(browser(3)))], ..Lists::default() };
    let mut all = conversion();
    all.identifiers.click_id = Some(text);
    all.identifiers.hashed_email = Some(hash);
    for (touch, expect) in [
        (of_person, (3, CreditKey::HashedEmail)),
        (of_browser, (2, CreditKey::BrowserId)),
        (by_id, (1, CreditKey::ClickId)),
    ] {
        lists.touches.push((touch, true));
        assert_eq!(credited(&all, &lists), Some(expect));
    }
    // Whatever finds it, a click goes before a view.
    lists.touches.truncate(1);
    lists.touches.push((touch(4, TouchKind::View, NOW), true));
    assert_eq!(credited(&all, &lists), Some((3, CreditKey::HashedEmail)));
}

#[test]
fn nothing_of_another_account_counts() {
    let mut theirs = touch(1, TouchKind::Click, NOW);
    theirs.click_id = Some(click(1));
    let mut own = conversion();
    own.account_id = account(2);
    own.identifiers.click_id = click(1).expose().parse().ok();
    let lists = Lists { touches: vec![(theirs, true)], seen: Vec::new() };
    assert_eq!(credited(&own, &lists), None);
}

/// A conversion on another device of somebody whose address browser 1 has shown.
fn elsewhere() -> (Conversion, Lists) {
    let mut elsewhere = conversion();
    let Person::Email(hash) = EMAIL else { unreachable!("it is an address") };
    elsewhere.identifiers =
        Identifiers { browser_id: Some(browser(2)), hashed_email: Some(hash), ..Identifiers::default() };
    let lists = Lists {
        touches: vec![(touch(1, TouchKind::Click, NOW), true)],
        seen: vec![seen_on(Trail::Browser(browser(1)))],
    };
    (elsewhere, lists)
}

fn seen_on(trail: Trail) -> Sighting {
    let shown = Shown { person: EMAIL, account_id: account(1), trail, via: None, beside: None };
    Sighting { shown, first: Timestamp(NOW), last: Timestamp(NOW) }
}

#[test]
fn devices_are_joined_only_where_all_of_it_was_permitted() {
    let (elsewhere, mut lists) = elsewhere();
    assert_eq!(credited(&elsewhere, &lists), Some((1, CreditKey::HashedEmail)));
    let claim = |conversion: &Conversion, may_link| Claim::of(conversion, may_link, conversion.at);
    assert!(claim(&elsewhere, false).expect("a claim").credit(&lists).is_none(), "not for the conversion");
    let restricted = Conversion { restricted_data_use: true, ..elsewhere.clone() };
    assert_eq!(credited(&restricted, &lists), None);
    lists.touches[0].1 = false;
    assert_eq!(credited(&elsewhere, &lists), None, "not for the touch");
    assert_eq!(shown_together(&elsewhere, true).count(), 1);
    assert_eq!(shown_together(&elsewhere, false).count() + shown_together(&restricted, true).count(), 0);
}

#[test]
fn restricted_data_use_leaves_what_the_click_and_the_browser_say() {
    let restricted = Conversion { restricted_data_use: true, ..conversion() };
    let lists = Lists { touches: vec![(touch(1, TouchKind::Click, NOW), true)], seen: Vec::new() };
    assert_eq!(credited(&restricted, &lists), Some((1, CreditKey::BrowserId)));
}

#[test]
fn a_hash_counts_from_when_it_was_first_seen_to_30_days_after_the_last_time() {
    let (elsewhere, mut lists) = elsewhere();
    for (first, last, expect) in [
        (NOW, NOW + DAY, true),
        (NOW + 1, NOW + DAY, false),
        (NOW - 90 * DAY, NOW - 30 * DAY, true),
        (NOW - 90 * DAY, NOW - 30 * DAY - 1, false),
    ] {
        lists.seen[0].first = Timestamp(first);
        lists.seen[0].last = Timestamp(last);
        assert_eq!(credited(&elsewhere, &lists).is_some(), expect, "{first} to {last}");
    }
}

#[test]
fn a_hash_of_too_many_browsers_is_nobodys() {
    let (elsewhere, mut lists) = elsewhere();
    for number in 0..15 {
        lists.seen.push(seen_on(Trail::Browser(browser(100 + number))));
    }
    assert_eq!(lists.seen.len(), TRAILS_MAX);
    assert!(credited(&elsewhere, &lists).is_some());
    lists.seen.push(seen_on(Trail::Browser(browser(114))));
    assert!(credited(&elsewhere, &lists).is_some(), "a browser counts once");
    lists.seen.push(seen_on(Trail::Click(click(1))));
    assert!(credited(&elsewhere, &lists).is_none());
}

#[test]
fn a_conversion_that_becomes_known_after_a_week_gets_no_credit() {
    let known = |late_ms| Claim::of(&conversion(), true, Timestamp(NOW + late_ms)).is_some();
    assert!(known(7 * DAY) && !known(7 * DAY + 1));
    assert!(Claim::of(&conversion(), true, Timestamp(NOW - 1)).is_some(), "clocks differ");
}

#[test]
fn a_credit_says_on_whom_else_it_rests() {
    let (elsewhere, mut lists) = elsewhere();
    let others = |conversion: &Conversion, lists: &Lists| {
        let claim = Claim::of(conversion, true, conversion.at).expect("a claim");
        claim.credit(lists).expect("a credit").others
    };
    let of_browser = |number| Some(Subject::Browser(browser(number)));
    assert_eq!(others(&elsewhere, &lists), [of_browser(1), None, None]);
    assert_eq!(others(&conversion(), &lists), [None; 3]);
    let phone = Person::Phone(HashedPhone::from_bytes([8; 32]));
    lists.touches[0].0.click_id = Some(click(1));
    let seen = seen_on(Trail::Click(click(1)));
    lists.seen =
        vec![Sighting { shown: Shown { via: Some(browser(4)), beside: Some(phone), ..seen.shown }, ..seen }];
    assert_eq!(others(&elsewhere, &lists), [of_browser(1), of_browser(4), Some(phone.subject())]);
    let mut own = elsewhere;
    own.identifiers.browser_id = Some(browser(4));
    assert_eq!(others(&own, &lists), [of_browser(1), None, Some(phone.subject())]);
}
