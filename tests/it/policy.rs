//! What no event may be based on: neither declared, nor in a name, nor in a path.

use serde_json::{Value, json};

use crate::world::{Reply, World, send};

const SHOP: (&str, &str) = ("18ce54d4x5t", "dev-bearer-token");
const NEWS: (&str, &str) = ("18ce54d4x5u", "dev2-bearer-token");

fn ask(world: &World, method: &str, (account, token): (&str, &str), rest: &str) -> Reply {
    let path = format!("/12/accounts/{account}/web_event_tags{rest}");
    let bearer = format!("Bearer {token}");
    send(world.public(), method, &path, &[("Authorization", &bearer)], "")
}

fn make(world: &World, account: (&str, &str), name: &str, categories: &str) -> Reply {
    let rest = "type=CUSTOM&click_window=1&view_through_window=0&retargeting_enabled=false";
    ask(world, "POST", account, &format!("?name={name}&categories={categories}&{rest}"))
}

#[track_caller]
fn refused(reply: &Reply, expect: &[(&str, &str)]) {
    let body = reply.json();
    let errors = body["errors"].as_array().expect("errors");
    assert_eq!((reply.status, errors.len()), (400, expect.len()), "{body}");
    for (error, (parameter, message)) in errors.iter().zip(expect) {
        assert_eq!((&error["code"], &error["parameter"]), (&json!("POLICY_VIOLATION"), &json!(parameter)));
        assert_eq!(error["message"], json!(message));
    }
}

const HIV: &str = "\"hiv\" is of the category HEALTH, on which no event may be based";
const NO_HEALTH: &str = "no event may be based on HEALTH";
const UNION: &str = "\"trade union*\" is of the category TRADE_UNION, ";
const US_ONLY: &str = "TRADE_UNION is for accounts in the United States only";
const CERTIFIED_ONLY: &str = "POLITICS is for accounts in the United States that are certified for it only";

#[test]
fn an_event_tag_that_declares_or_names_a_sensitive_category_is_refused_with_category_and_term() {
    let world = World::dev();
    let before = ask(&world, "GET", SHOP, "").text();
    let undeclared = format!("{UNION}which has to be declared in categories");
    let named = format!("{UNION}on which no event may be based");
    for (account, name, categories, expect) in [
        (SHOP, "Purchase", "HEALTH", &[("categories", NO_HEALTH)][..]),
        (SHOP, "HIV+test", "", &[("name", HIV)]),
        (SHOP, "hiv", "HEALTH", &[("categories", NO_HEALTH), ("name", HIV)]),
        (SHOP, "Purchase", "TRADE_UNION,HEALTH", &[("categories", NO_HEALTH)]),
        (SHOP, "Trade+unions", "", &[("name", &undeclared)]),
        (NEWS, "Trade+unions", "", &[("name", &named)]),
        (NEWS, "Purchase", "TRADE_UNION", &[("categories", US_ONLY)]),
        (SHOP, "Purchase", "POLITICS", &[("categories", CERTIFIED_ONLY)]),
    ] {
        refused(&make(&world, account, name, categories), expect);
    }
    let unknown = make(&world, SHOP, "Purchase", "health").json();
    assert_eq!(unknown["errors"][0]["code"], "INVALID_PARAMETER");
    assert_eq!(ask(&world, "GET", SHOP, "").text(), before);
    let none = ask(&world, "GET", NEWS, "?with_deleted=true").json();
    assert_eq!(none["data"].as_array().expect("a list").len(), 1);
}

#[test]
fn what_the_exceptions_of_an_account_permit_counts_where_it_is_declared() {
    let mut world = World::with(|config| config.accounts[0].political_certified = true);
    let made = make(&world, SHOP, "Trade+union+and+voter+registration", "TRADE_UNION,POLITICS,TRADE_UNION");
    assert_eq!(made.status, 200, "{}", made.text());
    let tag = made.json()["data"].clone();
    assert_eq!(tag["categories"], json!(["POLITICS", "TRADE_UNION"]));
    let id = tag["id"].as_str().expect("an id");
    let own = format!("/{id}");
    for number in 0..2 {
        let hit = world.get(&format!("/i/adsct?txn_id={id}&event_id={number}"), &[]);
        assert!(hit.outcome().starts_with("stored;"), "{}", hit.outcome());
        let voters =
            "\"voter registration\" is of the category POLITICS, which has to be declared in categories";
        refused(&ask(&world, "PUT", SHOP, &format!("{own}?categories=TRADE_UNION")), &[("name", voters)]);
        refused(&ask(&world, "PUT", SHOP, &format!("{own}?name=hiv")), &[("name", HIV)]);
        refused(
            &ask(&world, "PUT", SHOP, &format!("{own}?categories=HEALTH&name=x")),
            &[("categories", NO_HEALTH)],
        );
        let shown = ask(&world, "GET", SHOP, &own).json()["data"].clone();
        assert_eq!((&shown["name"], &shown["categories"]), (&tag["name"], &tag["categories"]));
        world.restart();
    }
    let told = "event_tags.json: POLITICS is for accounts in the United States that are certified";
    let refusal = world.start_refusal(|config| config.accounts[0].political_certified = false);
    assert!(refusal.contains(told), "{refusal}");
    let refusal = world.start_refusal(|config| config.accounts[0].country = None);
    assert!(refusal.contains("event_tags.json: POLITICS"), "{refusal}");
    world.restart();
    let changed = ask(&world, "PUT", SHOP, &format!("{own}?categories=&name=Other")).json();
    assert_eq!(changed["data"]["categories"], json!([]));
}

#[test]
fn a_path_that_speaks_of_a_sensitive_category_is_not_kept() {
    let world = World::dev();
    for (path, kept) in [
        ("/shop/blue-mug", "/shop/blue-mug"),
        ("/clinic/HIV-test", "/"),
        ("/sant%25C3%25A9-mentale/x", "/"),
        ("/archive/hives", "/archive/hives"),
    ] {
        let page = format!("http://shop.localhost:8090{path}");
        let hit = world.get(&format!("/i/adsct?txn_id=o8z6j&tw_document_href={page}"), &[]);
        assert!(hit.outcome().starts_with("stored;"), "{}", hit.outcome());
        let embed = world.get(&format!("/i/embed?href={page}"), &[("Cookie", "pg_prefs=0000")]);
        assert!(embed.outcome().starts_with("stored;"), "{}", embed.outcome());
        let rows = world.stored();
        let expect = Value::from(format!("http://shop.localhost:8090{kept}"));
        for row in &rows[rows.len() - 2..] {
            assert_eq!(row["page"], expect, "{path}");
        }
        assert_eq!(rows[rows.len() - 2]["origin_ok"], true);
    }
    let metrics = world.admin_get("/metrics").text();
    assert!(metrics.contains("pixelgate_policy_fields_dropped_total 4"), "{metrics}");
}
