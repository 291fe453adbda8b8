//! `/advertiser`: what an advertiser's own pixels and ads have done, for people. Works without script.
//!
//! Tells nothing but to a browser that shows a session ([`service::advertiser_session`](crate::service::advertiser_session)),
//! and to that one only what its account may see.

mod chart;
mod files;
mod sign_in;
mod test_events;
mod view;
mod words;

use std::sync::Arc;

use askama::Template;

use self::files::Table;
use self::view::Page;
use super::cookie;
use super::csrf::Forms;
use super::pages::{self, Policy};
use super::rate_limit::RateLimits;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use crate::domain::link::Links;
use crate::domain::opt_out::OptOutView;
use crate::domain::settings::Registry;
use crate::domain::time::Timestamp;
use crate::service::account_caller::AccountCaller;
use crate::service::advertiser_report::{Account, AdvertiserReport, report};
use crate::service::advertiser_session::AdvertiserSessions;
use crate::service::live::Live;
use crate::service::pixel::PixelService;
use crate::service::report_span::Span;
use crate::service::reports::{ReportError, ReportService};

/// What all workers have in common.
#[derive(Clone)]
pub struct Advertiser {
    pub sessions: Arc<AdvertiserSessions>,
    /// Of attempts to sign in.
    pub limits: Arc<RateLimits>,
    pub reports: ReportService,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Page,
    File,
    SignIn,
    SignOut,
    /// Of what becomes of the account's own events.
    Test,
    BeginTest,
    Style,
    /// Brings pages up to date.
    Script,
}

impl Place {
    /// An error has the methods that the path takes, if it is one.
    pub(super) fn parse(method: &str, path: &str) -> Result<Self, Option<&'static str>> {
        match (path, method) {
            (PATH, "GET" | "HEAD") => Ok(Self::Page),
            (PATH, "POST") => Ok(Self::SignIn),
            (PATH, _) => Err(Some("GET, HEAD, POST")),
            (FILE, "GET") => Ok(Self::File),
            (FILE, _) => Err(Some("GET")),
            (SIGN_OUT, "POST") => Ok(Self::SignOut),
            (SIGN_OUT, _) => Err(Some("POST")),
            (test_events::PATH, "GET" | "HEAD") => Ok(Self::Test),
            (test_events::PATH, "POST") => Ok(Self::BeginTest),
            (test_events::PATH, _) => Err(Some("GET, HEAD, POST")),
            (STYLE, "GET" | "HEAD") => Ok(Self::Style),
            (SCRIPT, "GET" | "HEAD") => Ok(Self::Script),
            (STYLE | SCRIPT, _) => Err(Some("GET, HEAD")),
            _ => Err(None),
        }
    }

    pub(super) const fn is_form(self) -> bool {
        matches!(self, Self::SignIn | Self::SignOut | Self::BeginTest)
    }
}

pub(super) fn is_below(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn answer<'s, V: OptOutView + Send + Sync>(
    pixel: &PixelService<V>,
    advertiser: &'s Advertiser,
    forms: &Forms,
    place: Place,
    head: &Head<'_>,
    body: &[u8],
) -> Answering<'s> {
    let asked = Asked { live: &pixel.live.load(), advertiser, forms, head, now: pixel.clock.now() };
    Answering::Now(match place {
        Place::Page => return asked.page(),
        Place::File => return asked.file(),
        Place::SignIn => sign_in::sign_in(&asked, body),
        Place::SignOut => sign_in::sign_out(&asked, body),
        Place::Test | Place::BeginTest => match asked.caller() {
            None => sign_in::page(&asked, None),
            Some(caller) if place == Place::Test => test_events::page(&asked, &caller, &pixel.watch.tests),
            Some(caller) => test_events::begin(&asked, &caller, body, &pixel.watch.tests, &*pixel.rng),
        },
        Place::Style => pages::asset("text/css; charset=utf-8", LOOK),
        Place::Script => pages::live_script(),
    })
}

/// A request, and what it is answered from.
struct Asked<'a, 's> {
    live: &'a Live,
    advertiser: &'s Advertiser,
    forms: &'a Forms,
    head: &'a Head<'a>,
    now: Timestamp,
}

impl<'s> Asked<'_, 's> {
    /// What the browser shows, whether or not it is worth anything.
    fn session(&self) -> &str {
        cookie::advertiser_session(self.head, self.live).unwrap_or_default()
    }

    fn caller(&self) -> Option<AccountCaller> {
        self.advertiser.sessions.caller(&self.live.account_keys, self.session(), self.now)
    }

    /// The report, or the form to sign in.
    fn page(&self) -> Answering<'s> {
        let Some(caller) = self.caller() else { return Answering::Now(sign_in::page(self, None)) };
        let token = self.forms.session_token(self.session(), self.now);
        let (wanted, advertiser) = (Wanted::by(self, caller), self.advertiser);
        Answering::later(async move {
            match wanted.read(&advertiser.reports).await {
                Ok((report, is_damaged)) => shown(&Page::new(&report, token, is_damaged)),
                Err(error) => later(&wanted, token, &error),
            }
        })
    }

    /// One table of the report.
    fn file(&self) -> Answering<'s> {
        let Some(caller) = self.caller() else {
            return Answering::Now(
                Answer::text(403, "sign in on /advertiser first\n").with("Cache-Control", "no-store"),
            );
        };
        let Some(table) =
            pages::field(self.head.query.as_bytes(), "table").and_then(|name| Table::named(&name))
        else {
            return Answering::Now(Answer::text(404, format!("table is one of {}\n", Table::names())));
        };
        let (wanted, advertiser) = (Wanted::by(self, caller), self.advertiser);
        Answering::later(async move {
            match wanted.read(&advertiser.reports).await {
                Ok((report, _)) => files::answer(&report, table),
                Err(error) => Answer::text(503, format!("{error}\n")).with("Retry-After", RETRY_AFTER_S),
            }
        })
    }
}

/// Whose report of which time is wanted.
struct Wanted {
    caller: AccountCaller,
    registry: Arc<Registry>,
    links: Arc<Links>,
    span: Span,
}

impl Wanted {
    fn by(asked: &Asked<'_, '_>, caller: AccountCaller) -> Self {
        let span = pages::field(asked.head.query.as_bytes(), "span").and_then(|name| Span::from_name(&name));
        let (registry, links) = (asked.live.registry.clone(), asked.live.links.clone());
        Self { caller, registry, links, span: span.unwrap_or(Span::Days30) }
    }

    /// The report, and whether a part of the log is missing in it.
    async fn read(&self, reports: &ReportService) -> Result<(AdvertiserReport, bool), ReportError> {
        // Of all times: what a tag last received may be long ago.
        let counted = reports.tallies(&self.caller, 0..u64::MAX).await?;
        let whose = Account { id: self.caller.account_id(), registry: &self.registry, links: &self.links };
        let report = report(&counted.rows, &whose, counted.as_of, self.span);
        Ok((report, counted.is_damaged))
    }
}

/// Where there is no report now.
#[derive(Template)]
#[template(path = "later.html", config = "static/advertiser/askama.toml")]
struct Later<'a> {
    style: &'static str,
    account: &'a str,
    token: String,
    error: String,
}

fn later(wanted: &Wanted, token: String, error: &ReportError) -> Answer {
    let account = wanted.registry.account_name(wanted.caller.account_id()).unwrap_or_default();
    let answer = shown(&Later { style: STYLE_NOW, account, token, error: error.to_string() });
    Answer { status: 503, ..answer }.with("Retry-After", RETRY_AFTER_S)
}

/// A page that is another one for another session.
fn shown(page: &impl Template) -> Answer {
    pages::page_under(page, Policy::Nothing).with("Vary", "Cookie")
}

const RETRY_AFTER_S: &str = "30";

const PATH: &str = "/advertiser";
const FILE: &str = "/advertiser/report.csv";
const SIGN_OUT: &str = "/advertiser/sign-out";
const STYLE: &str = "/advertiser/look.css";
const SCRIPT: &str = "/advertiser/live.js";
/// A new version of the program has a new one.
const STYLE_NOW: &str = concat!("/advertiser/look.css?v=", env!("CARGO_PKG_VERSION"));

const LOOK: &str = concat!(
    include_str!("../../../static/pages/base.css"),
    include_str!("../../../static/advertiser/advertiser.css"),
);
