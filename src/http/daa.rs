//! `/daa`: the Digital Advertising Alliance's WebChoices page asks about and sets our opt-out.
//!
//! As its "WebChoices Implementation Instructions" have it: everything by redirects and headers, the mark is the same
//! for everybody, and success is reported of what was read back and not of what was set. We recognise browsers by
//! cookies only, so that the second number of a status is 0; in a result it is 2 where our own record failed.

use std::time::Duration;

use tokio::time::timeout;

use super::address::AddressKey;
use super::cookie;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use super::visitor;
use crate::domain::id::BrowserId;
use crate::domain::opt_out::{Choice, OptOutView, Subject};
use crate::domain::time::Timestamp;
use crate::service::crypto::MacKey;
use crate::service::opt_out::OptOutService;
use crate::service::pixel::PixelService;
use crate::service::tracking_status::TrackingStatus;

/// `GET /daa?action_id=3|4&participant_id&rd&nocache&token`.
pub fn answer<'s, V: OptOutView + Send + Sync>(
    pixel: &'s PixelService<V>,
    service: &'s OptOutService,
    head: &Head<'_>,
) -> Answering<'s> {
    let Some(request) = Request::read(head) else {
        return Answering::Now(Answer::text(
            400,
            "expected action_id 3 or 4, a participant_id and rd=https://optout.aboutads.info\n",
        ));
    };
    let (live, now) = (pixel.live.load_full(), pixel.clock.now());
    let (signals, jar) = visitor::read(head, &live, now);
    let ids = jar.browser_ids();
    let token = Token { participant: &request.participant, ids: &ids, client: AddressKey::of(head.client) };
    if request.action == Action::Status {
        let cookie = match (signals.is_opted_out(), ids.is_empty()) {
            (true, _) => OPT_OUT_PRESENT,
            (false, false) => AD_COOKIE_PRESENT,
            (false, true) => NO_COOKIE,
        };
        return Answering::Now(request.to_token(cookie, &token.make(&live.daa_key, now)));
    }
    if !token.is_fresh(request.token.as_deref().unwrap_or_default(), &live.daa_key, now) {
        return Answering::Now(request.to_finish(TOKEN_MISMATCH, NOT_APPLICABLE, "token-mismatch"));
    }
    // Firefox leaves the header off redirect hops, so it is looked at here and not on the way back.
    let kept_apart = cookie::is_partitioned(head);
    Answering::later(async move {
        let recording =
            timeout(RECORDING_MAX, service.choose(ids.iter().copied().map(Subject::Browser), Choice::Out))
                .await;
        let check = Check { request, kept_apart, recorded: matches!(recording, Ok(Ok(_))) };
        let answer = redirect(format!("/daa/check?state={}", check.state(&live.daa_key, now)))
            .with("Tk", TrackingStatus::Updated.code());
        cookie::expire_id(cookie::mark_opted_out(answer, &live), &live)
    })
}

/// `GET /daa/check?state=…`: the browser is back from [`answer`], with the cookie or without it.
pub fn check<V>(pixel: &PixelService<V>, head: &Head<'_>) -> Answer {
    let (live, now) = (pixel.live.load(), pixel.clock.now());
    let state = visitor::parameter(head, "state");
    let state = state.and_then(|state| Check::from_state(&state, &live.daa_key, now));
    let Some(Check { request, kept_apart, recorded }) = state else {
        return Answer::text(400, "this is not where our own page leads to\n");
    };
    let other = if recorded { NOT_APPLICABLE } else { FAILED };
    match (cookie::shows_opt_out(head), kept_apart, recorded) {
        (false, ..) => request.to_finish(FAILED, other, "cookie-absent"),
        // It is there, and no other site's page will ever show it.
        (true, true, _) => request.to_finish(FAILED, other, "cookies-kept-apart"),
        (true, false, false) => request.to_finish(DONE, other, "not-recorded"),
        (true, false, true) => request.to_finish(DONE, other, "opted-out"),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    action: Action,
    participant: String,
    /// One of [`ORIGINS`]; nothing that was sent is ever redirected to.
    back: usize,
    token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Status,
    OptOut,
}

impl Request {
    /// `None` where there is nowhere to lead back to. A repeated parameter could be read in two ways, so it counts as
    /// none.
    fn read(head: &Head<'_>) -> Option<Self> {
        let once = |name: &str| {
            let mut values = visitor::parameters(head).filter(|(known, _)| known == name);
            let value = values.next().map(|(_, value)| visitor::decode(value));
            value.filter(|_| values.next().is_none())
        };
        let action = match &*once("action_id")? {
            "3" => Action::Status,
            "4" => Action::OptOut,
            _ => return None,
        };
        let back = once("rd").and_then(|rd| ORIGINS.iter().position(|origin| *origin == rd))?;
        let participant = once("participant_id").filter(|id| is_participant(id))?.into_owned();
        Some(Self { action, participant, back, token: once("token").map(|token| token.into_owned()) })
    }

    fn to_token(&self, cookie: u8, token: &str) -> Answer {
        let (origin, participant) = (ORIGINS[self.back], &self.participant);
        redirect(format!("{origin}/token/{participant}/{cookie}-{NOT_APPLICABLE}/{token}"))
    }

    fn to_finish(&self, cookie: u8, other: u8, message: &str) -> Answer {
        let (origin, participant) = (ORIGINS[self.back], &self.participant);
        redirect(format!("{origin}/finish/{participant}/4/{cookie}-{other}/{message}"))
    }
}

/// What an opt-out has to show, handed out with the status. It is of no use in another browser: it fits the ids that the
/// browser shows and, because there may be none, the address that it comes from.
struct Token<'a> {
    participant: &'a str,
    ids: &'a [BrowserId],
    client: AddressKey,
}

impl Token<'_> {
    fn make(&self, key: &MacKey, now: Timestamp) -> String {
        key.sign_dated(&[&self.bytes()], now)
    }

    fn is_fresh(&self, token: &str, key: &MacKey, now: Timestamp) -> bool {
        key.verify_dated(token, &[&self.bytes()], TOKEN_MINUTES_MAX, now)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("token {} {} ", self.participant, self.client.0).into_bytes();
        bytes.extend(self.ids.iter().flat_map(|id| id.bytes()));
        bytes
    }
}

/// What the way back needs to know of the way there.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    request: Request,
    /// The browser keeps what it was given to the pages of one site.
    kept_apart: bool,
    /// For every id that was shown.
    recorded: bool,
}

impl Check {
    /// `<origin>.<kept apart>.<recorded>.<participant>.<minute>.<code>`; nobody but us can make one.
    fn state(&self, key: &MacKey, now: Timestamp) -> String {
        let Self { request, kept_apart, recorded } = self;
        let (apart, recorded) = (u8::from(*kept_apart), u8::from(*recorded));
        let text = format!("{}.{apart}.{recorded}.{}", request.back, request.participant);
        let code = key.sign_dated(&[b"state ", text.as_bytes()], now);
        format!("{text}.{code}")
    }

    fn from_state(state: &str, key: &MacKey, now: Timestamp) -> Option<Self> {
        // No participant has a dot in its id.
        let mut parts = state.splitn(5, '.');
        let back: usize = parts.next()?.parse().ok()?;
        let (kept_apart, recorded) = (parts.next()? == "1", parts.next()? == "1");
        let participant = parts.next()?.to_owned();
        let code = parts.next()?;
        let text = state.strip_suffix(code)?.strip_suffix('.')?;
        if !key.verify_dated(code, &[b"state ", text.as_bytes()], STATE_MINUTES_MAX, now) {
            return None;
        }
        ORIGINS.get(back)?;
        let request = Request { action: Action::OptOut, participant, back, token: None };
        Some(Self { request, kept_apart, recorded })
    }
}

fn is_participant(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=PARTICIPANT_CHARS_MAX).contains(&id.len()) && id.bytes().all(allowed)
}

fn redirect(location: String) -> Answer {
    Answer::redirect(location).with("Cache-Control", "no-store")
}

/// Where alone this leads to.
const ORIGINS: [&str; 2] = ["https://optout.aboutads.info", "https://dev.aboutads.info"];

const NO_COOKIE: u8 = 1;
const AD_COOKIE_PRESENT: u8 = 2;
const OPT_OUT_PRESENT: u8 = 3;

const NOT_APPLICABLE: u8 = 0;
const DONE: u8 = 1;
const FAILED: u8 = 2;
const TOKEN_MISMATCH: u8 = 3;

const PARTICIPANT_CHARS_MAX: usize = 32;
/// People read the page before they choose.
const TOKEN_MINUTES_MAX: u64 = 120;
/// A redirect takes no time, but for a slow line.
const STATE_MINUTES_MAX: u64 = 5;
/// The answer is due within 250 ms. The opt-out goes on its way to the disk even if that takes longer.
const RECORDING_MAX: Duration = Duration::from_millis(200);
