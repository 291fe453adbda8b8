//! The listener that browsers reach.

use std::sync::Arc;

use super::advertiser::{self, Advertiser};
use super::api::{self, Api, Resource};
use super::csrf::Forms;
use super::explain::{self, Explain};
use super::privacy::Lookups;
use super::request::Head;
use super::response::Answer;
use super::service::{Answering, Intake, Service};
use super::tag::TagFile;
use super::well_known::Document;
use super::{
    cookie, daa, deletion, match_frame, matching, opt_out, pages, pixel, prebid, privacy, receipt, touch,
};
use crate::domain::opt_out::{Choice, OptOutView};
use crate::service::deletion::DeletionService;
use crate::service::erasure::ErasureService;
use crate::service::opt_out::OptOutService;
use crate::service::pixel::PixelService;

/// One per worker.
pub struct Public<V> {
    pub pixel: PixelService<V>,
    pub opt_out: OptOutService,
    pub forms: Arc<Forms>,
    pub lookups: Lookups,
    pub erasure: ErasureService,
    pub deletion: DeletionService,
    pub api: Api,
    pub advertiser: Advertiser,
    /// Only in development mode.
    pub explain: Option<Explain>,
}

/// Where a request leads.
enum Route {
    Pixel,
    Embed,
    /// Of the link that the path names.
    Click,
    AdView,
    OptOutPage,
    OptOutStatus,
    Receipt,
    ReceiptKeys,
    Daa,
    DaaCheck,
    /// Of the partner that the path names.
    Match,
    MatchStart,
    MatchFrame,
    Introduce,
    CookieSync,
    CookieSyncPreflight,
    SetUid,
    GetUids,
    Choose(Choice),
    Privacy,
    Prefs,
    Erase,
    Download,
    Delete,
    /// The advertisers'.
    Api,
    Advertiser(advertiser::Place),
    Style,
    Document(Document),
    Tag(TagFile),
    /// The path is known, the method is not.
    BadMethod(&'static str),
    Unknown,
}

impl Route {
    fn parse(method: &str, path: &str) -> Self {
        match (path, method) {
            (path, "GET" | "HEAD") if pixel::PATHS.contains(&path) => Self::Pixel,
            (path, _) if pixel::PATHS.contains(&path) => Self::BadMethod("GET, HEAD"),
            (pixel::EMBED_PATH, "GET") => Self::Embed,
            (pixel::EMBED_PATH, _) => Self::BadMethod("GET"),
            ("/optout", "GET" | "HEAD") => Self::OptOutPage,
            ("/optout", "POST") => Self::Choose(Choice::Out),
            ("/optout", _) => Self::BadMethod("GET, HEAD, POST"),
            ("/optout/status", "GET" | "HEAD") => Self::OptOutStatus,
            ("/optout/status", _) => Self::BadMethod("GET, HEAD"),
            ("/optout/receipt", "GET" | "HEAD") => Self::Receipt,
            ("/optout/receipt-keys", "GET" | "HEAD") => Self::ReceiptKeys,
            ("/optout/receipt" | "/optout/receipt-keys", _) => Self::BadMethod("GET, HEAD"),
            // A HEAD would opt out, too, and nobody would see the answer.
            ("/daa", "GET") => Self::Daa,
            ("/daa/check", "GET") => Self::DaaCheck,
            ("/daa" | "/daa/check", _) => Self::BadMethod("GET"),
            ("/getuid", "GET") => Self::Introduce,
            ("/setuid", "GET") => Self::SetUid,
            ("/getuids", "GET") => Self::GetUids,
            ("/getuid" | "/setuid" | "/getuids", _) => Self::BadMethod("GET"),
            ("/cookie_sync", "POST") => Self::CookieSync,
            ("/cookie_sync", "OPTIONS") => Self::CookieSyncPreflight,
            ("/cookie_sync", _) => Self::BadMethod("POST, OPTIONS"),
            ("/optin", "POST") => Self::Choose(Choice::In),
            ("/optin", _) => Self::BadMethod("POST"),
            ("/privacy", "GET" | "HEAD") => Self::Privacy,
            ("/privacy", "POST") => Self::Prefs,
            ("/privacy", _) => Self::BadMethod("GET, HEAD, POST"),
            ("/privacy/erase", "POST") => Self::Erase,
            ("/privacy/erase", _) => Self::BadMethod("POST"),
            ("/privacy/data.json", "GET") => Self::Download,
            ("/privacy/data.json", _) => Self::BadMethod("GET"),
            (deletion::PATH, "POST") => Self::Delete,
            (deletion::PATH, _) => Self::BadMethod("POST"),
            ("/pages.css", "GET" | "HEAD") => Self::Style,
            ("/pages.css", _) => Self::BadMethod("GET, HEAD"),
            (path, method) if path.starts_with(MATCH_PATH) => match (method, matched_partner(path)) {
                ("GET", Some((_, ""))) => Self::Match,
                ("GET", Some((_, START))) => Self::MatchStart,
                ("GET", Some(_)) => Self::MatchFrame,
                (_, Some(_)) => Self::BadMethod("GET"),
                (_, None) => Self::Unknown,
            },
            (path, method) if Resource::parse(path).is_some() => match Resource::parse(path) {
                Some(resource) if !resource.methods().split(", ").any(|known| known == method) => {
                    Self::BadMethod(resource.methods())
                }
                _ => Self::Api,
            },
            (path, method) if advertiser::is_below(path) => match advertiser::Place::parse(method, path) {
                Ok(place) => Self::Advertiser(place),
                Err(Some(allowed)) => Self::BadMethod(allowed),
                Err(None) => Self::Unknown,
            },
            (path, "GET" | "HEAD") if touch::clicked_link(path).is_some() => Self::Click,
            (path, "GET") if touch::viewed_link(path).is_some() => Self::AdView,
            (path, _) if touch::clicked_link(path).is_some() => Self::BadMethod("GET, HEAD"),
            (path, _) if touch::viewed_link(path).is_some() => Self::BadMethod("GET"),
            (path, method) => {
                let is_read = matches!(method, "GET" | "HEAD");
                match (Document::from_path(path), TagFile::from_path(path)) {
                    (None, None) => Self::Unknown,
                    _ if !is_read => Self::BadMethod("GET, HEAD"),
                    (Some(document), _) => Self::Document(document),
                    (None, Some(file)) => Self::Tag(file),
                }
            }
        }
    }
}

impl Route {
    /// Whether the answer is for one browser, and leaves the mark of its opt-out as it is: then it sets it again. The
    /// pixel does so itself; documents are kept by caches, which would opt others out; an explanation changes nothing.
    const fn renews_opt_out(&self) -> bool {
        !matches!(
            self,
            Self::Pixel
                | Self::Embed
                | Self::Click
                | Self::AdView
                | Self::Unknown
                | Self::Style
                | Self::Document(_)
                | Self::Tag(_)
                | Self::ReceiptKeys
                | Self::Delete
                | Self::Api
                | Self::CookieSyncPreflight
                | Self::Choose(_)
        )
    }
}

impl<V: OptOutView + Send + Sync + 'static> Service for Public<V> {
    fn intake(&self, method: &str, path: &str) -> Intake {
        match Route::parse(method, path) {
            Route::Embed | Route::AdView => Intake::Hot,
            Route::Pixel | Route::Click if method == "GET" => Intake::Hot,
            Route::Match | Route::MatchStart | Route::MatchFrame | Route::Introduce | Route::SetUid => {
                Intake::Hot
            }
            Route::CookieSync => Intake::Body { bytes_max: prebid::BODY_BYTES_MAX },
            Route::Choose(_) => Intake::OptOut { bytes_max: FORM_BYTES_MAX },
            Route::OptOutPage | Route::Daa | Route::DaaCheck => Intake::OptOut { bytes_max: 0 },
            Route::Prefs | Route::Erase => Intake::OptOut { bytes_max: FORM_BYTES_MAX },
            Route::Api => Intake::Body { bytes_max: Resource::parse(path).map_or(0, Resource::bytes_max) },
            Route::Advertiser(place) if place.is_form() => Intake::Body { bytes_max: FORM_BYTES_MAX },
            Route::Delete => Intake::OptOut { bytes_max: deletion::BODY_BYTES_MAX },
            // Whoever sends a body with the wrong method or to the wrong path is told of that, not of the body.
            Route::BadMethod(_) | Route::Unknown => Intake::Body { bytes_max: FORM_BYTES_MAX },
            _ => Intake::Body { bytes_max: 0 },
        }
    }

    fn answer<'s>(&'s self, head: &Head<'_>, body: &[u8]) -> Answering<'s> {
        let route = Route::parse(head.method, head.path);
        if route.renews_opt_out() && cookie::shows_opt_out(head) {
            let renew = |answer: Answer| match answer.status {
                400.. => answer,
                _ => cookie::mark_opted_out(answer, &self.pixel.live.load()),
            };
            return match self.lead(route, head, body) {
                Answering::Now(answer) => Answering::Now(renew(answer)),
                Answering::Later(answer) => Answering::later(async move { renew(answer.await) }),
            };
        }
        self.lead(route, head, body)
    }

    fn overloaded(&self, head: &Head<'_>) -> Answer {
        // Who clicked on an ad is sent on all the same.
        let link = touch::clicked_link(head.path);
        link.map_or_else(pixel::overloaded, |link| touch::plain(&self.pixel, link))
    }
}

impl<V: OptOutView + Send + Sync + 'static> Public<V> {
    fn lead<'s>(&'s self, route: Route, head: &Head<'_>, body: &[u8]) -> Answering<'s> {
        Answering::Now(match route {
            Route::Pixel => return pixel::answer(&self.pixel, head),
            Route::Embed => return pixel::embed(&self.pixel, head),
            Route::Click => {
                let link = touch::clicked_link(head.path);
                return touch::click(&self.pixel, head, link.unwrap_or_default());
            }
            Route::AdView => {
                let link = touch::viewed_link(head.path);
                return touch::view(&self.pixel, head, link.unwrap_or_default());
            }
            Route::Choose(choice) => {
                return opt_out::choose(&self.pixel, &self.opt_out, &self.forms, head, body, choice);
            }
            Route::Privacy => return privacy::show(&self.pixel, &self.forms, &self.lookups, head),
            Route::Prefs => privacy::choose(&self.pixel, &self.forms, head, body),
            Route::Erase => {
                return privacy::erase(&self.pixel, &self.erasure, &self.forms, head, body);
            }
            Route::Download => return privacy::download(&self.pixel, &self.lookups, head),
            Route::Delete => return deletion::answer(&self.deletion, body),
            Route::Api => match Resource::parse(head.path) {
                Some(resource) => return api::answer(&self.pixel, &self.api, resource, head, body),
                None => Answer::text(404, "there is nothing at this path\n"),
            },
            Route::Advertiser(place) => {
                return advertiser::answer(&self.pixel, &self.advertiser, &self.forms, place, head, body);
            }
            Route::Match => {
                let partner = matched_partner(head.path).map(|(partner, _)| partner);
                return matching::inbound(&self.pixel, head, partner);
            }
            Route::MatchStart => {
                let partner = matched_partner(head.path).map(|(partner, _)| partner);
                matching::start(&self.pixel, head, partner.unwrap_or_default())
            }
            Route::MatchFrame => {
                let partner = matched_partner(head.path).map(|(partner, _)| partner);
                match_frame::answer(&self.pixel, head, partner.unwrap_or_default())
            }
            Route::Introduce => matching::introduce(&self.pixel, head),
            Route::CookieSync => prebid::cookie_sync(&self.pixel, head, body),
            Route::CookieSyncPreflight => prebid::preflight(head, &self.pixel.live.load()),
            Route::SetUid => return prebid::set_uid(&self.pixel, head),
            Route::GetUids => prebid::get_uids(&self.pixel, head),
            Route::Style => pages::style(),
            Route::OptOutPage => opt_out::show(&self.pixel, &self.forms, head),
            Route::Receipt => receipt::download(head, &self.pixel.live.load()),
            Route::ReceiptKeys => receipt::keys(&self.pixel.live.load()),
            Route::Daa => return daa::answer(&self.pixel, &self.opt_out, head),
            Route::DaaCheck => daa::check(&self.pixel, head),
            Route::OptOutStatus => opt_out::status(&self.pixel, head),
            Route::Document(document) => {
                let (live, now) = (self.pixel.live.load(), self.pixel.clock.now());
                document.answer(head, &live, &*self.pixel.opt_outs, now)
            }
            Route::Tag(file) => file.answer(head),
            Route::BadMethod(allowed) => {
                Answer::text(405, format!("this path takes {allowed}\n")).with("Allow", allowed)
            }
            Route::Unknown => match &self.explain {
                Some(explain) if head.path == explain::PATH => explain.answer(head),
                _ => Answer::text(404, "there is nothing at this path\n"),
            },
        })
    }
}

/// The partner in `/match/<partner>`, `/match/<partner>/start` or `/match/<partner>/frame`, and what is behind it.
fn matched_partner(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(MATCH_PATH)?;
    let ending = [START, FRAME].into_iter().find(|ending| rest.ends_with(ending)).unwrap_or_default();
    let partner = rest.strip_suffix(ending)?;
    (!partner.is_empty() && !partner.contains('/')).then_some((partner, ending))
}

const START: &str = "/start";
const FRAME: &str = "/frame";

const MATCH_PATH: &str = "/match/";

/// A form of ours holds one token and a few short words.
const FORM_BYTES_MAX: usize = 4_096;
