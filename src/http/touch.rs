//! Ad links: `/c/{link}`, which a click on an ad leads through, and `/v/{link}.gif`, which an ad shows.
//!
//! Where a click leads is in the registry, and no request can say otherwise. Nobody gets a cookie here.

use super::pixel;
use super::request::Head;
use super::response::Answer;
use super::service::Answering;
use super::visitor;
use crate::domain::opt_out::OptOutView;
use crate::service::outcome::Outcome;
use crate::service::pixel::PixelService;
use crate::service::touch::Clicked;

/// The link in `/c/<link>`.
pub fn clicked_link(path: &str) -> Option<&str> {
    path.strip_prefix("/c/").filter(|link| !link.is_empty() && !link.contains('/'))
}

/// The link in `/v/<link>.gif`.
pub fn viewed_link(path: &str) -> Option<&str> {
    let link = path.strip_prefix("/v/")?.strip_suffix(".gif")?;
    (!link.is_empty() && !link.contains('/')).then_some(link)
}

/// Notes the click, and sends the browser on. Who only asks for the head has not clicked.
pub fn click<'s, V: OptOutView + Send + Sync>(
    service: &'s PixelService<V>,
    head: &Head<'_>,
    link: &str,
) -> Answering<'s> {
    if head.method != "GET" {
        return Answering::Now(plain(service, link));
    }
    let live = service.live.load();
    let at = service.clock.now();
    let visitor = visitor::visitor(head, &live, &*service.opt_outs, at, |_, _| {});
    let Some(recording) = service.record_click(link, &visitor) else {
        return Answering::Now(nowhere());
    };
    Answering::later(async move {
        let Clicked { outcome, location } = recording.await;
        let answer = location.map_or_else(unseen, onwards);
        answer.with("Pixelgate-Outcome", outcome.to_string())
    })
}

/// Sends the browser on and notes nothing.
pub fn plain<V: OptOutView + Send + Sync>(service: &PixelService<V>, link: &str) -> Answer {
    service.landing_page(link).map_or_else(nowhere, onwards)
}

/// Notes the view.
pub fn view<'s, V: OptOutView + Send + Sync>(
    service: &'s PixelService<V>,
    head: &Head<'_>,
    link: &str,
) -> Answering<'s> {
    let live = service.live.load();
    let at = service.clock.now();
    let visitor = visitor::visitor(head, &live, &*service.opt_outs, at, |_, _| {});
    let recording = service.record_ad_view(link, &visitor);
    Answering::later(async move {
        let outcome: Outcome = recording.await;
        pixel::with_outcomes(pixel::image(), &[outcome])
    })
}

/// The landing page learns on which site the ad was, and not on which of its pages.
fn onwards(location: String) -> Answer {
    Answer::redirect(location)
        .with("Cache-Control", "no-store")
        .with("Referrer-Policy", "strict-origin-when-cross-origin")
}

/// A browser that prepares for a click has to ask again when there is one.
fn unseen() -> Answer {
    Answer::text(503, "nobody has clicked yet\n").with("Cache-Control", "no-store")
}

fn nowhere() -> Answer {
    Answer::text(404, "there is no link of this name\n").with("Cache-Control", "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_names_one_link() {
        assert_eq!(
            (clicked_link("/c/spring"), viewed_link("/v/spring.gif")),
            (Some("spring"), Some("spring"))
        );
        for path in ["/c/", "/c", "/c/a/b", "/v/.gif", "/v/a", "/v/a/b.gif", "/v/", "/C/spring"] {
            assert_eq!((clicked_link(path), viewed_link(path)), (None, None), "{path}");
        }
    }
}
