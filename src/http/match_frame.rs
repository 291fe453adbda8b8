//! `/match/{partner}/frame`: a page for an iframe, with the images of a partner that needs several.
//!
//! It runs no script, and loads nothing but from origins that the operator has registered, and what they lead back to us
//! with.

use askama::Template;

use super::matching::{consent_texts, is_bad_request, names_an_address, storage_access};
use super::request::Head;
use super::response::Answer;
use super::{cookie, pixel, visitor};
use crate::domain::opt_out::OptOutView;
use crate::service::live::Live;
use crate::service::outcome::{Invalid, Outcome};
use crate::service::pixel::PixelService;

#[derive(Template)]
#[template(path = "match_frame.html", config = "static/pages/askama.toml")]
struct Page<'a> {
    locations: &'a [String],
}

pub fn answer<V: OptOutView + Send + Sync>(
    service: &PixelService<V>,
    head: &Head<'_>,
    partner: &str,
) -> Answer {
    let live = service.live.load();
    if names_an_address(head) {
        return empty(&live, &Outcome::Invalid(Invalid::ForeignRedirect));
    }
    let at = service.clock.now();
    let visitor = visitor::visitor(head, &live, &*service.opt_outs, at, |_, _| {});
    match service.frame(partner, storage_access(head), &visitor, &consent_texts(head)) {
        Ok(frame) => {
            let answer = page(&live, &frame.locations, &frame.origins);
            match &frame.cookie {
                Some(cookie) => cookie::give_id(answer, cookie, &live, false, at),
                None => answer,
            }
        }
        Err(outcome) => empty(&live, &outcome),
    }
}

/// Nobody is sent anywhere; a request that is wrong in itself gets 400.
fn empty(live: &Live, outcome: &Outcome) -> Answer {
    let mut answer = pixel::with_outcomes(page(live, &[], &[]), std::slice::from_ref(outcome));
    if is_bad_request(outcome) {
        answer.status = 400;
    }
    answer
}

fn page(live: &Live, locations: &[String], origins: &[String]) -> Answer {
    let html = match (Page { locations }).render() {
        Ok(html) => html,
        Err(error) => return Answer::text(500, format!("the page could not be made: {error}\n")),
    };
    Answer::new(200, "text/html; charset=utf-8", html)
        .with("Cache-Control", "no-store")
        .with("Referrer-Policy", "no-referrer")
        .with("Cross-Origin-Resource-Policy", "cross-origin")
        .with("X-Content-Type-Options", "nosniff")
        .with("Content-Security-Policy", policy(live, origins))
}

/// Framed by whom the operator has registered; by everybody where nobody is, as whoever sends a browser to a partner.
fn policy(live: &Live, origins: &[String]) -> String {
    let sources: Vec<_> = live.publisher_origins.iter().filter_map(|origin| origin.csp_source()).collect();
    let ancestors = match (live.publisher_origins.is_empty(), sources.is_empty()) {
        (true, _) => "*".to_owned(),
        (false, true) => "'none'".to_owned(),
        (false, false) => sources.join(" "),
    };
    // A browser holds a redirect to the same list, and the way back is one to this server.
    let images =
        if origins.is_empty() { "'none'".to_owned() } else { format!("'self' {}", origins.join(" ")) };
    format!(
        "default-src 'none'; img-src {images}; frame-ancestors {ancestors}; base-uri 'none'; form-action 'none'"
    )
}
