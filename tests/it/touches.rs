//! Ad links over real sockets: where a click leads, what is stored of it, and when nothing is.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::gated_disk::GatedDisk;
use crate::world::{Pending, Reply, World};

const ID: &str = "__Host-Http-pg";
const LANDING: &str = "http://shop.localhost:8090/landing?utm_source=ad";

/// Development mode behind a proxy that knows countries.
fn world() -> World {
    World::with(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().expect("a network")];
        config.proxies.country_header = Some("x-country".into());
    })
}

fn click_id(reply: &Reply) -> Option<String> {
    let location = reply.header("Location")?;
    location.strip_prefix(LANDING)?.strip_prefix("&twclid=").map(str::to_owned)
}

#[test]
fn a_click_leads_to_the_landing_page_with_an_id_of_its_own_and_is_stored() {
    let world = world();
    let reply = world.get("/c/spring", &[("X-Country", "US")]);
    assert_eq!((reply.status, reply.body.len()), (302, 0));
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    assert_eq!(reply.header("Referrer-Policy"), Some("strict-origin-when-cross-origin"));
    assert_eq!(reply.headers_named("Set-Cookie").count(), 0);
    assert!(reply.outcome().ends_with("; ack=os"), "{}", reply.outcome());
    let first = click_id(&reply).expect("a click id");
    assert!(
        first.len() == 26 && first.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    );
    let second = click_id(&world.get("/c/spring", &[])).expect("a click id");
    assert_ne!(first, second);
    let rows = world.stored();
    assert_eq!(rows.len(), 2);
    let mut row = rows[0].clone();
    row.as_object_mut().expect("an object").retain(|name, _| !matches!(&**name, "id" | "evidence"));
    assert_eq!(
        row,
        json!({"kind": "touch", "at": "2026-09-04T12:00:00.000Z", "account_id": "18ce54d4x5t", "touch": "click",
               "link": "spring", "campaign_id": "8wku2", "line_item_id": "6zva5", "browser_id": null,
               "click_id": first, "country": "US"})
    );
    assert_eq!(rows[0]["evidence"]["activities"], json!(["measure", "identify", "link-devices"]));
}

#[test]
fn an_ad_view_is_noted_and_gives_no_id() {
    let world = World::dev();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[]).cookie(ID).expect("an id cookie");
    let reply = world.get("/v/spring.gif", &[("Cookie", &id)]);
    assert_eq!((reply.status, reply.body.len(), reply.header("Content-Type")), (200, 43, Some("image/gif")));
    assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
    assert_eq!(reply.headers_named("Set-Cookie").count(), 0);
    assert_eq!(world.get("/v/spring.gif", &[]).cookie(ID), None);
    let rows = world.stored();
    assert_eq!((&rows[1]["kind"], &rows[1]["touch"]), (&json!("touch"), &json!("view")));
    assert_eq!((&rows[1]["browser_id"], &rows[1]["click_id"]), (&rows[0]["browser_id"], &Value::Null));
    assert_eq!(rows[2]["browser_id"], Value::Null);
    let page = world.get("/privacy", &[("Cookie", &id)]).text();
    assert!(page.contains("Ad seen</td>"), "{page}");
    let dev = world.admin_get("/dev/all").text();
    assert!(dev.contains("\"touch\":\"view\"") && dev.contains("\"link\":\"spring\""), "{dev}");
}

#[test]
fn who_must_not_be_stored_is_sent_on_without_an_id_and_the_log_stays_byte_identical() {
    let world = world();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[]).cookie(ID).expect("an id cookie");
    let before = world.log_bytes();
    for (header, value, reason) in [
        ("Cookie", "pg_prefs=1000", "suppressed; reason=personalize-off"),
        ("Cookie", "pg_optout=1", "suppressed; reason=opt-out-cookie"),
        ("Sec-GPC", "1", "suppressed; reason=gpc"),
        ("DNT", "1", "suppressed; reason=dnt"),
        ("User-Agent", "Googlebot/2.1", "bot"),
        ("X-Country", "DE", "suppressed; reason=gdpr-no-consent"),
    ] {
        let mut headers = vec![(header, value)];
        if header != "Cookie" {
            headers.push(("Cookie", &*id));
        }
        let click = world.get("/c/spring", &headers);
        assert_eq!((click.status, click.header("Location")), (302, Some(LANDING)), "{header}: {value}");
        let view = world.get("/v/spring.gif", &headers);
        assert_eq!((view.status, view.body.len()), (200, 43));
        for reply in [click, view] {
            assert_eq!(reply.outcome(), reason, "{header}: {value}");
            assert_eq!(reply.headers_named("Set-Cookie").count(), 0, "{header}: {value}");
        }
        assert!(world.log_bytes() == before, "{header}: {value}");
    }
}

#[test]
fn where_only_measuring_is_permitted_a_click_counts_without_any_id() {
    let world = World::dev();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[]).cookie(ID).expect("an id cookie");
    let reply = world.get("/c/spring?lat=1", &[("Cookie", &id)]);
    assert_eq!((reply.status, reply.header("Location")), (302, Some(LANDING)));
    assert!(reply.outcome().starts_with("stored;"), "{}", reply.outcome());
    let rows = world.stored();
    assert_eq!((&rows[1]["browser_id"], &rows[1]["click_id"]), (&Value::Null, &Value::Null));
    assert_eq!(rows[1]["evidence"]["activities"], json!(["measure"]));
}

#[test]
fn a_browser_that_only_prepares_for_a_click_gets_nowhere_and_counts_as_none() {
    let world = World::dev();
    let before = world.log_bytes();
    for (header, value) in [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
    ] {
        let reply = world.get("/c/spring", &[(header, value)]);
        assert_eq!((reply.status, reply.header("Location")), (503, None), "{header}: {value}");
        assert_eq!(reply.header("Cache-Control"), Some("no-store"));
        assert_eq!(reply.outcome(), "speculative");
        assert_eq!(world.get("/v/spring.gif", &[(header, value)]).outcome(), "speculative");
    }
    let head = crate::world::send(world.public(), "HEAD", "/c/spring", &[], "");
    assert_eq!((head.status, head.header("Location")), (302, Some(LANDING)), "a checker of links");
    assert!(world.log_bytes() == before);
}

#[test]
fn no_request_says_where_a_click_leads() {
    let world = World::dev();
    for query in [
        "url=https://evil.example",
        "redir=https://evil.example",
        "r=https://evil.example",
        "twclid=x",
        "%0d%0aX:y",
    ] {
        let reply = world.get(&format!("/c/spring?{query}"), &[]);
        let location = reply.header("Location").expect("a location");
        assert!(
            location.starts_with(&format!("{LANDING}&twclid=")) && location.len() == LANDING.len() + 34,
            "{location}"
        );
    }
    for path in [
        "/c/winter",
        "/c/https://evil.example",
        "/c/spring/",
        "/c/Spring",
        "/c/..%2fspring",
        "/c/",
        "/c/%73pring",
    ] {
        let reply = world.get(&format!("{path}?url=https://evil.example"), &[]);
        assert_eq!((reply.status, reply.header("Location")), (404, None), "{path}");
    }
    let reply = world.get("/v/winter.gif", &[]);
    assert_eq!((reply.status, reply.body.len(), reply.outcome()), (200, 43, "invalid; reason=unknown-link"));
    assert_eq!(world.post("/c/spring", &[], "").status, 405);
    assert_eq!(world.post("/v/spring.gif", &[], "").status, 405);
    assert_eq!(world.stored().len(), 5);
}

#[test]
fn after_an_opt_out_no_touch_of_that_browser_is_stored_even_without_the_opt_out_cookie() {
    let mut world = World::dev();
    let id = world.get("/i/adsct?txn_id=o8z6j", &[]).cookie(ID).expect("an id cookie");
    let page = world.get("/privacy", &[("Cookie", &id)]).text();
    let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = format!("csrf={}", token.expect("a token"));
    world.post("/optout", &[("Cookie", &id), ("Origin", "http://px.localhost")], &form);
    for _ in 0..2 {
        let before = world.log_bytes();
        let reply = world.get("/c/spring", &[("Cookie", &id)]);
        assert_eq!((reply.outcome(), click_id(&reply)), ("suppressed; reason=opted-out", None));
        assert_eq!(world.get("/v/spring.gif", &[("Cookie", &id)]).outcome(), "suppressed; reason=opted-out");
        assert!(world.log_bytes() == before);
        world.restart();
    }
}

#[test]
fn who_clicks_too_often_is_sent_on_and_counts_no_more() {
    let limits = pixelgate::config::RateLimits { per_address_per_s: 1, per_address_burst: 2 };
    let world = World::with(|config| config.rate_limits = Some(limits));
    let clicks: Vec<_> = (0..4).map(|_| world.get("/c/spring", &[])).collect();
    assert!(clicks.iter().all(|reply| reply.status == 302), "{clicks:?}");
    assert_eq!(clicks.iter().filter(|reply| click_id(reply).is_some()).count(), 2);
    assert_eq!(clicks[3].header("Location"), Some(LANDING));
    assert_eq!(world.stored().len(), 2);
}

#[test]
fn a_disk_that_hangs_keeps_nobody_from_the_landing_page() {
    let disk = GatedDisk::default();
    let world = World::on(Arc::new(disk.clone()), |_| {});
    assert!(click_id(&world.get("/c/spring", &[])).is_some());
    disk.shut();
    let purchase = Pending::send(world.public(), "GET", "/i/adsct?txn_id=o87ne", &[], "");
    disk.await_writer();
    let reply = world.get("/c/spring", &[]);
    assert_eq!((reply.status, reply.header("Location")), (302, Some(LANDING)));
    assert_eq!(reply.outcome(), "overloaded; reason=disk");
    disk.open_gate();
    assert!(purchase.answer().outcome().starts_with("stored;"));
}
