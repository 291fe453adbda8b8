//! The pixel's three paths: always the same 43 bytes, unless the old tag asks for script.

use std::borrow::Cow;

use serde_json::json;

use super::cookie;
use super::matching;
use super::pixel_hit;
use super::request::Head;
use super::response::{Answer, fixed_headers};
use super::service::Answering;
use super::test_code;
use super::visitor;
use crate::consent::refusal::{Refusal, RefusalKind};
use crate::domain::opt_out::{OptOutView, Subject};
use crate::domain::page::PageAddress;
use crate::domain::time::Timestamp;
use crate::service;
use crate::service::explain::{Explanation, Question};
use crate::service::hit::{Browser, PixelHit, Visitor};
use crate::service::live::Live;
use crate::service::outcome::{Invalid, Outcome};
use crate::service::partners::Target;
use crate::service::pixel::{PixelService, Recorded};
use crate::service::prebid::{Asking, Filter, ToAsk};
use crate::service::tracking_status::TrackingStatus;

/// X's own path, its versioned twin, and a short one of ours.
pub const PATHS: [&str; 3] = ["/i/adsct", "/1/i/adsct", "/p.gif"];

/// Of pages with an embed.
pub const EMBED_PATH: &str = "/i/embed";

/// Parse, decide, store, answer.
pub fn answer<'s, V: OptOutView + Send + Sync>(
    service: &'s PixelService<V>,
    head: &Head<'_>,
) -> Answering<'s> {
    if head.method != "GET" {
        return Answering::Now(with_outcomes(image(), &[Outcome::Invalid(Invalid::BadMethod)]));
    }
    let live = service.live.load();
    let at = service.clock.now();
    let Request { hit, visitor, wants_script } = Request::read(head, &live, &*service.opt_outs, at);
    if hit.txn_id.is_none() && hit.partner.is_some() {
        return matching::inbound(service, head, None);
    }
    let reply = Reply {
        browser: visitor.browser,
        opted_out: visitor.signals.is_opted_out() && !visitor.signals.is_unseen(),
        // Who says nothing about tracking is told nothing: the header is optional (TPE, section 6.3.1).
        tracking: head.header("dnt").map(|_| TrackingStatus::of_visitor(&visitor, &live, &*service.opt_outs)),
        partitioned: cookie::is_partitioned(head),
        script: wants_script.then(|| partners_to_ask(service, head, &visitor)),
    };
    let code = if service.watch.tests.is_any(at) { test_code::of_hit(head) } else { None };
    let recording = service.record(&hit, &visitor, code);
    Answering::later(async move { reply.answer(service, &recording.await) })
}

/// Notes a visit to a page with an embed: `href` is the page's address.
pub fn embed<'s, V: OptOutView + Send + Sync>(
    service: &'s PixelService<V>,
    head: &Head<'_>,
) -> Answering<'s> {
    let live = service.live.load();
    let at = service.clock.now();
    let mut href = None;
    let visitor = visitor::visitor(head, &live, &*service.opt_outs, at, |name, raw| {
        if name == "href" && href.is_none() {
            href = Some(visitor::decode(raw));
        }
    });
    let recording = service.record_embed(href.as_deref(), &visitor);
    Answering::later(async move { with_outcomes(image(), &[recording.await]) })
}

/// What the gate would say of the request, rule by rule. Stores nothing.
pub fn explain(
    asked: &Question<'_>,
    head: &Head<'_>,
    live: &Live,
    opt_outs: &dyn OptOutView,
    now: Timestamp,
) -> Explanation {
    let Request { hit, mut visitor, .. } = Request::read(head, live, opt_outs, now);
    if asked.country.is_some() {
        visitor.signals.set_country(asked.country);
    }
    service::explain::explain(asked.activities, &hit, &visitor, live, opt_outs, now)
}

/// All that a request to the pixel holds, read in one pass over its query.
struct Request<'q> {
    hit: PixelHit<'q>,
    visitor: Visitor<'q>,
    wants_script: bool,
}

impl<'q> Request<'q> {
    fn read(head: &Head<'q>, live: &Live, opt_outs: &dyn OptOutView, at: Timestamp) -> Self {
        let (mut reader, mut wants_script) = (pixel_hit::Reader::new(), false);
        let visitor = visitor::visitor(head, live, opt_outs, at, |name, raw| {
            // Only this exact name: any other would be somebody else's text in our script.
            wants_script |= name == "tpx_cb" && visitor::decode(raw) == CALLBACK;
            reader.see(name, raw);
        });
        Self { hit: reader.finish(head), visitor, wants_script }
    }
}

/// What a hit gets that was turned away before anyone looked at it.
pub fn overloaded() -> Answer {
    with_outcomes(image(), &[Outcome::Overloaded])
}

pub(super) fn with_outcomes(mut answer: Answer, outcomes: &[Outcome]) -> Answer {
    if outcomes.iter().any(Outcome::is_temporary) {
        answer.status = 503;
        answer = answer.with("Retry-After", "1");
    }
    let mut text = String::with_capacity(OUTCOME_CHARS);
    for (number, outcome) in outcomes.iter().enumerate() {
        if number > 0 {
            text.push_str(", ");
        }
        outcome.push_onto(&mut text);
    }
    answer.with("Pixelgate-Outcome", text)
}

/// What the answer needs of its request.
struct Reply {
    browser: Browser,
    /// By its cookie, or by one of several ids.
    opted_out: bool,
    /// As it was before the hit; only where the browser says something about tracking.
    tracking: Option<TrackingStatus>,
    partitioned: bool,
    /// Which partners the page is to ask, for the old tag; `None` for those that want the image.
    script: Option<Vec<ToAsk>>,
}

impl Reply {
    fn answer<V: OptOutView>(self, service: &PixelService<V>, recorded: &Recorded) -> Answer {
        let is_kept = recorded.outcomes.iter().any(Outcome::is_kept);
        let answer = match &self.script {
            Some(ask) => script(if is_kept { ask } else { &[] }),
            None => image(),
        };
        let mut answer = with_outcomes(answer, &recorded.outcomes);
        if let Some(status) = self.tracking {
            answer = answer.with("Tk", status.after(&recorded.outcomes).code());
        }
        if let Some(cookie) = &recorded.cookie {
            return cookie::give_id(
                answer,
                cookie,
                &service.live.load(),
                self.partitioned,
                service.clock.now(),
            );
        }
        let opted_out = self.opted_out || self.is_of_opted_out_id(service, recorded);
        if self.expires_id(opted_out, recorded) {
            answer = cookie::expire_id(answer, &service.live.load());
        }
        // Again at each sight: browsers keep no cookie for good, and some have lost it.
        if opted_out {
            answer = cookie::mark_opted_out(answer, &service.live.load());
        }
        answer
    }

    /// Whether the browser's own id has opted out. An e-mail address that has, and that somebody's page sent along,
    /// says nothing about the browser.
    fn is_of_opted_out_id<V: OptOutView>(&self, service: &PixelService<V>, recorded: &Recorded) -> bool {
        let Browser::Known(known) = self.browser else { return false };
        refusals(recorded).any(|reason| reason == Refusal::OptedOut)
            && service.opt_outs.is_opted_out(Subject::Browser(known.cookie.browser_id))
    }

    /// No id any more for who opted out or has no use for it, and for two that differ.
    fn expires_id(&self, opted_out: bool, recorded: &Recorded) -> bool {
        let off = |reason: Refusal| reason.kind() == RefusalKind::OptedOut && reason != Refusal::OptedOut;
        match self.browser {
            Browser::Ambiguous => true,
            Browser::Known(_) => opted_out || refusals(recorded).any(off),
            Browser::New => false,
        }
    }
}

fn refusals(recorded: &Recorded) -> impl Iterator<Item = Refusal> {
    recorded.outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Refused(reason) => Some(*reason),
        _ => None,
    })
}

/// `stored; id=<uuid>; ack=memory`.
const OUTCOME_CHARS: usize = 64;

pub(super) fn image() -> Answer {
    fixed_answer!("image/gif", GIF)
}

/// The old tag calls this function with the partner URLs that the page may load next: images, and frames.
fn script(ask: &[ToAsk]) -> Answer {
    let of = |is_image| {
        let those = ask.iter().filter(move |ask| (ask.target == Target::Image) == is_image);
        those.map(|ask| &*ask.location).collect::<Vec<_>>()
    };
    // In the order in which it has always been.
    let (tags, frames) = (json!(of(true)), json!(of(false)));
    let body = format!("{CALLBACK}({{\"tags\":{tags},\"hif\":{frames}}});").into_bytes();
    Answer { body: Cow::Owned(body), ..fixed_answer!("text/javascript; charset=utf-8", &[]) }
}

/// For a browser that has its id: one that is new gets it with this very answer. And for pages of registered publishers
/// alone: any page can run a script and read what it is called with, and our ids for partners are the same everywhere.
fn partners_to_ask<V: OptOutView + Send + Sync>(
    service: &PixelService<V>,
    head: &Head<'_>,
    visitor: &Visitor<'_>,
) -> Vec<ToAsk> {
    let page = head.header("referer").and_then(PageAddress::reduce);
    let may_read = page.is_some_and(|page| service.live.load().is_publisher(page.origin()));
    if !may_read || visitor.browser.id().is_none() {
        return Vec::new();
    }
    let asking = Asking {
        names: None,
        cooperative: false,
        limit: PARTNERS_PER_PAGE_VIEW,
        image: Filter::All,
        iframe: Filter::All,
        storage_access: matching::storage_access(head),
        host: head.host(),
    };
    service.partners_to_ask(&asking, visitor, &matching::consent_texts(head)).ask
}

/// A macro, because the headers are joined when the program is built.
macro_rules! fixed_answer {
    ($content_type:literal, $body:expr) => {{
        let fixed = fixed_headers! {
            "Content-Type": $content_type,
            "Cache-Control": "no-store",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "X-Content-Type-Options": "nosniff",
        };
        Answer { status: 200, fixed, headers: Vec::with_capacity(HEADERS), body: Cow::Borrowed($body) }
    }};
}
use fixed_answer;

/// The outcome, and two cookies or a time to come back.
const HEADERS: usize = 3;

const CALLBACK: &str = "twttr.conversion.loadPixels";
/// More would cost the page more than it is worth; the next page view asks the next ones.
const PARTNERS_PER_PAGE_VIEW: usize = 3;

/// A transparent image of one pixel.
pub const GIF: &[u8; 43] = include_bytes!("../../static/pixel.gif");
