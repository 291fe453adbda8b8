//! The Loopback Times, the site of another advertiser.

use askama::Template;

use super::pages::{is_order, new_order, nothing_here, page, parameter, see_other};
use super::places::Places;
use crate::http::request::Head;
use crate::http::response::Answer;

pub(super) fn answer(places: &Places, head: &Head<'_>) -> Answer {
    let Places { px, demo, .. } = places;
    let order = parameter(head.query.as_bytes(), "order").filter(|order| is_order(order));
    match (head.method, head.path) {
        ("GET" | "HEAD", "/") => {
            let subscribed = order.is_some();
            page(places, &News { px, demo, subscribed, order: order.as_deref().unwrap_or_default() })
        }
        ("POST", "/subscribe") => see_other(&format!("/?order={}", new_order())),
        _ => nothing_here(),
    }
}

#[derive(Template)]
#[template(path = "news.html", config = "static/demo/askama.toml")]
struct News<'p> {
    px: &'p str,
    demo: &'p str,
    subscribed: bool,
    order: &'p str,
}
