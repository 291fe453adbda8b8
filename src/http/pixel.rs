//! The pixel's three paths: always the same 43 bytes, unless the old tag asks for script.

use std::borrow::Cow;

use super::cookie;
use super::pixel_hit;
use super::request::Head;
use super::response::{Answer, fixed_headers};
use super::service::Answering;
use super::visitor;
use crate::consent::refusal::RefusalKind;
use crate::domain::opt_out::OptOutView;
use crate::domain::time::Timestamp;
use crate::service;
use crate::service::explain::Explanation;
use crate::service::hit::{Browser, PixelHit, Visitor};
use crate::service::live::Live;
use crate::service::outcome::{Invalid, Outcome};
use crate::service::pixel::{PixelService, Recorded};

/// X's own path, its versioned twin, and a short one of ours.
pub const PATHS: [&str; 3] = ["/i/adsct", "/1/i/adsct", "/p.gif"];

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
    let Request { hit, visitor, wants_script } = Request::read(head, &live, at);
    let reply = Reply { browser: visitor.browser, partitioned: cookie::is_partitioned(head), wants_script };
    let recording = service.record(&hit, &visitor);
    Answering::later(async move { reply.answer(service, &recording.await) })
}

/// What the gate would say of the request, rule by rule. Stores nothing.
pub fn explain(head: &Head<'_>, live: &Live, opt_outs: &dyn OptOutView, now: Timestamp) -> Explanation {
    let Request { hit, visitor, .. } = Request::read(head, live, now);
    service::explain::explain(&hit, &visitor, live, opt_outs, now)
}

/// All that a request to the pixel holds, read in one pass over its query.
struct Request<'q> {
    hit: PixelHit<'q>,
    visitor: Visitor<'q>,
    wants_script: bool,
}

impl<'q> Request<'q> {
    fn read(head: &Head<'q>, live: &Live, at: Timestamp) -> Self {
        let (mut reader, mut wants_script) = (pixel_hit::Reader::new(), false);
        let (signals, jar) = visitor::read_with(head, live, at, |name, raw| {
            // Only this exact name: any other would be somebody else's text in our script.
            wants_script |= name == "tpx_cb" && visitor::decode(raw) == CALLBACK;
            reader.see(name, raw);
        });
        let visitor = Visitor { at, signals, browser: jar.browser() };
        Self { hit: reader.finish(head), visitor, wants_script }
    }
}

/// What a hit gets that was turned away before anyone looked at it.
pub fn overloaded() -> Answer {
    with_outcomes(image(), &[Outcome::Overloaded])
}

fn with_outcomes(mut answer: Answer, outcomes: &[Outcome]) -> Answer {
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
    partitioned: bool,
    wants_script: bool,
}

impl Reply {
    fn answer<V>(self, service: &PixelService<V>, recorded: &Recorded) -> Answer {
        let answer = if self.wants_script { script() } else { image() };
        let answer = with_outcomes(answer, &recorded.outcomes);
        if let Some(cookie) = &recorded.cookie {
            return cookie::give_id(
                answer,
                cookie,
                &service.live.load(),
                self.partitioned,
                service.clock.now(),
            );
        }
        if self.expires_id(recorded) {
            return cookie::expire_id(answer, &service.live.load());
        }
        answer
    }

    /// No id any more for who opted out, and for two that differ.
    fn expires_id(&self, recorded: &Recorded) -> bool {
        let opted_out = |outcome: &Outcome| matches!(outcome, Outcome::Refused(reason) if reason.kind() == RefusalKind::OptedOut);
        match self.browser {
            Browser::Ambiguous => true,
            Browser::Known(_) => recorded.outcomes.iter().any(opted_out),
            Browser::New => false,
        }
    }
}

/// `stored; id=<uuid>; ack=memory`.
const OUTCOME_CHARS: usize = 64;

fn image() -> Answer {
    fixed_answer!("image/gif", GIF)
}

/// The old tag calls this function with the partner URLs that the page may load next.
fn script() -> Answer {
    fixed_answer!("text/javascript; charset=utf-8", NO_PARTNERS)
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
const NO_PARTNERS: &[u8] = b"twttr.conversion.loadPixels({\"tags\":[],\"hif\":[]});";

/// A transparent image of one pixel.
pub const GIF: &[u8; 43] = include_bytes!("../../static/pixel.gif");
