//! `/optout` and `/optin`: GET shows the page, POST acts.

use askama::Template;

use super::cookie;
use super::csrf::Forms;
use super::pages::texts::Texts;
use super::pages::{self, Frame};
use super::privacy;
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
    frame: Frame,
    t: &'static Texts,
    opted_out: bool,
    token: String,
    receipt: Option<Receipt>,
}

/// The page with its one button.
pub fn show<V: OptOutView + Send + Sync>(pixel: &PixelService<V>, forms: &Forms, head: &Head<'_>) -> Answer {
    let live = pixel.live.load();
    let now = pixel.clock.now();
    let state = State::read(pixel, &live, head, now);
    let frame = Frame::new("/optout", head);
    let answer = pages::page(&Page {
        frame,
        t: frame.texts(),
        opted_out: state.cookie || state.server,
        token: forms.token(&state.ids, now),
        receipt: receipt::shown(head, &live),
    });
    // The id stays: who opts in again has to show it, or else our record of the opt-out would stay for good.
    state.restore_mark(untracked(answer, head), &live)
}

/// What is known about the browser's choice: JSON without a word of who it is.
pub fn status<V: OptOutView + Send + Sync>(pixel: &PixelService<V>, head: &Head<'_>) -> Answer {
    let live = pixel.live.load();
    let state = State::read(pixel, &live, head, pixel.clock.now());
    let (cookie, server) = (state.cookie, state.server);
    let text = format!(r#"{{"opted_out":{},"cookie":{cookie},"server":{server}}}"#, cookie || server);
    let answer =
        Answer::json(200, text).with("Cache-Control", "no-store").with("X-Content-Type-Options", "nosniff");
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
        return Answering::Now(privacy::not_ours());
    }
    let host = head.host().unwrap_or_default().to_owned();
    let back = privacy::Back::from(body, choice);
    Answering::later(async move {
        let answer = match service.choose(ids.iter().copied().map(Subject::Browser), choice).await {
            Ok(recorded) => back.answer(receipt::sign(&host, &live, recorded)),
            // The cookie works even where the log does not.
            Err(error) => Answer::try_later(&error),
        };
        let answer = answer.with("Cache-Control", "no-store").with("Tk", TrackingStatus::Updated.code());
        match choice {
            Choice::Out => cookie::expire_id(cookie::mark_opted_out(answer, &live), &live),
            Choice::In => cookie::unmark_opted_out(answer, &live),
        }
    })
}
