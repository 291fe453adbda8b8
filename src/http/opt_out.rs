//! `/optout` and `/optin`: GET shows the page, POST acts.

use askama::Template;

use super::cookie;
use super::csrf::Forms;
use super::receipt;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use super::visitor;
use crate::domain::id::BrowserId;
use crate::domain::opt_out::{Choice, OptOutView, Subject};
use crate::domain::time::Timestamp;
use crate::service::live::Live;
use crate::service::opt_out::OptOutService;
use crate::service::pixel::PixelService;
use crate::service::receipt::Receipt;
use crate::service::tracking_status::TrackingStatus;

#[derive(Template)]
#[template(path = "opt_out.html", config = "static/pages/askama.toml")]
struct Page {
    opted_out: bool,
    known: bool,
    token: String,
    receipt: Option<Receipt>,
}

/// The page with its one button.
pub fn show<V: OptOutView + Send + Sync>(pixel: &PixelService<V>, forms: &Forms, head: &Head<'_>) -> Answer {
    let live = pixel.live.load();
    let now = pixel.clock.now();
    let state = State::read(pixel, &live, head, now);
    let page = Page {
        opted_out: state.cookie || state.server,
        known: !state.ids.is_empty(),
        token: forms.token(&state.ids, now),
        receipt: receipt::shown(head, &live),
    };
    let answer = match page.render() {
        Ok(html) => page_answer(200, html),
        Err(_) => return Answer::text(500, "the page could not be made\n"),
    };
    // The id stays: who opts in again has to show it, or else our record of the opt-out would stay for good.
    state.restore_mark(untracked(answer, head), &live)
}

/// What is known about the browser's choice: JSON without a word of who it is.
pub fn status<V: OptOutView + Send + Sync>(pixel: &PixelService<V>, head: &Head<'_>) -> Answer {
    let live = pixel.live.load();
    let state = State::read(pixel, &live, head, pixel.clock.now());
    let (cookie, server) = (state.cookie, state.server);
    let text = format!(r#"{{"opted_out":{},"cookie":{cookie},"server":{server}}}"#, cookie || server);
    let mut answer = Answer::text(200, text);
    answer.headers[0].1 = "application/json".into();
    let answer = answer.with("Cache-Control", "no-store").with("X-Content-Type-Options", "nosniff");
    state.restore_mark(untracked(answer, head), &live)
}

/// Whether the browser has opted out, and how that is known.
struct State {
    /// By its cookie.
    cookie: bool,
    /// By our record of an id that it shows.
    server: bool,
    ids: Vec<BrowserId>,
}

impl State {
    fn read<V: OptOutView>(pixel: &PixelService<V>, live: &Live, head: &Head<'_>, now: Timestamp) -> Self {
        let (signals, jar) = visitor::read(head, live, now);
        let server = jar.is_opted_out(&*pixel.opt_outs);
        Self { cookie: signals.is_opted_out(), server, ids: jar.browser_ids() }
    }

    /// For a browser that has lost the cookie; one that has it gets it again anyway.
    fn restore_mark(&self, answer: Answer, live: &Live) -> Answer {
        if self.server && !self.cookie { cookie::mark_opted_out(answer, live) } else { answer }
    }
}

/// Nothing is stored about who looks at these pages.
fn untracked(answer: Answer, head: &Head<'_>) -> Answer {
    match head.header("dnt") {
        Some(_) => answer.with("Tk", TrackingStatus::NotTracking.code()),
        None => answer,
    }
}

/// Acts on the choice, once it is known to come from our own page, and leads back to the page.
pub fn choose<'s, V: OptOutView + Send + Sync>(
    pixel: &PixelService<V>,
    service: &'s OptOutService,
    forms: &Forms,
    head: &Head<'_>,
    body: &[u8],
    choice: Choice,
) -> Answering<'s> {
    let live = pixel.live.load_full();
    let now = pixel.clock.now();
    let (_, jar) = visitor::read(head, &live, now);
    let ids = jar.browser_ids();
    if !forms.is_ours(head, body, &ids, now) {
        return Answering::Now(Answer::text(
            403,
            "this form did not come from our own page, or is too old; load the page again\n",
        ));
    }
    let host = head.host().unwrap_or_default().to_owned();
    Answering::later(async move {
        let answer = match service.choose(ids.iter().copied().map(Subject::Browser), choice).await {
            Ok(recorded) => Answer::text(303, "").with("Location", receipt::location(&host, &live, recorded)),
            // The cookie works even where the log does not.
            Err(error) => Answer::text(503, format!("{error}\n")).with("Retry-After", "1"),
        };
        let answer = answer.with("Cache-Control", "no-store").with("Tk", TrackingStatus::Updated.code());
        match choice {
            Choice::Out => cookie::expire_id(cookie::mark_opted_out(answer, &live), &live),
            Choice::In => cookie::unmark_opted_out(answer, &live),
        }
    })
}

fn page_answer(status: u16, html: String) -> Answer {
    let mut answer = Answer::text(status, html);
    answer.headers[0].1 = "text/html; charset=utf-8".into();
    answer
        .with("Cache-Control", "no-store")
        .with("X-Content-Type-Options", "nosniff")
        .with("Referrer-Policy", "same-origin")
        .with(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        )
}
