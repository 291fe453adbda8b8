//! `/privacy`: what is stored about a browser, its four settings, and the way out. Works without script.
//!
//! Tells nothing of an id but to the browser that shows it in a cookie that we signed, and asks the log for it only
//! on a visit that a person makes: no other site can have it read by embedding the page.

use std::sync::Arc;

use super::cookie;
use super::csrf::Forms;
use super::pages::language::{LANGUAGE_PARAMETER, Language};
use super::pages::{self, Frame};
use super::privacy_page::{Data, Done, Page};
use super::rate_limit::RateLimits;
use super::receipt;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use super::visitor;
use crate::consent::prefs::{Prefs, Setting};
use crate::domain::id::BrowserId;
use crate::domain::opt_out::{Choice, OptOutView, Subject};
use crate::domain::page::host_of;
use crate::service::erasure::ErasureService;
use crate::service::pixel::PixelService;
use crate::service::privacy::PrivacyService;
use crate::service::targeting::Targeting;
use crate::service::tracking_status::TrackingStatus;

/// Reads what is stored, so often for each address and no more.
#[derive(Clone)]
pub struct Lookups {
    pub service: PrivacyService,
    pub targeting: Arc<Targeting>,
    pub limits: Arc<RateLimits>,
}

/// The page.
pub fn show<'s, V: OptOutView + Send + Sync>(
    pixel: &PixelService<V>,
    forms: &Forms,
    lookups: &'s Lookups,
    head: &Head<'_>,
) -> Answering<'s> {
    let (live, now) = (pixel.live.load(), pixel.clock.now());
    let (signals, jar) = visitor::read(head, &live, now);
    let (ids, prefs) = (jar.browser_ids(), cookie::prefs(head));
    let recorded = jar.is_opted_out(&*pixel.opt_outs);
    let frame = Frame::new("/privacy", head);
    let page = Page {
        frame,
        t: frame.texts(),
        done: Done::of(head),
        token: forms.token(&ids, now),
        opted_out: signals.is_opted_out() || recorded,
        gpc: signals.has_gpc(),
        dnt: signals.has_dnt(),
        // The cookie's alone are renewed: another account's browser must not keep this one's.
        prefs: prefs.unwrap_or_default().stricter(signals.prefs()),
        everywhere: false,
        has_id: !ids.is_empty(),
        receipt: receipt::shown(head, &live),
        data: Data::NoId,
        audiences: Vec::new(),
    };
    let live = pixel.live.load_full();
    // The opt-out's mark is renewed for every page at once.
    let renew = move |answer| match prefs {
        Some(prefs) if prefs != Prefs::default() => cookie::keep_prefs(answer, prefs, &live),
        _ => answer,
    };
    if ids.is_empty() {
        return Answering::Now(renew(pages::page(&page)));
    }
    if !is_visit(head) || lookups.limits.check_address(head.client).is_err() {
        return Answering::Now(renew(pages::page(&Page { data: Data::Busy, ..page })));
    }
    let host = head.host().filter(|_| jar.is_shared()).map(|host| host_of(host).to_owned());
    let audiences = lookups.targeting.about(&ids);
    Answering::later(async move {
        let found = lookups.service.newest(ids).await;
        // An id that other sites share may still be shown to ours alone, so only what came from elsewhere tells.
        let everywhere =
            found.as_ref().ok().zip(host).is_some_and(|(found, host)| found.has_other_sites(&host));
        renew(pages::page(&Page { data: Data::of(found, page.t), audiences, everywhere, ..page }))
    })
}

/// Keeps the settings that the form holds, and leads back to the page. A box that is not ticked is not sent.
pub fn choose<V: OptOutView + Send + Sync>(
    pixel: &PixelService<V>,
    forms: &Forms,
    head: &Head<'_>,
    body: &[u8],
) -> Answer {
    let (live, now) = (pixel.live.load(), pixel.clock.now());
    let (_, jar) = visitor::read(head, &live, now);
    if !forms.is_ours(head, body, &jar.browser_ids(), now) {
        return not_ours();
    }
    let names = Setting::ALL.into_iter().zip(SETTING_NAMES);
    let off = names.filter(|(_, name)| pages::field(body, name).is_none());
    let prefs = off.fold(Prefs::default(), |prefs, (setting, _)| prefs.without(setting));
    let parameters =
        [("done", Some(Done::Saved.name())), (LANGUAGE_PARAMETER, language(body).map(Language::tag))];
    let answer = pages::see_other("/privacy", &parameters).with("Cache-Control", "no-store");
    cookie::keep_prefs(answer.with("Tk", TrackingStatus::Updated.code()), prefs, &live)
}

/// Has everything erased that is stored about the ids that the browser shows, and takes them back.
pub fn erase<'s, V: OptOutView + Send + Sync>(
    pixel: &PixelService<V>,
    erasure: &'s ErasureService,
    forms: &Forms,
    head: &Head<'_>,
    body: &[u8],
) -> Answering<'s> {
    let (live, now) = (pixel.live.load_full(), pixel.clock.now());
    let (_, jar) = visitor::read(head, &live, now);
    let ids = jar.browser_ids();
    if !forms.is_ours(head, body, &ids, now) {
        return Answering::Now(not_ours());
    }
    let language = language(body);
    Answering::later(async move {
        let subjects: Vec<_> = ids.into_iter().map(Subject::Browser).collect();
        if let Err(error) = erasure.erase(&subjects).await {
            // With the id, so that the person can ask again.
            return Answer::try_later(&error);
        }
        let parameters =
            [("done", Some(Done::Erased.name())), (LANGUAGE_PARAMETER, language.map(Language::tag))];
        let answer = pages::see_other("/privacy", &parameters).with("Cache-Control", "no-store");
        cookie::expire_id(answer.with("Tk", TrackingStatus::Updated.code()), &live)
    })
}

/// Everything about the ids that the browser shows, as a file.
pub fn download<'s, V: OptOutView + Send + Sync>(
    pixel: &PixelService<V>,
    lookups: &'s Lookups,
    head: &Head<'_>,
) -> Answering<'s> {
    let (live, now) = (pixel.live.load(), pixel.clock.now());
    let (_, jar) = visitor::read(head, &live, now);
    let ids: Vec<BrowserId> = jar.browser_ids();
    if !is_visit(head) {
        return Answering::Now(Answer::text(403, "follow the link on /privacy\n"));
    }
    if ids.is_empty() {
        return Answering::Now(Answer::text(
            404,
            "this browser shows no id, so there is nothing to look up\n",
        ));
    }
    if let Err(wait) = lookups.limits.check_address(head.client) {
        return Answering::Now(wait.answer());
    }
    let audiences = lookups.targeting.about(&ids);
    Answering::later(async move {
        match lookups.service.everything(ids, audiences, now).await {
            Ok(json) => file(json),
            Err(error) => Answer::text(503, format!("{error}\n")).with("Retry-After", "60"),
        }
    })
}

fn file(json: String) -> Answer {
    Answer::json(200, json)
        .with("Content-Disposition", "attachment; filename=\"stored-about-this-browser.json\"")
        .with("Cache-Control", "no-store")
        .with("Vary", "Cookie")
        .with("X-Content-Type-Options", "nosniff")
        .with("Cross-Origin-Resource-Policy", "same-origin")
}

/// Where a choice to opt out or in leads: to the page whose form it came from.
pub struct Back {
    to_this_page: bool,
    done: Done,
    language: Option<Language>,
}

impl Back {
    pub fn from(body: &[u8], choice: Choice) -> Self {
        let done = match choice {
            Choice::Out => Done::OptedOut,
            Choice::In => Done::OptedIn,
        };
        let to_this_page = pages::field(body, "back").is_some_and(|page| page == "privacy");
        Self { to_this_page, done, language: language(body) }
    }

    pub fn answer(&self, receipt: Option<String>) -> Answer {
        let done = self.to_this_page.then(|| self.done.name());
        let parameters = [
            ("done", done),
            (LANGUAGE_PARAMETER, self.language.map(Language::tag)),
            ("receipt", receipt.as_deref()),
        ];
        pages::see_other(if self.to_this_page { "/privacy" } else { "/optout" }, &parameters)
    }
}

/// What every form that is not ours gets.
pub fn not_ours() -> Answer {
    Answer::text(403, "this form did not come from our own page, or is too old; load the page again\n")
}

fn language(body: &[u8]) -> Option<Language> {
    pages::field(body, LANGUAGE_PARAMETER).and_then(|tag| Language::from_tag(&tag))
}

/// Whether a person goes there, as far as the browser says: not for an image, a frame or a script of another site.
fn is_visit(head: &Head<'_>) -> bool {
    head.method == "GET" && head.header("sec-fetch-dest").is_none_or(|dest| dest == "document")
}

/// What the boxes of the form are called, in the order of [`Setting::ALL`].
pub(super) const SETTING_NAMES: [&str; 4] = ["personalize", "partners", "devices", "web"];
