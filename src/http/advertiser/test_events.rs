//! `/advertiser/test`: an advertiser tries out their own site, and sees what becomes of each event while it happens.
//!
//! Works without script: then the page loads itself again.

use askama::Template;

use super::words::amount;
use super::{Asked, STYLE_NOW};
use crate::consent::evidence::Basis;
use crate::domain::conversion::{ShortText, Source};
use crate::domain::settings::Registry;
use crate::domain::time::{MS_PER_MINUTE, Rng};
use crate::http::figures::moment;
use crate::http::pages::{self, Policy};
use crate::http::privacy;
use crate::http::response::Answer;
use crate::http::test_code::NAME;
use crate::service::account_caller::AccountCaller;
use crate::service::test_event::{Hint, TestEvent};
use crate::service::test_events::{EVENTS_MAX, Test, TestEvents, TooManyTests};

/// What there is of the account's test, if it has one.
pub(super) fn page(asked: &Asked<'_, '_>, caller: &AccountCaller, tests: &TestEvents) -> Answer {
    let test = tests.of(caller, asked.now);
    shown(asked, caller, test.as_ref(), None)
}

/// Begins a test, and shows it.
pub(super) fn begin(
    asked: &Asked<'_, '_>,
    caller: &AccountCaller,
    body: &[u8],
    tests: &TestEvents,
    rng: &dyn Rng,
) -> Answer {
    if !asked.forms.is_of_session(asked.head, body, asked.session(), asked.now) {
        return privacy::not_ours();
    }
    match tests.begin(caller, rng, asked.now) {
        Ok(_) => pages::see_other(PATH, &[]).with("Cache-Control", "no-store"),
        Err(full) => {
            let answer = shown(asked, caller, None, Some(full));
            Answer { status: 503, ..answer }.with("Retry-After", "60")
        }
    }
}

fn shown(
    asked: &Asked<'_, '_>,
    caller: &AccountCaller,
    test: Option<&Test>,
    refused: Option<TooManyTests>,
) -> Answer {
    let registry = &asked.live.registry;
    let page = Page {
        style: STYLE_NOW,
        script: SCRIPT_NOW,
        account: registry.account_name(caller.account_id()).unwrap_or_default(),
        token: asked.forms.session_token(asked.session(), asked.now),
        refused,
        still: asked.head.query == STILL,
        now: moment(asked.now),
        test: test.map(|test| TestView::of(test, asked, registry)),
    };
    pages::page_under(&page, Policy::WithOwnScriptAndForms).with("Vary", "Cookie")
}

#[derive(Template)]
#[template(path = "test_events.html", config = "static/advertiser/askama.toml")]
struct Page<'a> {
    style: &'static str,
    script: &'static str,
    account: &'a str,
    token: String,
    refused: Option<TooManyTests>,
    /// Does not bring itself up to date.
    still: bool,
    now: String,
    test: Option<TestView>,
}

impl Page<'_> {
    /// Whether anything new may come.
    fn is_live(&self) -> bool {
        self.test.as_ref().is_some_and(|test| !test.is_full) && !self.still
    }
}

struct TestView {
    /// `pg_test=…`
    parameter: String,
    minutes_left: u64,
    /// How many events there are, in words.
    count: String,
    is_full: bool,
    /// The newest first.
    events: Vec<EventView>,
}

struct EventView {
    /// `03:04:05`, and in full for programs.
    time: String,
    at: String,
    /// What it is called, and the event tag that it is for.
    name: String,
    tag: Option<String>,
    word: &'static str,
    text: String,
    facts: Vec<(&'static str, String)>,
    hints: Vec<&'static str>,
}

impl TestView {
    fn of(test: &Test, asked: &Asked<'_, '_>, registry: &Registry) -> Self {
        let events = test.events.len();
        let count = match events {
            0 => "No event yet.".to_owned(),
            1 => "1 event.".to_owned(),
            EVENTS_MAX => format!("{EVENTS_MAX} events, and this code shows no more."),
            _ => format!("{events} events, the newest first."),
        };
        Self {
            parameter: format!("{NAME}={}", test.code),
            minutes_left: test.ends_at.ms_since(asked.now).div_ceil(MS_PER_MINUTE),
            count,
            is_full: events >= EVENTS_MAX,
            events: test.events.iter().rev().map(|event| EventView::of(event, registry)).collect(),
        }
    }
}

impl EventView {
    fn of(event: &TestEvent, registry: &Registry) -> Self {
        let at = event.at.to_string();
        let tag = event.event_tag_id.map(|id| match registry.event_tag(id) {
            Some((pixel, tag)) => format!("{} (tw-{}-{id})", tag.name, pixel.id),
            None => id.to_string(),
        });
        let name = event.name.as_ref().map(ShortText::as_str);
        let name =
            name.or_else(|| event.event.map(|event| event.name())).unwrap_or("An event without a name");
        Self {
            time: at[11..19].to_owned(),
            name: name.to_owned(),
            tag,
            word: event.outcome.word,
            text: event.outcome.text.clone(),
            facts: facts(event),
            hints: event.hints.iter().copied().map(Hint::text).collect(),
            at,
        }
    }
}

/// Names and values of what there is.
fn facts(event: &TestEvent) -> Vec<(&'static str, String)> {
    let by = event.source.map(|source| match source {
        Source::Pixel => "the pixel".to_owned(),
        Source::Api => "the Conversion API".to_owned(),
    });
    let pixel = event.pixel_id.filter(|_| event.event_tag_id.is_none());
    let origin = event.origin.as_ref().map(|origin| match event.origin_ok {
        true => origin.clone(),
        false => format!("{origin}, which is none of the pixel's origins"),
    });
    let keys = event.event.map(|_| match event.match_keys.is_empty() {
        true => "none".to_owned(),
        false => event.match_keys.join(", "),
    });
    let permitted = event
        .permitted
        .map(|(regime, basis)| format!("{} ({}, {})", basis_text(basis), regime.name(), basis.name()));
    let facts = [
        ("Came by", by),
        ("Pixel, and none of its event tags", pixel.map(|id| id.to_string())),
        ("Value", event.value.map(|value| amount((value.currency(), value.micros().into())))),
        ("Match keys", keys),
        ("Page of", origin),
        ("Permitted", permitted),
        ("Reason", event.outcome.reason.map(str::to_owned)),
        ("Row", event.outcome.row.map(|id| id.to_string())),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

const fn basis_text(basis: Basis) -> &'static str {
    match basis {
        Basis::NotRequired => "nothing is asked for there but to honour an opt-out, and there was none",
        Basis::NotOptedOut => "the law asks for no more than that nobody has opted out, and nobody had",
        Basis::WithoutIdentifiers => "the person has opted out, so it was kept without any identifier",
        Basis::Consent => "the person consented",
        Basis::LegitimateInterest => "legitimate interest, which was shown and not objected to",
        Basis::Default => "the server's default, as the request said nothing and its country is not known",
    }
}

pub(super) const PATH: &str = "/advertiser/test";
/// A new version of the program has a new one.
const SCRIPT_NOW: &str = concat!("/advertiser/live.js?v=", env!("CARGO_PKG_VERSION"));
/// The query of a page that does not bring itself up to date.
const STILL: &str = "still";
