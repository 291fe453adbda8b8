//! Prebid Server's cookie matching: `/cookie_sync`, `/setuid` and `/getuids`, so that a page with Prebid.js works with
//! this server unchanged. What Prebid calls a bidder is a partner here.
//!
//! As "Prebid Server, Endpoints" has it. Only pages of registered publishers may read an answer about their visitor.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::cookie;
use super::matching::{given, is_bad_request, storage_access, with_cookie};
use super::pixel;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use super::visitor::{self, parameter};
use crate::consent::refusal::RefusalKind;
use crate::domain::opt_out::{OptOutView, Subject};
use crate::service::json::is_shallow;
use crate::service::live::Live;
use crate::service::matching::partner_user_ids;
use crate::service::outcome::Outcome;
use crate::service::partners::{ConsentTexts, Target};
use crate::service::pixel::PixelService;
use crate::service::prebid::{Asking, Filter, ToAsk};

/// What a page with hundreds of partners sends, and two consent strings as long as they may be.
pub const BODY_BYTES_MAX: usize = 64 << 10;
const LIMIT: usize = 8;
const LIMIT_MAX: usize = 64;

/// The body of `POST /cookie_sync`. What else is in it is for other servers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Request {
    bidders: Option<Vec<String>>,
    gdpr: Option<NumberOrText>,
    #[serde(rename = "gdpr_consent")]
    gdpr_consent: Option<String>,
    #[serde(rename = "us_privacy")]
    us_privacy: Option<String>,
    gpp: Option<String>,
    #[serde(rename = "gpp_sid")]
    gpp_sid: Option<SectionIds>,
    limit: Option<i64>,
    coop_sync: bool,
    filter_settings: FilterSettings,
    debug: bool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
}

impl NumberOrText {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// `"2,6"` or `[2, 6]`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SectionIds {
    Text(String),
    List(Vec<i64>),
}

impl SectionIds {
    /// `None` if it is no list of numbers.
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => {
                let numbers = text.split(',').all(|number| number.trim().parse::<i64>().is_ok());
                (text.trim().is_empty() || numbers).then(|| text.clone())
            }
            Self::List(list) => Some(list.iter().map(i64::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FilterSettings {
    image: Option<FilterSetting>,
    iframe: Option<FilterSetting>,
}

#[derive(Debug, Deserialize)]
struct FilterSetting {
    bidders: Names,
    filter: String,
}

/// A list, or `"*"` for all.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Names {
    All(String),
    List(Vec<String>),
}

impl FilterSetting {
    fn filter(self) -> Result<Filter, &'static str> {
        match (self.bidders, &*self.filter) {
            (Names::All(all), "include") if all == "*" => Ok(Filter::All),
            (Names::All(all), "exclude") if all == "*" => Ok(Filter::Only(Vec::new())),
            (Names::List(names), "include") => Ok(Filter::Only(names)),
            (Names::List(names), "exclude") => Ok(Filter::AllBut(names)),
            (Names::All(_), _) => Err("filterSettings: expected bidders to be a list or \"*\""),
            (Names::List(_), _) => Err("filterSettings: expected filter to be \"include\" or \"exclude\""),
        }
    }
}

#[derive(Serialize)]
struct Response<'a> {
    status: &'static str,
    bidder_status: Vec<BidderStatus<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<Vec<Debug<'a>>>,
}

#[derive(Serialize)]
struct BidderStatus<'a> {
    bidder: &'a str,
    no_cookie: bool,
    usersync: UserSync<'a>,
}

#[derive(Serialize)]
struct UserSync<'a> {
    url: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "supportCORS")]
    supports_cors: bool,
}

#[derive(Serialize)]
struct Debug<'a> {
    bidder: &'a str,
    code: &'a str,
    error: &'a str,
}

impl<'a> From<&'a ToAsk> for BidderStatus<'a> {
    fn from(ask: &'a ToAsk) -> Self {
        let kind = if ask.target != Target::Image { "iframe" } else { "redirect" };
        let usersync = UserSync { url: &ask.location, kind, supports_cors: false };
        Self { bidder: &ask.partner, no_cookie: true, usersync }
    }
}

/// `POST /cookie_sync`: which partners the page is to ask for their ids.
pub fn cookie_sync<V: OptOutView + Send + Sync>(
    service: &PixelService<V>,
    head: &Head<'_>,
    body: &[u8],
) -> Answer {
    let live = service.live.load();
    let answer = match read(body) {
        Ok(request) => choose(service, head, &live, request),
        Err(error) => Answer::text(400, format!("{error}\n")),
    };
    with_cors(answer, head, &live)
}

fn read(body: &[u8]) -> Result<Request, String> {
    let text = std::str::from_utf8(body).map_err(|_| "expected JSON in UTF-8".to_owned())?;
    // Derived readers take a list of values for an object, too.
    if !is_shallow(text) || !text.trim_start().starts_with('{') {
        return Err("expected a JSON object of at most 16 levels".to_owned());
    }
    // What the parser says about a value may repeat it.
    serde_json::from_str(text).map_err(|error| {
        format!("line {}, column {}: expected a request as Prebid.js sends it", error.line(), error.column())
    })
}

fn choose<V: OptOutView + Send + Sync>(
    service: &PixelService<V>,
    head: &Head<'_>,
    live: &Live,
    request: Request,
) -> Answer {
    let Ok(texts) = texts(&request) else {
        return Answer::text(400, "gpp_sid: expected section numbers, as \"2,6\" or [2, 6]\n");
    };
    let has_string = |text: &Option<Cow<'_, str>>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    if texts.gdpr.as_deref() == Some("1") && !has_string(&texts.gdpr_consent) && !has_string(&texts.gpp) {
        return Answer::text(400, "gdpr_consent is required if gdpr is 1\n");
    }
    let filter = |setting: Option<FilterSetting>| setting.map_or(Ok(Filter::All), FilterSetting::filter);
    let (image, iframe) = (filter(request.filter_settings.image), filter(request.filter_settings.iframe));
    let (image, iframe) = match (image, iframe) {
        (Ok(image), Ok(iframe)) => (image, iframe),
        (Err(error), _) | (_, Err(error)) => return Answer::text(400, format!("{error}\n")),
    };
    let at = service.clock.now();
    let mut visitor = visitor::visitor(head, live, &*service.opt_outs, at, |_, _| {});
    for (name, value) in texts.pairs() {
        visitor.signals.see_parameter(name, value.to_owned());
    }
    let id_opted_out =
        visitor.browser.id().is_some_and(|id| service.opt_outs.is_opted_out(Subject::Browser(id)));
    if visitor.signals.is_opted_out() || id_opted_out {
        return Answer::text(401, "the person has opted out\n");
    }
    let limit = request.limit.map_or(LIMIT, |limit| usize::try_from(limit).unwrap_or(LIMIT_MAX));
    let asking = Asking {
        names: request.bidders.as_deref(),
        cooperative: request.coop_sync,
        limit: if limit == 0 { LIMIT } else { limit.min(LIMIT_MAX) },
        image,
        iframe,
        storage_access: storage_access(head),
        host: head.host(),
    };
    let asked = service.partners_to_ask(&asking, &visitor, &texts);
    let debug =
        asked.not_asked.iter().map(|not| Debug { bidder: &not.partner, code: not.code, error: &not.text });
    let response = Response {
        status: if asked.is_known { "ok" } else { "no_cookie" },
        bidder_status: asked.ask.iter().map(BidderStatus::from).collect(),
        debug: request.debug.then(|| debug.collect()),
    };
    let text = serde_json::to_string(&response).expect("texts and flags are JSON");
    let answer = Answer::json(200, text).with("Cache-Control", "no-store");
    match &asked.cookie {
        Some(cookie) => cookie::give_id(answer, cookie, live, false, at),
        None => answer,
    }
}

/// What the request says about consent. `Err` if the list of sections is none.
fn texts(request: &Request) -> Result<ConsentTexts<'static>, ()> {
    let owned = |text: &Option<String>| text.clone().map(Cow::Owned);
    let gpp_sid = match &request.gpp_sid {
        Some(ids) => Some(Cow::Owned(ids.text().ok_or(())?)),
        None => None,
    };
    Ok(ConsentTexts {
        gdpr: request.gdpr.as_ref().map(|gdpr| Cow::Owned(gdpr.text())),
        gdpr_consent: owned(&request.gdpr_consent),
        us_privacy: owned(&request.us_privacy),
        gpp: owned(&request.gpp),
        gpp_sid,
    })
}

/// For the pages of registered publishers alone, each told by its own name.
fn with_cors(answer: Answer, head: &Head<'_>, live: &Live) -> Answer {
    let answer = answer.with("Vary", "Origin").with("X-Content-Type-Options", "nosniff");
    let origin = head.header("origin").unwrap_or_default();
    if !live.is_publisher(origin) {
        return answer;
    }
    answer
        .with("Access-Control-Allow-Origin", origin.to_owned())
        .with("Access-Control-Allow-Credentials", "true")
}

/// `OPTIONS /cookie_sync`: browsers ask first where a page sends JSON as such.
pub fn preflight(head: &Head<'_>, live: &Live) -> Answer {
    let answer = Answer { status: 204, ..Answer::text(204, "") };
    with_cors(answer, head, live)
        .with("Access-Control-Allow-Methods", "POST")
        .with("Access-Control-Allow-Headers", "Content-Type")
        .with("Access-Control-Max-Age", "86400")
}

/// `GET /setuid?bidder=…&uid=…&f=i|b`: what a partner calls the browser; an empty id takes that back.
pub fn set_uid<'s, V: OptOutView + Send + Sync>(
    service: &'s PixelService<V>,
    head: &Head<'_>,
) -> Answering<'s> {
    let live = service.live.load();
    let visitor = visitor::visitor(head, &live, &*service.opt_outs, service.clock.now(), |_, _| {});
    let given = match given(head, None) {
        Ok(given) => given,
        Err(invalid) => return Answering::Now(set(&Outcome::Invalid(invalid), false)),
    };
    let wants_html = parameter(head, "f").is_some_and(|format| format == "b");
    if given.user_id.as_deref().unwrap_or_default().is_empty() {
        let unmatching = service.unmatch(&given, &visitor);
        return Answering::later(async move { set(&unmatching.await, wants_html) });
    }
    let recording = service.record_match(&given, &visitor);
    Answering::later(async move {
        let recorded = recording.await;
        with_cookie(set(&recorded.outcome, wants_html), service, &recorded)
    })
}

fn set(outcome: &Outcome, wants_html: bool) -> Answer {
    let status = match outcome {
        Outcome::Refused(reason) if reason.kind() == RefusalKind::OptedOut => 401,
        Outcome::Refused(_) => 451,
        Outcome::Invalid(_) | Outcome::Rejected(_) => 400,
        _ => 200,
    };
    let answer = match (status, wants_html) {
        (200, false) => pixel::image(),
        (200, true) => Answer::new(200, "text/html; charset=utf-8", "").with("Cache-Control", "no-store"),
        _ => Answer::text(status, format!("{}\n", outcome.text())).with("Cache-Control", "no-store"),
    };
    debug_assert!(status == 400 || !is_bad_request(outcome));
    pixel::with_outcomes(answer, std::slice::from_ref(outcome))
}

/// `GET /getuids`: what the partners call the browser.
pub fn get_uids<V: OptOutView + Send + Sync>(service: &PixelService<V>, head: &Head<'_>) -> Answer {
    let live = service.live.load();
    let visitor = visitor::visitor(head, &live, &*service.opt_outs, service.clock.now(), |_, _| {});
    let ids: serde_json::Map<_, _> =
        partner_user_ids(service, &visitor).into_iter().map(|(name, id)| (name, json!(id))).collect();
    Answer::json(200, json!({"buyeruids": ids}).to_string())
        .with("Cache-Control", "no-store")
        .with("X-Content-Type-Options", "nosniff")
}
