//! `/{9..12}/accounts/{account}/test_events`: a test of the account's own site, and what was seen of it.

use serde::Serialize;
use serde_json::json;

use super::envelope::{done, failed};
use crate::domain::conversion::{ShortText, Source};
use crate::domain::event::EventType;
use crate::domain::time::{Rng, Timestamp};
use crate::http::response::Answer;
use crate::service::account_caller::AccountCaller;
use crate::service::api_error::ApiError;
use crate::service::test_event::{Hint, TestEvent};
use crate::service::test_events::{EVENTS_MAX, Test, TestEvents};

/// GET shows the test there is, POST begins another one.
pub(super) fn answer(
    tests: &TestEvents,
    caller: &AccountCaller,
    method: &str,
    rng: &dyn Rng,
    now: Timestamp,
) -> Answer {
    let test = match method {
        "POST" => match tests.begin(caller, rng, now) {
            Ok(test) => Some(test),
            Err(error) => {
                let message = error.to_string().into();
                let error = ApiError { code: "OVER_CAPACITY", message, parameter: None };
                return failed(503, &[error]).with("Retry-After", "60");
            }
        },
        _ => tests.of(caller, now),
    };
    let params = json!({"account_id": caller.account_id().to_string()});
    done(&params, &TestView::of(test.as_ref()))
}

#[derive(Serialize)]
struct TestView<'a> {
    /// None of these without a test.
    code: Option<String>,
    ends_at: Option<String>,
    events_max: usize,
    events: Vec<EventView<'a>>,
}

#[derive(Serialize)]
struct EventView<'a> {
    at: String,
    source: Option<&'static str>,
    pixel_id: Option<String>,
    event_tag_id: Option<String>,
    name: Option<&'a str>,
    event: Option<&'static str>,
    outcome: &'static str,
    reason: Option<&'static str>,
    text: &'a str,
    id: Option<String>,
    value_micros: Option<i64>,
    currency: Option<String>,
    match_keys: &'a [&'static str],
    origin: Option<&'a str>,
    origin_ok: bool,
    regime: Option<&'static str>,
    basis: Option<&'static str>,
    hints: Vec<HintView>,
}

#[derive(Serialize)]
struct HintView {
    code: &'static str,
    text: &'static str,
}

impl<'a> TestView<'a> {
    fn of(test: Option<&'a Test>) -> Self {
        Self {
            code: test.map(|test| test.code.to_string()),
            ends_at: test.map(|test| test.ends_at.to_string()),
            events_max: EVENTS_MAX,
            events: test.into_iter().flat_map(|test| &test.events).map(EventView::of).collect(),
        }
    }
}

impl<'a> EventView<'a> {
    fn of(event: &'a TestEvent) -> Self {
        let hint = |hint: &Hint| HintView { code: hint.code(), text: hint.text() };
        Self {
            at: event.at.to_string(),
            source: event.source.map(Source::name),
            pixel_id: event.pixel_id.map(|id| id.to_string()),
            event_tag_id: event.event_tag_id.map(|id| id.to_string()),
            name: event.name.as_ref().map(ShortText::as_str),
            event: event.event.map(EventType::name),
            outcome: event.outcome.word,
            reason: event.outcome.reason,
            text: &event.outcome.text,
            id: event.outcome.row.map(|id| id.to_string()),
            value_micros: event.value.map(|value| value.micros()),
            currency: event.value.map(|value| value.currency().to_string()),
            match_keys: &event.match_keys,
            origin: event.origin.as_deref(),
            origin_ok: event.origin_ok,
            regime: event.permitted.map(|(regime, _)| regime.name()),
            basis: event.permitted.map(|(_, basis)| basis.name()),
            hints: event.hints.iter().map(hint).collect(),
        }
    }
}
