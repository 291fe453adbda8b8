//! `/optout` and `/optin`: GET shows the page, POST acts.

use askama::Template;

use super::cookie;
use super::csrf::Forms;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use super::visitor;
use crate::domain::opt_out::{Choice, OptOutView};
use crate::service::opt_out::OptOutService;
use crate::service::pixel::PixelService;

#[derive(Template)]
#[template(path = "opt_out.html", config = "static/pages/askama.toml")]
struct Page {
    opted_out: bool,
    known: bool,
    token: String,
}

/// The page with its one button.
pub fn show<V: OptOutView + Send + Sync>(pixel: &PixelService<V>, forms: &Forms, head: &Head<'_>) -> Answer {
    let live = pixel.live.load();
    let now = pixel.clock.now();
    let (signals, jar) = visitor::read(head, &live, now);
    let ids = jar.browser_ids();
    let page =
        Page { opted_out: signals.is_opted_out(), known: !ids.is_empty(), token: forms.token(&ids, now) };
    match page.render() {
        Ok(html) => page_answer(200, html),
        Err(_) => Answer::text(500, "the page could not be made\n"),
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
    Answering::later(async move {
        let answer = match service.choose(&ids, choice).await {
            Ok(()) => Answer::text(303, "").with("Location", "/optout"),
            // The cookie works even where the log does not.
            Err(error) => Answer::text(503, format!("{error}\n")).with("Retry-After", "1"),
        };
        let answer = answer.with("Cache-Control", "no-store");
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
