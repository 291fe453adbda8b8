//! Opting out and back in, over real sockets.

use crate::world::{Reply, World};

const ID: &str = "__Host-Http-pg";
const HIT: &str = "/i/adsct?txn_id=o8z6j";

pub(crate) fn token(page: &Reply) -> String {
    let text = page.text();
    let value = text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    value.expect("the form has a token").to_owned()
}

fn opt_out(world: &World, cookie: &str) -> Reply {
    let page = world.get("/optout", &[("Cookie", cookie)]);
    let headers = [("Cookie", cookie), ("Origin", "http://px.localhost")];
    world.post("/optout", &headers, &format!("csrf={}", token(&page)))
}

#[test]
fn after_an_opt_out_nothing_of_that_browser_is_stored_even_without_the_opt_out_cookie() {
    let mut world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let reply = opt_out(&world, &id);
    assert_eq!((reply.status, reply.header("Location")), (303, Some("/optout")));
    assert_eq!(reply.cookie("pg_optout").as_deref(), Some("pg_optout=1"));
    assert_eq!(reply.headers_named("Set-Cookie").filter(|line| line.starts_with("pg_optout=1")).count(), 2);
    assert_eq!(reply.cookie(ID).as_deref(), Some("__Host-Http-pg="));
    for _ in 0..2 {
        let before = world.log_bytes();
        let late = world.get(HIT, &[("Cookie", &id)]);
        assert_eq!(late.outcome(), "suppressed; reason=opted-out");
        assert_eq!(late.cookie(ID).as_deref(), Some("__Host-Http-pg="));
        assert!(world.log_bytes() == before);
        world.restart();
    }
    let rows = world.stored();
    assert_eq!((rows.len(), &rows[1]["kind"]), (2, &serde_json::json!("opt_out")));
}

#[test]
fn an_opt_in_clears_the_cookie_and_the_record() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    opt_out(&world, &id);
    let cookies = format!("{id}; pg_optout=1");
    let page = world.get("/optout", &[("Cookie", &cookies)]);
    assert!(page.text().contains("You are opted out"));
    let headers = [("Cookie", &*cookies), ("Origin", "http://px.localhost")];
    let reply = world.post("/optin", &headers, &format!("csrf={}", token(&page)));
    assert_eq!((reply.status, reply.cookie("pg_optout").as_deref()), (303, Some("pg_optout=")));
    let late = world.get(HIT, &[("Cookie", &id)]);
    assert!(late.outcome().starts_with("stored"), "{}", late.outcome());
}

#[test]
fn a_form_from_elsewhere_changes_nothing() {
    let world = World::dev();
    let id = world.get(HIT, &[]).cookie(ID).expect("an id cookie");
    let token = token(&world.get("/optout", &[("Cookie", &id)]));
    let foreign = crate::opt_out::token(&world.get("/optout", &[]));
    let before = world.log_bytes();
    for (origin, token) in [
        (Some("http://evil.example"), &*token),
        (Some("null"), &token),
        (None, &token),
        (Some("http://px.localhost"), &foreign),
        (Some("http://px.localhost"), ""),
    ] {
        let mut headers = vec![("Cookie", &*id)];
        headers.extend(origin.map(|origin| ("Origin", origin)));
        for path in ["/optout", "/optin"] {
            let reply = world.post(path, &headers, &format!("csrf={token}"));
            assert_eq!((reply.status, reply.headers_named("Set-Cookie").count()), (403, 0), "{origin:?}");
        }
    }
    assert!(world.log_bytes() == before);
}
