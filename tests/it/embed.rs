//! Visits to pages with an embed, over real sockets.

use crate::world::{Reply, World};

const ID: &str = "__Host-Http-pg";
const EMBED: &str = "/i/embed?href=https%3A%2F%2Fnews.example%2Fstory%3Freader%3Djane";

/// Development mode behind a proxy that knows countries.
fn world() -> World {
    World::with(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().expect("a network")];
        config.proxies.country_header = Some("x-country".into());
    })
}

fn outcome_and_cookies(reply: &Reply) -> (&str, bool) {
    (reply.outcome(), reply.cookie(ID).is_some_and(|cookie| !cookie.ends_with('=')))
}

#[test]
fn a_page_with_an_embed_is_noted_without_its_query_and_gives_no_id() {
    let world = world();
    let reply = world.get(EMBED, &[("X-Country", "US")]);
    assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
    assert_eq!((reply.header("Content-Type"), reply.cookie(ID)), (Some("image/gif"), None));
    let id = world.get("/i/adsct?txn_id=o8z6j", &[]).cookie(ID).expect("an id cookie");
    world.get(EMBED, &[("X-Country", "GB"), ("Cookie", &id)]);
    world.get(&format!("{EMBED}&gdpr=0"), &[("X-Country", "GB"), ("Cookie", &id)]);
    let rows: Vec<_> = world.stored().into_iter().filter(|row| row["kind"] == "embed_view").collect();
    assert_eq!(rows.len(), 2, "GB without a word on the GDPR is refused");
    assert_eq!(
        (&rows[0]["page"], &rows[0]["browser_id"]),
        (&"https://news.example/story".into(), &serde_json::Value::Null)
    );
    assert_eq!(rows[0]["evidence"]["activities"], serde_json::json!(["identify", "web-history"]));
    assert!(rows[1]["browser_id"].is_string());
    let page = world.get("/privacy", &[("Cookie", &id)]).text();
    assert!(page.contains("Page with embedded content</td>") && page.contains("news.example</td>"));
    for wrong in ["/i/embed", "/i/embed?href=nonsense", "/i/embed?href=javascript%3Aalert(1)"] {
        assert_eq!(world.get(wrong, &[]).outcome(), "invalid; reason=bad-href", "{wrong}");
    }
}

#[test]
fn a_refused_embed_leaves_the_log_byte_identical() {
    let world = world();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[]).cookie(ID).expect("an id cookie");
    let before = world.log_bytes();
    for (header, value, reason) in [
        ("Cookie", "pg_prefs=0001", "suppressed; reason=web-off"),
        ("Cookie", "pg_prefs=1000", "suppressed; reason=personalize-off"),
        ("Cookie", "pg_optout=1", "suppressed; reason=opt-out-cookie"),
        ("Sec-GPC", "1", "suppressed; reason=gpc"),
        ("DNT", "1", "suppressed; reason=dnt"),
        ("Sec-Purpose", "prefetch", "speculative"),
        ("User-Agent", "Googlebot/2.1", "bot"),
        // Whatever was consented to.
        ("X-Country", "DE", "suppressed; reason=web-history-region"),
        ("X-Country", "NO", "suppressed; reason=web-history-region"),
        ("X-Country", "CH", "suppressed; reason=web-history-region"),
    ] {
        let mut headers = vec![(header, value)];
        if header != "Cookie" {
            headers.push(("Cookie", &*id));
        }
        let reply = world.get(&format!("{EMBED}&gdpr=0"), &headers);
        assert_eq!(outcome_and_cookies(&reply), (reason, false), "{header}: {value}");
        assert!(world.log_bytes() == before, "{header}: {value}");
    }
    // The setting for shared data and the one for devices do not speak about it.
    let prefs = [("Cookie", "pg_prefs=0110"), ("X-Country", "US")];
    assert!(world.get(EMBED, &prefs).outcome().starts_with("stored;"));
}

#[test]
fn after_an_opt_out_no_embed_of_that_browser_is_noted_even_without_the_opt_out_cookie() {
    let mut world = World::dev();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[]).cookie(ID).expect("an id cookie");
    let page = world.get("/privacy", &[("Cookie", &id)]).text();
    let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = format!("csrf={}", token.expect("a token"));
    world.post("/optout", &[("Cookie", &id), ("Origin", "http://px.localhost")], &form);
    for _ in 0..2 {
        let before = world.log_bytes();
        assert_eq!(world.get(EMBED, &[("Cookie", &id)]).outcome(), "suppressed; reason=opted-out");
        assert!(world.log_bytes() == before);
        world.restart();
    }
}
