//! The advertisers' API, in X's words: `/{version}/accounts…`, `/{version}/measurement/conversions/{pixel}`.
//!
//! Every answer is JSON, says what was asked for, and how many requests the account has left. What belongs to another
//! account is not there.

mod auth;
mod conversions;
mod envelope;
mod event_tags;
mod stats;
mod test_events;
mod unstored_events;

use std::sync::Arc;

use self::envelope::{done, refused};
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use crate::domain::opt_out::OptOutView;
use crate::service::account_caller::AccountCaller;
use crate::service::api_error::ApiErrors;
use crate::service::api_limits::ApiLimits;
use crate::service::event_tag_registry::EventTagRegistry;
use crate::service::nonces::Nonces;
use crate::service::pixel::PixelService;
use crate::service::reports::ReportService;
use crate::service::tag_watch::TagWatch;
use crate::service::test_events::TestEvents;

/// What all workers have in common.
#[derive(Clone)]
pub struct Api {
    pub nonces: Arc<Nonces>,
    pub limits: Arc<ApiLimits>,
    pub event_tags: Arc<dyn EventTagRegistry>,
    pub tags: Arc<TagWatch>,
    pub tests: Arc<TestEvents>,
    pub reports: ReportService,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource<'p> {
    Accounts,
    Account(&'p str),
    /// Of the account with the first id; the one with the second, or all.
    EventTags(&'p str, Option<&'p str>),
    /// Of the account with this id.
    TestEvents(&'p str),
    UnstoredEvents(&'p str),
    /// Of the pixel with this id.
    Conversions(&'p str),
    /// Of the account with this id.
    Stats(&'p str),
}

impl<'p> Resource<'p> {
    pub(super) fn parse(path: &'p str) -> Option<Self> {
        let (version, rest) = path.strip_prefix('/')?.split_once('/')?;
        let version: u8 = version.parse().ok().filter(|number: &u8| number.to_string() == version)?;
        let mut parts = rest.split('/');
        let resource = match (version, parts.next()?, parts.next(), parts.next()) {
            (1..=12, "accounts", None, None) => Self::Accounts,
            (1..=12, "accounts", Some(id), None) => Self::Account(id),
            (9..=12, "accounts", Some(id), Some("web_event_tags")) => Self::EventTags(id, parts.next()),
            (9..=12, "accounts", Some(id), Some("test_events")) => Self::TestEvents(id),
            (9..=12, "accounts", Some(id), Some("unstored_events")) => Self::UnstoredEvents(id),
            (5..=12, "stats", Some("accounts"), Some(id)) => Self::Stats(id),
            (11 | 12, "measurement", Some("conversions"), Some(pixel_id)) => Self::Conversions(pixel_id),
            _ => return None,
        };
        parts.next().is_none().then_some(resource)
    }

    /// The methods that it takes; nothing else is answered.
    pub(super) const fn methods(self) -> &'static str {
        match self {
            Self::Accounts | Self::Account(_) | Self::UnstoredEvents(_) | Self::Stats(_) => "GET",
            Self::Conversions(_) => "POST",
            Self::EventTags(_, None) | Self::TestEvents(_) => "GET, POST",
            Self::EventTags(_, Some(_)) => "GET, PUT, DELETE",
        }
    }

    pub(super) const fn bytes_max(self) -> usize {
        match self {
            Self::Accounts | Self::Account(_) | Self::UnstoredEvents(_) | Self::Stats(_) => 0,
            Self::Conversions(_) => conversions::BODY_BYTES_MAX,
            // The second takes nothing from it; OAuth signs one all the same.
            Self::EventTags(..) | Self::TestEvents(_) => event_tags::BODY_BYTES_MAX,
        }
    }
}

pub(super) fn answer<'s, V: OptOutView + Send + Sync>(
    pixel: &'s PixelService<V>,
    api: &'s Api,
    resource: Resource<'_>,
    head: &Head<'_>,
    body: &[u8],
) -> Answering<'s> {
    let (live, now) = (pixel.live.load(), pixel.clock.now());
    let takes_pixel_token = matches!(resource, Resource::Conversions(_));
    let Some(caller) = auth::authenticate(&live, &api.nonces, head, body, takes_pixel_token, now) else {
        return Answering::Now(auth::unknown(takes_pixel_token));
    };
    let allowance = api.limits.take(caller.account_id(), now);
    if allowance.is_exceeded {
        return Answering::Now(envelope::with_allowance(envelope::too_many(allowance, now), allowance));
    }
    let answering = match resource {
        Resource::Conversions(pixel_id) => conversions::upload(pixel, &caller, pixel_id, head, body),
        Resource::Accounts => {
            let accounts = account(&live, &caller).into_iter().collect::<Vec<_>>();
            Answering::Now(done(&serde_json::json!({}), &accounts))
        }
        Resource::EventTags(id, _)
        | Resource::TestEvents(id)
        | Resource::UnstoredEvents(id)
        | Resource::Stats(id)
            if id.parse() != Ok(caller.account_id()) =>
        {
            Answering::Now(no_account(id))
        }
        Resource::EventTags(_, tag_id) => event_tags::answer(api, caller, tag_id, head, body),
        Resource::TestEvents(_) => {
            Answering::Now(test_events::answer(&api.tests, &caller, head.method, &*pixel.rng, now))
        }
        Resource::UnstoredEvents(_) => Answering::Now(unstored_events::answer(&api.tags, &caller)),
        Resource::Stats(_) => {
            let currency = live.registry.currency(caller.account_id());
            stats::answer(&api.reports, caller, currency, head)
        }
        Resource::Account(id) => {
            let is_own = id.parse() == Ok(caller.account_id());
            let answer = match account(&live, &caller).filter(|_| is_own) {
                Some(account) => done(&serde_json::json!({"account_id": account.id}), &account),
                None => no_account(id),
            };
            Answering::Now(answer)
        }
    };
    // In one place for all of them, so that no answer lacks it.
    match answering {
        Answering::Now(answer) => Answering::Now(envelope::with_allowance(answer, allowance)),
        Answering::Later(answer) => {
            Answering::later(async move { envelope::with_allowance(answer.await, allowance) })
        }
    }
}

fn no_account(id: &str) -> Answer {
    refused(&ApiErrors::not_found(format!("account ({}) was not found", envelope::short(id))))
}

/// The caller's account, as X shows one.
#[derive(serde::Serialize)]
struct AccountView {
    id: String,
    name: String,
    timezone: &'static str,
    created_at: &'static str,
    updated_at: &'static str,
    deleted: bool,
    approval_status: &'static str,
}

fn account(live: &crate::service::live::Live, caller: &AccountCaller) -> Option<AccountView> {
    let name = live.registry.account_name(caller.account_id())?;
    Some(AccountView {
        id: caller.account_id().to_string(),
        name: name.to_owned(),
        // All times of this API are in it.
        timezone: "UTC",
        // Accounts are in the configuration, which does not say since when.
        created_at: "1970-01-01T00:00:00Z",
        updated_at: "1970-01-01T00:00:00Z",
        deleted: false,
        approval_status: "ACCEPTED",
    })
}
