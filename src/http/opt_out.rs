//! `/optout` and `/optin`: GET shows the page, POST acts.

use askama::Template;

use super::cookie;
use super::csrf::Forms;
use super::pages::texts::Texts;
use super::pages::{self, Frame};
use super::privacy;
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
    frame: Frame,
    t: &'static Texts,
    opted_out: bool,
    everywhere: bool,
    token: String,
}

/// The page with its one button.
pub fn show<V: OptOutView + Send + Sync>(pixel: &PixelService<V>, forms: &Forms, head: &Head<'_>) -> Answer {
    let live = pixel.live.load();
    let now = pixel.clock.now();
    let (signals, jar) = visitor::read(head, &live, now);
    let ids = jar.browser_ids();
    let frame = Frame::new("/optout", head);
    pages::page(&Page {
        frame,
        t: frame.texts(),
        opted_out: signals.is_opted_out(),
        everywhere: jar.is_shared(),
        token: forms.token(&ids, now),
    })
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
    let live = pixel.live.load();
    let now = pixel.clock.now();
    let (_, jar) = visitor::read(head, &live, now);
    let (ids, cookie_name) = (jar.browser_ids(), live.cookie_name.clone());
    if !forms.is_ours(head, body, &ids, now) {
        return Answering::Now(privacy::not_ours());
    }
    let back = privacy::back_from(body, choice);
    Answering::later(async move {
        let answer = match service.choose(&ids, choice).await {
            Ok(()) => back,
            // The cookie works even where the log does not.
            Err(error) => Answer::text(503, format!("{error}\n")).with("Retry-After", "1"),
        };
        let answer = answer.with("Cache-Control", "no-store");
        match choice {
            Choice::Out => cookie::expire_id(cookie::mark_opted_out(answer), &cookie_name),
            Choice::In => cookie::unmark_opted_out(answer),
        }
    })
}
