//! What is counted of events that are not stored, over real sockets.

use serde_json::{Value, json};

use crate::world::{Reply, World, send};

const BEARER: (&str, &str) = ("Authorization", "Bearer dev-bearer-token");
const PATH: &str = "/12/accounts/18ce54d4x5t/unstored_events";
const EMAIL: &str = "3a7c6b6b7fd8d2e06d9e6b0e1a0b0e6c1a9a4b7a0c3d2e1f405162738495a6b7";

fn hit(world: &World, target: &str, headers: &[(&str, &str)]) -> String {
    world.get(&format!("/i/adsct?p_id=Twitter&{target}"), headers).outcome().to_owned()
}

fn upload(world: &World, query: &str, items: &Value) -> Reply {
    let path = format!("/12/measurement/conversions/o8z6j{query}");
    send(world.public(), "POST", &path, &[BEARER], &json!({"conversions": items}).to_string())
}

fn item(event_id: &str, conversion_id: &str) -> Value {
    json!({"conversion_time": "2026-09-04T11:59:58.500Z", "event_id": event_id, "conversion_id": conversion_id,
        "identifiers": [{"hashed_email": EMAIL}]})
}

fn counted(world: &World) -> Value {
    let reply = send(world.public(), "GET", PATH, &[BEARER], "");
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"]["tags"].clone()
}

/// `reason: count` of one tag, as one text; empty where nothing is counted.
fn reasons(counted: &Value, tag: Option<&str>, source: &str) -> String {
    let tags = counted.as_array().expect("a list").iter();
    let mut of_tag = tags.filter(|seen| seen["event_tag_id"].as_str() == tag && seen["source"] == source);
    let counts = of_tag.next().map(|seen| seen["unstored"].clone()).unwrap_or_default();
    let counts = counts.as_array().into_iter().flatten();
    let text = |one: &Value| format!("{}: {}", one["reason"].as_str().expect("a reason"), one["count"]);
    counts.map(text).collect::<Vec<_>>().join(", ")
}

#[test]
fn what_is_not_stored_is_counted_for_its_tag_and_what_is_stored_is_not() {
    let world = World::dev();
    let purchase = |id: &str| format!("txn_id=tw-o8z6j-o87ne&event_id={id}");
    assert!(hit(&world, &purchase("one"), &[]).starts_with("stored;"));
    assert_eq!(counted(&world), json!([]));
    assert!(hit(&world, &purchase("one"), &[]).starts_with("duplicate;"));
    // Whichever worker takes them.
    for number in 0..12 {
        assert_eq!(
            hit(&world, &purchase(&format!("gpc-{number}")), &[("Sec-GPC", "1")]),
            "suppressed; reason=gpc"
        );
    }
    assert_eq!(hit(&world, &purchase("ahead"), &[("Sec-Purpose", "prefetch")]), "speculative");
    assert_eq!(hit(&world, &purchase("crawled"), &[("User-Agent", "Googlebot/2.1")]), "bot");
    assert_eq!(hit(&world, &format!("{}&value=x", purchase("value")), &[]), "invalid; reason=bad-value");
    assert_eq!(hit(&world, "txn_id=o8z6j&events=x", &[]), "invalid; reason=bad-events");
    // Nobody's.
    assert_eq!(hit(&world, "txn_id=zzzzz", &[]), "invalid; reason=unknown-txn-id");
    assert!(hit(&world, "txn_id=o9bbb&events=%5B%5B%22nothing%22%2Cnull%5D%5D", &[]).starts_with("invalid;"));
    let counted = counted(&world);
    let expect = "gpc: 12, same-source: 1, speculative: 1, bot: 1, bad-value: 1";
    assert_eq!(reasons(&counted, Some("o87ne"), "pixel"), expect);
    assert_eq!(reasons(&counted, None, "pixel"), "bad-events: 1");
    assert_eq!(counted.as_array().map(Vec::len), Some(2), "{counted}");
    assert_eq!(world.stored().len(), 1);
}

#[test]
fn what_pixel_and_api_both_tell_is_counted_as_overlap_and_what_one_repeats_is_not() {
    let mut world = World::dev();
    let bought = |id: &str| format!("txn_id=o87ne&conversion_id={id}");
    assert!(hit(&world, &bought("by-pixel"), &[]).starts_with("stored;"));
    assert_eq!(upload(&world, "", &json!([item("o87ne", "by-api")])).status, 200);
    // What came first is known from the log after a restart; what was counted is not.
    for restart in [false, true] {
        if restart {
            world.restart();
        }
        let both = json!([item("o87ne", "by-pixel"), item("o87ne", "by-api"), item("o87ne", "by-pixel")]);
        assert_eq!(upload(&world, "", &both).status, 200);
        assert!(hit(&world, &bought("by-api"), &[]).starts_with("duplicate;"));
        assert!(hit(&world, &bought("by-pixel"), &[]).starts_with("duplicate;"));
        let counted = counted(&world);
        assert_eq!(reasons(&counted, Some("o87ne"), "api"), "other-source: 2, same-source: 1");
        assert_eq!(reasons(&counted, Some("o87ne"), "pixel"), "same-source: 1, other-source: 1");
    }
    assert_eq!(world.stored().len(), 2);
}

#[test]
fn items_that_are_not_taken_are_counted_unless_somebody_only_asks() {
    let world = World::dev();
    let before = world.log_bytes();
    let mut bad = item("o87ne", "bad");
    bad["value"] = json!("-1");
    let items = json!([item("o87ne", "good"), bad, item("o87nz", "unknown"), item("o87nf", "good")]);
    assert_eq!(upload(&world, "?validate_only=true", &items).status, 400);
    assert_eq!(counted(&world), json!([]));
    assert_eq!(upload(&world, "", &items).status, 400);
    assert_eq!(upload(&world, "", &json!([])).status, 400);
    let mut refused = item("o87ne", "refused");
    refused["opt_out"] = json!(true);
    assert_eq!(upload(&world, "?validate_only=true", &json!([refused.clone()])).status, 200);
    assert_eq!(upload(&world, "", &json!([refused])).status, 200);
    let counted = counted(&world);
    assert_eq!(reasons(&counted, Some("o87ne"), "api"), "value: 1, with-others: 1, opted-out: null");
    assert_eq!(reasons(&counted, Some("o87nf"), "api"), "with-others: 1");
    assert_eq!(reasons(&counted, None, "api"), "conversions: 1, event_id: 1");
    assert_eq!(counted[0]["unknown_events"], json!([{"name": "o87nz", "count": 1}]));
    assert!(world.log_bytes() == before);
}

#[test]
fn eight_names_that_the_pixel_has_no_tag_for_are_told_and_none_that_names_a_person() {
    let world = World::dev();
    let event = |name: &str| {
        let target = format!("txn_id=o8z6j&events=%5B%5B%22{name}%22%2Cnull%5D%5D");
        assert_eq!(hit(&world, &target, &[]), "invalid; reason=unknown-event", "{name}");
    };
    event("starttrial");
    event("starttrial");
    event("jane@shop.example");
    event("tw-o8z6j-o87nz");
    assert_eq!(hit(&world, "txn_id=tw-o8z6j-o87nz", &[]), "invalid; reason=unknown-txn-id");
    let seen = counted(&world)[0].clone();
    let names = json!([{"name": "starttrial", "count": 2}, {"name": "tw-o8z6j-o87nz", "count": 2}]);
    assert_eq!((&seen["unknown_events"], &seen["other_unknown_events"]), (&names, &json!(1)));
    (0..9).for_each(|number| event(&format!("name{number}")));
    let seen = counted(&world)[0].clone();
    assert_eq!(seen["unknown_events"].as_array().map(Vec::len), Some(8));
    assert_eq!(reasons(&json!([seen]), None, "pixel"), "unknown-event: 13, unknown-txn-id: 1");
    assert!(!seen.to_string().contains("jane"));
}

#[test]
fn counts_survive_a_reload_and_reach_tags_that_were_made_or_deleted_meanwhile() {
    let world = World::dev();
    let form = "name=Paper&type=DOWNLOAD&click_window=30&view_through_window=1&retargeting_enabled=false";
    let tags = "/12/accounts/18ce54d4x5t/web_event_tags";
    let made = send(world.public(), "POST", &format!("{tags}?{form}"), &[BEARER], "").json();
    let own = made["data"]["id"].as_str().expect("an id").to_owned();
    let gpc = [("Sec-GPC", "1")];
    for number in 0..9 {
        hit(&world, &format!("txn_id={own}&event_id={number}"), &gpc);
    }
    // So few that it could be somebody whom the advertiser knows.
    assert_eq!(reasons(&counted(&world), Some(&own), "pixel"), "gpc: null");
    let reload = world.admin_post("/-/reload", &[("Authorization", "Bearer dev-admin-token")]);
    assert_eq!(reload.status, 200, "{}", reload.text());
    hit(&world, &format!("txn_id={own}"), &gpc);
    assert_eq!(send(world.public(), "DELETE", &format!("{tags}/{own}"), &[BEARER], "").status, 200);
    hit(&world, &format!("txn_id={own}"), &gpc);
    let counted = counted(&world);
    assert_eq!(reasons(&counted, Some(&own), "pixel"), "gpc: 10");
    assert_eq!(counted.as_array().map(Vec::len), Some(1), "a tag that is not there is nobody's");
}

#[test]
fn nobody_sees_what_was_counted_for_another() {
    let world = World::dev();
    hit(&world, "txn_id=o87ne", &[("Sec-GPC", "1")]);
    let theirs = ("Authorization", "Bearer dev2-bearer-token");
    assert_eq!(send(world.public(), "GET", PATH, &[theirs], "").status, 404);
    assert_eq!(send(world.public(), "GET", PATH, &[], "").status, 401);
    let own = send(world.public(), "GET", "/12/accounts/18ce54d4x5u/unstored_events", &[theirs], "");
    assert_eq!(own.json()["data"]["tags"], json!([]));
}
