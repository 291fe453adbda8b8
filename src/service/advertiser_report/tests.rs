use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::domain::link::{Campaign, LineItem, LinkName, Placement};
use crate::domain::settings::{self, EventTag, Pixel};
use crate::domain::time::{MS_PER_DAY, MS_PER_HOUR};
use crate::service::advertiser_warnings::WarningKind;

/// Noon.
const NOW: Timestamp = Timestamp(20_700 * MS_PER_DAY + MS_PER_DAY / 2);
const HOUR: u64 = NOW.0 / MS_PER_HOUR;

fn account(id: &str) -> AccountId {
    id.parse().expect("an id")
}

fn tag(id: &str, event: EventType) -> EventTag {
    let windows = Windows { click_days: 30, view_days: 1 };
    EventTag { id: id.parse().expect("an id"), name: format!("Tag {id}"), event, windows }
}

/// The account `a` with the pixel `p1` and its tags `t1` (purchases) and `t2` (sign-ups), and `b` with `p2`.
fn registry() -> Registry {
    let pixel = |id: &str, of: &str, event_tags: Vec<EventTag>| Pixel {
        id: id.parse().expect("an id"),
        account_id: account(of),
        origins: Vec::new(),
        directed_to_children: false,
        event_tags,
    };
    let tags = vec![tag("t1", EventType::Purchase), tag("t2", EventType::SignUp)];
    let pixels = vec![pixel("p1", "a", tags), pixel("p2", "b", vec![tag("t3", EventType::Purchase)])];
    let named = |id: &str, name: &str| {
        (account(id), settings::Account { name: name.to_owned(), currency: Currency::USD })
    };
    let accounts = HashMap::from([named("a", "Shop"), named("b", "News")]);
    Registry::new(pixels).with_accounts(accounts)
}

fn links() -> Links {
    let item = |id: &str| LineItem { id: id.parse().expect("an id"), name: format!("Item {id}") };
    let campaign = Campaign {
        id: "c1".parse().expect("an id"),
        account_id: account("a"),
        name: "Spring".to_owned(),
        line_items: vec![item("l1"), item("l2")],
    };
    Links::default().with_campaigns([campaign].into_iter())
}

fn key(tag: &str, hours_ago: u64) -> TallyKey {
    TallyKey {
        account_id: account("a"),
        pixel_id: "p1".parse().expect("an id"),
        event_tag_id: Some(tag.parse().expect("an id")),
        event: EventType::Purchase,
        source: Source::Pixel,
        hour: HOUR - hours_ago,
        credit: None,
    }
}

fn credited(kind: TouchKind, line_item: &str) -> Option<(TouchKind, Arc<Placement>)> {
    let placement = Placement {
        account_id: account("a"),
        link: LinkName::from_stored("spring"),
        campaign_id: "c1".parse().expect("an id"),
        line_item_id: line_item.parse().expect("an id"),
    };
    Some((kind, Arc::new(placement)))
}

/// All of them with a browser id, on no basis but the default.
fn tally(rows: u64, hours_ago: u64) -> Tally {
    Tally {
        rows,
        match_keys: [0, rows, 0, 0],
        bases: [0, 0, rows, 0, 0, 0],
        last_at: Timestamp(NOW.0 - hours_ago * MS_PER_HOUR),
        ..Tally::default()
    }
}

fn money(code: &str, units: i128) -> (Currency, i128) {
    (Currency::parse(code).expect("a currency"), units * 1_000_000)
}

fn of(rows: &[(TallyKey, Tally)], span: Span) -> AdvertiserReport {
    let whose = Account { id: account("a"), registry: &registry(), links: &links() };
    report(rows, &whose, NOW, span)
}

#[test]
fn every_tag_is_there_with_what_it_received_and_nothing_of_another_account() {
    let other = TallyKey { account_id: account("b"), ..key("t1", 0) };
    let api = TallyKey { source: Source::Api, ..key("t1", 1) };
    let with_values = |code, units, tally: Tally| Tally { amounts: vec![money(code, units)], ..tally };
    let rows = [
        (key("t1", 0), with_values("USD", 3, tally(4, 0))),
        (key("t1", 50), with_values("EUR", 5, tally(2, 50))),
        (api, with_values("USD", 1, tally(7, 1))),
        (other, tally(100, 0)),
    ];
    let all = of(&rows, Span::Days30);
    assert_eq!((&*all.account, all.tags.len(), all.starts.len()), ("Shop", 2, 30));
    let (first, second) = (&all.tags[0], &all.tags[1]);
    let amounts = vec![money("EUR", 5), money("USD", 4)];
    assert_eq!(first.received, Received { by_pixel: 6, by_api: 7, amounts });
    assert_eq!((first.tag.name.as_deref(), first.last_at), (Some("Tag t1"), Some(NOW)));
    assert_eq!((second.received.all(), second.last_at), (0, None));
    let lately = of(&rows, Span::Hours48);
    assert_eq!((lately.tags[0].received.all(), lately.starts.len()), (11, 48));
    assert_eq!(lately.tags[0].last_at, Some(NOW));
    let by_part = |report: &AdvertiserReport| -> Vec<_> {
        let parts = report.tags[0].over_time.iter().map(|(received, _)| received.all());
        parts.enumerate().filter(|(_, count)| *count > 0).collect()
    };
    // 50 hours before noon is the day before yesterday.
    assert_eq!(by_part(&all), [(27, 2), (29, 11)]);
    assert_eq!(by_part(&lately), [(46, 7), (47, 4)]);
}

#[test]
fn page_views_without_a_tag_and_tags_that_are_gone_are_lines_where_there_are_any() {
    let views = TallyKey { event_tag_id: None, event: EventType::SiteVisit, ..key("t1", 3) };
    let gone = TallyKey { event: EventType::Download, ..key("t9", 3) };
    let tags = of(&[(views, tally(3, 3)), (gone, tally(5, 3))], Span::Days30).tags;
    let lines: Vec<_> = tags.iter().map(|tag| (tag.tag.id.map(|id| id.to_string()), tag.tag.event)).collect();
    let id = |text: &str| Some(text.to_owned());
    assert_eq!(
        lines,
        [
            (id("t1"), EventType::Purchase),
            (id("t2"), EventType::SignUp),
            (None, EventType::SiteVisit),
            (id("t9"), EventType::Download)
        ]
    );
    assert_eq!(tags[3].tag.name, None);
}

#[test]
fn what_splits_people_is_told_of_ten_and_more_only() {
    let click = TallyKey { credit: credited(TouchKind::Click, "l1"), ..key("t1", 0) };
    let rows = |clicks: u64| [(key("t1", 0), tally(20, 0)), (click.clone(), tally(clicks, 0))];
    let people = of(&rows(10), Span::Days30).tags[0].split.clone();
    assert_eq!(people.credit, Some(Credit { post_click: 10, post_view: 0, none: 20 }));
    assert_eq!(people.match_keys, Some(([0, 30, 0, 0], 0)));
    assert_eq!(people.bases, Some([0, 0, 30, 0, 0, 0]));
    let hidden = of(&rows(9), Span::Days30).tags[0].clone();
    assert_eq!((hidden.split.credit, hidden.received.all()), (None, 29));
    // One of another basis hides the bases, and nothing else.
    let odd = Tally { bases: [0, 0, 0, 1, 0, 0], ..tally(1, 0) };
    let people = of(&[(key("t1", 0), tally(20, 0)), (key("t1", 1), odd)], Span::Days30).tags[0].split.clone();
    assert_eq!((people.bases, people.match_keys), (None, Some(([0, 21, 0, 0], 0))));
}

#[test]
fn a_day_that_is_hidden_cannot_be_had_from_the_others_and_the_sum() {
    let click = |hours_ago| TallyKey { credit: credited(TouchKind::Click, "l1"), ..key("t1", hours_ago) };
    let rows = [
        (key("t1", 0), tally(50, 0)),
        (click(0), tally(4, 0)),
        (key("t1", 24), tally(30, 24)),
        (click(24), tally(30, 24)),
        (key("t1", 48), tally(80, 48)),
        (click(48), tally(80, 48)),
    ];
    let tag = of(&rows, Span::Days30).tags.remove(0);
    assert_eq!(tag.split.credit, Some(Credit { post_click: 114, post_view: 0, none: 160 }));
    let days: Vec<_> =
        tag.over_time[27..].iter().map(|(_, credit)| credit.map(|told| told.post_click)).collect();
    assert_eq!(days, [Some(80), None, None]);
    assert_eq!(tag.over_time[0].1, Some(Credit { post_click: 0, post_view: 0, none: 0 }));
}

#[test]
fn line_items_have_what_they_were_credited_with() {
    let to = |kind, item| TallyKey { credit: credited(kind, item), ..key("t1", 0) };
    let paid = Tally { amounts: vec![money("USD", 70)], ..tally(12, 0) };
    let rows = |others: u64| {
        [
            (key("t1", 0), tally(100, 0)),
            (to(TouchKind::Click, "l1"), paid.clone()),
            (to(TouchKind::View, "l1"), tally(11, 0)),
            (to(TouchKind::Click, "gone"), tally(others, 0)),
        ]
    };
    let items = of(&rows(14), Span::Days30).line_items;
    let names: Vec<_> = items.iter().map(|item| (item.campaign.as_deref(), item.name.as_deref())).collect();
    assert_eq!(names, [(Some("Spring"), Some("Item l1")), (Some("Spring"), Some("Item l2")), (None, None)]);
    assert_eq!(items[1].credited, []);
    let told = Credited { post_click: 12, post_view: 11, amounts: vec![money("USD", 70)] };
    assert_eq!(items[0].credited[0].1, Some(told));
    assert_eq!(items[2].credited[0].1.as_ref().map(|told| told.post_click), Some(14));
    assert_eq!(items[0].credited[0].0.name.as_deref(), Some("Tag t1"));
    // 3 are too few, and they are what the other one lacks to the tag's 15, which are told.
    let items = of(&rows(3), Span::Days30).line_items;
    assert_eq!((&items[0].credited[0].1, &items[2].credited[0].1), (&None, &None));
}

#[track_caller]
fn check_warnings(rows: &[(TallyKey, Tally)], span: Span, expect: &[WarningKind]) {
    let kinds: Vec<_> = of(rows, span).warnings.into_iter().map(|warning| warning.kind).collect();
    assert_eq!(kinds, expect);
}

#[test]
fn what_is_set_up_wrong_is_told_with_an_example() {
    let fine = Tally { amounts: vec![money("USD", 0)], ..tally(30, 0) };
    check_warnings(&[(key("t1", 0), fine.clone())], Span::Days30, &[]);
    let foreign =
        Tally { foreign_origins: 2, foreign_origin: Some("https://x.example".to_owned()), ..fine.clone() };
    let origin = Some("https://x.example".to_owned());
    check_warnings(
        &[(key("t1", 0), foreign)],
        Span::Days30,
        &[WarningKind::ForeignOrigin { events: 2, origin }],
    );
    check_warnings(
        &[(key("t1", 0), tally(3, 0))],
        Span::Days30,
        &[WarningKind::NoValue { events: 3, latest: NOW }],
    );
    // Sign-ups need none.
    check_warnings(&[(key("t2", 0), tally(3, 0))], Span::Days30, &[]);
    for (without, warns) in [(15, false), (16, true)] {
        let keyless = Tally { without_keys: without, ..fine.clone() };
        let expect = [WarningKind::FewMatchKeys { events: 30 }];
        check_warnings(&[(key("t1", 0), keyless)], Span::Days30, if warns { &expect } else { &[] });
    }
    // 9 of 9 are too few to be told.
    check_warnings(&[(key("t2", 0), Tally { without_keys: 9, ..tally(9, 0) })], Span::Days30, &[]);
}

#[test]
fn silence_of_a_week_is_told_whatever_the_span() {
    let at = |hours_ago: u64| [(key("t2", hours_ago), tally(3, hours_ago))];
    for span in Span::ALL {
        check_warnings(&at(7 * 24 - 1), span, &[]);
        let latest = Timestamp(NOW.0 - 7 * MS_PER_DAY);
        check_warnings(&at(7 * 24), span, &[WarningKind::Silent { days: 7, latest }]);
    }
    check_warnings(&[], Span::Days30, &[]);
}
