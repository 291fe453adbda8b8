//! Tests of a site with a code, over real sockets: who sees what, and that nothing else changes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::advertiser::session;
use crate::opt_out::token;
use crate::world::{Reply, World, send};

const BEARER: (&str, &str) = ("Authorization", "Bearer dev-bearer-token");
const THEIRS: (&str, &str) = ("Authorization", "Bearer dev2-bearer-token");
const PATH: &str = "/12/accounts/18ce54d4x5t/test_events";
const THEIR_PATH: &str = "/12/accounts/18ce54d4x5u/test_events";
const EMAIL: &str = "3a7c6b6b7fd8d2e06d9e6b0e1a0b0e6c1a9a4b7a0c3d2e1f405162738495a6b7";

fn begin(world: &World) -> String {
    let reply = send(world.public(), "POST", PATH, &[BEARER], "");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"]["code"].as_str().expect("a code").to_owned()
}

fn shown(world: &World) -> Vec<Value> {
    let reply = send(world.public(), "GET", PATH, &[BEARER], "");
    reply.json()["data"]["events"].as_array().expect("a list").clone()
}

fn hit(world: &World, query: &str, headers: &[(&str, &str)]) -> String {
    world.get(&format!("/i/adsct?p_id=Twitter&{query}"), headers).outcome().to_owned()
}

fn upload(world: &World, query: &str, items: &Value) -> Reply {
    let path = format!("/12/measurement/conversions/o8z6j{query}");
    send(world.public(), "POST", &path, &[BEARER], &json!({"conversions": items}).to_string())
}

fn item(event_id: &str) -> Value {
    json!({"conversion_time": "2026-09-04T11:59:58.500Z", "event_id": event_id, "value": "3",
        "identifiers": [{"hashed_email": EMAIL}]})
}

fn hints(event: &Value) -> Vec<&str> {
    let hints = event["hints"].as_array().expect("hints").iter();
    hints.map(|hint| hint["code"].as_str().expect("a code")).collect()
}

#[test]
fn whoever_opens_the_site_with_a_code_is_shown_to_its_account_alone() {
    let world = World::dev();
    let code = begin(&world);
    let page = format!("tw_document_href=http%3A%2F%2Fshop.localhost%3A8090%2Fthanks%3Fpg_test%3D{code}");
    let events = "events=%5B%5B%22purchase%22%2C%7B%22value%22%3A%2212.50%22%7D%5D%5D";
    let outcome = hit(&world, &format!("txn_id=o8z6j&{events}&{page}&email_address={EMAIL}"), &[]);
    assert!(outcome.starts_with("stored;"), "{outcome}");
    // Neither without the code, nor with one that is nobody's, nor at another's pixel.
    hit(&world, "txn_id=o87ne&event_id=plain", &[]);
    hit(&world, "txn_id=o87ne&event_id=other&pg_test=zzzzzzzz", &[]);
    hit(&world, &format!("txn_id=o9bbb&pg_test={code}"), &[]);
    hit(&world, &format!("txn_id=o9bbb&events=x&pg_test={code}"), &[]);
    let events = shown(&world);
    let rows = world.stored();
    assert_eq!((events.len(), rows.len()), (1, 4));
    let mut event = events[0].clone();
    assert_eq!(hints(&event), ["no-event-id", "no-currency"]);
    event["hints"] = json!([]);
    assert_eq!(
        event,
        json!({"at": "2026-09-04T12:00:00.000Z", "source": "pixel", "pixel_id": "o8z6j", "event_tag_id": "o87ne",
            "name": "purchase", "event": "PURCHASE", "outcome": "stored", "reason": null,
            "text": "in the log, acknowledged at class disk", "id": rows[0]["id"], "value_micros": 12_500_000,
            "currency": "USD", "match_keys": ["browser_id", "hashed_email"], "origin": "http://shop.localhost:8090",
            "origin_ok": true, "regime": "none", "basis": "default", "hints": []})
    );
    assert!(!event.to_string().contains(EMAIL));
    for path in [PATH, THEIR_PATH] {
        let theirs = send(world.public(), "GET", path, &[THEIRS], "");
        assert!(theirs.status == 404 || theirs.json()["data"]["events"] == json!([]), "{}", theirs.text());
    }
    assert_eq!(send(world.public(), "POST", PATH, &[THEIRS], "").status, 404);
    assert_eq!(send(world.public(), "POST", PATH, &[], "").status, 401);
}

#[test]
fn what_is_not_stored_is_shown_with_its_reason() {
    let world = World::dev();
    let code = begin(&world);
    let test = format!("pg_test={code}");
    let before = world.log_bytes();
    hit(&world, &format!("txn_id=o87ne&{test}"), &[("Sec-GPC", "1")]);
    hit(&world, &format!("txn_id=o87ne&value=-5&{test}"), &[]);
    hit(&world, &format!("txn_id=o8z6j&events=%5B%5B%22starttrial%22%2Cnull%5D%5D&{test}"), &[]);
    hit(&world, &format!("txn_id=zzzzz&{test}"), &[]);
    assert!(world.log_bytes() == before);
    hit(&world, &format!("txn_id=o87ne&event_id=twice&email_address=jane@shop.example&{test}"), &[]);
    hit(
        &world,
        &format!("txn_id=o87ne&event_id=twice&tw_document_href=http://elsewhere.example/&{test}"),
        &[],
    );
    let events = shown(&world);
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default();
            (text("outcome"), text("reason"), text("name"), hints(event))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("suppressed", "gpc", "", vec!["no-event-id", "no-match-key", "no-value"]),
            ("invalid", "negative-value", "", vec![]),
            ("invalid", "unknown-event", "starttrial", vec!["unknown-event"]),
            ("invalid", "unknown-txn-id", "zzzzz", vec!["unknown-pixel"]),
            ("stored", "", "", vec!["clear-text", "no-value"]),
            ("duplicate", "", "", vec!["no-value", "foreign-origin"]),
        ]
    );
    assert_eq!((&events[4]["id"], &events[5]["id"]), (&world.stored()[0]["id"], &world.stored()[0]["id"]));
    assert_eq!(events[0]["text"], "Global Privacy Control is on");
    assert!(!Value::from(events).to_string().contains("jane"));
}

#[test]
fn items_for_the_api_are_shown_too_and_say_nothing_of_their_identifiers() {
    let world = World::dev();
    let code = begin(&world);
    let query = format!("?pg_test={code}");
    assert_eq!(upload(&world, &query, &json!([item("o87ne")])).status, 200);
    assert_eq!(upload(&world, &format!("{query}&validate_only=true"), &json!([item("o87nf")])).status, 200);
    let mut bad = item("tw-o8z6j-o87nh");
    bad["identifiers"] = json!([{"hashed_email": "not-a-hash"}]);
    assert_eq!(upload(&world, &query, &json!([bad, item("o87nz"), item("o87ng")])).status, 400);
    assert_eq!(upload(&world, "", &json!([item("o87nf")])).status, 200);
    let events = shown(&world);
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default();
            (text("outcome"), text("reason"), text("event_tag_id"), text("text"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("stored", "", "o87ne", "in the log, acknowledged at class disk"),
            ("valid", "", "o87nf", "nothing speaks against it, and nothing was to be stored"),
            ("invalid", "hashed_email", "o87nh", "this field of the item has a mistake"),
            ("invalid", "event_id", "", "Event ID was not found"),
            (
                "invalid",
                "with-others",
                "o87ng",
                "another item of the same request has a mistake, so none was taken"
            ),
        ]
    );
    assert_eq!((&events[0]["source"], &events[0]["name"]), (&json!("api"), &json!("o87ne")));
    assert_eq!(hints(&events[0]), ["no-conversion-id", "no-currency"]);
    let text = Value::from(events).to_string();
    assert!(!text.contains("not-a-hash") && !text.contains(EMAIL));
}

#[test]
fn the_log_is_the_same_to_the_byte_with_a_code_and_without_it() {
    let [mut with, mut without] = [World::without_chance(), World::without_chance()];
    let code = begin(&with);
    let mut outcomes = [Vec::new(), Vec::new()];
    for ((world, query), outcomes) in
        [(&with, format!("&pg_test={code}")), (&without, String::new())].into_iter().zip(&mut outcomes)
    {
        let page = format!("tw_document_href=http://shop.localhost:8090/a?x=1{query}").replace('&', "%26");
        for (target, headers) in [
            ("txn_id=o87ne&value=5&event_id=a", &[][..]),
            ("txn_id=o87ne&value=5&event_id=a", &[]),
            ("txn_id=o8z6j", &[]),
            ("txn_id=o8z6j&twclid=abc", &[("Sec-GPC", "1")]),
            ("txn_id=o8z6j&gdpr=1", &[]),
        ] {
            outcomes.push(hit(world, &format!("{target}&{page}"), headers));
        }
        let query = query.replace('&', "?");
        let reply = upload(world, &query, &json!([item("o87ne"), item("o87nf")]));
        outcomes.push(reply.json()["data"]["outcomes"].to_string());
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(shown(&with).len(), 7);
    with.stop();
    without.stop();
    let bytes = with.log_bytes();
    assert!(!bytes.is_empty() && bytes == without.log_bytes());
    let code = code.as_bytes();
    assert!(!bytes.windows(code.len()).any(|part| part == code));
}

#[test]
fn a_code_ends_after_half_an_hour_and_what_it_showed_is_gone() {
    let world = World::dev();
    let code = begin(&world);
    hit(&world, &format!("txn_id=o87ne&pg_test={code}"), &[]);
    world.clock.advance(Duration::from_millis(30 * 60_000 - 1));
    hit(&world, &format!("txn_id=o87ne&event_id=b&pg_test={code}"), &[]);
    assert_eq!(shown(&world).len(), 2);
    world.clock.advance(Duration::from_millis(1));
    hit(&world, &format!("txn_id=o87ne&event_id=c&pg_test={code}"), &[]);
    let over = send(world.public(), "GET", PATH, &[BEARER], "").json();
    assert_eq!(over["data"], json!({"code": null, "ends_at": null, "events_max": 100, "events": []}));
    let next = begin(&world);
    assert!(next != code && shown(&world).is_empty());
    assert_eq!(world.stored().len(), 3);
}

#[test]
fn a_code_shows_a_hundred_events_and_all_are_stored() {
    let world = World::dev();
    let code = begin(&world);
    for number in 0..102 {
        let outcome = hit(&world, &format!("txn_id=o87ne&event_id={number}&pg_test={code}"), &[]);
        assert!(outcome.starts_with("stored;"), "{outcome}");
    }
    assert_eq!((shown(&world).len(), world.stored().len()), (100, 102));
}

const PAGE: &str = "/advertiser/test";
const ORIGIN: (&str, &str) = ("Origin", "http://px.localhost");

/// A browser that is signed in with the key asks for a code.
fn begin_on_page(world: &World, cookie: &str) -> String {
    let page = world.get(PAGE, &[("Cookie", cookie)]);
    assert!(page.text().contains("Get a code"), "{}", page.text());
    let begun = world.post(PAGE, &[ORIGIN, ("Cookie", cookie)], &format!("csrf={}", token(&page)));
    assert_eq!((begun.status, begun.header("Location")), (303, Some(PAGE)));
    let text = world.get(PAGE, &[("Cookie", cookie)]).text();
    let (_, code) = text.split_once("<code>?pg_test=").expect("a code");
    code[..8].to_owned()
}

#[test]
fn the_page_shows_an_advertiser_its_own_test_and_nobody_else_any() {
    let world = World::dev();
    let (ours, theirs) = (session(&world, "dev-bearer-token"), session(&world, "dev2-bearer-token"));
    let code = begin_on_page(&world, &ours);
    let events = "events=%5B%5B%22%3Cb%3Eparty%22%2Cnull%5D%5D";
    hit(&world, &format!("txn_id=o8z6j&{events}&pg_test={code}"), &[]);
    hit(&world, &format!("txn_id=o87ne&value=1234.5&event_id=a&pg_test={code}"), &[]);
    hit(&world, &format!("txn_id=o87ne&event_id=b&pg_test={code}"), &[("Sec-GPC", "1")]);
    let page = world.get(PAGE, &[("Cookie", &ours)]).text();
    let order: Vec<_> = ["Global Privacy Control is on", "1,234.50 USD", "&#60;b&#62;party"]
        .map(|text| page.find(text).unwrap_or_else(|| panic!("no {text} in {page}")))
        .to_vec();
    assert!(order.is_sorted(), "the newest is not the first");
    let id = world.stored()[0]["id"].clone();
    assert!(page.contains(id.as_str().expect("an id")) && page.contains("3 events, the newest first."));
    assert!(page.contains("for Purchase (tw-o8z6j-o87ne)") && !page.contains("<b>party"), "{page}");
    // The API shows the same test.
    assert_eq!(shown(&world).len(), 3);
    for cookie in [&*theirs, ""] {
        let page = world.get(PAGE, &[("Cookie", cookie)]).text();
        assert!(!page.contains(&code) && !page.contains("party"), "{page}");
    }
    assert!(world.get(PAGE, &[]).text().contains("name=\"key\""), "who is not signed in may do so");
}

#[test]
fn a_form_from_elsewhere_begins_no_test_and_ends_none() {
    let world = World::dev();
    let ours = session(&world, "dev-bearer-token");
    let code = begin_on_page(&world, &ours);
    let cookie = ("Cookie", &*ours);
    let csrf = format!("csrf={}", token(&world.get(PAGE, &[cookie])));
    let theirs = session(&world, "dev2-bearer-token");
    let their_csrf = format!("csrf={}", token(&world.get(PAGE, &[("Cookie", &theirs)])));
    for (headers, body) in [
        (&[cookie][..], &*csrf),
        (&[cookie, ("Origin", "http://shop.localhost")], &csrf),
        (&[cookie, ORIGIN], ""),
        (&[cookie, ORIGIN], &their_csrf),
    ] {
        assert_eq!(world.post(PAGE, headers, body).status, 403, "{headers:?} {body}");
    }
    assert!(world.get(PAGE, &[cookie]).text().contains(&code));
    let signed_out = world.post(PAGE, &[ORIGIN], &csrf).text();
    assert!(signed_out.contains("name=\"key\""), "{signed_out}");
}

#[test]
fn the_page_keeps_itself_up_to_date_as_long_as_there_is_something_to_come() {
    let world = World::dev();
    let ours = session(&world, "dev-bearer-token");
    let cookie = ("Cookie", &*ours);
    let script = "<script src=\"/advertiser/live.js?v=";
    let refresh = "<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>";
    let check = |path: &str, expect: bool| {
        let page = world.get(path, &[cookie]).text();
        assert_eq!((page.contains(script), page.contains(refresh)), (expect, expect), "{path}");
    };
    check(PAGE, false);
    let code = begin_on_page(&world, &ours);
    check(PAGE, true);
    check("/advertiser/test?still", false);
    for number in 0..100 {
        hit(&world, &format!("txn_id=o87ne&event_id={number}&pg_test={code}"), &[]);
    }
    check(PAGE, false);
    let page = world.get(PAGE, &[cookie]);
    assert!(page.text().contains("100 events, and this code shows no more."));
    let policy = page.header("Content-Security-Policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");
    assert_eq!((page.header("Cache-Control"), page.header("Vary")), (Some("no-store"), Some("Cookie")));
    let loaded = world.get("/advertiser/live.js", &[]);
    assert_eq!((loaded.status, loaded.header("Content-Type")), (200, Some("text/javascript; charset=utf-8")));
}
