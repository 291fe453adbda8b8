//! From the ad to the purchase over real sockets: what conversions are credited to.

use std::time::Duration;

use serde_json::json;

use crate::world::{Reply, World, send};

const ID: &str = "__Host-Http-pg";
const DAY: Duration = Duration::from_secs(86_400);
const EMAIL: &str = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b";

fn clicked(reply: &Reply) -> String {
    let location = reply.header("Location").expect("a location");
    location.split("twclid=").nth(1).expect("a click id").to_owned()
}

/// A browser with an id.
fn browser(world: &World) -> String {
    world.get("/i/adsct?txn_id=o9bbb", &[]).cookie(ID).expect("an id cookie")
}

fn id_of(reply: &Reply) -> String {
    let id = reply.outcome().split("; ").find_map(|part| part.strip_prefix("id="));
    id.unwrap_or_else(|| panic!("{}", reply.outcome())).to_owned()
}

/// What the conversion that `reply` is about is credited to: the kind, the key, and the touch.
fn credit(world: &World, reply: &Reply) -> Option<(String, String, String)> {
    let id = id_of(reply);
    let row = world.stored().into_iter().find(|row| row["id"] == *id).expect("a row");
    let text = |name: &str| row["credit"][name].as_str().map(str::to_owned);
    Some((text("kind")?, text("key")?, text("touch_id")?))
}

fn expect(kind: &str, key: &str, touch: &Reply) -> Option<(String, String, String)> {
    Some((kind.to_owned(), key.to_owned(), id_of(touch)))
}

#[test]
fn a_purchase_is_credited_to_the_click_that_led_to_it() {
    let world = World::dev();
    let click = world.get("/c/spring", &[]);
    let query = format!("/i/adsct?txn_id=o87ne&tw_sale_amount=12.50&twclid={}", clicked(&click));
    let purchase = world.get(&query, &[]);
    let row = world.stored().pop().expect("a row");
    assert_eq!(
        row["credit"],
        json!({"kind": "post_engagement", "key": "click_id", "link": "spring", "campaign_id": "8wku2",
               "line_item_id": "6zva5", "touch_id": id_of(&click), "touch_at": "2026-09-04T12:00:00.000Z"})
    );
    let dev = world.admin_get("/dev/all").json();
    assert_eq!(dev[1]["event"]["credit"], row["credit"]);
    assert_eq!(credit(&world, &purchase), expect("post_engagement", "click_id", &click));
    let metrics = world.admin_get("/metrics").text();
    assert!(metrics.contains("pixelgate_log_credited_total{credit=\"post_engagement\"} 1"), "{metrics}");
    assert!(metrics.contains("pixelgate_log_touches 1"));
    // An id that we have not made, and one of another shape, find nothing.
    for id in ["0".repeat(26), "2-abc".to_owned()] {
        let purchase = world.get(&format!("/i/adsct?txn_id=o87ne&twclid={id}"), &[]);
        assert_eq!(credit(&world, &purchase), None);
    }
}

#[test]
fn windows_of_the_event_tag_count_to_the_millisecond_restarts_included() {
    let mut world = World::dev();
    let id = browser(&world);
    let view = world.get("/v/spring.gif", &[("Cookie", &id)]);
    let click = world.get("/c/spring", &[("Cookie", &id)]);
    // AddToCart: 7 days after a click, and none after a view.
    let cart = |world: &World| world.get("/i/adsct?txn_id=o87nh", &[("Cookie", &id)]);
    let purchase = |world: &World| world.get("/i/adsct?txn_id=o87ne", &[("Cookie", &id)]);
    world.clock.advance(7 * DAY);
    world.restart();
    let at_the_border = cart(&world);
    assert_eq!(credit(&world, &at_the_border), expect("post_engagement", "browser_id", &click));
    world.clock.advance(Duration::from_millis(1));
    let (late, bought) = (cart(&world), purchase(&world));
    assert_eq!(credit(&world, &late), None);
    assert_eq!(credit(&world, &bought), expect("post_engagement", "browser_id", &click));
    world.clock.advance(23 * DAY);
    let second = world.get("/v/spring.gif", &[("Cookie", &id)]);
    world.clock.advance(DAY);
    let viewed = purchase(&world);
    assert_eq!(credit(&world, &viewed), expect("post_view", "browser_id", &second));
    assert_ne!(id_of(&view), id_of(&second));
    world.clock.advance(Duration::from_millis(1));
    let (late, viewed) = (purchase(&world), cart(&world));
    assert_eq!((credit(&world, &late), credit(&world, &viewed)), (None, None));
}

/// By the click id alone, for a week.
#[test]
fn what_an_advertisers_server_tells_late_is_credited_as_of_when_it_happened() {
    let world = World::dev();
    let first = world.get("/c/spring", &[]);
    world.clock.advance(2 * DAY);
    let second = world.get("/c/spring", &[]);
    world.clock.advance(5 * DAY);
    let told = |click: &Reply, time: &str| {
        let item = json!({"conversion_time": time, "event_id": "o87ne", "identifiers": [{"twclid": clicked(click)}]});
        let body = json!({"conversions": [item]}).to_string();
        let headers = [("X-Pixel-Token", "dev-pixel-token"), ("Content-Type", "application/json")];
        let reply = send(world.public(), "POST", "/12/measurement/conversions/o8z6j", &headers, &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let row = world.stored().pop().expect("a row");
        assert_eq!((&row["kind"], &row["source"]), (&json!("conversion"), &json!("api")));
        row["credit"]["touch_id"].as_str().map(str::to_owned)
    };
    assert_eq!(told(&first, "2026-09-05T12:00:00.000Z"), Some(id_of(&first)));
    assert_eq!(told(&second, "2026-09-05T12:00:00.000Z"), None, "it came after that");
    assert_eq!(told(&second, "2026-09-06T12:00:00.000Z"), Some(id_of(&second)));
    assert_eq!(told(&first, "2026-09-04T12:00:00.000Z"), Some(id_of(&first)), "just a week late");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(told(&first, "2026-09-04T12:00:00.000Z"), None);
}

#[test]
fn nothing_of_another_advertiser_is_credited() {
    let world = World::dev();
    let id = browser(&world);
    let click = world.get("/c/spring", &[("Cookie", &id)]);
    let query = format!("/i/adsct?txn_id=o9bbc&twclid={}", clicked(&click));
    let subscription = world.get(&query, &[("Cookie", &id)]);
    assert_eq!(credit(&world, &subscription), None);
}

#[test]
fn site_visits_are_credited_and_page_views_without_a_tag_are_not() {
    let world = World::dev();
    let id = browser(&world);
    let view = world.get("/v/spring.gif", &[("Cookie", &id)]);
    let visit = world.get("/i/adsct?txn_id=o8z6j", &[("Cookie", &id)]);
    assert_eq!(credit(&world, &visit), expect("post_view", "browser_id", &view));
    let untagged = world.get("/i/adsct?txn_id=o9bbb", &[("Cookie", &id)]);
    assert_eq!(credit(&world, &untagged), None);
}

/// The ad was clicked on one device, and the purchase comes from another of the same person.
fn across(world: &World, on_phone: &[(&str, &str)], at_home: &[(&str, &str)]) -> Option<String> {
    let (phone, home) = (browser(world), browser(world));
    let with = |id: &str, more: &[(&str, &str)]| -> Vec<(String, String)> {
        let prefs = more.iter().find(|(name, _)| *name == "Cookie").map(|(_, value)| format!("; {value}"));
        vec![("Cookie".to_owned(), format!("{id}{}", prefs.unwrap_or_default()))]
    };
    let get = |target: &str, id: &str, more: &[(&str, &str)]| {
        let headers = with(id, more);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        world.get(target, &headers)
    };
    get("/c/spring", &phone, on_phone);
    get(&format!("/i/adsct?txn_id=o87nf&email_address={EMAIL}"), &phone, on_phone);
    let bought = get(&format!("/i/adsct?txn_id=o87ne&email_address={EMAIL}"), &home, at_home);
    credit(world, &bought).map(|(_, key, _)| key)
}

#[test]
fn devices_are_joined_only_where_the_person_allows_it_on_both() {
    let off = [("Cookie", "pg_prefs=0010")];
    for (on_phone, at_home, expect) in [
        (&[][..], &[][..], Some("hashed_email".to_owned())),
        (&off, &[], None),
        (&[], &off, None),
        (&off, &off, None),
    ] {
        let world = World::dev();
        assert_eq!(across(&world, on_phone, at_home), expect, "{on_phone:?} {at_home:?}");
    }
}

#[test]
fn under_restricted_data_use_no_devices_are_joined_and_the_click_counts() {
    let world = World::dev();
    let (phone, home) = (browser(&world), browser(&world));
    let click = world.get("/c/spring", &[("Cookie", &phone)]);
    world.get(&format!("/i/adsct?txn_id=o87nf&email_address={EMAIL}"), &[("Cookie", &phone)]);
    let restricted = format!("/i/adsct?txn_id=o87ne&email_address={EMAIL}&restricted_data_use=1");
    let bought = world.get(&restricted, &[("Cookie", &home)]);
    assert_eq!(credit(&world, &bought), None);
    let bought = world.get(&format!("{restricted}&twclid={}", clicked(&click)), &[("Cookie", &home)]);
    assert_eq!(credit(&world, &bought), expect("post_engagement", "click_id", &click));
}

#[test]
fn who_erases_what_is_stored_leaves_no_credit_on_anybody_elses_purchase() {
    let world = World::dev();
    let (clicker, buyer) = (browser(&world), browser(&world));
    let click = world.get("/c/spring", &[("Cookie", &clicker)]);
    let purchase = format!("/i/adsct?txn_id=o87ne&twclid={}", clicked(&click));
    let bought = world.get(&purchase, &[("Cookie", &buyer)]);
    assert_eq!(credit(&world, &bought), expect("post_engagement", "click_id", &click));
    let page = world.get("/privacy", &[("Cookie", &clicker)]).text();
    assert!(page.contains("Ad clicked on</td>"), "{page}");
    let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = format!("csrf={}", token.expect("a token"));
    world.post("/privacy/erase", &[("Cookie", &clicker), ("Origin", "http://px.localhost")], &form);
    assert_eq!(credit(&world, &bought), None, "at once, whatever is in the files");
    assert!(world.stored().iter().all(|row| row["kind"] != "touch"));
    let again = world.get(&format!("{purchase}&event_id=again"), &[("Cookie", &buyer)]);
    assert_eq!(credit(&world, &again), None);
}
