//! Kiln & Cup, a little shop: landing page, product, cart, thanks.

use askama::Template;

use super::pages::{is_order, new_order, nothing_here, page, parameter, see_other};
use super::places::Places;
use crate::http::request::Head;
use crate::http::response::Answer;

pub(super) fn answer(places: &Places, head: &Head<'_>, body: &[u8]) -> Answer {
    let Places { px, demo, .. } = places;
    let asked = || parameter(head.query.as_bytes(), "cup").and_then(|slug| Cup::named(&slug));
    match (head.method, head.path) {
        // The second is where the ad in the paper leads.
        ("GET" | "HEAD", "/" | "/landing") => page(places, &Landing { px, demo, cups: &CUPS }),
        ("GET" | "HEAD", "/cart") => match asked() {
            Some(cup) => page(places, &Cart { px, demo, cup }),
            None => see_other("/"),
        },
        ("POST", "/buy") => match parameter(body, "cup").and_then(|slug| Cup::named(&slug)) {
            Some(cup) => see_other(&format!("/thanks?cup={}&order={}", cup.slug, new_order())),
            None => see_other("/"),
        },
        ("GET" | "HEAD", "/thanks") => {
            let order = parameter(head.query.as_bytes(), "order").filter(|order| is_order(order));
            match (asked(), order) {
                (Some(cup), Some(order)) => page(places, &Thanks { px, demo, cup, order: &order }),
                _ => see_other("/"),
            }
        }
        ("GET" | "HEAD", path) => match path.strip_prefix("/cup/").and_then(Cup::named) {
            Some(cup) => page(places, &Product { px, demo, cup }),
            None => nothing_here(),
        },
        _ => nothing_here(),
    }
}

#[derive(Template)]
#[template(path = "shop_landing.html", config = "static/demo/askama.toml")]
struct Landing<'p> {
    px: &'p str,
    demo: &'p str,
    cups: &'p [Cup],
}

#[derive(Template)]
#[template(path = "shop_product.html", config = "static/demo/askama.toml")]
struct Product<'p> {
    px: &'p str,
    demo: &'p str,
    cup: &'p Cup,
}

#[derive(Template)]
#[template(path = "shop_cart.html", config = "static/demo/askama.toml")]
struct Cart<'p> {
    px: &'p str,
    demo: &'p str,
    cup: &'p Cup,
}

#[derive(Template)]
#[template(path = "shop_thanks.html", config = "static/demo/askama.toml")]
struct Thanks<'p> {
    px: &'p str,
    demo: &'p str,
    cup: &'p Cup,
    order: &'p str,
}

/// What the shop has.
struct Cup {
    slug: &'static str,
    name: &'static str,
    price: &'static str,
    text: &'static str,
}

impl Cup {
    fn named(slug: &str) -> Option<&'static Self> {
        CUPS.iter().find(|cup| cup.slug == slug)
    }
}

const CUPS: [Cup; 3] = [
    Cup {
        slug: "moor",
        name: "Moor",
        price: "29.00",
        text: "Two greens that ran into each other in the kiln and decided to stay. Holds a quarter of a litre.",
    },
    Cup {
        slug: "ember",
        name: "Ember",
        price: "35.00",
        text: "Iron red under a honey glaze, still looking warm when the coffee isn't. Holds a quarter of a litre.",
    },
    Cup {
        slug: "dusk",
        name: "Dusk",
        price: "59.00",
        text: "Cobalt, dipped once more at the rim, for those who get up late. Holds a third of a litre.",
    },
];
