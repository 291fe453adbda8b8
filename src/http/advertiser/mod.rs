//! `/advertiser`: what an advertiser's own pixels and ads have done, for people. Works without script.
//!
//! Tells nothing but to a browser that shows a session ([`service::advertiser_session`](crate::service::advertiser_session)),
//! and to that one only what its account may see.

mod sign_in;
mod test_events;

use std::sync::Arc;

use askama::Template;

use super::cookie;
use super::csrf::Forms;
use super::pages::{self, Policy};
use super::rate_limit::RateLimits;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use crate::domain::opt_out::OptOutView;
use crate::domain::time::Timestamp;
use crate::service::account_caller::AccountCaller;
use crate::service::advertiser_session::AdvertiserSessions;
use crate::service::live::Live;
use crate::service::pixel::PixelService;

/// What all workers have in common.
#[derive(Clone)]
pub struct Advertiser {
    pub sessions: Arc<AdvertiserSessions>,
    /// Of attempts to sign in.
    pub limits: Arc<RateLimits>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Page,
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
        Place::Page => asked.page(),
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
struct Asked<'a> {
    live: &'a Live,
    advertiser: &'a Advertiser,
    forms: &'a Forms,
    head: &'a Head<'a>,
    now: Timestamp,
}

impl Asked<'_> {
    /// What the browser shows, whether or not it is worth anything.
    fn session(&self) -> Option<&str> {
        cookie::advertiser_session(self.head, self.live)
    }

    fn caller(&self) -> Option<AccountCaller> {
        let session = self.session().unwrap_or_default();
        self.advertiser.sessions.caller(&self.live.account_keys, session, self.now)
    }

    fn page(&self) -> Answer {
        let session = self.session().unwrap_or_default();
        let caller = self.caller();
        let account = caller.and_then(|caller| self.live.registry.account_name(caller.account_id()));
        let Some(account) = account else { return sign_in::page(self, None) };
        shown(&Page { style: STYLE_NOW, account, token: self.forms.session_token(session, self.now) })
    }
}

#[derive(Template)]
#[template(path = "page.html", config = "static/advertiser/askama.toml")]
struct Page<'a> {
    style: &'static str,
    account: &'a str,
    token: String,
}

/// A page that is another one for another session.
fn shown(page: &impl Template) -> Answer {
    pages::page_under(page, Policy::Nothing).with("Vary", "Cookie")
}

const PATH: &str = "/advertiser";
const SIGN_OUT: &str = "/advertiser/sign-out";
const STYLE: &str = "/advertiser/look.css";
const SCRIPT: &str = "/advertiser/live.js";
/// A new version of the program has a new one.
const STYLE_NOW: &str = concat!("/advertiser/look.css?v=", env!("CARGO_PKG_VERSION"));

const LOOK: &str = concat!(
    include_str!("../../../static/pages/base.css"),
    include_str!("../../../static/advertiser/advertiser.css"),
);
